"""What the core offers a workplace: every gesture of an agent, each taken once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from core.cards import queue as queues
from core.cards.card import ChannelInfo
from core.cards.opening import Openings
from core.contacts import repository as contacts
from core.contracts.actions import SENDING, ActionId
from core.contracts.bridge import Bridge
from core.contracts.content import Content
from core.contracts.errors import TemporaryFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Card, Finding, FindingKind, Form, Post, Queue
from core.contracts.richtext import Document
from core.contracts.templates import Template
from core.contracts.text import is_empty
from core.contracts.workplace import AgentProfile, Desk, RoomChange, Standing
from core.conversations import inbox, repository, threads
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Direction, Message
from core.conversations.service import ConversationService
from core.conversations.threads import PostLink
from core.desk import early, echoes
from core.desk.actions import Actions
from core.desk.asking import Asking
from core.desk.commands import Intent, read
from core.desk.deciding import Decisions
from core.desk.dialogs import Dialogs
from core.desk.finding import message_in
from core.desk.identity import Identities
from core.desk.mirroring import Mirrors
from core.desk.permissions import MEMBERS_ONLY, Permissions
from core.desk.reactions import Reactions
from core.desk.replies import Replies, Where
from core.desk.rooms import Rooms
from core.desk.searching import Searches
from core.desk.shortcuts import Shortcuts
from core.desk.templates import TemplateShelf, send_template
from core.identity.parts import Identity
from core.outbox.repository import Outbox
from core.routing import rooms
from core.routing.rules import Router
from core.settings.models import CannedReply
from core.storage.storage import Storage

INTERNAL = "Kept as a note: it holds what only colleagues may see."
#: What a reply can be edited into so that it is none any more.
_KEPT = (Intent.NOTE, Intent.COMMAND, Intent.MISTYPED)


class DeskService(Desk):
    """The desk, over the database."""

    def __init__(
        self,
        storage: Storage,
        service: ConversationService,
        messages: MessageService,
        dispatcher: Dispatcher,
        outbox: Outbox,
        router: Router,
        channels: Mapping[str, ChannelInfo],
        openings: Openings,
        identity: Identity,
        *,
        hold: timedelta,
        guests_may_reply: bool,
        workspaces: Collection[str],
        bridges: Mapping[str, Bridge],
        canned: Sequence[CannedReply],
        text_link: Callable[[str], Awaitable[str | None]],
        trouble: Callable[[str, str | None], None],
        troubles: Callable[[], tuple[str, ...]],
    ) -> None:
        self._storage = storage
        self._messages = messages
        self._dispatcher = dispatcher
        self._outbox = outbox
        self._openings = openings
        self._troubles = troubles
        self._permissions = Permissions(router, guests_may_reply=guests_may_reply)
        self._replies = Replies(service, messages, dispatcher, hold=hold)
        mirrors = Mirrors(service, dispatcher, self._replies, workspaces)
        self._shortcuts = Shortcuts(self._permissions, self._replies)
        self._reactions = Reactions(messages, dispatcher, self._replies)
        identities = Identities(identity, dispatcher, self._replies)
        decisions = Decisions(messages, dispatcher, self._replies)
        self._actions = Actions(service, dispatcher, self._replies, decisions, mirrors, identities)
        self._asking = Asking(self._permissions, self._replies, mirrors, identities, channels, canned)
        shelf = TemplateShelf(bridges)
        self._dialogs = Dialogs(storage, self._where, self._asking, self._replies, shelf, text_link)
        self._searches = Searches(canned)
        self._rooms = Rooms(storage, outbox, trouble)

    def _where(self, connection: Connection, ref: PostRef | ThreadRef, agent: AgentProfile) -> Where | None:
        link = threads.link_at(connection, ref.workspace, ref.room, ref.thread)
        if link is None:
            return None
        contacts.lock(connection, repository.conversation(connection, link.conversation_id).contact_id)
        return Where(
            link=link,
            conversation=repository.conversation(connection, link.conversation_id),
            thread=link.ref,
            agent=agent,
            now=self._storage.now(connection),
        )

    async def said(
        self,
        post: PostRef,
        agent: AgentProfile,
        content: Content,
        *,
        at: datetime,
        quote: PostRef | None = None,
        internal: bool = False,
    ) -> bool:
        return await self._storage.write(
            partial(self._said, post=post, agent=agent, content=content, at=at, quote=quote, internal=internal)
        )

    def _said(
        self,
        connection: Connection,
        post: PostRef,
        agent: AgentProfile,
        content: Content,
        at: datetime,
        quote: PostRef | None,
        internal: bool,
    ) -> bool:
        where = self._where(connection, post, agent)
        if where is None:
            if self._may_be_opening(connection, post):
                raise TemporaryFailure("It is not known yet whether a conversation is shown in that thread.")
            return False
        if agent.standing is Standing.MACHINE or threads.post_at(connection, post) is not None:
            return True
        arrived = early.arrives(connection, post, content, where.now)
        if arrived is None:
            return True
        content, reading = arrived.content, read(arrived.content.body)
        if reading.intent is Intent.COMMAND and reading.action is not None:
            if self._permissions.may_answer(agent):
                self._actions.command(connection, where, reading.action, reading.argument)
            else:
                self._replies.tell(connection, where, MEMBERS_ONLY)
            return True
        content = replace(content, body=reading.body)
        why_not = INTERNAL if internal else self._permissions.why_note(where, reading)
        if arrived.kept and why_not is None:
            why_not = "Kept as a note: the customer does not get it."
        if why_not is None:
            self._replies.reply(connection, where, content, at=at, post=post, quote=quote)
        else:
            self._replies.note(connection, where, content, at=at, post=post)
            if why_not:
                self._replies.tell(connection, where, why_not)
        return True

    async def revised(self, post: PostRef, content: Content | None) -> None:
        await self._storage.write(partial(self._revised, post=post, content=content))

    def _revised(self, connection: Connection, post: PostRef, content: Content | None) -> None:
        found = threads.post_at(connection, post)
        if found is None:
            early.revised(connection, post, content, self._storage.now(connection))
            return
        message = repository.message(connection, found.message_id)
        where = self._authors(connection, found, message)
        if where is None or message.deleted_at is not None:
            return
        if content is not None:
            reading = read(content.body)
            content = replace(content, body=reading.body)
            if reading.intent in _KEPT and message.direction is Direction.OUT:
                self._replies.make_note(connection, where, message, content)
                return
        self._replies.revise(connection, where, message, content)

    def _authors(self, connection: Connection, found: PostLink, message: Message) -> Where | None:
        """Where the author of that message wrote it; None: it is the customer's, or a copy.

        What an agent does to her own post counts, nothing that anybody does to its copies.
        """
        workspace, _, agent_id = message.author.partition("/")
        copied = found.ref.workspace != workspace or not all(
            post.ours for post in threads.posts_of(connection, message.id)
        )
        if message.direction is Direction.IN or (found.ours and copied):
            return None
        agent = AgentProfile(
            workspace=workspace,
            agent_id=agent_id,
            name=message.author_name,
            avatar_url=message.author_avatar_url,
        )
        return self._where(connection, found.ref, agent)

    async def reacted(self, post: PostRef, agent: AgentProfile, emoji: str, *, added: bool) -> None:
        await self._storage.write(partial(self._reacted, post=post, agent=agent, emoji=emoji, added=added))

    def _reacted(self, connection: Connection, post: PostRef, agent: AgentProfile, emoji: str, added: bool) -> None:
        found = threads.post_at(connection, post)
        where = self._where(connection, found.ref, agent) if found else None
        if found is not None and where is not None and self._permissions.may_answer(agent):
            message = repository.message(connection, found.message_id)
            self._reactions.react(connection, where, message, emoji, added=added)

    async def send(self, post: PostRef, agent: AgentProfile, content: Content) -> None:
        await self._storage.write(partial(self._send, post=post, agent=agent, content=content))

    def _send(self, connection: Connection, post: PostRef, agent: AgentProfile, content: Content) -> None:
        where, message = self._standing(connection, post, agent)
        if where is not None:
            self._shortcuts.send(connection, where, post, message, content)

    async def keep(self, post: PostRef, agent: AgentProfile) -> None:
        await self._storage.write(partial(self._keep, post=post, agent=agent))

    def _keep(self, connection: Connection, post: PostRef, agent: AgentProfile) -> None:
        where, message = self._standing(connection, post, agent)
        if where is not None:
            self._shortcuts.keep(connection, where, post, message)

    def _standing(
        self, connection: Connection, post: PostRef, agent: AgentProfile
    ) -> tuple[Where | None, Message | None]:
        """The place of that post, and the message that it shows."""
        found = threads.post_at(connection, post)
        where = self._where(connection, post, agent)
        return where, repository.message(connection, found.message_id) if found else None

    async def form(
        self,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str,
        fields: Sequence[tuple[str, str]] = (),
    ) -> Form | None:
        return await self._dialogs.form(thread, agent, action, value, dict(fields))

    async def act(
        self,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str = "",
        *,
        key: str,
        fields: Sequence[tuple[str, str]] = (),
        text: Document | None = None,
    ) -> None:
        template = await self._dialogs.template(thread, value) if action == ActionId.TEMPLATE else None
        await self._storage.write(
            partial(
                self._act,
                thread=thread,
                agent=agent,
                action=action,
                value=value,
                key=key,
                fields=dict(fields),
                text=text,
                template=template,
            )
        )

    def _act(
        self,
        connection: Connection,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str,
        key: str,
        fields: dict[str, str],
        text: Document | None,
        template: Template | None,
    ) -> None:
        where = self._where(connection, thread, agent)
        if where is None or not inbox.first_gesture(connection, thread.workspace, f"act:{key}", where.now):
            return
        if not self._permissions.may_answer(agent):
            self._replies.tell(connection, where, MEMBERS_ONLY)
            return
        message = message_in(connection, where, value)
        sends = action in SENDING
        refusal = self._permissions.refusal(where, explicit=True) if sends else None
        if action == ActionId.REPLY or (action == ActionId.CORRECT and text is not None):
            self._asking.reply(connection, where, fields, text, refusal or "")
        elif refusal:
            self._replies.tell(connection, where, refusal)
        elif action == ActionId.TEMPLATE:
            send_template(connection, self._replies, where, template, fields)
        elif action == ActionId.NOTE and text is not None:
            self._replies.note(connection, where, Content(body=text), at=where.now, post=None)
        else:
            self._actions.press(connection, where, action, message, fields, value)

    async def queue(self, agent: AgentProfile) -> Queue:
        troubles = self._troubles()
        return await self._storage.read(
            lambda connection: queues.build(connection, agent, troubles, self._storage.now(connection))
        )

    async def restored(self, post: PostRef, content: Content) -> None:
        await self._storage.write(partial(self._restored, post=post, content=content))

    def _restored(self, connection: Connection, post: PostRef, content: Content) -> None:
        found = threads.post_at(connection, post)
        message = repository.message(connection, found.message_id) if found else None
        if found is None or message is None or message.deleted_at is None:
            return
        where = self._authors(connection, found, message)
        if where is not None:
            body = read(content.body).body
            words = None if is_empty(body) else replace(content, body=body)
            self._replies.restore(connection, where, message, words)

    async def shows(self, thread: ThreadRef) -> bool:
        return await self._storage.read(partial(self._shows, thread=thread))

    def _shows(self, connection: Connection, thread: ThreadRef) -> bool:
        known = threads.link_at(connection, thread.workspace, thread.room, thread.thread)
        return known is not None or self._may_be_opening(connection, thread)

    def _may_be_opening(self, connection: Connection, place: PostRef | ThreadRef) -> bool:
        room = RoomRef(workspace=place.workspace, room=place.room)
        return self._dispatcher.may_be_opening(connection, room, rooms.room_name(connection, room))

    async def opening(self, thread: ThreadRef) -> tuple[Card, Post] | None:
        return await self._storage.read(partial(self._opening, thread=thread))

    def _opening(self, connection: Connection, thread: ThreadRef) -> tuple[Card, Post] | None:
        link = threads.link_at(connection, thread.workspace, thread.room, thread.thread)
        return self._openings.draw(connection, link, self._storage.now(connection)) if link else None

    async def search(
        self, agent: AgentProfile, kind: FindingKind, query: str, *, offset: int = 0, limit: int = 25
    ) -> Sequence[Finding]:
        if not self._permissions.may_answer(agent):
            return ()
        return await self._storage.read(
            partial(self._searches.find, agent=agent, kind=kind, query=query, offset=offset, limit=limit)
        )

    async def room_changed(self, room: RoomRef, change: RoomChange, detail: str = "") -> None:
        await self._storage.write(partial(self._rooms.changed, room=room, change=change, detail=detail))

    async def posted(self, post: PostRef, key: str) -> None:
        await self._storage.write(partial(self._posted, post=post, key=key))

    def _posted(self, connection: Connection, post: PostRef, key: str) -> None:
        echoes.note(connection, self._dispatcher, self._outbox, post, key, self._storage.now(connection))
