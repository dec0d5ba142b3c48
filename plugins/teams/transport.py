"""The seam to Microsoft: what comes in is proved, what goes out is called, and nothing else knows how.

The only importer of botbuilder, whose turn and schema are used and whose authentication and HTTP are not: see
docs/decisions/0010-teams-natively.md. Everything here takes and gives plain JSON.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from botbuilder.core import CloudAdapterBase, TurnContext
from botbuilder.schema import Activity
from botframework.connector.auth import (
    AuthenticateRequestResult,
    BotFrameworkAuthentication,
    ClaimsIdentity,
    ConnectorFactory,
)
from multidict import MultiMapping

from core.contracts.errors import OutcomeUnknown, PermanentFailure, RequestRejected, TemporaryFailure
from core.contracts.json import loads
from plugins.teams.clouds import cloud_of
from plugins.teams.keys import Keys
from plugins.teams.proof import Proof
from plugins.teams.rest import Call, Rest
from plugins.teams.settings import TeamsSettings
from plugins.teams.tokens import Tokens

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

#: Largest activity that is read: 100 KB in UTF-16 with its HTML twice stays far below it.
MOST_BYTES = 2 * 1024 * 1024
#: Members asked for at once, and how often: larger teams are asked about one by one.
PAGE = 500
MOST_PAGES = 20


class Transport:
    """One app in one tenant."""

    def __init__(self, settings: TeamsSettings, session: aiohttp.ClientSession, now: Callable[[], datetime]) -> None:
        self.cloud = cloud_of(settings)
        if settings.development:
            logger.warning(
                "Whatever reaches the Teams endpoint is believed unsigned, for a developer's tool: development is set",
                extra={"action": "teams_unsigned"},
            )
        self._settings = settings
        self._tokens = Tokens(settings, self.cloud, session, now)
        self._rest = Rest(settings, self.cloud, session, self._tokens)
        self._proof = Proof(settings, self.cloud, Keys(self.cloud, session, now), now)
        self._adapter = _Adapter(_Authentication())

    async def receive(self, headers: MultiMapping[str], raw: bytes) -> dict[str, Any]:
        """One activity, proved to be from Teams and for us. Raises RequestRejected with the status to answer."""
        try:
            claims = await self._proof.claims(headers)
        except TemporaryFailure as away:
            # Microsoft brings the activity again.
            raise RequestRejected(str(away), status=503) from away
        if len(raw) > MOST_BYTES:
            raise RequestRejected(f"The body is larger than {MOST_BYTES} bytes.", status=413)
        activity = loads(raw)
        if not isinstance(activity, dict) or not isinstance(activity.get("type"), str):
            raise RequestRejected("The body is no activity.", status=400)
        self._proof.check(activity, claims)
        _check_shape(activity)
        turns: list[TurnContext] = []

        async def logic(turn: TurnContext) -> None:
            turns.append(turn)

        try:
            await self._adapter.process_activity(_authenticated(claims), Activity().deserialize(activity), logic)
        except Exception:
            # msrest raises whatever a wrong date or list makes it stumble over.
            raise RequestRejected("The activity is malformed.", status=400) from None
        if not turns:
            raise RequestRejected("The activity is not for a bot.", status=400)
        return activity

    async def post(self, service_url: str, conversation: str, activity: Json, *, targeted: bool = False) -> str:
        """Posts once; the id of what stands now. Raises as `Bridge.send`."""
        path = f"v3/conversations/{_part(conversation)}/activities"
        answer = await self._bot("POST", service_url, path, activity, targeted=targeted, repeatable=False)
        if not answer.get("id"):
            raise OutcomeUnknown("Teams took it and did not say under which id.")
        return str(answer["id"])

    async def update(
        self, service_url: str, conversation: str, activity_id: str, activity: Json, *, targeted: bool = False
    ) -> None:
        """Replaces a post of ours whole. Raises as `Bridge.send`."""
        path = f"v3/conversations/{_part(conversation)}/activities/{_part(activity_id)}"
        await self._bot("PUT", service_url, path, {**activity, "id": activity_id}, targeted=targeted)

    async def delete(self, service_url: str, conversation: str, activity_id: str, *, targeted: bool = False) -> None:
        """Raises as `Bridge.send`."""
        path = f"v3/conversations/{_part(conversation)}/activities/{_part(activity_id)}"
        await self._bot("DELETE", service_url, path, targeted=targeted)

    async def react(self, service_url: str, conversation: str, activity_id: str, reaction: str, *, added: bool) -> None:
        """Puts a reaction of ours on a post, or takes it away, if it is there. Raises as `Bridge.send`."""
        path = f"v3/conversations/{_part(conversation)}/activities/{_part(activity_id)}/reactions/{_part(reaction)}"
        try:
            await self._bot("PUT" if added else "DELETE", service_url, path)
        except PermanentFailure:
            if added:
                raise

    async def create_direct(self, service_url: str, agent_id: str, tenant: str) -> str:
        """A person's chat with the app; the same one however often it is asked for. Raises as `Bridge.send`."""
        body = {
            "isGroup": False,
            "bot": {"id": f"28:{self._settings.app_id}"},
            "members": [{"id": agent_id}],
            "tenantId": tenant,
            "channelData": {"tenant": {"id": tenant}},
        }
        answer = await self._bot("POST", service_url, "v3/conversations", body)
        if not answer.get("id"):
            raise TemporaryFailure("Teams made the chat and did not say which it is.")
        return str(answer["id"])

    async def member(self, service_url: str, conversation: str, agent_id: str) -> Json:
        """One member of a team or chat. Raises as `Bridge.send`; PermanentFailure: she is none."""
        path = f"v3/conversations/{_part(conversation)}/members/{_part(agent_id)}"
        return await self._bot("GET", service_url, path)

    async def members(self, service_url: str, conversation: str) -> Sequence[Json]:
        """The members of a team. Raises as `Bridge.send`."""
        found: list[Json] = []
        token = ""
        for _ in range(MOST_PAGES):
            following = f"&continuationToken={_part(token)}" if token else ""
            path = f"v3/conversations/{_part(conversation)}/pagedmembers?pageSize={PAGE}{following}"
            page = await self._bot("GET", service_url, path)
            found += [member for member in page.get("members") or () if isinstance(member, dict)]
            token = str(page.get("continuationToken") or "")
            if not token:
                break
        return found

    async def team(self, service_url: str, team: str) -> Json:
        """A team's name and Graph id. Raises as `Bridge.send`."""
        return await self._bot("GET", service_url, f"v3/teams/{_part(team)}")

    async def channels(self, service_url: str, team: str) -> Sequence[Json]:
        """A team's channels; the one that every team has comes without a name. Raises as `Bridge.send`."""
        answer = await self._bot("GET", service_url, f"v3/teams/{_part(team)}/conversations")
        return [channel for channel in answer.get("conversations") or () if isinstance(channel, dict)]

    def download(self, url: str) -> AsyncIterator[bytes]:
        """A picture that somebody pasted. Raises as `Bridge.send`."""
        return self._rest.download(url)

    async def graph(self, path: str) -> Json:
        """Reads something of Microsoft Graph: a path below its version, or an address that it gave for more."""
        return await self._rest.call(Call(method="GET", url=self._graph_url(path), graph=True))

    def graph_download(self, path: str) -> AsyncIterator[bytes]:
        """The bytes of something in Microsoft Graph. Raises as `Bridge.send`."""
        return self._rest.download(self._graph_url(path), graph=True)

    async def check_token(self) -> None:
        """Raises CredentialsRejected unless Entra gives us a token."""
        await self._tokens.get(self.cloud.bot_scope)

    def _graph_url(self, path: str) -> str:
        """Raises PermanentFailure for an address that is not Graph's."""
        if path.startswith("/"):
            return f"{self.cloud.graph_url}{path}"
        if not path.startswith(f"{self.cloud.graph_url}/"):
            raise PermanentFailure("Microsoft Graph named a page that is not its own.")
        return path

    async def _bot(
        self,
        method: str,
        service_url: str,
        path: str,
        body: Json | None = None,
        *,
        targeted: bool = False,
        repeatable: bool = True,
    ) -> Json:
        url = f"{service_url.rstrip('/')}/{path}"
        if targeted:
            url += f"{'&' if '?' in path else '?'}isTargetedActivity=true"
        return await self._rest.call(Call(method=method, url=url, body=body, repeatable=repeatable))


