"""The browsers connected to this process, and how they learn what is new."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from bridges.webchat.identity import Session
from bridges.webchat.render import to_frame, visible
from bridges.webchat.tokens import Tokens
from core.contracts.bridge import Runtime

log = logging.getLogger(__name__)

Frame = dict[str, Any]
MAX_SOCKETS = 5
QUEUE = 100
PAGE = 100
#: How long a slow browser may leave its queue full.
PATIENCE = 10.0
#: Other replicas do not wake us: we look by ourselves, more often while the conversation is lively.
LIVELY_EVERY, LIVELY_FOR, IDLE_EVERY = 1.0, 60.0, 5.0
SHOW_TYPING = 6


class Listener:
    """One tab of one visitor: what it has seen, and what waits to be written to it."""

    def __init__(self, session: Session, *, after: int) -> None:
        self.session = session
        self.visitor_id = session.visitor.external_id
        self.cursor = after
        self.queue: asyncio.Queue[Frame] = asyncio.Queue(QUEUE)
        self.wake = asyncio.Event()
        self._lively_until = 0.0

    def nudge(self) -> None:
        self.lively()
        self.wake.set()

    def lively(self) -> None:
        self._lively_until = asyncio.get_running_loop().time() + LIVELY_FOR

    def pause(self) -> float:
        return LIVELY_EVERY if asyncio.get_running_loop().time() < self._lively_until else IDLE_EVERY

    async def rest(self, longest: float) -> None:
        """Until something may be new."""
        try:
            async with asyncio.timeout(min(self.pause(), longest)):
                await self.wake.wait()
        except TimeoutError:
            return

    async def put(self, frame: Frame) -> None:
        """Raises TimeoutError when the browser does not read."""
        async with asyncio.timeout(PATIENCE):
            await self.queue.put(frame)

    def offer(self, frame: Frame) -> None:
        """For what may be lost, such as typing."""
        if not self.queue.full():
            self.queue.put_nowait(frame)
            self.wake.set()

    def dismiss(self, code: str) -> None:
        """Says goodbye; what still waits is dropped, because the browser resumes from its cursor."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait({"type": "bye", "code": code})
        self.wake.set()


class Hub:
    """Who is connected, by visitor."""

    def __init__(self, runtime: Runtime, tokens: Tokens) -> None:
        self._transcript: Callable[[str, int, int], Awaitable[Sequence[Any]]] = runtime.transcript
        self._now: Callable[[], datetime] = runtime.now
        self._tokens = tokens
        self._listeners: dict[str, list[Listener]] = {}

    def join(self, listener: Listener) -> None:
        """A sixth tab takes the place of the first."""
        tabs = self._listeners.setdefault(listener.visitor_id, [])
        tabs.append(listener)
        if len(tabs) > MAX_SOCKETS:
            tabs.pop(0).dismiss("replaced")

    def leave(self, listener: Listener) -> None:
        tabs = self._listeners.get(listener.visitor_id, [])
        if listener in tabs:
            tabs.remove(listener)
        if not tabs:
            self._listeners.pop(listener.visitor_id, None)

    def connected(self, visitor_id: str) -> int:
        return len(self._listeners.get(visitor_id, ()))

    def nudge(self, visitor_id: str) -> None:
        for listener in self._listeners.get(visitor_id, ()):
            listener.nudge()

    def show_typing(self, visitor_id: str) -> None:
        for listener in self._listeners.get(visitor_id, ()):
            listener.lively()
            listener.offer({"type": "typing", "for": SHOW_TYPING})

    def dismiss_all(self) -> None:
        for tabs in self._listeners.values():
            for listener in tabs:
                listener.dismiss("restart")

    async def page(self, listener: Listener) -> tuple[list[Frame], bool]:
        """What is new for this tab, and whether there may be more; moves its cursor."""
        listener.wake.clear()
        items = await self._transcript(listener.visitor_id, listener.cursor, PAGE)
        frames = []
        for item in items:
            listener.cursor = max(listener.cursor, item.cursor)
            if visible(item):
                frames.append(to_frame(item, visitor_id=listener.visitor_id, tokens=self._tokens, now=self._now()))
        return frames, len(items) >= PAGE

    async def feed(self, listener: Listener) -> None:
        """Keeps one tab up to date; ends when its session does, or when it does not read."""
        synced = False
        while self._now() < listener.session.ends:
            try:
                frames, more = await self.page(listener)
            except Exception:
                log.exception("transcript not readable", extra={"action": "webchat_feed_failed"})
                await listener.rest(IDLE_EVERY)
                continue
            for frame in frames:
                await listener.put(frame)
            if more:
                continue
            if not synced:
                synced = True
                await listener.put({"type": "synced", "cursor": listener.cursor})
            await listener.rest(IDLE_EVERY)
        await listener.put({"type": "bye", "code": "expired"})
