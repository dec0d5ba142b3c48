"""Socket Mode: tickets, hello, envelopes that wait for their acknowledgement, and orders to reconnect.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import WSMsgType, web

from sandbox.slack.wire import Json, SlackError

MOST_CONNECTIONS = 10
MOST_FRAME = 1_000_000
MOST_TICKETS = 100
#: Seconds that a closing socket waits for the other side.
FAREWELL = 1.0
#: Seconds between pings of the server.
HEARTBEAT = 10.0
#: What a connection is told about its lifetime, in seconds.
LIFETIME = 18_060

Kind = Literal["events_api", "interactive", "slash_commands"]


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One websocket of the app."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    #: Answers awaited, by envelope id.
    waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    #: Told to go; gets nothing new.
    leaving: bool = False


class Sockets:
    """Every connection that the app holds."""

    def __init__(self, app_id: str) -> None:
        self.url = ""
        self._app_id = app_id
        self._tickets: dict[str, None] = {}
        self._connections: list[Connection] = []
        self._turn = 0
        self._changed = asyncio.Condition()

    @property
    def connected(self) -> int:
        """How many connections take new envelopes."""
        return len(self._usable())

    async def until_connected(self, count: int, timeout: float) -> None:
        """Waits for this many connections. Raises: TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: self.connected >= count)

    def open(self) -> Json:
        """apps.connections.open: an address that serves once."""
        if len(self._connections) >= MOST_CONNECTIONS:
            raise SlackError("too_many_websockets")
        ticket = secrets.token_urlsafe(16)
        self._tickets[ticket] = None
        if len(self._tickets) > MOST_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        return {"url": f"{self.url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._app_id}"}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One websocket, from hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=404, text="ticket is not valid")
        del self._tickets[ticket]
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, timeout=FAREWELL, max_msg_size=MOST_FRAME)
        await socket.prepare(request)
        connection = Connection(socket=socket, transport=request.transport)
        hello = {
            "type": "hello",
            "num_connections": len(self._usable()) + 1,
            "connection_info": {"app_id": self._app_id},
            "debug_info": {"host": "applink-sandbox", "approximate_connection_time": LIFETIME},
        }
        await socket.send_json(hello)
        self._connections.append(connection)
        async with self._changed:
            self._changed.notify_all()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledged(connection, message.data)
        finally:
            self._connections.remove(connection)
            for future in connection.waiting.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the app's socket closed"))
        return socket

    async def send(self, kind: Kind, payload: Json, *, patience: float, attempt: int, reason: str) -> tuple[bool, Any]:
        """One envelope to one connection: whether it was acknowledged, and the payload that came back."""
        usable = self._usable()
        if not usable:
            return False, None
        self._turn += 1
        connection = usable[self._turn % len(usable)]
        envelope_id = str(uuid.uuid4())
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope_id] = future
        try:
            async with asyncio.timeout(patience):
                await connection.socket.send_json(envelope)
                return True, await future
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            return False, None
        finally:
            connection.waiting.pop(envelope_id, None)

    async def disconnect(self, reason: Literal["warning", "refresh_requested", "link_disabled"]) -> None:
        """Tells every connection to go. "warning" leaves them ten seconds, the others close at once."""
        for connection in list(self._connections):
            connection.leaving = reason != "warning"
            frame = {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-sandbox"}}
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await connection.socket.send_json(frame)
                if reason != "warning":
                    await connection.socket.close()

    def cut(self) -> None:
        """Breaks every connection without a word, as a network does."""
        for connection in self._connections:
            connection.leaving = True
            if connection.transport is not None:
                connection.transport.abort()

    async def stop(self) -> None:
        """Says goodbye to every connection."""
        for connection in list(self._connections):
            connection.leaving = True
            await connection.socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)

    def _usable(self) -> list[Connection]:
        return [entry for entry in self._connections if not entry.leaving and not entry.socket.closed]

    def _acknowledged(self, connection: Connection, data: str) -> None:
        try:
            answer = json.loads(data)
        except ValueError:
            return
        future = connection.waiting.get(str(answer.get("envelope_id"))) if isinstance(answer, dict) else None
        if future is not None and not future.done():
            future.set_result(answer.get("payload"))