class _Adapter(CloudAdapterBase):  # type: ignore[misc]  # Untyped.
    """The SDK's turn around our own proof. Never `CloudAdapter.process`: it answers invokes with 500."""


class _Authentication(BotFrameworkAuthentication):  # type: ignore[misc]  # Untyped.
    """The SDK asks it for what turns do not need: they begin once everything is proved, and call nobody."""

    async def authenticate_request(self, activity: Activity, auth_header: str) -> AuthenticateRequestResult:
        raise RequestRejected("A turn begins with what is proved already.")

    async def authenticate_streaming_request(self, auth_header: str, channel_id_header: str) -> Any:
        raise RequestRejected("Streaming is not offered.")

    def create_connector_factory(self, claims_identity: ClaimsIdentity) -> ConnectorFactory:
        return _NoConnectors()

    async def create_user_token_client(self, claims_identity: ClaimsIdentity) -> None:
        """Nobody signs in through us."""


class _NoConnectors(ConnectorFactory):  # type: ignore[misc]  # Untyped.
    """The SDK wants a client for every turn; ours is used instead, so this one can do nothing."""

    async def create(self, service_url: str, audience: str) -> object:
        return self


def _check_shape(activity: Json) -> None:
    """The SDK looks into what it knows, and nobody into channelData. Raises RequestRejected."""
    data = activity.get("channelData") or {}
    named = {"channelData": data}
    if isinstance(data, dict):
        named |= {f"channelData.{name}": data.get(name) or {} for name in ("team", "channel", "tenant", "settings")}
    for name, value in named.items():
        if not isinstance(value, dict):
            raise RequestRejected(f"The activity's {name} is no object.", status=400)


def _authenticated(claims: Json) -> AuthenticateRequestResult:
    result = AuthenticateRequestResult()
    result.claims_identity = ClaimsIdentity(claims=dict(claims), is_authenticated=True)
    result.audience = str(claims.get("aud") or "")
    result.caller_id = None
    result.connector_factory = _NoConnectors()
    return result


def _part(value: str) -> str:
    # Dots alone would be read as a step up in the path.
    return "%2E" * len(value) if value in {".", ".."} else quote(value, safe="")
