"""What agents write in threads: which words reach the customer, which stay inside, and who is told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from core.conversations import repository, threads
from core.conversations.models import Conversation, State
from sandbox.play.agents import SlackAgent
from sandbox.play.customers import MailCustomer
from sandbox.stage import Options, Stage
from sandbox.visitor import Visitor
from tests.flows.conftest import until
from tests.flows.rooms import ROUTES, RoomyStage
from tests.flows.telling import Talk, talk, whispered

MODES = """
[[routes]]
name = "careful"
rooms = ["shop/#vip"]
reply_mode = "explicit"
when = { words = ["careful"] }
[[routes]]
name = "alerts"
rooms = ["shop/#vip"]
reply_mode = "none"
when = { words = ["alert"] }
[[routes]]
name = "owned"
rooms = ["shop/#vip"]
lock_to_owner = true
when = { words = ["owned"] }
"""


_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RoomyStage]:
    """One stage for all that need no other: every test brings a customer of its own."""
    options = Options(hold_seconds=0.0, limits=False, channels=("webchat", "telegram", "email"), extra=MODES + ROUTES)
    async with RoomyStage(tmp_path_factory.mktemp("shop"), options) as stage:
        yield stage


def _holding(folder: Path, seconds: float) -> RoomyStage:
    return RoomyStage(folder, Options(hold_seconds=seconds, limits=False, channels=("webchat",), extra=ROUTES))


@asynccontextmanager
async def _talking(stage: RoomyStage, first: str = "") -> AsyncIterator[Talk]:
    """A visitor who wrote; by default where only she writes."""
    name = f"Wilma {next(_NUMBERS)}."
    words, room = (first, stage.vip) if first else stage.turn()
    async with Visitor(stage.website, about={"name": name}) as visitor:
        yield await talk(stage, visitor, name, words, room)


@asynccontextmanager
async def _writing(stage: RoomyStage) -> AsyncIterator[tuple[int, SlackAgent, str]]:
    """A customer on Telegram, the agent, and the thread."""
    name = f"Tariq {next(_NUMBERS)}."
    user = stage.telegram.add_customer(name)
    words, room = stage.turn()
    await stage.telegram.customer_writes(user, words)
    agent = SlackAgent(stage.slack, stage.bea, room)
    yield user, agent, await until(lambda: agent.thread_of(name), "the thread")


async def test_notes_stay_among_agents(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        agent, thread = here.agent, here.thread
        marked = [
            await agent.replies(thread, "// secret one"),
            await agent.replies(thread, "note: secret two"),
            await agent.replies(thread, f"<@{here.stage.omar}> secret three"),
            await agent.replies(thread, "!note secret four"),
        ]
        await here.fills_in(await here.opens_form("Note"), "secret five")
        await here.stands("secret five")
        for ts in marked:
            await until(lambda ts=ts: agent.is_signed(ts, thread, "memo"), "the mark of a note")
        await agent.replies(thread, "for her")
        await here.arrives("for her")
        await here.quiet()
        assert here.heard() == ["for her"]


async def test_a_note_can_be_sent_after_all_and_a_held_reply_kept(tmp_path: Path) -> None:
    async with _holding(tmp_path, 20.0) as stage, _talking(stage) as here:
        slack, room = here.stage.slack, here.agent.room
        note = await here.agent.replies(here.thread, "// she may know this")
        await until(lambda: here.agent.is_signed(note, here.thread, "memo"), "the mark of a note")
        await slack.person_runs_shortcut(here.agent.user, "send_to_customer", room, note)
        await here.arrives("she may know this")
        held = await here.agent.replies(here.thread, "not this")
        await here.quiet()
        await slack.person_runs_shortcut(here.agent.user, "make_note", room, held)
        await here.whispered("Kept as a note")
        assert here.heard() == ["she may know this"]


async def test_where_only_explicit_replies_leave(shop: RoomyStage) -> None:
    async with _talking(shop, "be careful with this") as here:
        await here.agent.replies(here.thread, "we talk about her")
        await here.agent.replies(here.thread, "> dear customer")
        await here.arrives("dear customer")
        await here.fills_in(await here.opens_form("Reply"), "from the form")
        await here.arrives("from the form")
        chosen = await here.agent.replies(here.thread, "chosen in the menu")
        await here.quiet()
        await here.stage.slack.person_runs_shortcut(here.agent.user, "send_to_customer", here.agent.room, chosen)
        await here.arrives("chosen in the menu")
        await here.quiet()
        assert here.heard() == ["dear customer", "from the form", "chosen in the menu"]


async def test_from_a_room_for_information_nothing_leaves(shop: RoomyStage) -> None:
    async with _talking(shop, "an alert") as here:
        await here.agent.replies(here.thread, "> hello?")
        await here.whispered("replies from it reach nobody")
        await here.quiet()
        assert here.heard() == []


async def test_only_the_owner_answers_until_somebody_takes_over(shop: RoomyStage) -> None:
    async with _talking(shop, "an owned one") as here:
        omar = here.colleague(here.stage.omar)
        await here.agent.replies(here.thread, "I am Bea")
        await here.arrives("I am Bea")
        await omar.replies(here.thread, "and I am Omar")
        await here.whispered("Bea Novak answers this customer", omar.user)
        await omar.replies(here.thread, "!claim")
        await here.stands("Omar Haddad took over from Bea Novak")
        await omar.replies(here.thread, "now it is me")
        await here.arrives("now it is me")
        await here.agent.replies(here.thread, "still me?")
        await here.whispered("Omar Haddad answers this customer", here.agent.user)
        await here.quiet()
        assert here.heard() == ["I am Bea", "now it is me"]


async def test_during_the_hold_an_edit_changes_and_a_delete_cancels(tmp_path: Path) -> None:
    async with _holding(tmp_path, 1.0) as stage, _talking(stage) as here:
        gone = await here.agent.replies(here.thread, "never mind")
        changed = await here.agent.replies(here.thread, "green tee")
        await here.stage.slack.idle()
        await here.agent.deletes(gone)
        await here.agent.edits(changed, "green tea")
        await here.whispered("Deleted in time")
        assert here.heard() == []
        await here.arrives("green tea")
        await here.quiet()
        assert here.heard() == ["green tea"]
        [item] = [item for item in here.visitor.items.values() if not item["me"]]
        assert not item["edited"]


async def test_guests_and_strangers_do_not_reach_the_customer(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        slack = here.stage.slack
        guest = slack.add_user("gil", real_name="Gil Guest", guest=True)
        slack.invite(here.agent.room, guest)
        await here.colleague(guest).replies(here.thread, "hello from a guest")
        await here.whispered("only members of the organisation answer customers", guest)
        await here.colleague(guest).replies(here.thread, "!resolve")
        slack.share_channel(here.agent.room, "T0OTHER001")
        stranger = slack.add_user("sam", real_name="Sam Stranger", team="T0OTHER001")
        slack.invite(here.agent.room, stranger)
        await here.colleague(stranger).replies(here.thread, "hello from elsewhere")
        await here.whispered("only members of the organisation answer customers", stranger)
        await here.agent.replies(here.thread, "from us")
        await here.arrives("from us")
        await here.quiet()
        assert here.heard() == ["from us"]
        current = await _conversation(here)
        assert current.state is State.OPEN


async def test_help_and_a_command_that_does_not_exist(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        await here.agent.replies(here.thread, "!help")
        await here.whispered("What works in this thread")
        ts = await here.agent.replies(here.thread, "!reslove")
        await here.whispered("There is no command !reslove")
        await until(lambda: here.agent.is_signed(ts, here.thread, "memo"), "the mark of a note")
        await here.agent.replies(here.thread, "! is no command")
        await here.arrives("! is no command")
        assert here.heard() == ["! is no command"]


async def test_a_snooze_ends_by_time(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        await here.agent.replies(here.thread, "!snooze soon")
        await here.whispered("is no time to snooze until")
        await here.agent.replies(here.thread, "!snooze 2h")
        await here.stands("Bea Novak snoozed this conversation until")
        app = here.stage.app
        current = await _conversation(here)
        assert current.state is State.SNOOZED
        assert current.snoozed_until is not None
        key = f"wake:{current.id}:{current.snoozed_until.isoformat()}"
        # Two hours pass.
        assert await app.storage.write(lambda c: app.outbox.amend(c, key, not_before=app.storage.now(c)))
        await here.stands("is back from its snooze")
        assert (await _conversation(here)).state is State.OPEN
        await here.quiet()
        assert here.heard() == []


async def test_the_customer_ends_a_snooze(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        await here.agent.replies(here.thread, "!snooze 3d")
        await here.stands("snoozed this conversation")
        await here.visitor.send("One more thing")
        await here.stands("One more thing")
        assert (await _conversation(here)).state is State.OPEN


async def test_two_claim_at_once(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        omar = here.colleague(here.stage.omar)
        await asyncio.gather(here.agent.presses(here.thread, "Claim"), omar.presses(here.thread, "Claim"))
        current = await until(lambda: _told_slower(here), "the slower one is told")
        winner, loser = ("Bea Novak", omar.user) if current == omar.user else ("Omar Haddad", here.agent.user)
        await here.whispered(f"{winner} was quicker", loser)
        assert (await _conversation(here)).owner_name == winner


def _told_slower(here: Talk) -> str:
    for user in (here.stage.bea, here.stage.omar):
        if any(told.get("thread_ts") == here.thread for told in here.stage.slack.ephemerals(user)):
            return user
    return ""


async def test_also_sent_to_the_channel(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        slack = here.stage.slack
        await slack.person_posts(here.agent.user, here.agent.room, "for all", thread_ts=here.thread, broadcast=True)
        await here.arrives("for all")
        await here.quiet()
        assert here.heard() == ["for all"]


async def test_web_chat_shows_a_later_edit_and_delete(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        first = await here.agent.replies(here.thread, "green tee")
        second = await here.agent.replies(here.thread, "and a mistake")
        await here.arrives("and a mistake")
        await here.agent.edits(first, "green tea")
        await here.arrives("green tea")
        await here.agent.deletes(second)
        await here.visitor.until(lambda: any(item["deleted"] for item in here.visitor.items.values()))
        left = [item for item in here.visitor.items.values() if not item["me"] and not item["deleted"]]
        assert len(left) == 1
        assert left[0]["edited"]


async def test_telegram_shows_a_later_edit_and_delete(shop: RoomyStage) -> None:
    async with _writing(shop) as (user, agent, thread):
        first = await agent.replies(thread, "green tee")
        second = await agent.replies(thread, "and a mistake")
        await until(lambda: _texts(shop, user) == ["green tee", "and a mistake"], "both replies")
        await agent.edits(first, "green tea")
        await agent.deletes(second)
        await until(lambda: _texts(shop, user) == ["green tea"], "the edit and the delete")


async def test_retry_after_the_customer_had_blocked_us(shop: RoomyStage) -> None:
    async with _writing(shop) as (user, agent, thread):
        await shop.telegram.customer_blocks(user)
        ts = await agent.replies(thread, "are you there?")
        await until(lambda: agent.find(thread, "“are you there?” was not delivered"), "the sentence")
        await until(lambda: agent.is_signed(ts, thread, "warning"), "the mark of a failure")
        await shop.telegram.customer_unblocks(user)
        await agent.presses(thread, "Retry")
        await until(lambda: _texts(shop, user) == ["are you there?"], "the reply")
        await agent.presses(thread, "Retry")
        await whispered(shop, agent.user, "is not waiting for a decision any more", thread)
        assert _texts(shop, user) == ["are you there?"]


async def test_a_mail_cannot_be_changed_so_a_correction_is_offered(shop: RoomyStage) -> None:
    customer = MailCustomer(shop.mail, f"Emma{next(_NUMBERS)}")
    words, room = shop.turn()
    await customer.writes(words)
    agent = SlackAgent(shop.slack, shop.bea, room)
    thread = await until(lambda: agent.thread_of(customer.name), "the thread")
    ts = await agent.replies(thread, "We have green tee")
    await until(lambda: any("green tee" in text for text in customer.texts()), "the mail")
    await until(lambda: agent.is_signed(ts, thread), "the mark")
    await agent.edits(ts, "We have green tea")
    offer = await whispered(shop, agent.user, "cannot change it there", thread)
    assert not any("green tea" in text for text in customer.texts())
    [button] = [one for block in offer["blocks"] for one in block.get("elements", []) if one.get("type") == "button"]
    assert button["text"]["text"] == "Send a correction"
    await shop.slack.person_presses(agent.user, agent.room, offer["ts"], button["action_id"])
    await until(lambda: any("green tea" in text for text in customer.texts()), "the correction")
    assert len(customer.texts()) == 2


async def test_what_other_apps_say_reaches_nobody(shop: RoomyStage) -> None:
    async with _talking(shop) as here:
        slack = shop.slack
        other = slack.add_user("robot", real_name="Another App")
        slack.world.users[other].is_bot = True
        await slack.person_posts(other, here.agent.room, "said by an app", thread_ts=here.thread)
        await here.agent.replies(here.thread, "said by a person")
        await here.arrives("said by a person")
        await here.quiet()
        assert here.heard() == ["said by a person"]


def _texts(stage: Stage, user: int) -> list[str]:
    return [b.text for b in stage.telegram.chat(user) if b.from_bot and not b.deleted]


async def _conversation(here: Talk) -> Conversation:
    def read(connection: Connection) -> Conversation:
        link = threads.link_at(connection, "shop", here.agent.room, here.thread)
        assert link is not None
        return repository.conversation(connection, link.conversation_id)

    return await here.stage.app.storage.read(read)
