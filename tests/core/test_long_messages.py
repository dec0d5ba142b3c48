"""A very long message fills no room: its beginning is shown, all of it read on demand, and nothing sent is cut."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from core.contracts.text import from_plain, plain
from core.conversations.cutting import SHOWN, post_parts, shown
from core.testing.fake_workspace import CAPABILITIES
from core.testing.fakes import EVERYTHING
from tests.core.office import Office, open_office, said, until

#: 100,000 characters, each line a different one.
LONG = "\n".join(f"Line {number} of a very long story." for number in range(3_400))[:100_000].strip()


def _button(office: Office) -> list[str]:
    posts = office.tool.threads[0].posts
    return [one.value for post in posts if post.post for one in post.post.actions if one.id == "full_text"]


async def test_a_plain_message_of_100_000_characters(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        thread = await office.opened(office.channel.customer("Jane"), LONG)
        await until(lambda: _button(office), "the last part")
        await office.quiet()
        whole = "\n".join(said(thread))
        assert SHOWN * 0.9 < len(whole) <= SHOWN + len(thread.posts)
        assert whole.startswith(LONG[:5_000])
        [value] = _button(office)
        assert [bool(post.post and post.post.actions) for post in thread.posts][:-1] == [False] * (
            len(thread.posts) - 1
        )
        form = await office.app.desk.form(thread.ref, office.bea, "full_text", value)
        assert form is not None
        assert form.text.startswith(LONG[:20_000])
        assert re.search(r"\n\n7[56],\d\d\d more characters do not fit in here\.$", form.text)


async def test_the_whole_is_linked_where_there_is_an_address(tmp_path: Path) -> None:
    async with open_office(tmp_path, public_url="http://127.0.0.1:1") as office:
        thread = await office.opened(office.channel.customer("Jane"), LONG)
        [value] = await until(lambda: _button(office), "the last part")
        form = await office.app.desk.form(thread.ref, office.bea, "full_text", value)
        assert form is not None
        [path] = re.findall(r"http://127\.0\.0\.1:1(/files/\S+)$", form.text)
        async with aiohttp.ClientSession() as session, session.get(f"{office.app.web.url}{path}") as reply:
            assert reply.status == 200
            assert "attachment" in reply.headers["Content-Disposition"]
            assert await reply.text() == LONG


async def test_what_a_dialog_takes_is_not_linked(tmp_path: Path) -> None:
    async with open_office(tmp_path, public_url="http://127.0.0.1:1") as office:
        text = LONG[:20_000]
        thread = await office.opened(office.channel.customer("Jane"), text)
        [value] = await until(lambda: _button(office), "the last part")
        form = await office.app.desk.form(thread.ref, office.bea, "full_text", value)
        assert form is not None
        assert form.text == text


async def test_a_message_that_was_deleted_is_not_read_either(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        message = await office.channel.writes(jane, LONG)
        [value] = await until(lambda: office.tool.threads and _button(office), "the last part")
        await office.quiet()
        await office.channel.deletes(message)
        await until(lambda: not _button(office), "no button")
        thread = office.tool.threads[0]
        assert await office.app.desk.form(thread.ref, office.bea, "full_text", value) is None


async def test_what_is_sent_is_never_cut(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        await office.tool.says(office.bea, thread.ref, LONG[:50_000])
        await office.channel.until(lambda: len(office.channel.messages) * EVERYTHING.max_text >= 50_000)
        await office.quiet()
        sent = "".join(message.text for message in office.channel.messages)
        assert _letters(sent) == _letters(LONG[:50_000])


def _letters(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("length", [0, 1, SHOWN - 1, SHOWN, SHOWN + 1, 3 * SHOWN])
def test_texts_are_cut_at_one_length(length: int) -> None:
    body = from_plain("word " * (length // 5) + "x" * (length % 5))
    cut = shown(body)
    assert len(plain(cut)) <= SHOWN
    assert (cut == body) == (len(plain(body)) <= SHOWN)
    assert 1 <= len(post_parts(body, CAPABILITIES)) <= SHOWN // CAPABILITIES.max_text + 2
