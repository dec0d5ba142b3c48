"""Says what is wrong with an event: which field, what stands there, and what should."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field, ValidationError

from bridges.api.tree import Model
from core.contracts.text import cut

MOST_MISTAKES = 10
MOST_SHOWN = 100


class Mistake(Model):
    """One thing that is wrong."""

    index: int
    """Which event of the call, from 0."""
    event_id: str | None = None
    field: str
    """A JSON pointer into that event; "" is the event itself."""
    value: str | None = None
    """What stands there, shortened; null where nothing does."""
    detail: str
    """What is wrong, and the way out."""


class Taken(Model):
    """What became of a call: the events that are kept now, and why others are not."""

    taken: tuple[str, ...]
    errors: tuple[Mistake, ...] = ()


class Problem(Model):
    """RFC 9457: nothing was done, and why."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[Mistake, ...] = Field(default=())


def problem(status: int, title: str, detail: str, errors: Iterable[Mistake] = ()) -> bytes:
    """As JSON, to be sent as `application/problem+json`."""
    return Problem(title=title, status=status, detail=detail, errors=tuple(errors)).model_dump_json().encode()


def mistake(index: int, event: Any, path: Sequence[str | int], sentence: str) -> Mistake:
    """A mistake at that place of an event."""
    name = event.get("event_id") if isinstance(event, dict) else None
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    there, value = _at(event, path)
    return Mistake(
        index=index,
        event_id=cut(name, MOST_SHOWN) if isinstance(name, str) else None,
        field=cut(pointer, 2 * MOST_SHOWN),
        value=cut(json.dumps(value, ensure_ascii=False), MOST_SHOWN) if there else None,
        detail=sentence,
    )


def mistakes(index: int, event: Any, error: ValidationError) -> list[Mistake]:
    """All that pydantic found, the first ten."""
    found = error.errors(include_url=False, include_context=True, include_input=False)
    return [mistake(index, event, _path(event, one["loc"]), _sentence(one)) for one in found[:MOST_MISTAKES]]


def _sentence(error: Any) -> str:
    kind, context, message = error["type"], error.get("ctx", {}), str(error["msg"])
    match kind:
        case "missing":
            return f"`{error['loc'][-1]}` is missing; add it."
        case "extra_forbidden":
            return f"There is no field `{cut(str(error['loc'][-1]), 60)}` here; leave it out."
        case "union_tag_invalid":
            return f"There is no such type; there are {context['expected_tags']}."
        case "union_tag_not_found":
            return "`type` is missing or no text; it says which kind this is."
        case "value_error":
            sentence = message.removeprefix("Value error, ")
            return f"{sentence[:1].upper()}{sentence[1:]}."
        case "timezone_aware":
            return 'It should have a time zone, as in "2026-09-21T14:13:20Z".'
    for word in ("Input", "String", "List", "Tuple", "Dictionary"):
        message = message.replace(f"{word} should", "It should")
    return f"{cut(message, 300)}."


def _path(event: Any, place: Sequence[str | int]) -> list[str | int]:
    """Without the names of variants that pydantic puts first and between; the last part may be what is missing."""
    found: list[str | int] = []
    for number, part in enumerate(place[1:], 2):
        there, inner = _step(event, part)
        if there:
            found.append(part)
            event = inner
        elif number == len(place) and isinstance(event, dict) and part != "[key]":
            found.append(part)
    return found


def _at(event: Any, path: Sequence[str | int]) -> tuple[bool, Any]:
    for part in path:
        there, event = _step(event, part)
        if not there:
            return False, None
    return True, event


def _step(value: Any, part: str | int) -> tuple[bool, Any]:
    """Whether there is such a part, and it."""
    if isinstance(value, dict):
        return part in value, value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return True, value[part]
    return False, None
