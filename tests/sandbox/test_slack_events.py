"""The sandbox's events, received by the real Bolt over HTTP and over sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.faults import Fault
from sandbox.slack import SlackSandbox
from sandbox.slack.world import DEFAULT_BOT_EVENTS

Body = dict[str, Any]


class Heard:
    """What the app heard, in the order in which it came."""

    def __init__(self) -> None:
        self.bodies: list[Body] = []
        self._changed = asyncio.Condition()

    async def add(self, body: Body) -> None:
        async with self._changed:
            self.bodies.append(body)
            self._changed.notify_all()

    async def until(self, enough: Callable[[list[Body]], bool]) -> list[Body]:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: enough(self.bodies))
        return self.bodies

    async def event(self, kind: str, subtype: str | None = None) -> Body:
        """The newest event of this kind."""

        def fits(body: Body) -> bool:
            event = body.get("event", body)
            return event["type"] == kind and event.get("subtype") == subtype

        await self.until(lambda bodies: any(fits(body) for body in bodies))
        return next(body for body in reversed(self.bodies) if fits(body))

    @property
    def texts(self) -> list[str]:
        return [body["event"].get("text", "") for body in self.bodies if body["event"]["type"] == "message"]


@asynccontextmanager
async def listening(slack: SlackSandbox, heard: Heard) -> AsyncIterator[None]:
    """A Bolt app on a real port, as our product mounts it."""
    client = AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/")
    app = AsyncApp(client=client, signing_secret=slack.signing_secret, ignoring_self_events_enabled=False)

    async def remember(body: Body) -> None:
        await heard.add(body)

    for name in {name.partition(".")[0] for name in slack.world.bot_events} | {"app_rate_limited"}:
        app.event(name)(remember)

    async def endpoint(request: web.Request) -> web.StreamResponse:
        answer = await app.async_dispatch(await to_bolt_request(request))
        return await to_aiohttp_response(answer)

    application = web.Application()
    application.router.add_post("/slack/events", endpoint)
    async with TestServer(application) as server:
        slack.connect_events(str(server.make_url("/slack/events")))
        yield


@pytest.fixture
async def slack() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(limits=False, bot_events=DEFAULT_BOT_EVENTS | {"file_deleted"}) as server:
        yield server


@pytest.fixture
def ann(slack: SlackSandbox) -> str:
    return slack.add_user("ann")


@pytest.fixture
def room(slack: SlackSandbox, ann: str) -> str:
    channel = slack.add_channel("support", members=[ann])
    slack.invite_bot(channel)
    return channel


@pytest.fixture
async def heard(slack: SlackSandbox, room: str) -> AsyncIterator[Heard]:
    ears = Heard()
    async with listening(slack, ears):
        yield ears


async def test_a_reply_arrives_signed_in_its_envelope(slack: SlackSandbox, heard: Heard, room: str, ann: str) -> None:
    assert await slack.verify_events_url()
    root = await slack.person_posts(ann, room, "root")
    await slack.person_posts(ann, room, "a *reply* 👍🏽 to <@" + slack.bot_user_id + ">", root)
    body = (await heard.until(lambda bodies: len(bodies) == 2))[1]
    event = body["event"]
    assert body["type"] == "event_callback"
    assert body["authorizations"][0]["user_id"] == slack.bot_user_id
    assert (event["thread_ts"], event["channel_type"], event["user"]) == (root, "channel", ann)
    assert event["text"] == f"a *reply* :+1::skin-tone-4: to <@{slack.bot_user_id}>"
    kinds = [element["type"] for element in event["blocks"][0]["elements"][0]["elements"]]
    assert kinds == ["text", "text", "text", "emoji", "text", "user"]


async def test_our_own_messages_echo_with_their_metadata(slack: SlackSandbox, heard: Heard, room: str) -> None:
    client = AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/")
    metadata = {"event_type": "threadbridge", "event_payload": {"id": "7"}}
    sent = await client.chat_postMessage(channel=room, text="hello", metadata=metadata)
    event = (await heard.event("message"))["event"]
    assert (event["ts"], event["bot_id"], event["metadata"]) == (sent["ts"], slack.world.bot_id, metadata)


async def test_edits_deletes_and_previews(slack: SlackSandbox, heard: Heard, room: str, ann: str) -> None:
    ts = await slack.person_posts(ann, room, "frist")
    await slack.person_edits(ann, room, ts, "first")
    edited = (await heard.event("message", "message_changed"))["event"]
    assert (edited["message"]["text"], edited["previous_message"]["text"]) == ("first", "frist")
    assert edited["message"]["edited"]["user"] == ann
    heard.bodies.clear()
    slack.unfurl(room, ts)
    preview = (await heard.event("message", "message_changed"))["event"]
    assert preview["hidden"]
    assert preview["message"]["text"] == preview["previous_message"]["text"]
    assert preview["message"]["edited"] == preview["previous_message"]["edited"]
    await slack.person_deletes(ann, room, ts)
    deleted = (await heard.event("message", "message_deleted"))["event"]
    assert deleted["deleted_ts"] == ts
    root = await slack.person_posts(ann, room, "root")
    await slack.person_posts(ann, room, "reply", root)
    await slack.idle()
    heard.bodies.clear()
    await slack.person_deletes(ann, room, root)
    assert (await heard.event("message", "message_changed"))["event"]["message"]["subtype"] == "tombstone"


async def test_a_person_shares_files(slack: SlackSandbox, heard: Heard, room: str, ann: str) -> None:
    ts = await slack.person_posts(ann, room, "see", files=[("a.png", "image/png", b"\x89PNG")])
    event = (await heard.event("message", "file_share"))["event"]
    assert (event["files"][0]["name"], event["files"][0]["size"]) == ("a.png", 4)
    await slack.person_deletes(ann, room, ts)
    assert (await heard.event("file_deleted"))["event"]["file_id"] == event["files"][0]["id"]


async def test_a_failed_delivery_comes_again_with_its_reason() -> None:
    seen: list[tuple[str | None, str | None]] = []
    answers = iter([500, 503, 404, 200])

    async def endpoint(request: web.Request) -> web.Response:
        seen.append((request.headers.get("x-slack-retry-num"), request.headers.get("x-slack-retry-reason")))
        return web.Response(status=next(answers))

    application = web.Application()
    application.router.add_post("/", endpoint)
    async with SlackSandbox(retry_delays=(0, 0, 0)) as slack, TestServer(application) as server:
        slack.connect_events(str(server.make_url("/")))
        room = slack.add_channel("support")
        slack.world.bot_events.discard("member_joined_channel")
        slack.invite_bot(room)
        await slack.idle()
        assert seen == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
        assert not slack.lost_events
        assert [entry.status for entry in slack.deliveries] == [500, 503, 404, 200]


async def test_no_retry_is_respected() -> None:
    async def endpoint(_request: web.Request) -> web.Response:
        return web.Response(status=500, headers={"x-slack-no-retry": "1"})

    application = web.Application()
    application.router.add_post("/", endpoint)
    async with SlackSandbox(retry_delays=(0, 0, 0)) as slack, TestServer(application) as server:
        slack.connect_events(str(server.make_url("/")))
        slack.revoke_token()
        await slack.idle()
        assert len(slack.deliveries) == 1
        assert slack.lost_events[0]["event"]["type"] == "tokens_revoked"


async def test_an_answer_that_takes_too_long_is_a_timeout(room: str, ann: str) -> None:
    release = asyncio.Event()

    async def endpoint(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    application = web.Application()
    application.router.add_post("/", endpoint)
    async with SlackSandbox(retry_delays=(), patience=0.05) as slack, TestServer(application) as server:
        slack.connect_events(str(server.make_url("/")))
        slack.revoke_token()
        await slack.idle()
        release.set()
        assert slack.deliveries[0].reason == "http_timeout"


async def test_duplicates_and_disorder_come_to_order(slack: SlackSandbox, heard: Heard, room: str, ann: str) -> None:
    slack.deliver_twice = True
    await slack.person_posts(ann, room, "once")
    bodies = await heard.until(lambda bodies: len(bodies) == 2)
    assert bodies[0]["event_id"] == bodies[1]["event_id"]
    slack.deliver_twice = False
    heard.bodies.clear()
    slack.hold_events()
    for text in ("one", "two", "three"):
        await slack.person_posts(ann, room, text)
    slack.release_events(order="reversed")
    await heard.until(lambda bodies: len(bodies) == 3)
    assert heard.texts == ["three", "two", "one"]


async def test_a_lost_event_and_a_lost_answer_both_lead_to_a_redelivery(
    slack: SlackSandbox, heard: Heard, room: str, ann: str
) -> None:
    slack.faults.order("event", Fault(drop="before"))
    await slack.person_posts(ann, room, "lost on the way")
    await heard.until(lambda bodies: len(bodies) == 1)
    slack.faults.order("event", Fault(drop="after"))
    await slack.person_posts(ann, room, "answer lost")
    await heard.until(lambda bodies: len(bodies) == 3)
    assert heard.texts == ["lost on the way", "answer lost", "answer lost"]


async def test_nothing_is_heard_from_where_the_bot_is_not(
    slack: SlackSandbox, heard: Heard, room: str, ann: str
) -> None:
    elsewhere = slack.add_channel("elsewhere", members=[ann])
    await slack.person_posts(ann, elsewhere, "secret")
    slack.remove_bot(room, by=ann)
    await slack.person_posts(ann, room, "alone")
    left = await heard.event("channel_left")
    assert left["event"]["actor_id"] == ann
    await slack.idle()
    assert heard.texts == []


async def test_the_life_of_a_channel(slack: SlackSandbox, heard: Heard, room: str, ann: str) -> None:
    slack.rename_channel(room, "help")
    assert (await heard.event("channel_rename"))["event"]["channel"]["name"] == "help"
    slack.share_channel(room, "T0OTHER")
    otto = slack.add_user("otto", team="T0OTHER")
    await slack.person_posts(otto, room, "hello from outside")
    shared = await heard.event("message")
    assert (shared["team_id"], shared["is_ext_shared_channel"]) == ("T0OTHER", True)
    assert shared["event"]["user_team"] == "T0OTHER"
    new = slack.change_channel_id(room)
    changed = (await heard.event("channel_id_changed"))["event"]
    assert (changed["old_channel_id"], changed["new_channel_id"]) == (room, new)
    slack.archive_channel(new, by=ann)
    assert (await heard.event("channel_archive"))["event"]["channel"] == new
    slack.unarchive_channel(new)
    slack.delete_channel(new)
    await heard.event("channel_deleted")
    slack.change_user(ann, deleted=True)
    assert (await heard.event("user_change"))["event"]["user"]["deleted"]
    slack.uninstall_app()
    await heard.event("app_uninstalled")
    await heard.event("tokens_revoked")


async def test_socket_mode_brings_events_and_reconnects(slack: SlackSandbox, room: str, ann: str) -> None:
    heard = Heard()
    client = AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/")
    app = AsyncApp(client=client, ignoring_self_events_enabled=False)

    async def remember(body: Body) -> None:
        await heard.add(body)

    app.event("message")(remember)
    app.event("member_joined_channel")(remember)
    handler = AsyncSocketModeHandler(app, app_token="xapp-sandbox", web_client=client)
    try:
        await handler.connect_async()
        await slack.until_connected()
        await slack.person_posts(ann, room, "by socket")
        await heard.event("message")
        assert heard.texts[-1] == "by socket"
        await slack.sockets.disconnect("refresh_requested")
        await slack.until_connected()
        await slack.person_posts(ann, room, "after the refresh")
        await heard.until(lambda _bodies: "after the refresh" in heard.texts)
    finally:
        await handler.close_async()


async def test_a_frame_without_acknowledgement_comes_again_on_some_socket() -> None:
    async with SlackSandbox(retry_delays=(0,), patience=0.1) as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(base_url=f"{slack.url}/api/", session=session)
        sockets = []
        for number in range(2):
            url = (await client.apps_connections_open(app_token="xapp-sandbox"))["url"]
            socket = await session.ws_connect(url)
            assert (await socket.receive_json())["num_connections"] == number + 1
            sockets.append(socket)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        slack.revoke_token()
        frames = [await socket.receive_json(timeout=5) for socket in sockets]
        frames.sort(key=lambda frame: frame["retry_attempt"])
        assert [frame["retry_attempt"] for frame in frames] == [0, 1]
        assert frames[1]["retry_reason"] == "timeout"
        assert frames[0]["payload"]["event_id"] == frames[1]["payload"]["event_id"]
        assert not frames[0]["accepts_response_payload"]
        await slack.idle()
        assert len(slack.lost_events) == 1


async def test_a_cut_connection_loses_no_event(slack: SlackSandbox, room: str, ann: str) -> None:
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(base_url=f"{slack.url}/api/", session=session)

        async def connect() -> aiohttp.ClientWebSocketResponse:
            socket = await session.ws_connect((await client.apps_connections_open(app_token="xapp-sandbox"))["url"])
            assert (await socket.receive_json())["type"] == "hello"
            return socket

        first = await connect()
        slack.sockets.cut()
        assert (await first.receive(timeout=5)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        second = await connect()
        await slack.person_posts(ann, room, "still here")
        frame = await second.receive_json(timeout=5)
        assert frame["payload"]["event"]["text"] == "still here"
        await second.send_json({"envelope_id": frame["envelope_id"]})
        await slack.idle()
        assert slack.deliveries[-1].reason == ""


async def test_too_many_events_are_announced(slack: SlackSandbox) -> None:
    bodies = []

    async def endpoint(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.Response()

    application = web.Application()
    application.router.add_post("/", endpoint)
    async with TestServer(application) as server:
        slack.connect_events(str(server.make_url("/")))
        slack.limit_app_rate()
        await slack.idle()
    assert bodies[0]["type"] == "app_rate_limited"
    assert "event" not in bodies[0]


async def test_an_echo_may_come_before_the_answer(slack: SlackSandbox, heard: Heard, room: str) -> None:
    slack.echo_before_answer = True
    client = AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/")
    call = asyncio.create_task(client.chat_postMessage(channel=room, text="hello"))
    await heard.event("message")
    assert not call.done()
    assert (await call)["ok"]
