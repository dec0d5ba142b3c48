"""Tells one agent something that nobody else sees: a targeted message in the thread, else her own chat with the app."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from core.contracts.errors import PermanentFailure
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action
from plugins.teams import render
from plugins.teams.directory import Directory
from plugins.teams.posting import conversation
from plugins.teams.transport import Transport

logger = logging.getLogger(__name__)


class Whispers:
    """Private words."""

    def __init__(
        self, transport: Transport, directory: Directory, permalink: Callable[[ThreadRef | PostRef], str]
    ) -> None:
        self._transport = transport
        self._directory = directory
        self._permalink = permalink

    async def tell(self, thread: ThreadRef, agent_id: str, words: str, actions: Sequence[Action] = ()) -> None:
        """Raises as `Bridge.send` what may be tried again; words that cannot be told at all are logged."""
        drawn = render.private(words, actions, thread)
        # https://learn.microsoft.com/microsoftteams/platform/agents-in-teams/targeted-messages: a preview feature.
        targeted = {**drawn, "recipient": {"id": agent_id, "isTargeted": True}}
        try:
            place = await self._directory.place(thread.room)
            await self._transport.post(
                place.service_url, conversation(thread.room, thread.thread), targeted, targeted=True
            )
        except PermanentFailure as refused:
            logger.info("A targeted message was refused", extra={"action": "whisper_direct", "reason": str(refused)})
        else:
            return
        where = self._permalink(thread)
        try:
            chat = await self._directory.chat(agent_id)
            alone = render.private(words, actions, thread, where=where)
            await self._transport.post(chat.service_url, chat.conversation, alone)
        except PermanentFailure as error:
            logger.info("An agent could not be told", extra={"action": "whisper_failed", "reason": str(error)})
