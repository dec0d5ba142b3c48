"""What the script sends: many scripts, hostile text, and small real files."""

from __future__ import annotations

import struct
import zlib

GREETINGS = "Grüße 😀 👩‍👩‍👧 مرحبا שלום 你好"
MIXED = f"{GREETINGS} `code` https://example.com/tea?a=1&b=2"
TRICKY = "<!channel> <@U0SBX00001> *bold* _x_ <script>alert(1)</script> <https://evil.test|bank.test> &amp; @here"

_SENTENCE = "Oolong, Assam and Darjeeling are all in stock today. "


def long_text(mark: str) -> str:
    """10,000 characters whose last words can be looked for."""
    end = f"{mark}-the-end"
    return (_SENTENCE * 200)[: 9_999 - len(end)] + " " + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def _png(width: int, height: int) -> bytes:
    rows = b"".join(
        b"\0" + bytes(value for x in range(width) for value in (90 + x * 2 % 120, 140, 60 + y * 2 % 160))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PNG = _png(160, 120)
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""
