"""One try at one job: ask first if it may have been sent, then send, within the time of the lease."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import replace

import structlog

from core.contracts.errors import FailureReason, TemporaryFailure
from core.outbox.jobs import Done, Handler
from core.outbox.leases import Leases
from core.outbox.metrics import OutboxMetrics
from core.outbox.outcomes import Claimed, Outcome, Result
from core.outbox.retry import judge
from core.storage.storage import Storage

logger = structlog.get_logger()


class LeaseLost(Exception):
    """The lane belongs to somebody else by now."""


class Sender:
    def __init__(
        self,
        storage: Storage,
        leases: Leases,
        handlers: Mapping[str, Handler],
        chance: random.Random,
        metrics: OutboxMetrics,
        *,
        send_timeout: float,
        lease: float,
    ) -> None:
        self._storage = storage
        self._leases = leases
        self._handlers = handlers
        self._chance = chance
        self._metrics = metrics
        self._send_timeout = send_timeout
        #: A lease older than this might not outlive the send.
        self._stale = (lease - send_timeout) / 2

    async def attempt(self, claimed: Claimed) -> Outcome:
        """Never raises but LeaseLost and the store's own errors before anything was sent."""
        started = time.perf_counter()
        outcome = await self._attempt(claimed)
        seconds = time.perf_counter() - started
        self._metrics.sends.labels(claimed.job.op, outcome.result.value).observe(seconds)
        return outcome

    async def _attempt(self, claimed: Claimed) -> Outcome:
        handler = self._handlers.get(claimed.job.op)
        if claimed.proof is not None:
            return Outcome(claimed=claimed, result=Result.SENT, ref=claimed.proof)
        if handler is None:
            # A newer version on another replica may know it.
            reason = TemporaryFailure(f"Nothing here can carry out '{claimed.job.op}'")
            return judge(reason, claimed, self._chance, handler=None)
        if claimed.job.in_doubt:
            known = await self._reconcile(claimed, handler)
            if known is not None:
                return known
            claimed = replace(claimed, since=0.0)
        if claimed.expired:
            sentence = "It became too old to be sent"
            return Outcome(
                claimed=claimed, handler=handler, result=Result.DEAD, reason=FailureReason.EXPIRED, sentence=sentence
            )
        claimed = await self._merge(claimed, handler)
        await self._freshen(claimed)
        try:
            async with asyncio.timeout(self._send_timeout):
                done = await handler.deliver(claimed.job)
        except Exception as error:
            return judge(error, claimed, self._chance, handler=handler)
        return _sent(claimed, handler, done)

    async def _reconcile(self, claimed: Claimed, handler: Handler) -> Outcome | None:
        try:
            async with asyncio.timeout(self._send_timeout):
                done = await handler.reconcile(claimed.job)
        except Exception as error:
            if isinstance(error, TimeoutError):
                # The question had no answer; that says nothing about the job.
                error = TemporaryFailure("The vendor did not answer in time whether it arrived")
            return judge(error, claimed, self._chance, handler=handler, asking=True)
        return None if done is None else _sent(claimed, handler, done)

    async def _merge(self, claimed: Claimed, handler: Handler) -> Claimed:
        if not claimed.followers:
            return claimed
        try:
            count = handler.merge([claimed.job, *claimed.followers])
        except Exception:
            logger.exception("Jobs could not be merged", action="merge_failed", lane=claimed.job.lane)
            return claimed
        if count <= 1:
            return claimed
        bundled = await self._storage.write(
            lambda connection: self._leases.bundle(connection, claimed, count), own=True
        )
        if bundled is None:
            raise LeaseLost
        self._metrics.merged.inc(len(bundled.job.merged))
        return replace(bundled, since=asyncio.get_running_loop().time())

    async def _freshen(self, claimed: Claimed) -> None:
        """A lease must outlive the send, or two might send."""
        if asyncio.get_running_loop().time() - claimed.since < self._stale:
            return
        if not await self._storage.write(lambda connection: self._leases.renew(connection, claimed), own=True):
            raise LeaseLost


def _sent(claimed: Claimed, handler: Handler, done: Done) -> Outcome:
    return Outcome(claimed=claimed, handler=handler, result=Result.SENT, ref=done.ref, work=done.work)
