"""Puts posts into Teams, redraws them, and looks for those whose answer was lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from core.contracts.errors import (
    DestinationUnavailable,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.places import PostRef, RoomRef, ThreadRef
from plugins.teams import render
from plugins.teams.directory import Directory, Place
from plugins.teams.render import Json
from plugins.teams.transport import Transport

logger = logging.getLogger(__name__)

#: Clocks differ; a post is looked for from this long before its first attempt.
CLOCK_SKEW = timedelta(minutes=2)
#: https://learn.microsoft.com/graph/api/channel-list-messages: at most 50 a page.
PAGE = 50
MOST_PAGES = 20


class Posting:
    """One tenant's posts of ours."""

    def __init__(self, transport: Transport, directory: Directory, *, graph: bool) -> None:
        self._transport = transport
        self._directory = directory
        self._graph = graph

    async def send(self, room: str, root: str, activity: Json) -> str:
        """Posts once; `root` "" opens a thread. Returns the post's id. Raises as `Bridge.send`."""
        place = await self._directory.place(room)
        return await self._transport.post(place.service_url, conversation(room, root), activity)

    async def redraw(self, room: str, root: str, activity_id: str, activity: Json) -> None:
        """Draws a post of ours again. Raises as `Bridge.send`."""
        place = await self._directory.place(room)
        await self._transport.update(place.service_url, conversation(room, root), activity_id, activity)

    async def find(self, room: RoomRef, thread: ThreadRef | None, key: str, since: datetime) -> PostRef | None:
        """As `Workplace.find`: the Bot Connector lists no messages, Microsoft Graph does."""
        if not self._graph:
            raise OutcomeUnknown("Without Microsoft Graph (graph = false) it cannot be looked up.")
        try:
            place = await self._directory.place(room.room)
            found = await self._look(place, room.room, thread.thread if thread else "", key, since - CLOCK_SKEW)
        except DestinationUnavailable as gone:
            raise OutcomeUnknown(str(gone)) from gone
        except OutcomeUnknown:
            raise
        except TemporaryFailure as error:
            raise OutcomeUnknown(str(error), retry_after=error.retry_after) from error
        except PermanentFailure as refused:
            raise OutcomeUnknown(f"It could not be looked up. {refused}") from refused
        if found is None:
            return None
        root = thread.thread if thread else found
        return PostRef(workspace=room.workspace, room=room.room, thread=root, post=found)

    async def _look(self, place: Place, room: str, root: str, key: str, since: datetime) -> str | None:
        """The id of the message with that key; newest first, so what is older than `since` ends the search."""
        if not place.group:
            raise OutcomeUnknown("Teams has not told the team's Graph id yet.")
        messages = f"/teams/{quote(place.group, safe='')}/channels/{quote(room, safe='')}/messages"
        where = f"{messages}/{quote(root, safe='')}/replies" if root else messages
        page: Mapping[str, Any] = await self._transport.graph(f"{where}?$top={PAGE}")
        for _ in range(MOST_PAGES):
            listed = page.get("value") or ()
            for message in listed:
                cards = [attachment.get("content") for attachment in message.get("attachments") or ()]
                if any(render.key_of(card) == key for card in cards if card):
                    return str(message["id"])
            # Threads with a new reply come first whatever their age, so only all of a page being old ends it.
            if listed and all(_moment(message) < since for message in listed):
                return None
            following = str(page.get("@odata.nextLink") or "")
            if not following:
                return None
            page = await self._transport.graph(following)
        raise OutcomeUnknown("The channel holds too many messages since then to find ours.")


def conversation(room: str, root: str) -> str:
    """The Bot Connector's name of a thread, or of the channel itself."""
    return f"{room};messageid={root}" if root else room


def _moment(message: Mapping[str, Any]) -> datetime:
    try:
        stamp = datetime.fromisoformat(str(message.get("lastModifiedDateTime") or message.get("createdDateTime")))
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
