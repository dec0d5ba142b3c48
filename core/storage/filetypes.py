"""Decides from a file's bytes what it is: one of an allow-list, a mere download, or refused with a sentence."""

from __future__ import annotations

import re
from typing import BinaryIO

from core.contracts.content import MediaKind
from core.contracts.errors import FailureReason, PermanentFailure
from core.storage.imagesize import image_size

OCTETS = "application/octet-stream"

#: A picture that unpacks to more than this costs every program that shows it gigabytes.
MAX_PIXELS = 100_000_000

#: How much of either end of a file is looked at.
WINDOW = 64 * 1024

#: What a double click on Windows, macOS or Linux runs. A customer has no reason to send one.
RUNNABLE = frozenset(
    "app apk appref-ms application bat chm cmd com command cpl deb desktop dll dmg exe gadget hta iso jar jnlp js jse "
    "lnk mjs msc msi msix msp mst pif pkg ps1 psm1 reg rpm run scf scpt scr sct settingcontent-ms sys url vb vbe vbs "
    "vhd vhdx workflow ws wsc wsf wsh xll".split()
)

# Signatures: https://www.garykessler.net/library/file_sigs.html
PROGRAMS = {
    b"MZ": "a Windows program",
    b"\x7fELF": "a Linux program",
    b"\xfe\xed\xfa\xce": "a macOS program",
    b"\xfe\xed\xfa\xcf": "a macOS program",
    b"\xce\xfa\xed\xfe": "a macOS program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\xca\xfe\xba\xbe": "a program",
    b"dex\n": "an Android program",
    b"\x4c\x00\x00\x00\x01\x14\x02\x00": "a Windows shortcut",
    b"!<arch>\ndebian": "a Debian package",
    b"\xed\xab\xee\xdb": "an RPM package",
}

SIMPLE = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
    b"fLaC": "audio/flac",
    b"#!AMR": "audio/amr",
    b"ID3": "audio/mpeg",
}

# https://mp4ra.org/registered-types/brands
BRANDS = {
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
    b"3gp6": "video/3gpp",
    b"isom": "video/mp4",
    b"iso2": "video/mp4",
    b"iso4": "video/mp4",
    b"iso5": "video/mp4",
    b"iso6": "video/mp4",
    b"mp41": "video/mp4",
    b"mp42": "video/mp4",
    b"avc1": "video/mp4",
    b"dash": "video/mp4",
    b"M4V ": "video/mp4",
    b"MSNV": "video/mp4",
}

OPEN_XML = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

OPEN_DOCUMENT = re.compile(rb"mimetype(application/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation))")

#: Streams of old Office files, named in UTF-16.
OLE = {"WordDocument": "application/msword", "Workbook": "application/vnd.ms-excel", "Book": "application/vnd.ms-excel"}
OLE["PowerPoint Document"] = "application/vnd.ms-powerpoint"
#: Class of a Windows installer's root: {000C1084-0000-0000-C000-000000000046}.
INSTALLER = bytes.fromhex("84100c0000000000c000000000000046")

#: Text that a browser would take for a page or a picture, or a shell for a program.
ACTIVE = re.compile(
    rb"^\s*(?:#!|<\?(?:xml|php)|<!--|<!doctype|<(?:html|svg|head|body|script|iframe|xsl|math)\b)|<(?:script|svg|html)\b",
    re.IGNORECASE,
)


def decide(file: BinaryIO, name: str) -> str:
    """The file's type. Raises PermanentFailure for what is never kept; `name` can only make it refuse."""
    ending = name.rpartition(".")[2].lower().strip() if "." in name else ""
    if ending in RUNNABLE:
        raise _refused(f"Files ending in .{ending} are not taken: opening one can run a program.")
    head, tail = _ends(file)
    mime = _from_bytes(file, head, tail)
    if mime.startswith("image/"):
        width, height = image_size(file, mime, head)
        if width * height > MAX_PIXELS:
            raise _refused(
                f"The picture has {width:,} × {height:,} pixels; "
                f"at most {MAX_PIXELS // 1_000_000} megapixels are taken."
            )
    return mime


