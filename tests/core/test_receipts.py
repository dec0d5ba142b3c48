"""How far our messages came: only ever forward, whatever order the vendor tells it in."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from core.contracts.errors import FailureReason
from core.contracts.workplace import Sign
from core.conversations.failures import STEPS
from core.conversations.models import messages
from tests.core.office import Office, buttons, notices, open_office, until, words

ORDERS = [order for count in (1, 2, 3, 4) for order in permutations(("sent", "delivered", "read", "failed"), count)]


def furthest(order: tuple[str, ...]) -> str:
    """What is true in the end: it failed unless the customer has it."""
    for status in ("read", "delivered", "failed"):
        if status in order:
            return status
    return "sent"


async def states(office: Office) -> dict[str, str]:
    return {row.external_id: row.status for row in await office.rows(messages) if row.direction == "out"}


async def test_every_order_ends_at_the_same_place(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        office.channel.receipts = False
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        for number in range(len(ORDERS)):
            await office.tool.says(office.bea, thread.ref, f"Number {number}")
        await office.channel.until(lambda: len(office.channel.messages) == len(ORDERS), 60)
        await office.quiet()
        for shown, order in zip(office.channel.messages, ORDERS, strict=True):
            for status in order:
                await office.channel.reports(shown.id, status)
        await office.handed_over()
        found = await states(office)
        ended = {order: found[shown.id] for shown, order in zip(office.channel.messages, ORDERS, strict=True)}
        assert ended == {order: furthest(order) for order in ORDERS}


async def test_what_failed_and_arrived_after_all_is_said(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        office.channel.receipts = False
        thread = await office.opened(office.channel.customer("Jane"))
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.quiet()
        await office.channel.reports(office.channel.messages[0].id, "failed", "Lost.")
        [value] = await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.channel.reports(office.channel.messages[0].id, "sent")
        await office.channel.reports(office.channel.messages[0].id, "delivered")
        await until(lambda: [one for one in notices(thread) if "after all" in words(one)], "the good news")
        await until(lambda: office.tool.find(post).sign is Sign.DELIVERED, "the mark")
        await office.tool.presses(office.bea, thread.ref, "retry", value)
        await office.quiet()
        assert len(office.channel.messages) == 1


async def test_a_status_before_its_message_is_kept_for_it(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        office.channel.receipts = False
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        # The fake counts on, so this is the name that the next message of ours will have.
        number = int((await office.channel.writes(jane, "One more")).rpartition("-")[2])
        expected = f"{jane.id}/out-{number + 3}"
        await office.channel.reports(expected, "read")
        await office.quiet()
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        assert office.channel.messages[0].id == expected
        await until(lambda: office.tool.find(post).sign is Sign.DELIVERED, "the mark")
        assert list((await states(office)).values()) == ["read"]


def test_every_reason_has_a_next_step() -> None:
    assert set(STEPS) == set(FailureReason) - {FailureReason.UNKNOWN_OUTCOME}
    assert all(step.endswith(".") and len(step) > 20 for step in STEPS.values())
