"""What customers do on their phones: each gesture changes the chat and tells the bot."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Literal

from sandbox.telegram.entities import MAX_CAPTION, MAX_TEXT, Entity, settle, units
from sandbox.telegram.files import StoredFile
from sandbox.telegram.messages import Json, Message, Person
from sandbox.telegram.reactions import REACTIONS
from sandbox.telegram.world import World

Kind = Literal["photo", "document", "voice", "video", "audio", "sticker", "location", "contact"]
_FIRST_USER = 700_000_001


class CustomerGestures:
    """The customers' half of the sandbox."""

    def __init__(self, world: World) -> None:
        self.world = world

    def add_customer(
        self, first_name: str, username: str | None = None, language_code: str | None = "en", photo: bytes | None = None
    ) -> int:
        """A new person with Telegram; her id is also the id of her private chat with the bot."""
        user = _FIRST_USER + len(self.world.people)
        person = Person(id=user, first_name=first_name, username=username, language_code=language_code)
        if photo is not None:
            person.photos.append(self.world.files.add("photo", "", "image/jpeg", photo))
        self.world.people[user] = person
        self.world.watches.tell({"kind": "customer", "user": user, "first_name": first_name})
        return user

    async def customer_starts(self, user: int, payload: str = "") -> int:
        """Presses Start, with the payload of a t.me link; unblocks the bot first where needed."""
        if self.world.person(user).blocked:
            await self.customer_unblocks(user)
        return await self.customer_writes(user, f"/start {payload}".strip())

    async def customer_writes(
        self, user: int, text: str, entities: Sequence[Entity] | None = None, reply_to: int | None = None
    ) -> int:
        """Writes a message and returns its id; over 4096 the app sends several, and the first id is returned."""
        person = self._awake(user)
        pieces = [text] if units(text) <= MAX_TEXT else _pieces(text)
        sent: list[Message] = []
        for piece in pieces:
            settled, found = settle(piece, list(entities or []) if len(pieces) == 1 else [])
            if not settled:
                raise ValueError("The app does not send an empty message; give customer_writes some text")
            sent.append(self._send(person, reply_to=reply_to, text=settled, entities=found))
        return sent[0].id

    async def customer_sends(
        self,
        user: int,
        kind: Kind,
        name: str = "",
        mime: str = "",
        data: bytes = b"",
        *,
        caption: str | None = None,
        media_group_id: str | None = None,
        reply_to: int | None = None,
        latitude: float = 52.52,
        longitude: float = 13.405,
        phone_number: str = "+15550100",
        contact_user_id: int | None = None,
    ) -> int:
        """Sends a file, a place or a contact; several calls with one `media_group_id` are an album."""
        person = self._awake(user)
        text, entities = settle(caption or "", [])
        if units(text) > MAX_CAPTION:
            raise ValueError(f"The app cuts captions at {MAX_CAPTION} characters, this one has {units(text)}")
        file: StoredFile | None = None
        details: Json | None = None
        if kind == "location":
            details = {"latitude": latitude, "longitude": longitude}
        elif kind == "contact":
            details = {"phone_number": phone_number, "first_name": name or person.first_name}
            details |= {"user_id": contact_user_id} if contact_user_id is not None else {}
        else:
            file = self.world.files.add(kind, name, mime, data)
        return self._send(
            person,
            reply_to=reply_to,
            kind=kind,
            file=file,
            details=details,
            text=text,
            entities=entities,
            media_group_id=media_group_id,
        ).id

    def album(self) -> str:
        """A fresh `media_group_id`."""
        return self.world.media_group()

    async def customer_edits(self, user: int, message_id: int, text: str) -> None:
        """Edits the text or caption of her own message."""
        message = self._own(user, message_id)
        message.text, message.entities = settle(text, [])
        message.edited = self.world.clock()
        self.world.changed("edited", message)
        self.world.delivery.add("edited_message", self.world.as_api(message), user)

    async def customer_deletes(self, user: int, message_id: int) -> None:
        """Deletes a message on both sides; bots are never told."""
        message = self._message(user, message_id)
        message.deleted = True
        self.world.changed("deleted", message)

    async def customer_reacts(self, user: int, message_id: int, emoji: str | None) -> None:
        """Sets or takes back a reaction; in private chats bots are not told."""
        if emoji is not None and emoji not in REACTIONS:
            raise ValueError(f"Telegram offers no reaction {emoji!r}; see sandbox/telegram/reactions.py")
        message = self._message(user, message_id)
        message.customer_reaction = emoji
        self.world.changed("reaction", message)

    async def customer_presses(self, user: int, message_id: int, data: str) -> str:
        """Presses the button that carries `data` and returns the callback query's id."""
        person = self._awake(user)
        message = self._message(user, message_id)
        offered = [button.get("callback_data") for row in message.keyboard or [] for button in row]
        if data not in offered:
            raise ValueError(f"Message {message_id} has no button {data!r}, only {offered}")
        press_id = str(secrets.randbits(62))
        self.world.remember_press(press_id, user)
        self.world.watches.tell({"kind": "pressed", "user": user, "message_id": message_id, "data": data})
        body = {
            "id": press_id,
            "from": person.as_user(),
            "chat_instance": str(user * 7919),
            "message": self.world.as_api(message),
            "data": data,
        }
        self.world.delivery.add("callback_query", body, user)
        return press_id

    async def customer_blocks(self, user: int) -> None:
        """Blocks the bot."""
        self._membership(user, blocked=True)

    async def customer_unblocks(self, user: int) -> None:
        """Lets the bot write again."""
        self._membership(user, blocked=False)

    def customer_deactivates(self, user: int) -> None:
        """Deletes her Telegram account; the bot learns it from its next call."""
        self.world.person(user).deactivated = True

    def _membership(self, user: int, *, blocked: bool) -> None:
        person = self.world.person(user)
        if person.blocked == blocked:
            return
        person.blocked = blocked
        person.started = True
        self.world.watches.tell({"kind": "blocked" if blocked else "unblocked", "user": user})
        body = {
            "chat": person.as_chat(),
            "from": person.as_user(),
            "date": int(self.world.clock()),
            "old_chat_member": self._member(banned=not blocked),
            "new_chat_member": self._member(banned=blocked),
        }
        self.world.delivery.add("my_chat_member", body, user)

    def _member(self, *, banned: bool) -> Json:
        if banned:
            return {"user": self.world.bot, "status": "kicked", "until_date": 0}
        return {"user": self.world.bot, "status": "member"}

    def _send(self, person: Person, **fields: Any) -> Message:
        reply_to = fields.get("reply_to")
        if reply_to is not None:
            self._message(person.id, reply_to)
        person.started = True
        message = self.world.keep(chat=person.id, from_bot=False, **fields)
        self.world.delivery.add("message", self.world.as_api(message), person.id)
        return message

    def _awake(self, user: int) -> Person:
        person = self.world.person(user)
        if person.blocked:
            raise ValueError(
                f"{person.first_name} has blocked the bot; call customer_unblocks or customer_starts first"
            )
        return person

    def _message(self, user: int, message_id: int) -> Message:
        message = self.world.message(self.world.person(user), message_id)
        if message is None:
            raise KeyError(f"The chat of {user} shows no message {message_id}")
        return message

    def _own(self, user: int, message_id: int) -> Message:
        message = self._message(user, message_id)
        if message.from_bot:
            raise ValueError(f"Message {message_id} was written by the bot; customers edit only their own")
        return message


def _pieces(text: str) -> list[str]:
    found: list[str] = []
    piece: list[str] = []
    size = 0
    for character in text:
        width = 2 if ord(character) > 0xFFFF else 1
        if size + width > MAX_TEXT:
            found.append("".join(piece))
            piece, size = [], 0
        piece.append(character)
        size += width
    return [piece for piece in (*found, "".join(piece)) if piece.strip()]
