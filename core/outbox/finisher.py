"""Hands outcomes to the database in batches: what ends while one batch is committed makes the next."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import structlog

from core.outbox.leases import Leases
from core.outbox.outcomes import Continuation, Lost, Outcome, Result
from core.outbox.retry import fault
from core.storage.errors import StorageError
from core.storage.storage import Storage

logger = structlog.get_logger()

#: Pause before a batch is given to a database that could not take it.
AGAIN = 0.25


class Finisher:
    """Its task must live as long as the worker: the lanes wait for it."""

    def __init__(self, storage: Storage, leases: Leases, chance: random.Random, *, patience: float) -> None:
        self._storage = storage
        self._leases = leases
        self._chance = chance
        #: Seconds after which an outcome that cannot be written is left to the next owner of the lane.
        self._patience = patience
        self._waiting: list[tuple[Outcome, asyncio.Future[Continuation]]] = []
        self._wake = asyncio.Event()
        self._closing = False

    async def finish(self, outcome: Outcome) -> Continuation:
        future: asyncio.Future[Continuation] = asyncio.get_running_loop().create_future()
        self._waiting.append((outcome, future))
        self._wake.set()
        return await future

    def close(self) -> None:
        """Ends `run` once everything that waits is written."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        batch: list[tuple[Outcome, asyncio.Future[Continuation]]] = []
        try:
            while True:
                while not self._waiting:
                    if self._closing:
                        return
                    self._wake.clear()
                    await self._wake.wait()
                batch, self._waiting = self._waiting, []
                # Whoever no longer waits for the answer would not send the next job either.
                outcomes = [replace(outcome, keep=False) if future.done() else outcome for outcome, future in batch]
                results = await self._write(outcomes)
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)
                batch = []
        finally:
            for _, future in [*batch, *self._waiting]:
                if not future.done():
                    future.set_result(Lost())

    async def _write(self, outcomes: Sequence[Outcome]) -> list[Continuation]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while True:
            try:
                return await self._storage.write(lambda connection: self._leases.finish(connection, outcomes), own=True)
            except StorageError as error:
                if loop.time() > deadline:
                    logger.error(
                        "Outcomes were not written", action="finish_lost", count=len(outcomes), error=str(error)
                    )
                    return [Lost() for _ in outcomes]
                await asyncio.sleep(AGAIN)
            except Exception as error:
                if len(outcomes) == 1:
                    return [await self._rescue(outcomes[0], error)]
                # One handler's work raised; its neighbours must not suffer.
                return [one for outcome in outcomes for one in await self._write([outcome])]

    async def _rescue(self, outcome: Outcome, error: Exception) -> Continuation:
        """What a handler wanted to write with the outcome cannot be written: a fault of ours."""
        if outcome.result is Result.SENT:
            # It did arrive, but what should follow is missing: asked about and tried again, never simply repeated.
            substitute = fault(error, outcome.claimed, self._chance, in_doubt=True, handler=outcome.handler)
            return (await self._write([substitute]))[0]
        if outcome.handler is None:
            raise error
        logger.error(
            "A person could not be told about a failed job",
            action="telling_failed",
            job=outcome.claimed.job.key,
            exc_info=(type(error), error, error.__traceback__),
        )
        silent = replace(outcome, handler=None)
        return (await self._write([silent]))[0]
