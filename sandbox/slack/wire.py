"""What arrives at and leaves Slack's Web API: arguments merged from everywhere they may stand, and errors by code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

Json = dict[str, Any]


class SlackError(Exception):
    """An answer with `ok: false`."""

    def __init__(self, code: str, *messages: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.extra = extra

    def answer(self) -> Json:
        """The JSON body that says so."""
        body: Json = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return body


class NotPossible(Exception):
    """A person asked for something that Slack's own client does not let her do."""


class Arguments:
    """The arguments of one call, whichever way they came."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """The argument as text; `default` when it is missing."""
        value = self.values.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else json.dumps(value)

    def required(self, name: str) -> str:
        """The argument as text, or `invalid_arguments`."""
        value = self.text(name)
        if not value:
            raise SlackError("invalid_arguments", f"missing required field: {name}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """The argument as a boolean, the way forms spell it."""
        value = self.values.get(name)
        if value is None:
            return default
        return str(value).lower() in {"1", "true", "yes", "on"}

    def integer(self, name: str, default: int) -> int:
        """The argument as a number, or `invalid_arguments`."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            return int(str(value))
        except ValueError:
            raise SlackError("invalid_arguments", f"must be an integer [json-pointer:/{name}]") from None

    def structure(self, name: str, error: str) -> Any:
        """The argument as parsed JSON, None when missing; `error` when it does not parse."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None


async def read_arguments(request: web.Request) -> tuple[Arguments, list[str]]:
    """Query string, then form or JSON body on top; and the warnings that the content type earns."""
    values: Json = dict(request.query)
    values.pop("token", None)  # tokens in the query string are not accepted for apps created after February 2021
    warnings: list[str] = []
    if request.method == "POST" and request.can_read_body:
        if request.content_type == "application/json":
            body = await request.text()
            if body.strip():
                values |= _parse(body)
            if request.charset is None:
                warnings.append("missing_charset")
        elif request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            form = await request.post()
            values |= {name: value for name, value in form.items() if isinstance(value, str)}
        else:
            raise SlackError("invalid_post_type")
    return Arguments(values), warnings


def _parse(body: str) -> Json:
    try:
        parsed = json.loads(body)
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(parsed, dict):
        raise SlackError("json_not_object")
    return parsed


def page(items: list[Json], arguments: Arguments, *, default: int, most: int) -> tuple[list[Json], str]:
    """One page of `items` and the cursor of the next, empty at the end."""
    limit = min(arguments.integer("limit", default) or default, most)
    if limit < 1:
        raise SlackError("invalid_limit")
    start = 0
    cursor = arguments.text("cursor")
    if cursor:
        prefix, _, number = cursor.partition(":")
        if prefix != "next" or not number.isdigit():
            raise SlackError("invalid_cursor")
        start = int(number)
    following = f"next:{start + limit}" if start + limit < len(items) else ""
    return items[start : start + limit], following


def without(message: Json, names: Iterable[str]) -> Json:
    """A shallow copy lacking `names`."""
    dropped = set(names)
    return {name: value for name, value in message.items() if name not in dropped}
