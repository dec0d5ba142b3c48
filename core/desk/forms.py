"""What an agent is asked before an action is carried out."""

from __future__ import annotations

from core.contracts.actions import ActionId
from core.contracts.posts import FieldKind, Form, FormField, Option
from core.contracts.text import cut

_SNOOZES = (
    Option(value="1h", label="1 hour"),
    Option(value="4h", label="4 hours"),
    Option(value="tomorrow", label="Tomorrow, 09:00"),
    Option(value="monday", label="Monday, 09:00"),
    Option(value="1w", label="1 week"),
)
#: A modal's text has a limit; a longer mail is shown up to here.
_FULL_TEXT = 12_000


def reply(who: str, channel: str) -> Form:
    return Form(
        title="Reply",
        submit="Send",
        text=f"To {who}, by {channel}.",
        fields=(FormField(id="text", label="Message", kind=FieldKind.RICH_TEXT),),
    )


def correction(who: str) -> Form:
    return Form(
        title="Correction",
        submit="Send",
        text=f"{who} has the message already and it cannot be changed there. What should she read now?",
        fields=(FormField(id="text", label="Message", kind=FieldKind.RICH_TEXT),),
    )


def note() -> Form:
    return Form(
        title="Note",
        submit="Keep",
        text="Only your colleagues see it.",
        fields=(FormField(id="text", label="Note", kind=FieldKind.RICH_TEXT),),
    )


def snooze() -> Form:
    return Form(
        title="Snooze",
        submit="Snooze",
        text="The conversation comes back then, or when the customer writes.",
        fields=(FormField(id="until", label="Until", kind=FieldKind.SELECT, options=_SNOOZES, initial="tomorrow"),),
    )


def full_text(text: str) -> Form:
    return Form(title="Full message", submit="", text=cut(text, _FULL_TEXT), fields=())


ASKING = frozenset({ActionId.REPLY, ActionId.NOTE, ActionId.SNOOZE, ActionId.FULL_TEXT, ActionId.CORRECT})
