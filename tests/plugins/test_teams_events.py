"""What happens in the tenant, as one desk call each; and what must not be kept at all."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.contracts.places import PostRef
from core.contracts.posts import Queue, QueueItem
from core.contracts.richtext import Mention
from core.contracts.text import plain
from tests.contract.peers.teams import words
from tests.plugins.slack_peer import post
from tests.plugins.teams_brought import changed, deliver
from tests.plugins.teams_peer import Json, Peer, peer

FLOOD = 1_000


@pytest.fixture
async def here() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


async def test_a_flood_of_other_peoples_words_is_not_kept(here: Peer) -> None:
    """Consent brings everything that is said in the team; whoever talks about lunch is not read."""
    here.desk.threads = set()
    await here.settle()
    kept = len(here.inbox.accepted)
    root = await here.teams.person_posts(here.bea, here.room, "Lunch?")
    for number in range(FLOOD - 1):
        await here.teams.person_posts(here.bea, here.room, f"secret {number}", root)
        if number % 50 == 0:
            await here.teams.idle(30)
    await here.teams.person_edits(here.bea, here.room, root, "Lunch!")
    await here.teams.person_deletes(here.bea, here.room, root)
    await here.teams.idle(30)
    assert {one.status for one in here.teams.deliveries} == {200}
    assert len(here.teams.deliveries) > FLOOD
    assert len(here.inbox.accepted) == kept
    assert not here.desk.calls
    assert "secret" not in str(here.memory.value)


async def test_who_mentions_the_app_elsewhere_gets_help_there(here: Peer) -> None:
    here.desk.threads = set()
    root = await here.teams.person_posts(here.bea, here.room, "Lunch?")
    await here.teams.person_posts(here.bea, here.room, "what can you do?", root, mention_bot=True)
    await here.settle()
    [answer] = [one for one in here.teams.thread(here.room, root) if one["is_bot"]]
    assert "Write in its thread to answer the customer" in words(answer)


async def test_only_our_own_mention_is_taken_off(here: Peer) -> None:
    thread = await here.open()
    cleo = here.teams.add_user("Cleo Cat")
    await here.teams.add_member(here.team, cleo)
    text = f"@{here.teams.world.bot_name} please ask @Cleo Cat about Threadbridge"
    named = [(here.teams.bot_id, here.teams.world.bot_name), (cleo, "Cleo Cat")]
    await here.teams.person_posts(here.bea, here.room, text, thread.thread, mentions=named)
    said = await here.desk.wait("said")
    assert plain(said["content"].body) == "please ask @Cleo Cat about Threadbridge"
    mentions = [one for block in said["content"].body.blocks for one in block.inlines if isinstance(one, Mention)]
    assert [one.label for one in mentions] == ["@Cleo Cat"]
    assert here.teams.thread(here.room, thread.thread)[1:][-1]["is_bot"] is False, "no help in a customer's thread"


@pytest.mark.parametrize("ids", ["always", "never"])
async def test_the_thread_is_where_it_was_written(here: Peer, ids: str) -> None:
    """Whether or not Teams says what it answers."""
    here.teams.events.reply_ids = ids  # type: ignore[assignment]
    thread = await here.open()
    ref = await here.workplace.post(thread, post(key="k2"))
    quoted = await here.teams.person_posts(here.bea, here.room, "Size 42", thread.thread, quote=ref.post)
    said = await here.desk.wait("said")
    assert said["post"] == PostRef(workspace="acme", room=here.room, thread=thread.thread, post=quoted)
    assert said["quote"] == ref
    assert plain(said["content"].body) == "Size 42"


async def test_an_edit_a_delete_and_its_undoing(here: Peer) -> None:
    thread = await here.open()
    ref = await here.teams.person_posts(here.bea, here.room, "green tee", thread.thread)
    await here.settle()
    await here.teams.person_edits(here.bea, here.room, ref, "green tea")
    await here.teams.person_deletes(here.bea, here.room, ref)
    await here.teams.person_restores(here.bea, here.room, ref)
    await here.settle()
    place = PostRef(workspace="acme", room=here.room, thread=thread.thread, post=ref)
    assert [name for name, _ in here.desk.calls] == ["said", "revised", "revised", "restored"]
    assert {arguments["post"] for _, arguments in here.desk.calls} == {place}
    first, second = here.desk.named("revised")
    assert (plain(first["content"].body), second["content"]) == ("green tea", None)
    assert plain(here.desk.named("restored")[0]["content"].body) == "green tea"


async def test_reactions_reach_the_desk_as_emoji(here: Peer) -> None:
    thread = await here.open()
    ref = await here.workplace.post(thread, post(key="k2"))
    for kind in ("heart", "1f440_eyes"):
        await here.teams.person_reacts(here.bea, here.room, ref.post, kind)
    await here.teams.person_unreacts(here.bea, here.room, ref.post, "heart")
    await here.settle()
    assert [(call["emoji"], call["added"], call["post"]) for call in here.desk.named("reacted")] == [
        ("❤️", True, ref),
        ("👀", True, ref),
        ("❤️", False, ref),
    ]


async def tick(here: Peer) -> None:
    """Until Teams' clock, which knows milliseconds, shows another time."""
    now = int(here.teams.world.clock() * 1_000)
    while int(here.teams.world.clock() * 1_000) == now:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_what_comes_twice_is_taken_once(here: Peer) -> None:
    thread = await here.open()
    here.teams.deliver_twice = True
    ref = await here.teams.person_posts(here.bea, here.room, "one", thread.thread)
    await here.teams.person_edits(here.bea, here.room, ref, "two")
    await here.teams.person_edits(here.bea, here.room, ref, "three")
    await here.settle()
    assert sorted(name for name, _ in here.desk.calls) == ["revised", "revised", "said"]
    assert len([one for one in here.teams.deliveries if one.type.startswith("message")]) == 6


