"""Turns one accepted activity into what the desk is told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core.contracts.content import Content
from core.contracts.errors import PermanentFailure
from core.contracts.json import loads
from core.contracts.places import PostRef, RoomRef
from core.contracts.posts import Queue
from core.contracts.workplace import AgentProfile, Desk, RoomChange, WorkplaceRuntime
from plugins.teams import render
from plugins.teams.dialogs import asked_for
from plugins.teams.directory import Directory
from plugins.teams.files import Files
from plugins.teams.parse import said
from plugins.teams.people import People
from plugins.teams.places import is_personal, moment_of, post_of, room_of, thread_of
from plugins.teams.posting import conversation
from plugins.teams.reactions import emoji_of
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/subscribe-to-conversation-events
ROOM_CHANGES = {
    "channelDeleted": RoomChange.CLOSED,
    "channelRestored": RoomChange.OPENED,
    "channelCreated": RoomChange.OPENED,
    "channelRenamed": RoomChange.RENAMED,
    "channelShared": RoomChange.SHARED,
    "channelUnshared": RoomChange.OPENED,
}
TEAM_CLOSES = {
    "teamArchived": "The team was archived. In Teams: Manage teams > Archived > Restore.",
    "teamDeleted": "The team was deleted.",
    "teamHardDeleted": "The team was deleted.",
}
TEAM_OPENS = frozenset({"teamUnarchived", "teamRestored"})
REMOVED = "The app was removed from the team. In Teams: Manage team > Apps > add Threadbridge again."
GONE = "The channel was deleted. Restore it in Teams (Manage team > Channels), or choose another for the route."
HELP = (
    "Customers' messages come to this team's channels, each conversation in a thread of its own. "
    "Write in its thread to answer the customer; start with // to leave a note for colleagues only. "
    "In a thread: !claim, !note, !resolve, !snooze 2h, !who, !help. "
    "In a message's menu: Send to customer, Make a note. "
    "In your chat with this app: write queue to see what waits for you."
)


class Events:
    """Reads activities in the order in which the core hands them out."""

    def __init__(
        self,
        desk: Desk,
        runtime: WorkplaceRuntime,
        settings: TeamsSettings,
        transport: Transport,
        people: People,
        directory: Directory,
        files: Files,
        show_queue: Callable[[str, Queue], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._workspace = runtime.workspace
        self._settings = settings
        self._transport = transport
        self._people = people
        self._directory = directory
        self._files = files
        self._show_queue = show_queue

    async def handle(self, raw: bytes) -> None:
        """One activity as `Listeners` accepted it."""
        activity: Json = loads(raw)
        kind = activity["type"]
        if kind == "installationUpdate":
            await self._installation(activity)
            return
        if not is_personal(activity):
            await self._learn(activity)
        if kind == "message":
            await (self._chatted(activity) if is_personal(activity) else self._said(activity))
        elif kind == "messageUpdate":
            await self._changed(activity)
        elif kind == "messageDelete":
            await self._desk.revised(post_of(self._workspace, activity), None)
        elif kind == "messageReaction":
            await self._reaction(activity)
        elif kind == "conversationUpdate":
            await self._conversation(activity)

    async def _learn(self, activity: Json) -> None:
        """Where to call about the team; what is told of one that cannot be read any more is handled all the same."""
        try:
            await self._directory.learn(activity)
        except PermanentFailure as gone:
            logger.info("A team cannot be read", extra={"action": "team_unreadable", "reason": str(gone)})

    async def _said(self, activity: Json) -> None:
        if isinstance(activity.get("value"), dict):
            await self._submitted(activity)
            return
        heard = said(activity, self._bot(activity))
        ref = post_of(self._workspace, activity)
        agent = await self._people.author(activity)
        quote = self._post(ref, heard.quote) if heard.quote else None
        content = await self._files.named(heard.content)
        # Written in a thread for us alone, it was not meant for the customer.
        private = bool((activity.get("recipient") or {}).get("isTargeted"))
        shown = await self._desk.said(
            ref, agent, content, at=moment_of(activity), quote=quote, internal=heard.internal or private
        )
        if not shown and heard.mentions_bot:
            await self._help(activity)

    def _post(self, beside: PostRef, post: str) -> PostRef:
        return PostRef(workspace=self._workspace, room=beside.room, thread=beside.thread, post=post)

    async def _changed(self, activity: Json) -> None:
        ref = post_of(self._workspace, activity)
        content = await self._files.named(self._content(activity))
        if (activity.get("channelData") or {}).get("eventType") == "undeleteMessage":
            await self._desk.restored(ref, content)
        else:
            await self._desk.revised(ref, content)

    def _content(self, activity: Json) -> Content:
        return said(activity, self._bot(activity)).content

    async def _submitted(self, activity: Json) -> None:
        """An old client's button: `Action.Submit` comes as a message without words."""
        asked = asked_for(self._workspace, activity["value"])
        if asked is None:
            return
        agent = await self._people.author(activity)
        thread = asked.thread if is_personal(activity) else thread_of(self._workspace, activity)
        key = f"{activity.get('id')}:{agent.agent_id}:{asked.action}"
        await self._desk.act(thread, agent, asked.action, asked.value, key=key)

    async def _reaction(self, activity: Json) -> None:
        agent = await self._people.author(activity)
        ref = post_of(self._workspace, activity, str(activity.get("replyToId") or ""))
        for name, added in (("reactionsRemoved", False), ("reactionsAdded", True)):
            for reaction in activity.get(name) or ():
                kind = str(reaction.get("type") or "")
                emoji = emoji_of(kind) or f":{kind}:"
                await self._desk.reacted(ref, agent, emoji, added=added)

    async def _chatted(self, activity: Json) -> None:
        """In her own chat an agent asks for her queue; whatever else she writes there reaches nobody."""
        agent = await self._people.author(activity)
        await self._directory.keep_chat(
            agent.agent_id, str(activity["serviceUrl"]), str(activity["conversation"]["id"])
        )
        if isinstance(activity.get("value"), dict):
            await self._submitted(activity)
            return
        words = str(activity.get("text") or "").strip().lower().removeprefix("/")
        if words == "queue":
            await self._bring_queue(agent)
        else:
            await self._help(activity)

    async def _bring_queue(self, agent: AgentProfile) -> None:
        """A new card where she looks, in place of the one far above."""
        chat = await self._directory.chat(agent.agent_id)
        if chat.queue:
            try:
                await self._transport.delete(chat.service_url, chat.conversation, chat.queue)
            except PermanentFailure as gone:
                logger.info("An old queue could not be taken away", extra={"action": "queue_kept", "reason": str(gone)})
            await self._directory.keep_queue(agent.agent_id, "")
        await self._show_queue(agent.agent_id, await self._desk.queue(agent))

    async def _help(self, activity: Json) -> None:
        drawn = render.private(HELP, (), thread_of(self._workspace, activity))
        where = str((activity.get("conversation") or {}).get("id") or "")
        if not is_personal(activity):
            where = conversation(room_of(activity), thread_of(self._workspace, activity).thread)
        try:
            await self._transport.post(str(activity["serviceUrl"]), where, drawn)
        except PermanentFailure as error:
            logger.info("Help could not be shown", extra={"action": "help_failed", "reason": str(error)})

    async def _installation(self, activity: Json) -> None:
        """The app came or went; actions beside "add" and "remove" are upgrades of either."""
        if is_personal(activity):
            await self._personal_installation(activity)
            return
        team = self._team(activity)
        if not team:
            return
        if str(activity.get("action") or "").startswith("remove"):
            await self._close(team, REMOVED, gone=True)
        else:
            await self._arrive(activity, team)

    async def _personal_installation(self, activity: Json) -> None:
        agent_id = str((activity.get("from") or {}).get("id") or "")
        if agent_id and not str(activity.get("action") or "").startswith("remove"):
            where = str((activity.get("conversation") or {}).get("id") or "")
            await self._directory.keep_chat(agent_id, str(activity["serviceUrl"]), where)
            await self._help(activity)

    async def _arrive(self, activity: Json, team: str) -> None:
        await self._directory.learn(activity)
        self._directory.forget_channels(team)
        await self._open(team)
        await self._people.read_roster(team)

    async def _open(self, team: str) -> None:
        await self._directory.archived(team, now=False)
        for room, name in (await self._directory.channels(team)).items():
            await self._desk.room_changed(self._room(room), RoomChange.RENAMED, name)
            await self._desk.room_changed(self._room(room), RoomChange.OPENED)

    async def _close(self, team: str, sentence: str, *, gone: bool) -> None:
        rooms = await self._directory.last_channels(team)
        if gone:
            await self._directory.left(team)
        else:
            await self._directory.archived(team, now=True)
        for room in rooms:
            await self._desk.room_changed(self._room(room), RoomChange.CLOSED, sentence)

    async def _conversation(self, activity: Json) -> None:
        kind = str((activity.get("channelData") or {}).get("eventType") or "")
        team = self._team(activity)
        for name in ("membersAdded", "membersRemoved"):
            for member in activity.get(name) or ():
                member_id = str(member.get("id") or "")
                self._people.forget(member_id)
                if member_id != self._bot(activity) or not team:
                    continue
                if name == "membersAdded":
                    await self._arrive(activity, team)
                else:
                    await self._close(team, REMOVED, gone=True)
        if not team or team not in await self._directory.teams():
            return
        if kind in ROOM_CHANGES:
            await self._room_changed(activity, team, ROOM_CHANGES[kind])
        elif kind == "teamRenamed":
            await self._directory.renamed(team, str((activity["channelData"]["team"]).get("name") or ""))
        elif kind in TEAM_CLOSES:
            await self._close(team, TEAM_CLOSES[kind], gone=kind != "teamArchived")
        elif kind in TEAM_OPENS:
            await self._open(team)

    async def _room_changed(self, activity: Json, team: str, change: RoomChange) -> None:
        channel = activity["channelData"].get("channel") or {}
        room, name = self._room(str(channel["id"])), str(channel.get("name") or "")
        self._directory.forget_channels(team)
        if change is RoomChange.OPENED and name:
            await self._desk.room_changed(room, RoomChange.RENAMED, name)
        await self._desk.room_changed(room, change, GONE if change is RoomChange.CLOSED else name)

    def _room(self, room: str) -> RoomRef:
        return RoomRef(workspace=self._workspace, room=room)

    def _team(self, activity: Json) -> str:
        return str(((activity.get("channelData") or {}).get("team") or {}).get("id") or "")

    def _bot(self, activity: Json) -> str:
        """Our own id: the one who was written to."""
        return str((activity.get("recipient") or {}).get("id") or f"28:{self._settings.app_id}")
