"""Quarantine: an event that failed is kept whole, counted, tried again when asked, and settled by a person."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.quarantine.models import QuarantineState
from core.quarantine.repository import Quarantine
from core.storage.storage import Storage, metadata


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    async with Storage(f"sqlite:///{tmp_path}/test.db") as storage:
        await storage.write(lambda connection: metadata.create_all(connection))
        yield storage


def failure(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


async def test_an_event_is_kept_whole_with_its_reason(storage: Storage) -> None:
    quarantine = Quarantine(storage)

    number = await storage.write(lambda c: quarantine.add(c, "bridge:shop", "e1", b"\x00raw\xff", failure("no date")))
    item = await storage.read(lambda c: quarantine.get(c, number))

    assert item is not None
    assert (item.source, item.event_id, item.raw, item.whole) == ("bridge:shop", "e1", b"\x00raw\xff", True)
    assert item.reason == "ValueError: no date"
    assert "test_quarantine.py" in item.traceback
    assert (item.count, item.state) == (1, QuarantineState.OPEN)
    assert await storage.read(lambda c: quarantine.get(c, number + 1)) is None


async def test_the_same_event_again_is_counted(storage: Storage) -> None:
    quarantine = Quarantine(storage)
    first = await storage.write(lambda c: quarantine.add(c, "bridge:shop", "", b"raw", "first"))
    await storage.write(lambda c: quarantine.close(c, first, QuarantineState.DONE))

    again = await storage.write(lambda c: quarantine.add(c, "bridge:shop", "", b"raw", "second"))
    other = await storage.write(lambda c: quarantine.add(c, "bridge:shop", "", b"raw 2", "second"))

    assert again == first != other
    [newer, older] = await storage.read(quarantine.list)
    assert (older.id, older.count, older.reason, older.state, older.raw) == (first, 2, "second", "open", b"")
    assert newer.id == other
    assert await storage.read(quarantine.count) == 2


async def test_another_try_is_asked_for_and_told(storage: Storage) -> None:
    quarantine = Quarantine(storage)
    number = await storage.write(lambda c: quarantine.add(c, "bridge:shop", "e1", b"raw", "first"))

    assert await storage.write(lambda c: quarantine.ask(c, number))
    assert not await storage.write(lambda c: quarantine.ask(c, number + 1))
    assert await storage.read(quarantine.asked) == [number]
    await storage.write(lambda c: quarantine.failed(c, number, failure("still")))
    [item] = await storage.read(quarantine.list)
    assert (item.count, item.reason, item.state) == (2, "ValueError: still", QuarantineState.OPEN)
    assert await storage.read(quarantine.asked) == []

    assert await storage.write(lambda c: quarantine.close(c, number, QuarantineState.DROPPED))
    assert not await storage.write(lambda c: quarantine.close(c, number, QuarantineState.DROPPED))
    assert await storage.read(quarantine.count) == 0


async def test_a_body_beyond_the_bound_keeps_its_beginning_and_is_not_tried_again(storage: Storage) -> None:
    quarantine = Quarantine(storage, max_raw=100_000)
    number = await storage.write(lambda c: quarantine.add(c, "bridge:mail", "", b"x" * 200_000, "y" * 5000))

    item = await storage.read(lambda c: quarantine.get(c, number))

    assert item is not None
    assert (item.size, len(item.raw), item.whole, len(item.reason)) == (200_000, 65_536, False, 1000)
    assert not await storage.write(lambda c: quarantine.ask(c, number))


async def test_settled_events_end_after_a_while(storage: Storage) -> None:
    quarantine = Quarantine(storage)
    done = await storage.write(lambda c: quarantine.add(c, "bridge:shop", "", b"1", "x"))
    await storage.write(lambda c: quarantine.add(c, "bridge:shop", "", b"2", "x"))
    await storage.write(lambda c: quarantine.close(c, done, QuarantineState.DONE))
    later = datetime.now(UTC) + timedelta(days=1)

    assert await storage.write(lambda c: quarantine.prune(c, later)) == 1
    assert await storage.read(lambda c: quarantine.get(c, done)) is None
    assert await storage.read(quarantine.count) == 1
