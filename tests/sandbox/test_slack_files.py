"""Files up and down, the live picture for a page, and the composer."""

import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.faults import Fault
from sandbox.slack import SlackSandbox
from sandbox.slack.blocks import check_message_blocks
from sandbox.slack.composer import compose, from_mrkdwn


@pytest.fixture
async def slack() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
def client(slack: SlackSandbox, session: aiohttp.ClientSession) -> AsyncWebClient:
    return AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/", session=session, retry_handlers=[])


@pytest.fixture
def room(slack: SlackSandbox) -> str:
    channel = slack.add_channel("support")
    slack.invite_bot(channel)
    return channel


async def test_an_upload_is_shared_a_little_later(
    slack: SlackSandbox, client: AsyncWebClient, session: aiohttp.ClientSession, room: str
) -> None:
    root = await client.chat_postMessage(channel=room, text="root")
    slot = await client.files_getUploadURLExternal(filename="a.pdf", length=4)
    async with session.post(slot["upload_url"], data=b"%PDF") as answer:
        assert (answer.status, await answer.text()) == (200, "OK - 4")
    done = await client.files_completeUploadExternal(
        files=[{"id": slot["file_id"], "title": "Offer"}],
        channel_id=room,
        thread_ts=root["ts"],
        initial_comment="here",
    )
    assert "ts" not in done.data
    assert (await client.files_info(file=slot["file_id"]))["file"]["shares"] == {}
    await slack.idle()
    message = slack.thread(room, root["ts"])[-1]
    assert (message["subtype"], message["text"], message["files"][0]["title"]) == ("file_share", "here", "Offer")
    shares = (await client.files_info(file=slot["file_id"]))["file"]["shares"]
    assert shares["public"][room][0]["ts"] == message["ts"]


async def test_the_sdk_uploads_in_one_go_and_deletes(slack: SlackSandbox, client: AsyncWebClient, room: str) -> None:
    done = await client.files_upload_v2(channel=room, content="hello", filename="a.txt")
    await slack.idle()
    assert slack.messages(room)[-1]["files"][0]["mimetype"] == "text/plain"
    await client.files_delete(file=done["file"]["id"])
    assert slack.messages(room)[-1]["files"][0] == {"id": done["file"]["id"], "mode": "tombstone"}
    with pytest.raises(SlackApiError, match="file_deleted"):
        await client.files_info(file=done["file"]["id"])


async def test_uploads_are_refused_as_slack_refuses_them(client: AsyncWebClient, room: str) -> None:
    with pytest.raises(SlackApiError, match="missing_argument"):
        await client.files_getUploadURLExternal(filename="a.txt", length=0)
    with pytest.raises(SlackApiError, match="alt_txt_too_large"):
        await client.files_getUploadURLExternal(filename="a.txt", length=1, alt_txt="x" * 1001)
    slot = await client.files_getUploadURLExternal(filename="a.txt", length=1)
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(files=[{"id": slot["file_id"], "title": "x"}], channel_id=room)


