"""Carries what a visitor does to the core, one gesture after the other."""

from __future__ import annotations

import logging
from typing import Any

from bridges.webchat.identity import Visitor
from bridges.webchat.items import Item, UploadedFile
from bridges.webchat.limits import Buckets
from bridges.webchat.protocol import (
    About,
    Delete,
    Delivered,
    Edit,
    Frame,
    Hello,
    Ping,
    ProtocolError,
    React,
    Read,
    Send,
    Tell,
    TypingNow,
)
from bridges.webchat.tokens import Purpose, Tokens
from core.contracts.bridge import Runtime

log = logging.getLogger(__name__)


class Gestures:
    """Shared by the WebSocket and its fallback."""

    def __init__(self, runtime: Runtime, tokens: Tokens) -> None:
        self._runtime = runtime
        self._tokens = tokens
        #: 20 messages at once, then 20 a minute; everything else is cheaper.
        self._messages = Buckets(burst=20, gap=3.0)
        self._others = Buckets(burst=120, gap=0.5)
        self._typing = Buckets(burst=1, gap=3.0)

    async def perform(self, frame: Frame, visitor: Visitor, about: About) -> dict[str, Any] | None:
        """Answers with an `ack` once it is committed. Raises ProtocolError."""
        match frame:
            case Ping():
                return {"type": "pong"}
            case Tell() | Hello():
                return None
            case TypingNow():
                if self._typing.wait(visitor.external_id):
                    return None
            case Send() | Edit():
                self._limit(self._messages, visitor, frame.client_id)
            case Delete() | React():
                self._limit(self._others, visitor, frame.client_id)
            case Read() | Delivered():
                self._limit(self._others, visitor, None)
        files = self._files(frame, visitor) if isinstance(frame, Send) else ()
        bare = frame.model_copy(update={"about": None})
        item = Item(at=self._runtime.now(), visitor=visitor, about=about, frame=bare, files=files)
        return await self._accept(item)

    async def _accept(self, item: Item) -> dict[str, Any] | None:
        frame = item.frame
        client_id = frame.client_id if isinstance(frame, Send | Edit | Delete | React) else None
        try:
            accepted = await self._runtime.accept(item.raw())
        except Exception as error:
            log.exception("gesture not stored", extra={"action": "webchat_not_stored", "gesture": frame.type})
            sentence = "This could not be stored just now; it is tried again."
            raise ProtocolError("try_again", sentence, client_id=client_id, retry_after=2) from error
        if client_id is None:
            return None
        ack: dict[str, Any] = {"type": "ack", "client_id": client_id}
        if isinstance(frame, Send):
            ack["id"] = f"c/{client_id}"
        # Nothing accepted: the core set the item aside for its operator. It is stored; sending it again would not help.
        if accepted:
            first = accepted[0]
            ack |= {"mid": first.message_id, "cursor": first.cursor, "duplicate": first.duplicate}
        return ack

    def _limit(self, buckets: Buckets, visitor: Visitor, client_id: str | None) -> None:
        if wait := buckets.wait(visitor.external_id):
            sentence = f"That was quick. The next message can be sent in {int(wait) + 1} seconds."
            raise ProtocolError("rate_limited", sentence, client_id=client_id, retry_after=wait)

    def _files(self, frame: Send, visitor: Visitor) -> tuple[UploadedFile, ...]:
        if not (frame.text.strip() or frame.uploads or frame.choice):
            raise ProtocolError("empty", "A message needs text or a file.", client_id=frame.client_id)
        files = []
        for token in frame.uploads:
            value = self._tokens.read(Purpose.UPLOAD, token)
            if value is None or value["v"] != visitor.external_id:
                sentence = "An uploaded file is no longer there; attach it again."
                raise ProtocolError("upload", sentence, client_id=frame.client_id)
            files.append(UploadedFile(sha256=value["s"], name=value["n"], mime=value["m"], size=value["z"]))
        return tuple(files)
