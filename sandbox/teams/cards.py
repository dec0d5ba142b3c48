"""Checks Adaptive Cards as strictly as Teams, and finds the buttons and inputs that a person sees in one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.teams import card_shapes
from sandbox.teams.card_shapes import ACTIONS, ELEMENTS, INLINES, OTHER_VALUES, PARTS, STYLES, VALUES, Shape
from sandbox.teams.wire import Json, NotPossible, object_of

#: Buttons that Teams shows; others are left away unless they stand in the overflow menu.
MOST_ACTIONS = 6
NEWEST = (1, 5)
_VERSION = re.compile(r"(\d+)\.(\d+)")
_SCHEMES = frozenset("http https mailto tel msteams".split())


class BadCard(ValueError):
    """Why Teams would not show a card."""


def check(card: Any) -> None:
    """Raises BadCard unless Teams shows this card."""
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        raise BadCard('a card must be an object of type "AdaptiveCard"')
    version = _VERSION.fullmatch(str(card.get("version", "")))
    if version is None:
        raise BadCard("version is missing or no version")
    if (int(version[1]), int(version[2])) > NEWEST:
        raise BadCard(f"version {version[0]} is newer than Teams, which renders 1.5")
    _Checker().card(card)


def buttons(card: Json) -> Iterator[Json]:
    """The actions that a person can press, those in ShowCards included."""
    for actions in _action_lists(card):
        primary = [action for action in actions if str(action.get("mode", "primary")).lower() == "primary"]
        for action in actions:
            if action in primary[MOST_ACTIONS:]:
                continue
            yield action
            if action["type"] == "Action.ShowCard":
                yield from buttons(action["card"])


def button(card: Json, title: str, data: Mapping[str, Any] | None = None) -> Json:
    """The button with this title; what is given of its `data` tells several apart. Raises: NotPossible."""
    named = [action for action in buttons(card) if action.get("title") == title]
    found = [action for action in named if _carries(action, data or {})]
    if len(found) != 1:
        shown = ", ".join(repr(action.get("title")) for action in buttons(card)) or "none"
        raise NotPossible(f"{len(found)} buttons are called {title!r}; there are: {shown}")
    return found[0]


def _carries(action: Json, data: Mapping[str, Any]) -> bool:
    carried = object_of(action.get("data"))
    return all(carried.get(name) == value for name, value in data.items())


def inputs(card: Json) -> Iterator[Json]:
    """Every input of a card."""
    for element in _elements(card.get("body", [])):
        if str(element["type"]).startswith("Input."):
            yield element
    for action in card.get("actions", []):
        if action.get("type") == "Action.ShowCard":
            yield from inputs(action["card"])


def filled(card: Json, values: dict[str, Any]) -> Json:
    """What a client sends along: what was there, and what a person entered by the input's id. Raises: NotPossible."""
    left = dict(values)
    state: Json = {}
    for element in inputs(card):
        name = element["id"]
        value = left.pop(name) if name in left else element.get("value", _untouched(element))
        _entered(element, value)
        if value is not None:
            state[name] = value
    if left:
        shown = ", ".join(element["id"] for element in inputs(card)) or "none"
        raise NotPossible(f"the card has no input {', '.join(sorted(left))}; there are: {shown}")
    return state


def texts(node: Any) -> Iterator[str]:
    """Every text that a card shows."""
    if isinstance(node, dict):
        for name in ("text", "title", "value", "label", "placeholder"):
            if isinstance(node.get(name), str) and node.get("type") != "AdaptiveCard":
                yield node[name]
        for name, value in node.items():
            if name not in {"data", "msteams", "fallback"}:
                yield from texts(value)
    elif isinstance(node, list):
        for entry in node:
            yield from texts(entry)


