"""What a person's choice in a Block Kit element says in payloads, and which elements a block holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.slack.wire import Json, NotPossible

_SINGLE = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "rich_text_input": "rich_text_value",
}
_OPTION = {"static_select", "external_select", "radio_buttons", "overflow"}
_OPTIONS = {"multi_static_select", "multi_external_select", "checkboxes"}
_INITIAL = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_conversation": "initial_conversation",
    "selected_conversations": "initial_conversations",
    "selected_channel": "initial_channel",
    "selected_channels": "initial_channels",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
    "rich_text_value": "initial_value",
    "value": "initial_value",
}


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every interactive element with its block."""
    for block in blocks:
        for name in ("accessory", "element"):
            if isinstance(block.get(name), dict) and "action_id" in block[name]:
                yield block, block[name]
        for nested in ("elements", "actions"):
            for element in block.get(nested, []) if block["type"] != "rich_text" else []:
                if isinstance(element, dict) and "action_id" in element:
                    yield block, element
        if isinstance(block.get("child_blocks"), list):
            yield from elements(block["child_blocks"])


def find(blocks: list[Json], action_id: str, block_id: str | None, value: str | None = None) -> tuple[Json, Json]:
    """The element that a person means. Raises: NotPossible."""
    matching = [
        (block, element)
        for block, element in elements(blocks)
        if element["action_id"] == action_id
        and block_id in (None, block["block_id"])
        and (value is None or element.get("type") != "button" or element.get("value") == value)
    ]
    if len(matching) != 1:
        known = ", ".join(sorted({element["action_id"] for _block, element in elements(blocks)})) or "none"
        raise NotPossible(f"{len(matching)} elements have action_id {action_id!r}; there are: {known}")
    return matching[0]


def key_of(element: Json) -> str:
    """The property under which this element's choice stands."""
    kind = element["type"]
    if kind in _OPTION:
        return "selected_option"
    if kind in _OPTIONS:
        return "selected_options"
    return _SINGLE.get(kind, "value")


def chosen(element: Json, selection: Any) -> Json:
    """The choice as Slack writes it. Raises: NotPossible for an option that is not offered."""
    key = key_of(element)
    if key == "selected_option":
        return {"type": element["type"], key: None if selection is None else _option(element, selection)}
    if key == "selected_options":
        picked = [selection] if isinstance(selection, str | dict) else list(selection or [])
        return {"type": element["type"], key: [_option(element, entry) for entry in picked]}
    if element["type"] == "plain_text_input" and isinstance(selection, str):
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if selection and not least <= len(selection) <= most:
            raise NotPossible(f"{element['action_id']} takes {least} to {most} characters, not {len(selection)}")
    return {"type": element["type"], key: selection if selection != "" else None}


def initial(element: Json) -> Json:
    """The state of an element that nobody touched."""
    key = key_of(element)
    default: Any = [] if key.endswith("s") else None
    return {"type": element["type"], key: element.get(_INITIAL[key], default)}


def is_empty(choice: Json) -> bool:
    """Whether nothing was entered."""
    return all(value in (None, "", []) for name, value in choice.items() if name != "type")


def _option(element: Json, selection: Any) -> Json:
    if isinstance(selection, dict):
        return selection
    groups = [element.get("options", []), *(group["options"] for group in element.get("option_groups", []))]
    for option in (option for group in groups for option in group):
        if option["value"] == selection:
            return dict(option)
    if "external" in element["type"]:
        return {"text": {"type": "plain_text", "text": str(selection), "emoji": True}, "value": str(selection)}
    raise NotPossible(f"{element['action_id']} offers no option with the value {selection!r}")
