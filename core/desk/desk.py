"""What the core offers a workplace: every gesture of an agent, each taken once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from core.cards import queue as queues
from core.cards import words
from core.cards.card import ChannelInfo
from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.content import Content
from core.contracts.errors import TemporaryFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Card, Finding, FindingKind, Form, Post, Queue
from core.contracts.richtext import Document
from core.contracts.workplace import AgentProfile, Desk, RoomChange, Standing
from core.conversations import inbox, repository, threads
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Direction, Message
from core.conversations.service import ConversationService, actor
from core.desk import forms
from core.desk.actions import Actions
from core.desk.commands import Intent, Reading, read
from core.desk.replies import Replies, Where
from core.desk.rooms import Rooms
from core.outbox.repository import Outbox
from core.routing import rooms
from core.routing.rules import Router
from core.settings.models import ReplyMode
from core.storage.storage import Storage

_MEMBERS_ONLY = "Only members of the organisation can do that."
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
        channels: dict[str, ChannelInfo],
        *,
        hold: timedelta,
        guests_may_reply: bool,
        trouble: Callable[[str, str | None], None],
        troubles: Callable[[], tuple[str, ...]],
    ) -> None:
        self._storage = storage
        self._messages = messages
        self._dispatcher = dispatcher
        self._outbox = outbox
        self._router = router
        self._channels = channels
        self._guests_may_reply = guests_may_reply
        self._troubles = troubles
        self._replies = Replies(service, messages, dispatcher, hold=hold)
        self._actions = Actions(service, dispatcher, self._replies)
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
        self, post: PostRef, agent: AgentProfile, content: Content, *, at: datetime, quote: PostRef | None = None
    ) -> bool:
        return await self._storage.write(
            partial(self._said, post=post, agent=agent, content=content, at=at, quote=quote)
        )

    def _said(
        self,
        connection: Connection,
        post: PostRef,
        agent: AgentProfile,
        content: Content,
        at: datetime,
        quote: PostRef | None,
    ) -> bool:
        where = self._where(connection, post, agent)
        if where is None:
            names = {post.room, f"#{rooms.room_name(connection, RoomRef(workspace=post.workspace, room=post.room))}"}
            if self._dispatcher.may_be_opening(connection, post.workspace, names):
                raise TemporaryFailure("It is not known yet whether a conversation is shown in that thread.")
            return False
        if agent.standing is Standing.MACHINE or threads.post_at(connection, post) is not None:
            return True
        if not inbox.first_gesture(connection, post.workspace, f"{post.room}:{post.post}", where.now):
            return True
        reading = read(content.body)
        if reading.intent is Intent.COMMAND and reading.action is not None:
            if self._may_answer(agent):
                self._actions.command(connection, where, reading.action, reading.argument)
            else:
                self._replies.tell(connection, where, _MEMBERS_ONLY)
            return True
        content = replace(content, body=reading.body)
        why_not = self._why_note(connection, where, reading)
        if why_not is None:
            self._replies.reply(connection, where, content, at=at, post=post, quote=quote)
        else:
            self._replies.note(connection, where, content, at=at, post=post)
            if why_not:
                self._replies.tell(connection, where, why_not)
        return True

    def _may_answer(self, agent: AgentProfile) -> bool:
        return agent.standing is Standing.MEMBER or (agent.standing is Standing.GUEST and self._guests_may_reply)

    def _why_note(self, connection: Connection, where: Where, reading: Reading) -> str | None:
        """Why a message stays among agents: a sentence to tell its author, or "" if she knows; None: it is a reply."""
        if not self._may_answer(where.agent):
            return "Your message stayed in this thread: only members of the organisation answer customers."
        if reading.intent is Intent.NOTE:
            return ""
        if reading.intent is Intent.MISTYPED:
            return (
                f"There is no command {reading.argument}, so your message was kept as a note. "
                "Type !help for the commands, or choose “Send to customer” in the message's menu."
            )
        return self._refusal(where, explicit=reading.intent is Intent.EXPLICIT)

    def _refusal(self, where: Where, *, explicit: bool) -> str | None:
        mode = ReplyMode(where.conversation.reply_mode)
        if mode is ReplyMode.NONE:
            return "Kept as a note: this room is for information, replies from it reach nobody."
        if mode is ReplyMode.EXPLICIT and not explicit:
            return ""
        owner = where.conversation.owner
        locked = self._router.rule(where.conversation.route).lock_to_owner
        if locked and owner and owner != actor(where.agent):
            return (
                f"Kept as a note: {where.conversation.owner_name} answers this customer. "
                "Type !claim to take over, then send it again."
            )
        return None

    async def revised(self, post: PostRef, content: Content | None) -> None:
        await self._storage.write(partial(self._revised, post=post, content=content))

    def _revised(self, connection: Connection, post: PostRef, content: Content | None) -> None:
        found = threads.post_at(connection, post)
        if found is None:
            if content is None:
                # Deleted before we heard of it: when that event comes, nothing leaves.
                inbox.first_gesture(
                    connection, post.workspace, f"{post.room}:{post.post}", self._storage.now(connection)
                )
            return
        message = repository.message(connection, found.message_id)
        if message.direction is Direction.IN or message.deleted_at is not None:
            return
        if found.ours and not all(post.ours for post in threads.posts_of(connection, message.id)):
            return  # A copy: what its author does to her own post is what counts.
        workspace, _, agent_id = message.author.partition("/")
        agent = AgentProfile(
            workspace=workspace,
            agent_id=agent_id,
            name=message.author_name,
            avatar_url=message.author_avatar_url,
        )
        where = self._where(connection, found.ref, agent)
        if where is None:
            return
        if content is not None:
            reading = read(content.body)
            content = replace(content, body=reading.body)
            if reading.intent in _KEPT and message.direction is Direction.OUT:
                self._replies.make_note(connection, where, message)
                return
        self._replies.revise(connection, where, message, content)

    async def reacted(self, post: PostRef, agent: AgentProfile, emoji: str, *, added: bool) -> None:
        await self._storage.write(partial(self._reacted, post=post, agent=agent, emoji=emoji, added=added))

    def _reacted(self, connection: Connection, post: PostRef, agent: AgentProfile, emoji: str, added: bool) -> None:
        found = threads.post_at(connection, post)
        if found is None or not self._may_answer(agent):
            return
        message = repository.message(connection, found.message_id)
        where = self._where(connection, found.ref, agent)
        if message.direction is not Direction.IN or where is None:
            return
        capabilities = self._dispatcher.capabilities(message.account)
        if capabilities is None or where.conversation.reply_mode != ReplyMode.ALL:
            return
        if not capabilities.reactions_out:
            text = "This channel cannot show your reaction to the customer: only your colleagues see it."
            self._replies.tell(connection, where, text, once="reaction")
            return
        if added == (message.reactions.get("agent") == emoji):
            return
        changed = self._messages.react(connection, message, "agent", emoji if added else None, where.now, actor(agent))
        self._dispatcher.change(connection, changed, "send_reaction", {"emoji": emoji if added else None})

    async def send(self, post: PostRef, agent: AgentProfile, content: Content) -> None:
        await self._storage.write(partial(self._send, post=post, agent=agent, content=content))

    def _send(self, connection: Connection, post: PostRef, agent: AgentProfile, content: Content) -> None:
        where = self._where(connection, post, agent)
        if where is None:
            return
        refusal = None if self._may_answer(agent) else "Only members of the organisation answer customers."
        refusal = refusal or self._refusal(where, explicit=True)
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
        if found is None or where is None:
            return
        message = repository.message(connection, found.message_id)
        if not self._may_answer(agent):
            self._replies.tell(connection, where, _MEMBERS_ONLY)
        elif message.direction is not Direction.IN:
            self._replies.make_note(connection, where, message)

    async def form(self, thread: ThreadRef, agent: AgentProfile, action: str, value: str) -> Form | None:
        return await self._storage.write(partial(self._form, thread=thread, agent=agent, action=action, value=value))

    def _form(
        self, connection: Connection, thread: ThreadRef, agent: AgentProfile, action: str, value: str
    ) -> Form | None:
        where = self._where(connection, thread, agent)
        if where is None or action not in forms.ASKING:
            return None
        if action == ActionId.FULL_TEXT:
            message = self._message(connection, where, value)
            return forms.full_text(message.full_text) if message else None
        if not self._may_answer(agent):
            self._replies.tell(connection, where, _MEMBERS_ONLY)
            return None
        address = contacts.address_by_id(connection, where.conversation.address_id)
        who = words.name_of(contacts.contact(connection, where.conversation.contact_id), address)
        info = self._channels.get(address.account)
        match action:
            case ActionId.NOTE:
                return forms.note()
            case ActionId.SNOOZE:
                return forms.snooze()
            case ActionId.CORRECT:
                return forms.correction(who)
            case _:
                refusal = self._refusal(where, explicit=True)
                if refusal:
                    self._replies.tell(connection, where, refusal)
                    return None
                return forms.reply(who, info.title if info else address.account)

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
        if not self._may_answer(agent):
            self._replies.tell(connection, where, _MEMBERS_ONLY)
            return
        message = self._message(connection, where, value)
        sends = action in (ActionId.REPLY, ActionId.CORRECT, ActionId.RETRY, ActionId.RESEND)
        refusal = self._refusal(where, explicit=True) if sends else None
        if refusal:
            self._replies.tell(connection, where, refusal)
        elif action == ActionId.REPLY or (action == ActionId.CORRECT and text is not None):
            self._replies.reply(
                connection, where, Content(body=text or Document()), at=where.now, post=None, hold=False
            )
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
        raise NotImplementedError

    async def shows(self, thread: ThreadRef) -> bool:
        raise NotImplementedError

    async def opening(self, thread: ThreadRef) -> tuple[Card, Post] | None:
        raise NotImplementedError

    async def search(
        self, agent: AgentProfile, kind: FindingKind, query: str, *, offset: int = 0, limit: int = 25
    ) -> Sequence[Finding]:
        raise NotImplementedError

    async def room_changed(self, room: RoomRef, change: RoomChange, detail: str = "") -> None:
        await self._storage.write(partial(self._rooms.changed, room=room, change=change, detail=detail))

    async def posted(self, post: PostRef, key: str) -> None:
        await self._storage.write(partial(self._posted, post=post, key=key))

    def _posted(self, connection: Connection, post: PostRef, key: str) -> None:
        kind, _, rest = key.partition(":")
        if kind == "post":
            link_id, message_id, part = rest.split(":")
            link = threads.find_link(connection, UUID(link_id))
            if link is None:
                return
            if link.thread is None:
                threads.opened(connection, link.id, post, UUID(message_id))
                self._dispatcher.refresh_card(connection, link.conversation_id, self._storage.now(connection))
            # Those drawn together stand there, too.
            for shown in (key, *self._outbox.together(connection, key)):
                _, _, message_id, part = shown.split(":")
                threads.add_post(connection, post, link.id, UUID(message_id), int(part))
        self._outbox.settle(connection, key, post.post)
