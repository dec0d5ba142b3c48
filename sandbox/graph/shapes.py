"""People, files and messages as the sandbox remembers them, and a message as a customer's phone shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.graph.wire import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One file at Meta."""

    id: str
    name: str
    mime: str
    data: bytes
    sha256: str
    at: float


@dataclass(slots=True, kw_only=True)
class Person:
    """One customer as one business account knows her."""

    #: BSUID, PSID or IGSID.
    id: str
    name: str
    username: str = ""
    #: `wa_id`; "" for somebody who hides it, and outside WhatsApp.
    phone: str = ""
    photo: Media | None = None
    blocked: bool = False
    #: Her phone is off: nothing is delivered before it is on again.
    offline: bool = False
    #: When she last wrote or pressed: opens the reply window.
    wrote_at: float | None = None
    #: App that answers her now; "" is ours.
    owner: str = ""
    #: She has read our messages up to this moment.
    read_at: float = 0.0
    #: We are shown typing until then.
    typing_until: float = 0.0


@dataclass(slots=True, kw_only=True)
class Message:
    """One message, from either side."""

    id: str
    person: str
    ours: bool
    at: float
    #: text, image, video, audio, document, sticker, file, location, contacts, interactive, template, ...
    kind: str = "text"
    text: str = ""
    media: Media | None = None
    details: Json | None = None
    reply_to: str = ""
    #: (value, label)
    buttons: tuple[tuple[str, str], ...] = ()
    #: `biz_opaque_callback_data` or `metadata`: the sender's own.
    tag: str = ""
    #: accepted, sent, delivered, read, played or failed; of ours.
    status: str = ""
    edited: int = 0
    deleted: bool = False
    #: The business has seen it; of hers.
    seen: bool = False
    our_reaction: str = ""
    customer_reaction: str = ""
    #: Written by the business with another tool.
    app: str = ""

    def as_shown(self, url: str | None, shown: str) -> Bubble:
        """What the phone draws."""
        return Bubble(
            id=self.id,
            ours=self.ours,
            at=datetime.fromtimestamp(self.at, UTC),
            kind=self.kind,
            text=shown,
            raw=self.text,
            file_name=self.media.name if self.media else "",
            mime=self.media.mime if self.media else "",
            url=url,
            details=self.details,
            reply_to=self.reply_to,
            buttons=self.buttons,
            status=self.status,
            edited=self.edited > 0,
            deleted=self.deleted,
            our_reaction=self.our_reaction,
            customer_reaction=self.customer_reaction,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message as the customer's phone shows it."""

    id: str
    ours: bool
    at: datetime
    kind: str
    #: With the app's markup carried out.
    text: str
    #: As it was sent.
    raw: str
    file_name: str
    mime: str
    #: Where the file's bytes can be fetched, by anybody on this machine.
    url: str | None
    details: Mapping[str, Any] | None
    reply_to: str
    buttons: tuple[tuple[str, str], ...]
    status: str
    edited: bool
    deleted: bool
    our_reaction: str
    customer_reaction: str

    def as_json(self) -> Json:
        """The same for a page."""
        return asdict(self) | {"at": self.at.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the business, as recorded; without its token."""

    method: str
    verb: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    at: float = 0.0
