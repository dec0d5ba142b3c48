"""Customers who mean harm: what they send stands in Slack as plain text and mere files, or is refused in words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from core import discovery
from sandbox.play.agents import words
from sandbox.slack.world import File
from sandbox.stage import Options
from sandbox.visitor import Visitor
from tests.flows.conftest import until
from tests.flows.hostile import (
    MEGABYTE,
    NAMES,
    VILLAINS,
    WORDS,
    BadFile,
    Villain,
    WebVillain,
    files,
    mark,
    marked,
    parts,
)
from tests.flows.rooms import ROUTES, RoomyStage

CHANNELS = [name for name in ("webchat", "telegram", "email") if name in discovery.bridges()]
#: What only Slack itself may put into a post: each would call or name somebody.
CALLING = {"user", "usergroup", "broadcast", "channel", "team"}
TOKEN = re.compile(r"<[!@#]")
TOO_LARGE = re.compile("limit of|too large|too big|larger than|more than|no file over")
BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
#: Longest time in which nothing else is done.
LONGEST_PAUSE = 2.0


class HostileStage(RoomyStage):
    """Finds what was said, wherever it stands."""

    def _furnish(self) -> None:
        super()._furnish()
        self._found: dict[str, tuple[str, str]] = {}

    def place(self) -> str:
        return self.turn()[0]

    def thread(self, text: str) -> list[dict[str, Any]]:
        """The posts of the thread that opens with these words."""
        for room in self.rooms if text not in self._found else ():
            for ts, post in self.slack.place(room).messages.items():
                if post.get("bot_id") and text in post["text"]:
                    self._found[text] = (room, ts)
        return self.slack.thread(*self._found[text]) if text in self._found else []

    def said(self, text: str) -> str:
        return " ".join(words(post) for post in self.thread(text))

    def files(self) -> Iterable[File]:
        return self.slack.world.files.values()


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HostileStage]:
    options = Options(hold_seconds=0.0, limits=False, channels=tuple(CHANNELS), extra=ROUTES)
    async with HostileStage(tmp_path_factory.mktemp("hostile"), options) as stage:
        yield stage


def _villain(stage: HostileStage, channel: str, name: str = "Vera") -> AbstractAsyncContextManager[Villain]:
    return VILLAINS[channel](stage).called(name)


def _harmless(stage: HostileStage) -> None:
    """Nothing that was ever posted calls, pretends, or is read as markup."""
    for call in stage.slack.calls:
        if call.method not in ("chat.postMessage", "chat.update", "chat.postEphemeral"):
            continue
        assert call.status == 200
        assert call.answer["ok"], (call.answer, call.arguments)
        assert not call.arguments.get("link_names")
        assert call.arguments.get("parse", "none") == "none"
        assert not TOKEN.search(call.arguments["text"]), call.arguments["text"]
        assert "\n" not in call.arguments.get("username", "")
        assert len(call.arguments.get("username", "")) <= 100
        for part in parts(call.arguments.get("blocks") or []):
            assert part.get("type") not in CALLING, part
            if part.get("type") == "mrkdwn":
                assert not TOKEN.search(part["text"]), part
                assert not any(mark(name) in part["text"] for name in WORDS), part
            if part.get("type") == "link" and "evil" in part["url"]:
                assert part.get("text", part["url"]) == part["url"], part


@asynccontextmanager
async def _others_are_served(stage: HostileStage) -> AsyncIterator[None]:
    """Meanwhile another visitor writes, again and again, and the loop never stands still."""
    pauses: list[float] = []
    waits: list[float] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def tick() -> None:
        while not done.is_set():
            before = loop.time()
            await asyncio.sleep(0.01)
            pauses.append(loop.time() - before)

    async def write() -> None:
        async with Visitor(stage.website, about={"name": "Nora Neighbour"}) as neighbour:
            # Twenty messages at once are what one visitor may send.
            while not waits or (not done.is_set() and len(waits) < 20):
                before = loop.time()
                await neighbour.send("still here")
                waits.append(loop.time() - before)
                await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        group.create_task(tick())
        group.create_task(write())
        try:
            yield
        finally:
            done.set()
    assert max(pauses, default=0.0) < LONGEST_PAUSE
    assert max(waits) < LONGEST_PAUSE


@pytest.mark.parametrize("channel", CHANNELS)
async def test_words_are_shown_as_words(stage: HostileStage, channel: str) -> None:
    beginning = f"words-{channel}."
    async with _others_are_served(stage), _villain(stage, channel) as villain:
        await villain.says(f"{beginning} {stage.place()}")
        for name in WORDS:
            await villain.says(marked(name))
        await until(lambda: all(mark(name) in stage.said(beginning) for name in WORDS), "all of them", 30)
    shown = stage.said(beginning)
    assert "<!channel> <!here> <!everyone> <@U0SBX00001>" in shown
    assert "*bold* _italic_ ~struck~" in shown
    assert "<script>alert(1)</script>" in shown
    assert "&lt;!channel&gt;" in shown
    assert "\x00" not in shown
    assert not re.search("[\ud800-\udfff]", shown)
    assert "\u0301" * 100 not in shown
    _harmless(stage)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_names_are_only_names(stage: HostileStage, channel: str) -> None:
    for number, name in enumerate(NAMES):
        async with _villain(stage, channel, NAMES[name]) as villain:
            await villain.says(f"name-{channel}-{number}. {stage.place()}")
    for number in range(len(NAMES)):
        await until(lambda number=number: stage.thread(f"name-{channel}-{number}."), "the thread", 20)
    _harmless(stage)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_files_are_only_files(stage: HostileStage, channel: str) -> None:
    async with _others_are_served(stage):
        await asyncio.gather(*(_send_file(stage, channel, number, file) for number, file in enumerate(files())))
    for stored in stage.files():
        assert not re.search(r"[/\\\x00-\x1f]", stored.name), stored.name
        assert not BIDI.search(stored.name + stored.title), stored.name
        assert len(stored.name) <= 200
        assert not any(stored.content == file.data for file in files() if file.keep_out)
    _harmless(stage)


async def _send_file(stage: HostileStage, channel: str, number: int, file: BadFile) -> None:
    beginning = f"file-{channel}-{number}."
    async with _villain(stage, channel, f"Vera {number}") as villain:
        await villain.says(f"{beginning} {stage.place()}")
        await until(lambda: stage.thread(beginning), "the thread", 20)
        told = await villain.sends(file)
        if file.refused:
            await until(
                lambda: file.refused in told or file.refused in stage.said(beginning), f"{file.name} refused", 20
            )
            return
        assert told == "", file.name
        await until(lambda: any("files" in post for post in stage.thread(beginning)), f"{file.name} in the thread", 20)
        [shown] = [shown for post in stage.thread(beginning) for shown in post.get("files", [])]
        [content] = [stored.content for stored in stage.files() if stored.id == shown["id"]]
        assert content == file.data


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_file_of_30_mb(stage: HostileStage, channel: str) -> None:
    large = BadFile(name="large.bin", mime="application/octet-stream", data=bytes(30 * MEGABYTE))
    beginning = f"large-{channel}."
    async with _villain(stage, channel, "Vera Large") as villain:
        await villain.says(f"{beginning} {stage.place()}")
        await until(lambda: stage.thread(beginning), "the thread", 20)
        # The sandbox itself writes and reads a mail of that size in one go: then watched is what follows.
        told = await villain.sends(large) if channel == "email" else ""
        async with _others_are_served(stage):
            told = told or (await villain.sends(large) if channel != "email" else "")
            await until(lambda: TOO_LARGE.search(told + stage.said(beginning)), "a sentence", 20)
    assert not any(stored.length > 20 * MEGABYTE for stored in stage.files())


async def test_a_line_of_a_megabyte_in_the_web_chat(stage: HostileStage) -> None:
    async with _others_are_served(stage), WebVillain(stage).called("Vera Line") as villain:
        with pytest.raises(RuntimeError, match=r"120000 characters is over the limit"):
            await villain.says("a" * 120_000)
        tab = villain.tab
        await tab.frame({"type": "send", "client_id": tab.client_id(), "text": "a" * MEGABYTE})
        await tab.until(lambda: tab.gone)
        await tab.disconnect()
        await tab.connect()
        await villain.says(f"megabyte-webchat. {stage.place()}")
        await until(lambda: stage.thread("megabyte-webchat."), "what she says afterwards", 20)
        assert len(tab.items) <= 1


@pytest.mark.parametrize("channel", [name for name in CHANNELS if name != "webchat"])
async def test_a_line_of_a_megabyte(stage: HostileStage, channel: str) -> None:
    """Cut at 100,000 characters: it takes its own thread's time, and nobody else's."""
    before = (await stage.app.status())["queued"]
    async with _others_are_served(stage), _villain(stage, channel, "Vera Line") as villain:
        beginning = f"megabyte-{channel}."
        await villain.says(f"{beginning} {stage.place()} " + "a" * (MEGABYTE - 100))
        await until(lambda: stage.thread(beginning), "its beginning", 20)
        assert (await stage.app.status())["queued"] - before < 60
        other = f"beside-{channel}."
        async with _villain(stage, "webchat", "Nora Beside") as neighbour:
            await neighbour.says(f"{other} {stage.place()}")
            await until(lambda: stage.thread(other), "another's thread", 5)
