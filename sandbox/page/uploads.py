"""Reads what the page asks for: JSON alone, or JSON with files beside it, within bounds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

MEGABYTE = 1024 * 1024
MOST_FILES = 10
#: More than any channel takes, so that a visitor can see how a file that is too large is refused.
LARGEST_FILE = 48 * MEGABYTE
LARGEST_REQUEST = 96 * MEGABYTE
LARGEST_JSON = 4 * MEGABYTE


class BadRequest(Exception):
    """The page asked for something in a way nobody can read; the words are for the visitor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file from the visitor's machine."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One gesture: whose, which, with what."""

    who: str
    verb: str
    arguments: dict[str, Any]
    files: tuple[Upload, ...] = ()

    def text(self, name: str, default: str | None = None) -> str:
        """A text argument. Raises: BadRequest when it is missing or something else."""
        value = self.arguments.get(name, default)
        if not isinstance(value, str):
            raise BadRequest(f"{self.verb} needs a text called {name}")
        return value

    def optional(self, name: str) -> str | None:
        """A text argument that may be missing."""
        value = self.arguments.get(name)
        return value if isinstance(value, str) and value else None

    def number(self, name: str) -> int:
        """A whole number. Raises: BadRequest."""
        value = self.arguments.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadRequest(f"{self.verb} needs a number called {name}")
        return value

    def optional_number(self, name: str) -> int | None:
        """A whole number that may be missing."""
        return self.number(name) if self.arguments.get(name) is not None else None

    def flag(self, name: str) -> bool:
        """Whether something was ticked."""
        return self.arguments.get(name) is True


async def read(request: web.Request) -> Asked:
    """The gesture in a request. Raises: BadRequest."""
    if request.content_type == "application/json":
        return _asked(await request.content.read(LARGEST_JSON + 1) if request.can_read_body else b"", ())
    if request.content_type != "multipart/form-data":
        raise BadRequest(f"{request.content_type} is not understood here; send JSON or multipart/form-data")
    act = b""
    files: list[Upload] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise BadRequest("One form inside another is not understood here")
        if part.name == "act":
            act = await _bounded(part, LARGEST_JSON, "The request")
        elif len(files) == MOST_FILES:
            raise BadRequest(f"At most {MOST_FILES} files can be sent at once")
        else:
            name = part.filename or "file"
            data = await _bounded(part, LARGEST_FILE, name)
            mime = part.headers.get("Content-Type", "application/octet-stream").split(";")[0].strip()
            files.append(Upload(name=name, mime=mime, data=data))
    return _asked(act, tuple(files))


async def _bounded(part: BodyPartReader, most: int, what: str) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(256 * 1024):
        data += chunk
        if len(data) > most:
            raise BadRequest(f"{what} is larger than {most // MEGABYTE} MB, which is more than this page takes")
    return bytes(data)


def _asked(body: bytes, files: tuple[Upload, ...]) -> Asked:
    if len(body) > LARGEST_JSON:
        raise BadRequest(f"The request is larger than {LARGEST_JSON // MEGABYTE} MB")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The request is no JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("The request must be a JSON object")
    who, verb, arguments = value.get("who", ""), value.get("verb"), value.get("arguments", {})
    if not isinstance(who, str) or not isinstance(verb, str) or not isinstance(arguments, dict):
        raise BadRequest('The request must look like {"who": "U1", "verb": "agent.post", "arguments": {}}')
    return Asked(who=who, verb=verb, arguments=arguments, files=files)
