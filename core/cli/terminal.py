"""What commands print: tables for people, JSON for scripts, problems on standard error; and their exit codes."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Exit(IntEnum):
    OK = 0
    #: Something does not work, or was not found.
    PROBLEM = 1
    #: The command line or the settings are wrong.
    USAGE = 2


Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")]


def out(*lines: str) -> None:
    """Lines for people on standard output; what is in them is never taken for markup."""
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text(safe(line)))


def out_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table; customers' words in it are shown as they are, without control characters."""
    grid = Table(*columns, box=None, header_style="bold", pad_edge=False, expand=False)
    count = 0
    for row in rows:
        count += 1
        grid.add_row(*(Text(safe(_cell(value)), overflow="fold") for value in row))
    console = Console(highlight=False)
    # Without a terminal nobody wants lines folded at 80 columns.
    if not console.is_terminal:
        console = Console(highlight=False, width=240)
    console.print(grid if count else Text(empty))


def warn(*sentences: str) -> None:
    """Lines on standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for sentence in sentences:
        console.print(Text(safe(sentence)))


def fail(*sentences: str, code: Exit = Exit.PROBLEM) -> NoReturn:
    warn(*sentences)
    raise typer.Exit(int(code))


def safe(text: str) -> str:
    """`text` without what could drive a terminal or turn a line around."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "\ufffd" for c in text)


def ago(moment: datetime, now: datetime | None = None) -> str:
    """`5 min ago`, for tables."""
    seconds = max(0, int(((now or datetime.now(UTC)) - moment).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