async def test_out_of_order_the_ranks_say_what_came_first(here: Peer) -> None:
    """The core hands out what waits in one lane by rank: an edit that comes before its message waits for it."""
    thread = await here.open()
    before = len(here.inbox.accepted)
    here.teams.hold_events()
    ref = await here.teams.person_posts(here.bea, here.room, "one", thread.thread)
    await tick(here)
    await here.teams.person_edits(here.bea, here.room, ref, "one!")
    await tick(here)
    await here.teams.person_posts(here.bea, here.room, "two", thread.thread)
    here.teams.release_events("reversed")
    await here.settle()
    taken = here.inbox.accepted[before:]
    assert len({lane for _, lane, _, _ in taken}) == 1
    by_rank = [raw for _, _, _, raw in sorted(taken, key=lambda one: one[2])]
    order = [next(word for word in (b"one!", b"two", b"one") if word in raw) for raw in by_rank]
    assert order == [b"one", b"one!", b"two"]


async def test_her_own_chat_shows_her_queue(here: Peer) -> None:
    here.desk.next_queue = Queue(mine=(QueueItem(title="Jane · Telegram", status="new", text="Hello", thread=None),))
    for asked in ("queue", "Queue", "/queue"):
        await here.teams.person_messages_bot(here.bea, asked)
        await here.settle()
        shown = [one for one in here.teams.chat(here.bea) if one["is_bot"]]
        assert len(shown) == 1, "one card, where she looks"
        assert "Jane · Telegram" in words(shown[0])
    await here.teams.person_messages_bot(here.bea, "hello, customer?")
    await here.settle()
    assert "write queue to see what waits for you" in words(here.teams.chat(here.bea)[-1])
    assert not here.desk.named("said")


async def test_who_adds_the_app_for_herself_is_told_what_it_does(here: Peer) -> None:
    cleo = here.teams.add_user("Cleo Cat")
    await here.teams.install_for(cleo)
    await here.settle()
    assert "In your chat with this app" in words(here.teams.chat(cleo)[-1])
    await here.teams.uninstall_for(cleo)
    await here.settle()


@pytest.mark.parametrize(
    "activity",
    [
        {"type": "typing"},
        {"type": "event", "name": "application/vnd.microsoft.readReceipt"},
        {"type": "endOfConversation"},
        {"type": "somethingNew", "value": [1]},
    ],
    ids=lambda one: one["type"],
)
async def test_activities_that_are_not_for_us_are_not_kept(here: Peer, activity: Json) -> None:
    kept = len(here.inbox.accepted)
    assert await deliver(here, {**changed(here, "x"), **activity}) == 200
    await here.settle()
    assert len(here.inbox.accepted) == kept


@pytest.mark.parametrize("event", ["channelFancy", "", None, 7, "teamMemberAdded"])
async def test_events_that_we_do_not_know_do_no_harm(here: Peer, event: Any) -> None:
    activity = changed(here, event)
    assert await deliver(here, activity) == 200
    await here.settle()
    assert not here.desk.calls


@pytest.mark.parametrize("part", ["conversation", "from", "channelData", "recipient", "timestamp", "id", "entities"])
@pytest.mark.parametrize("value", [None, [], 7, "words", {"id": None}])
async def test_an_activity_with_a_part_that_is_strange(here: Peer, part: str, value: Any) -> None:
    """Refused with 400, or taken; never a 500, after which Microsoft brings it again and again."""
    teams = here.teams
    thread = await here.open()
    await teams.person_posts(here.bea, here.room, "x", thread.thread)
    await here.settle()
    activity = {**teams.deliveries[-1].activity, "id": "1", part: value}
    assert await deliver(here, activity) in (200, 400)
    await teams.idle()
    await here.inbox.idle()
