"""The table of what each channel can carry, from the capabilities that its bridge declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities, Markup, MediaKind, TextUnit

_UNITS = {TextUnit.CHARACTER: "", TextUnit.UTF16: "", TextUnit.BYTE: " bytes"}


def _ways(inwards: bool, outwards: bool) -> str:
    if inwards and outwards:
        return "both ways"
    return "from the customer" if inwards else "to the customer" if outwards else "-"


def _files(has: Capabilities) -> str:
    """Every channel brings files; what it cannot take is sent as a link."""
    if not has.media:
        return "to the customer as a link"
    return "both ways" if has.media.keys() >= {MediaKind.FILE} else "both ways, documents as links"


def _choices(has: Capabilities) -> str:
    shown = [f"{has.max_choices} buttons"] if has.max_choices else []
    shown += [f"a list of {has.max_list}"] if has.max_list else []
    return ", ".join(shown) or "numbered text"


def _span(window: timedelta) -> str:
    hours = round(window / timedelta(hours=1))
    return f"{hours} h" if hours <= 48 else f"{round(hours / 24)} days"


def _window(has: Capabilities) -> str:
    if has.reply_window is None:
        return "always"
    longer = f", {_span(has.human_window)} where granted" if has.human_window else ""
    return f"{_span(has.reply_window)}{longer}{', then a template' if has.templates else ''}"


ROWS: tuple[tuple[str, Callable[[Capabilities], str]], ...] = (
    ("longest message", lambda has: f"{has.max_text:,}{_UNITS[has.text_unit]}"),
    ("formatting", lambda has: "yes" if has.markup is Markup.RICH else "drawn with characters"),
    ("files, pictures", _files),
    ("quotes", lambda has: "both ways" if has.quotes else "-"),
    ("edits", lambda has: _ways(has.edits_in, has.edits_out)),
    ("deletes", lambda has: _ways(has.deletes_in, has.deletes_out)),
    ("reactions", lambda has: _ways(has.reactions_in, has.reactions_out)),
    ("delivered and read marks", lambda has: _marks(has)),
    ("typing shown to the customer", lambda has: "yes" if has.typing_out else "-"),
    ("choices", _choices),
    ("answers may be sent", _window),
)


def _marks(has: Capabilities) -> str:
    if has.delivered and has.read:
        return "yes"
    return "delivered" if has.delivered else "read" if has.read else "-"


def table(specs: Sequence[BridgeSpec[Any]]) -> str:
    """A Markdown table: a row for each thing, a column for each channel."""
    lines = ["| | " + " | ".join(spec.title for spec in specs) + " |", "|---|" + "---|" * len(specs)]
    lines += [f"| {name} | " + " | ".join(say(spec.capabilities) for spec in specs) + " |" for name, say in ROWS]
    return "\n".join(lines) + "\n"
