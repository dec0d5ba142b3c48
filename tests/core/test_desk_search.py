"""What agents look up and choose instead of typing: canned replies and conversations."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts.posts import FieldKind, FindingKind
from core.contracts.workplace import AgentProfile, Standing
from core.conversations.models import conversations, messages
from core.settings.models import CannedReply
from tests.core.office import SHOP, Office, open_office, said, until

HOURS = CannedReply(title="Opening hours", text="We are here from 9 to 5.")
RETURNS = CannedReply(title="Returns", text="Send it back within 30 days, whatever the hours.")
CANNED = (HOURS, RETURNS)


async def _titles(office: Office, query: str, kind: FindingKind, agent: AgentProfile | None = None) -> list[str]:
    return [found.title for found in await office.app.desk.search(agent or office.bea, kind, query)]


async def test_conversations_are_found_by_what_people_remember(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        await office.opened(office.channel.customer("Jane Miller"), "The blue lamp is broken", subject="Order 4711")
        thread = await office.opened(office.channel.customer("Örjan Åberg"), "Wo bleibt die Überraschung? 100%_sure")
        await office.tool.says(office.bea, thread.ref, 'It is on "its" way')
        await office.tool.says(office.bea, thread.ref, "// a difficult person")
        await office.quiet()

        async def found(query: str) -> list[str]:
            return await _titles(office, query, FindingKind.CONVERSATION)

        jane, orjan = "Jane Miller · #1001 · Order 4711", "Örjan Åberg · #1002"
        for query in ("#1001", "1001", "jane", "MILLER", "order 4711", "blue lamp", "lamp jane", "4711"):
            assert await found(query) == [jane], query
        for query in ("1002", "örjan", "åberg", "überraschung", "ÖRJAN", '"its"', "100%_sure"):
            assert await found(query) == [orjan], query
        for query in ("lamp Örjan", "difficult", "%", "100_", "__", "\\", "'; DROP TABLE messages"):
            expected = [orjan] if query in "100%_sure" and query != "100_" else []
            assert await found(query) == expected, query
        assert await found("") == [orjan, jane]
        [one] = await office.app.desk.search(office.bea, FindingKind.CONVERSATION, "1002")
        assert one.thread == thread.ref
        assert one.text == 'It is on "its" way'
        assert one.status.startswith("Claimed by Bea, ")
        stranger = AgentProfile(workspace="elsewhere", agent_id="x", name="Xi")
        [seen] = await office.app.desk.search(stranger, FindingKind.CONVERSATION, "1002")
        assert seen.thread is None


async def test_findings_come_in_pages(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        for number in range(5):
            await office.opened(office.channel.customer(f"Jane{number}"))
        desk, kind = office.app.desk, FindingKind.CONVERSATION
        pages = [await desk.search(office.bea, kind, "jane", offset=offset, limit=2) for offset in (0, 2, 4, 6)]
        assert [len(page) for page in pages] == [2, 2, 1, 0]
        names = [found.title.split(" ")[0] for page in pages for found in page]
        assert names == ["Jane4", "Jane3", "Jane2", "Jane1", "Jane0"]
        assert len(await desk.search(office.bea, kind, "jane", offset=-1, limit=10**9)) == 5
        assert await desk.search(office.bea, kind, "x " * 10_000) == []


async def test_canned_replies_are_found(tmp_path: Path) -> None:
    async with open_office(tmp_path, canned_replies=CANNED) as office:
        kind = FindingKind.CANNED_REPLY
        assert await _titles(office, "", kind) == ["Opening hours", "Returns"]
        assert await _titles(office, "hours", kind) == ["Opening hours", "Returns"]
        assert await _titles(office, "back DAYS", kind) == ["Returns"]
        assert await _titles(office, "nothing like it", kind) == []
        [found] = await office.app.desk.search(office.bea, kind, "30 days")
        assert found.text == RETURNS.text
        assert len({one.id for one in await office.app.desk.search(office.bea, kind, "")}) == 2


async def test_who_may_not_answer_finds_nothing(tmp_path: Path) -> None:
    async with open_office(tmp_path, canned_replies=CANNED) as office:
        await office.opened(office.channel.customer("Jane"))
        outsider = AgentProfile(workspace=SHOP, agent_id="o", name="Oz", standing=Standing.OUTSIDER)
        for agent in (office.guest, outsider):
            for kind in FindingKind:
                assert await _titles(office, "", kind, agent) == []


@pytest.mark.parametrize(
    ("typed", "sent"),
    [(None, HOURS.text), ("See you!", f"{HOURS.text}\n\nSee you!")],
)
async def test_a_canned_reply_is_sent_as_it_is_or_before_what_is_typed(
    tmp_path: Path, typed: str | None, sent: str
) -> None:
    async with open_office(tmp_path, canned_replies=CANNED) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        form = await office.app.desk.form(thread.ref, office.bea, "reply", "")
        assert form is not None
        choice, text, _ = form.fields
        assert [option.value for option in choice.options] == ["Opening hours", "Returns"]
        assert choice.optional
        assert text.optional
        assert "follows" in choice.hint
        fields = [("canned", "Opening hours")]
        await office.tool.presses(office.bea, thread.ref, "reply", fields=fields, text=typed)
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        assert office.channel.messages[0].text == sent


async def test_without_canned_replies_the_form_asks_for_words(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        form = await office.app.desk.form(thread.ref, office.bea, "reply", "")
        assert form is not None
        [field, _] = form.fields
        assert (field.kind, field.optional) == (FieldKind.RICH_TEXT, False)


async def test_a_canned_reply_that_is_gone_loses_no_words(tmp_path: Path) -> None:
    async with open_office(tmp_path, canned_replies=CANNED) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        fields = [("canned", "Old promises")]
        await office.tool.presses(office.bea, thread.ref, "reply", fields=fields, text="And thank you")
        await until(office.whispered, "a word to the agent")
        await office.quiet()
        assert "no canned reply “Old promises”" in office.whispered()[0]
        assert said(thread)[-1] == "And thank you"
        assert [row.direction for row in await office.rows(messages)] == ["in", "note"]
        assert not office.channel.messages
        assert (await office.rows(conversations))[0].owner == ""
