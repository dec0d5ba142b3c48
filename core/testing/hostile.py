"""What strangers send to break a reader: bare bytes, and recorded items with one part replaced or missing."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

MEGABYTE = 1024 * 1024

#: By name, so that a failing test says which.
BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n\t",
    "not JSON": b"<html>502 Bad Gateway</html>",
    "half of it": b'{"message": {"text": "hel',
    "not UTF-8": b'{"text": "\xff\xfe\xc3"}',
    "null": b"null",
    "a number": b"7",
    "a text": b'"text"',
    "a list": b"[]",
    "a list of nothing": b"[null, null]",
    "an empty object": b"{}",
    "NaN": b'{"at": NaN, "n": Infinity}',
    "a huge number": b'{"id": ' + b"9" * 20_000 + b"}",
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a line of 1 MB": b"a" * MEGABYTE,
    "a text of 1 MB": json.dumps({"text": "a" * MEGABYTE}).encode(),
    "a million spaces": b'{"a":' + b" " * MEGABYTE + b"1}",
    "U+0000": b"\x00" * 1000,
    "an escaped U+0000": b'{"text": "a\\u0000b"}',
    "a lone surrogate": b'{"text": "a\\ud800b", "\\udfff": 1}',
    "the same key twice": b'{"id": 1, "id": {"id": []}}',
}

#: Put in the place of every part of a recorded item.
PARTS: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "a\x00b\ud800c",
    "<script>" * 200,
    [],
    {},
    [[[[None]]]],
    {"a": {"b": []}},
)


def variants(raw: bytes, *, most: int = 1_500) -> Iterator[tuple[str, bytes]]:
    """(what was changed, the changed item): each part of JSON, or each line of anything else."""
    try:
        item = json.loads(raw)
    except ValueError:
        yield from itertools.islice(_torn(raw), most)
        return
    made = 0
    for path in _paths(item):
        for name, changed in _changes(item, path):
            if made >= most:
                return
            made += 1
            yield name, json.dumps(changed).encode()


def texts(raw: bytes, shown: str, instead: str) -> bytes | None:
    """The item with `instead` wherever it holds exactly the text `shown`; None: it does not."""
    try:
        item = json.loads(raw)
    except ValueError:
        if not instead.isascii():
            # What such a text is in bytes depends on what the item says of itself.
            return None
        line = b"\n" + shown.encode()
        at_end = shown and raw.count(line) == 1 and raw.rstrip().endswith(line)
        return raw.replace(line, b"\n" + instead.encode()) if at_end else None
    hits = [path for path in _paths(item) if _at(item, path) == shown]
    for path in hits:
        item = _with(item, path, instead)
    return json.dumps(item).encode() if hits and shown else None


def _torn(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """A line missing, doubled, endless or binary, or everything after it gone."""
    lines = raw.split(b"\n")
    for number, line in enumerate(lines):
        before, after = lines[:number], lines[number + 1 :]
        for name, instead in {
            "missing": [],
            "doubled": [line, line],
            "of 100 kB": [line + b"a" * 100_000],
            "of nulls": [b"\x00" * 1000],
            "of high bytes": [bytes(range(128, 256)) * 10],
            "with a broken end": [line[: len(line) // 2]],
        }.items():
            yield f"line {number} {name}", b"\n".join([*before, *instead, *after])
        yield f"cut at line {number}", b"\n".join([*before, line[: len(line) // 2]])


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    inner: Sequence[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, child in inner:
        yield from _paths(child, (*path, key))


def _changes(item: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str, Any]]:
    where = ".".join(map(str, path))
    yield f"without {where}", _with(item, path, ..., remove=True)
    for part in PARTS:
        yield f"{where} = {str(part)[:20]!a}", _with(item, path, part)


def _at(item: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        item = item[key]
    return item


def _with(item: Any, path: tuple[str | int, ...], part: Any, *, remove: bool = False) -> Any:
    item = copy.deepcopy(item)
    *above, last = path
    holder = _at(item, tuple(above))
    if remove:
        del holder[last]
    else:
        holder[last] = part
    return item
