"""What arrives from a customer channel: who wrote, and everything that can happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from core.contracts.content import Content
from core.contracts.errors import FailureReason

#: A vendor's id of a message, opaque to everyone but its adapter.
ExternalId = NewType("ExternalId", str)


class Proof(StrEnum):
    """What an address proves about who writes; from weakest to strongest."""

    ANONYMOUS = "anonymous"
    CLAIMED = "claimed"
    CHANNEL = "channel"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The customer as this account knows her."""

    #: The key of her address; unique within the account and stable for ever.
    external_id: str
    name: str = ""
    proof: Proof = Proof.CHANNEL
    username: str = ""
    email: str = ""
    phone: str = ""
    avatar_url: str = ""
    #: BCP 47, as the vendor gives it.
    language: str = ""
    #: IANA name.
    timezone: str = ""
    #: Further lines for the card, label to value: page, device.
    facts: Mapping[str, str] = field(default_factory=dict)
    #: What `send` needs again and nobody else understands (a chat id, a subject); replaces what was stored before.
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: Further ids of hers on this account that the same payload vouches for: a `wa_id` beside the BSUID.
    aliases: tuple[str, ...] = ()
    #: Who she is to the business itself, by its signature: "<who signs>:<the user's id there>". The same on two
    #: accounts is one person. Counts with VERIFIED only.
    user: str = ""
    #: `email` is proven to be hers: signed by the business (VERIFIED), or vouched for by its domain (CHANNEL, DMARC).
    email_proven: bool = False
    #: By what she may be somebody we know, "tel:" and E.164 or "mailto:" and an address: shown to agents, who decide.
    suggests: tuple[str, ...] = ()
    #: What she says of herself and nobody vouches for, written likewise: shown as a claim, never linked by, and she can
    #: be asked to prove it.
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of everything that arrives. `event_id` is the vendor's own, or a hash: the same event twice has the same."""

    event_id: str
    #: When it happened, by the vendor's clock.
    at: datetime
    #: Its number, where the vendor numbers an account's events consecutively: lets the core put late ones in order.
    order: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(Event):
    sender: Sender
    external_id: ExternalId
    content: Content
    #: The message she answers to, in either direction.
    quote: ExternalId | None = None
    #: Ids of earlier messages that prove which conversation this continues (email: References), newest first.
    continues: tuple[ExternalId, ...] = ()
    #: Conversation token that `OutboundMessage.token` carried out and that came back.
    token: str = ""
    #: What `Invites.invitation` carried out and she brought back (`/start <token>`, a prefilled text): proves who she
    #: is.
    proof_token: str = ""
    subject: str = ""
    #: Written by a machine (auto-reply, bounce): shown, but reopens nothing and is never auto-answered.
    automated: bool = False
    #: The whole text where `content` is a shortened view of it (a mail with its quoted history).
    full_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited(Event):
    external_id: ExternalId
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted(Event):
    external_id: ExternalId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionChanged(Event):
    external_id: ExternalId
    #: Unicode; None: taken away.
    emoji: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceMade(Event):
    sender: Sender
    #: The message that offered the choice; "" where the vendor does not say.
    external_id: ExternalId
    value: str
    label: str
    #: The id of her answer, where a press is a message of its own that can be quoted.
    answer_id: ExternalId | None = None


class DeliveryStatus(StrEnum):
    """How far an outgoing message came; only ever moves down this list."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(Event):
    external_id: ExternalId
    status: DeliveryStatus
    #: A sentence, for `failed`.
    problem: str = ""
    #: Why, for `failed`: WINDOW_CLOSED closes the window, OPTED_OUT is kept on the address.
    reason: FailureReason = FailureReason.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUpTo(Event):
    """The customer has read everything up to this message of ours."""

    sender_id: str
    external_id: ExternalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing(Event):
    """Shown while it lasts, never stored."""

    sender_id: str


class OptOut(StrEnum):
    """What a customer does not want from us on one address."""

    #: Nothing at all: she answered STOP. No reply leaves until she lifts it.
    ALL = "all"
    #: She blocked us at the vendor; nothing automatic leaves, a reply is the vendor's to refuse. Writing to us ends it.
    BLOCKED = "blocked"
    #: No marketing: templates of that category do not leave.
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachabilityChanged(Event):
    """The customer blocked us, opted out, or came back. One that comes with a message follows it in `parse`."""

    sender_id: str
    #: True lifts what `kind` names.
    reachable: bool
    #: A sentence for the agent, such as "Ada blocked the bot."
    sentence: str
    kind: OptOut = OptOut.BLOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowChanged(Event):
    """The vendor says until when a reply may be sent to her, as after a call or an ad; a message says so by itself."""

    sender_id: str
    #: None: it is closed now.
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChanged(Event):
    """The vendor says that the customer with one id has another from now on; the old one may become somebody else's."""

    before: str
    after: str
    #: Her number changed, so what was known by the old one is not shown any more; False: only the vendor's id did.
    renumbered: bool = True
