"""What the connector knows: its customers, their chats, and the files on its host."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Bubble:
    """One message on a customer's phone."""

    id: str
    customer: str
    from_us: bool
    text: str = ""
    #: The formatted text as it was delivered.
    body: list[Any] = field(default_factory=list)
    #: (name, type, content)
    files: list[tuple[str, str, bytes]] = field(default_factory=list)
    quote: str | None = None
    buttons: list[Json] = field(default_factory=list)
    cards: list[Json] = field(default_factory=list)
    edited: bool = False
    deleted: bool = False
    #: Emoji of either side, by "customer" and "agent".
    reactions: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "from_us": self.from_us,
            "text": self.text,
            "files": [{"name": name, "mime": mime, "size": len(data)} for name, mime, data in self.files],
            "quote": self.quote,
            "buttons": self.buttons,
            "cards": self.cards,
            "edited": self.edited,
            "deleted": self.deleted,
            "reactions": self.reactions,
        }


@dataclass(slots=True, kw_only=True)
class Customer:
    """Somebody who writes on the channel."""

    id: str
    name: str
    #: Further fields of `sender`.
    about: Json = field(default_factory=dict)
    #: She wants nothing from us any more.
    gone: bool = False
    typing: bool = False


class World:
    """Everything that outlives a call."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        self.bubbles: list[Bubble] = []
        #: By path: (type, content).
        self.files: dict[str, tuple[str, bytes]] = {}
        self._numbers = itertools.count(1)

    def number(self) -> int:
        return next(self._numbers)

    def customer(self, who: str) -> Customer:
        if who not in self.customers:
            raise KeyError(f"Nobody here is {who}; add_customer makes somebody")
        return self.customers[who]

    def bubble(self, message: str) -> Bubble:
        for one in self.bubbles:
            if one.id == message:
                return one
        raise KeyError(f"No chat shows a message {message}")
