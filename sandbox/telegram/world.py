"""What the sandbox's Telegram knows: one bot, its customers, their messages and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.telegram.arguments import Arguments
from sandbox.telegram.delivery import Delivery
from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.files import FileStore
from sandbox.telegram.limits import FloodLimits
from sandbox.telegram.messages import Json, Message, Person
from sandbox.telegram.watching import Watches

#: The oldest messages of the sandbox are forgotten beyond this many.
MAX_MESSAGES = 50_000
#: Telegram forgets a button press after a while; the bot must answer before.
CALLBACK_LIFETIME = 300.0
MAX_CALLBACKS = 10_000


@dataclass(slots=True, kw_only=True)
class Press:
    """A pressed button that waits for answerCallbackQuery."""

    user: int
    pressed_at: float
    answer: Json | None = None


class World:
    """State behind every method and gesture."""

    def __init__(
        self,
        *,
        token: str,
        clock: Callable[[], float],
        limits: bool,
        retry_delays: Sequence[float],
        answer: Callable[[str, Mapping[str, Any]], Any],
    ) -> None:
        self.clock = clock
        self.bot: Json = {
            "id": int(token.split(":")[0]),
            "is_bot": True,
            "first_name": "Threadbridge",
            "username": "threadbridge_bot",
        }
        self.people: dict[int, Person] = {}
        self.messages: dict[int, Message] = {}
        self.files = FileStore()
        self.limits = FloodLimits(clock, on=limits)
        self.delivery = Delivery(clock, retry_delays, answer)
        self.watches = Watches()
        self.presses: dict[str, Press] = {}
        #: What the bot is shown doing, until when, by chat.
        self.actions: dict[int, tuple[str, float]] = {}
        self.file_base = ""
        self._next_message = 1
        self._next_group = 13_000_000_000_000_000

    def person(self, user: int) -> Person:
        """A customer that a gesture names. Raises: KeyError with what to do."""
        if user not in self.people:
            raise KeyError(f"No customer has the id {user}; add_customer returns the ids that exist")
        return self.people[user]

    def writable(self, arguments: Arguments) -> Person:
        """The customer a call writes to. Raises: ApiError."""
        person = self.reachable(arguments)
        if person.deactivated:
            raise ApiError(403, "Forbidden: user is deactivated")
        if person.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        return person

    def reachable(self, arguments: Arguments) -> Person:
        """The customer of `chat_id`, known to the bot once she wrote. Raises: ApiError."""
        text = arguments.text("chat_id").strip()
        if not text:
            raise ApiError(400, "Bad Request: chat_id is empty")
        try:
            person = self.people.get(int(text))
        except ValueError:
            person = None
        if person is None or not person.started:
            raise bad_request("chat not found")
        return person

    def message(self, person: Person, message_id: int) -> Message | None:
        """A message that still stands in this chat."""
        message = self.messages.get(message_id)
        return message if message is not None and message.chat == person.id and not message.deleted else None

    def in_chat(self, user: int) -> list[Message]:
        """All messages of a chat, oldest first, deleted ones too."""
        return [message for message in self.messages.values() if message.chat == user]

    def keep(self, *, chat: int, from_bot: bool, **fields: Any) -> Message:
        """Writes a message into a chat and shows it on the phone."""
        message = Message(id=self._next_message, chat=chat, from_bot=from_bot, date=self.clock(), **fields)
        self._next_message += 1
        self.messages[message.id] = message
        if len(self.messages) > MAX_MESSAGES:
            del self.messages[next(iter(self.messages))]
        if from_bot:
            self.actions.pop(chat, None)
        self.changed("message", message)
        return message

    def media_group(self) -> str:
        """A fresh album id."""
        self._next_group += 1
        return str(self._next_group)

    def as_api(self, message: Message) -> Json:
        """The Bot API's Message, with the one it replies to."""
        person = self.people[message.chat]
        replied = self.message(person, message.reply_to) if message.reply_to else None
        return message.as_api(person, self.bot, replied)

    def changed(self, kind: str, message: Message) -> None:
        """Tells watchers about a message."""
        shown = message.as_shown(self.file_base).as_json()
        self.watches.tell({"kind": kind, "user": message.chat, "message": shown})

    def remember_press(self, press_id: str, user: int) -> None:
        """A button press that the bot may answer."""
        self.presses[press_id] = Press(user=user, pressed_at=self.clock())
        if len(self.presses) > MAX_CALLBACKS:
            del self.presses[next(iter(self.presses))]
