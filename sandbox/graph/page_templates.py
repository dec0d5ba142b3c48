"""Templates of Messenger and Instagram: text with buttons, and cards side by side."""

from __future__ import annotations

from typing import Any

from sandbox.graph.wire import Json, bad, object_of, text_of

#: (payload, title) of a button that comes back.
Pressable = tuple[str, str]


def read_template(payload: Json) -> tuple[Pressable, ...]:
    """The buttons of a template that keeps its limits. Raises: GraphError."""
    if payload.get("template_type") == "generic":
        return _generic(payload)
    text, buttons = text_of(payload.get("text")), payload.get("buttons")
    if not 1 <= len(text) <= 640:
        raise bad("Length of param text must be between 1 and 640.")
    if not buttons:
        raise bad("A button template has one to three buttons.")
    return _buttons(buttons)


def _generic(payload: Json) -> tuple[Pressable, ...]:
    elements = payload.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
        raise bad("A generic template has one to ten elements.")
    found: list[Pressable] = []
    for element in map(object_of, elements):
        title, subtitle = text_of(element.get("title")), text_of(element.get("subtitle"))
        if not 1 <= len(title) <= 80 or len(subtitle) > 80:
            raise bad("An element has a title of 1 to 80 and a subtitle of at most 80 characters.")
        if not subtitle and not element.get("image_url") and not element.get("buttons"):
            raise bad("An element has something beside its title.")
        found += _buttons(element.get("buttons") or [])
    return tuple(found)


def _buttons(given: Any) -> tuple[Pressable, ...]:
    if not isinstance(given, list) or len(given) > 3:
        raise bad("There are at most three buttons.")
    found: list[Pressable] = []
    for button in map(object_of, given):
        title = text_of(button.get("title"))
        if not 1 <= len(title) <= 20:
            raise bad("A button has a title of 1 to 20 characters.")
        if button.get("type") == "web_url":
            if not text_of(button.get("url")).startswith(("https://", "http://")):
                raise bad("A button that leads somewhere has a url.")
            continue
        value = text_of(button.get("payload"))
        if button.get("type") != "postback" or not 1 <= len(value) <= 1000:
            raise bad("A button that comes back has a payload of 1 to 1000 characters.")
        found.append((value, title))
    return tuple(found)
