"""Messages, media and phones as the sandbox keeps them, and the resources that the API shows of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal

from sandbox.twilio.segments import segments

Json = dict[str, Any]
Direction = Literal["inbound", "outbound-api", "outbound-reply"]
CHANNELS = ("whatsapp", "rcs")


def new_sid(prefix: str) -> str:
    """An id as Twilio makes them."""
    return prefix + secrets.token_hex(16)


def channel_of(address: str) -> str:
    """ "sms", "whatsapp" or "rcs"."""
    channel, colon, _ = address.partition(":")
    return channel if colon else "sms"


def bare(address: str) -> str:
    """An address without the channel before it."""
    return address.rpartition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file of a message."""

    sid: str
    mime: str
    data: bytes


@dataclass(slots=True, kw_only=True)
class Phone:
    """A customer and what her phone can do."""

    number: str
    name: str
    city: str = ""
    state: str = ""
    country: str = ""
    landline: bool = False
    #: Ends every message to her with this error, as 30003 while her phone is off; 0: they arrive.
    error: int = 0
    has_whatsapp: bool = True
    has_rcs: bool = True
    #: Her WhatsApp shows no number to businesses: they see this instead, such as "AT.1349…".
    user_id: str = ""

    def address(self, channel: str) -> str:
        """What a webhook names her."""
        shown = self.user_id if channel == "whatsapp" and self.user_id else self.number
        return shown if channel == "sms" else f"{channel}:{shown}"


@dataclass(slots=True, kw_only=True)
class Message:
    """One message, either way."""

    sid: str
    direction: Direction
    sender: str
    to: str
    body: str
    made_at: float
    #: The phone it goes to or comes from.
    number: str
    media: Sequence[Media] = ()
    service: str = ""
    status: str = "queued"
    error: int = 0
    sent_at: float | None = None
    callback: str = ""
    reply_to: str = ""
    #: Reached the phone.
    shown: bool = False
    history: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """What the phone shows of the text: Twilio drops it beside WhatsApp files that are no pictures."""
        is_dropped = self.direction != "inbound" and channel_of(self.sender) == "whatsapp"
        return "" if is_dropped and any(not one.mime.startswith("image/") for one in self.media) else self.body

    def as_api(self, account: str) -> Json:
        """The Message resource."""
        uri = f"/2010-04-01/Accounts/{account}/Messages/{self.sid}"
        return {
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": rfc2822(self.made_at),
            "date_sent": rfc2822(self.sent_at) if self.sent_at is not None else None,
            "date_updated": rfc2822(self.sent_at or self.made_at),
            "direction": self.direction,
            "error_code": self.error or None,
            "error_message": None,
            "from": self.sender or None,
            "messaging_service_sid": self.service or None,
            "num_media": str(len(self.media)),
            "num_segments": str(segments(self.body)),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }

    def as_shown(self) -> Json:
        """What the phone draws."""
        return {
            "sid": self.sid,
            "from_customer": self.direction == "inbound",
            "sender": self.to if self.direction == "inbound" else self.sender,
            "text": self.words,
            "media": [{"sid": one.sid, "mime": one.mime, "size": len(one.data)} for one in self.media],
            "segments": segments(self.body),
            "status": self.status,
            "error": self.error,
            "at": self.made_at,
        }


def rfc2822(seconds: float) -> str:
    """A time as the API writes it, whole seconds only."""
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC))
