"""Agents say who is one customer and take it back: what goes on, what opens again, and what nobody gets to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.contacts.models import contacts
from core.conversations import events
from core.conversations.messages import messages
from core.conversations.models import conversations
from core.testing.fakes import FakeCustomer, FakeThread
from tests.core.identities import (
    Channels,
    button,
    buttons_of,
    card,
    evidence,
    identity_office,
    open_numbers,
    persons,
    said_by_us,
)
from tests.core.office import Office, said, until


async def _contact_of(office: Office, number: int) -> str:
    [row] = [row for row in await office.rows(conversations) if row.number == number]
    return str(row.contact_id)


async def _two(office: Office, channels: Channels) -> tuple[FakeCustomer, FakeThread, FakeCustomer, FakeThread]:
    """Jane on the wire, #1001, and J by text, #1002."""
    jane, j = channels.wire.customer("Jane"), channels.phone(name="J", suggests=[])
    first = await office.opened(jane, "From the wire")
    await channels.texts.writes(j, "By text")
    await until(lambda: len(office.tool.threads) == 2, "the second thread")
    await office.quiet()
    return jane, first, j, office.tool.threads[1]


async def _merged(office: Office, thread: FakeThread, **fields: str) -> None:
    await office.tool.presses(office.bea, thread.ref, "merge", fields=list(fields.items()))
    await office.quiet()


