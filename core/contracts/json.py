"""Reads JSON that strangers sent: strict UTF-8, bounded nesting, and one error for whatever is wrong with it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from core.contracts.errors import RequestRejected


def loads(raw: bytes, *, depth: int = 50) -> Any:
    """The value in `raw`. Raises RequestRejected (400) for anything but JSON nested at most `depth` levels."""
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError:
        raise _too_deep(depth) from None
    except ValueError as error:
        raise RequestRejected(f"The body is not valid JSON: {_reason(error)}", status=400) from None
    # Most bodies hold fewer brackets than the limit, so nothing needs to be walked.
    if raw.count(b"[") + raw.count(b"{") > depth:
        _check_depth(value, depth)
    return value


def _check_depth(value: Any, depth: int) -> None:
    level = [value]
    for _ in range(depth):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner
        if not level:
            return
    if any(isinstance(item, dict | list) for item in level):
        raise _too_deep(depth)


def _too_deep(depth: int) -> RequestRejected:
    return RequestRejected(f"The JSON is nested deeper than {depth} levels.", status=400)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _reason(error: ValueError) -> str:
    """What is wrong and where, without quoting what a stranger wrote."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8."
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}."
    return "it holds a number that JSON does not know or that is too long."
