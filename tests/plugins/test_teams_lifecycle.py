"""What becomes of teams, channels and people; what is remembered of them across a restart."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.contracts.places import RoomRef
from core.contracts.posts import Queue
from core.contracts.workplace import RoomChange, Standing
from plugins.teams import WORKPLACE
from tests.contract.peers.teams import words
from tests.plugins.core_around import Inbox, runtime
from tests.plugins.fake_desk import FakeDesk
from tests.plugins.slack_peer import CARD, post
from tests.plugins.teams_brought import changed, deliver
from tests.plugins.teams_peer import Peer, peer

OTHER_TENANT = "99999999-51a4-4d3c-8f6e-0f9b3a5d7e02"


@pytest.fixture
async def here() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


def _changes(here: Peer) -> list[tuple[str, RoomChange, str]]:
    return [(call["room"].room, call["change"], call["detail"]) for call in here.desk.named("room_changed")]


async def test_the_app_goes_and_comes_back(here: Peer) -> None:
    await here.teams.uninstall(here.team)
    await here.settle()
    closed = {room: detail for room, change, detail in _changes(here) if change is RoomChange.CLOSED}
    assert closed.keys() == {here.team, here.room}
    assert "add Threadbridge again" in closed[here.room]
    assert await here.workplace.rooms() == []
    here.desk.calls.clear()
    await here.teams.install(here.team, here.room)
    await here.settle()
    assert {room for room, change, _ in _changes(here) if change is RoomChange.OPENED} == {here.team, here.room}
    assert (here.room, RoomChange.RENAMED, "support") in _changes(here)
    assert sorted(await here.workplace.rooms()) == sorted([(here.team, "General"), (here.room, "support")])


@pytest.mark.parametrize("order", ["sent", "reversed"])
async def test_the_app_goes_in_either_order_of_what_tells_it(here: Peer, order: Any) -> None:
    """What is told of a team that cannot be read any more does no harm."""
    here.teams.hold_events()
    await here.teams.person_posts(here.bea, here.room, "Last words", (await here.open()).thread)
    await here.teams.uninstall(here.team)
    here.teams.release_events(order)
    await here.settle()
    assert (here.room, RoomChange.CLOSED) in {(room, change) for room, change, _ in _changes(here)}
    assert await here.workplace.rooms() == []


@pytest.mark.parametrize("action", ["add-upgrade", "upgrade", "something new"])
async def test_an_upgrade_closes_nothing(here: Peer, action: str) -> None:
    teams = here.teams
    activity = teams.events.installation(teams.person(here.bea), teams.room(here.room), action)
    assert await deliver(here, activity) == 200
    await here.settle()
    assert RoomChange.CLOSED not in {change for _, change, _ in _changes(here)}
    assert (here.room, "support") in await here.workplace.rooms()


async def test_what_happens_to_a_channel_is_told(here: Peer) -> None:
    teams = here.teams
    made = teams.add_channel(here.team, "returns")
    await here.settle()
    assert _changes(here) == [(made, RoomChange.RENAMED, "returns"), (made, RoomChange.OPENED, "returns")]
    here.desk.calls.clear()
    await teams.rename_channel(here.room, "help")
    await teams.delete_channel(here.room)
    await here.settle()
    assert (here.room, "help") not in await here.workplace.rooms()
    await teams.restore_channel(here.room)
    await deliver(here, changed(here, "channelShared", here.room))
    await deliver(here, changed(here, "channelUnshared", here.room))
    await here.settle()
    changes = [(change, detail) for room, change, detail in _changes(here) if room == here.room]
    assert changes[0] == (RoomChange.RENAMED, "help")
    assert changes[1][0] is RoomChange.CLOSED
    assert "Restore it in Teams" in changes[1][1]
    assert [change for change, _ in changes[2:]] == [
        RoomChange.RENAMED,
        RoomChange.OPENED,
        RoomChange.SHARED,
        RoomChange.RENAMED,
        RoomChange.OPENED,
    ]
    assert (here.room, "help") in await here.workplace.rooms()
    assert here.desk.named("room_changed")[0]["room"] == RoomRef(workspace="acme", room=here.room)


@pytest.mark.parametrize(
    ("close", "reopen", "words_"),
    [("archive_team", "unarchive_team", "Archived > Restore"), ("delete_team", "restore_team", "deleted")],
)
async def test_what_happens_to_a_team_is_told_of_its_channels(here: Peer, close: str, reopen: str, words_: str) -> None:
    await getattr(here.teams, close)(here.team)
    await here.settle()
    closed = {room: detail for room, change, detail in _changes(here) if change is RoomChange.CLOSED}
    assert closed.keys() == {here.team, here.room}
    assert words_ in closed[here.room]
    assert await here.workplace.rooms() == []
    here.desk.calls.clear()
    await getattr(here.teams, reopen)(here.team)
    await here.settle()
    assert {room for room, change, _ in _changes(here) if change is RoomChange.OPENED} == {here.team, here.room}
    assert len(await here.workplace.rooms()) == 2


async def test_a_team_that_is_renamed_is_called_so(here: Peer) -> None:
    other = here.teams.add_team("Sales", [here.bea])
    twin = here.teams.add_channel(other, "support")
    await here.teams.install(other)
    await here.teams.rename_team(here.team, "Help Desk")
    await here.settle()
    names = dict(await here.workplace.rooms())
    assert (names[here.room], names[twin]) == ("Help Desk/support", "Sales/support")


async def test_teams_moves_to_another_address() -> None:
    """The newest serviceUrl counts, if it is one of Microsoft's."""
    moved = "https://smba.trafficmanager.net/emea/"
    async with peer(service_hosts=("smba.trafficmanager.net",)) as here:
        thread = await here.open()
        await here.teams.person_posts(here.bea, here.room, "x", thread.thread)
        await here.settle()
        activity = here.teams.deliveries[-1].activity
        assert await deliver(here, {**activity, "id": "1", "serviceUrl": "https://evil.example/"}) == 401
        assert await deliver(here, {**activity, "id": "2", "serviceUrl": moved}) == 200
        await here.inbox.idle()
        assert here.memory.value["teams"][here.team]["service_url"] == moved


