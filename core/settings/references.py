"""Replaces "env:NAME" and "file:PATH" in what the settings file says by what they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Where a value stands: ("accounts", 0, "token").
Place = tuple[str | int, ...]

#: Far more than any token or key needs.
MAX_BYTES = 64 * 1024

REFERENCE = re.compile(r"(env|file):(.+)", re.DOTALL)


class Unresolved(ValueError):
    """What a reference names is not there; `str()` is a sentence with the way out."""


@dataclass(slots=True, kw_only=True)
class References:
    """Resolves references and remembers what came of them."""

    env: Mapping[str, str]
    #: What relative paths start from.
    folder: Path
    #: What was found, by where it was used: never shown to anybody.
    found: dict[Place, str] = field(default_factory=dict)
    #: Sentences about what was not, by where it was wanted.
    missing: dict[Place, str] = field(default_factory=dict)

    def resolve(self, value: Any, place: Place = ()) -> Any:
        """`value` with every reference in it replaced; one that cannot be is kept, and `missing` says why."""
        if isinstance(value, dict):
            return {key: self.resolve(inner, (*place, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolve(inner, (*place, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str) or (match := REFERENCE.fullmatch(value)) is None:
            return value
        try:
            self.found[place] = self._variable(match[2]) if match[1] == "env" else self._file(match[2])
        except Unresolved as problem:
            self.missing[place] = f'"{value}": {problem}'
            return value
        return self.found[place]

    def _variable(self, name: str) -> str:
        value = self.env.get(name)
        if value is None:
            raise Unresolved(f"the environment variable {name} is not set; set it before the start")
        if not value.strip():
            raise Unresolved(f"the environment variable {name} is empty; give it a value")
        return value.strip()

    def _file(self, name: str) -> str:
        path = self.folder / Path(name).expanduser()
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise Unresolved(f"there is no file {path}; create it, or correct the path") from None
        except OSError as error:
            raise Unresolved(f"the file {path} cannot be read ({error.strerror}); correct its owner or mode") from None
        if len(raw) > MAX_BYTES:
            raise Unresolved(f"the file {path} is larger than {MAX_BYTES} bytes; it should hold one value")
        try:
            value = raw.decode().strip()
        except UnicodeDecodeError:
            raise Unresolved(f"the file {path} is not UTF-8 text; it should hold one value") from None
        if not value:
            raise Unresolved(f"the file {path} is empty; write the value into it")
        return value
