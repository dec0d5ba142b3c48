"""Draws the app's two icons: a bridge that hangs by a thread, in the sizes that Teams asks for."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from math import ceil, floor, hypot, isqrt, sqrt

Point = tuple[float, float]
#: Red, green, blue and opacity, each from 0 to 1.
Colour = tuple[float, float, float, float]

BACKGROUND = "#1F2A44"
WHITE: Colour = (1.0, 1.0, 1.0, 1.0)
THREAD: Colour = (0.36, 0.80, 0.73, 1.0)
CLEAR: Colour = (1.0, 1.0, 1.0, 0.0)

#: The mark lives on a square from -1 to 1, y downwards. Lines fall between pixels of the small icon, so they are sharp.
DECK = 4 / 15
TOWER = 7 / 15
TOP, FOOT = -10 / 15, 10 / 15
#: Where the thread hangs lowest between the towers, and where it ends.
SAG, END = 1 / 15, 14 / 15


def color() -> bytes:
    """192 by 192: the mark keeps to the middle, since Teams rounds the corners."""
    red, green, blue = (int(BACKGROUND[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _picture(192, 66.0, 0.068, (red, green, blue, 1.0), (WHITE, THREAD))


def outline() -> bytes:
    """32 by 32, white on nothing."""
    return _picture(32, 15.0, 1 / 15, CLEAR, (WHITE, WHITE))


def _thread(x: float) -> float:
    """The height of the thread: down from each tower, in one bow between them and in half a one to either end."""
    if abs(x) <= TOWER:
        return SAG + (TOP - SAG) * (x / TOWER) ** 2
    share = (END - abs(x)) / (END - TOWER)
    return DECK + (TOP - DECK) * share * sqrt(share)


def _picture(size: int, scale: float, stroke: float, ground: Colour, inks: tuple[Colour, Colour]) -> bytes:
    bridge, thread = inks
    pixels = [ground] * (size * size)
    for x in (-TOWER, TOWER):
        _paint(pixels, scale, [(x, TOP), (x, FOOT)], stroke, bridge)
    _paint(pixels, scale, [(-END, DECK), (END, DECK)], stroke, bridge)
    steps = 60
    bow = [(x, _thread(x)) for x in (END * (2 * step / steps - 1) for step in range(steps + 1))]
    _paint(pixels, scale, bow, stroke, thread)
    parts = [bytes(round(255 * part) for part in pixel) for pixel in pixels]
    # Each row begins with its filter: none.
    return _png(size, b"".join(b"\0" + b"".join(parts[row * size : (row + 1) * size]) for row in range(size)))


def _paint(pixels: list[Colour], scale: float, line: list[Point], width: float, ink: Colour) -> None:
    """Draws a line with round ends; a pixel that it covers in part gets a part of its ink."""
    size = isqrt(len(pixels))
    covered: dict[int, float] = {}
    for start, end in pairwise(line):
        columns, rows = (
            range(
                max(0, floor((min(start[axis], end[axis]) - width) * scale + size / 2) - 1),
                min(size, ceil((max(start[axis], end[axis]) + width) * scale + size / 2) + 1),
            )
            for axis in (0, 1)
        )
        for row in rows:
            for column in columns:
                at = ((column + 0.5 - size / 2) / scale, (row + 0.5 - size / 2) / scale)
                cover = min(1.0, (width - _distance(at, start, end)) * scale + 0.5)
                place = row * size + column
                covered[place] = max(cover, covered.get(place, 0.0))
    for place, cover in covered.items():
        if cover > 0:
            pixels[place] = _over(pixels[place], ink, cover)


def _distance(at: Point, start: Point, end: Point) -> float:
    """From a point to a straight line between two."""
    x, y = end[0] - start[0], end[1] - start[1]
    share = ((at[0] - start[0]) * x + (at[1] - start[1]) * y) / (x * x + y * y)
    share = min(1.0, max(0.0, share))
    return hypot(at[0] - start[0] - share * x, at[1] - start[1] - share * y)


def _over(below: Colour, ink: Colour, cover: float) -> Colour:
    opacity = cover + below[3] * (1 - cover)
    red, green, blue = ((ink[part] * cover + below[part] * below[3] * (1 - cover)) / opacity for part in range(3))
    return red, green, blue, opacity


def _png(size: int, rows: bytes) -> bytes:
    """https://www.w3.org/TR/png-3/: 8 bits a channel, colour with opacity."""
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