async def test_a_restart_forgets_nothing(here: Peer) -> None:
    """Teams tells the team's Graph id at the installation only."""
    await here.teams.person_messages_bot(here.bea, "queue")
    await here.settle()
    group = here.teams.team(here.team).aad_group
    assert here.memory.value["teams"][here.team]["group"] == group
    lent = runtime(here.session, Inbox(), here.memory, [], [])
    values = {
        "app_id": here.teams.app_id,
        "tenant_id": here.teams.tenant_id,
        "app_secret": here.teams.app_secret,
        "api_url": here.teams.url,
    }
    again = WORKPLACE.build(WORKPLACE.settings.model_validate(values), FakeDesk(), lent)
    assert (here.room, "support") in await again.rooms()
    thread = await again.open_thread(RoomRef(workspace="acme", room=here.room), CARD, post())
    assert f"groupId={group}" in await again.permalink(thread)
    assert (await again.agent(here.bea)).name == "Bea Baker"
    await again.show_queue(here.bea, Queue())
    assert len([one for one in here.teams.chat(here.bea) if one["is_bot"]]) == 1, "the card that she has is redrawn"


async def test_a_team_whose_installation_we_missed_is_learnt_from_a_mention(here: Peer) -> None:
    other = here.teams.add_team("Sales", [here.bea])
    room = here.teams.add_channel(other, "leads")
    here.teams.team(other).installed = True
    here.desk.threads = set()
    await here.teams.person_posts(here.bea, room, "hello?", mention_bot=True)
    await here.settle()
    assert (room, "leads") in await here.workplace.rooms()
    assert here.memory.value["teams"][other]["group"] == here.teams.team(other).aad_group


async def test_people_are_who_the_roster_says(here: Peer) -> None:
    teams = here.teams
    guest = teams.add_user("Gil Guest", guest=True)
    other = teams.add_user("Olga Other", tenant=OTHER_TENANT)
    for user in (guest, other):
        await teams.add_member(here.team, user)
    thread = await here.open()
    for user in (here.bea, guest, other):
        await teams.person_posts(user, here.room, "Hi", thread.thread)
    await here.settle()
    agents = {call["agent"].agent_id: call["agent"] for call in here.desk.named("said")}
    assert {user: agents[user].standing for user in agents} == {
        here.bea: Standing.MEMBER,
        guest: Standing.GUEST,
        other: Standing.OUTSIDER,
    }
    bea = agents[here.bea]
    assert (bea.name, bea.email, bea.timezone) == ("Bea Baker", "bea@example.com", "Europe/Berlin")
    assert bea.directory_id == teams.person(here.bea).aad_id
    members = [call for call in teams.calls if call.name == "members"]
    assert len(members) <= 4, "nobody is asked about twice"
    assert (await here.workplace.agent("28:another-app")).standing is Standing.MACHINE
    assert (await here.workplace.agent("29:nobody")).standing is Standing.OUTSIDER


async def test_guests_by_the_setting() -> None:
    async with peer(allow_guests=True) as here:
        guest = here.teams.add_user("Gil Guest", guest=True)
        await here.teams.add_member(here.team, guest)
        await here.settle()
        assert (await here.workplace.agent(guest)).standing is Standing.MEMBER


async def test_who_left_the_team_is_an_outsider_at_once(here: Peer) -> None:
    assert (await here.workplace.agent(here.bea)).standing is Standing.MEMBER
    await here.teams.remove_member(here.team, here.bea)
    await here.settle()
    assert (await here.workplace.agent(here.bea)).standing is Standing.OUTSIDER


async def test_private_words_about_a_channel_that_is_gone_reach_her(here: Peer) -> None:
    thread = await here.open()
    await here.teams.delete_channel(here.room)
    await here.settle()
    await here.workplace.whisper(thread, here.bea, "Not sent: the customer has blocked us.")
    assert "Not sent: the customer has blocked us." in words(here.teams.chat(here.bea)[-1])
    await here.teams.uninstall(here.team)
    await here.settle()
    await here.workplace.whisper(thread, here.bea, "Nobody can be told this, and nothing breaks.")
