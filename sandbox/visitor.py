"""A visitor of the web chat without a browser: the widget's own protocol, for demo, flows and benchmarks."""

from __future__ import annotations

import asyncio
import io
import itertools
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

Json = dict[str, Any]


class Visitor:
    """One browser tab: a session, a socket, and what it shows."""

    def __init__(
        self, account_url: str, *, resume: str = "", about: Json | None = None, address: str = "127.0.0.1"
    ) -> None:
        self._url = account_url
        #: Where she calls from: limits on one address shall not meet many visitors of one test.
        self._address = address
        self._about = about or {}
        self.resume = resume
        self.visitor_id = ""
        #: What the tab shows, by message reference.
        self.items: dict[str, Json] = {}
        self.acks: dict[str, Json] = {}
        self.errors: list[Json] = []
        self.cursor = 0
        #: The line was cut; `connect` takes up the session again.
        self.gone = False
        self._changed = asyncio.Condition()
        self._numbers = itertools.count()
        self._prefix = secrets.token_hex(6)

    async def __aenter__(self) -> Self:
        # A browser says which site shows the chat; this one is Threadbridge's own page.
        connector = aiohttp.TCPConnector(local_addr=(self._address, 0))
        origin = self._url.partition("/bridges/")[0]
        self._http = aiohttp.ClientSession(headers={"Origin": origin}, connector=connector)
        try:
            await self.connect()
        except BaseException:
            await self._http.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()
        await self._http.close()

    async def connect(self) -> None:
        """Begins the session, or takes it up again where the tab left it."""
        async with self._http.post(f"{self._url}/session", json={"resume": self.resume}) as answer:
            answer.raise_for_status()
            session = await answer.json()
        self.visitor_id, self.resume, self._token = session["visitor"], session["resume"], session["token"]
        self._socket = await self._http.ws_connect(f"{self._url}/ws")
        hello = {"type": "hello", "v": 1, "token": self._token, "after": self.cursor, "about": self._about}
        await self._socket.send_json(hello)
        self.gone = False
        self._reading = asyncio.create_task(self._read())

    async def disconnect(self) -> None:
        """The network goes; nothing is forgotten."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                frame = message.json()
                async with self._changed:
                    self._take(frame)
                    self._changed.notify_all()
        finally:
            async with self._changed:
                self.gone = True
                self._changed.notify_all()

    def _take(self, frame: Json) -> None:
        match frame["type"]:
            case "event":
                self.items[frame["item"]["id"]] = frame["item"]
                self.cursor = max(self.cursor, frame["cursor"])
            case "ack":
                self.acks[frame["client_id"]] = frame
            case "error":
                self.errors.append(frame)

    async def until(self, seen: Callable[[], Any], timeout: float = 10.0) -> Any:
        """What `seen` finds in the tab, as soon as it finds something. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(seen)
            return seen()

    def client_id(self) -> str:
        return f"{self._prefix}{next(self._numbers):06d}"

    async def send(self, text: str = "", *, client_id: str = "", **more: Any) -> str:
        """Sends, and waits until it is stored; its reference."""
        client_id = client_id or self.client_id()
        await self.frame({"type": "send", "client_id": client_id, "text": text, **more})
        errors = len(self.errors)
        await self.until(lambda: client_id in self.acks or len(self.errors) > errors)
        if client_id not in self.acks:
            raise RuntimeError(self.errors[-1].get("message", "refused"))
        return f"c/{client_id}"

    async def frame(self, frame: Json) -> None:
        await self._socket.send_json(frame)

    async def upload(self, name: str, mime: str, data: bytes) -> str:
        """A token to send as one of `uploads`."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": mime}
        url = f"{self._url}/upload"
        async with self._http.post(url, params={"name": name}, data=io.BytesIO(data), headers=headers) as answer:
            body: Json = await answer.json()
            if answer.status >= 400:
                raise RuntimeError(body.get("error", {}).get("message", answer.reason))
            return str(body["upload"])

    def texts(self, *, mine: bool | None = None) -> list[str]:
        """The words shown, in order; those of one side only, if asked for."""
        shown = sorted(self.items.values(), key=lambda item: item["pos"])
        return [words(item) for item in shown if mine is None or item["me"] is mine]


def words(item: Json) -> str:
    """The bare text of a message as the widget draws it."""
    return "\n".join(_block_words(block) for block in item.get("body", []))


def _block_words(block: Json) -> str:
    if block["t"] == "code":
        return str(block["s"])
    if block["t"] == "list":
        return "\n".join("".join(run["s"] for run in entry["c"]) for entry in block["items"])
    return "".join(run["s"] for run in block["c"])
