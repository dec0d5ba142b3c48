"""Asks customers to prove that another address is theirs, too, and takes their answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import keys
from core.contacts import repository as contacts
from core.contacts.keys import KeyKind
from core.contacts.links import Evidence
from core.contacts.models import Address
from core.contacts.naming import plain_key
from core.contacts.service import ContactService
from core.contracts.content import Capabilities
from core.contracts.posts import Tone
from core.contracts.text import from_plain, line
from core.contracts.workplace import AgentProfile
from core.conversations import events
from core.conversations.dispatch import Dispatcher
from core.conversations.events import Fact
from core.conversations.models import Conversation
from core.conversations.service import CUSTOMER, actor
from core.identity import proofs
from core.identity.linking import Linker
from core.identity.proofs import LASTS, MOST_TRIES, Asked, ProofKind, Signer
from core.outbox.jobs import NewJob
from core.outbox.repository import Outbox
from core.storage.ids import new_id

_CODE = re.compile(r"\s*(\d{3})[\s-]?(\d{3})\s*")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()]{1,64}@[^\s@<>,;:\"()]{1,253}")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
#: Whoever claims an address can have us write to it only so often, and nobody is written to more often than this.
_MOST_TO_ONE, _MOST_OF_ONE = 3, 6
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way in which a customer can prove another address."""

    kind: ProofKind
    account: str
    #: "" for an invitation.
    target: str

    @property
    def value(self) -> str:
        return f"{self.kind.value}|{self.account}|{self.target}"


def claims(connection: Connection, contact_id: UUID) -> list[str]:
    """What the person says of herself and has not proven: `mailto:` and `tel:`."""
    mine = contacts.addresses_of(connection, contact_id)
    ids = [address.id for address in mine]
    claimed = keys.keys_of(connection, ids, KeyKind.CLAIMED)
    if not claimed:
        return []
    proven = set(keys.keys_of(connection, ids, KeyKind.SIGNED_MAIL, KeyKind.VOUCHED_MAIL))
    for address in mine:
        if address.verified_at is not None:
            proven |= {f"mailto:{address.email.lower()}", f"tel:{address.phone}"}
    return [key for key in claimed if key not in proven]


