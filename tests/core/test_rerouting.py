"""A new conversation whose room is known to be closed goes where somebody sees it; one that is open already waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts.places import RoomRef
from core.contracts.posts import Tone
from core.contracts.workplace import RoomChange
from core.conversations.threads import thread_links
from core.settings.models import RouteSettings
from core.testing.fakes import FakeWorkspace
from tests.core.office import BRANCH, COUNTER, SHOP, SUPPORT, Office, notices, open_office, said, until, words

VIP = RoomRef(workspace=SHOP, room="R2")
ROUTES = (RouteSettings(name="vip", rooms=(f"{SHOP}/R2", f"{BRANCH}/R1")),)


def _tool() -> FakeWorkspace:
    tool = FakeWorkspace("office", workspace=SHOP)
    tool.room_names |= {"R1": "support", "R2": "vip"}
    return tool


async def _closed(office: Office, *rooms: RoomRef) -> None:
    for room in rooms:
        tool = office.tool if room.workspace == SHOP else office.branch
        assert tool is not None
        # Known since before it was closed.
        await tool.changes(room, RoomChange.RENAMED, tool.room_names[room.room])
        await tool.changes(room, RoomChange.CLOSED, "It was deleted.")
    await office.quiet()


@pytest.mark.parametrize(
    ("closed", "places"),
    [
        ((), {VIP, COUNTER}),
        ((VIP,), {COUNTER}),
        ((VIP, COUNTER), {SUPPORT}),
        # Held until one is back: there is nowhere to say it.
        ((VIP, COUNTER, SUPPORT), {VIP, COUNTER}),
        # A mirror that is closed does not move anything.
        ((COUNTER,), {VIP, COUNTER}),
    ],
)
async def test_where_it_is_shown(
    database_url: str, tmp_path: Path, closed: tuple[RoomRef, ...], places: set[RoomRef]
) -> None:
    branch = FakeWorkspace("kiosk", workspace=BRANCH)
    async with open_office(tmp_path, database_url, tool=_tool(), branch=branch, routes=ROUTES) as office:
        await _closed(office, *closed)
        await office.channel.writes(office.channel.customer("Jane"), "Hello")
        await office.quiet()
        links = await office.rows(thread_links)
        assert {RoomRef(workspace=link.workspace, room=link.room) for link in links} == places
        moved = VIP not in places
        threads = [*office.tool.threads, *branch.threads]
        shown = [thread for thread in threads if "Hello" in said(thread)]
        assert {RoomRef(workspace=one.ref.workspace, room=one.ref.room) for one in shown} == places - set(closed)
        for thread in shown:
            told = [words(post) for post in notices(thread) if post.post and post.post.tone is Tone.FAILURE]
            assert told == (["Shown here because shop/#vip cannot be used now: It was deleted."] if moved else [])


async def test_one_that_is_open_already_waits_for_its_room(tmp_path: Path) -> None:
    routes = (RouteSettings(name="vip", rooms=(f"{SHOP}/R2",)),)
    async with open_office(tmp_path, tool=_tool(), routes=routes) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await _closed(office, VIP)
        await office.channel.writes(jane, "Anybody?")
        await office.quiet()
        assert said(thread) == ["Hello"]
        assert [trouble.sentence for trouble in office.app.troubles.listing()] == ["It was deleted."]
        others = [one for one in office.tool.threads if one is not thread]
        assert ["Anybody?"] not in [said(one) for one in others]
        await office.tool.changes(VIP, RoomChange.OPENED)
        await until(lambda: said(thread) == ["Hello", "Anybody?"], "what waited")


async def test_a_room_that_is_named_and_closed_by_its_id(tmp_path: Path) -> None:
    routes = (RouteSettings(name="vip", rooms=(f"{SHOP}/#vip",)),)
    async with open_office(tmp_path, tool=_tool(), routes=routes) as office:
        await office.opened(office.channel.customer("First"))
        await _closed(office, VIP)
        await office.channel.writes(office.channel.customer("Second"), "Me too")
        thread = await until(
            lambda: next((one for one in office.tool.threads if "Me too" in said(one)), None), "the default room"
        )
        assert thread.ref.room == SUPPORT.room
