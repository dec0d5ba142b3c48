"""Buttons, modals, shortcuts, commands and App Homes, answered by the real Bolt over HTTP and over a socket."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import NotPossible, SlackSandbox

Json = dict[str, Any]


class Clock:
    def __init__(self) -> None:
        self.now = 1_780_000_000.0

    def __call__(self) -> float:
        return self.now


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


CARD: list[Json] = [
    {"type": "section", "text": plain("A card")},
    {
        "type": "actions",
        "block_id": "do",
        "elements": [
            {"type": "button", "action_id": "note", "text": plain("Note"), "value": "7"},
            {"type": "button", "action_id": "gone", "text": plain("Gone")},
            {"type": "static_select", "action_id": "status", "options": [{"text": plain("Open"), "value": "open"}]},
            {"type": "external_select", "action_id": "who"},
        ],
    },
]
MODAL: Json = {
    "type": "modal",
    "callback_id": "note",
    "title": plain("Note"),
    "submit": plain("Save"),
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "text",
            "label": plain("Text"),
            "element": {"type": "plain_text_input", "action_id": "value", "max_length": 10},
        }
    ],
}


class Product:
    """A Bolt app with one listener of each kind, and what they heard."""

    def __init__(self, slack: SlackSandbox) -> None:
        self.client = AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/")
        self.app = AsyncApp(client=self.client, signing_secret=slack.signing_secret)
        self.heard: list[Json] = []
        self.answer: Json = {}
        app = self.app
        app.action("note")(self._note)
        app.action("status")(self._remember)
        app.options("who")(self._who)
        app.view("note")(self._submitted)
        app.view_closed("note")(self._remember)
        app.shortcut("reply")(self._remember)
        app.shortcut("search")(self._remember)
        app.command("/threadbridge")(self._command)
        app.event("app_home_opened")(self._home)
        app.event("message")(self._nothing)
        app.event("member_joined_channel")(self._nothing)

    async def _nothing(self) -> None:
        """Takes the event."""

    async def _remember(self, ack: Any, body: Json) -> None:
        self.heard.append(body)
        await ack()

    async def _note(self, ack: Any, body: Json) -> None:
        await self._remember(ack, body)
        await self.client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    async def _who(self, ack: Any, body: Json) -> None:
        self.heard.append(body)
        await ack(options=[{"text": plain(body["value"]), "value": "U1"}])

    async def _submitted(self, ack: Any, body: Json) -> None:
        self.heard.append(body)
        await ack(**self.answer)

    async def _command(self, ack: Any, body: Json) -> None:
        self.heard.append(body)
        await ack(text=f"you said {body['text']}")

    async def _home(self, event: Json, client: AsyncWebClient) -> None:
        self.heard.append(event)
        view = {"type": "home", "blocks": [{"type": "header", "text": plain("Queue")}]}
        await self.client.views_publish(user_id=event["user"], view=view)

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        return await to_aiohttp_response(await self.app.async_dispatch(await to_bolt_request(request)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(limits=False, clock=clock) as server:
        yield server


@pytest.fixture
def ann(slack: SlackSandbox) -> str:
    return slack.add_user("ann")


@pytest.fixture
def room(slack: SlackSandbox, ann: str) -> str:
    channel = slack.add_channel("support", members=[ann])
    slack.invite_bot(channel)
    return channel


@pytest.fixture(params=["http", "socket"])
async def product(request: pytest.FixtureRequest, slack: SlackSandbox, room: str) -> AsyncIterator[Product]:
    made = Product(slack)
    if request.param == "http":
        application = web.Application()
        application.router.add_post("/slack", made.endpoint)
        async with TestServer(application) as server:
            slack.connect_events(str(server.make_url("/slack")))
            yield made
        return
    handler = AsyncSocketModeHandler(made.app, app_token="xapp-sandbox", web_client=made.client)
    await handler.connect_async()
    await slack.until_connected()
    yield made
    await handler.close_async()


@pytest.fixture
async def card(product: Product, room: str) -> str:
    sent = await product.client.chat_postMessage(channel=room, text="A card", blocks=CARD)
    return str(sent["ts"])


async def test_a_press_opens_a_modal_that_is_submitted(
    slack: SlackSandbox, product: Product, room: str, card: str, ann: str
) -> None:
    changes = slack.watch()
    assert (await slack.person_presses(ann, room, card, "note", value="7")).ok
    while (await anext(changes))["type"] != "view_opened":
        pass
    (body,) = product.heard
    assert body["actions"][0]["value"] == "7"
    assert body["container"] == {
        "type": "message", "message_ts": card, "channel_id": room, "is_ephemeral": False,
    }  # fmt: skip
    (view,) = slack.views_open(ann)
    with pytest.raises(NotPossible, match="must be filled in"):
        await slack.person_submits_view(ann, view["id"])
    with pytest.raises(NotPossible, match="0 to 10 characters"):
        await slack.person_submits_view(ann, view["id"], {"text": "far too long for it"})
    product.answer = {"response_action": "errors", "errors": {"text": "Say more"}}
    ack = await slack.person_submits_view(ann, view["id"], {"text": "ok"})
    assert ack.body["errors"] == {"text": "Say more"}
    assert slack.views_open(ann)
    product.answer = {}
    assert (await slack.person_submits_view(ann, view["id"], {"text": "better"})).ok
    assert product.heard[-1]["view"]["state"]["values"]["text"]["value"]["value"] == "better"
    assert not slack.views_open(ann)


async def test_a_modal_is_answered_with_another_and_closed(
    slack: SlackSandbox, product: Product, room: str, card: str, ann: str
) -> None:
    changes = slack.watch()
    await slack.person_presses(ann, room, card, "note")
    while (await anext(changes))["type"] != "view_opened":
        pass
    (view,) = slack.views_open(ann)
    product.answer = {"response_action": "push", "view": {**MODAL, "callback_id": "second", "notify_on_close": False}}
    await slack.person_submits_view(ann, view["id"], {"value": "x"})
    lower, upper = slack.views_open(ann)
    assert upper["previous_view_id"] == lower["id"] == upper["root_view_id"]
    await slack.person_closes_view(ann, upper["id"])
    assert await slack.person_closes_view(ann, lower["id"]) is not None
    assert product.heard[-1]["type"] == "view_closed"
    assert not slack.views_open(ann)


async def test_choices_and_searches(slack: SlackSandbox, product: Product, room: str, card: str, ann: str) -> None:
    await slack.person_selects(ann, room, card, "status", "open")
    action = product.heard[-1]["actions"][0]
    assert action["selected_option"]["value"] == "open"
    assert product.heard[-1]["state"]["values"]["do"]["status"]["selected_option"]["value"] == "open"
    with pytest.raises(NotPossible, match="no option"):
        await slack.person_selects(ann, room, card, "status", "closed")
    ack = await slack.person_searches(ann, "who", "jan", channel=room, ts=card)
    assert ack.body["options"][0]["value"] == "U1"


async def test_a_press_that_nobody_listens_to_is_an_error(
    slack: SlackSandbox, product: Product, room: str, card: str, ann: str
) -> None:
    slack.delivery.patience = 0.2
    ack = await slack.person_presses(ann, room, card, "gone")
    assert not ack.ok
    assert ack.error in {"http_error", "timeout"}
    with pytest.raises(NotPossible, match="there are: gone, note, status, who"):
        await slack.person_presses(ann, room, card, "nonsense")


async def test_shortcuts_and_commands(slack: SlackSandbox, product: Product, room: str, card: str, ann: str) -> None:
    assert (await slack.person_runs_shortcut(ann, "reply", room, card)).ok
    body = product.heard[-1]
    assert (body["type"], body["message"]["ts"], body["channel"]["id"]) == ("message_action", card, room)
    assert (await slack.person_runs_shortcut(ann, "search")).ok
    assert product.heard[-1]["type"] == "shortcut"
    assert (await slack.person_slash(ann, "/threadbridge", "queue", room)).ok
    assert product.heard[-1]["channel_id"] == room
    assert slack.ephemerals(ann)[-1]["text"] == "you said queue"


async def test_a_home_is_published_when_it_is_opened(slack: SlackSandbox, product: Product, ann: str) -> None:
    changes = slack.watch()
    await slack.person_opens_home(ann)
    while (await anext(changes))["type"] != "home":
        pass
    home = slack.home(ann)
    assert home is not None
    assert home["blocks"][0]["text"]["text"] == "Queue"
    view = {"type": "home", "blocks": []}
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await product.client.views_publish(user_id=ann, view=view, hash="old")
    await product.client.views_publish(user_id=ann, view=view, hash=home["hash"])


@pytest.fixture
async def client(slack: SlackSandbox) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/", session=session, retry_handlers=[])


async def test_a_trigger_works_once_and_soon(
    slack: SlackSandbox, client: AsyncWebClient, clock: Clock, ann: str
) -> None:
    trigger = slack.views.trigger(ann)
    view = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=trigger, view=MODAL)
    late = slack.views.trigger(ann)
    clock.now += 3.1
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=late, view=MODAL)
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await client.views_open(trigger_id="1.2.3", view=MODAL)
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=view["id"], hash="old", view=MODAL)
    updated = await client.views_update(view_id=view["id"], hash=view["hash"], view={**MODAL, "title": plain("New")})
    assert updated["view"]["title"]["text"] == "New"
    assert updated["view"]["hash"] != view["hash"]


async def test_modals_stack_three_deep(slack: SlackSandbox, client: AsyncWebClient, ann: str) -> None:
    view = (await client.views_open(trigger_id=slack.views.trigger(ann), view=MODAL))["view"]
    for _ in range(2):
        view = (await client.views_push(trigger_id=slack.views.trigger(ann, view=view["id"]), view=MODAL))["view"]
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=slack.views.trigger(ann, view=view["id"]), view=MODAL)


async def test_a_response_url_is_good_for_five_answers_in_half_an_hour(
    slack: SlackSandbox, client: AsyncWebClient, clock: Clock, room: str, ann: str
) -> None:
    ts = str((await client.chat_postMessage(channel=room, text="A card", blocks=CARD))["ts"])
    url = slack.responses.new(user=ann, channel=room, message_ts=ts)
    async with aiohttp.ClientSession() as session:

        async def say(address: str, **body: Any) -> tuple[int, str]:
            async with session.post(address, json=body) as answer:
                return answer.status, await answer.text()

        assert await say(url, text="only you") == (200, "ok")
        assert slack.ephemerals(ann)[-1]["text"] == "only you"
        assert (await say(url, text="done", replace_original=True))[0] == 200
        assert slack.messages(room)[-1]["text"] == "done"
        assert (await say(url, text="all", response_type="in_channel", thread_ts=ts))[0] == 200
        assert slack.thread(room, ts)[-1]["text"] == "all"
        whisper = slack.responses.new(user=ann, channel=room, message_ts=slack.ephemerals(ann)[-1]["ts"])
        await say(whisper, text="changed", replace_original=True)
        assert [entry["text"] for entry in slack.ephemerals(ann)] == ["changed"]
        await say(whisper, delete_original=True)
        assert slack.ephemerals(ann) == []
        assert (await say(url, blocks=[{"type": "nonsense"}]))[0] == 400
        await say(url, text="4")
        await say(url, text="5")
        assert "used_url" in (await say(url, text="6"))[1]
        old = slack.responses.new(user=ann, channel=room)
        clock.now += 30 * 60 + 1
        assert "expired_url" in (await say(old, text="late"))[1]