async def test_an_agent_merges_with_a_reason(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane, first, j, second = await _two(office, channels)
        assert "Merge" in buttons_of(first)
        await office.tool.asks(office.bea, first.ref, "merge")
        await until(lambda: office.tool.forms, "the form")
        form = office.tool.forms[-1]
        assert form is not None
        assert [option.label for option in form.fields[0].options] == ["J (Texts) · #1002"]
        before = {row.id: (row.conversation_id, row.address_id) for row in await office.rows(messages)}
        await _merged(office, first, contact=form.fields[0].options[0].value, reason="She rang us")
        assert await evidence(office) == [("agent", "active")]
        assert await persons(office) == 1
        assert "Jane (Wire) and J (Texts) are one customer: Bea says so: “She rang us”" in said_by_us(first)
        # The conversation where it was said goes on; the other ends, and each leads to the other.
        assert await open_numbers(office) == [1001]
        assert "goes on in #1001" in said_by_us(second)
        assert "#1002 is closed" in said_by_us(first)
        await until(lambda: "Goes on in another conversation" in card(second), "the card of the one that ended")
        await until(lambda: "#1002 by Texts" in card(first), "one list of what was said")
        assert "#1001" in card(second)
        after = {row.id: (row.conversation_id, row.address_id) for row in await office.rows(messages)}
        assert after == before, "nothing that was said moves"
        await channels.texts.writes(j, "Still me")
        await until(lambda: "Still me" in said(first), "the conversation that goes on")
        await office.tool.says(office.bea, first.ref, "By text, then")
        await channels.texts.until(lambda: bool(channels.texts.shown(j)))
        assert channels.wire.shown(jane) == []
        kinds = [row.kind for row in await office.rows(events.events) if row.kind in ("linked", "joined")]
        assert sorted(kinds) == ["joined", "linked"]


async def test_neither_reads_what_the_other_wrote(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane, first, j, _ = await _two(office, channels)

        async def reads(account: str, who: FakeCustomer) -> int:
            bridge: Any = office.app.bridges[account]
            return len(await bridge._runtime.transcript(who.id, 0, 100))

        assert (await reads("line", jane), await reads("texts", j)) == (1, 1)
        await _merged(office, first, number="#1002", reason="She said so")
        await office.tool.says(office.bea, first.ref, "To whom she was last")
        await channels.texts.until(lambda: bool(channels.texts.shown(j)))
        await office.quiet()
        assert (await reads("line", jane), await reads("texts", j)) == (1, 2)


async def test_undone_everything_is_as_it_was(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane, first, j, second = await _two(office, channels)
        await _merged(office, first, number="1002", reason="She said so")
        await office.tool.presses(office.omar, second.ref, "split", button(first, "Undo"))
        await until(lambda: "Omar took back" in said_by_us(first), "the notice")
        await until(lambda: "Omar took back" in said_by_us(second), "the notice in the other thread")
        await office.quiet()
        assert await evidence(office) == [("agent", "ended")]
        assert await persons(office) == 2
        assert await open_numbers(office) == [1001, 1002]
        await until(lambda: "Goes on in" not in card(second), "the card of the one that is open again")
        await until(lambda: "#1002" not in card(first), "the card of the other")
        await channels.texts.writes(j, "My own thread")
        await until(lambda: "My own thread" in said(second), "her own thread")
        await office.tool.says(office.bea, first.ref, "Only for the wire")
        await office.tool.says(office.bea, second.ref, "Only by text")
        await channels.wire.until(lambda: bool(channels.wire.shown(jane)))
        await channels.texts.until(lambda: bool(channels.texts.shown(j)))
        assert [one.text for one in channels.wire.shown(jane)] == ["Only for the wire"]
        assert [one.text for one in channels.texts.shown(j)] == ["Only by text"]


async def test_a_reply_that_waits_does_not_reach_whom_it_turned_out_not_to_be(
    database_url: str, tmp_path: Path
) -> None:
    async with identity_office(tmp_path, database_url, hold=3.0) as (office, channels):
        _, first, j, _ = await _two(office, channels)
        await office.tool.presses(office.bea, first.ref, "merge", fields=[("number", "1002"), ("reason", "A guess")])
        await until(lambda: "A guess" in said_by_us(first), "the merge")
        await office.tool.says(office.bea, first.ref, "Your password is kettle")
        await until(lambda: any(post.sign is not None or post.agent for post in first.posts), "the reply, held")
        await office.handed_over()
        await office.tool.presses(office.bea, first.ref, "split", button(first, "Undo"))
        await until(lambda: "turned out to be another customer" in said_by_us(first), "why it was not sent")
        assert channels.texts.shown(j) == []
        assert channels.wire.messages == []


async def test_of_three_only_the_one_leaves(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        _, first, _, _ = await _two(office, channels)
        mail = channels.mail()
        await channels.letters.writes(mail, "By mail")
        await until(lambda: len(office.tool.threads) == 3, "the third thread")
        await office.quiet()
        await _merged(office, first, number="1002", reason="One")
        undo = button(first, "Undo")
        await _merged(office, first, number="1003", reason="Two")
        assert await persons(office) == 1
        await office.tool.presses(office.bea, first.ref, "split", undo)
        await until(lambda: "took back" in said_by_us(first), "the notice")
        await office.quiet()
        assert await persons(office) == 2
        assert await open_numbers(office) == [1001, 1002]
        rows = {row.name: row.person_id or row.id for row in await office.rows(contacts) if row.name != "Jane"}
        janes = {row.person_id or row.id for row in await office.rows(contacts) if row.name == "Jane"}
        assert len(janes) == 1
        assert rows["J"] not in janes


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"reason": "Because"}, "choose who she is"),
        ({"number": "9999", "reason": "Because"}, "choose who she is"),
        ({"number": "#1002x", "reason": "Because"}, "choose who she is"),
        ({"contact": "no-id", "reason": "Because"}, "choose who she is"),
        ({"number": "1002"}, "say how you know"),
        ({"number": "1001", "reason": "She is she"}, "one customer already"),
    ],
)
async def test_what_cannot_be_merged_is_said(
    database_url: str, tmp_path: Path, fields: dict[str, str], told: str
) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        _, first, _, _ = await _two(office, channels)
        await _merged(office, first, **fields)
        await until(lambda: told in "\n".join(office.whispered()), "the refusal")
        assert await evidence(office) == []


