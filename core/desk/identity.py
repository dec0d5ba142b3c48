"""What agents decide about who is who: asking for proof, merging and splitting, and where a reply goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import links
from core.contacts import repository as contacts
from core.contacts.links import Evidence, Link, LinkState
from core.contacts.models import Address
from core.contacts.naming import plain_key
from core.contracts.actions import ActionId
from core.contracts.posts import FieldKind, Form, FormField, Option
from core.contracts.text import from_plain, line
from core.conversations import events, finding, repository, steps
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.service import actor
from core.desk.replies import Replies, Where
from core.identity.parts import Identity
from core.identity.proofs import ProofKind
from core.identity.proving import Way, claims

#: Contacts that a list to choose from can hold.
_MOST = 50
_DONE = "Nothing to do: that was decided already."


class Identities:
    """Each runs inside the transaction of its gesture, and answers the agent in words when it cannot be done."""

    def __init__(self, identity: Identity, dispatcher: Dispatcher, replies: Replies) -> None:
        self._linker = identity.linker
        self._proving = identity.proving
        self._dispatcher = dispatcher
        self._replies = replies

    def form(self, connection: Connection, where: Where, action: str) -> Form | None:
        """What is asked before that action; None: there is nothing to ask, and the agent was told."""
        return (
            self._verify_form(connection, where) if action == ActionId.VERIFY else self._merge_form(connection, where)
        )

    def press(self, connection: Connection, where: Where, action: str, value: str, fields: Mapping[str, str]) -> None:
        match action:
            case ActionId.VERIFY:
                self._verify(connection, where, fields.get("way", ""))
            case ActionId.MERGE:
                self._merge(connection, where, value, fields)
            case ActionId.SPLIT:
                self._split(connection, where, value)

    def _verify_form(self, connection: Connection, where: Where) -> Form | None:
        ways = self._proving.ways(connection, where.conversation)
        if not ways:
            text = "There is nothing that she could be asked: she claims no address that we can write to."
            if claims(connection, where.conversation.contact_id):
                text = "What she claims cannot be asked about: that takes an account that can write there first, and "
                text += "a public_url in the settings."
            self._replies.tell(connection, where, text)
            return None
        options = tuple(Option(value=way.value, label=line(self._label(way), limit=75)) for way in ways)
        return Form(
            title="Ask to verify",
            submit="Ask",
            text="Until she answers, nothing is linked, and what she claims is shown as a claim.",
            fields=(
                FormField(id="way", label="How", kind=FieldKind.SELECT, options=options, initial=options[0].value),
            ),
        )

    def _label(self, way: Way) -> str:
        title = self._dispatcher.title(way.account)
        match way.kind:
            case ProofKind.LINK:
                return f"Send a link to {plain_key(way.target)}"
            case ProofKind.CODE:
                return f"Send a code to {plain_key(way.target)}"
            case ProofKind.INVITATION:
                return f"Invite her to {title}"

    def _verify(self, connection: Connection, where: Where, wanted: str) -> None:
        way = next((one for one in self._proving.ways(connection, where.conversation) if one.value == wanted), None)
        if way is None:
            self._replies.tell(connection, where, "She cannot be asked that way any more; press “Ask to verify” again.")
        elif why := self._proving.ask(connection, where.conversation, way, where.agent, where.now):
            self._replies.tell(connection, where, f"Not asked: {why}")

    def _merge_form(self, connection: Connection, where: Where) -> Form | None:
        options: dict[str, str] = {}
        mine = links.together(connection, where.conversation.contact_id)
        for link in links.touching(connection, mine, LinkState.SUGGESTED):
            other = link.other_id if link.contact_id in mine else link.contact_id
            options[str(other)] = f"{self._linker.called(connection, other)}, as suggested"
        for found in finding.conversations_with(connection, [], offset=0, limit=2 * _MOST):
            if found.contact_id not in mine and len(options) < _MOST:
                called = self._linker.called(connection, found.contact_id)
                options.setdefault(str(found.contact_id), f"{called} · #{found.number}")
        if not options:
            self._replies.tell(connection, where, "There is nobody else whom she could be.")
            return None
        who = self._linker.called(connection, where.conversation.contact_id)
        return Form(
            title="Merge",
            submit="Same customer",
            text=f"Whoever you choose and {who} become one customer for all agents. Neither of them sees what the "
            "other wrote. It can be undone.",
            fields=(
                FormField(
                    id="contact",
                    label="Is the same as",
                    kind=FieldKind.SELECT,
                    options=tuple(Option(value=value, label=line(label, limit=75)) for value, label in options.items()),
                    optional=True,
                ),
                FormField(
                    id="number",
                    label="Or the number of a conversation of hers",
                    kind=FieldKind.TEXT,
                    optional=True,
                    hint="Such as #1042, for who is not in the list.",
                ),
                FormField(
                    id="reason", label="How do you know?", kind=FieldKind.TEXT, hint="Kept, and shown in the thread."
                ),
            ),
        )

    def _merge(self, connection: Connection, where: Where, value: str, fields: Mapping[str, str]) -> None:
        suggested = self._link(connection, where, value)
        if suggested is not None:
            self._accept(connection, where, suggested)
            return
        other = self._chosen(connection, fields)
        reason = line(fields.get("reason", ""), limit=300)
        if other is None:
            self._replies.tell(connection, where, "Not merged: choose who she is, or give a number such as #1042.")
        elif not reason:
            self._replies.tell(connection, where, "Not merged: say how you know, for whoever looks at it later.")
        elif not self._linker.link(
            connection,
            where.conversation.contact_id,
            other,
            Evidence.AGENT,
            why=f"{where.agent.name} says so: “{reason}”",
            now=where.now,
            actor=actor(where.agent),
            detail={"reason": reason, "by": where.agent.name},
            keep=where.conversation.id,
        ):
            self._replies.tell(connection, where, "They are one customer already.")

    def _chosen(self, connection: Connection, fields: Mapping[str, str]) -> UUID | None:
        number = fields.get("number", "").strip().lstrip("#")
        if number.isdecimal() and len(number) <= 9:
            found = repository.conversation_by_number(connection, int(number))
            return found.contact_id if found else None
        if number:
            return None
        try:
            chosen = UUID(fields.get("contact", ""))
        except ValueError:
            return None
        return chosen if contacts.find_contact(connection, chosen) is not None else None

    def _accept(self, connection: Connection, where: Where, suggested: Link) -> None:
        key = plain_key(str(suggested.detail.get("key", "")))
        why = f"{where.agent.name} says so; both have {key}."
        keep = where.conversation.id
        agent = actor(where.agent)
        if not self._linker.accept(connection, suggested, why=why, actor=agent, keep=keep, now=where.now):
            self._replies.tell(connection, where, _DONE)

    def _split(self, connection: Connection, where: Where, value: str) -> None:
        link = self._link(connection, where, value)
        if link is None or not self._linker.undo(
            connection, link, by=where.agent.name, actor=actor(where.agent), now=where.now
        ):
            self._replies.tell(connection, where, _DONE)
        elif link.state is LinkState.SUGGESTED:
            text = f"{where.agent.name} says that it is somebody else."
            self._dispatcher.notice(connection, where.conversation.id, from_plain(text), key=f"declined:{link.id}")

    def _link(self, connection: Connection, where: Where, value: str) -> Link | None:
        """The link of that id, if it is one of the customer's in this thread."""
        try:
            link = links.find(connection, UUID(value))
        except ValueError:
            return None
        mine = links.together(connection, where.conversation.contact_id)
        return link if link is not None and mine & {link.contact_id, link.other_id} else None

    def by(self, connection: Connection, where: Where) -> FormField | None:
        """From which of the customer's addresses an agent may choose; None: there is only one."""
        found = self._addresses(connection, where)
        if len(found) < 2:
            return None
        options = tuple(
            Option(value=str(one.id), label=line(steps.described(self._dispatcher, one), limit=75)) for one in found
        )
        return FormField(
            id="by",
            label="By",
            kind=FieldKind.SELECT,
            options=options,
            initial=str(found[0].id),
            hint="Further replies follow, until she writes on another channel.",
        )

    def _addresses(self, connection: Connection, where: Where) -> list[Address]:
        """The one that replies go to now, and the others that they could go to."""
        current = contacts.address_by_id(connection, where.conversation.address_id)
        return [current, *steps.others(connection, self._dispatcher, where.conversation, current, where.now)]

    def turn_to(self, connection: Connection, where: Where, wanted: str) -> Where | None:
        """The agent chose that address: replies go there; None: it is none that can be written to any more."""
        if not wanted or wanted == str(where.conversation.address_id):
            return where
        found = self._addresses(connection, where)
        address = next((one for one in found if str(one.id) == wanted), None)
        if address is None:
            return None
        repository.change_conversation(connection, where.conversation.id, address_id=address.id)
        data = {"account": address.account, "from": found[0].account}
        events.about(connection, Fact.SWITCHED_CHANNEL, where.conversation.id, where.now, actor(where.agent), data)
        there = steps.described(self._dispatcher, address)
        text = f"Replies go to {there} from now on: {where.agent.name} chose it."
        key = f"switched:{where.conversation.id}:{where.now.isoformat()}"
        self._dispatcher.notice(connection, where.conversation.id, from_plain(text), key=key)
        return replace(where, conversation=repository.conversation(connection, where.conversation.id))
