"""The one durable way in: whichever way Slack calls, an event is accepted before Slack hears that we have it."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from core.contracts.errors import RequestRejected
from core.contracts.http import read_body
from core.contracts.json import loads
from core.contracts.workplace import WorkplaceRuntime

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

#: Largest request that is read; Slack's own stay far below it.
MAX_BODY = 1024 * 1024
#: Seconds for a body to arrive.
READ_DEADLINE = 10.0
# https://docs.slack.dev/authentication/verifying-requests-from-slack
#: Seconds that a request's timestamp may differ from our clock.
MAX_AGE = 300
#: What a refusal is counted as, by status.
REASONS = {401: "signature", 408: "slow", 413: "size", 415: "encoding"}
#: What our own posts are marked with, so that their echo tells that they arrived.
METADATA = "threadbridge_post"

#: Message subtypes that carry something people wrote; "" is a plain message.
SPOKEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
REVISED = frozenset({"message_changed", "message_deleted"})
REACTIONS = frozenset({"reaction_added", "reaction_removed"})
#: Events that name a room, and whether the name is an id or an object.
ROOM_EVENTS = frozenset(
    {
        "channel_archive",
        "channel_deleted",
        "channel_id_changed",
        "channel_left",
        "channel_rename",
        "channel_shared",
        "channel_unarchive",
        "channel_unshared",
        "group_archive",
        "group_deleted",
        "group_left",
        "group_rename",
        "group_unarchive",
        "member_joined_channel",
    }
)
APP_EVENTS = frozenset({"app_uninstalled", "tokens_revoked"})
_TS = re.compile(r"([0-9]{1,12})\.([0-9]{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an event stands among the others: they are handled by rank within a lane."""

    lane: str
    rank: int


def micros(ts: object) -> int:
    """A ts ("1712345678.000200") as a whole number: Slack orders by it, and a float would round it. 0 if it is none."""
    found = _TS.fullmatch(ts) if isinstance(ts, str) else None
    return int(found[1]) * 1_000_000 + int(found[2].ljust(6, "0")) if found else 0


def place_of(event: Json) -> Place | None:
    """Where an event belongs; None: nobody needs it."""
    kind = str(event.get("type") or "")
    rank = micros(event.get("event_ts")) or micros(event.get("ts"))
    if kind == "message":
        return _message_place(event, rank)
    if kind in REACTIONS:
        item = event.get("item") or {}
        if item.get("type") != "message":
            return None
        return Place(lane=f"{item.get('channel')}:{item.get('ts')}", rank=rank)
    if kind in ROOM_EVENTS:
        channel = event.get("channel") or event.get("old_channel_id") or ""
        return Place(lane=str(channel.get("id") if isinstance(channel, dict) else channel), rank=rank)
    if kind == "app_home_opened":
        return Place(lane=f"home:{event.get('user')}", rank=rank) if event.get("tab") == "home" else None
    if kind in APP_EVENTS:
        return Place(lane="app", rank=rank)
    return None


def _message_place(event: Json, rank: int) -> Place | None:
    subtype = str(event.get("subtype") or "")
    message: Json = event
    if subtype in REVISED:
        message = event.get("message") or event.get("previous_message") or {}
    elif _is_ours(event):
        return Place(lane=f"{event.get('channel')}:{event.get('thread_ts') or event.get('ts')}", rank=rank)
    elif subtype not in SPOKEN or event.get("bot_id") or event.get("hidden"):
        return None
    thread = message.get("thread_ts")
    if message.get("bot_id") or not thread:
        return None
    if thread == message.get("ts"):
        return None
    return Place(lane=f"{event.get('channel')}:{thread}", rank=rank)


def _is_ours(event: Json) -> bool:
    metadata = event.get("metadata")
    return bool(event.get("bot_id")) and isinstance(metadata, dict) and metadata.get("event_type") == METADATA


class Intake:
    """Checks what comes in over HTTP, keeps events, and lets Bolt route the rest."""

    def __init__(
        self,
        runtime: WorkplaceRuntime,
        signing_secret: str,
        *,
        profile_changed: Callable[[str], None],
        our_user: Callable[[], str],
    ) -> None:
        self._runtime = runtime
        self._secret = signing_secret.encode()
        self._profile_changed = profile_changed
        self._our_user = our_user

    async def keep(self, req: AsyncBoltRequest, next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:
        """Bolt middleware before anything else is looked at: an event is committed here, and Bolt never sees it.

        An exception becomes a 500, or no acknowledgement on a socket, and Slack brings the event again.
        """
        body: Json = req.body
        if body.get("type") == "app_rate_limited":
            logger.warning("Slack drops events of this workspace", extra={"action": "events_rate_limited"})
            return BoltResponse(status=200, body="")
        if body.get("type") != "event_callback":
            return await next()
        event: Json = body["event"]
        if event.get("type") == "user_change":
            # Nothing to keep: it only makes us ask again.
            self._profile_changed(str((event.get("user") or {}).get("id") or ""))
            return BoltResponse(status=200, body="")
        place = place_of(event)
        if event.get("type") in REACTIONS and event.get("user") == self._our_user():
            place = None
        if place is not None:
            # event_id alone collides between apps.
            event_id = f"{body.get('api_app_id')}:{body.get('team_id')}:{body.get('event_id')}"
            raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            await self._runtime.accept(event_id, place.lane, place.rank, raw)
        return BoltResponse(status=200, body="")

    async def receive(self, request: web.Request, app: AsyncApp) -> web.Response:
        """One HTTP request of Slack's."""
        try:
            body = await read_body(request, most=MAX_BODY, seconds=READ_DEADLINE)
            self.verify(request.headers, body)
            text = self._well_formed(request, body)
        except RequestRejected as rejected:
            self._runtime.rejected(REASONS.get(rejected.status, "malformed"))
            return web.Response(status=rejected.status, text=str(rejected))
        try:
            bolt_request = AsyncBoltRequest(body=text, query=request.query_string, headers=dict(request.headers))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            self._runtime.rejected("malformed")
            return web.Response(status=400, text="The body is not what Slack sends.")
        return await to_aiohttp_response(await app.async_dispatch(bolt_request))

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises RequestRejected unless Slack signed these very bytes within the last five minutes."""
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        if not self._secret or not re.fullmatch("[0-9]{1,12}", stamp, re.ASCII):
            raise RequestRejected("The request is not signed.")
        if abs(self._runtime.now().timestamp() - int(stamp)) > MAX_AGE:
            raise RequestRejected("The request's timestamp is too far from our clock.")
        expected = "v0=" + hmac.new(self._secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        given = headers.get("X-Slack-Signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape")):
            raise RequestRejected("The signature does not fit the request.")

    def _well_formed(self, request: web.Request, body: bytes) -> str:
        """The body as text. Raises RequestRejected (400) for what Bolt would stumble over."""
        if request.content_type == "application/json":
            value = loads(body)
            if not isinstance(value, dict):
                raise RequestRejected("The body is not a JSON object.", status=400)
            if value.get("type") == "event_callback" and not isinstance(value.get("event"), dict):
                raise RequestRejected("The event is missing.", status=400)
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RequestRejected(f"Byte {error.start} of the body is not UTF-8.", status=400) from None
