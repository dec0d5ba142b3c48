"""The content-addressed store of attachments under the data directory."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from core.contracts.content import MediaKind, StoredFile
from core.contracts.errors import FailureReason, PermanentFailure, TemporaryFailure
from core.storage import filetypes

SHA256 = re.compile(r"[0-9a-f]{64}")

#: Chunks are gathered up to this size before a thread writes them.
BUFFER = 256 * 1024

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}

#: Types kept in memory, about 100 bytes each.
REMEMBERED = 10_000

#: Sha256 sums asked about at once while sweeping.
BATCH = 500


class FileStore:
    """Implements `core.contracts.bridge.Files`: a file is whole, checked and on disk, or it is not there."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self.max_bytes = max_bytes
        #: Types by sum: a file never changes, so looking at it once is enough.
        self._mimes: dict[str, str] = {}

    async def save(self, chunks: AsyncIterator[bytes], *, name: str, mime: str) -> StoredFile:
        """Streams `chunks` to disk. Raises PermanentFailure (a sentence), or TemporaryFailure for a full disk.

        The type is decided from the bytes: `mime` is what a stranger claims, so it is not asked.
        """
        draft = await asyncio.to_thread(_Draft.open, self.root)
        try:
            await self._fill(draft, chunks, name)
            return await asyncio.to_thread(draft.keep, self.root, name)
        except OSError as error:
            if error.errno in DISK_ERRORS:
                raise TemporaryFailure(f"The file cannot be stored: {error.strerror}.") from error
            raise
        finally:
            # Also when the caller was cancelled.
            await asyncio.shield(asyncio.to_thread(draft.close))

    def find(self, sha256: str) -> StoredFile | None:
        """The file with that sum, if it is here."""
        if not SHA256.fullmatch(sha256):
            return None
        path = _place(self.root, sha256)
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if sha256 not in self._mimes:
                    self._remember(sha256, file)
        except FileNotFoundError:
            return None
        return StoredFile(sha256=sha256, size=size, mime=self._mimes[sha256], path=path)

    def _remember(self, sha256: str, file: BinaryIO) -> None:
        if len(self._mimes) >= REMEMBERED:
            self._mimes.clear()
        try:
            self._mimes[sha256] = filetypes.decide(file, "")
        except PermanentFailure:
            # Taken when the rules were others: it can still be downloaded.
            self._mimes[sha256] = filetypes.OCTETS

    def kind(self, file: StoredFile) -> MediaKind:
        return filetypes.kind(file.mime)

    async def sweep(
        self,
        keep: Callable[[Collection[str]], Awaitable[Collection[str]]],
        *,
        older_than: timedelta = timedelta(hours=24),
    ) -> int:
        """Deletes files that `keep` (sums -> those still in use) does not name, and how many that were.

        Younger files stay: their message may not be committed yet.
        """
        before = time.time() - older_than.total_seconds()
        await asyncio.to_thread(_drop_drafts, self.root, before)
        count = 0
        folders = await asyncio.to_thread(lambda: sorted(self.root.glob("[0-9a-f][0-9a-f]")))
        for folder in folders:
            old = await asyncio.to_thread(_older, folder, before)
            for start in range(0, len(old), BATCH):
                batch = old[start : start + BATCH]
                used = set(await keep(batch))
                orphans = [sha256 for sha256 in batch if sha256 not in used]
                count += await asyncio.to_thread(_delete, self.root, orphans, before)
        return count

    async def _fill(self, draft: _Draft, chunks: AsyncIterator[bytes], name: str) -> None:
        waiting = bytearray()
        total = 0
        async for chunk in chunks:
            total += len(chunk)
            if total > self.max_bytes:
                raise PermanentFailure(
                    f"{printable(name)} is larger than {size_words(self.max_bytes)}, the most that is taken.",
                    reason=FailureReason.TOO_LARGE,
                )
            waiting += chunk
            if len(waiting) >= BUFFER:
                await asyncio.to_thread(draft.write, bytes(waiting))
                waiting.clear()
        if total == 0:
            raise PermanentFailure(f"{printable(name)} is empty.", reason=FailureReason.BAD_CONTENT)
        await asyncio.to_thread(draft.write, bytes(waiting))


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A file on its way in, not yet seen by anybody."""

    path: Path
    file: BinaryIO
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @classmethod
    def open(cls, root: Path) -> _Draft:
        folder = root / "drafts"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / secrets.token_hex(16)
        return cls(path=path, file=os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b"))

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self.file.write(data)

    def keep(self, root: Path, name: str) -> StoredFile:
        """Makes it durable, then visible under its sum."""
        self.file.flush()
        mime = filetypes.decide(self.file, name)
        size = os.fstat(self.file.fileno()).st_size
        os.fsync(self.file.fileno())
        sha256 = self.digest.hexdigest()
        target = _place(root, sha256)
        new = not target.parent.exists()
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Replaces an equal file too: its new time of change keeps a sweep from it.
        self.path.replace(target)
        _sync_folder(target.parent)
        if new:
            _sync_folder(root)
        return StoredFile(sha256=sha256, size=size, mime=mime, path=target)

    def close(self) -> None:
        # A full disk may refuse to flush what is thrown away anyway.
        with contextlib.suppress(OSError):
            self.file.close()
        self.path.unlink(missing_ok=True)


def size_words(size: int) -> str:
    """`25 MiB`, for sentences."""
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def printable(name: str) -> str:
    """A stranger's file name, fit for a sentence."""
    text = "".join(character if character.isprintable() else " " for character in name[:200]).strip()
    return f'"{text}"' if text else "The file"


def download_name(name: str, mime: str) -> str:
    """The name a browser saves a file under: no path, and nothing that a double click opens as a page."""
    base = re.split(r"[/\\]", name)[-1]
    text = "".join(character if character.isprintable() else "_" for character in base).strip(" .")[-150:] or "file"
    active = mime in (filetypes.OCTETS, "text/plain") and re.search(
        r"\.(x?html?|shtml|svgz?|xml|xsl|xslt|mht|mhtml)$", text, re.I
    )
    return f"{text}.txt" if active else text


def _place(root: Path, sha256: str) -> Path:
    return root / sha256[:2] / sha256[2:]


def _older(folder: Path, before: float) -> list[str]:
    return [folder.name + path.name for path in _files(folder) if path.stat().st_mtime < before]


def _delete(root: Path, sums: list[str], before: float) -> int:
    count = 0
    for sha256 in sums:
        path = _place(root, sha256)
        with contextlib.suppress(FileNotFoundError):
            # Saved again while we asked: in use after all.
            if path.stat().st_mtime < before:
                path.unlink()
                count += 1
    return count


def _drop_drafts(root: Path, before: float) -> None:
    for path in _files(root / "drafts"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_file())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
