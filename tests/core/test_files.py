"""The store of attachments: whole or not there, typed from its bytes, and swept when nobody needs it."""

import asyncio
import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.contracts.content import MediaKind
from core.contracts.errors import FailureReason, PermanentFailure
from core.storage.files import FileStore, download_name
from core.storage.links import FileLinks, LinkRejected

OCTETS = "application/octet-stream"


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\x00\x00\x00"


def jpeg(*sizes: tuple[int, int]) -> bytes:
    frames = [b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9) for width, height in sizes]
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + bytes(14) + b"".join(frames) + b"\xff\xda\x00\x08"


def webp(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x00\x00\x00\x00WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas


def archive(*names: str, content: bytes = b"x") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name in names:
            target.writestr(name, content)
    return file.getvalue()


def old_office(stream: str, root_class: bytes = bytes(16)) -> bytes:
    header = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    header[30:32] = (9).to_bytes(2, "little")
    entries = b""
    for name, kind in (("Root Entry", root_class), (stream, bytes(16))):
        text = name.encode("utf-16-le")
        entry = bytearray(128)
        entry[: len(text)] = text
        entry[64:66] = (len(text) + 2).to_bytes(2, "little")
        entry[80:96] = kind
        entries += bytes(entry)
    return bytes(header) + entries + bytes(256)


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
KEPT = {
    "photo.png": (png(640, 480), "image/png"),
    "photo.jpg": (jpeg((640, 480)), "image/jpeg"),
    "anim.gif": (b"GIF89a" + struct.pack("<HH", 10, 10) + bytes(10), "image/gif"),
    "sticker.webp": (webp(512, 512), "image/webp"),
    "phone.heic": (struct.pack(">I4s4s", 24, b"ftyp", b"heic") + bytes(20), "image/heic"),
    "clip.mp4": (struct.pack(">I4s4s", 24, b"ftyp", b"isom") + bytes(20), "video/mp4"),
    "clip.webm": (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webm", "video/webm"),
    "voice.oga": (b"OggS\x00\x02" + bytes(22) + b"OpusHead", "audio/ogg"),
    "song.mp3": (b"ID3\x04\x00" + bytes(20), "audio/mpeg"),
    "bare.mp3": (b"\xff\xfb\x90\x64" + bytes(20), "audio/mpeg"),
    "sound.wav": (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
    "memo.m4a": (struct.pack(">I4s4s", 24, b"ftyp", b"M4A ") + bytes(20), "audio/mp4"),
    "doc.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
    "letter.docx": (archive("[Content_Types].xml", "word/document.xml"), WORD),
    "macro.docx": (archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), OCTETS),
    "letter.doc": (old_office("WordDocument"), "application/msword"),
    "all.zip": (archive("a.txt", "b.txt"), "application/zip"),
    "notes.txt": ("Grüße, 你好\n".encode(), "text/plain"),
    "MZ.txt": (b"MZ is how this note begins, and it is a harmless note all the same. " * 3, "text/plain"),
    "table.csv": (b"a,b\r\n1,2\r\n", "text/plain"),
    "drawing.svg": (b'<?xml version="1.0"?>\n<svg onload="alert(1)"/>', OCTETS),
    "page.html": (b"  <!DOCTYPE html><script>alert(1)</script>", OCTETS),
    "innocent.txt": (b"Hello <script>alert(1)</script>", OCTETS),
    "picture.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", OCTETS),
    "script.sh": (b"#!/bin/sh\nrm -rf /\n", OCTETS),
    "unknown.bin": (bytes(range(256)), OCTETS),
}


@pytest.mark.parametrize("name", KEPT)
async def test_the_type_comes_from_the_bytes(tmp_path: Path, name: str) -> None:
    data, mime = KEPT[name]
    store = FileStore(tmp_path, 10_000)

    file = await store.save(chunks(data), name=name, mime="image/png")

    assert (file.mime, file.size) == (mime, len(data))
    assert file.path.read_bytes() == data
    assert store.find(file.sha256) == file == FileStore(tmp_path, 1).find(file.sha256)


REFUSED = {
    "setup.exe": (b"hello", "Files ending in .exe are not taken"),
    "invoice.pdf.JS": (b"hello", "Files ending in .js are not taken"),
    "renamed.png": (b"MZ\x90\x00\x03" + bytes(100), "a Windows program"),
    "tool": (b"\x7fELF\x02\x01", "a Linux program"),
    "phone.zip": (archive("AndroidManifest.xml", "classes.dex"), "an Android program"),
    "java.zip": (archive("META-INF/MANIFEST.MF", "Main.class"), "a Java program"),
    "office.doc": (old_office("x", bytes.fromhex("84100c0000000000c000000000000046")), "a Windows installer"),
    "bomb.png": (png(30_000, 30_000), "30,000 × 30,000 pixels; at most 100 megapixels"),
    "bomb.jpg": (jpeg((10, 10), (60_000, 60_000)), "60,000 × 60,000 pixels"),
    "bomb.webp": (webp(16_000, 16_000), "16,000 × 16,000 pixels"),
    "bomb.gif": (b"GIF89a" + struct.pack("<HH", 65535, 65535), "65,535 × 65,535 pixels"),
    "empty.txt": (b"", '"empty.txt" is empty'),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_could_do_harm_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    data, sentence = REFUSED[name]

    with pytest.raises(PermanentFailure, match=sentence):
        await FileStore(tmp_path, 10_000).save(chunks(data), name=name, mime="text/plain")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_file_over_the_cap_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 64 * 1024
            yield bytes(64 * 1024)

    with pytest.raises(PermanentFailure, match=r'"big\.bin" is larger than 1 MiB') as caught:
        await FileStore(tmp_path, 1024 * 1024).save(endless(), name="big.bin", mime="")

    assert caught.value.reason == FailureReason.TOO_LARGE
    assert read <= 1024 * 1024 + 64 * 1024
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


async def test_a_zip_bomb_costs_its_packed_size_only(tmp_path: Path) -> None:
    bomb = archive("zeros", content=bytes(200 * 1024 * 1024))
    tracemalloc.start()
    try:
        file = await FileStore(tmp_path, 1024 * 1024).save(chunks(bomb), name="bomb.zip", mime="")
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert file.mime == "application/zip"


async def test_an_interrupted_file_leaves_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path, 1024 * 1024)
    started = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield bytes(300 * 1024)
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.save(stalls(), name="a.bin", mime=""))
    await asyncio.wait_for(started.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not any(path.is_file() for path in tmp_path.rglob("*"))


async def test_the_same_file_twenty_times_at_once_is_one(tmp_path: Path) -> None:
    store = FileStore(tmp_path, 1024 * 1024)
    data = png(10, 10)

    files = await asyncio.gather(*(store.save(chunks(data), name=f"{n}.png", mime="") for n in range(20)))

    assert len(set(files)) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [files[0].path]
    assert store.kind(files[0]) == MediaKind.IMAGE


async def test_a_sweep_takes_old_orphans_only(tmp_path: Path) -> None:
    store = FileStore(tmp_path, 1024)
    used, orphan, young = [await store.save(chunks(text), name="a", mime="") for text in (b"used", b"orphan", b"young")]
    yesterday = datetime.now(UTC).timestamp() - 2 * 86400
    for file in (used, orphan):
        os.utime(file.path, (yesterday, yesterday))
    stale = tmp_path / "drafts/left-by-a-crash"
    stale.write_bytes(b"x")
    os.utime(stale, (yesterday, yesterday))

    async def keep(sums: Collection[str]) -> Collection[str]:
        assert young.sha256 not in sums
        return [used.sha256]

    assert await store.sweep(keep) == 1
    assert (store.find(used.sha256), store.find(orphan.sha256), store.find(young.sha256)) == (used, None, young)
    assert not stale.exists()


@pytest.mark.parametrize("sha256", ["", "..", "../../etc/passwd", "A" * 64, "0" * 64])
def test_nothing_but_a_sum_finds_a_file(tmp_path: Path, sha256: str) -> None:
    assert FileStore(tmp_path, 10).find(sha256) is None


async def test_a_link_opens_one_file_and_ends(tmp_path: Path) -> None:
    store = FileStore(tmp_path, 1024)
    file = await store.save(chunks(b"hello"), name="a", mime="")
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    clock = [noon]
    links = FileLinks(store, b"k" * 32, now=lambda: clock[0])
    token = links.sign(file.sha256, "Grüße.txt", noon + timedelta(hours=1))

    opened = links.open(token)

    assert (opened.file, opened.name) == (file, "Grüße.txt")
    other = FileLinks(store, b"x" * 32, now=lambda: noon).sign(file.sha256, "a", noon + timedelta(hours=1))
    for forged in (other, token[:-4], "A" + token[1:], "", "é", "=", "a" * 5000):
        with pytest.raises(LinkRejected, match="not complete") as caught:
            links.open(forged)
        assert caught.value.status == 404
    clock[0] = noon + timedelta(hours=1, seconds=1)
    with pytest.raises(LinkRejected, match="has ended") as caught:
        links.open(token)
    assert caught.value.status == 410


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        ("page.HTML", "page.HTML.txt"),
        ("a\u202etxt.svg", "a_txt.svg.txt"),
        ("", "file"),
        ("..", "file"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_a_download_has_a_harmless_name(name: str, saved: str) -> None:
    assert download_name(name, OCTETS) == saved