async def test_the_same_click_twice_merges_once(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        _, first, _, second = await _two(office, channels)
        fields = [("number", "1002"), ("reason", "Twice")]
        await office.tool.presses(office.bea, first.ref, "merge", fields=fields, key="click")
        await office.tool.presses(office.bea, first.ref, "merge", fields=fields, key="click")
        # At the same time somebody else does, from the other side.
        await office.tool.presses(office.omar, second.ref, "merge", fields=[("number", "1001"), ("reason", "Me too")])
        await until(lambda: "one customer already" in "\n".join(office.whispered()), "the one who was late")
        await office.quiet()
        assert await evidence(office) == [("agent", "active")]
        assert said_by_us(first).count("are one customer") == 1


async def test_a_link_of_other_customers_is_not_undone_from_here(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        _, first, _, _ = await _two(office, channels)
        await _merged(office, first, number="1002", reason="One")
        stranger = await office.opened(channels.wire.customer("Stranger"))
        await office.tool.presses(office.bea, stranger.ref, "split", button(first, "Undo"))
        await until(lambda: "decided already" in "\n".join(office.whispered()), "the refusal")
        assert await evidence(office) == [("agent", "active")]


async def test_guests_decide_nothing(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        _, first, _, _ = await _two(office, channels)
        await office.tool.presses(office.guest, first.ref, "merge", fields=[("number", "1002"), ("reason", "Me")])
        await until(lambda: "Only members" in "\n".join(office.whispered()), "the refusal")
        assert await evidence(office) == []


async def test_whoever_has_it_keeps_it_and_one_that_sleeps_wakes(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        _, first, _, second = await _two(office, channels)
        await office.tool.presses(office.omar, second.ref, "claim")
        await office.tool.presses(office.bea, first.ref, "snooze", fields=[("until", "1w")])
        await until(lambda: "Snoozed" in card(first), "the snooze")
        await _merged(office, first, number="1002", reason="One")
        await until(lambda: "Claimed by Omar" in card(first), "the owner of the other one")
        assert await open_numbers(office) == [1001]


async def test_merged_from_a_thread_that_is_over_it_is_said_there_too(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        _, first, _, second = await _two(office, channels)
        await office.tool.presses(office.bea, first.ref, "resolve")
        await until(lambda: "Resolved" in card(first), "the end of it")
        await _merged(office, first, number="1002", reason="Afterwards")
        for thread in (first, second):
            assert "Afterwards" in said_by_us(thread)
        assert await open_numbers(office) == [1002]


async def test_a_closed_conversation_joins_the_history(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane, first, _, second = await _two(office, channels)
        await office.tool.presses(office.bea, second.ref, "resolve")
        await until(lambda: "Resolved" in card(second), "the end of it")
        await _merged(office, first, number="1002", reason="One")
        assert await open_numbers(office) == [1001]
        await office.tool.presses(office.bea, first.ref, "resolve")
        await office.quiet()
        assert await open_numbers(office) == []
        await channels.wire.writes(jane, "I have another question")
        await until(lambda: "I have another question" in said(second), "the latest conversation, open again")
        await until(lambda: "#1001 by Wire" in card(second) or "#1001" in card(second), "the history")


async def test_an_agent_chooses_by_which_channel_it_goes(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        jane, first, j, _ = await _two(office, channels)
        await office.tool.asks(office.bea, first.ref, "reply")
        await until(lambda: len(office.tool.forms) == 1, "the form")
        assert [field.id for field in office.tool.forms[0].fields if field.id == "by"] == []  # type: ignore[union-attr]
        await _merged(office, first, number="1002", reason="One")
        await office.tool.asks(office.bea, first.ref, "reply")
        await until(lambda: len(office.tool.forms) == 2, "the form")
        by = office.tool.forms[1].fields[0]  # type: ignore[union-attr]
        assert (by.id, [option.label for option in by.options]) == ("by", ["Texts", "Wire"])
        # She wrote last by text.
        assert by.initial == by.options[0].value
        await office.tool.presses(
            office.bea, first.ref, "reply", fields=[("by", by.options[1].value)], text="On the wire again"
        )
        await channels.wire.until(lambda: bool(channels.wire.shown(jane)))
        await until(lambda: "Replies go to Wire from now on: Bea chose it." in said_by_us(first), "the notice")
        await office.tool.says(office.bea, first.ref, "And so does this")
        await channels.wire.until(lambda: len(channels.wire.shown(jane)) == 2)
        assert channels.texts.shown(j) == []
        await office.tool.presses(office.bea, first.ref, "reply", fields=[("by", "nobody's")], text="Kept")
        await until(lambda: "cannot be written to any more" in "\n".join(office.whispered()), "the refusal")
        await until(lambda: "Kept" in said(first), "the words, as a note")
