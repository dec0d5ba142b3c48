"""The cheapest possible far sides, so that what is measured is ours: a vendor that answers at once, and a caller."""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Any, Self


class Vendor:
    """Takes POST with JSON and remembers it; GET /find?key=... tells whether it is there."""

    def __init__(self) -> None:
        #: When each key was here first, by time.perf_counter.
        self.first: dict[str, float] = {}
        self.arrivals: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Answering(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    def take(self, message: dict[str, Any]) -> None:
        self.arrivals.append(message)
        self.first.setdefault(message["key"], time.perf_counter())
        self._news.set()

    async def until(self, keys: int, timeout: float = 60) -> None:
        """That many different messages have arrived."""
        async with asyncio.timeout(timeout):
            while len(self.first) < keys:
                self._news.clear()
                await self._news.wait()


class _Answering(asyncio.Protocol):
    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._transport: asyncio.Transport
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            size = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
            )
            if len(self._buffer) < end + 4 + size:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + size], self._buffer[end + 4 + size :]
            if head.startswith("GET"):
                key = head.split(" ", 2)[1].partition("key=")[2]
                answer = b'{"found":true}' if key in self._vendor.first else b'{"found":false}'
            else:
                self._vendor.take(json.loads(body))
                answer = b'{"ok":true}'
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )


class Caller:
    """One kept-alive connection that posts and waits for each answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: dict[str, Any]) -> int:
        """The status of the answer. Raises OSError or EOFError if there is none."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        assert self._reader is not None
        data = json.dumps(body).encode()
        self._writer.write(
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(data), data)
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                await self._reader.readexactly(int(line[15:]))
        return int(head[9:12])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._reader = self._writer = None


def _length(head: str) -> int:
    return next((int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
