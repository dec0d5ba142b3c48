"""The WebSocket that a visitor's browser holds open."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine
from typing import Any

from aiohttp import WSMsgType, web

from bridges.webchat.gate import Gate
from bridges.webchat.gestures import Gestures
from bridges.webchat.hub import Hub, Listener
from bridges.webchat.identity import read_session
from bridges.webchat.protocol import MAX_FRAME, VERSION, About, Hello, ProtocolError, decode
from bridges.webchat.tokens import Purpose, Tokens

log = logging.getLogger(__name__)

HEARTBEAT = 25.0
FIRST_FRAME = 10.0
#: A browser of ours makes no mistakes; after ten it is something else.
MAX_MISTAKES = 10
MAX_OPEN = 20_000


class Sockets:
    """Accepts sockets, and runs each until one side ends it."""

    def __init__(self, gate: Gate, tokens: Tokens, hub: Hub, gestures: Gestures) -> None:
        self._gate = gate
        self._tokens = tokens
        self._hub = hub
        self._gestures = gestures
        self._open = 0
        #: Frames refused since the start, by code.
        self.refused: dict[str, int] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self._gate.check_origin(request)
        self._gate.check_arrival(request)
        if self._open >= MAX_OPEN:
            raise web.HTTPServiceUnavailable(text="Too many open sockets.")
        # Larger messages end the connection; those between the limits are answered.
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=2 * MAX_FRAME, compress=False)
        await socket.prepare(request)
        self._open += 1
        try:
            await self._run(socket)
        finally:
            self._open -= 1
            with contextlib.suppress(ConnectionError):
                await socket.close()
        return socket

    async def _run(self, socket: web.WebSocketResponse) -> None:
        try:
            listener, about = await self._greet(socket)
        except ProtocolError as error:
            self._count(error)
            with contextlib.suppress(ConnectionError):
                await socket.send_json(error.frame())
                await socket.close(code=4401 if error.code == "session" else 1008)
            return
        self._hub.join(listener)
        try:
            await _first_of(self._read(socket, listener, about), self._hub.feed(listener), _write(socket, listener))
        finally:
            self._hub.leave(listener)

    async def _greet(self, socket: web.WebSocketResponse) -> tuple[Listener, About]:
        try:
            async with asyncio.timeout(FIRST_FRAME):
                message = await socket.receive()
        except TimeoutError as error:
            raise ProtocolError("hello", f"No hello within {FIRST_FRAME:.0f} seconds.") from error
        if message.type is not WSMsgType.TEXT:
            raise ProtocolError("hello", "The first frame is a hello, as text.")
        hello = decode(message.data)
        if not isinstance(hello, Hello):
            raise ProtocolError("hello", "The first frame is a hello.")
        if hello.v != VERSION:
            raise ProtocolError("version", f"This server speaks version {VERSION}, not {hello.v}; reload the page.")
        session = read_session(self._tokens, Purpose.SESSION, hello.token)
        if session is None:
            raise ProtocolError("session", "The session is not valid any more; begin a new one.")
        listener = Listener(session, after=hello.after)
        await listener.put({"type": "welcome", "v": VERSION})
        return listener, hello.about or About()

    async def _read(self, socket: web.WebSocketResponse, listener: Listener, about: About) -> None:
        """Takes one frame after the other, so that a visitor's messages keep their order."""
        mistakes = 0
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            answer: dict[str, Any] | None
            try:
                frame = decode(message.data)
                about = frame.about or about
                listener.lively()
                answer = await self._gestures.perform(frame, listener.session.visitor, about)
            except ProtocolError as error:
                self._count(error)
                mistakes += error.code in ("malformed", "too_large")
                answer = error.frame()
            if answer is not None:
                await listener.put(answer)
            if mistakes >= MAX_MISTAKES:
                listener.dismiss("mistakes")

    def _count(self, error: ProtocolError) -> None:
        self.refused[error.code] = self.refused.get(error.code, 0) + 1


async def _write(socket: web.WebSocketResponse, listener: Listener) -> None:
    while True:
        frame = await listener.queue.get()
        async with asyncio.timeout(FIRST_FRAME):
            await socket.send_str(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))
        if frame["type"] == "bye":
            return


async def _first_of(*parts: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends; a browser that is gone or does not read is nobody's error."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await _drained(tasks)
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, ConnectionError | TimeoutError):
                log.error("socket failed", exc_info=result, extra={"action": "webchat_socket_failed"})


async def _drained(tasks: list[asyncio.Task[None]]) -> None:
    """The feed ended with a goodbye: let the writer say it."""
    reader, feed, writer = tasks
    if feed.done() and feed.exception() is None and not reader.done():
        await asyncio.wait([writer], timeout=FIRST_FRAME)
