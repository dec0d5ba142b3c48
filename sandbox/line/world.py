"""What the sandbox's LINE knows: one Official Account, its customers, their messages, tokens and files."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.line.errors import ApiError, Json
from sandbox.watch import Watchers

#: "Reply tokens must be used within one minute after receiving the webhook", and 20 minutes after the event at most.
REPLY_S = 60.0
REDELIVERED_REPLY_S = 20 * 60.0
#: https://developers.line.biz/en/reference/messaging-api/#retry-api-request
RETRY_KEY_S = 24 * 3600.0
MAX_MESSAGES = 50_000
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(slots=True, kw_only=True)
class Person:
    """One customer."""

    id: str
    name: str
    language: str
    picture: str = ""
    friend: bool = True
    blocked: bool = False
    #: Her LINE account is deleted.
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    name: str
    mime: str
    data: bytes
    #: When it can be downloaded; a large video is prepared first.
    ready_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Bubble:
    """One message, from either side."""

    id: str
    user: str
    from_bot: bool
    at: float
    kind: str
    text: str = ""
    #: Id of the message it quotes.
    quotes: str = ""
    #: What a customer sent.
    file: File | None = None
    #: Where her phone gets what the account sent.
    url: str = ""
    preview_url: str = ""
    #: Location, sticker.
    details: Json = field(default_factory=dict)
    #: Actions below it.
    buttons: list[Json] = field(default_factory=list)
    unsent: bool = False
    #: The account marked it as read.
    read: bool = False
    #: Free answer by reply token, else a push that counts.
    by_reply: bool = False
    #: Sent by the same call as the message above it.
    with_previous: bool = False

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "user": self.user,
            "from_bot": self.from_bot,
            "at": self.at,
            "kind": self.kind,
            "text": self.text,
            "quotes": self.quotes,
            "file": self.file.name if self.file else None,
            "url": self.url,
            "details": self.details,
            "buttons": [action["label"] for action in self.buttons],
            "unsent": self.unsent,
            "read": self.read,
        }


@dataclass(slots=True, kw_only=True)
class ReplyToken:
    user: str
    #: When the event happened, and when its webhook was last brought.
    event_at: float
    brought_at: float
    used: bool = False


class World:
    """State behind every endpoint and gesture."""

    def __init__(self, *, clock: Callable[[], float], quota: int | None) -> None:
        self.clock = clock
        self.quota = quota
        self.used = 0
        self.bot: Json = {
            "userId": "U" + "0b" * 16,
            "basicId": "@threadbridge",
            "displayName": "Threadbridge",
            "chatMode": "chat",
            "markAsReadMode": "manual",
        }
        self.people: dict[str, Person] = {}
        self.bubbles: dict[str, Bubble] = {}
        self.reply_tokens: dict[str, ReplyToken] = {}
        self.quote_tokens: dict[str, str] = {}
        self.read_tokens: dict[str, str] = {}
        #: Accepted pushes by retry key: when, request id, and what was sent.
        self.accepted: dict[str, tuple[float, str, list[Json]]] = {}
        #: Until when the loading animation turns, by customer.
        self.loading: dict[str, float] = {}
        self.watchers = Watchers()
        self._next_message = 520_000_000_000_000_000

    def person(self, user: str) -> Person:
        """A customer that a gesture names. Raises KeyError with what to do."""
        if user not in self.people:
            raise KeyError(f"No customer has the id {user}; add_customer returns the ids that exist")
        return self.people[user]

    def keep(self, *, user: str, from_bot: bool, kind: str, **fields: Any) -> Bubble:
        """Writes a message into a chat and shows it on the phone."""
        self._next_message += 1 + secrets.randbelow(1000)
        bubble = Bubble(id=str(self._next_message), user=user, from_bot=from_bot, at=self.clock(), kind=kind, **fields)
        self.bubbles[bubble.id] = bubble
        if len(self.bubbles) > MAX_MESSAGES:
            del self.bubbles[next(iter(self.bubbles))]
        if from_bot:
            self.loading.pop(user, None)
        self.changed("message", bubble)
        return bubble

    def chat(self, user: str) -> list[Bubble]:
        return [bubble for bubble in self.bubbles.values() if bubble.user == user]

    def quote_token(self, bubble: Bubble) -> str:
        token = secrets.token_urlsafe(64)
        self.quote_tokens[token] = bubble.id
        return token

    def read_token(self, bubble: Bubble) -> str:
        token = secrets.token_urlsafe(32)
        self.read_tokens[token] = bubble.id
        return token

    def reply_token(self, user: str) -> str:
        token, now = secrets.token_hex(16), self.clock()
        self.reply_tokens[token] = ReplyToken(user=user, event_at=now, brought_at=now)
        return token

    def brought(self, token: str) -> None:
        """The webhook that holds this reply token is brought now, perhaps again."""
        if token in self.reply_tokens:
            self.reply_tokens[token].brought_at = self.clock()

    def use_reply_token(self, token: Any) -> str:
        """Whose it is; it cannot be used again. Raises ApiError."""
        known = self.reply_tokens.get(token) if isinstance(token, str) else None
        now = self.clock()
        if (
            known is None
            or known.used
            or now >= known.brought_at + REPLY_S
            or now >= known.event_at + REDELIVERED_REPLY_S
        ):
            raise ApiError(400, "Invalid reply token")
        known.used = True
        return known.user

    def changed(self, kind: str, bubble: Bubble) -> None:
        self.watchers.tell({"type": kind, "user": bubble.user, "message": bubble.as_json()})

    def ulid(self) -> str:
        """As `webhookEventId` is written."""
        number = (int(self.clock() * 1000) << 80) | secrets.randbits(80)
        return "".join(_BASE32[number >> 5 * place & 31] for place in range(25, -1, -1))

    @staticmethod
    def request_id() -> str:
        return str(uuid.uuid4())
