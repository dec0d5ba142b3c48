"""The worker: claims lanes that are due, sends their jobs in order, and stops without losing any."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Literal

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from core.outbox import housekeeping
from core.outbox.finisher import Finisher
from core.outbox.jobs import Handler
from core.outbox.leases import Leases
from core.outbox.metrics import OutboxMetrics
from core.outbox.outcomes import Claimed, Lost
from core.outbox.repository import Outbox
from core.outbox.retry import judge
from core.outbox.sender import LeaseLost, Sender
from core.outbox.wakeup import Listener, Mourner, file_lock
from core.storage.errors import StorageError
from core.storage.storage import Storage

logger = structlog.get_logger()

#: Jobs of one lane before it goes to the back of the queue, so that a long backlog does not keep a place for itself.
TURN = 50
#: With `wakeup="poll"`: pause while there is work; it doubles up to `poll` when there is none.
BUSY_POLL = 0.05
#: Pause after the database could not be used.
RECOVER = 0.25
#: Seconds between two looks for rows that nobody needs any more.
PRUNE_EVERY = 300.0


class Worker:
    """Carries out the outbox of one process. With SQLite there is one; with PostgreSQL every replica has its own."""

    def __init__(
        self,
        storage: Storage,
        outbox: Outbox,
        handlers: Mapping[str, Handler],
        *,
        lanes: int = 64,
        lease: float = 15.0,
        send_timeout: float = 10.0,
        stop_timeout: float = 10.0,
        poll: float = 1.0,
        #: "poll" behind a transaction pooler, where LISTEN does not work.
        wakeup: Literal["listen", "poll"] = "listen",
        keep: timedelta = housekeeping.KEEP,
        housekeeping_every: float = 10.0,
        chance: random.Random | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        if send_timeout >= lease:
            raise ValueError(f"send_timeout ({send_timeout} s) must be shorter than the lease ({lease} s)")
        if keep < timedelta(days=8):
            raise ValueError(f"keep is {keep}: vendors redeliver for 7 days, so keys are kept for at least 8")
        self._storage = storage
        self._outbox = outbox
        self._lanes = lanes
        self._stop_timeout = stop_timeout
        self._poll = poll
        self._pause = poll
        self._listening = storage.shared and wakeup == "listen"
        self._polling = storage.shared and wakeup == "poll"
        self._keep = keep
        self._housekeeping_every = housekeeping_every
        chance = chance or random.Random()
        self._chance = chance
        self._handlers = handlers
        #: Its number in leases and advisory locks; negative without a lock, when only the lease tells whether it lives.
        self.owner = random.SystemRandom().randrange(1, 2**31) * (-1 if self._polling else 1)
        self.metrics = OutboxMetrics(registry or CollectorRegistry())
        self._leases = Leases(storage, outbox, owner=self.owner, lease=timedelta(seconds=lease))
        self._finisher = Finisher(storage, self._leases, chance, patience=lease)
        self._sender = Sender(
            storage,
            self._leases,
            handlers,
            chance,
            self.metrics,
            send_timeout=send_timeout,
            lease=lease,
        )
        #: By lane and lease token.
        self._busy: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._abandoned: set[int] = set()
        self._clock = (datetime.min.replace(tzinfo=UTC), 0.0)
        self._stop: asyncio.Event | None = None
        self._ending = False
        self._running = False
        self._uncertain = False
        self._next_due: datetime | None = None
        self._listener: Listener | None = None

    @property
    def healthy(self) -> bool:
        """Whether work is being carried out: running, and the database writable."""
        return self._running and self._storage.healthy

    @property
    def busy(self) -> int:
        """Lanes in hand."""
        return len(self._busy)

    @property
    def _winding_up(self) -> bool:
        return self._ending or (self._stop is not None and self._stop.is_set())

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then the current sends end and all lanes are given back.

        Raises: AlreadyRunning.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(file_lock(self._storage.url))
            if not self._storage.shared:
                await self._storage.write(self._leases.start_over)
            self._stop, self._ending = stop, False
            try:
                await self._supervise(stop)
            finally:
                self._running = False

    async def _supervise(self, stop: asyncio.Event) -> None:
        finishing = asyncio.create_task(self._finisher.run(), name="outbox-finish")
        services: list[asyncio.Task[Any]] = [
            finishing,
            asyncio.create_task(self._dispatch(), name="outbox-dispatch"),
            asyncio.create_task(self._keep_house(), name="outbox-house"),
        ]
        if self._listening:
            self._listener = Listener(
                self._storage.url,
                self.owner,
                heard=self._outbox.changed.set,
                connected=self._connected,
                orphaned=self._abandon,
            )
            services.append(asyncio.create_task(self._listener.run(), name="outbox-listen"))
        waiting: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        self._running = True
        try:
            done, _ = await asyncio.wait([waiting, *services], return_when=asyncio.FIRST_COMPLETED)
            self._ending = True
            for task in services[1:3]:
                task.cancel()
            await asyncio.gather(*services[1:3], return_exceptions=True)
            await self._wind_up(finishing)
            for task in done - {waiting}:
                task.result()  # A service that ended by itself failed.
        finally:
            self._running = False
            for task in [waiting, *services]:
                task.cancel()
            await asyncio.gather(waiting, *services, return_exceptions=True)

    async def _wind_up(self, finishing: asyncio.Task[None]) -> None:
        """Lets the current sends end; what takes too long keeps its lease and is in doubt afterwards."""
        if self._busy:
            _, late = await asyncio.wait(self._busy.values(), timeout=self._stop_timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._finisher.close()
        await finishing
        try:
            await self._recover()
        except StorageError as error:
            logger.warning("Lanes were not given back", action="release_failed", error=str(error))

    def _abandon(self) -> None:
        """Others may take us for dead: what is being sent now is theirs to ask about."""
        if self._busy:
            logger.warning("Lanes are given up: the database cannot be reached", action="lanes_abandoned")
        for task in self._busy.values():
            task.cancel()

    async def _connected(self) -> None:
        self._uncertain = True
        self._outbox.changed.set()

    async def _dispatch(self) -> None:
        changed = self._outbox.changed
        while True:
            changed.clear()
            seen = 0
            free = self._lanes - len(self._busy)
            if free > 0 and (self._listener is None or self._listener.up):
                seen = await self._claim(free)
            if seen:
                self._pause = BUSY_POLL if self._polling else self._poll
            elif self._polling:
                self._pause = min(self._pause * 2, self._poll)
            if seen >= free > 0:
                continue  # There may be more that is due already.
            timeout = self._pause
            if self._next_due is not None:
                timeout = min(timeout, self._seconds_until(self._next_due))
            try:
                async with asyncio.timeout(timeout):
                    await changed.wait()
            except TimeoutError:
                pass

    def _seconds_until(self, moment: datetime) -> float:
        """By the database's clock, as it was at the last claim."""
        now, read_at = self._clock
        return max(0.0, (moment - now).total_seconds() - (asyncio.get_running_loop().time() - read_at))

    async def _claim(self, free: int) -> int:
        busy = frozenset(lane_id for lane_id, _ in self._busy)
        try:
            if self._uncertain:
                await self._recover()
            claimed, seen, self._next_due, now = await self._storage.write(
                lambda connection: (*self._leases.claim(connection, free, busy), self._storage.now(connection)),
                own=True,
            )
        except StorageError:
            # What was claimed, if anything, is not known; nothing of it was sent.
            self._uncertain = True
            self._next_due = None
            await asyncio.sleep(RECOVER)
            return 0
        loop = asyncio.get_running_loop()
        self._clock = (now, loop.time())
        self.metrics.waits.inc(seen - len(claimed))
        for one in claimed:
            if one.due_at is not None:
                self.metrics.wake_up.observe(max(0.0, (now - one.due_at).total_seconds()))
            key = (one.lane_id, one.lease_token)
            task = loop.create_task(self._work(one), name="outbox-lane")
            self._busy[key] = task
            task.add_done_callback(partial(self._ended, key))
        return seen

    async def _recover(self) -> None:
        """Makes the table agree with what is in our hands, after answers or tasks were lost."""
        busy = frozenset(lane_id for lane_id, _ in self._busy)
        abandoned = frozenset(self._abandoned)

        def work(connection: Connection) -> None:
            self._leases.doubt(connection, abandoned)
            self._leases.release_strays(connection, busy | abandoned)

        await self._storage.write(work, own=True)
        self._abandoned -= abandoned
        self._uncertain = False

    async def _work(self, claimed: Claimed) -> None:
        """One lane, until it is empty, has to wait, or is no longer ours."""
        loop = asyncio.get_running_loop()
        for turn in count(1):
            claimed = replace(claimed, since=loop.time())
            try:
                outcome = await self._sender.attempt(claimed)
            except LeaseLost:
                self.metrics.lost.inc()
                return
            except StorageError as error:
                outcome = judge(error, claimed, self._chance, handler=self._handlers.get(claimed.job.op))
            outcome = replace(outcome, keep=turn < TURN and not self._winding_up)
            follows = await self._finisher.finish(outcome)
            if isinstance(follows, Claimed):
                claimed = follows
                continue
            if isinstance(follows, Lost):
                self.metrics.lost.inc()
                self._give_up(claimed.lane_id)
            elif follows.due_at is not None:
                # A release wakes: what arrived while the lane was busy has no notification of its own left.
                seconds = self._seconds_until(follows.due_at)
                if seconds <= self._poll:
                    loop.call_later(seconds, self._outbox.changed.set)
            return

    def _give_up(self, lane_id: int) -> None:
        """Nobody knows any more what became of its job: whoever has the lane next must ask."""
        self._abandoned.add(lane_id)
        self._uncertain = True

    def _ended(self, key: tuple[int, int], task: asyncio.Task[None]) -> None:
        full = len(self._busy) >= self._lanes
        del self._busy[key]
        if task.cancelled():
            self._give_up(key[0])
        elif (error := task.exception()) is not None:
            logger.error("A lane's task failed", action="lane_failed", exc_info=error)
            self._give_up(key[0])
        if full or self._uncertain:
            self._outbox.changed.set()

    async def _keep_house(self) -> None:
        """Figures and pruning now and then; and, with replicas, a look after the others."""
        mourner = Mourner()
        loop = asyncio.get_running_loop()
        next_round = next_pruning = loop.time()
        while True:
            try:
                if self._listening:
                    await self._mourn(mourner, loop.time())
                if loop.time() >= next_round:
                    next_round = loop.time() + self._housekeeping_every
                    self.metrics.show(await self._storage.read(self._outbox.stats))
                if loop.time() >= next_pruning:
                    next_pruning = loop.time() + PRUNE_EVERY
                    await self._prune()
            except StorageError as error:
                logger.warning("Housekeeping has to wait", action="housekeeping_failed", error=str(error))
            await asyncio.sleep(self._poll if self._listening else self._housekeeping_every)

    async def _prune(self) -> None:
        for _ in range(20):
            found = await self._storage.read(
                lambda connection: housekeeping.find(connection, self._storage.now(connection), self._keep)
            )
            if not found:
                return
            await self._storage.write(partial(self._remove, found))

    def _remove(self, found: housekeeping.Leavings, connection: Connection) -> int:
        return housekeeping.remove(connection, found, self._storage.now(connection), self._keep)

    async def _mourn(self, mourner: Mourner, now: float) -> None:
        def work(connection: Connection) -> int:
            owners = self._leases.owners(connection)
            return sum(self._leases.free(connection, owner) for owner in mourner.dead(connection, owners, now))

        freed = await self._storage.write(work, own=True)
        if freed:
            logger.warning("Took over the lanes of a dead worker", action="lanes_taken_over", lanes=freed)
            self._outbox.changed.set()
