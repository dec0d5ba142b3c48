"""Reads the size that a picture declares, from its header alone."""

from __future__ import annotations

from typing import BinaryIO

#: A camera writes a few dozen segments before the picture itself.
MAX_SEGMENTS = 5000

#: Start of frame: ITU-T T.81, table B.1; C4, C8 and CC mean something else.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_size(file: BinaryIO, mime: str, head: bytes) -> tuple[int, int]:
    """(width, height), or (0, 0) where the header says nothing."""
    if mime == "image/png":
        return _big(head[16:20]), _big(head[20:24])
    if mime == "image/gif":
        return _little(head[6:8]), _little(head[8:10])
    if mime == "image/webp":
        return _webp(head)
    if mime == "image/jpeg":
        return _jpeg(file)
    return _heic(head)


def _webp(head: bytes) -> tuple[int, int]:
    # https://developers.google.com/speed/webp/docs/riff_container
    form = head[12:16]
    if form == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if form == b"VP8L":
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF


def _jpeg(file: BinaryIO) -> tuple[int, int]:
    """The largest frame: a second one hides behind a small first one in hostile files."""
    width = height = 0
    position = 2
    for _ in range(MAX_SEGMENTS):
        file.seek(position)
        segment = file.read(9)
        if len(segment) < 4 or segment[0] != 0xFF:
            break
        if segment[1] == 0xFF:
            position += 1
            continue
        if segment[1] in FRAMES:
            found = _big(segment[7:9]), _big(segment[5:7])
            width, height = max((width, height), found, key=lambda size: size[0] * size[1])
        if segment[1] in (0xDA, 0xD9):
            break
        position += 2 + max(2, _big(segment[2:4]))
    return width, height


def _heic(head: bytes) -> tuple[int, int]:
    """The largest "ispe" property: ISO/IEC 23008-12, section 6.5.3."""
    best = (0, 0)
    position = head.find(b"ispe")
    while position >= 0:
        found = _big(head[position + 8 : position + 12]), _big(head[position + 12 : position + 16])
        best = max(best, found, key=lambda size: size[0] * size[1])
        position = head.find(b"ispe", position + 4)
    return best


def _big(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _little(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