async def test_a_download_without_the_right_token_is_a_login_page(
    slack: SlackSandbox, session: aiohttp.ClientSession, room: str
) -> None:
    ann = slack.add_user("ann")
    await slack.person_posts(ann, room, "see", files=[("a.bin", "application/octet-stream", b"\x00\x01")])
    url = slack.messages(room)[-1]["files"][0]["url_private_download"]
    good = {"Authorization": "Bearer xoxb-sandbox"}
    async with session.get(url, headers=good) as answer:
        assert await answer.read() == b"\x00\x01"
    for headers in ({}, {"Authorization": "Bearer xoxb-wrong"}):
        async with session.get(url, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
    slack.world.scopes.discard("files:read")
    async with session.get(url, headers=good) as answer:
        assert answer.content_type == "text/html"
    slack.world.scopes.add("files:read")
    slack.faults.order("files.download", Fault(status=503))
    async with session.get(url, headers=good) as answer:
        assert answer.status == 503


async def test_files_of_a_shared_channel_may_come_as_stubs(slack: SlackSandbox, client: AsyncWebClient) -> None:
    channel = slack.add_channel("partners", external=True)
    slack.invite_bot(channel)
    otto = slack.add_user("otto", team="T0OTHER")
    slack.invite(channel, otto)
    slack.stub_files = True
    await slack.person_posts(otto, channel, "see", files=[("a.txt", "text/plain", b"x")])
    file_id = slack.messages(channel)[-1]["files"][0]["id"]
    assert (await client.files_info(file=file_id))["file"]["name"] == "a.txt"


async def test_avatars_are_pictures(
    slack: SlackSandbox, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    user = slack.add_user("cleo", color="#ff8800")
    url = (await client.users_info(user=user))["user"]["profile"]["image_48"]
    async with session.get(url) as answer:
        assert (await answer.read()).startswith(b"\x89PNG")


async def test_a_page_follows_and_catches_up(slack: SlackSandbox, client: AsyncWebClient, room: str) -> None:
    changes = slack.watch()
    sent = await client.chat_postMessage(channel=room, text="one")
    change = await anext(changes)
    assert (change["type"], change["message"]["text"]) == ("message_added", "one")
    await client.chat_update(channel=room, ts=sent["ts"], text="two")
    assert (await anext(changes))["type"] == "message_changed"
    await client.reactions_add(channel=room, timestamp=sent["ts"], name="eyes")
    assert (await anext(changes))["type"] == "reaction"
    await anext(changes)
    await client.chat_delete(channel=room, ts=sent["ts"])
    assert await anext(changes) == {"type": "message_deleted", "channel": room, "ts": sent["ts"]}
    picture = slack.snapshot()
    assert [channel["name"] for channel in json.loads(json.dumps(picture))["channels"]] == ["support"]
    for number in range(3_000):
        slack.world.watchers.tell({"type": "user", "number": number})
    assert (await anext(changes))["type"] == "resync"


async def test_typing_ends_with_the_next_post(slack: SlackSandbox, client: AsyncWebClient, room: str) -> None:
    root = await client.chat_postMessage(channel=room, text="root")
    await client.assistant_threads_setStatus(channel_id=room, thread_ts=root["ts"], status="is typing...")
    assert slack.typing(room, root["ts"]) == "is typing..."
    await client.chat_postMessage(channel=room, text="reply", thread_ts=root["ts"])
    assert slack.typing(room, root["ts"]) == ""


@pytest.mark.parametrize(
    ("typed", "text", "kinds"),
    [
        ("plain & <b>", "plain &amp; &lt;b&gt;", ["text"]),
        ("*a* _b_ ~c~ `d`", "*a* _b_ ~c~ `d`", ["text"] * 7),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4", ["text"]),
        ("👋🏿 :tada: :nonsense:", ":wave::skin-tone-6: :tada: :nonsense:", ["emoji", "text", "emoji", "text"]),
        ("❤️ 🇩🇪", ":heart: :flag-de:", ["emoji", "text", "emoji"]),
        ("https://a.example/x_y_z?q=1.", "<https://a.example/x_y_z?q=1>.", ["link", "text"]),
        ("to jane@example.com", "to <mailto:jane@example.com|jane@example.com>", ["text", "link"]),
        ("<!here> <@U1> <@U9>", "<!here> <@U1> &lt;@U9&gt;", ["broadcast", "text", "user", "text"]),
        ("`<@U1> & *x*`", "`&lt;@U1&gt; &amp; *x*`", ["text"]),
    ],
)
def test_the_composer_writes_rich_text(typed: str, text: str, kinds: list[str]) -> None:
    written, blocks = compose(typed, knows=lambda name: name == "U1")
    assert written == text
    check_message_blocks(blocks)
    assert [element["type"] for element in blocks[0]["elements"][0]["elements"]] == kinds


def test_the_composer_knows_lists_quotes_and_code() -> None:
    written, blocks = compose("hi\n- one\n- two\n> said\n```\ncode *x*\n```\n1. first")
    kinds = [piece["type"] for piece in blocks[0]["elements"]]
    assert kinds == [
        "rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted", "rich_text_list",
    ]  # fmt: skip
    assert written == "hi\n• one\n• two\n&gt; said\n```code *x*```\n1. first"


def test_an_apps_text_is_unescaped_in_its_blocks() -> None:
    (block,) = from_mrkdwn("a &lt;b&gt; &amp; *c*")
    texts = [element["text"] for element in block["elements"][0]["elements"]]
    assert texts == ["a <b> & ", "c"]


@given(st.text(alphabet=st.sampled_from("ab *_~`<>&@#!:|\n-1.>👍🏽é/https"), max_size=200))
@settings(max_examples=200, deadline=None)
def test_whatever_is_typed_makes_blocks_that_slack_takes(typed: str) -> None:
    for blocks in (compose(typed)[1], from_mrkdwn(typed)):
        if blocks:
            check_message_blocks(blocks)


@pytest.mark.parametrize("piece", ["x", "*a ", "_", "`", ":a", "<@U", "a@", "a.", "https://", "~ ", "> ", "&"])
def test_long_text_takes_no_long_time(piece: str) -> None:
    started = time.perf_counter()
    compose(piece * (40_000 // len(piece)))
    assert time.perf_counter() - started < 2
