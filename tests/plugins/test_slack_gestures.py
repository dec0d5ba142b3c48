"""Buttons, forms, shortcuts and the command: answered in time, one desk call each, nothing lost when it fails."""

from collections.abc import AsyncIterator

import pytest

from core.contracts.actions import ActionId
from core.contracts.errors import PermanentFailure
from core.contracts.places import RoomRef, ThreadRef
from core.contracts.posts import Action, Card, FieldKind, Form, FormField, Option, Queue, QueueItem
from core.contracts.richtext import Mark, Paragraph, Text
from core.contracts.text import plain
from plugins.slack.listeners import SORRY
from sandbox.faults import Fault
from tests.plugins.slack_peer import Peer, peer, post, until

REPLY = Action(id=ActionId.REPLY, label="Reply", asks=True)
CARD = Card(
    title="Jane",
    status="Open",
    status_emoji="🟢",
    actions=(Action(id=ActionId.CLAIM, label="Claim", style="primary"), REPLY),
)
FORM = Form(
    title="Reply to <Jane> & her friends everywhere",
    submit="Send",
    text="Goes to Jane by WhatsApp.",
    fields=(
        FormField(id="text", label="Message", kind=FieldKind.RICH_TEXT, initial="Dear Jane"),
        FormField(
            id="channel",
            label="By",
            kind=FieldKind.SELECT,
            options=(Option(value="wa", label="WhatsApp"), Option(value="mail", label="Email")),
            initial="wa",
        ),
        FormField(id="subject", label="Subject", kind=FieldKind.TEXT, optional=True, hint="Only for email"),
    ),
)


@pytest.fixture(params=["http", "socket"])
async def here(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    async with peer(socket_mode=request.param == "socket") as made:
        made.desk.forms[ActionId.REPLY] = FORM
        yield made


async def card(here: Peer) -> ThreadRef:
    return await here.workplace.open_thread(RoomRef(workspace="acme", room=here.room), CARD, post())


async def test_a_button_that_asks_opens_a_form_whose_answers_are_one_act(here: Peer) -> None:
    thread = await card(here)
    assert (await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_ask:reply:1")).ok
    (view,) = here.slack.views_open(here.bea)
    assert view["title"]["text"] == "Reply to <Jane> & her f…"
    typed = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [{"type": "text", "text": "Dear "}, {"type": "text", "text": "J", "style": {"bold": True}}],
            }
        ],
    }
    ack = await here.slack.person_submits_view(here.bea, view["id"], {"text": typed, "channel": "mail"})
    assert ack.ok
    act = await here.desk.wait("act")
    assert (act["thread"], act["action"], act["key"]) == (thread, "reply", view["id"])
    assert act["fields"] == [("channel", "mail"), ("subject", "")]
    bold = frozenset({Mark.BOLD})
    assert act["text"].blocks == (Paragraph(inlines=(Text(text="Dear "), Text(text="J", marks=bold))),)
    assert here.slack.views_open(here.bea) == []


def _steps(here: Peer) -> None:
    """A form that another one follows, which takes nothing but a yes."""
    template = FormField(
        id="template", label="Template", kind=FieldKind.SELECT, options=(Option(value="a/en", label="A"),)
    )
    here.desk.forms["reply"] = Form(title="Template", submit="Next", fields=(template,), continues=True)
    here.desk.forms["reply+"] = Form(title="Template", submit="Send", text="Hello.", fields=(), value="a/en")


