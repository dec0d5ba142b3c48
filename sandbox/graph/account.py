"""What the three products share: one business account, the people who write to it, and their chats."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.faults import Faults
from sandbox.graph.delivery import Delivery
from sandbox.graph.limits import Limits
from sandbox.graph.media import MediaStore
from sandbox.graph.shapes import Bubble, Media, Message, Person
from sandbox.graph.wire import Json, NotPossible
from sandbox.watch import Watchers

#: The oldest messages are forgotten beyond this many.
MAX_MESSAGES = 50_000
DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What one server gives to its accounts."""

    clock: Callable[[], float]
    faults: Faults
    limits: Limits
    media: MediaStore
    watchers: Watchers


class Account:
    """Base of a number, a Page, and an Instagram account."""

    #: "whatsapp", "messenger" or "instagram".
    product = ""

    def __init__(self, shared: Shared, delivery: Delivery) -> None:
        self.shared = shared
        self.delivery = delivery
        self.people: dict[str, Person] = {}
        self.messages: dict[str, Message] = {}

    @property
    def now(self) -> float:
        return self.shared.clock()

    async def connect(self, url: str, verify_token: str, fields: list[str] | None = None) -> None:
        """Registers the webhook as the dashboard does, with its handshake; raises ValueError if that fails."""
        await self.delivery.connect(url, verify_token, fields)

    def person(self, user: str) -> Person:
        """A customer that a gesture names. Raises: KeyError with what to do."""
        if user not in self.people:
            raise KeyError(f"No customer of {self.product} has the id {user}; add_customer returns the ids that exist")
        return self.people[user]

    def message(self, message_id: str, user: str = "") -> Message:
        """A message that a gesture names. Raises: KeyError."""
        found = self.messages.get(message_id)
        if found is None or (user and found.person != user):
            raise KeyError(f"The chat of {user or 'nobody'} shows no message {message_id}")
        return found

    def own(self, user: str, message_id: str) -> Message:
        """One of her own messages that still stands. Raises: NotPossible."""
        found = self.message(message_id, user)
        if found.ours or found.deleted:
            raise NotPossible(f"{message_id} is not a message of {user} that still stands; the app offers nothing here")
        return found

    def keep(self, message: Message) -> Message:
        """Writes a message into a chat and shows it on the phone."""
        self.messages[message.id] = message
        if len(self.messages) > MAX_MESSAGES:
            del self.messages[next(iter(self.messages))]
        if message.ours:
            self.people[message.person].typing_until = 0.0
        self.changed("message", message)
        return message

    def changed(self, kind: str, message: Message) -> None:
        """Tells watchers about a message."""
        if self.shared.watchers.present:
            shown = self.bubble(message).as_json()
            self.shared.watchers.tell({"kind": kind, "product": self.product, "user": message.person, "message": shown})

    def chat(self, user: str) -> list[Bubble]:
        """The customer's phone: the whole chat, deleted messages marked; what failed is not there."""
        self.person(user)
        shown = (one for one in self.messages.values() if one.person == user and one.status != "failed")
        return [self.bubble(one) for one in shown]

    def bubble(self, message: Message) -> Bubble:
        """One message as the phone draws it."""
        url = self.shared.media.cdn(message.media) if message.media else None
        return message.as_shown(url, self.shown(message.text) if message.ours else message.text)

    def shown(self, text: str) -> str:
        """Text of ours with the app's markup carried out."""
        return text

    def in_window(self, person: Person, seconds: float = DAY) -> bool:
        """Whether she wrote not longer ago than that."""
        return person.wrote_at is not None and self.now - person.wrote_at <= seconds

    def file(self, name: str, mime: str, data: bytes) -> Media:
        """A file that a customer sends."""
        return self.shared.media.add(name, mime, data, inbound=True)

    def snapshot(self) -> Json:
        """What the demo page draws of this account, as JSON."""
        now = self.now
        return {
            "product": self.product,
            "webhook": self.delivery.url or None,
            "customers": [
                {
                    "id": one.id,
                    "name": one.name,
                    "username": one.username,
                    "phone": one.phone,
                    "blocked": one.blocked,
                    "offline": one.offline,
                    "typing": one.typing_until > now,
                    "messages": [bubble.as_json() for bubble in self.chat(one.id)],
                }
                for one in self.people.values()
            ],
        }

    def watch(self) -> AsyncIterator[Mapping[str, Any]]:
        """Changes from now on, of every product of this server, as dictionaries with `kind`, `product` and `user`."""
        return self.shared.watchers.watch()
