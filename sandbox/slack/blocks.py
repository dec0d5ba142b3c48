"""Checks Block Kit as strictly as Slack: every complaint names its place with a JSON pointer."""

from __future__ import annotations

import json
import secrets
from typing import Any

from sandbox.slack.block_shapes import BLOCKS, HOME, MESSAGE, MODAL
from sandbox.slack.shapes import Check, Field, Report, anything, boolean, items, shape, string, text
from sandbox.slack.wire import Json, SlackError

MOST_MESSAGE_BLOCKS = 50
MOST_VIEW_BLOCKS = 100
#: JSON bytes of one view.
LARGEST_VIEW = 250_000


def check_message_blocks(blocks: Any) -> list[Json]:
    """The blocks of a message, with block ids filled in. Raises: SlackError invalid_blocks, invalid_blocks_format."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    report = Report()
    _check(blocks, "/blocks", MESSAGE, MOST_MESSAGE_BLOCKS, report)
    if report.complaints:
        complaints = report.lines()
        raise SlackError("invalid_blocks", *complaints, errors=complaints)
    return _numbered(blocks)


def check_view(view: Any, *, kinds: tuple[str, ...] = ("modal", "home")) -> Json:
    """A view as an app sends it, with block ids filled in. Raises: SlackError invalid_arguments, view_too_large."""
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", "must be a valid view [json-pointer:/view]")
    report = Report()
    kind = view.get("type")
    if kind not in kinds:
        report.add(f"unsupported type: {kind}", "/view/type")
    else:
        _VIEW_FIELDS[str(kind)](view, "/view", report)
        blocks = view.get("blocks")
        if isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks):
            _check(blocks, "/view/blocks", MODAL if kind == "modal" else HOME, MOST_VIEW_BLOCKS, report)
            has_input = any(block.get("type") == "input" for block in blocks)
            if kind == "modal" and has_input and "submit" not in view:
                report.add("missing required field: submit", "/view")
    if report.complaints:
        raise SlackError("invalid_arguments", *report.lines())
    if len(json.dumps(view).encode()) > LARGEST_VIEW:
        raise SlackError("view_too_large")
    return {**view, "blocks": _numbered(view["blocks"])}


def _check(blocks: list[Json], at: str, surface: str, most: int, report: Report) -> None:
    if len(blocks) > most:
        report.add(f"no more than {most} items allowed", at)
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        pointer = f"{at}/{number}"
        kind = block.get("type")
        shape = BLOCKS.get(str(kind))
        if kind is None:
            report.add("missing required field: type", pointer)
            continue
        if shape is None or surface not in shape.surfaces:
            report.add(f"unsupported type: {kind}", f"{pointer}/type")
            continue
        shape.check(block, pointer, report)
        block_id = block.get("block_id")
        if isinstance(block_id, str) and block_id:
            if block_id in seen:
                report.add(f"block_id {block_id} already exists", f"{pointer}/block_id")
            seen.add(block_id)
        actions = [entry for entry in _action_ids(block) if entry]
        for action_id in sorted({entry for entry in actions if actions.count(entry) > 1}):
            report.add(f"action_id {action_id} already exists", f"{pointer}/elements")
    for kind, most_of in (("table", 1), ("data_visualization", 2)):
        if sum(block.get("type") == kind for block in blocks) > most_of:
            report.add(f"no more than {most_of} {kind} blocks allowed", at)


def _action_ids(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for entry in node for found in _action_ids(entry)]
    if isinstance(node, dict):
        own = [node["action_id"]] if isinstance(node.get("action_id"), str) else []
        return own + [found for entry in node.values() for found in _action_ids(entry)]
    return []


def _numbered(blocks: list[Json]) -> list[Json]:
    """Slack invents the block and action ids that an app leaves out."""
    return [
        _with_action_ids({**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)}) for block in blocks
    ]


def _with_action_ids(block: Json) -> Json:
    changed = dict(block)
    for name in ("accessory", "element"):
        if isinstance(changed.get(name), dict):
            changed[name] = _with_action_id(changed[name])
    if block["type"] in {"actions", "context_actions"}:
        changed["elements"] = [_with_action_id(element) for element in block["elements"]]
    return changed


def _with_action_id(element: Json) -> Json:
    if element.get("action_id") or element.get("type") == "image":
        return element
    return {**element, "action_id": secrets.token_urlsafe(4)}


def _view_fields() -> dict[str, Check]:
    common = {
        "type": Field(string(1, 20), required=True),
        "blocks": Field(items(anything), required=True),
        "private_metadata": Field(string(0, 3000)),
        "callback_id": Field(string(0, 255)),
        "external_id": Field(string(0, 255)),
    }
    modal = {
        "title": Field(text(24, kinds=("plain_text",)), required=True),
        "submit": Field(text(24, kinds=("plain_text",))),
        "close": Field(text(24, kinds=("plain_text",))),
        "clear_on_close": Field(boolean),
        "notify_on_close": Field(boolean),
        "submit_disabled": Field(boolean),
    }
    return {"modal": shape({**common, **modal}), "home": shape(common)}


_VIEW_FIELDS = _view_fields()
