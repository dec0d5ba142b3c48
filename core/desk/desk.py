"""What the core offers a workplace: every gesture of an agent, each taken once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from core.cards import queue as queues
from core.cards.card import ChannelInfo
from core.cards.opening import Openings
from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.content import Content
from core.contracts.errors import TemporaryFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Card, Finding, FindingKind, Form, Post, Queue
from core.contracts.richtext import Document
from core.contracts.text import from_json, is_empty, plain
from core.contracts.workplace import AgentProfile, Desk, RoomChange, Standing
from core.conversations import inbox, repository, threads
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Direction, Message
from core.conversations.service import ConversationService, actor
from core.conversations.threads import PostLink
from core.desk import early, echoes, forms
from core.desk.actions import Actions
from core.desk.asking import Asking
from core.desk.commands import Intent, read
from core.desk.mirroring import Mirrors
from core.desk.permissions import MEMBERS_ONLY, Permissions
from core.desk.replies import Replies, Where
from core.desk.rooms import Rooms
from core.desk.searching import Searches
from core.outbox.repository import Outbox
from core.routing import rooms
from core.routing.rules import Router
from core.settings.models import CannedReply, ReplyMode
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
        *,
        hold: timedelta,
        guests_may_reply: bool,
        workspaces: Collection[str],
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
        self._text_link = text_link
        self._troubles = troubles
        self._permissions = Permissions(router, guests_may_reply=guests_may_reply)
        self._replies = Replies(service, messages, dispatcher, hold=hold)
        mirrors = Mirrors(service, dispatcher, self._replies, workspaces)
        self._actions = Actions(service, dispatcher, self._replies, mirrors)
        self._asking = Asking(self._permissions, self._replies, mirrors, channels, canned)
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
        if found is None or not self._permissions.may_answer(agent):
            return
        message = repository.message(connection, found.message_id)
        where = self._where(connection, found.ref, agent)
        if message.direction is not Direction.IN or where is None:
            return
        capabilities = self._dispatcher.capabilities(message.account)
        if capabilities is None or where.conversation.reply_mode != ReplyMode.ALL:
            return
        before = message.reactions.get("agent")
        if added == (before == emoji):
            return
        changed = self._messages.react(connection, message, "agent", emoji if added else None, where.now, actor(agent))
        self._dispatcher.show_colleagues_reaction(connection, changed, where.link.id, before)
        if capabilities.reactions_out:
            self._dispatcher.change(connection, changed, "send_reaction", {"emoji": emoji if added else None})
        else:
            text = "This channel cannot show your reaction to the customer: only your colleagues see it."
            self._replies.tell(connection, where, text, once="reaction")

    async def send(self, post: PostRef, agent: AgentProfile, content: Content) -> None:
        await self._storage.write(partial(self._send, post=post, agent=agent, content=content))

    def _send(self, connection: Connection, post: PostRef, agent: AgentProfile, content: Content) -> None:
        where = self._where(connection, post, agent)
        if where is None:
            return
        refusal = None if self._permissions.may_answer(agent) else "Only members of the organisation answer customers."
        refusal = refusal or self._permissions.refusal(where, explicit=True)
        found = threads.post_at(connection, post)
        message = repository.message(connection, found.message_id) if found else None
        if refusal:
            self._replies.tell(connection, where, refusal)
        elif message is None:
            self._replies.reply(
                connection, where, replace(content, body=read(content.body).body), at=where.now, post=post
            )
        elif message.direction is Direction.NOTE:
            self._replies.make_reply(connection, where, message)
        else:
            text = "the customer's own." if message.direction is Direction.IN else "on its way to the customer already."
            self._replies.tell(connection, where, f"Nothing was sent: that message is {text}")

    async def keep(self, post: PostRef, agent: AgentProfile) -> None:
        await self._storage.write(partial(self._keep, post=post, agent=agent))

    def _keep(self, connection: Connection, post: PostRef, agent: AgentProfile) -> None:
        found = threads.post_at(connection, post)
        where = self._where(connection, post, agent)
        if where is None:
            return
        message = repository.message(connection, found.message_id) if found else None
        if not self._permissions.may_answer(agent):
            self._replies.tell(connection, where, MEMBERS_ONLY)
        elif message is None and early.awaits(connection, post):
            early.kept(connection, post, where.now)
        elif message is None:
            self._replies.tell(connection, where, "Nothing to do: that message was not on its way to the customer.")
        elif message.direction is Direction.IN:
            self._replies.tell(connection, where, "Nothing to do: that message is the customer's own.")
        else:
            self._replies.make_note(connection, where, message)

    async def form(
        self,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str,
        fields: Sequence[tuple[str, str]] = (),
    ) -> Form | None:
        asked = await self._storage.write(partial(self._form, thread=thread, agent=agent, action=action, value=value))
        return await self._whole(asked) if isinstance(asked, str) else asked

    async def _whole(self, text: str) -> Form:
        """A message to be read whole; what no dialog takes is linked as a file, where there is an address for it."""
        link = await self._text_link(text) if len(text) > forms.FULL_TEXT else None
        return forms.full_text(text, link)

    def _form(
        self, connection: Connection, thread: ThreadRef, agent: AgentProfile, action: str, value: str
    ) -> Form | str | None:
        """A form, or the text of a message to be read whole."""
        where = self._where(connection, thread, agent)
        if where is None or action not in forms.ASKING:
            return None
        if action == ActionId.FULL_TEXT:
            message = self._message(connection, where, value)
            if message is None or message.deleted_at is not None:
                return None
            body = plain(from_json(message.body))
            return message.full_text if len(message.full_text) > len(body) else body
        return self._asking.form(connection, where, action)

    def _message(self, connection: Connection, where: Where, value: str) -> Message | None:
        try:
            message = repository.find_message(connection, UUID(value))
        except ValueError:
            return None
        return message if message and message.conversation_id == where.conversation.id else None

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
    ) -> None:
        where = self._where(connection, thread, agent)
        if where is None or not inbox.first_gesture(connection, thread.workspace, f"act:{key}", where.now):
            return
        if not self._permissions.may_answer(agent):
            self._replies.tell(connection, where, MEMBERS_ONLY)
            return
        message = self._message(connection, where, value)
        sends = action in (ActionId.REPLY, ActionId.CORRECT, ActionId.RETRY, ActionId.RESEND)
        refusal = self._permissions.refusal(where, explicit=True) if sends else None
        if action == ActionId.REPLY or (action == ActionId.CORRECT and text is not None):
            self._asking.reply(connection, where, fields, text, refusal or "")
        elif refusal:
            self._replies.tell(connection, where, refusal)
        elif action == ActionId.NOTE and text is not None:
            self._replies.note(connection, where, Content(body=text), at=where.now, post=None)
        else:
            self._actions.press(connection, where, action, message, fields)

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
