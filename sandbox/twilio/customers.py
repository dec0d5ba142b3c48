"""What customers do on their phones: each gesture is a message to one of the account's senders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sandbox.twilio.carrier import Carrier
from sandbox.twilio.delivery import Delivery, Webhook
from sandbox.twilio.messages import Json, Media, Message, Phone, bare, channel_of, new_sid
from sandbox.twilio.segments import segments
from sandbox.twilio.world import Line, World

MOST_CHARACTERS = 1600
#: https://help.twilio.com/articles/223134027
STOP = frozenset("STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT".split())
START = frozenset("START UNSTOP".split())
HELP = frozenset("HELP INFO".split())
_ANSWERS = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP "
    "to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


class CustomerGestures(ABC):
    """The customers' half of the sandbox."""

    def __init__(self, world: World, delivery: Delivery, carrier: Carrier) -> None:
        self.world, self.delivery, self.carrier = world, delivery, carrier

    @property
    @abstractmethod
    def url(self) -> str:
        """The base URL in place of https://api.twilio.com."""

    def add_customer(
        self, name: str, number: str = "", *, city: str = "", state: str = "", country: str = "", user_id: str = ""
    ) -> str:
        """A new person with a phone; returns her number."""
        number = number or f"+1202555{100 + len(self.world.phones):04}"
        self.world.phones[number] = Phone(
            number=number, name=name, city=city, state=state, country=country, user_id=user_id
        )
        self.world.watchers.tell({"type": "customer", "number": number, "name": name})
        return number

    def phone(self, number: str) -> list[Message]:
        """What stands on her phone, oldest first, both ways."""
        self.world.phone(number)
        found = (one for one in self.world.messages.values() if one.number == number)
        return [one for one in found if one.shown or one.direction == "inbound"]

    def customer_writes(self, number: str, text: str, *, to: str = "", reply_to: str = "", **fields: str) -> str:
        """Writes to a sender and returns the message's sid; of a text over 1600 characters the last part's.

        `fields` are further ones of the webhook, as `ButtonPayload` after a press.
        """
        if not text.strip():
            raise ValueError("The phone does not send an empty message; give customer_writes some text")
        parts = _parts(text)
        return [self._send(number, to, body=part, reply_to=reply_to, fields=fields).sid for part in parts][-1]

    def customer_sends(
        self, number: str, mime: str, data: bytes, *, text: str = "", to: str = "", reply_to: str = "", more: int = 0
    ) -> str:
        """Sends a file with words, and the same file `more` times beside it."""
        media = [Media(sid=new_sid("ME"), mime=mime, data=data) for _ in range(1 + more)]
        return self._send(number, to, body=text, media=media, reply_to=reply_to, fields={}).sid

    def customer_shares_place(self, number: str, latitude: float, longitude: float, label: str = "") -> str:
        """Shares where she is, which WhatsApp and RCS can."""
        fields = {"Latitude": str(latitude), "Longitude": str(longitude), "MessageType": "location"}
        return self._send(number, "", body="", fields={**fields, **({"Label": label} if label else {})}).sid

    def customer_reads(self, number: str) -> None:
        """Opens the chat: what stands there is read, where the channel tells."""
        for one in self.phone(number):
            if one.direction == "outbound-api" and channel_of(one.sender) != "sms" and one.status == "delivered":
                self.carrier.advance(one, "read")

    def customer_blocks(self, number: str) -> None:
        """Blocks the sender on WhatsApp or RCS; nothing tells us before a message fails."""
        self.world.phone(number).error = 63014

    def customer_loses_signal(self, number: str, error: int = 30003) -> None:
        """Nothing reaches the phone; 0: everything does again."""
        self.world.phone(number).error = error

    def _line(self, to: str) -> Line:
        if to:
            return self.world.lines[to]
        return next(iter(self.world.lines.values()))

    def _send(self, number: str, to: str, *, fields: dict[str, str], **content: Any) -> Message:
        phone, line = self.world.phone(number), self._line(to)
        sender = phone.address(channel_of(line.address))
        message = self.world.keep(
            direction="inbound",
            sender=sender,
            to=line.address,
            number=number,
            service=line.service,
            status="received",
            sent_at=self.world.clock(),
            **content,
        )
        keyword = self._keyword(line, message)
        self._bring(phone, line, message, {**fields, **keyword})
        return message

    def _keyword(self, line: Line, message: Message) -> dict[str, str]:
        """Does what STOP, START and HELP ask for; what the webhook says of it."""
        service = self.world.services.get(line.service)
        advanced = service is not None and service.advanced_opt_out
        word = message.body.strip().upper()
        kind = next((name for name, words in (("STOP", STOP), ("START", START), ("HELP", HELP)) if word in words), "")
        if not kind or (channel_of(line.address) != "sms" and not advanced):
            return {}
        key = self.world.opt_out_key(line, message.number)
        if kind == "STOP":
            self.world.opted_out.add(key)
        if kind == "START":
            self.world.opted_out.discard(key)
        answer = self.world.keep(
            direction="outbound-reply",
            sender=line.address,
            to=message.sender,
            number=message.number,
            body=_ANSWERS[kind],
            status="delivered",
            shown=True,
        )
        self.world.changed(answer)
        return {"OptOutType": kind} if advanced else {}

    def _bring(self, phone: Phone, line: Line, message: Message, more: dict[str, str]) -> None:
        channel, account = channel_of(line.address), self.world.account_sid
        fields = {
            "AccountSid": account,
            "ApiVersion": "2010-04-01",
            "Body": message.body,
            "From": message.sender,
            "MessageSid": message.sid,
            "NumMedia": str(len(message.media)),
            "NumSegments": str(segments(message.body)),
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "To": line.address,
        }
        for number, one in enumerate(message.media):
            path = f"/2010-04-01/Accounts/{account}/Messages/{message.sid}/Media/{one.sid}"
            fields |= {f"MediaUrl{number}": f"{self.url}{path}", f"MediaContentType{number}": one.mime}
        if line.service:
            fields["MessagingServiceSid"] = line.service
        if channel == "sms":
            fields |= {"FromCity": phone.city.upper(), "FromState": phone.state, "FromCountry": phone.country}
            fields |= {"FromZip": "", "ToCity": "", "ToState": "", "ToCountry": "US", "ToZip": ""}
        if channel == "whatsapp":
            fields |= {"ProfileName": phone.name, "MessageType": "text"}
            fields |= {} if phone.user_id else {"WaId": bare(message.sender).lstrip("+")}
        if message.reply_to:
            fields |= {"OriginalRepliedMessageSid": message.reply_to, "OriginalRepliedMessageSender": line.address}
        service = self.world.services.get(line.service)
        webhook = service.webhook if service is not None and service.webhook else line.webhook
        if webhook:
            self.delivery.add(message.number, Webhook(url=webhook, fields=fields | more, fallback=line.fallback))

    def customers(self) -> list[Json]:
        """Everybody with a phone."""
        return [{"number": one.number, "name": one.name} for one in self.world.phones.values()]


def _parts(text: str) -> list[str]:
    """What the phone makes of a text that is too long for one message."""
    found, piece, size = [], "", 0
    for char in text:
        width = 2 if ord(char) > 0xFFFF else 1
        if size + width > MOST_CHARACTERS:
            found.append(piece)
            piece, size = "", 0
        piece, size = piece + char, size + width
    return [*found, piece]
