"""What customers with bad intentions send, how each channel carries it, and what may stand in Slack of it."""

from __future__ import annotations

import io
import itertools
import struct
import time
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from sandbox.stage import SUPPORT, Stage
from sandbox.visitor import Visitor

MEGABYTE = 1024 * 1024
#: Every visitor calls from her own, since one address may not bring many at once; so do mails.
_ADDRESSES = itertools.cycle(range(1, 250))

#: By what a failing test calls them. Each ends with its own mark, so that it can be found whatever becomes of the rest.
WORDS = {
    "mentions": "<!channel> <!here> <!everyone> <@U0SBX00001> <#C0SBX00001> <!subteam^S1> @here @channel",
    "emphasis": "*bold* _italic_ ~struck~",
    "a script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "disguised links": "<https://evil.test|bank.test> [bank.test](https://evil.test)",
    "escapes": "&lt;!channel&gt; &amp;lt;!here&amp;gt; :tada: \\u003c!channel>",
    "U+0000": "null\x00null",
    "half a pair": "half \ud800 and \udfff half",
    "overrides": "\u202egpj.exe\u202c \u2066\u2067\u2068",
    "marks": "a" + "\u0301" * 2000,
    "blanks": "\u3164\u115f\u2800",
}
NAMES = {
    "a ping": "<!here> <@U0SBX00001>",
    "endless": "x" * 5000,
    "nothing": "",
    "overridden": "\u202eevoN aeB",
    "two lines": "*Bea Novak*\n<!channel>\x00",
}


def marked(name: str) -> str:
    return f"{WORDS[name]} {mark(name)}"


def mark(name: str) -> str:
    return f"[{name}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFile:
    name: str
    mime: str
    data: bytes
    #: It is kept out, with a sentence that holds these words; "": it arrives as a mere file.
    refused: str = ""

    @property
    def keep_out(self) -> bool:
        """Its bytes are like no other's, and must not get in."""
        return bool(self.refused) and not self.data.startswith(b"%PDF")


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as zeros:
        for _ in range(64):
            zeros.write(bytes(MEGABYTE))
    return packed.getvalue()


def _picture_bomb() -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def files() -> list[BadFile]:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    page = b"<!doctype html><script>alert(1)</script>"
    program = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(100)
    pdf = b"%PDF-1.4\n%%EOF\n"
    return [
        BadFile(name="bomb.zip", mime="application/zip", data=_zip_bomb()),
        BadFile(name="drawing.svg", mime="image/svg+xml", data=svg),
        BadFile(name="page.html", mime="text/html", data=page),
        BadFile(name="../../etc/passwd", mime="text/plain", data=b"root:x:0:0"),
        BadFile(name="..\\..\\<!channel>.pdf", mime="application/pdf", data=pdf),
        BadFile(name="in\u202evoice\u2066.pdf", mime="application/pdf", data=pdf + b"1"),
        BadFile(name="a" * 500 + ".pdf", mime="application/pdf", data=pdf + b"2"),
        BadFile(name="tool.exe", mime="application/pdf", data=pdf, refused="not taken"),
        BadFile(name="order.pdf", mime="application/pdf", data=program, refused="not taken"),
        BadFile(name="gpj\u202eexe.scr", mime="image/jpeg", data=pdf, refused="not taken"),
        BadFile(name="wide.png", mime="image/png", data=_picture_bomb(), refused="megapixels"),
    ]


class Villain(ABC):
    """One customer with bad intentions."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @abstractmethod
    async def calls_herself(self, name: str) -> None: ...

    @abstractmethod
    async def says(self, text: str) -> None: ...

    @abstractmethod
    async def sends(self, file: BadFile) -> str:
        """ "" when the channel took it, else the sentence that she was refused with."""

    async def leaves(self) -> None:
        return

    @asynccontextmanager
    async def called(self, name: str) -> AsyncIterator[Self]:
        """Under that name, until she leaves."""
        await self.calls_herself(name)
        try:
            yield self
        finally:
            await self.leaves()


class WebVillain(Villain):
    async def calls_herself(self, name: str) -> None:
        # A longer one is refused with the hello.
        about = {"name": name[:100]} if name else {}
        self.tab = Visitor(self.stage.website, about=about, address=f"127.0.2.{next(_ADDRESSES)}")
        await self.tab.__aenter__()

    async def says(self, text: str) -> None:
        await self.tab.send(text)

    async def sends(self, file: BadFile) -> str:
        try:
            token = await self.tab.upload(file.name, file.mime, file.data)
        except RuntimeError as refused:
            return str(refused)
        await self.tab.send("", uploads=[token])
        return ""

    async def leaves(self) -> None:
        await self.tab.__aexit__(None, None, None)


class TelegramVillain(Villain):
    """Her app is changed: it sends what Telegram's own would not."""

    async def calls_herself(self, name: str) -> None:
        self.user = self.stage.telegram.add_customer(name)
        self._number = 1_000_000

    async def says(self, text: str) -> None:
        person = self.stage.telegram.world.person(self.user)
        person.started = True
        self._number += 1
        message = {
            "message_id": self._number,
            "from": person.as_user(),
            "chat": person.as_chat(),
            "date": int(time.time()),
            "text": text,
        }
        self.stage.telegram.world.delivery.add("message", message, self.user)

    async def sends(self, file: BadFile) -> str:
        await self.stage.telegram.customer_sends(self.user, "document", file.name, file.mime, file.data)
        return ""


class MailVillain(Villain):
    """Writes her mails by hand."""

    async def calls_herself(self, name: str) -> None:
        self._name = "".join(c for c in name if c.isprintable())[:200]
        self._address = f"villain{next(_ADDRESSES)}@customer.test"
        self.stage.mail.add_mailbox(self._address, "customer")

    async def says(self, text: str) -> None:
        body = text.encode("utf-8", "surrogatepass")
        head = (
            f"From: {self._name.encode('ascii', 'ignore').decode()!r} <{self._address}>\r\nTo: {SUPPORT}\r\n"
            f"Subject: =?utf-8?q?=3C!channel=3E_*order*?=\r\nMessage-ID: <{time.monotonic_ns()}@customer.test>\r\n"
            "Date: Mon, 05 Oct 2026 10:00:00 +0000\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        )
        await self.stage.mail.customer_writes(
            sender=(self._name, self._address), to=SUPPORT, raw=head.encode() + body + b"\r\n"
        )

    async def sends(self, file: BadFile) -> str:
        await self.stage.mail.customer_writes(
            sender=(self._name, self._address),
            to=SUPPORT,
            subject="A file",
            text="See this",
            attachments=[(file.name, file.mime, file.data)],
        )
        return ""


VILLAINS: dict[str, type[Villain]] = {"webchat": WebVillain, "telegram": TelegramVillain, "email": MailVillain}


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the blocks of a post, outermost first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner)
