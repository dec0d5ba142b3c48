"""An agent in the sandbox's Microsoft Teams."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.contracts.gestures import Gesture
from core.contracts.posts import FindingKind
from core.contracts.workplace import Sign
from plugins.teams import WORKPLACE
from sandbox.stage import Stage
from sandbox.teams import Pressed, cards
from sandbox.teams.wire import ADAPTIVE_CARD
from tests.contract.offices.office import Dialog, File, Seen
from tests.flows.conftest import until

Json = dict[str, Any]

SIGNS = {
    "23f3_hourglasswithflowingsand": Sign.PENDING,
    "2705_whiteheavycheckmark": Sign.DELIVERED,
    "26a0_warningsign": Sign.FAILED,
    "1f4dd_memo": Sign.NOTE,
}
EMOJI = {"👍": "like"}
SEARCHES = {FindingKind.CANNED_REPLY: "canned", FindingKind.CONVERSATION: "conversations"}
WAYS = {
    Gesture.REPLY: "write in the thread",
    Gesture.REPLY_BY_FORM: "button *Reply*",
    Gesture.REPLY_BY_CHANNEL: "button *Reply*, field *By*",
    Gesture.REPLY_CANNED: "button *Reply*, field *Canned reply*",
    Gesture.OFFER_CHOICES: "button *Reply*, field *Choices*",
    Gesture.QUOTE: "*Reply with quote* in the message's menu",
    Gesture.FORMAT: "Teams' own formatting",
    Gesture.ATTACH_PICTURE: "paste it into the message",
    Gesture.ATTACH_FILE: "attach it in the thread (with `graph_files`)",
    Gesture.EDIT_HELD: "edit the message",
    Gesture.DELETE_HELD: "delete the message",
    Gesture.EDIT_SENT: "edit the message",
    Gesture.DELETE_SENT: "delete the message",
    Gesture.RESTORE: "*Undo* on the deleted message",
    Gesture.CORRECT: "button *Send a correction*, offered to her alone",
    Gesture.REACT: "react to the customer's message",
    Gesture.NOTE: "start with `//`, `note:` or `!note`",
    Gesture.NOTE_TO_COLLEAGUE: "start with `@` and the colleague's name",
    Gesture.NOTE_BY_FORM: "button *Note*",
    Gesture.SEND_NOTE: "*Send to customer* in the message's menu",
    Gesture.KEEP_REPLY: "*Make a note* in the message's menu",
    Gesture.CLAIM: "button *Claim*, or `!claim`",
    Gesture.TAKE_OVER: "`!claim`",
    Gesture.RESOLVE: "button *Resolve*, or `!resolve`",
    Gesture.REOPEN: "button *Reopen*, or `!reopen`",
    Gesture.SNOOZE: "button *Snooze*, or `!snooze 2h`",
    Gesture.MIRROR: "button *Mirror*, or `!mirror`",
    Gesture.TEMPLATE: "button *Template*",
    Gesture.SEND_ELSEWHERE: "button *Use* with the channel's name, where nothing was sent",
    Gesture.VERIFY: "button *Ask to verify*",
    Gesture.MERGE: "button *Merge*",
    Gesture.SPLIT: "button *Undo* under what linked them",
    Gesture.RETRY: "button *Retry* on the failure",
    Gesture.DISCARD: "button *Discard* on the failure",
    Gesture.ARRIVED: "button *It arrived* on the doubt",
    Gesture.RESEND: "button *Send again* on the doubt",
    Gesture.FULL_TEXT: "button *Show full message*",
    Gesture.WHO: "`!who`",
    Gesture.HELP: "`!help`",
    Gesture.QUEUE: "write `queue` in the chat with the app",
    Gesture.INSERT_CANNED: "*Canned reply* among the apps under the message field",
    Gesture.INSERT_CONVERSATION: "*Past conversation* among the apps under the message field",
}


class TeamsOffice:
    """Implements `Office`."""

    spec = WORKPLACE
    workspace = "care"
    ways: Mapping[Gesture, str] = WAYS
    formatted = "**bold** and `code`\n- one\n- two\n[the menu](https://tea.example/menu)"

    def __init__(self, stage: Stage, room: str, user: str = "") -> None:
        self._stage, self._teams = stage, stage.teams
        self.room = room
        self.user = user or stage.care_bea
        self.name = self._teams.person(self.user).name

    def colleague(self) -> TeamsOffice:
        return TeamsOffice(self._stage, self.room, self._stage.care_omar)

    def elsewhere(self) -> tuple[TeamsOffice, str]:
        return TeamsOffice(self._stage, self._stage.care_vip, self.user), "care/#vip"

    def thread_of(self, customer: str) -> str | None:
        for message in self._teams.messages(self.room):
            if message["is_bot"] and message["id"] == message["root"] and _words(message).startswith(customer):
                return str(message["id"])
        return None

    def posts(self, thread: str) -> Sequence[Seen]:
        return [
            Seen(
                post=message["id"],
                text=self._text(message),
                # What the app posts begins with the name of whose words it shows.
                author="" if message["is_bot"] else message["from"]["name"],
                buttons=tuple(self._buttons(message)),
            )
            for message in self._teams.thread(self.room, thread)
        ]

    def _text(self, message: Json) -> str:
        """What she reads: of a card that she pressed, as it was answered to her."""
        if not message["is_bot"] or not _cards(message):
            return _words(message)
        return _said(self._teams.card(self.user, self.room, message["id"]))

    def _buttons(self, message: Json) -> list[str]:
        """As she sees the card, which may differ from what others see."""
        if not _cards(message) or not message["is_bot"]:
            return []
        card = self._teams.card(self.user, self.room, message["id"])
        return [str(button.get("title")) for button in cards.buttons(card)]

    def sign(self, thread: str, post: str) -> Sign | None:
        message = next((one for one in self._teams.thread(self.room, thread) if one["id"] == post), None)
        ours = [kind for kind, users in message["reactions"].items() if self._teams.bot_id in users] if message else []
        return SIGNS.get(ours[0]) if len(ours) == 1 else None

    async def writes(self, thread: str, text: str, *, files: Sequence[File] = (), answering: str = "") -> str:
        return await self._teams.person_posts(self.user, self.room, text, thread, files=files, quote=answering or None)

    async def mentions(self, thread: str, who: TeamsOffice, text: str) -> str:
        named = [(who.user, who.name)]
        return await self._teams.person_posts(self.user, self.room, f"@{who.name} {text}", thread, mentions=named)

    async def edits(self, thread: str, post: str, text: str) -> None:
        await self._teams.person_edits(self.user, self.room, post, text)

    async def deletes(self, thread: str, post: str) -> None:
        await self._teams.person_deletes(self.user, self.room, post)

    async def restores(self, thread: str, post: str) -> None:
        await self._teams.person_restores(self.user, self.room, post)

    async def reacts(self, thread: str, post: str, emoji: str) -> None:
        await self._teams.person_reacts(self.user, self.room, post, EMOJI[emoji])

    async def presses(self, thread: str, label: str) -> None:
        await self._press(thread, label)

    async def _press(self, thread: str, label: str) -> Pressed:
        def newest() -> str | None:
            shown = self._teams.thread(self.room, thread)
            return next((one["id"] for one in reversed(shown) if label in self._buttons(one)), None)

        post = await until(newest, f"the button {label}")
        pressed = await self._teams.person_presses(self.user, self.room, post, label)
        assert pressed.ok, pressed
        return pressed

    async def opens(self, thread: str, label: str) -> Dialog:
        pressed = await self._press(thread, label)
        assert pressed.dialog is not None, pressed
        return _dialog(label, pressed.dialog["card"])

    async def submits(self, dialog: Dialog, fields: Mapping[str, str]) -> None:
        sent = await self._submit(fields)
        assert sent.dialog is None, "it is still open"

    async def goes_on(self, dialog: Dialog, fields: Mapping[str, str]) -> Dialog:
        sent = await self._submit(fields)
        assert sent.dialog is not None, sent
        return _dialog(dialog.id, sent.dialog["card"])

    async def _submit(self, fields: Mapping[str, str]) -> Pressed:
        [opened] = self._teams.dialogs(self.user)
        inputs = {
            _field(one["id"]): one for one in _elements(opened["card"]) if str(one.get("type")).startswith("Input.")
        }
        values = {inputs[name]["id"]: _entered(inputs[name], given) for name, given in fields.items()}
        sent = await self._teams.person_submits_dialog(self.user, values)
        assert sent.ok, sent
        return sent

    async def closes(self, dialog: Dialog) -> None:
        self._teams.person_closes_dialog(self.user)

    async def sends(self, thread: str, post: str) -> None:
        await self._menu(post, "send_to_customer")

    async def keeps(self, thread: str, post: str) -> None:
        await self._menu(post, "make_note")

    async def _menu(self, post: str, command: str) -> None:
        chosen = await self._teams.person_message_action(self.user, self.room, post, command)
        assert chosen.ok, chosen
        if chosen.dialog is not None:
            self._teams.person_closes_dialog(self.user)

    def _targeted(self, thread: str) -> list[Json]:
        return [one for one in self._teams.targeted(self.user) if one["room"] == self.room and one["root"] == thread]

    def told(self, thread: str) -> Sequence[str]:
        return [_words(one) for one in self._targeted(thread)]

    async def presses_told(self, thread: str, label: str) -> None:
        def newest() -> str | None:
            return next((one["id"] for one in reversed(self._targeted(thread)) if label in self._buttons(one)), None)

        post = await until(newest, f"the private button {label}")
        pressed = await self._teams.person_presses(self.user, self.room, post, label)
        assert pressed.ok, pressed

    async def opens_queue(self) -> None:
        await self._teams.person_messages_bot(self.user, "queue")

    def queue(self) -> str:
        shown = [_words(message) for message in self._teams.chat(self.user) if message["is_bot"]]
        return next((words for words in reversed(shown) if "Waiting for anybody" in words), "")

    async def looks_up(self, kind: FindingKind, words: str) -> Sequence[str]:
        return [_title(one) for one in await self._search(kind, words)]

    async def _search(self, kind: FindingKind, words: str) -> list[Json]:
        return await self._teams.person_searches(self.user, SEARCHES[kind], words, room=self.room)

    async def inserts(self, thread: str, kind: FindingKind, words: str, title: str) -> str:
        [chosen] = [one for one in await self._search(kind, words) if _title(one) == title]
        return await self._teams.person_inserts(self.user, self.room, chosen, thread)


def _title(found: Json) -> str:
    return str(found["preview"]["content"]["title"])


def _cards(message: Json) -> list[Json]:
    return [one["content"] for one in message["attachments"] if one.get("contentType") == ADAPTIVE_CARD]


def _words(message: Json) -> str:
    """Everything that a message says: its card's words where it has one, else its own."""
    written = html.unescape(re.sub("<[^>]*>", "", message["html"]))
    return " ".join([*map(_said, _cards(message)), *([written] if written else [])])


def _said(card: Json) -> str:
    """The words of a card as people read them, a line for each block."""
    lines = []
    for element in _elements(card):
        if element.get("type") == "RichTextBlock":
            lines.append("".join(one if isinstance(one, str) else one["text"] for one in element["inlines"]))
        elif element.get("type") == "TextBlock":
            lines.append(element["text"])
    return "\n".join(lines).replace("\u00a0", " ")


def _elements(value: Any) -> Iterator[Json]:
    """Every object with a type, in reading order."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value
        for inner in value.values():
            yield from _elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _elements(inner)


def _dialog(label: str, card: Json) -> Dialog:
    choices = {
        _field(one["id"]): [choice["title"] for choice in one.get("choices", ())]
        for one in _elements(card)
        if str(one.get("type")).startswith("Input.")
    }
    return Dialog(id=label, words=_said(card), choices=choices)


def _field(name: str) -> str:
    return name.removeprefix("field_").removeprefix("rich_")


def _entered(element: Json, given: str) -> str:
    if element["type"] != "Input.ChoiceSet":
        return given
    return next(str(choice["value"]) for choice in element["choices"] if choice["title"] == given)
