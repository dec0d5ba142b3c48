"""A visitor of the web chat over its WebSocket, for the scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bridges.webchat import BRIDGE
from core.contracts.bridge import ExternalId, Recipient, ServesRoutes
from core.testing.customer_peer import Failure, Seen
from core.testing.runtime import RecordingRuntime
from sandbox.visitor import Visitor, words


class Tab(Visitor):
    """A visitor's tab that also remembers the kinds of frames it heard."""

    def __init__(self, account_url: str) -> None:
        super().__init__(account_url)
        self.heard: set[str] = set()

    def _take(self, frame: dict[str, Any]) -> None:
        self.heard.add(frame["type"])
        super()._take(frame)


class WebchatPeer:
    """Implements `CustomerPeer`."""

    spec = BRIDGE
    #: There is no vendor between us and her.
    failures: frozenset[Failure] = frozenset()

    def __init__(self, core: RecordingRuntime, visitor: Tab, url: str) -> None:
        assert core.bridge is not None
        self.core, self.bridge, self._visitor, self._url = core, core.bridge, visitor, url
        self.recipient = Recipient(external_id=visitor.visitor_id, name="")
        self._last = ""

    async def seen(self) -> Sequence[Seen]:
        found = []
        items = sorted(self._visitor.items.values(), key=lambda item: item["pos"])
        quoted = {item["mid"]: words(item) for item in items}
        for item in items:
            if item["me"] or item["deleted"]:
                continue
            files = []
            for file in item["files"]:
                async with self.core.session.get(f"{self._url}/{file['url']}") as answer:
                    files.append((file["name"], await answer.read()))
            found.append(
                Seen(
                    text=words(item),
                    files=tuple(files),
                    quote=quoted.get(item["quote"] or "", ""),
                    buttons=tuple(choice["label"] for choice in item["choices"]),
                )
            )
        return found

    async def reaction(self, to: ExternalId) -> str | None:
        item = await self._item(to)
        return item["reactions"].get("agent")

    async def typing(self) -> bool:
        return "typing" in self._visitor.heard

    async def fail(self, failure: Failure) -> None:
        raise NotImplementedError("there is no vendor that could")

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        more: dict[str, Any] = {"reply_to": (await self._item(quote))["id"]} if quote else {}
        if file is not None:
            more["uploads"] = [await self._visitor.upload(*file)]
        self._last = await self._visitor.send(text, **more)

    async def edits(self, text: str) -> None:
        client_id = self._visitor.client_id()
        await self._visitor.frame({"type": "edit", "client_id": client_id, "id": self._last, "text": text})

    async def deletes(self) -> None:
        await self._visitor.frame({"type": "delete", "client_id": self._visitor.client_id(), "id": self._last})

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        client_id, item = self._visitor.client_id(), await self._item(to)
        await self._visitor.frame({"type": "react", "client_id": client_id, "id": item["id"], "emoji": emoji})

    async def _item(self, external_id: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            items = self._visitor.items.values()
            return next((item for item in items if external_id.endswith(f"/{item['id']}")), None)

        return dict(await self._visitor.until(found))


@asynccontextmanager
async def webchat_peer(folder: Path) -> AsyncIterator[WebchatPeer]:
    async with aiohttp.ClientSession() as session:
        core = RecordingRuntime(session=session, folder=folder, account="website")
        bridge = BRIDGE.build(BRIDGE.settings.model_validate({"origins": ["*"]}), core.runtime)
        core.bridge = bridge
        assert isinstance(bridge, ServesRoutes)
        app = web.Application()
        routes = bridge.routes()
        app.add_routes(
            [web.RouteDef(one.method, f"/bridges/website{one.path}", one.handler, one.kwargs) for one in routes]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/bridges/website"
        try:
            async with Tab(url) as visitor:
                yield WebchatPeer(core, visitor, url)
        finally:
            await runner.cleanup()
