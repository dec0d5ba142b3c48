"""The small vocabulary in which Block Kit's shapes are written down: fields, lengths, lists and choices."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Report:
    """What is wrong, and where."""

    complaints: list[tuple[str, str]] = field(default_factory=list)

    def add(self, complaint: str, at: str) -> None:
        """Notes a complaint at a JSON pointer."""
        self.complaints.append((complaint, at))

    def lines(self) -> list[str]:
        """Complaints the way Slack words them."""
        return [f"{complaint} [json-pointer:{at}]" for complaint, at in self.complaints]


Check = Callable[[Any, str, Report], None]


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object."""

    check: Check
    required: bool = False


def anything(_value: Any, _at: str, _report: Report) -> None:
    """Accepts whatever comes."""


def boolean(value: Any, at: str, report: Report) -> None:
    """true or false."""
    if not isinstance(value, bool):
        report.add("must be a boolean", at)


def string(least: int, most: int, pattern: str | None = None) -> Check:
    """Text of this many characters."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, str):
            report.add("must be a string", at)
        elif len(value) < least:
            report.add(f"must be more than {least - 1} characters", at)
        elif len(value) > most:
            report.add(f"must be less than {most + 1} characters", at)
        elif pattern is not None and not re.fullmatch(pattern, value):
            report.add("must match the required pattern", at)

    return check


def url(most: int = 3000) -> Check:
    """An absolute web address."""
    size = string(1, most)

    def check(value: Any, at: str, report: Report) -> None:
        size(value, at, report)
        if isinstance(value, str) and not re.match(r"(?i)(https?|mailto|tel|slack):", value):
            report.add("must be a valid URL", at)

    return check


def integer(least: int, most: int) -> Check:
    """A whole number in this range."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            report.add(f"must be an integer from {least} to {most}", at)

    return check


def one_of(*values: str) -> Check:
    """One of these words."""

    def check(value: Any, at: str, report: Report) -> None:
        if value not in values:
            report.add(f"must be one of: {', '.join(values)}", at)

    return check


def items(check_one: Check, least: int = 0, most: int | None = None) -> Check:
    """A list of this many entries."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, list):
            report.add("must be an array", at)
            return
        if len(value) < least:
            report.add(f"no fewer than {least} items allowed", at)
        if most is not None and len(value) > most:
            report.add(f"no more than {most} items allowed", at)
        for number, entry in enumerate(value):
            check_one(entry, f"{at}/{number}", report)

    return check


def shape(fields: Mapping[str, Field], *, one_needed: Collection[str] = (), open_ended: bool = False) -> Check:
    """An object with these properties and no others; at least one of `one_needed` when given."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add("must be an object", at)
            return
        for name, entry in fields.items():
            if name in value:
                entry.check(value[name], f"{at}/{name}", report)
            elif entry.required:
                report.add(f"missing required field: {name}", at)
        if not open_ended:
            for name in value:
                if name not in fields:
                    report.add(f"invalid additional property: {name}", at)
        if one_needed and not any(name in value for name in one_needed):
            report.add(f"missing required field: {next(iter(one_needed))}", at)

    return check


def by_type(shapes: Mapping[str, Check]) -> Check:
    """An object whose `type` chooses its shape."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add("must be an object", at)
        elif "type" not in value:
            report.add("missing required field: type", at)
        elif value["type"] not in shapes:
            report.add(f"unsupported type: {value['type']}", f"{at}/type")
        else:
            shapes[value["type"]](value, at, report)

    return check


def text(most: int, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn"), least: int = 1) -> Check:
    """A text object; `kinds` says which types may stand here."""
    shapes = {
        "plain_text": shape(
            {"type": Field(anything), "text": Field(string(least, most), required=True), "emoji": Field(boolean)}
        ),
        "mrkdwn": shape(
            {"type": Field(anything), "text": Field(string(least, most), required=True), "verbatim": Field(boolean)}
        ),
    }
    return by_type({kind: shapes[kind] for kind in kinds})
