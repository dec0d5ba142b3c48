"""Gestures in: checks who sends an event, keeps it, and turns each into one call of the desk."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from core.contracts.content import Content
from core.contracts.errors import RequestRejected
from core.contracts.json import loads
from core.contracts.places import PostRef, ThreadRef
from core.contracts.text import from_plain
from core.contracts.workplace import AgentProfile, Desk, WorkplaceRuntime

MAX_BODY = 256 * 1024


class Listeners:
    """The way in of one workspace."""

    def __init__(
        self,
        runtime: WorkplaceRuntime,
        desk: Desk,
        secret: str,
        agent: Callable[[str], Awaitable[AgentProfile]],
    ) -> None:
        self._runtime = runtime
        self._desk = desk
        self._secret = secret.encode()
        self._agent = agent

    async def receive(self, request: web.Request) -> web.Response:
        """Answers after the commit: what we could not keep, the vendor sends again."""
        body = bytearray()
        async for chunk in request.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > MAX_BODY:
                raise RequestRejected(f"The body is larger than {MAX_BODY} bytes.", status=413)
        expected = hmac.new(self._secret, body, "sha256").hexdigest()
        if not hmac.compare_digest(request.headers.get("X-Signature", "").encode(errors="replace"), expected.encode()):
            raise RequestRejected("The signature does not fit the body.")
        event = loads(bytes(body))
        try:
            event_id, thread, at = str(event["id"]), str(event["thread"]), float(event["at"])
        except (KeyError, TypeError, ValueError):
            raise RequestRejected('The event lacks "id", "thread" or "at".', status=400) from None
        await self._runtime.accept(event_id, thread, int(at * 1_000_000), bytes(body))
        return web.Response()

    async def handle(self, raw: bytes) -> None:
        """One accepted event, at most one desk call; whatever it raises is tried again, then quarantined."""
        event: dict[str, Any] = loads(raw)
        thread = ThreadRef(workspace=self._runtime.workspace, room=event["room"], thread=event["thread"])
        post = PostRef(workspace=thread.workspace, room=thread.room, thread=thread.thread, post=event.get("post", ""))
        match event["type"]:
            case "posted":
                content = Content(body=from_plain(event["text"]))
                at = datetime.fromtimestamp(event["at"], UTC)
                await self._desk.said(post, await self._agent(event["agent"]), content, at=at)
            case "edited":
                await self._desk.revised(post, Content(body=from_plain(event["text"])))
            case "deleted":
                await self._desk.revised(post, None)
            case "pressed":
                agent = await self._agent(event["agent"])
                await self._desk.act(thread, agent, event["action"], event.get("value", ""), key=event["id"])
            case _:
                pass
