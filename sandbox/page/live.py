"""One stream of everything that happens in the sandboxes, for every open page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from aiohttp import web

from sandbox.graph import GraphSandbox
from sandbox.line import LineSandbox
from sandbox.mail import MailSandbox
from sandbox.page.phones import Phones
from sandbox.slack import SlackSandbox
from sandbox.teams import TeamsSandbox
from sandbox.telegram import TelegramSandbox
from sandbox.telegram.watching import Watches
from sandbox.twilio import TwilioSandbox

Json = dict[str, Any]
#: Seconds between signs of life, by which a page that went away is noticed.
HEARTBEAT = 15.0
MOST_PAGES = 40
#: Changes written at once.
MOST_TOGETHER = 200


class Live:
    """Follows the sandboxes for each page that is open."""

    def __init__(
        self,
        slack: SlackSandbox,
        telegram: TelegramSandbox,
        mail: MailSandbox,
        teams: TeamsSandbox | None,
        describe: Callable[[], Json],
        phones: Phones,
        *,
        graph: GraphSandbox | None = None,
        twilio: TwilioSandbox | None = None,
        line: LineSandbox | None = None,
    ) -> None:
        self._slack, self._telegram, self._mail, self._teams = slack, telegram, mail, teams
        self._phones = phones
        # What stands behind the other phones, and which.
        behind: tuple[tuple[GraphSandbox | TwilioSandbox | LineSandbox | None, tuple[str, ...]], ...] = (
            (graph, ("whatsapp", "messenger", "instagram")),
            (twilio, ("sms",)),
            (line, ("line",)),
        )
        self._behind = [(vendor, channels) for vendor, channels in behind if vendor is not None]
        self._describe = describe
        self._own = Watches()
        self._streams: set[asyncio.Queue[Json | None]] = set()

    def tell(self, change: Json) -> None:
        """Passes on what happened to the page itself."""
        self._own.tell(change)

    def close(self) -> None:
        """Ends every stream."""
        for stream in self._streams:
            while stream.full():
                stream.get_nowait()
            stream.put_nowait(None)
        self._own.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the whole picture first, then each change."""
        if len(self._streams) >= MOST_PAGES:
            return web.Response(status=503, text="Too many pages are open")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        # Small, so that a page that does not read leaves its changes in the sandboxes' own bounded queues.
        changes: asyncio.Queue[Json | None] = asyncio.Queue(MOST_TOGETHER)
        telegram, mail, own = self._telegram.watch(), self._mail.watch(), self._own.open()
        watched: dict[str, AsyncIterator[Json]] = {
            "slack": self._slack.watch(),
            **({"teams": self._teams.watch()} if self._teams else {}),
            "mail": mail,
            "page": own,
        }
        tasks = [asyncio.create_task(_pump(source, watch, changes)) for source, watch in watched.items()]
        tasks.append(asyncio.create_task(self._phones.pump(telegram, changes, "telegram")))
        for vendor, channels in self._behind:
            watch = vendor.whatsapp.watch() if isinstance(vendor, GraphSandbox) else vendor.watch()
            tasks.append(asyncio.create_task(self._phones.pump(cast(AsyncIterator[Json], watch), changes, *channels)))
        self._streams.add(changes)
        try:
            await response.write(b"retry: 1000\n\n" + _event([self._picture()]))
            await self._follow(response, changes)
        except ConnectionError:
            pass  # The page was closed.
        finally:
            self._streams.discard(changes)
            for watch in (telegram, mail, own):
                watch.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return response

    async def _follow(self, response: web.StreamResponse, changes: asyncio.Queue[Json | None]) -> None:
        while True:
            try:
                first = await asyncio.wait_for(changes.get(), HEARTBEAT)
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            together = [first]
            while not changes.empty() and len(together) < MOST_TOGETHER:
                together.append(changes.get_nowait())
            ready = [change for change in together if change is not None]
            if any(change.get("type") == "resync" for change in ready):
                ready = [self._picture()]
            if ready:
                await response.write(_event(ready))
            if None in together:
                return

    def _picture(self) -> Json:
        return {
            "source": "page",
            "type": "picture",
            "slack": self._slack.snapshot(),
            "teams": self._teams.snapshot() if self._teams else None,
            "phones": self._phones.snapshot(),
            "mail": self._mail.snapshot(),
            "page": self._describe(),
        }


async def _pump(source: str, watch: AsyncIterator[Json], changes: asyncio.Queue[Json | None]) -> None:
    async for change in watch:
        await changes.put({"source": source, **change})


def _event(changes: list[Json]) -> bytes:
    # JSON has no bare line breaks, which would end the event.
    return b"data: " + json.dumps(changes, separators=(",", ":")).encode() + b"\n\n"