def kind(mime: str) -> MediaKind:
    """What a file of that type is to the person who looks at it."""
    if mime in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        return MediaKind.IMAGE
    if mime == "audio/ogg":
        return MediaKind.VOICE
    if mime.startswith("video/"):
        return MediaKind.VIDEO
    # HEIC too: no browser and not every channel shows it as a picture.
    return MediaKind.AUDIO if mime.startswith("audio/") else MediaKind.FILE


def _from_bytes(file: BinaryIO, head: bytes, tail: bytes) -> str:
    for magic, what in PROGRAMS.items():
        if head.startswith(magic) and (magic != b"MZ" or _is_program(head)):
            raise _refused(f"The file is {what}; programs are not taken.")
    for magic, mime in SIMPLE.items():
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], OCTETS)
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], OCTETS)
    if head[:4] == b"OggS":
        return "video/ogg" if b"theora" in head[:512] else "audio/ogg"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else OCTETS
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _archive(head, tail)
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return _old_office(file, head)
    if len(head) > 3 and head[0] == 0xFF and (head[1] & 0xF6) == 0xF0:
        return "audio/aac"
    if len(head) > 3 and head[0] == 0xFF and (head[1] & 0xE6) == 0xE2 and head[2] & 0xF0 not in (0x00, 0xF0):
        return "audio/mpeg"
    return "text/plain" if _is_text(head, tail) and not ACTIVE.search(head) else OCTETS


def _is_program(head: bytes) -> bool:
    """Two letters are not enough: a text may begin with "MZ"."""
    offset = int.from_bytes(head[60:64], "little")
    return not _is_text(head, b"") or head[offset : offset + 2] in (b"PE", b"NE", b"LE")


def _archive(head: bytes, tail: bytes) -> str:
    """Looks at names only; nothing is ever unpacked."""
    if match := OPEN_DOCUMENT.search(head[:256]):
        return match[1].decode()
    both = head + tail
    if b"AndroidManifest.xml" in both or b"classes.dex" in both:
        raise _refused("The file is an Android program; programs are not taken.")
    if b"META-INF/MANIFEST.MF" in both and b".class" in both:
        raise _refused("The file is a Java program; programs are not taken.")
    if b"[Content_Types].xml" in both:
        # One with macros may only be downloaded.
        if b"vbaProject.bin" in both:
            return OCTETS
        return next((mime for folder, mime in OPEN_XML.items() if folder in both), "application/zip")
    return "application/zip"


def _old_office(file: BinaryIO, head: bytes) -> str:
    """Reads the first sector of the directory: [MS-CFB], sections 2.2 and 2.6."""
    size = 1 << min(int.from_bytes(head[30:32], "little"), 12)
    file.seek((int.from_bytes(head[48:52], "little") + 1) * size)
    directory = file.read(max(size, 512))
    if INSTALLER in directory[:128]:
        raise _refused("The file is a Windows installer; programs are not taken.")
    for start in range(0, len(directory), 128):
        length = int.from_bytes(directory[start + 64 : start + 66], "little")
        name = directory[start : start + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        if name in OLE:
            return OLE[name]
    return OCTETS


def _is_text(head: bytes, tail: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    # Tab, line feed, form feed, carriage return and escape are all the control characters that text holds.
    return not any(part.translate(None, bytes(range(32, 256)) + b"\t\n\f\r\x1b") for part in (head, tail))


def _ends(file: BinaryIO) -> tuple[bytes, bytes]:
    file.seek(0)
    head = file.read(WINDOW)
    size = file.seek(0, 2)
    file.seek(max(len(head), size - WINDOW))
    return head, file.read(WINDOW)


def _refused(sentence: str) -> PermanentFailure:
    return PermanentFailure(sentence, reason=FailureReason.BAD_CONTENT)
