"""The durable work that a change to a conversation causes: what is shown to agents is made here.

Keys are made from the cause, so running the same code again adds nothing. Lanes:
`post:<workspace>:<room>:<link>` everything shown in a thread, `send:<account>:<conversation>` everything to the
customer, `fetch:…` one file each, `card:…`, `sign:…` and `whisper:…` what may wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from core.contracts.places import PostRef, RoomRef
from core.contracts.posts import Action, Tone
from core.contracts.richtext import Document
from core.contracts.text import from_plain, is_empty, plain, to_json
from core.conversations import buckets, repository, threads
from core.conversations.asides import Asides
from core.conversations.cutting import file_part, post_parts, thread_body
from core.conversations.departures import FILES_WAIT
from core.conversations.models import Direction, Message, StoredAttachment
from core.conversations.threads import ThreadLink
from core.outbox.jobs import NewJob

#: A card is redrawn at most this often (slack.md, section 13).
_CARD_DEBOUNCE = timedelta(seconds=2)
_CARD, _NOTICE = 3, 1


class Dispatcher(Asides):
    """Adds jobs; every method takes the transaction it belongs to."""

    def fetch(self, connection: Connection, message: Message, attachments: Sequence[StoredAttachment]) -> bool:
        """Files are fetched beside, not before, other messages; True: there is something to wait for."""
        waiting = [attachment for attachment in attachments if attachment.pending]
        for attachment in waiting:
            self._outbox.add(
                connection,
                NewJob(
                    key=f"fetch:{attachment.id}",
                    op="fetch",
                    payload={"attachment": str(attachment.id), "message": str(message.id)},
                    lane=f"fetch:{attachment.id}",
                    scope=attachment.holder.partition(":")[2],
                ),
            )
        return bool(waiting)

    def show(
        self,
        connection: Connection,
        message: Message,
        *,
        now: datetime,
        settle: timedelta,
        waiting: bool,
        except_link: UUID | None = None,
    ) -> bool:
        """Shows a message in every thread of its conversation; `settle` leaves earlier ones time to arrive.

        False: it has no thread in any workspace that we know.
        """
        links = self._links(connection, message.conversation_id)
        not_before = now + (FILES_WAIT if waiting else settle) if waiting or settle else None
        for link in links:
            if link.id != except_link:
                self._show_in(connection, link, message, not_before)
        return bool(links)

    def opened(
        self,
        connection: Connection,
        link_id: UUID,
        ref: PostRef,
        message_id: UUID,
        now: datetime,
        *,
        card_hash: str = "",
    ) -> None:
        """The opening post of a thread stands: what changed meanwhile is drawn, and the other threads hear of it."""
        threads.opened(connection, link_id, ref, message_id, card_hash)
        link = threads.link(connection, link_id)
        if link.added_by:
            text, key = "Also shown in", f"mirrored:{link.id}"
            for other in self._links(connection, link.conversation_id):
                if other.id != link.id:
                    self.say(connection, other, from_plain(text), key=key, tone=Tone.NOTICE, about=link)
        self.refresh_card(connection, link.conversation_id, now)

    def bring(
        self, connection: Connection, link: ThreadLink, home: ThreadLink, now: datetime, *, most: int
    ) -> list[Message]:
        """Shows what was said so far in a new thread, and returns it: the first message, then the latest, in order.

        `home` is where the others stand.
        """
        first, latest, between = repository.so_far(connection, link.conversation_id, most)
        brought = [first, *latest] if first else latest
        for number, message in enumerate(brought):
            if number == 1 and between:
                text = "1 earlier message stands" if between == 1 else f"{between} earlier messages stand"
                self.say(
                    connection,
                    link,
                    from_plain(f"{text} between these two: read them in"),
                    key=f"earlier:{link.id}",
                    tone=Tone.NOTICE,
                    about=home,
                )
            pending = any(attachment.pending for attachment in repository.attachments_of(connection, message.id))
            # No rank: in the order in which they are added here.
            not_before = now + FILES_WAIT if pending else None
            self._show_in(connection, link, replace(message, rank=None), not_before, opens=number == 0)
        return brought

    def _show_in(
        self,
        connection: Connection,
        link: ThreadLink,
        message: Message,
        not_before: datetime | None,
        *,
        opens: bool = True,
    ) -> None:
        """`opens`: the thread may open with this message."""
        capabilities = self._workspaces[link.workspace]
        attachments = repository.attachments_of(connection, message.id)
        body = thread_body(message)
        parts = list(range(len(post_parts(body, capabilities))))
        holds = opens and link.thread is None and capabilities.opening_holds_message
        if is_empty(body) and attachments and not holds:
            parts = []  # Files need no words, except in an opening.
        parts.extend(file_part(attachment.position) for attachment in attachments)
        # Only short, plain messages of the customer may be drawn together when the room's rate is short.
        single = len(parts) == 1 and not attachments and message.direction is Direction.IN and not message.quote_id
        length = {"chars": len(plain(body))} if single else {}
        for part in parts:
            self._post(
                connection,
                link,
                op="post",
                key=f"post:{link.id}:{message.id}:{part}",
                payload={"link": str(link.id), "message": str(message.id), "part": part, **length},
                rank=message.rank,
                not_before=not_before,
            )

    def may_be_opening(self, connection: Connection, room: RoomRef, name: str) -> bool:
        """Whether a thread may stand in that room that we do not know of yet: its opening is under way or in doubt.

        A room that was never met has no `name` yet: it may be any that the settings know by its name alone.
        """
        for link in threads.unopened_in(connection, room.workspace):
            by_name = link.room.startswith("#") and name in ("", link.room.removeprefix("#").rpartition("/")[2])
            if link.room != room.room and not by_name:
                continue
            for message_id in repository.message_ids(connection, link.conversation_id, limit=5):
                # A message of files alone may open with the first of them.
                for part in (0, file_part(0)):
                    state = self._outbox.state(connection, f"post:{link.id}:{message_id}:{part}")
                    if state is not None and (state.sending or state.in_doubt):
                        return True
        return False

    def show_change(self, connection: Connection, message: Message, *, except_link: UUID | None = None) -> None:
        """Redraws a message wherever it is shown, after an edit, a delete or a reaction."""
        revision = f"{message.revision}:{message.cursor}"
        for link in self._links(connection, message.conversation_id):
            if link.id == except_link:
                continue
            posts = threads.posts_in(connection, link.id, message.id)
            # None yet: it may be on its way there as it was, so it is redrawn behind that.
            if posts and not any(post.ours for post in posts):
                continue
            self._post(
                connection,
                link,
                op="edit_post",
                key=f"edit_post:{link.id}:{message.id}:{revision}",
                payload={"link": str(link.id), "message": str(message.id)},
            )

    def show_reaction(self, connection: Connection, message: Message, before: str | None) -> None:
        """Shows the customer's reaction; on a person's own post as a reaction of ours, in place of the one before."""
        self.show_change(connection, message)
        now = message.reactions.get("customer")
        for post in self._posts(connection, message.id):
            if post.ours or post.part != 0 or before == now:
                continue
            if before:
                self._react(connection, post.ref, message, before, added=False)
            if now:
                self._react(connection, post.ref, message, now, added=True)

    def notice(
        self,
        connection: Connection,
        conversation_id: UUID,
        body: Document,
        *,
        key: str,
        tone: Tone = Tone.NOTICE,
        actions: Sequence[Action] = (),
        except_link: UUID | None = None,
    ) -> None:
        """Says something in every thread of a conversation."""
        for link in self._links(connection, conversation_id):
            if link.id != except_link:
                self.say(connection, link, body, key=key, tone=tone, actions=actions)

    def refer(self, connection: Connection, conversation_id: UUID, other_id: UUID, body: Document, *, key: str) -> None:
        """Says something in every thread of a conversation, ending in a link to where the other one is shown."""
        others = self._links(connection, other_id)
        for link in self._links(connection, conversation_id):
            near = [other for other in others if other.workspace == link.workspace]
            about = next(iter(near or others), None)
            self.say(connection, link, body, key=key, tone=Tone.NOTICE, about=about)

    def say(
        self,
        connection: Connection,
        link: ThreadLink,
        body: Document,
        *,
        key: str,
        tone: Tone,
        actions: Sequence[Action] = (),
        about: ThreadLink | None = None,
    ) -> None:
        """A sentence of ours in one thread; it ends in a link to the thread that it is `about`."""
        self._post(
            connection,
            link,
            op="notice",
            key=f"notice:{link.id}:{key}",
            payload={
                "link": str(link.id),
                "tone": tone.value,
                "body": to_json(body),
                "actions": [asdict(action) for action in actions],
                **({"about": str(about.id)} if about else {}),
            },
        )

    def _post(
        self,
        connection: Connection,
        link: ThreadLink,
        *,
        op: str,
        key: str,
        payload: dict[str, Any],
        rank: int | None = None,
        not_before: datetime | None = None,
    ) -> None:
        self._outbox.add(
            connection,
            NewJob(
                key=key,
                op=op,
                payload=payload,
                lane=f"post:{link.place}",
                scope=link.workspace,
                buckets=buckets.of_room(link, self._workspaces[link.workspace]),
                rank=rank,
                not_before=not_before,
                priority=_NOTICE,
            ),
        )

    def refresh_card(self, connection: Connection, conversation_id: UUID, now: datetime) -> None:
        """Redraws the cards of a conversation soon; several changes at once make one redraw."""
        for link in self._links(connection, conversation_id):
            while not self._outbox.add(connection, _card_job(link, now)):
                version = link.card_version
                link = threads.link(connection, link.id)
                if link.card_version == version:
                    break  # It will be drawn; else another replica has just drawn it without what changed here.
        owner = repository.conversation(connection, conversation_id).owner
        if owner.partition("/")[0] in self._workspaces:
            self.refresh_queue(connection, owner, now)

    def release(self, connection: Connection, message: Message, now: datetime) -> None:
        """The files of a message are here: what waited for them may go."""
        self.may_leave(connection, message, now)
        for link in self._links(connection, message.conversation_id):
            attachments = repository.attachments_of(connection, message.id)
            parts = list(range(len(post_parts(thread_body(message), self._workspaces[link.workspace]))))
            for part in [*parts, *(file_part(attachment.position) for attachment in attachments)]:
                self._outbox.amend(connection, f"post:{link.id}:{message.id}:{part}", not_before=now)


def _card_job(link: ThreadLink, now: datetime) -> NewJob:
    return NewJob(
        key=f"card:{link.id}:{link.card_version}",
        op="card",
        payload={"link": str(link.id)},
        lane=f"card:{link.place}",
        scope=link.workspace,
        not_before=now + _CARD_DEBOUNCE,
        priority=_CARD,
    )
