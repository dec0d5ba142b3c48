"""Files at Meta: uploads, ids that end, and download addresses that need the token and end sooner."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from urllib.parse import quote

from sandbox.graph.shapes import Media
from sandbox.graph.wire import GraphError, Json, bad, number_id

MEGABYTE = 1024 * 1024
#: An address that a media node gave holds for five minutes, an inbound id for 7 days, an uploaded one for 30.
ADDRESS_S, INBOUND_S, UPLOADED_S = 300.0, 7 * 86_400.0, 30 * 86_400.0
#: What one sandbox keeps; the oldest go first.
MAX_KEPT = 512 * MEGABYTE

#: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types
WHATSAPP_TYPES: dict[str, tuple[str, int]] = {
    **dict.fromkeys(["image/jpeg", "image/png"], ("image", 5 * MEGABYTE)),
    **dict.fromkeys(["video/mp4", "video/3gpp"], ("video", 16 * MEGABYTE)),
    **dict.fromkeys(
        ["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/opus"], ("audio", 16 * MEGABYTE)
    ),
    "image/webp": ("sticker", 512 * 1000),
    **dict.fromkeys(
        [
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ],
        ("document", 100 * MEGABYTE),
    ),
}
#: What begins how; Meta looks into the file.
_MAGIC = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF",),
    "audio/ogg": (b"OggS",),
}


class MediaStore:
    """Every file of one sandbox."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._files: dict[str, Media] = {}
        self._addresses: dict[str, tuple[str, float]] = {}
        self._inbound: set[str] = set()
        self._size = 0
        #: Set by the server once it knows.
        self.base = ""

    def add(self, name: str, mime: str, data: bytes, *, inbound: bool = False) -> Media:
        """Keeps a file under a fresh id."""
        media = Media(
            id=number_id(16),
            name=name,
            mime=mime,
            data=data,
            sha256=hashlib.sha256(data).hexdigest(),
            at=self._clock(),
        )
        self._files[media.id] = media
        self._size += len(data)
        if inbound:
            self._inbound.add(media.id)
        while self._size > MAX_KEPT and len(self._files) > 1:
            oldest = self._files.pop(next(iter(self._files)))
            self._size -= len(oldest.data)
        return media

    def find(self, media_id: str) -> Media | None:
        """The file, unless its id is over."""
        media = self._files.get(media_id)
        lasts = INBOUND_S if media_id in self._inbound else UPLOADED_S
        return media if media is not None and self._clock() - media.at < lasts else None

    def drop(self, media_id: str) -> bool:
        """DELETE of the node."""
        media = self._files.pop(media_id, None)
        if media is not None:
            self._size -= len(media.data)
        return media is not None

    def node(self, media: Media) -> Json:
        """The media node, with a fresh address."""
        key = secrets.token_urlsafe(16)
        self._addresses[key] = (media.id, self._clock() + ADDRESS_S)
        return {
            "messaging_product": "whatsapp",
            "url": f"{self.base}/whatsapp_business/attachments/?mid={media.id}&source=webhook&ext=1&hash={key}",
            "mime_type": media.mime,
            "sha256": media.sha256,
            "file_size": str(len(media.data)),
            "id": media.id,
        }

    def at_address(self, media_id: str, key: str) -> Media | None:
        """What a lookaside address leads to while it holds."""
        known = self._addresses.get(key)
        if known is None or known[0] != media_id or known[1] <= self._clock():
            return None
        return self._files.get(media_id)

    def cdn(self, media: Media) -> str:
        """An address that needs no token, as Messenger and Instagram give them."""
        return f"{self.base}/cdn/{media.id}/{quote(media.name or 'file', safe='')}?oh={media.sha256[:16]}"

    def on_cdn(self, media_id: str, key: str) -> Media | None:
        """What a CDN address leads to."""
        media = self._files.get(media_id)
        return media if media is not None and key == media.sha256[:16] else None


def check_upload(mime: str, data: bytes) -> None:
    """What WhatsApp takes as a file. Raises: GraphError."""
    if mime not in WHATSAPP_TYPES:
        kinds = ", ".join(sorted(WHATSAPP_TYPES))
        raise bad(
            f"Param file must be a file with one of the following types: {kinds}. Received file of type '{mime}'."
        )
    if not data:
        raise bad("Param file must be a non-empty file.")
    starts = _MAGIC.get(mime)
    if starts and not data.startswith(starts):
        raise GraphError(
            400, 131053, "(#131053) Media upload error", details=f"The file is not of the type {mime} that it claims."
        )
    kind, most = WHATSAPP_TYPES[mime]
    if len(data) > most:
        raise GraphError(
            400,
            131053,
            "(#131053) Media upload error",
            details=f"{kind} of {len(data)} bytes is over the {most} allowed.",
        )
