"""What customers do in WhatsApp: each gesture changes the chat and tells the business."""

from __future__ import annotations

import base64
import json
import secrets
from abc import ABC, abstractmethod
from typing import Any, Literal

from sandbox.graph.account import Account, Shared
from sandbox.graph.delivery import Delivery
from sandbox.graph.shapes import Message, Person
from sandbox.graph.whatsapp_checks import CAPTION, MEDIA, TEXT
from sandbox.graph.wire import Json, NotPossible, digits, number_id, status_error, wamid

Kind = Literal["image", "video", "audio", "document", "sticker"]
#: The app that answers in Meta's name.
BUSINESS_AGENT = "meta_business_agent"


class WhatsAppCustomers(Account, ABC):
    """The customers' half of one number."""

    product = "whatsapp"

    def __init__(self, shared: Shared, delivery: Delivery) -> None:
        super().__init__(shared, delivery)
        self.waba_id = number_id()
        self.phone_number_id = number_id()
        self.display_number = "15550001111"
        self.verified_name = "Lumen & Loom"
        #: The number is used in the WhatsApp Business app too: edits and deletes are passed on.
        self.coexistence = True
        self.templates: dict[str, Json] = {}

    # What the business is told.

    def contact(self, person: Person) -> Json:
        """Her entry in `contacts`."""
        profile = {"name": person.name} | ({"username": person.username} if person.username else {})
        return {"profile": profile, "user_id": person.id} | ({"wa_id": person.phone} if person.phone else {})

    def tell(self, field: str, value: Json, *, lane: str, framed: bool = True) -> None:
        """One change of that field."""
        metadata = {"display_phone_number": self.display_number, "phone_number_id": self.phone_number_id}
        frame = {"messaging_product": "whatsapp", "metadata": metadata} if framed else {}
        self.delivery.add(self.waba_id, {"field": field, "value": frame | value}, lane=lane, field=field)

    def _tell_message(self, person: Person, message_id: str, kind: str, body: Any, **more: Any) -> None:
        sender = {"from_user_id": person.id} | ({"from": person.phone} if person.phone else {})
        told = sender | {"id": message_id, "timestamp": str(int(self.now)), "type": kind}
        told |= ({kind: body} if body is not None else {}) | {key: one for key, one in more.items() if one}
        field = "standby" if person.owner else "messages"
        self.tell(field, {"contacts": [self.contact(person)], "messages": [told]}, lane=person.id)

    # Who she is.

    def add_customer(self, name: str, *, username: str = "", phone: str = "", country: str = "DE") -> str:
        """Somebody with WhatsApp; her id is her BSUID. Without `phone` she hides it behind a username."""
        user = f"{country}.{number_id(17)}"
        self.people[user] = Person(id=user, name=name, username=username, phone=digits(phone))
        self.shared.watchers.tell({"kind": "customer", "product": self.product, "user": user, "name": name})
        return user

    # What she does.

    async def customer_writes(
        self,
        user: str,
        text: str,
        *,
        reply_to: str = "",
        forwarded: bool = False,
        referral: Json | None = None,
        group: str = "",
    ) -> str:
        """Writes a message and returns its id; her app cuts what is over 4096, and the first id is returned."""
        if not text.strip():
            raise ValueError("The app does not send an empty message; give customer_writes some text")
        pieces = [text[start : start + TEXT] for start in range(0, len(text), TEXT)]
        ids = [
            self._send(
                user,
                "text",
                {"body": piece},
                text=piece,
                reply_to=reply_to,
                forwarded=forwarded,
                group=group,
                referral=referral,
            )
            for piece in pieces
        ]
        return ids[0]

    async def customer_sends(
        self,
        user: str,
        kind: Kind,
        name: str = "",
        mime: str = "",
        data: bytes = b"",
        *,
        caption: str = "",
        voice: bool = False,
        animated: bool = False,
        reply_to: str = "",
    ) -> str:
        """Sends a file."""
        if kind not in MEDIA:
            raise ValueError(f"WhatsApp has no media of kind {kind!r}; it has {', '.join(MEDIA)}")
        if caption and (kind in {"audio", "sticker"} or len(caption) > CAPTION):
            raise NotPossible(f"The app takes no such caption beside {kind}")
        media = self.file(name, mime, data)
        body: Json = {
            "id": media.id,
            "mime_type": mime,
            "sha256": base64.b64encode(bytes.fromhex(media.sha256)).decode(),
            "url": self.shared.media.node(media)["url"],
        }
        body |= ({"caption": caption} if caption else {}) | ({"filename": name} if kind == "document" else {})
        body |= {"voice": voice} if kind == "audio" else {"animated": animated} if kind == "sticker" else {}
        return self._send(user, kind, body, text=caption, media=media, reply_to=reply_to)

    async def customer_shares_location(
        self, user: str, latitude: float = 52.52, longitude: float = 13.405, *, name: str = "", address: str = ""
    ) -> str:
        """Shares a place."""
        body: Json = {"latitude": latitude, "longitude": longitude}
        body |= ({"name": name} if name else {}) | ({"address": address} if address else {})
        return self._send(user, "location", body)

    async def customer_shares_contact(self, user: str, name: str, phone: str) -> str:
        """Shares somebody's card."""
        card = {
            "name": {"formatted_name": name, "first_name": name.partition(" ")[0]},
            "phones": [{"phone": phone, "wa_id": digits(phone), "type": "CELL"}],
        }
        return self._send(user, "contacts", [card])

    async def customer_presses(self, user: str, message_id: str, value: str) -> str:
        """Presses a button, or chooses a row, of a message of ours; returns the id of what she sends by it."""
        offer = self.message(message_id, user)
        label = next((label for one, label in offer.buttons if one == value), None)
        if label is None:
            raise NotPossible(f"Message {message_id} offers {offer.buttons}, not {value!r}")
        if offer.kind == "template":
            return self._send(user, "button", {"payload": value, "text": label}, text=label, reply_to=message_id)
        kind = "list_reply" if "sections" in str(offer.details) else "button_reply"
        body = {"type": kind, kind: {"id": value, "title": label}}
        return self._send(user, "interactive", body, text=label, reply_to=message_id)

    async def customer_answers_flow(self, user: str, message_id: str, answers: Json) -> str:
        """Hands a form in."""
        reply = {"response_json": json.dumps(answers), "body": "Sent", "name": "flow"}
        return self._send(user, "interactive", {"type": "nfm_reply", "nfm_reply": reply}, reply_to=message_id)

    async def customer_reacts(self, user: str, message_id: str, emoji: str | None) -> None:
        """Sets or takes back a reaction."""
        target = self.message(message_id, user)
        target.customer_reaction = emoji or ""
        self.changed("reaction", target)
        person = self._awake(user)
        body = {"message_id": message_id} | ({"emoji": emoji} if emoji else {})
        self._tell_message(person, wamid(person.phone), "reaction", body)

    async def customer_edits(self, user: str, message_id: str, text: str) -> None:
        """Edits her own text or caption, within 15 minutes."""
        message = self.own(user, message_id)
        if self.now - message.at > 900:
            raise NotPossible("The app offers no edit any more after 15 minutes")
        message.text, message.edited = text, message.edited + 1
        self.changed("edited", message)
        person = self._awake(user)
        if not self.coexistence:
            self._unsupported(person, "edit")
            return
        inner: Json = {"type": message.kind, message.kind: {"body": text}}
        if message.media is not None:
            inner = {"type": message.kind, message.kind: {"id": message.media.id, "caption": text}}
        body = {"original_message_id": message_id, "message": inner}
        self._tell_message(person, wamid(person.phone), "edit", body)

    async def customer_deletes(self, user: str, message_id: str) -> None:
        """Takes her own message back for everyone."""
        message = self.own(user, message_id)
        message.deleted = True
        self.changed("deleted", message)
        person = self._awake(user)
        if self.coexistence:
            self._tell_message(person, wamid(person.phone), "revoke", {"original_message_id": message_id})
        else:
            self._unsupported(person, "revoke")

    async def customer_sends_unsupported(self, user: str, what: str = "poll_creation") -> str:
        """Sends something that the API does not show."""
        return self._unsupported(self._awake(user), what)

    async def customer_reads(self, user: str) -> None:
        """Opens the chat: everything of ours there is read, unless her privacy settings hide it."""
        person = self._awake(user)
        person.read_at = self.now
        for message in list(self.messages.values()):
            if message.person == user and message.ours and message.status in {"sent", "delivered"}:
                self.report(message, "read")

    async def customer_plays(self, user: str, message_id: str) -> None:
        """Listens to a voice note of ours."""
        self.report(self.message(message_id, user), "played")

    def customer_blocks(self, user: str) -> None:
        """Blocks the business; the business learns it from its next message only."""
        self.person(user).blocked = True

    def customer_unblocks(self, user: str) -> None:
        """Lets the business write again."""
        self.person(user).blocked = False

    def customer_goes_offline(self, user: str) -> None:
        """Her phone is off: messages stay at `sent`."""
        self.person(user).offline = True

    def customer_comes_online(self, user: str) -> None:
        """Her phone is on: what waited is delivered."""
        self.person(user).offline = False
        for message in list(self.messages.values()):
            if message.person == user and message.ours and message.status == "sent":
                self.report(message, "delivered")

    async def customer_changes_number(self, user: str, phone: str, country: str = "DE") -> str:
        """Moves to another number; returns her new BSUID, under which her chat goes on."""
        person = self._awake(user)
        old_phone, new = person.phone, f"{country}.{number_id(17)}"
        del self.people[user]
        moved = Person(
            id=new, name=person.name, username=person.username, phone=digits(phone), wrote_at=person.wrote_at
        )
        self.people[new] = moved
        for message in self.messages.values():
            message.person = new if message.person == user else message.person
        body = {
            "type": "user_changed_number",
            "wa_id": moved.phone,
            "user_id": new,
            "body": f"User {person.name} changed from {old_phone} to {moved.phone}",
        }
        self._tell_message(person, wamid(old_phone), "system", body)
        update = {
            "wa_id": moved.phone,
            "detail": f"{person.name} changed",
            "user_id": {"previous": user, "current": new},
            "timestamp": str(int(self.now)),
        }
        self.tell("user_id_update", {"contacts": [self.contact(moved)], "user_id_update": [update]}, lane=user)
        return new

    async def customer_stops_marketing(self, user: str, *, stop: bool = True) -> None:
        """Wants no marketing messages any more, or wants them again."""
        person = self._awake(user)
        preference = {
            "wa_id": person.phone,
            "user_id": user,
            "detail": f"User requested to {'stop' if stop else 'resume'} marketing messages",
            "category": "marketing_messages",
            "value": "stop" if stop else "resume",
            "timestamp": int(self.now),
        }
        self.tell("user_preferences", {"contacts": [self.contact(person)], "user_preferences": [preference]}, lane=user)

    # What others at the business do.

    async def owner_writes(self, user: str, text: str) -> str:
        """Somebody answers in the WhatsApp Business app of the same number."""
        return self._echo(self.person(user), text, "smb_message_echoes", "whatsapp_business_app")

    async def agent_writes(self, user: str, text: str) -> str:
        """Meta's Business Agent answers a conversation that it holds."""
        return self._echo(self.person(user), text, "standby", BUSINESS_AGENT)

    def hand_over(self, user: str, app: str = BUSINESS_AGENT) -> None:
        """The conversation is another app's from now on; "": ours."""
        person = self.person(user)
        before, person.owner = person.owner, app
        kind = "control_passed" if app == "" else "control_taken"
        value = {
            "messaging_product": "whatsapp",
            "recipient": {"display_phone_number": self.display_number, "phone_number_id": self.phone_number_id},
            "sender": {"user_id": user} | ({"phone_number": person.phone} if person.phone else {}),
            "timestamp": str(int(self.now)),
            "type": kind,
            kind: {"previous_owner": before or "partner_app", "new_owner": app or "partner_app"},
        }
        self.tell("messaging_handovers", value, lane=user, framed=False)

    def _echo(self, person: Person, text: str, field: str, app: str) -> str:
        message_id = wamid(person.phone)
        self.keep(Message(id=message_id, person=person.id, ours=True, at=self.now, text=text, status="sent", app=app))
        echo: Json = {
            "from": self.display_number,
            "to_user_id": person.id,
            "id": message_id,
            "timestamp": str(int(self.now)),
            "type": "text",
            "text": {"body": text},
        } | ({"to": person.phone} if person.phone else {})
        self.tell(field, {"contacts": [self.contact(person)], "message_echoes": [echo]}, lane=person.id)
        return message_id

    def _unsupported(self, person: Person, what: str) -> str:
        message_id = wamid(person.phone)
        error = status_error(131051, "Message type unknown", "Message type is currently not supported.")
        self._tell_message(person, message_id, "unsupported", {"type": what}, errors=[error])
        return message_id

    def _send(
        self,
        user: str,
        kind: str,
        body: Any,
        *,
        reply_to: str = "",
        forwarded: bool = False,
        group: str = "",
        referral: Json | None = None,
        **fields: Any,
    ) -> str:
        person = self._awake(user)
        if reply_to:
            self.message(reply_to, user)
        message_id = wamid(person.phone or secrets.token_hex(6))
        person.wrote_at = self.now
        details = body if kind in {"location", "interactive"} else {"contacts": body} if kind == "contacts" else None
        if not group:
            self.keep(
                Message(
                    id=message_id,
                    person=user,
                    ours=False,
                    at=self.now,
                    kind=kind,
                    reply_to=reply_to,
                    details=details,
                    **fields,
                )
            )
        context: Json = {"from": self.display_number, "id": reply_to} if reply_to else {}
        context |= {"forwarded": True} if forwarded else {}
        self._tell_message(person, message_id, kind, body, context=context, referral=referral, group_id=group)
        return message_id

    def _awake(self, user: str) -> Person:
        person = self.person(user)
        if person.blocked:
            raise NotPossible(f"{person.name} has blocked the business; call customer_unblocks first")
        return person

    @abstractmethod
    def report(self, message: Message, status: str, errors: list[Json] | None = None) -> None:
        """A status of a message of ours; the number itself knows how."""
