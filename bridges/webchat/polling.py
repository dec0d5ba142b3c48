"""The way in and out for browsers whose network lets no WebSocket through."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from bridges.webchat.gate import Gate, Refused
from bridges.webchat.gestures import Gestures
from bridges.webchat.hub import Hub, Listener
from bridges.webchat.protocol import MAX_FRAME, About, ProtocolError, decode

LONGEST_WAIT = 25.0


class Polling:
    def __init__(self, gate: Gate, hub: Hub, gestures: Gestures) -> None:
        self._gate = gate
        self._hub = hub
        self._gestures = gestures

    async def events(self, request: web.Request) -> web.Response:
        """Answers as soon as something is new, or with nothing after a while."""
        session = self._gate.session(request.headers)
        listener = Listener(session, after=_whole(request.query.get("after", "0")))
        ends = asyncio.get_running_loop().time() + min(_whole(request.query.get("wait", "25")), LONGEST_WAIT)
        self._hub.join(listener)
        try:
            frames: list[dict[str, Any]] = []
            while True:
                new, more = await self._hub.page(listener)
                frames += new
                while not listener.queue.empty():
                    frames.append(listener.queue.get_nowait())
                left = ends - asyncio.get_running_loop().time()
                if frames or more or left <= 0:
                    return _json({"frames": frames, "cursor": listener.cursor, "more": more})
                listener.lively()
                await listener.rest(left)
        finally:
            self._hub.leave(listener)

    async def send(self, request: web.Request) -> web.Response:
        """One frame in, its answer out."""
        self._gate.check_origin(request)
        session = self._gate.session(request.headers)
        try:
            frame = decode(await read_body(request, MAX_FRAME))
            answer = await self._gestures.perform(frame, session.visitor, frame.about or About())
        except ProtocolError as error:
            answer = error.frame()
        return _json(answer or {})


async def read_body(request: web.Request, limit: int) -> bytes:
    """Raises Refused when it is longer than `limit`."""
    body = await request.content.read(limit + 1)
    while len(body) <= limit and (chunk := await request.content.read(limit + 1)):
        body += chunk
    if len(body) > limit:
        raise Refused(413, "too_large", f"The body is over the limit of {limit} bytes.")
    return body


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _json(value: dict[str, Any]) -> web.Response:
    return web.json_response(value, headers={"Cache-Control": "no-store"})