async def test_a_form_that_another_follows_takes_its_place(here: Peer) -> None:
    _steps(here)
    thread = await card(here)
    assert (await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_ask:reply:1")).ok
    await here.desk.wait("form")
    (first,) = here.slack.views_open(here.bea)
    assert (await here.slack.person_submits_view(here.bea, first["id"], {"template": "a/en"})).ok
    asked = await here.desk.wait("form", 2)
    assert asked["fields"] == [("template", "a/en")]
    assert not here.desk.named("act")
    (second,) = here.slack.views_open(here.bea)
    assert (second["id"], second["submit"]["text"]) == (first["id"], "Send")
    assert (await here.slack.person_submits_view(here.bea, second["id"])).ok
    act = await here.desk.wait("act")
    assert (act["thread"], act["action"], act["value"], act["fields"]) == (thread, "reply", "a/en", [])
    assert here.slack.views_open(here.bea) == []


async def test_a_form_that_nothing_follows_after_all_closes(here: Peer) -> None:
    _steps(here)
    del here.desk.forms["reply+"]
    thread = await card(here)
    await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_ask:reply:1")
    (view,) = here.slack.views_open(here.bea)
    assert (await here.slack.person_submits_view(here.bea, view["id"], {"template": "a/en"})).ok
    assert here.slack.views_open(here.bea) == []


async def test_a_yes_that_fails_is_told_to_the_agent_alone(here: Peer) -> None:
    _steps(here)
    thread = await card(here)
    await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_ask:reply:1")
    (view,) = here.slack.views_open(here.bea)
    await here.slack.person_submits_view(here.bea, view["id"], {"template": "a/en"})
    here.desk.fails_with = PermanentFailure("No template of that name.")
    await here.slack.person_submits_view(here.bea, view["id"])
    await until(lambda: bool(here.slack.ephemerals(here.bea)))
    assert here.slack.ephemerals(here.bea)[-1]["text"].startswith("No template of that name.")


async def test_a_form_that_is_refused_opens_nothing(here: Peer) -> None:
    here.desk.forms.clear()
    thread = await card(here)
    assert (await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_ask:reply:1")).ok
    await here.desk.wait("form")
    assert here.slack.views_open(here.bea) == []


async def test_a_submission_that_fails_keeps_the_form_and_its_text(here: Peer) -> None:
    thread = await card(here)
    await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_ask:reply:1")
    (view,) = here.slack.views_open(here.bea)
    here.desk.fails_with = RuntimeError("the database is away")
    ack = await here.slack.person_submits_view(here.bea, view["id"])
    assert ack.body == {"response_action": "errors", "errors": {"text": SORRY}}
    assert len(here.slack.views_open(here.bea)) == 1
    here.desk.fails_with = PermanentFailure("The customer has blocked us.")
    ack = await here.slack.person_submits_view(here.bea, view["id"])
    assert ack.body["errors"] == {"text": "The customer has blocked us."}
    here.desk.fails_with = None
    assert (await here.slack.person_submits_view(here.bea, view["id"])).ok
    assert here.slack.views_open(here.bea) == []
    assert plain(here.desk.named("act")[-1]["text"]) == "Dear Jane"


async def test_a_press_that_fails_is_told_to_the_agent_alone(here: Peer) -> None:
    thread = await card(here)
    await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    here.desk.fails_with = RuntimeError("the database is away")
    assert (await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_do:claim:0")).ok
    await until(lambda: bool(here.slack.ephemerals(here.bea)))
    (entry,) = here.slack.ephemerals(here.bea)
    assert (entry["text"], entry["thread_ts"]) == (SORRY, thread.thread)


async def test_two_clicks_have_two_keys(here: Peer) -> None:
    thread = await card(here)
    for _ in range(2):
        await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_do:claim:0")
    await here.desk.wait("act", 2)
    assert len({call["key"] for call in here.desk.named("act")}) == 2


async def test_shortcuts_on_a_message(here: Peer) -> None:
    thread = await card(here)
    ts = await here.slack.person_posts(here.bea, here.room, "*Hi* <!here>", thread.thread)
    assert (await here.slack.person_runs_shortcut(here.bea, "send_to_customer", here.room, ts)).ok
    assert (await here.slack.person_runs_shortcut(here.bea, "make_note", here.room, ts)).ok
    sent = await here.desk.wait("send")
    kept = await here.desk.wait("keep")
    assert (sent["post"].post, sent["post"].thread) == (ts, thread.thread)
    assert plain(sent["content"].body) == "Hi @here"
    assert kept["post"] == sent["post"]
    assert kept["agent"].agent_id == here.bea


async def test_the_command_helps(here: Peer) -> None:
    ack = await here.slack.person_slash(here.bea, "/threadbridge", "help", here.room)
    assert ack.ok
    (entry,) = here.slack.ephemerals(here.bea)
    assert "!claim" in entry["text"]


async def test_buttons_on_the_queue_know_their_thread(here: Peer) -> None:
    thread = await card(here)
    claim = Action(id=ActionId.CLAIM, label="Claim")
    item = QueueItem(title="Jane", status="waiting", text="Hello", thread=thread, actions=(claim,))
    await here.workplace.show_queue(here.bea, Queue(waiting=(item,)))
    home = here.slack.home(here.bea)
    assert home is not None
    assert (await here.slack.person_presses_in_view(here.bea, home["id"], "tb_do:claim:1")).ok
    act = await here.desk.wait("act")
    assert (act["thread"], act["action"]) == (thread, "claim")
    assert (await here.slack.person_presses_in_view(here.bea, home["id"], "tb_open:0")).ok


async def test_a_gesture_that_is_not_ours_gets_no_error(here: Peer) -> None:
    thread = await card(here)
    ack = await here.slack.person_runs_shortcut(here.bea, "of_an_older_version", here.room, thread.thread)
    assert ack.ok


async def test_slack_being_slow_about_who_she_is_does_not_lose_the_press(here: Peer) -> None:
    thread = await card(here)
    here.slack.faults.order("users.info", Fault(delay=1.0))
    assert (await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_do:claim:0")).ok
    assert (await here.desk.wait("act"))["agent"].agent_id == here.bea


async def test_the_environment_of_another_slack_app_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Bolt reads these by itself; the client's id and secret would make it wait for an OAuth installation.
    for name in ("BOT_TOKEN", "SIGNING_SECRET", "CLIENT_ID", "CLIENT_SECRET", "VERIFICATION_TOKEN", "APP_TOKEN"):
        monkeypatch.setenv(f"SLACK_{name}", "another-app")
    async with peer() as here:
        thread = await card(here)
        assert (await here.slack.person_presses(here.bea, here.room, thread.thread, "tb_do:claim:0")).ok
        await here.desk.wait("act")
