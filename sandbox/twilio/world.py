"""What the sandbox's Twilio knows: one account, its senders and services, the customers' phones, all messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.twilio.messages import Json, Media, Message, Phone, channel_of, new_sid
from sandbox.watch import Watchers

MAX_MESSAGES = 50_000


@dataclass(slots=True, kw_only=True)
class Line:
    """A number, WhatsApp sender or RCS sender of the account."""

    address: str
    #: Where its messages are brought; a fragment such as `#rc=2&rp=all` says how often.
    webhook: str = ""
    fallback: str = ""
    service: str = ""
    #: Messages a second that its carriers take.
    rate: float = 1.0
    free_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Service:
    """A messaging service: senders that act as one."""

    sid: str
    lines: list[str] = field(default_factory=list)
    webhook: str = ""
    #: Says OptOutType, and also looks after WhatsApp and RCS.
    advanced_opt_out: bool = False
    #: Exchanges typographic signs for plain ones.
    smart_encoding: bool = False


class World:
    """State behind every call and gesture."""

    def __init__(self, account_sid: str, clock: Callable[[], float]) -> None:
        self.account_sid = account_sid
        self.clock = clock
        self.account_status = "active"
        self.lines: dict[str, Line] = {}
        self.services: dict[str, Service] = {}
        self.phones: dict[str, Phone] = {}
        self.messages: dict[str, Message] = {}
        #: (sender or service, number) of everybody who answered STOP.
        self.opted_out: set[tuple[str, str]] = set()
        #: Countries that messages may not go to: calling codes such as "+7".
        self.closed_countries: set[str] = set()
        #: Sticky senders: which line a service wrote to a number from.
        self.sticky: dict[tuple[str, str], str] = {}
        self.watchers = Watchers()

    def phone(self, number: str) -> Phone:
        """A customer that a gesture names. Raises: KeyError with what to do."""
        if number not in self.phones:
            raise KeyError(f"No customer has the number {number}; add_customer returns those that exist")
        return self.phones[number]

    def owner(self, address: str) -> Phone | None:
        """Whose phone this is, by number or by WhatsApp's id."""
        name = address.rpartition(":")[2]
        found = (one for one in self.phones.values() if one.user_id and one.user_id == name)
        return self.phones.get(name) or next(found, None)

    def keep(self, **fields: Any) -> Message:
        """Writes a message down."""
        message = Message(sid=new_sid("MM" if fields.get("media") else "SM"), made_at=self.clock(), **fields)
        self.messages[message.sid] = message
        if len(self.messages) > MAX_MESSAGES:
            del self.messages[next(iter(self.messages))]
        self.changed(message)
        return message

    def changed(self, message: Message) -> None:
        """Tells who follows."""
        self.watchers.tell({"type": "message", "number": message.number, "message": message.as_shown()})

    def in_window(self, number: str, sender: str) -> bool:
        """Whether WhatsApp takes a free reply: she wrote to this sender within 24 hours."""
        since = self.clock() - 24 * 3600
        return any(
            one.direction == "inbound" and one.number == number and one.to == sender and one.made_at >= since
            for one in reversed(self.messages.values())
        )

    def opt_out_key(self, line: Line, number: str) -> tuple[str, str]:
        """STOP counts for all senders of a service at once."""
        return (line.service or line.address, number)

    def line_for(self, service: Service, to: str, number: str) -> Line | None:
        """The sender a service writes from: the same as before, else the first that fits."""
        channel = channel_of(to)
        wanted = {"sms", "rcs"} if channel == "sms" and self.phones.get(number) else {channel}
        fits = [name for name in service.lines if channel_of(name) in wanted]
        # RCS goes first where the phone takes it.
        fits.sort(key=lambda name: channel_of(name) != "rcs")
        phone = self.phones.get(number)
        if channel == "sms" and phone is not None and not phone.has_rcs:
            fits = [name for name in fits if channel_of(name) == "sms"]
        known = self.sticky.get((service.sid, number))
        name = known if known in fits else next(iter(fits), None)
        return self.lines[name] if name is not None else None

    def media(self, sid: str, message: str) -> Media | None:
        """A file of that message."""
        found = self.messages.get(message)
        return next((one for one in found.media if one.sid == sid), None) if found else None

    def snapshot(self) -> Json:
        """Everything a page draws, as JSON."""
        return {
            "senders": [
                {"address": one.address, "service": one.service, "webhook": one.webhook} for one in self.lines.values()
            ],
            "customers": [
                {
                    "number": phone.number,
                    "name": phone.name,
                    "opted_out": [key for key, number in self.opted_out if number == phone.number],
                    "messages": [
                        one.as_shown()
                        for one in self.messages.values()
                        if one.number == phone.number and (one.shown or one.direction == "inbound")
                    ],
                }
                for phone in self.phones.values()
            ],
        }