class _Checker:
    def __init__(self) -> None:
        self._ids: set[str] = set()

    def card(self, card: Json) -> None:
        self._list(card, "body", "element", "card")
        self._list(card, "actions", "action", "card")
        if "selectAction" in card:
            self.action(card["selectAction"], "card.selectAction")
        refresh = card.get("refresh")
        if refresh is not None:
            if not isinstance(refresh, dict) or (refresh.get("action") or {}).get("type") != "Action.Execute":
                raise BadCard("refresh.action must be an Action.Execute")
            if len(refresh.get("userIds", [])) > 60:
                raise BadCard("refresh.userIds takes at most 60 ids")

    def element(self, element: Any, kind: str, path: str) -> None:
        if kind == "inline" and isinstance(element, str):
            return
        known = INLINES if kind == "inline" else ACTIONS if kind == "action" else ELEMENTS
        name = self._name(element, path)
        allowed = name in known and (kind in {"inline", "action", "element"} or name == kind)
        if kind == "element" and name in PARTS:
            allowed = False
        if not allowed:
            fallback = element.get("fallback")
            if fallback is None:
                raise BadCard(f"{path}: {name!r} is not known here")
            if fallback != "drop":
                self.element(fallback, kind, f"{path}.fallback")
            return
        self._properties(element, known[name], path)
        if isinstance(element.get("fallback"), dict):
            _Checker().element(element["fallback"], kind, f"{path}.fallback")
        self._values(element, name, path)
        if "selectAction" in element:
            self.action(element["selectAction"], f"{path}.selectAction")
        self._special(element, name, path)

    def action(self, action: Any, path: str) -> None:
        self.element(action, "action", path)
        if action["type"] == "Action.ShowCard":
            raise BadCard(f"{path}: an Action.ShowCard cannot stand here")

    def _name(self, element: Any, path: str) -> str:
        if not isinstance(element, dict) or not isinstance(element.get("type"), str):
            raise BadCard(f"{path} has no type")
        return str(element["type"])

    def _properties(self, element: Json, shape: Shape, path: str) -> None:
        for name, wanted in shape.needs.items():
            if name not in element:
                raise BadCard(f"{path}: {element['type']} needs {name!r}")
            if not card_shapes.fits(element[name], wanted):
                raise BadCard(f"{path}.{name} has the wrong type")
        if "id" in element:
            if not isinstance(element["id"], str) or element["id"] in self._ids:
                raise BadCard(f"{path}: the id {element['id']!r} is used twice or is no text")
            self._ids.add(element["id"])
        for name, kind in shape.lists.items():
            self._list(element, name, kind, path)

    def _list(self, parent: Json, name: str, kind: str, path: str) -> None:
        entries = parent.get(name, [])
        if not isinstance(entries, list):
            raise BadCard(f"{path}.{name} must be a list")
        for number, entry in enumerate(entries):
            if kind in {"Column", "TableRow", "TableCell", "CarouselPage", "Image"} and isinstance(entry, dict):
                entry = {"type": kind, **entry}
            self.element(entry, kind, f"{path}.{name}[{number}]")

    def _values(self, element: Json, name: str, path: str) -> None:
        for key, allowed in VALUES.items():
            value = element.get(key)
            if key not in element or (name, key) in OTHER_VALUES or (isinstance(value, int) and key == "size"):
                continue
            if str(value).lower() not in allowed and not str(value).endswith("px"):
                raise BadCard(f"{path}.{key}: {value!r} is none of {', '.join(sorted(allowed))}")
        style = element.get("style")
        if style is not None and name in STYLES and str(style).lower() not in STYLES[name]:
            raise BadCard(f"{path}.style: {style!r} is none of {', '.join(sorted(STYLES[name]))}")

    def _special(self, element: Json, name: str, path: str) -> None:
        match name:
            case "FactSet":
                _pairs(element["facts"], f"{path}.facts")
            case "Input.ChoiceSet":
                choices = element.get("choices", [])
                _pairs(choices, f"{path}.choices")
                if not choices and "choices.data" not in element:
                    raise BadCard(f"{path}: Input.ChoiceSet needs choices")
            case "Action.OpenUrl":
                if urlsplit(element["url"]).scheme not in _SCHEMES:
                    raise BadCard(f"{path}.url: {element['url']!r} cannot be opened")
            case "Action.ShowCard":
                inner = element["card"]
                if inner.get("type") != "AdaptiveCard":
                    raise BadCard(f"{path}.card must be an AdaptiveCard")
                self.card(inner)
            case "Action.Execute" | "Action.Submit":
                if not isinstance(element.get("data", {}), dict | str):
                    raise BadCard(f"{path}.data must be an object or a text")
                if not isinstance(element.get("verb", ""), str):
                    raise BadCard(f"{path}.verb must be a text")
            case "Image":
                if urlsplit(element["url"]).scheme not in {"https", "data"}:
                    raise BadCard(f"{path}.url must be https or data")
        if element.get("isRequired") and not element.get("errorMessage") and name.startswith("Input."):
            raise BadCard(f"{path}: a required input needs an errorMessage")


def _pairs(entries: Any, path: str) -> None:
    if not isinstance(entries, list):
        raise BadCard(f"{path} must be a list")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in ("title", "value")):
            raise BadCard(f"{path}[{number}] needs a title and a value")


def _action_lists(card: Json) -> Iterator[list[Json]]:
    for element in _elements(card.get("body", [])):
        if element["type"] == "ActionSet":
            yield element["actions"]
    if card.get("actions"):
        yield card["actions"]


def _elements(entries: list[Any]) -> Iterator[Json]:
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        yield entry if "type" in entry else {**entry, "type": "Column"}
        for name in ("items", "columns", "rows", "cells", "pages", "images"):
            if isinstance(entry.get(name), list):
                yield from _elements(entry[name])
        for action in entry.get("actions", []):
            if action.get("type") == "Action.ShowCard":
                yield from _elements(action["card"].get("body", []))


def _untouched(element: Json) -> Any:
    if element["type"] == "Input.Toggle":
        return element.get("valueOff", "false")
    return None


def _entered(element: Json, value: Any) -> None:
    name = element.get("label") or element["id"]
    if element.get("isRequired") and value in (None, ""):
        raise NotPossible(f"{name!r} must be filled in: {element.get('errorMessage')}")
    if value in (None, ""):
        return
    if element["type"] == "Input.Text":
        if len(str(value)) > element.get("maxLength", 1_000_000):
            raise NotPossible(f"{name!r} takes at most {element['maxLength']} characters, not {len(str(value))}")
        if element.get("regex") and not re.fullmatch(element["regex"], str(value)):
            raise NotPossible(f"{name!r} does not take {value!r}")
    if element["type"] == "Input.ChoiceSet":
        offered = {choice["value"] for choice in element.get("choices", [])}
        picked = str(value).split(",") if element.get("isMultiSelect") else [value]
        if not set(picked) <= offered and "choices.data" not in element:
            raise NotPossible(f"{name!r} does not offer {value!r}; there are: {', '.join(sorted(offered))}")
