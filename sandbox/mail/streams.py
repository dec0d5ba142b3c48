"""What the SMTP and the IMAP server share: lines within bounds, faults, and connections that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sandbox.faults import Fault, Faults

#: A silent client is let go; RFC 5321 asks for five minutes.
IDLE_SECONDS = 300.0
MAX_LINE = 64 * 1024
MAX_CONNECTIONS = 200


class ConnectionCut(Exception):
    """The connection ends here, without a word."""


class LineTooLong(Exception):
    """The client sent a line beyond every bound."""


class Connection:
    """One client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def line(self, timeout: float = IDLE_SECONDS) -> bytes:
        """The next line with its end. Raises: ConnectionCut, LineTooLong, TimeoutError."""
        async with asyncio.timeout(timeout):
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                raise LineTooLong from None
            except (asyncio.IncompleteReadError, ConnectionError):
                raise ConnectionCut from None
        return line

    async def exactly(self, size: int, timeout: float = IDLE_SECONDS) -> bytes:
        """The next `size` bytes. Raises: ConnectionCut, TimeoutError."""
        async with asyncio.timeout(timeout):
            try:
                return await self._reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                raise ConnectionCut from None

    async def write(self, data: bytes) -> None:
        """Sends bytes. Raises: ConnectionCut."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            raise ConnectionCut from None

    def cut(self) -> None:
        """Ends the connection at once, as a network failure does."""
        self._writer.transport.abort()


class Server:
    """Accepts connections on loopback and hands each to `serve`."""

    def __init__(self, serve: Callable[[Connection], Awaitable[None]]) -> None:
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], Connection] = {}

    async def start(self, host: str, port: int) -> int:
        """Listens, and returns the port."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=MAX_LINE)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Closes the port and every connection."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._open)
        self.drop_connections()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def drop_connections(self) -> None:
        """Cuts every open connection; new ones are welcome."""
        for connection in self._open.values():
            connection.cut()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= MAX_CONNECTIONS:
            connection.cut()
            return
        self._open[task] = connection
        try:
            await self._serve(connection)
            writer.close()
            await writer.wait_closed()
        except (ConnectionCut, ConnectionError, TimeoutError):
            connection.cut()
        except asyncio.CancelledError:
            # Only stop() cancels; the stream protocol would log a cancelled callback as an error.
            connection.cut()
        finally:
            del self._open[task]


async def meet(faults: Faults, name: str, connection: Connection) -> Fault | None:
    """Takes the fault ordered for a command, waits out its delay and cuts where it says so. Raises: ConnectionCut."""
    fault = faults.take(name)
    if fault is None:
        return None
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.drop == "before":
        connection.cut()
        raise ConnectionCut
    return fault


def fault_text(fault: Fault, otherwise: str) -> str:
    """The words of an ordered refusal, from `body["text"]`."""
    return str((fault.body or {}).get("text", otherwise))