class Proving:
    """Every method runs inside the transaction of its cause."""

    def __init__(
        self,
        linker: Linker,
        contact_service: ContactService,
        dispatcher: Dispatcher,
        outbox: Outbox,
        signer: Signer,
        channels: Mapping[str, Capabilities],
        *,
        links_work: bool,
    ) -> None:
        self._linker = linker
        self._contacts = contact_service
        self._dispatcher = dispatcher
        self._outbox = outbox
        self._signer = signer
        self._channels = channels
        #: There is a public address that a link could lead to.
        self._links_work = links_work

    def ways(self, connection: Connection, conversation: Conversation) -> list[Way]:
        """What she could be asked to do, the most telling first."""
        found = []
        for claim in claims(connection, conversation.contact_id):
            kind = claim.partition(":")[0]
            plain = plain_key(claim)
            if kind == "mailto" and (not self._links_work or not _ADDRESS.fullmatch(plain)):
                continue
            if kind == "tel" and not _NUMBER.fullmatch(plain):
                continue
            account = next((name for name, has in self._channels.items() if has.writes_first == kind), None)
            if account is not None:
                how = ProofKind.LINK if kind == "mailto" else ProofKind.CODE
                found.append(Way(kind=how, account=account, target=claim))
        hers = {address.account for address in contacts.addresses_of(connection, conversation.contact_id)}
        for name, has in self._channels.items():
            if has.invites and name not in hers:
                found.append(Way(kind=ProofKind.INVITATION, account=name, target=""))
        return found

    def ask(
        self, connection: Connection, conversation: Conversation, way: Way, agent: AgentProfile, now: datetime
    ) -> str:
        """Has her asked; "" or, where that must not be, why not."""
        if proofs.count_of(connection, contacts.linked(conversation.contact_id), now - _DAY) >= _MOST_OF_ONE:
            return f"She was asked {_MOST_OF_ONE} times in a day already; try again tomorrow."
        if way.target and proofs.count_to(connection, way.target, now - _HOUR) >= _MOST_TO_ONE:
            return f"{_MOST_TO_ONE} messages went to {plain_key(way.target)} in an hour already; try again later."
        asked = Asked(
            id=new_id(),
            kind=way.kind,
            contact_id=conversation.contact_id,
            address_id=conversation.address_id,
            conversation_id=conversation.id,
            account=way.account,
            target=way.target,
            actor=actor(agent),
            actor_name=line(agent.name, limit=200),
            tries=0,
            created_at=now,
            expires_at=now + LASTS[way.kind],
        )
        proofs.add(connection, asked)
        self._outbox.add(
            connection,
            NewJob(
                key=f"prove:{asked.id}",
                op="prove",
                payload={"proof": str(asked.id)},
                lane=f"prove:{asked.id}",
                scope=way.account,
                expires_at=asked.expires_at,
            ),
        )
        data = {"proof": str(asked.id), "kind": way.kind.value, "account": way.account}
        events.about(connection, Fact.PROOF_ASKED, conversation.id, now, asked.actor, data)
        self._tell(connection, asked, f"{agent.name} {_asks(way, self._dispatcher.title(way.account))}", "asked")
        return ""

    def confirm(self, connection: Connection, token: str, now: datetime) -> Asked | None:
        """The link was opened and its button pressed; None: it is none of ours, or cannot be used any more."""
        asked = self.linked(connection, token)
        if asked is None or not asked.open(now) or not proofs.use(connection, asked, now):
            return None
        why = f"she confirmed the link that was sent to {plain_key(asked.target)}."
        self._proven(connection, asked, Evidence.LINK, why, now)
        return asked

    def linked(self, connection: Connection, token: str) -> Asked | None:
        """What a link asks, whether or not it can still be answered; None: we made no such link."""
        asked = self._signer.read(connection, token)
        return asked if asked is not None and asked.kind is ProofKind.LINK else None

    def brought(self, connection: Connection, token: str, address: Address, now: datetime) -> None:
        """She brought an invitation's token to the account that it leads to; any other token changes nothing."""
        asked = self._signer.read(connection, token)
        if asked is None or asked.kind is not ProofKind.INVITATION or asked.account != address.account:
            return
        # The same token on the way in again, as when an item is redone, says nothing new.
        if not asked.open(now) or not proofs.use(connection, asked, now):
            return
        why = "she followed the invitation that was written to her in this conversation."
        self._record(connection, asked, now)
        self._linker.link(
            connection,
            asked.contact_id,
            address.contact_id,
            Evidence.INVITATION,
            why=why,
            now=now,
            actor=CUSTOMER,
            detail={"proof": str(asked.id)},
            keep=asked.conversation_id,
        )

    def wrote(self, connection: Connection, address: Address, text: str, now: datetime) -> None:
        """She wrote something that may be the code that we wait for from that address."""
        found = _CODE.fullmatch(text)
        asked = proofs.latest_code(connection, address.id) if found else None
        if found is None or asked is None or not asked.open(now):
            return
        if not self._signer.fits(asked, found[1] + found[2]):
            left = MOST_TRIES - proofs.tried(connection, asked)
            rest = f"{left} tries are left" if left else "it cannot be tried again, so ask her anew"
            text = f"That is not the code that was sent to {plain_key(asked.target)}: {rest}."
            self._tell(connection, asked, text, f"wrong:{left}", tone=Tone.FAILURE)
            return
        if proofs.use(connection, asked, now):
            why = f"she wrote here the code that was sent to {plain_key(asked.target)}."
            self._proven(connection, asked, Evidence.CODE, why, now)

    def _proven(self, connection: Connection, asked: Asked, evidence: Evidence, why: str, now: datetime) -> None:
        kind, plain = asked.target.partition(":")[0], plain_key(asked.target)
        email, phone = (plain, "") if kind == "mailto" else ("", plain)
        address = self._contacts.ensure(connection, asked.account, plain, email=email, phone=phone, now=now)
        contacts.change_address(connection, address.id, {"verified_at": now})
        self._record(connection, asked, now)
        new = self._linker.link(
            connection,
            asked.contact_id,
            address.contact_id,
            evidence,
            why=why,
            now=now,
            actor=CUSTOMER,
            detail={"proof": str(asked.id)},
            keep=asked.conversation_id,
        )
        if not new:
            # One customer already, by other evidence.
            self._tell(connection, asked, f"{plain} is proven to be the customer's: {why}", "proven")
            self._dispatcher.refresh_card(connection, asked.conversation_id, now)

    def _record(self, connection: Connection, asked: Asked, now: datetime) -> None:
        data = {"proof": str(asked.id), "kind": asked.kind.value, "account": asked.account}
        events.about(connection, Fact.PROVEN, asked.conversation_id, now, CUSTOMER, data)

    def _tell(self, connection: Connection, asked: Asked, text: str, what: str, *, tone: Tone = Tone.NOTICE) -> None:
        key = f"proof:{asked.id}:{what}"
        self._dispatcher.notice(connection, asked.conversation_id, from_plain(text), key=key, tone=tone)

    def failed(self, connection: Connection, asked: Asked, sentence: str) -> None:
        """What was to ask her could not be sent."""
        where = plain_key(asked.target) or self._dispatcher.title(asked.account)
        text = f"She could not be asked ({where}): {sentence} Press “Ask to verify” to try again."
        self._tell(connection, asked, text, "failed", tone=Tone.FAILURE)


def _asks(way: Way, title: str) -> str:
    match way.kind:
        case ProofKind.LINK:
            return f"asked the customer to prove that {plain_key(way.target)} is hers: a link is on its way there."
        case ProofKind.CODE:
            return (
                f"asked the customer to prove that {plain_key(way.target)} is hers: a code is on its way there. "
                "Ask her to write it here."
            )
        case ProofKind.INVITATION:
            return f"invites the customer to go on by {title}."
