"""Reads a call's arguments, which Telegram takes from the query, JSON, a form or a multipart body alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from sandbox.telegram.errors import ApiError, bad_request

MEGABYTE = 1024 * 1024
#: https://core.telegram.org/bots/api#sending-files
MAX_UPLOAD = 50 * MEGABYTE
MAX_PARTS = 100
MAX_TEXT_PART = MEGABYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file of a multipart body."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Arguments as the real server holds them: every value is text, structures are JSON text."""

    values: Mapping[str, str]
    uploads: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The argument's text, empty when absent."""
        return self.values.get(name, "")

    def flag(self, name: str) -> bool:
        """What Telegram takes for true."""
        return self.text(name).lower() in ("true", "yes", "1")

    def integer(self, name: str, default: int = 0, *, least: int | None = None, most: int | None = None) -> int:
        """A number, moved into its range; anything unreadable is the default, as on the real server."""
        try:
            value = int(self.text(name))
        except ValueError:
            value = default
        if least is not None:
            value = max(value, least)
        return value if most is None else min(value, most)

    def structure(self, name: str, what: str) -> Any:
        """The JSON value of an argument, None when absent."""
        text = self.text(name).strip()
        if not text:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise bad_request(f"Can't parse {what} JSON object") from None


def from_mapping(values: Mapping[str, Any]) -> Arguments:
    """Arguments out of decoded JSON."""
    return Arguments(
        values={
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in values.items()
            if value is not None
        }
    )


async def read(request: web.Request) -> Arguments:
    """Reads whatever the caller sent. Raises: ApiError."""
    values: dict[str, str] = dict(request.query)
    uploads: dict[str, Upload] = {}
    kind = request.content_type.lower()
    try:
        if kind == "multipart/form-data":
            await _read_parts(await request.multipart(), values, uploads)
        elif kind == "application/json":
            body = await request.read()
            decoded = json.loads(body) if body.strip() else {}
            if not isinstance(decoded, dict):
                raise bad_request("can't parse request: expected an Object")
            values.update(from_mapping(decoded).values)
        elif request.can_read_body:
            form = await request.post()
            values.update({name: value for name, value in form.items() if isinstance(value, str)})
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    except UnicodeDecodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    except ValueError as error:
        raise bad_request(f"can't parse request: {error}") from None
    except RecursionError:
        raise bad_request("can't parse request: too many nested values") from None
    for value in values.values():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise bad_request("strings must be encoded in UTF-8") from None
    return Arguments(values=values, uploads=uploads)


async def _read_parts(reader: MultipartReader, values: dict[str, str], uploads: dict[str, Upload]) -> None:
    count = 0
    while (part := await reader.next()) is not None:
        count += 1
        if count > MAX_PARTS:
            raise bad_request("too many fields in the request")
        if not isinstance(part, BodyPartReader) or not part.name:
            raise bad_request("can't parse request: a part has no name")
        if part.filename is None:
            values[part.name] = (await _read_part(part, MAX_TEXT_PART)).decode()
        else:
            mime = part.headers.get("Content-Type", "application/octet-stream").split(";")[0].strip().lower()
            uploads[part.name] = Upload(name=part.filename, mime=mime, data=await _read_part(part, MAX_UPLOAD))


async def _read_part(part: BodyPartReader, most: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(65536):
        data += part.decode(chunk)
        if len(data) > most:
            raise _too_large()
    return bytes(data)


def _too_large() -> ApiError:
    return ApiError(413, "Request Entity Too Large")
