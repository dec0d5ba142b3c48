"""The dialogs that people have open, and what an answer of the app makes of one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.teams import cards
from sandbox.teams.wire import ADAPTIVE_CARD, Json
from sandbox.teams.world import World

_SIZES = frozenset({"small", "medium", "large"})
LARGEST_TITLE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A dialog, and where it was opened from."""

    user: str
    room: str
    root: str
    #: The message whose button opened it.
    message: str = ""
    #: What goes back with a message extension's: its command and the message whose menu it was.
    command: Json | None = None
    title: str = ""
    width: str | int = "medium"
    height: str | int = "medium"
    card: Json = field(default_factory=dict)

    def shown(self) -> Json:
        """As a page draws it."""
        return {
            "user": self.user,
            "room": self.room,
            "root": self.root,
            "title": self.title,
            "width": self.width,
            "height": self.height,
            "card": self.card,
        }


class Dialogs:
    """One dialog at most for each person, as in a client."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._open: dict[str, Dialog] = {}

    def of(self, user: str) -> Dialog | None:
        """The dialog that this person has open."""
        return self._open.get(user)

    def all(self) -> list[Dialog]:
        """Every open dialog."""
        return list(self._open.values())

    def close(self, user: str) -> None:
        """Closes a person's dialog, if she has one open."""
        if self._open.pop(user, None) is not None:
            self.world.watchers.tell({"type": "dialog", "user": user, "dialog": None})

    def answered(self, dialog: Dialog, body: Any) -> Dialog | list[Json] | str:
        """The dialog that is open now, a result for the compose box, or what the app says; "" is nothing.

        Raises: ValueError for an answer that a client does not understand.
        """
        if body in (None, "", {}):
            self.close(dialog.user)
            return ""
        if not isinstance(body, dict):
            raise ValueError("the answer must be a JSON object")
        if "composeExtension" in body and dialog.command is not None:
            found = results(body)
            self.close(dialog.user)
            return found
        task = body.get("task")
        if not isinstance(task, dict):
            raise ValueError("the answer has no task")
        if task.get("type") == "message" and isinstance(task.get("value"), str):
            self.close(dialog.user)
            return str(task["value"])
        if task.get("type") != "continue" or not isinstance(task.get("value"), dict):
            raise ValueError(f"the task has the type {task.get('type')!r}, or no value of that type")
        opened = _opened(dialog, task["value"])
        self._open[dialog.user] = opened
        self.world.watchers.tell({"type": "dialog", "user": dialog.user, "dialog": opened.shown()})
        return opened


def results(body: Any) -> list[Json]:
    """The attachments of a composeExtension result, each with a card that Teams shows. Raises: ValueError."""
    result = body.get("composeExtension") if isinstance(body, dict) else None
    if not isinstance(result, dict) or result.get("type") != "result":
        raise ValueError("the answer has no composeExtension of type result")
    if result.get("attachmentLayout", "list") not in {"list", "grid"}:
        raise ValueError(f"attachmentLayout {result['attachmentLayout']!r} is not known")
    attachments = result.get("attachments")
    if not isinstance(attachments, list):
        raise ValueError("the result has no attachments")
    for attachment in attachments:
        if attachment.get("contentType") == ADAPTIVE_CARD:
            cards.check(attachment.get("content"))
            # https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/search-commands/respond-to-search
            preview = attachment.get("preview")
            if not isinstance(preview, dict) or not str(preview.get("contentType", "")).endswith(
                (".hero", ".thumbnail")
            ):
                raise ValueError("an Adaptive Card in a result needs a preview that is a hero or a thumbnail card")
        elif "content" not in attachment:
            raise ValueError("an attachment of the result has no content")
    return attachments


def _opened(dialog: Dialog, value: Json) -> Dialog:
    title = value.get("title", "")
    if not isinstance(title, str) or len(title) > LARGEST_TITLE:
        raise ValueError(f"a dialog's title has at most {LARGEST_TITLE} characters")
    for name in ("width", "height"):
        size = value.get(name, "medium")
        if size not in _SIZES and (not isinstance(size, int) or isinstance(size, bool)):
            raise ValueError(f"{name} must be small, medium, large or a number, not {size!r}")
    card = value.get("card")
    if not isinstance(card, dict) or card.get("contentType") != ADAPTIVE_CARD:
        raise ValueError("a dialog needs a card: {contentType, content}")
    cards.check(card.get("content"))
    if any(action["type"] == "Action.Execute" for action in cards.buttons(card["content"])):
        raise ValueError("an Action.Execute does nothing in a dialog")
    return replace(
        dialog,
        title=title,
        width=value.get("width", "medium"),
        height=value.get("height", "medium"),
        card=card["content"],
    )
