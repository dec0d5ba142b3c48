"""Turns one accepted event into at most one call of the desk."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from core.contracts.content import Content
from core.contracts.places import PostRef, RoomRef
from core.contracts.text import emoji_name
from core.contracts.workplace import AgentProfile, Desk, RoomChange, WorkplaceRuntime
from plugins.slack.api import SlackApi
from plugins.slack.intake import APP_EVENTS, METADATA, REACTIONS, ROOM_EVENTS, micros
from plugins.slack.messages import content_of, same, split_quote
from plugins.slack.parse import mentioned
from plugins.slack.people import People

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

# https://docs.slack.dev/reference/events
ROOM_CHANGES = {
    "channel_archive": RoomChange.CLOSED,
    "channel_deleted": RoomChange.CLOSED,
    "channel_left": RoomChange.CLOSED,
    "group_archive": RoomChange.CLOSED,
    "group_deleted": RoomChange.CLOSED,
    "group_left": RoomChange.CLOSED,
    "channel_unarchive": RoomChange.OPENED,
    "channel_unshared": RoomChange.OPENED,
    "group_unarchive": RoomChange.OPENED,
    "member_joined_channel": RoomChange.OPENED,
    "channel_rename": RoomChange.RENAMED,
    "group_rename": RoomChange.RENAMED,
    "channel_id_changed": RoomChange.MOVED,
    "channel_shared": RoomChange.SHARED,
}


class Events:
    """Reads events in the order in which the core hands them out."""

    def __init__(
        self,
        desk: Desk,
        runtime: WorkplaceRuntime,
        api: SlackApi,
        people: People,
        show_home: Callable[[AgentProfile], Awaitable[None]],
        token_gone: Callable[[str], None],
        rooms_changed: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._workspace = runtime.workspace
        self._api = api
        self._people = people
        self._show_home = show_home
        self._token_gone = token_gone
        self._rooms_changed = rooms_changed

    async def handle(self, raw: bytes) -> None:
        """One event as `Intake` accepted it."""
        body: Json = json.loads(raw)
        event: Json = body["event"]
        kind = event["type"]
        if kind == "message":
            await self._message(event)
        elif kind in REACTIONS:
            await self._reaction(event)
        elif kind in ROOM_EVENTS:
            await self._room(event)
        elif kind == "app_home_opened":
            await self._show_home(await self._people.profile(event["user"]))
        elif kind in APP_EVENTS:
            await self._app(event)

    async def _message(self, event: Json) -> None:
        subtype = event.get("subtype")
        if subtype == "message_changed":
            await self._changed(event)
        elif subtype == "message_deleted":
            previous = event.get("previous_message") or {}
            await self._desk.revised(self._ref(event["channel"], previous, post=event["deleted_ts"]), None)
        elif event.get("bot_id"):
            await self._echo(event)
        else:
            await self._said(event)

    async def _said(self, event: Json) -> None:
        ref = self._ref(event["channel"], event)
        team = str(event.get("user_team") or event.get("source_team") or event.get("team") or "")
        agent = await self._people.profile(event["user"], team=team)
        content, quote = split_quote(await self.content(event), ref.workspace, ref.room, ref.thread)
        await self._desk.said(ref, agent, content, at=moment(event["ts"]), quote=quote)

    async def _changed(self, event: Json) -> None:
        message, previous = event["message"], event.get("previous_message") or {}
        ref = self._ref(event["channel"], message)
        if message.get("subtype") == "tombstone":
            await self._desk.revised(ref, None)
        elif message.get("user") and not same(message, previous):
            content, _quote = split_quote(await self.content(message), ref.workspace, ref.room, ref.thread)
            await self._desk.revised(ref, content)

    async def _echo(self, event: Json) -> None:
        metadata = event.get("metadata") or {}
        us = await self._api.identity()
        # Every app may write our kind of metadata; only our own posts prove anything.
        if event["bot_id"] != us.bot_id or metadata.get("event_type") != METADATA:
            return
        key = (metadata.get("event_payload") or {}).get("key")
        if isinstance(key, str) and key:
            await self._desk.posted(self._ref(event["channel"], event), key)

    async def _reaction(self, event: Json) -> None:
        us = await self._api.identity()
        if event["user"] == us.user_id:
            return
        item = event["item"]
        ref = PostRef(workspace=self._workspace, room=item["channel"], thread="", post=item["ts"])
        agent = await self._people.profile(event["user"])
        name = event["reaction"]
        await self._desk.reacted(ref, agent, emoji_name(name) or f":{name}:", added=event["type"] == "reaction_added")

    async def _room(self, event: Json) -> None:
        kind = event["type"]
        channel = event.get("channel") or event.get("old_channel_id")
        room = str(channel.get("id") if isinstance(channel, dict) else channel)
        if kind == "member_joined_channel" and event.get("user") != (await self._api.identity()).user_id:
            return
        self._rooms_changed()
        detail = ""
        if kind == "channel_id_changed":
            detail = str(event["new_channel_id"])
        elif isinstance(channel, dict):
            detail = str(channel.get("name") or "")
        ref = RoomRef(workspace=self._workspace, room=room)
        await self._desk.room_changed(ref, ROOM_CHANGES[kind], detail)

    async def _app(self, event: Json) -> None:
        if event["type"] == "app_uninstalled":
            self._token_gone("The Slack app was uninstalled; install it again and set the new bot_token.")
            return
        revoked = (event.get("tokens") or {}).get("bot") or ()
        if revoked:
            self._token_gone("The Slack app's token was revoked; reinstall the app and set the new bot_token.")

    async def content(self, message: Json) -> Content:
        """What a message says, people and rooms by their names."""
        names = await self._people.names(mentioned(message.get("blocks") or (), str(message.get("text") or "")))
        return content_of(message, names)

    def _ref(self, room: str, message: Json, *, post: str = "") -> PostRef:
        ts = post or str(message["ts"])
        return PostRef(workspace=self._workspace, room=room, thread=str(message.get("thread_ts") or ts), post=ts)


def moment(ts: str) -> datetime:
    """The time that a ts stands for."""
    return datetime.fromtimestamp(micros(ts) / 1_000_000, UTC)
