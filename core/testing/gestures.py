"""The table of what agents can do in each workplace, and the check that what is missing somewhere is explained."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.contracts.gestures import Gesture
from core.contracts.workplace import WorkplaceSpec

_MEMBER = re.compile(r"(?P<doc>(?:^ +#: .*\n)*)^ +(?P<name>[A-Z_]+) = ", re.MULTILINE)


def meanings() -> dict[Gesture, str]:
    """What each gesture is, in the words of its definition; without such words, its name."""
    found: dict[Gesture, str] = {}
    for member in _MEMBER.finditer(inspect.getsource(Gesture)):
        gesture = Gesture[member["name"]]
        lines = [line.strip().removeprefix("#:").strip() for line in member["doc"].splitlines()]
        found[gesture] = " ".join(lines) or gesture.value.replace("_", " ").capitalize() + "."
    return found


def table(offices: Sequence[tuple[WorkplaceSpec[Any], Mapping[Gesture, str]]]) -> str:
    """A Markdown table: a row for each gesture, a column for each workplace, and the exceptions below.

    With each workplace comes how its people do each thing.
    """
    meaning = meanings()
    rows = [
        "| | " + " | ".join(spec.title for spec, _ in offices) + " |",
        "|---|" + "---|" * len(offices),
    ]
    notes: list[str] = []
    for gesture in Gesture:
        cells = []
        for spec, ways in offices:
            if gesture in spec.lacks:
                notes.append(f"{len(notes) + 1}. **{spec.title}:** {spec.lacks[gesture]}")
                cells.append(f"no ({len(notes)})")
            else:
                cells.append(ways[gesture])
        rows.append(f"| {meaning[gesture]} | " + " | ".join(cells) + " |")
    return "\n".join([*rows, *(["", *notes] if notes else [])]) + "\n"


def check_lacks(spec: WorkplaceSpec[Any], folder: Path) -> None:
    """Whatever cannot be done is a sentence, and its operators read the same in the README."""
    readme = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    for gesture, sentence in spec.lacks.items():
        assert re.match(r"[A-Z].{20,}\.$", sentence), f"{spec.name} lacks {gesture}: {sentence!r} is no sentence"
        assert " ".join(sentence.split()) in readme, f"the README of {spec.name} does not say: {sentence}"
