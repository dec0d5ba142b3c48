"""Recorded examples of a channel: what came in, and the events that it means.

A folder `examples/` holds `settings.json`, the settings of an account for which the examples are true, and any number
of other `.json` files, each an object:

    item       what `parse` gets, as a JSON value; or
    raw        the same as a string; or
    raw_file   the name of a file beside it that holds the very bytes
    headers    of the webhook call that brings it, signed for those settings; `query`, `method` ("POST") and `url` (the
               public URL that was called) if needed
    settings   instead of `settings.json`, where an example needs others
    events     what `parse` answers, in order; each names its class as `event` (or `type`) and the fields that matter,
               spelled as `event_as_json` spells them; `text` stands for the bare text of `content`
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.contracts.bridge import Event
from core.contracts.content import Content
from core.contracts.http import WebhookRequest
from core.contracts.text import content_to_json, plain

#: The clock stands here while examples are read.
NOW = datetime(2026, 9, 21, 14, 13, 30, tzinfo=UTC)
_KEYS = frozenset({"about", "settings", "item", "raw", "raw_file", "headers", "query", "method", "url", "events"})


class BadExample(ValueError):
    """An example that cannot be read; `str()` names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One recorded item."""

    name: str
    settings: Mapping[str, Any]
    raw: bytes
    events: Sequence[Mapping[str, Any]]
    #: None where the example says nothing about a webhook call.
    headers: Mapping[str, str] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    url: str = ""

    def request(self, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> WebhookRequest:
        """The webhook call that brings it, or one that differs."""
        return WebhookRequest(
            method=self.method,
            url=self.url,
            query=self.query,
            headers=(self.headers or {}) if headers is None else headers,
            body=self.raw if body is None else body,
        )


def read_examples(folder: Path) -> list[Example]:
    """Every example in `folder`, by name. Raises BadExample."""
    general: Mapping[str, Any] = {}
    if (folder / "settings.json").is_file():
        general = _json(folder / "settings.json")
    return [_read(path, general) for path in sorted(folder.glob("*.json")) if path.name != "settings.json"]


def event_as_json(event: Event) -> dict[str, Any]:
    """An event as an example writes it: its class as `event`, and each field that differs from its default."""
    return {"event": type(event).__name__, **_fields(event)}


def differences(expected: Sequence[Mapping[str, Any]], found: Sequence[Event]) -> list[str]:
    """What the found events have otherwise than an example expects; what it does not name may be anything."""
    if len(expected) != len(found):
        return [f"{len(expected)} events expected, found {[type(event).__name__ for event in found]}"]
    wrong: list[str] = []
    for number, (wanted, event) in enumerate(zip(expected, found, strict=True)):
        shown = {"event": type(event).__name__, "type": type(event).__name__, **_fields(event, whole=True)}
        content = getattr(event, "content", None)
        if isinstance(content, Content):
            shown["text"] = plain(content.body)
        wrong += _differences(f"events[{number}]", wanted, shown)
    return wrong


def _differences(where: str, wanted: Any, found: Any) -> list[str]:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        missing = [f"{where}.{key}: there is no such field" for key in wanted if key not in found]
        both = [key for key in wanted if key in found]
        return missing + [line for key in both for line in _differences(f"{where}.{key}", wanted[key], found[key])]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [line for number, pair in pairs for line in _differences(f"{where}[{number}]", *pair)]
    if where.endswith(".at") and isinstance(wanted, str):
        wanted = datetime.fromisoformat(wanted).isoformat()
    return [] if wanted == found else [f"{where}: expected {wanted!r}, found {found!r}"]


def _read(path: Path, general: Mapping[str, Any]) -> Example:
    given = _json(path)
    if unknown := sorted(set(given) - _KEYS):
        raise BadExample(f"{path.name}: {', '.join(unknown)} is no key of an example; there are {sorted(_KEYS)}")
    if not isinstance(given.get("events"), list):
        raise BadExample(f"{path.name}: it must list its `events`, if only as []")
    headers = given.get("headers")
    return Example(
        name=path.stem,
        settings=given.get("settings", general),
        raw=_raw(path, given),
        events=given["events"],
        headers=None if headers is None else {name.lower(): value for name, value in headers.items()},
        query=given.get("query", {}),
        method=given.get("method", "POST"),
        url=given.get("url", ""),
    )


def _raw(path: Path, given: Mapping[str, Any]) -> bytes:
    found = [key for key in ("item", "raw", "raw_file") if key in given]
    if len(found) != 1:
        raise BadExample(f"{path.name}: it must have one of `item`, `raw` and `raw_file`; it has {found}")
    if "raw_file" in given:
        return (path.parent / Path(given["raw_file"]).name).read_bytes()
    if "raw" in given:
        return str(given["raw"]).encode("utf-8", "surrogatepass")
    return json.dumps(given["item"]).encode()


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise BadExample(f"{path.name}: it is not JSON: {problem}") from None
    if not isinstance(value, dict):
        raise BadExample(f"{path.name}: it must hold a JSON object")
    return value


def _fields(value: Any, *, whole: bool = False) -> dict[str, Any]:
    shown = {}
    for one in fields(value):
        item = getattr(value, one.name)
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        if whole or item != default:
            shown[one.name] = _plain(item, whole=whole)
    return shown


def _plain(value: Any, *, whole: bool) -> Any:
    if isinstance(value, Content):
        return content_to_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value):
        return _fields(value, whole=whole)
    if isinstance(value, tuple):
        return [_plain(one, whole=whole) for one in value]
    return dict(value) if isinstance(value, Mapping) else value
