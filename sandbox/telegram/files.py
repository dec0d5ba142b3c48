"""Files that the sandbox keeps, with Telegram's ids, paths and size limits."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sandbox.telegram.arguments import MEGABYTE
from sandbox.telegram.errors import bad_request

MAX_PHOTO = 10 * MEGABYTE
#: getFile refuses anything larger, though the message shows it.
MAX_DOWNLOAD = 20 * MEGABYTE
#: What one sandbox keeps; the oldest go first, and Telegram's files expire too.
MAX_KEPT = 512 * MEGABYTE
_FOLDERS = {"photo": "photos", "document": "documents", "video": "videos", "voice": "voice", "audio": "music"}
_SUFFIXES = {"photo": ".jpg", "voice": ".oga", "video": ".mp4", "sticker": ".webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file on Telegram's side."""

    file_id: str
    unique_id: str
    path: str
    kind: str
    name: str
    mime: str
    data: bytes
    width: int = 0
    height: int = 0

    def as_api(self) -> dict[str, Any]:
        """The object that a message carries for this file; a photo's sizes are a list of one."""
        common: dict[str, Any] = {
            "file_id": self.file_id,
            "file_unique_id": self.unique_id,
            "file_size": len(self.data),
        }
        named = common | ({"file_name": self.name} if self.name else {}) | {"mime_type": self.mime}
        pixels = {"width": self.width or 320, "height": self.height or 320}
        if self.kind == "photo":
            return common | pixels
        if self.kind == "voice":
            return common | {"mime_type": self.mime, "duration": 1}
        if self.kind == "audio":
            return named | {"duration": 1}
        if self.kind == "video":
            return named | pixels | {"duration": 1}
        if self.kind == "sticker":
            return common | {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False}
        return named


class FileStore:
    """Every file of one sandbox, by id and by path."""

    def __init__(self) -> None:
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}
        self._number = 0
        self._kept = 0

    def add(self, kind: str, name: str, mime: str, data: bytes) -> StoredFile:
        """Keeps a file and gives it its ids."""
        digest = hashlib.sha256(kind.encode() + data).digest()
        number, self._number = self._number, self._number + 1
        suffix = _SUFFIXES.get(kind) or PurePosixPath(name).suffix[:16]
        folder = _FOLDERS.get(kind, "stickers" if kind == "sticker" else "documents")
        width, height = image_size(data) or (0, 0)
        stored = StoredFile(
            file_id=_text_id(b"\x02" + struct.pack(">I", number) + digest),
            unique_id=_text_id(digest[:9]),
            path=f"{folder}/file_{number}{suffix}",
            kind=kind,
            name="" if kind in ("photo", "voice", "sticker") else name,
            mime=mime or "application/octet-stream",
            data=data,
            width=width,
            height=height,
        )
        self._by_id[stored.file_id] = self._by_path[stored.path] = stored
        self._kept += len(data)
        while self._kept > MAX_KEPT and len(self._by_id) > 1:
            oldest = self._by_id.pop(next(iter(self._by_id)))
            self._by_path.pop(oldest.path, None)
            self._kept -= len(oldest.data)
        return stored

    def by_id(self, file_id: str) -> StoredFile | None:
        """The file with this id, None when it is unknown or gone."""
        return self._by_id.get(file_id)

    def by_path(self, path: str) -> StoredFile | None:
        """The file that getFile gave this path to."""
        return self._by_path.get(path)


def kind_of_upload(asked: str, data: bytes) -> str:
    """What Telegram makes of an upload: voice must be OGG, MP3 or M4A and video MP4, else it becomes a document.

    Raises: ApiError for a photo that is none.
    """
    if not data:
        raise bad_request("file must be non-empty")
    if asked == "photo":
        check_photo(data)
    if asked == "voice" and not (data.startswith((b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3")) or data[4:8] == b"ftyp"):
        return "document"
    if asked == "video" and data[4:8] != b"ftyp":
        return "document"
    return asked


def check_photo(data: bytes) -> None:
    """Photos are at most 10 MB, real images, not too long. Raises: ApiError."""
    if len(data) > MAX_PHOTO:
        raise bad_request(
            f"file of size {len(data)} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes"
        )
    size = image_size(data)
    if size is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    width, height = size
    if width + height > 10_000 or max(width, height) > 20 * max(1, min(width, height)):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, JPEG or WebP image, None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return 512, 512
    return _jpeg_size(data) if data.startswith(b"\xff\xd8\xff") else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + max(length, 2)
    return None


def _text_id(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def media_fields(kind: str, files: Sequence[StoredFile]) -> dict[str, Any]:
    """The field of a message that shows its file."""
    if not files:
        return {}
    return {kind: [file.as_api() for file in files] if kind == "photo" else files[0].as_api()}
