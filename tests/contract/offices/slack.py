"""An agent in the sandbox's Slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.contracts.gestures import Gesture
from core.contracts.posts import FindingKind
from core.contracts.workplace import Sign
from plugins.slack import WORKPLACE
from sandbox.play.agents import words
from sandbox.slack.composer import compose
from sandbox.slack.wire import NotPossible
from sandbox.stage import Stage
from tests.contract.offices.office import Dialog, File, Seen
from tests.flows.conftest import until

Json = dict[str, Any]

SIGNS = {
    "hourglass_flowing_sand": Sign.PENDING,
    "white_check_mark": Sign.DELIVERED,
    "warning": Sign.FAILED,
    "memo": Sign.NOTE,
}
EMOJI = {"👍": "thumbsup"}
WAYS = {
    Gesture.REPLY: "write in the thread",
    Gesture.REPLY_BY_FORM: "button *Reply*",
    Gesture.REPLY_BY_CHANNEL: "button *Reply*, field *By*",
    Gesture.REPLY_CANNED: "button *Reply*, field *Canned reply*",
    Gesture.OFFER_CHOICES: "button *Reply*, field *Choices*",
    Gesture.QUOTE: "paste the message's link (*Copy link*) into the reply",
    Gesture.FORMAT: "Slack's own formatting",
    Gesture.ATTACH_PICTURE: "attach it in the thread",
    Gesture.ATTACH_FILE: "attach it in the thread",
    Gesture.EDIT_HELD: "edit the message",
    Gesture.DELETE_HELD: "delete the message",
    Gesture.EDIT_SENT: "edit the message",
    Gesture.DELETE_SENT: "delete the message",
    Gesture.CORRECT: "button *Send a correction*, offered to her alone",
    Gesture.REACT: "put an emoji on the customer's message",
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
    Gesture.QUEUE: "the app's *Home* tab",
}


class SlackOffice:
    """Implements `Office`."""

    spec = WORKPLACE
    workspace = "shop"
    ways: Mapping[Gesture, str] = WAYS
    formatted = "*bold* and `code`\n- one\n- two\n<https://tea.example/menu|the menu>"

    def __init__(self, stage: Stage, room: str, user: str = "") -> None:
        self._stage, self._slack = stage, stage.slack
        self.room = room
        self.user = user or stage.bea
        self.name = self._slack.world.users[self.user].real_name

    def colleague(self) -> SlackOffice:
        return SlackOffice(self._stage, self.room, self._stage.omar)

    def elsewhere(self) -> tuple[SlackOffice, str]:
        return SlackOffice(self._stage, self._stage.vip, self.user), "shop/#vip"

    def thread_of(self, customer: str) -> str | None:
        for message in self._slack.messages(self.room):
            if str(message.get("username", "")).startswith(customer):
                return str(message.get("thread_ts") or message["ts"])
        return None

    def posts(self, thread: str) -> Sequence[Seen]:
        return [
            Seen(
                post=message["ts"],
                text=words(message),
                author=str(message.get("username") or self._author(message)),
                buttons=tuple(one["text"]["text"] for one in _buttons(message)),
            )
            for message in self._slack.thread(self.room, thread)
            if message.get("subtype") != "tombstone"
        ]

    def _author(self, message: Json) -> str:
        user = self._slack.world.users.get(str(message.get("user")))
        return user.real_name if user else ""

    def sign(self, thread: str, post: str) -> Sign | None:
        message = next((one for one in self._slack.thread(self.room, thread) if one["ts"] == post), {})
        found = [SIGNS[one["name"]] for one in message.get("reactions", ()) if one["name"] in SIGNS]
        return found[0] if len(found) == 1 else None

    async def writes(self, thread: str, text: str, *, files: Sequence[File] = (), answering: str = "") -> str:
        if answering:
            link = f"{self._slack.url}/archives/{self.room}/p{answering.replace('.', '')}"
            text = f"<{link}?thread_ts={thread}&cid={self.room}> {text}"
        return await self._slack.person_posts(self.user, self.room, text, thread_ts=thread, files=files)

    async def mentions(self, thread: str, who: SlackOffice, text: str) -> str:
        return await self.writes(thread, f"<@{who.user}> {text}")

    async def edits(self, thread: str, post: str, text: str) -> None:
        await self._slack.person_edits(self.user, self.room, post, text)

    async def deletes(self, thread: str, post: str) -> None:
        await self._slack.person_deletes(self.user, self.room, post)

    async def restores(self, thread: str, post: str) -> None:
        raise NotPossible("Slack has no way to bring a deleted message back.")

    async def reacts(self, thread: str, post: str, emoji: str) -> None:
        await self._slack.person_reacts(self.user, self.room, post, EMOJI[emoji])

    async def presses(self, thread: str, label: str) -> None:
        def newest() -> tuple[str, Json] | None:
            return _button(self._slack.thread(self.room, thread), label)

        await self._press(await until(newest, f"the button {label}"))

    async def _press(self, found: tuple[str, Json]) -> None:
        ts, button = found
        ack = await self._slack.person_presses(self.user, self.room, ts, button["action_id"], value=button.get("value"))
        assert ack.ok, ack

    async def opens(self, thread: str, label: str) -> Dialog:
        before = {view["id"] for view in self._slack.views_open(self.user)}
        await self.presses(thread, label)

        def opened() -> Json | None:
            return next((view for view in self._slack.views_open(self.user) if view["id"] not in before), None)

        return _dialog(await until(opened, f"the form of {label}"))

    async def submits(self, dialog: Dialog, fields: Mapping[str, str]) -> None:
        view = next(view for view in self._slack.views_open(self.user) if view["id"] == dialog.id)
        inputs = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
        values = {name: _entered(inputs[name], given) for name, given in fields.items()}
        ack = await self._slack.person_submits_view(self.user, dialog.id, values)
        assert ack.ok, ack

    async def goes_on(self, dialog: Dialog, fields: Mapping[str, str]) -> Dialog:
        await self.submits(dialog, fields)
        return _dialog(next(view for view in self._slack.views_open(self.user) if view["id"] == dialog.id))

    async def closes(self, dialog: Dialog) -> None:
        await self._slack.person_closes_view(self.user, dialog.id)

    async def sends(self, thread: str, post: str) -> None:
        await self._shortcut("send_to_customer", post)

    async def keeps(self, thread: str, post: str) -> None:
        await self._shortcut("make_note", post)

    async def _shortcut(self, callback_id: str, post: str) -> None:
        ack = await self._slack.person_runs_shortcut(self.user, callback_id, self.room, post)
        assert ack.ok, ack

    def _ephemerals(self, thread: str) -> list[Json]:
        return [one for one in self._slack.ephemerals(self.user) if one.get("thread_ts") == thread]

    def told(self, thread: str) -> Sequence[str]:
        return [words(one) for one in self._ephemerals(thread)]

    async def presses_told(self, thread: str, label: str) -> None:
        await self._press(await until(lambda: _button(self._ephemerals(thread), label), f"the private button {label}"))

    async def opens_queue(self) -> None:
        await self._slack.person_opens_home(self.user)

    def queue(self) -> str:
        view = self._slack.home(self.user)
        return words(view) if view else ""

    async def looks_up(self, kind: FindingKind, words: str) -> Sequence[str]:
        raise NotPossible("Slack has no search for apps in the message field.")

    async def inserts(self, thread: str, kind: FindingKind, words: str, title: str) -> str:
        raise NotPossible("Slack has no search for apps in the message field.")


def _dialog(view: Json) -> Dialog:
    choices = {
        block["block_id"]: [option["text"]["text"] for option in block["element"].get("options", ())]
        for block in view["blocks"]
        if block["type"] == "input"
    }
    return Dialog(id=view["id"], words=words(view), choices=choices)


def _buttons(message: Json) -> list[Json]:
    elements = [one for block in message.get("blocks", ()) for one in block.get("elements", ())]
    return [one for one in elements if one.get("type") == "button"]


def _button(messages: Sequence[Json], label: str) -> tuple[str, Json] | None:
    """The newest button with that label, and the message that it stands in."""
    for message in reversed(messages):
        for button in _buttons(message):
            if button["text"]["text"] == label:
                return str(message["ts"]), button
    return None


def _entered(element: Json, given: str) -> Any:
    if element["type"] == "rich_text_input":
        return compose(given)[1][0]
    if element["type"] == "static_select":
        return next(option["value"] for option in element["options"] if option["text"]["text"] == given)
    return given
