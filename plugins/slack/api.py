"""Calls Slack's Web API over the shared session, once each, and says in the core's words what went wrong."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from core.contracts.errors import FailureReason, PermanentFailure
from plugins.slack.errors import SlackRefused, interrupted, to_error
from plugins.slack.settings import SlackSettings

#: Methods that only read, and take no JSON body.
READS = frozenset(
    {
        "chat.getPermalink",
        "conversations.history",
        "conversations.info",
        "conversations.list",
        "conversations.replies",
        "files.getUploadURLExternal",
        "files.info",
        "reactions.get",
        "users.info",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who we are in the workspace, as auth.test says."""

    team_id: str
    team: str
    #: "" outside Enterprise Grid.
    enterprise_id: str
    bot_id: str
    user_id: str
    user: str
    #: "https://acme.slack.com/"
    url: str
    #: What the token may do; empty when Slack did not say.
    scopes: frozenset[str]

    def permalink(self, room: str, post: str, thread: str = "") -> str:
        """The address of a message, as chat.getPermalink composes it."""
        address = f"{self.url}archives/{room}/p{post.replace('.', '')}"
        return f"{address}?thread_ts={thread}&cid={room}" if thread and thread != post else address


class SlackApi:
    """One workspace's token and the calls made with it."""

    def __init__(self, settings: SlackSettings, session: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.session = session
        self.client = AsyncWebClient(
            token=settings.bot_token.get_secret_value(),
            base_url=settings.api_url,
            session=session,
            # A retry inside the client could post twice; retries belong to the outbox.
            retry_handlers=[],
            logger=quiet_logger(),
        )
        if is_loopback(settings.api_url):
            # The SDK obeys HTTPS_PROXY and ignores NO_PROXY.
            self.client.proxy = None
        self._identity: Identity | None = None
        self._asking = asyncio.Lock()

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One call. Raises as `Bridge.send`; arguments that are None are left out."""
        try:
            return await self.attempt(method, **arguments)
        except SlackRefused as refused:
            raise to_error(refused) from None

    async def attempt(self, method: str, **arguments: Any) -> dict[str, Any]:
        """As `call`, but a refusal stays Slack's own. Raises SlackRefused."""
        answer, _ = await self._send(method, arguments)
        return answer

    @property
    def known(self) -> Identity | None:
        """Who we are, if that was asked already."""
        return self._identity

    @property
    def user_id(self) -> str:
        """Our bot's user id, or "" while it has not been asked for."""
        return self._identity.user_id if self._identity else ""

    async def identity(self) -> Identity:
        """Who we are; asked once, again only if that failed. Raises as `call`."""
        if self._identity is not None:
            return self._identity
        async with self._asking:
            if self._identity is None:
                self._identity = await self.who_am_i()
        return self._identity

    def forget_identity(self) -> None:
        """The token may be another's now."""
        self._identity = None

    async def who_am_i(self) -> Identity:
        """Asks Slack who the token is. Raises as `call`, and PermanentFailure for a token of another workspace."""
        try:
            answer, headers = await self._send("auth.test", {})
        except SlackRefused as refused:
            raise to_error(refused) from None
        granted = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
        found = Identity(
            team_id=str(answer.get("team_id") or ""),
            team=str(answer.get("team") or ""),
            enterprise_id=str(answer.get("enterprise_id") or ""),
            bot_id=str(answer.get("bot_id") or ""),
            user_id=str(answer.get("user_id") or ""),
            user=str(answer.get("user") or ""),
            url=str(answer.get("url") or ""),
            scopes=frozenset(scope.strip() for scope in granted.split(",") if scope.strip()),
        )
        wanted = self.settings.team
        if wanted and wanted != found.team_id:
            raise PermanentFailure(
                f"bot_token belongs to workspace {found.team_id}, but team is {wanted!r}; correct one of them.",
                reason=FailureReason.MISCONFIGURED,
            )
        return found

    async def open_socket(self) -> str:
        """The address of a new Socket Mode connection. Raises as `call`."""
        token = self.settings.app_token.get_secret_value()
        try:
            return str((await self.client.apps_connections_open(app_token=token))["url"])
        except SlackApiError as error:
            raise to_error(_refusal("apps.connections.open", error)) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise interrupted("apps.connections.open", error) from error

    async def _send(self, method: str, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, str]]:
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            if method in READS:
                response = await self.client.api_call(method, http_verb="GET", params=given)
            else:
                response = await self.client.api_call(method, json=given)
        except SlackApiError as error:
            raise _refusal(method, error) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise interrupted(method, error) from error
        data = response.data
        return (data if isinstance(data, dict) else {}), response.headers


def _refusal(method: str, error: SlackApiError) -> SlackRefused:
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    data = getattr(response, "data", None)
    body = data if isinstance(data, dict) else {}
    return SlackRefused(
        method,
        status=int(status),
        code=str(body.get("error") or ""),
        headers={str(name): str(value) for name, value in (getattr(response, "headers", None) or {}).items()},
        needed=str(body.get("needed") or ""),
    )


def quiet_logger() -> logging.Logger:
    """The logger lent to Slack's libraries: below this level they write tokens' owners and message bodies."""
    logger = logging.getLogger("plugins.slack.vendor")
    logger.setLevel(logging.ERROR)
    return logger


def is_loopback(address: str) -> bool:
    """Whether an address means this machine."""
    host = URL(address).host or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
