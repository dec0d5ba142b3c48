"""Makes contacts one person and takes it back: nothing that was said moves, and nobody can read more than before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import links
from core.contacts import repository as contacts
from core.contacts.links import Evidence, Link, LinkState
from core.contacts.naming import name_of
from core.contracts.actions import ActionId
from core.contracts.posts import Action, Tone
from core.contracts.text import from_plain
from core.conversations import events, repository
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.models import Conversation, Holder, State
from core.conversations.service import SYSTEM
from core.storage.ids import new_id

#: Conversations of a person whose cards are redrawn when it changes who she is.
_CARDS = 10


class Linker:
    """Every method runs inside the transaction of its cause."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def link(
        self,
        connection: Connection,
        contact_id: UUID,
        other_id: UUID,
        evidence: Evidence,
        *,
        why: str,
        now: datetime,
        actor: str = SYSTEM,
        detail: Mapping[str, Any] | None = None,
        keep: UUID | None = None,
    ) -> bool:
        """They are one from now on; False: they were already.

        `keep` is the conversation that goes on if each has an open one. `why` ends the sentence that agents read.
        """
        return self._activate(
            connection,
            Link(
                id=new_id(),
                contact_id=contact_id,
                other_id=other_id,
                state=LinkState.ACTIVE,
                evidence=evidence,
                detail={"why": why, **(detail or {})},
                actor=actor,
                joined_id=None,
                at=now,
            ),
            keep,
            now,
            new=True,
        )

    def accept(
        self, connection: Connection, suggested: Link, *, why: str, actor: str, keep: UUID, now: datetime
    ) -> bool:
        """An agent says that a suggestion is right; False: it is decided already, or they are one by now."""
        if suggested.state is not LinkState.SUGGESTED:
            return False
        accepted = replace(
            suggested, state=LinkState.ACTIVE, actor=actor, at=now, detail={**suggested.detail, "why": why}
        )
        if self._activate(connection, accepted, keep, now, new=False):
            return True
        links.change(connection, suggested.id, state=LinkState.ENDED.value, ended_at=now, ended_by=actor)
        return False

    def _activate(self, connection: Connection, link: Link, keep: UUID | None, now: datetime, *, new: bool) -> bool:
        self._lock(connection, link)
        if contacts.same_person(connection, link.contact_id, link.other_id):
            return False
        open_ones = [
            found
            for one in (link.contact_id, link.other_id)
            if (found := repository.open_conversation(connection, one)) is not None
        ]
        latest = [repository.latest_conversation(connection, one) for one in (link.contact_id, link.other_id)]
        goes_on, ends = _which_goes_on(open_ones, keep)
        link = replace(link, joined_id=ends.id if ends else None)
        if new:
            links.add(connection, link)
        else:
            values = {"state": link.state.value, "actor": link.actor, "at": link.at, "joined_id": link.joined_id}
            links.change(connection, link.id, detail=dict(link.detail), **values)
        for one in open_ones:
            repository.change_conversation(connection, one.id, open_key=None)
        links.regroup(connection, (link.contact_id, link.other_id))
        if goes_on is not None:
            self._go_on(connection, goes_on, ends, now)
        told = [goes_on] if goes_on else [one for one in latest if one is not None]
        if keep is not None and keep not in {one.id for one in (*told, *open_ones)}:
            # Decided or asked in a thread whose conversation is over.
            told.append(repository.conversation(connection, keep))
        self._say(connection, link, told, now)
        if goes_on is not None and ends is not None:
            self._refer(connection, goes_on, ends, link)
        self._redraw(connection, link.contact_id, now)
        return True

    def _lock(self, connection: Connection, link: Link) -> None:
        """Both persons, in the same order everywhere."""
        for one in sorted({contacts.person(connection, one) for one in (link.contact_id, link.other_id)}):
            contacts.lock(connection, one)

    def _go_on(self, connection: Connection, goes_on: Conversation, ends: Conversation | None, now: datetime) -> None:
        changes: dict[str, Any] = {"open_key": contacts.person(connection, goes_on.contact_id)}
        if ends is not None:
            if ends.last_in_at > goes_on.last_in_at:
                # Replies go where she wrote last.
                changes |= {"address_id": ends.address_id, "last_in_at": ends.last_in_at}
            if goes_on.state is State.SNOOZED and ends.state is State.OPEN:
                changes |= {"state": State.OPEN.value, "snoozed_until": None}
            if not goes_on.owner and ends.owner:
                changes |= {"owner": ends.owner, "owner_name": ends.owner_name, "owner_email": ends.owner_email}
                changes["holder"] = Holder.AGENT.value
            closed = {"state": State.CLOSED.value, "closed_at": now, "snoozed_until": None}
            repository.change_conversation(connection, ends.id, joined_id=goes_on.id, **closed)
            data = {"into": str(goes_on.id)}
            events.about(connection, Fact.JOINED, ends.id, now, SYSTEM, data)
        repository.change_conversation(connection, goes_on.id, **changes)

    def _say(self, connection: Connection, link: Link, told: list[Conversation], now: datetime) -> None:
        ones = " and ".join(self.called(connection, one) for one in (link.contact_id, link.other_id))
        undo = Action(id=ActionId.SPLIT, label="Undo", value=str(link.id))
        data = {
            "link": str(link.id),
            "evidence": link.evidence.value,
            "contacts": [str(link.contact_id), str(link.other_id)],
        }
        events.record(
            connection,
            Fact.LINKED,
            at=now,
            actor=link.actor,
            conversation_id=told[0].id if told else None,
            data=data,
        )
        for conversation in told:
            self._dispatcher.notice(
                connection,
                conversation.id,
                from_plain(f"{ones} are one customer: {link.detail['why']}"),
                key=f"linked:{link.id}:{link.at.isoformat()}",
                actions=(undo,),
            )

    def _refer(self, connection: Connection, goes_on: Conversation, ends: Conversation, link: Link) -> None:
        key = f"joined:{link.id}:{link.at.isoformat()}"
        for here, there, text in (
            (ends, goes_on, f"This conversation is closed: the customer goes on in #{goes_on.number},"),
            (goes_on, ends, f"Her conversation #{ends.number} is closed; what was said there stands in"),
        ):
            self._dispatcher.refer(connection, here.id, there.id, from_plain(text), key=key)

    def _redraw(self, connection: Connection, contact_id: UUID, now: datetime) -> None:
        for conversation in repository.conversations_of(connection, contact_id, limit=_CARDS):
            self._dispatcher.refresh_card(connection, conversation.id, now)

    def undo(self, connection: Connection, link: Link, *, by: str, actor: str, now: datetime) -> bool:
        """They are two again, each with her own conversations; a suggestion is declined. False: it is so already."""
        self._lock(connection, link)
        current = links.find(connection, link.id)
        if current is None or current.state is LinkState.ENDED:
            return False
        links.change(connection, link.id, state=LinkState.ENDED.value, ended_at=now, ended_by=actor)
        if current.state is LinkState.SUGGESTED:
            events.record(connection, Fact.UNLINKED, at=now, actor=actor, data={"link": str(link.id)})
            return True
        goes_on = repository.open_conversation(connection, current.contact_id)
        if goes_on is not None:
            repository.change_conversation(connection, goes_on.id, open_key=None)
        links.regroup(connection, (current.contact_id, current.other_id))
        if goes_on is not None:
            person = contacts.person(connection, goes_on.contact_id)
            repository.change_conversation(connection, goes_on.id, open_key=person)
        again = self._open_again(connection, current, now)
        for one in (current.contact_id, current.other_id):
            for conversation in repository.conversations_of(connection, one, limit=1_000):
                self._answer_her(connection, conversation)
        text = f"{by} took back that {self.called(connection, current.contact_id)} and "
        text += f"{self.called(connection, current.other_id)} are one customer. Each has her own conversation again."
        told = {one.id for one in (goes_on, again) if one is not None}
        for contact_id in (current.contact_id, current.other_id):
            latest = repository.latest_conversation(connection, contact_id)
            told |= {latest.id} if latest is not None else set()
        data = {"link": str(link.id), "contacts": [str(current.contact_id), str(current.other_id)]}
        first = min(told, default=None)
        events.record(connection, Fact.UNLINKED, at=now, actor=actor, conversation_id=first, data=data)
        for conversation_id in sorted(told):
            key = f"unlinked:{link.id}:{now.isoformat()}"
            self._dispatcher.notice(connection, conversation_id, from_plain(text), key=key, tone=Tone.NOTICE)
        for one in (current.contact_id, current.other_id):
            self._redraw(connection, one, now)
        return True

    def _open_again(self, connection: Connection, link: Link, now: datetime) -> Conversation | None:
        """The conversation that the link had closed, unless she has another open one by now."""
        if link.joined_id is None:
            return None
        ended = repository.conversation(connection, link.joined_id)
        other = repository.open_conversation(connection, ended.contact_id)
        if ended.joined_id is None or ended.state is not State.CLOSED or other is not None:
            return None
        repository.change_conversation(
            connection,
            ended.id,
            state=State.OPEN.value,
            open_key=contacts.person(connection, ended.contact_id),
            closed_at=None,
            joined_id=None,
        )
        events.about(connection, Fact.REOPENED, ended.id, now, SYSTEM)
        return repository.conversation(connection, ended.id)

    def _answer_her(self, connection: Connection, conversation: Conversation) -> None:
        """Replies go to an address of the customer whose conversation it is, and to nobody else's."""
        hers = contacts.addresses_of(connection, conversation.contact_id)
        if conversation.address_id in {address.id for address in hers}:
            return
        last = repository.last_address(connection, conversation.id, [address.id for address in hers])
        own = next(address.id for address in hers if address.contact_id == conversation.contact_id)
        repository.change_conversation(connection, conversation.id, address_id=last or own)

    def called(self, connection: Connection, contact_id: UUID) -> str:
        """`Jane (Telegram)`: a contact by the address that made it."""
        contact = contacts.contact(connection, contact_id)
        address = contacts.own_address(connection, contact_id)
        return f"{name_of(contact, address)} ({self._dispatcher.title(address.account)})"


def _which_goes_on(open_ones: list[Conversation], keep: UUID | None) -> tuple[Conversation | None, Conversation | None]:
    """The one where proof or decision was made, else the one that somebody has, else the older; and the other one."""
    if len(open_ones) < 2:
        return next(iter(open_ones), None), None
    order = sorted(open_ones, key=lambda one: (one.id != keep, not one.owner, one.id))
    return order[0], order[1]
