"""A small core in memory: stores what the web chat accepts, and serves it back as a transcript."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bridges.webchat import BRIDGE
from bridges.webchat.bridge import WebchatBridge
from bridges.webchat.settings import WebchatSettings
from core.contracts import bridge
from core.contracts.content import Attachment, Choice, Content, MediaKind, StoredFile
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.richtext import Block, Document, Link, ListBlock, ListItem, Mark, Paragraph, Text

KINDS = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}
SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"%PDF": "application/pdf"}
STEPS = list(bridge.DeliveryStatus)


class MemoryFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stored: dict[str, StoredFile] = {}

    async def save(self, chunks: AsyncIterator[bytes], *, name: str, mime: str) -> StoredFile:
        data = b"".join([chunk async for chunk in chunks])
        if name.endswith(".exe"):
            raise PermanentFailure(f"{name} is a program, which is not accepted.", reason=FailureReason.BAD_CONTENT)
        known = next((kind for head, kind in SIGNATURES.items() if data.startswith(head)), "application/octet-stream")
        digest = hashlib.sha256(data).hexdigest()
        path = self.folder / digest
        path.write_bytes(data)
        self.stored[digest] = StoredFile(sha256=digest, size=len(data), mime=known, path=path)
        return self.stored[digest]

    def find(self, sha256: str) -> StoredFile | None:
        return self.stored.get(sha256)

    def kind(self, file: StoredFile) -> MediaKind:
        return KINDS.get(file.mime.split("/")[0], MediaKind.FILE)


class MemoryValue:
    def __init__(self) -> None:
        self.value: Mapping[str, Any] = {}

    async def load(self) -> Mapping[str, Any]:
        return self.value

    async def save(self, value: Mapping[str, Any]) -> None:
        self.value = value


@dataclass
class MemoryCore:
    """One account's messages, by visitor. `events` is everything that was accepted, in order."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    account: str = "web"
    files: MemoryFiles = field(init=False)
    bridge: WebchatBridge = field(init=False)
    messages: dict[str, list[bridge.TranscriptItem]] = field(default_factory=dict)
    events: list[bridge.Event] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    senders: dict[str, bridge.Sender] = field(default_factory=dict)
    #: Raised by `accept` while set.
    broken: Exception | None = None
    #: Seconds between the bridge's `send` and the commit that it was sent.
    commit_delay: float = 0.0
    url: str = ""
    clock: datetime | None = None
    cursor: int = 0
    known: dict[str, bridge.Accepted] = field(default_factory=dict)

    async def start(self, session: aiohttp.ClientSession) -> Sequence[web.RouteDef]:
        self.files = MemoryFiles(self.folder)
        runtime = bridge.Runtime(
            account=self.account,
            session=session,
            url=self.url,
            accept=self.accept,
            files=self.files,
            memory=MemoryValue(),
            transcript=self.transcript,
            secret=lambda purpose: hashlib.sha256(purpose.encode()).digest(),
            now=self.now,
            trouble=lambda sentence: None,
        )
        built = BRIDGE.build(WebchatSettings.model_validate(self.settings), runtime)
        assert isinstance(built, WebchatBridge)
        self.bridge = built
        return [
            web.RouteDef(route.method, f"/bridges/{self.account}{route.path}", route.handler, route.kwargs)
            for route in built.routes()
        ]

    def now(self) -> datetime:
        return self.clock or datetime.now(UTC)

    async def transcript(self, sender: str, after: int, limit: int) -> Sequence[bridge.TranscriptItem]:
        changed = [item for item in self.messages.get(sender, []) if item.cursor > after]
        return sorted(changed, key=lambda item: item.cursor)[:limit]

    async def accept(self, raw: bytes) -> Sequence[bridge.Accepted]:
        if self.broken is not None:
            raise self.broken
        self.raws.append(raw)
        return [self._store(event) for event in await self.bridge.parse(raw)]

    def _store(self, event: bridge.Event) -> bridge.Accepted:
        if event.event_id in self.known:
            return replace(self.known[event.event_id], duplicate=True)
        self.events.append(event)
        stored: bridge.TranscriptItem | None = None
        match event:
            case bridge.MessageReceived():
                self.senders[event.sender.external_id] = event.sender
                stored = self.add(
                    event.sender.external_id,
                    from_customer=True,
                    author=event.sender.name,
                    content=event.content,
                    quote=event.quote,
                    external_id=event.external_id,
                    status=bridge.DeliveryStatus.SENT,
                )
            case bridge.ChoiceMade():
                body = Document(blocks=(Paragraph(inlines=(Text(text=event.label),)),))
                sender = event.sender.external_id
                status = bridge.DeliveryStatus.SENT
                stored = self.add(sender, from_customer=True, content=Content(body=body), status=status)
            case bridge.MessageEdited():
                stored = self.change(event.external_id, content=event.content, edited=True)
            case bridge.MessageDeleted():
                stored = self.change(event.external_id, deleted=True)
            case bridge.ReactionChanged():
                stored = self.change(event.external_id, reactions={"customer": event.emoji} if event.emoji else {})
            case bridge.StatusChanged():
                known = self.find(event.external_id)
                # It only ever moves forward.
                if known is not None and STEPS.index(event.status) > STEPS.index(known.status):
                    stored = self.change(event.external_id, status=event.status)
            case bridge.ReadUpTo():
                last = self.find(event.external_id)
                for item in self.messages[event.sender_id]:
                    if last is not None and not item.from_customer and item.position <= last.position:
                        self.put(event.sender_id, replace(item, status=bridge.DeliveryStatus.READ))
        accepted = bridge.Accepted(
            event_id=event.event_id,
            duplicate=False,
            message_id=stored.message_id if stored else None,
            cursor=stored.cursor if stored else None,
        )
        self.known[event.event_id] = accepted
        return accepted

    def add(self, visitor: str, **values: Any) -> bridge.TranscriptItem:
        messages = self.messages.setdefault(visitor, [])
        self.cursor += 1
        item = bridge.TranscriptItem(
            **{
                "message_id": f"m{self.cursor:04}",
                "cursor": self.cursor,
                "position": len(messages) + 1,
                "external_id": None,
                "from_customer": False,
                "author": "",
                "author_avatar_url": "",
                "content": Content(),
                "quote": None,
                "at": self.now(),
                "edited": False,
                "deleted": False,
                "status": bridge.DeliveryStatus.QUEUED,
                **values,
            }
        )
        messages.append(item)
        self.bridge.transcript_changed(visitor)
        return item

    def find(self, external_id: str) -> bridge.TranscriptItem | None:
        every = [item for items in self.messages.values() for item in items]
        return next((item for item in every if item.external_id == external_id), None)

    def put(self, visitor: str, item: bridge.TranscriptItem) -> bridge.TranscriptItem:
        self.cursor += 1
        item = replace(item, cursor=self.cursor)
        messages = self.messages[visitor]
        messages[item.position - 1] = item
        self.bridge.transcript_changed(visitor)
        return item

    def change(self, external_id: str, **values: Any) -> bridge.TranscriptItem | None:
        item = self.find(external_id)
        if item is None:
            return None
        return self.put(external_id.rsplit("/", 2)[0], replace(item, **values))

    async def answer(self, visitor: str, content: Content | str, author: str = "Ada", **values: Any) -> str:
        """An agent's reply, sent and committed as the outbox does it; its external id."""
        if isinstance(content, str):
            content = Content(body=Document(blocks=(Paragraph(inlines=(Text(text=content),)),)))
        item = self.add(visitor, author=author, content=content, **values)
        sent = await self.bridge.send(self._outbound(visitor, item))
        await asyncio.sleep(self.commit_delay)
        self.put(visitor, replace(item, external_id=sent, status=bridge.DeliveryStatus.SENT))
        return sent

    async def revise(self, visitor: str, external_id: str, content: Content | None) -> None:
        item = self.find(external_id)
        assert item is not None
        message = self._outbound(visitor, item)
        if content is None:
            await self.bridge.delete(bridge.ExternalId(external_id), message.recipient)
            self.change(external_id, deleted=True)
        else:
            await self.bridge.edit(bridge.ExternalId(external_id), message)
            self.change(external_id, content=content, edited=True)

    def _outbound(self, visitor: str, item: bridge.TranscriptItem) -> bridge.OutboundMessage:
        return bridge.OutboundMessage(
            key=item.message_id,
            recipient=bridge.Recipient(external_id=visitor, name=""),
            content=item.content,
            text="",
            message_id=item.message_id,
        )


def rich_answer() -> Content:
    """What an agent may send: every block and mark."""
    blocks: list[Block] = [
        Paragraph(
            inlines=(
                Text(text="Of course! "),
                Text(text="Two ways", marks=frozenset({Mark.BOLD})),
                Text(text=" to do that, both in "),
                Link(url="https://example.com/help", label="our guide"),
                Text(text=":"),
            )
        ),
        ListBlock(
            items=(
                ListItem(inlines=(Text(text="Open your orders"),), ordered=True, number=1),
                ListItem(
                    inlines=(Text(text="Choose "), Text(text="Return", marks=frozenset({Mark.CODE}))),
                    ordered=True,
                    number=2,
                ),
            )
        ),
    ]
    return Content(body=Document(blocks=tuple(blocks)))


def choices() -> Content:
    body = Document(blocks=(Paragraph(inlines=(Text(text="Did that help?"),)),))
    return Content(body=body, choices=(Choice(value="yes", label="Yes, thank you"), Choice(value="no", label="No")))


def picture(stored: StoredFile, name: str) -> Content:
    return Content(attachments=(Attachment(kind=MediaKind.IMAGE, name=name, mime=stored.mime, file=stored),))
