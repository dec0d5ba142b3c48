"""Turns what is wrong with the settings into sentences: where, which value, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from core.settings.references import Place

#: Keys whose values are not shown, whatever type an adapter gave them.
SECRET_KEY = re.compile(r"token|secret|password|passwd|key|credential|database|dsn", re.IGNORECASE)

LISTS = ("accounts", "workspaces", "routes", "canned_replies")


def did_you_mean(word: str, known: Iterable[str], *, what: str) -> str:
    """The nearest known word, or all of them."""
    words = sorted(known)
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"{what}: {', '.join(words)}" if words else f"there are no {what}"


def label(place: Place, data: Mapping[str, Any]) -> str:
    """`[[accounts]] "shop", token`, or `web.port`."""
    if len(place) >= 2 and place[0] in LISTS and isinstance(place[1], int):
        items = data.get(str(place[0]))
        item = items[place[1]] if isinstance(items, list) and place[1] < len(items) else {}
        name = item.get("title" if place[0] == "canned_replies" else "name") if isinstance(item, dict) else None
        table = f'[[{place[0]}]] "{name}"' if isinstance(name, str) else f"[[{place[0]}]] number {place[1] + 1}"
        return f"{table}, {dotted(place[2:])}" if len(place) > 2 else table
    return dotted(place)


def dotted(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def sentences(
    error: ValidationError, model: type[BaseModel], *, under: Place, data: Mapping[str, Any], hidden: Iterable[Place]
) -> Iterator[tuple[Place, str]]:
    """One sentence for each mistake that pydantic found, with its place."""
    secret = set(hidden)
    for item in error.errors(include_url=False, include_context=False):
        local: Place = tuple(item["loc"])
        place = (*under, *local)
        where = label(place, data)
        if item["type"] == "missing":
            yield place, f"{where}: it is missing; add it."
        elif item["type"] == "extra_forbidden":
            yield place, unknown_key(place, known_keys(model, local[:-1]), data)
        else:
            yield place, f"{where}{_shown(item['input'], place, secret)}: {_message(item['msg'])}"


def unknown_key(place: Place, known: Iterable[str], data: Mapping[str, Any]) -> str:
    """The sentence for a key that means nothing there."""
    hint = did_you_mean(str(place[-1]), known, what="the keys there")
    return f"{label(place, data)}: this key is not known; {hint}"


def known_keys(model: type[BaseModel], place: Place) -> set[str]:
    """The keys of the table at `place` inside `model`."""
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            inner = next(_models(model.model_fields[part].annotation), None)
            if inner is None:
                return set()
            model = inner
    return {field.alias or name for name, field in model.model_fields.items()} - {"secrets"}


def secret_values(value: Any) -> Iterator[str]:
    """Every SecretStr's text in a model, a mapping or a sequence."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from secret_values([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, Mapping):
        yield from secret_values(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from secret_values(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _shown(value: Any, place: Place, secret: set[Place]) -> str:
    if place in secret or any(isinstance(part, str) and SECRET_KEY.search(part) for part in place):
        return ""
    if isinstance(value, str | int | float | bool):
        text = repr(value) if isinstance(value, str) else str(value)
        return f" = {text[:80]}{'…' if len(text) > 80 else ''}"
    return ""


def _message(text: str) -> str:
    text = text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    text = re.sub(r"^Input should be (a |an )?", r"it should be \1", text)
    return text if text.endswith((".", "?")) else f"{text}."
