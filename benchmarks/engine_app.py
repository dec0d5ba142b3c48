"""The engine as a program of its own: a webhook, the outbox, and a vendor that is called over HTTP."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from sqlalchemy import Connection

from core.contracts.errors import FailureReason, OutcomeUnknown, TemporaryFailure
from core.outbox.jobs import Done, Job, NewJob
from core.outbox.repository import Outbox
from core.outbox.worker import Worker
from core.storage.storage import Overloaded, Storage, StorageUnavailable, metadata


class Caller:
    """Carries out jobs by calling the vendor; without `asks` it cannot know what became of a lost call."""

    def __init__(self, session: aiohttp.ClientSession, port: int, *, asks: bool) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}"
        self._asks = asks

    async def deliver(self, job: Job) -> Done:
        message = {"key": job.key, "lane": job.lane, **job.payload}
        try:
            async with self._session.post(f"{self._url}/send", json=message) as answer:
                await answer.read()
        except aiohttp.ClientConnectorError as error:
            raise TemporaryFailure(str(error)) from error
        except aiohttp.ClientError as error:
            raise OutcomeUnknown(str(error)) from error
        return Done(ref=job.key)

    async def reconcile(self, job: Job) -> Done | None:
        if not self._asks:
            raise OutcomeUnknown("This vendor cannot be asked")
        try:
            async with self._session.get(f"{self._url}/find", params={"key": job.key}) as answer:
                found = (await answer.json())["found"]
        except aiohttp.ClientError as error:
            raise TemporaryFailure(str(error)) from error
        return Done(ref=job.key) if found else None

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        return

    def held(self, connection: Connection, job: Job, sentence: str) -> None:
        return

    def merge(self, jobs: Sequence[Job]) -> int:
        return 1


class App:
    def __init__(self, storage: Storage, outbox: Outbox, worker: Worker) -> None:
        self._storage = storage
        self._outbox = outbox
        self._worker = worker

    async def webhook(self, request: web.Request) -> web.Response:
        """Answers 200 only after the commit; the same event again changes nothing."""
        event = await request.json()
        job = NewJob(
            key=event["key"],
            op="send",
            payload={"n": event["n"], "text": event.get("text", ""), "at": event.get("at", 0)},
            lane=event["lane"],
            scope="account",
        )
        try:
            await self._storage.write(lambda connection: self._outbox.add(connection, job), order=job.lane)
        except (Overloaded, StorageUnavailable):
            return web.Response(status=503, headers={"Retry-After": "1"})
        return web.Response()

    async def bare(self, request: web.Request) -> web.Response:
        """The least that aiohttp can do with the same request."""
        await request.json()
        return web.Response()

    async def cost(self, request: web.Request) -> web.Response:
        """CPU seconds of this process so far and its peak memory in MB."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return web.json_response({"cpu": time.process_time(), "memory": peak})


async def serve(url: str, vendor_port: int, pipe: Pipe, *, create: bool, asks: bool) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Storage(url) as storage, aiohttp.ClientSession() as session:
        if create:
            await storage.write(metadata.create_all)
        outbox = Outbox(storage)
        worker = Worker(storage, outbox, {"send": Caller(session, vendor_port, asks=asks)})
        app = App(storage, outbox, worker)
        routes = [
            web.post("/in", app.webhook),
            web.post("/bare", app.bare),
            web.get("/cost", app.cost),
        ]
        server = web.Application()
        server.add_routes(routes)
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        working = asyncio.create_task(worker.run(stop))
        pipe.send(runner.addresses[0][1])
        await working
        await runner.cleanup()


def main(url: str, vendor_port: int, pipe: Pipe, options: dict[str, Any]) -> None:
    """The process: answers with its port once it works, and ends at SIGTERM."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=structlog.PrintLoggerFactory(_stderr())
    )
    asyncio.run(serve(url, vendor_port, pipe, **options))


def _stderr() -> Any:
    return os.fdopen(os.dup(2), "w", buffering=1)
