"""What people do with what the app shows them: press buttons, fill in dialogs, search, use a message's menu."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.teams import cards
from sandbox.teams.core import Core
from sandbox.teams.delivery import Answer
from sandbox.teams.dialogs import Dialog, Dialogs
from sandbox.teams.extensions import Extensions
from sandbox.teams.wire import ADAPTIVE_CARD, Json, NotPossible, object_of
from sandbox.teams.world import Message, Room, User

MESSAGE = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"
#: What a client says where the app answered, but not as it must.
WRONG = "Something went wrong. Please try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What the client shows after a gesture."""

    ok: bool
    #: HTTP status of the app's answer.
    status: int | None = None
    #: The card that she sees instead now.
    card: Json | None = None
    #: What the app said to her.
    message: str = ""
    #: The dialog that is open now.
    dialog: Json | None = None
    #: A result for her compose box: attachments.
    attachments: list[Json] = field(default_factory=list)
    #: What the client says went wrong.
    error: str = ""
    #: The app's answer as it came.
    body: Any = None
    seconds: float = 0.0


class Interactions(Core):
    """Each call brings one invoke to the bot and says what the person sees then."""

    open_dialogs: Dialogs
    extensions: Extensions

    def card(self, user: str, room: str, id: str) -> Json:
        """The card of a message as this person sees it. Raises: NotPossible."""
        _person, _place, message = self.seen(user, room, id)
        shown = [entry["content"] for entry in message.attachments if entry.get("contentType") == ADAPTIVE_CARD]
        card: Json | None = self.world.views.get((user, id)) or next(iter(shown), None)
        if card is None:
            raise NotPossible(f"message {id} shows no card")
        return copy.deepcopy(card)

    async def person_presses(
        self,
        user: str,
        room: str,
        id: str,
        title: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        old_client: bool = False,
    ) -> Pressed:
        """A person presses the button with this title; `inputs` by the ids of the card's inputs.

        `data`, as far as it is given, tells buttons with the same title apart.
        `old_client`: she has one that knows no Action.Execute and presses its fallback.
        """
        person, place, message = self.seen(user, room, id)
        card = self.card(user, room, id)
        action = cards.button(card, title, data)
        if old_client and action["type"] == "Action.Execute":
            fallback = action.get("fallback")
            if not isinstance(fallback, dict):
                raise NotPossible(f"an old client does not show {title!r}")
            action = fallback
        state: Json = {}
        if str(action.get("associatedInputs", "auto")).lower() != "none":
            state = cards.filled(card, dict(inputs or {}))
        if action["type"] == "Action.Execute":
            return await self._execute(person, place, message, action, state)
        if action["type"] == "Action.Submit":
            return await self._submit(person, place, message, action, state)
        # OpenUrl, ShowCard and ToggleVisibility happen in the client alone.
        return Pressed(ok=True, message=str(action.get("url", "")))

    def dialogs(self, user: str) -> list[Json]:
        """The dialog that this person has open, if any: its title and its card."""
        dialog = self.open_dialogs.of(user)
        return [dialog.shown()] if dialog is not None else []

    async def person_submits_dialog(
        self, user: str, values: Mapping[str, Any] | None = None, title: str | None = None
    ) -> Pressed:
        """A person submits her dialog; `values` by input id, the rest stays as it was. `title` chooses the button.

        Raises: NotPossible when a required input is empty, as the client asks for it first.
        """
        person, dialog = self.person(user), self._dialog(user)
        submits = [action for action in cards.buttons(dialog.card) if action["type"] == "Action.Submit"]
        if title is not None:
            submits = [action for action in submits if action.get("title") == title]
        if len(submits) != 1:
            raise NotPossible(f"the dialog {dialog.title!r} has {len(submits)} such buttons to submit it with")
        data = _joined(submits[0].get("data"), cards.filled(dialog.card, dict(values or {})))
        value: Json = {"data": data, "context": {"theme": "default"}}
        name = "task/submit"
        if dialog.command is not None:
            name, value = "composeExtension/submitAction", {**value, **dialog.command}
        activity = self.events.invoke(person, self.room(dialog.room), dialog.root, name, value, dialog.message)
        return self._tasked(dialog, await self.delivery.ask(activity))

    def person_closes_dialog(self, user: str) -> None:
        """A person closes her dialog; the bot does not hear of it."""
        self._dialog(user)
        self.open_dialogs.close(user)

    async def person_searches(
        self,
        user: str,
        command_id: str,
        query: str,
        *,
        room: str | None = None,
        root: str | None = None,
        skip: int = 0,
        count: int = 25,
    ) -> list[Json]:
        """A person searches in a message extension; "" is what it shows at first. Raises: NotPossible if it fails."""
        person, place = self.member(user, room) if room is not None else (self.person(user), self.room(user))
        value = self.extensions.query(command_id, query, skip, count)
        answer = await self.delivery.ask(self.events.invoke(person, place, root or "", "composeExtension/query", value))
        result = self.extensions.result(answer)
        if isinstance(result, str):
            raise NotPossible(result)
        return result

    async def person_message_action(
        self, user: str, room: str, id: str, command_id: str, *, fetch_task: bool | None = None
    ) -> Pressed:
        """A person chooses a command in a message's menu; the manifest says whether a dialog is fetched first."""
        person, place, message = self.seen(user, room, id)
        if message.to:
            raise NotPossible("a message that only she sees has no such menu")
        command = self.extensions.command(command_id, message, place)
        fetches = self.extensions.fetches(command_id) if fetch_task is None else fetch_task
        name = "composeExtension/fetchTask" if fetches else "composeExtension/submitAction"
        value = {**command, "context": {"theme": "default"}} | ({} if fetches else {"data": {}})
        answer = await self.delivery.ask(self.events.invoke(person, place, message.root, name, value))
        dialog = Dialog(user=user, room=place.id, root=message.root, command=command)
        return self._tasked(dialog, answer)

    async def _execute(self, person: User, place: Room, message: Message, action: Json, state: Json) -> Pressed:
        sent = {"type": "Action.Execute", "data": _joined(action.get("data"), state)}
        sent |= {name: action[name] for name in ("id", "verb", "title") if name in action}
        value = {"action": sent, "trigger": "manual"}
        answer = await self.delivery.ask(
            self.events.invoke(person, place, message.root, "adaptiveCard/action", value, message.id)
        )
        if not answer.ok:
            return _failed(answer)
        body = answer.body
        if not isinstance(body, dict) or not isinstance(body.get("statusCode"), int):
            return _failed(answer, WRONG)
        kind, shown = body.get("type"), body.get("value")
        if body["statusCode"] >= 400:
            told = shown.get("message") if kind == ERROR and isinstance(shown, dict) else None
            return _failed(answer, str(told or WRONG))
        if kind == MESSAGE and isinstance(shown, str):
            return _done(answer, message=shown)
        if kind != ADAPTIVE_CARD or not isinstance(shown, dict):
            return _failed(answer, WRONG)
        try:
            cards.check(shown)
        except cards.BadCard as wrong:
            return _failed(answer, f"{WRONG} ({wrong})")
        self.world.views[(person.id, message.id)] = shown
        self.world.watchers.tell({"type": "view", "user": person.id, "message": message.id, "card": shown})
        return _done(answer, card=shown)

    async def _submit(self, person: User, place: Room, message: Message, action: Json, state: Json) -> Pressed:
        data = _joined(action.get("data"), state)
        special = object_of(object_of(data).get("msteams"))
        if special.get("type") == "task/fetch":
            value = {"data": data, "context": {"theme": "default"}}
            answer = await self.delivery.ask(
                self.events.invoke(person, place, message.root, "task/fetch", value, message.id)
            )
            return self._tasked(Dialog(user=person.id, room=place.id, root=message.root, message=message.id), answer)
        text = ""
        if special.get("type") in {"messageBack", "imBack"}:
            text = str(special.get("text") or special.get("value") or "")
            data = special.get("value", {}) if special["type"] == "messageBack" else {}
        answer = await self.delivery.ask(self.events.submitted(person, place, message, data, text))
        return _done(answer) if answer.ok else _failed(answer, WRONG)

    def _tasked(self, dialog: Dialog, answer: Answer) -> Pressed:
        """What an answer to a dialog makes of it: closed, replaced, or a sentence."""
        if not answer.ok:
            return _failed(answer)
        try:
            task = self.open_dialogs.answered(dialog, answer.body)
        except ValueError as wrong:
            return _failed(answer, f"{WRONG} ({wrong})")
        if isinstance(task, Dialog):
            return _done(answer, dialog=task.shown())
        if isinstance(task, list):
            return _done(answer, attachments=task)
        return _done(answer, message=task)

    def _dialog(self, user: str) -> Dialog:
        dialog = self.open_dialogs.of(user)
        if dialog is None:
            raise NotPossible(f"{self.person(user).name} has no dialog open")
        return dialog


def _joined(data: Any, state: Json) -> Any:
    """An action's own data and what was entered; a text cannot be joined with anything."""
    return {**(data if isinstance(data, dict) else {}), **state} if not isinstance(data, str) or state else data


def _done(answer: Answer, **shown: Any) -> Pressed:
    return Pressed(ok=True, status=answer.status, body=answer.body, seconds=answer.seconds, **shown)


def _failed(answer: Answer, error: str = "") -> Pressed:
    return Pressed(
        ok=False, status=answer.status, body=answer.body, seconds=answer.seconds, error=error or answer.error
    )
