"""Reads the recorded examples of a bridge, and writes events the way they are written there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.contracts.bridge import Event
from core.contracts.content import Content
from core.contracts.text import content_to_json

ROOT = Path(__file__).parent.parent.parent / "bridges"


def examples(channel: str) -> dict[str, Any]:
    """Every example of a channel but its settings, by name: `item` comes in and `events` come out."""
    found = sorted((ROOT / channel / "examples").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found if path.stem != "settings"}


def settings(channel: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((ROOT / channel / "examples" / "settings.json").read_text(encoding="utf-8"))
    return value


def as_json(event: Event) -> dict[str, Any]:
    """An event as an example writes it: its name, and what differs from the defaults."""
    return {"event": type(event).__name__, **_fields(event)}


def _fields(value: Any) -> dict[str, Any]:
    shown = {}
    for field in fields(value):
        item = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if item != default:
            shown[field.name] = _plain(item)
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, Content):
        return content_to_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value):
        return _fields(value)
    return dict(value) if isinstance(value, Mapping) else value
