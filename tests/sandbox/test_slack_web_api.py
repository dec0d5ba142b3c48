"""The sandbox's Web API, asked by the real SDK."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.faults import Fault
from sandbox.slack import NotPossible, SlackSandbox


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_780_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(clock=clock) as server:
        yield server


@pytest.fixture
async def client(slack: SlackSandbox) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/", session=session, retry_handlers=[])


@pytest.fixture
def ann(slack: SlackSandbox) -> str:
    return slack.add_user("ann", "Ann Agent", "ann@example.com", "Europe/Berlin")


@pytest.fixture
def room(slack: SlackSandbox, ann: str) -> str:
    channel = slack.add_channel("support", members=[ann])
    slack.invite_bot(channel)
    return channel


async def refused(call: object) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call  # type: ignore[misc]
    return str(caught.value.response["error"])


async def test_says_who_we_are(client: AsyncWebClient, slack: SlackSandbox) -> None:
    answer = await client.auth_test()
    assert (answer["user_id"], answer["team_id"]) == (slack.bot_user_id, "T0SANDBOX1")
    assert slack.calls[-1].method == "auth.test"
    assert slack.calls[-1].token == "bot"


async def test_posts_and_replies_in_a_thread(client: AsyncWebClient, slack: SlackSandbox, room: str) -> None:
    root = await client.chat_postMessage(channel=room, text="Jane asks")
    first = await client.chat_postMessage(channel=room, text="one", thread_ts=root["ts"])
    second = await client.chat_postMessage(channel=room, text="two", thread_ts=root["ts"], reply_broadcast=True)
    assert root["ts"] < first["ts"] < second["ts"]
    thread = await client.conversations_replies(channel=room, ts=root["ts"])
    assert [message["text"] for message in thread["messages"]] == ["Jane asks", "one", "two"]
    assert thread["messages"][0]["reply_count"] == 2
    shown = [message["text"] for message in slack.messages(room)]
    assert shown[-2:] == ["Jane asks", "two"]


async def test_replies_come_in_pages_headed_by_the_root(client: AsyncWebClient, slack: SlackSandbox, ann: str) -> None:
    channel = slack.add_channel("busy", members=[ann])
    slack.invite_bot(channel)
    root = await slack.person_posts(ann, channel, "root")
    for number in range(5):
        await slack.person_posts(ann, channel, f"reply {number}", root)
    pages = []
    cursor = ""
    while True:
        answer = await client.conversations_replies(channel=channel, ts=root, limit=2, cursor=cursor)
        pages.append([message["text"] for message in answer["messages"]])
        if not answer["has_more"]:
            break
        cursor = answer["response_metadata"]["next_cursor"]
    assert pages == [["root", "reply 0", "reply 1"], ["root", "reply 2", "reply 3"], ["root", "reply 4"]]


async def test_metadata_is_kept_and_shown_only_when_asked_for(client: AsyncWebClient, room: str) -> None:
    metadata = {"event_type": "threadbridge", "event_payload": {"id": "1"}}
    sent = await client.chat_postMessage(channel=room, text="x", metadata=metadata)
    plain = await client.conversations_history(channel=room, oldest=sent["ts"], inclusive=True)
    assert "metadata" not in plain["messages"][0]
    full = await client.conversations_history(
        channel=room, oldest=sent["ts"], inclusive=True, include_all_metadata=True
    )
    assert full["messages"][0]["metadata"] == metadata
    huge = {"event_type": "threadbridge", "event_payload": {"id": "x" * 9000}}
    assert await refused(client.chat_postMessage(channel=room, text="x", metadata=huge)) == "metadata_too_large"


async def test_a_persona_needs_its_scope_and_survives_updates(
    client: AsyncWebClient, slack: SlackSandbox, room: str
) -> None:
    sent = await client.chat_postMessage(channel=room, text="hi", username="Jane (WhatsApp)", icon_emoji=":wave:")
    assert sent["message"]["subtype"] == "bot_message"
    assert sent["message"]["username"] == "Jane (WhatsApp)"
    changed = await client.chat_update(channel=room, ts=sent["ts"], text="hi there", username="Somebody else")
    assert changed["message"]["username"] == "Jane (WhatsApp)"
    slack.world.scopes.discard("chat:write.customize")
    sent = await client.chat_postMessage(channel=room, text="hi", username="Jane (WhatsApp)")
    assert "username" not in sent["message"]


async def test_update_keeps_blocks_only_while_no_text_comes(client: AsyncWebClient, room: str) -> None:
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": "card"}}]
    sent = await client.chat_postMessage(channel=room, text="fallback", blocks=blocks)
    attachments = [{"fallback": "more", "text": "more"}]
    kept = await client.chat_update(channel=room, ts=sent["ts"], attachments=attachments)
    assert kept["message"]["blocks"][0]["type"] == "section"
    assert "edited" not in kept["message"]
    plain = await client.chat_update(channel=room, ts=sent["ts"], text="words")
    assert plain["message"]["blocks"][0]["type"] == "rich_text"
    assert plain["message"]["edited"]["user"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "x", "thread_ts": "0"}, "invalid_thread_ts"),
        ({"blocks": "not json", "text": "x"}, "invalid_blocks_format"),
        ({"blocks": [{"type": "divider"}] * 51, "text": "x"}, "invalid_blocks"),
        ({"markdown_text": "x", "text": "x"}, "markdown_text_conflict"),
        ({"metadata": {"event_type": "a"}, "text": "x"}, "invalid_metadata_format"),
    ],
)
async def test_refuses_what_slack_refuses(
    client: AsyncWebClient, room: str, arguments: dict[str, object], error: str
) -> None:
    assert await refused(client.api_call("chat.postMessage", json={"channel": room, **arguments})) == error


async def test_long_text_is_cut_in_a_post_and_refused_in_an_update(client: AsyncWebClient, room: str) -> None:
    sent = await client.chat_postMessage(channel=room, text="x" * 50_000, blocks=[{"type": "divider"}])
    assert len(sent["message"]["text"]) == 40_000
    assert await refused(client.chat_update(channel=room, ts=sent["ts"], text="x" * 4_001)) == "msg_too_long"


async def test_a_place_the_bot_is_not_in(client: AsyncWebClient, slack: SlackSandbox, ann: str) -> None:
    public = slack.add_channel("general", members=[ann])
    private = slack.add_channel("board", private=True, members=[ann])
    assert await refused(client.chat_postMessage(channel=public, text="x")) == "not_in_channel"
    assert await refused(client.chat_postMessage(channel=private, text="x")) == "channel_not_found"
    slack.invite_bot(public)
    slack.archive_channel(public)
    assert await refused(client.chat_postMessage(channel=public, text="x")) == "is_archived"


async def test_a_deleted_root_with_replies_leaves_a_tombstone(
    client: AsyncWebClient, slack: SlackSandbox, room: str, ann: str
) -> None:
    root = await client.chat_postMessage(channel=room, text="root")
    reply = await slack.person_posts(ann, room, "reply", root["ts"])
    await client.chat_delete(channel=room, ts=root["ts"])
    assert slack.thread(room, root["ts"])[0]["subtype"] == "tombstone"
    await slack.person_deletes(ann, room, reply)
    assert await refused(client.conversations_replies(channel=room, ts=root["ts"])) == "thread_not_found"
    gone = client.chat_postMessage(channel=room, text="late", thread_ts=root["ts"])
    assert await refused(gone) == "thread_not_found"


async def test_only_our_own_messages_can_be_changed(
    client: AsyncWebClient, slack: SlackSandbox, room: str, ann: str
) -> None:
    ts = await slack.person_posts(ann, room, "mine")
    assert await refused(client.chat_update(channel=room, ts=ts, text="yours")) == "cant_update_message"
    assert await refused(client.chat_delete(channel=room, ts=ts)) == "cant_delete_message"
    assert await refused(client.chat_update(channel=room, ts="1.000001", text="x")) == "message_not_found"


async def test_an_ephemeral_message_reaches_one_member(
    client: AsyncWebClient, slack: SlackSandbox, room: str, ann: str
) -> None:
    outsider = slack.add_user("zoe")
    sent = await client.chat_postEphemeral(channel=room, user=ann, text="psst")
    assert [entry["text"] for entry in slack.ephemerals(ann)] == ["psst"]
    assert "psst" not in [message["text"] for message in slack.messages(room)]
    assert sent["message_ts"]
    assert await refused(client.chat_postEphemeral(channel=room, user=outsider, text="x")) == "user_not_in_channel"


async def test_people_are_found_by_id_and_address(client: AsyncWebClient, slack: SlackSandbox, ann: str) -> None:
    found = (await client.users_info(user=ann))["user"]
    assert (found["tz"], found["profile"]["email"]) == ("Europe/Berlin", "ann@example.com")
    assert (await client.users_lookupByEmail(email="Ann@Example.com"))["user"]["id"] == ann
    stranger = slack.add_user("otto", email="otto@other.example", team="T0OTHER")
    other = (await client.users_info(user=stranger))["user"]
    assert other["is_stranger"]
    assert "email" not in other["profile"]
    assert await refused(client.users_lookupByEmail(email="otto@other.example")) == "users_not_found"
    slack.world.scopes.discard("users:read")
    with pytest.raises(SlackApiError) as caught:
        await client.users_info(user=ann)
    assert caught.value.response["needed"] == "users:read"


async def test_reactions_are_counted_once_per_person(
    client: AsyncWebClient, slack: SlackSandbox, room: str, ann: str
) -> None:
    ts = await slack.person_posts(ann, room, "done?")
    await client.reactions_add(channel=room, timestamp=ts, name="white_check_mark")
    again = client.reactions_add(channel=room, timestamp=ts, name="white_check_mark")
    assert await refused(again) == "already_reacted"
    await slack.person_reacts(ann, room, ts, "white_check_mark")
    message = (await client.reactions_get(channel=room, timestamp=ts))["message"]
    assert message["reactions"] == [{"name": "white_check_mark", "users": [slack.bot_user_id, ann], "count": 2}]
    await client.reactions_remove(channel=room, timestamp=ts, name="white_check_mark")
    gone = client.reactions_remove(channel=room, timestamp=ts, name="white_check_mark")
    assert await refused(gone) == "no_reaction"


async def test_a_fourth_message_within_a_second_is_one_too_many(
    client: AsyncWebClient, room: str, clock: Clock
) -> None:
    for number in range(3):
        await client.chat_postMessage(channel=room, text=str(number))
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=room, text="four")
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.headers["Retry-After"] == "1"
    clock.now += 1
    await client.chat_postMessage(channel=room, text="four")


async def test_tiers_limit_each_method_by_itself(client: AsyncWebClient, room: str, clock: Clock) -> None:
    for _ in range(20):
        await client.conversations_list()
    assert await refused(client.conversations_list()) == "ratelimited"
    await client.conversations_info(channel=room)
    clock.now += 3
    await client.conversations_list()


async def test_a_lifted_limit_lets_everything_through(ann: str) -> None:
    async with SlackSandbox(limits=False) as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/", session=session, retry_handlers=[])
        room = slack.add_channel("support")
        slack.invite_bot(room)
        await asyncio.gather(*(client.chat_postMessage(channel=room, text=str(number)) for number in range(50)))
        stamps = [message["ts"] for message in slack.messages(room)]
        assert len(set(stamps)) == 51
        assert stamps == sorted(stamps)


async def test_tokens_are_told_apart(client: AsyncWebClient, slack: SlackSandbox) -> None:
    assert await refused(client.auth_test(token="xoxb-wrong")) == "invalid_auth"
    assert await refused(client.auth_test(token="xapp-sandbox")) == "not_allowed_token_type"
    assert await refused(client.apps_connections_open(app_token="xoxb-sandbox")) == "not_allowed_token_type"
    async with aiohttp.ClientSession() as session, session.post(f"{slack.url}/api/auth.test") as answer:
        assert await answer.json() == {"ok": False, "error": "not_authed"}
    slack.revoke_token()
    assert await refused(client.auth_test()) == "token_revoked"
    slack.uninstall_app()
    assert await refused(client.auth_test()) == "account_inactive"
    slack.restore_token()
    assert (await client.auth_test())["ok"]


async def test_arguments_may_stand_anywhere(slack: SlackSandbox, room: str) -> None:
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    async with aiohttp.ClientSession(headers=headers) as session:
        query = {"channel": room}
        async with session.post(f"{slack.url}/api/chat.postMessage", params=query, json={"text": "j"}) as answer:
            body = await answer.json()
            assert body["ok"]
            assert body["warning"] == "missing_charset"
        async with session.post(f"{slack.url}/api/chat.postMessage", params=query, data={"text": "f"}) as answer:
            assert (await answer.json())["message"]["text"] == "f"
        async with session.get(f"{slack.url}/api/nonsense") as answer:
            assert (await answer.json())["error"] == "unknown_method"


async def test_faults_come_to_order(client: AsyncWebClient, slack: SlackSandbox, room: str) -> None:
    slack.faults.order("chat.postMessage", Fault(drop="after"))
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=room, text="lost answer")
    assert slack.messages(room)[-1]["text"] == "lost answer"
    slack.faults.order("chat.postMessage", Fault(status=503, body={"ok": False, "error": "service_unavailable"}))
    assert await refused(client.chat_postMessage(channel=room, text="x")) == "service_unavailable"
    assert (slack.calls[-1].status, slack.calls[-1].arguments["text"]) == (503, "x")
    slack.faults.order("chat.postMessage", Fault(drop="before"))
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=room, text="never arrived")
    assert slack.messages(room)[-1]["text"] == "lost answer"


async def test_a_person_cannot_do_what_slack_does_not_offer(slack: SlackSandbox, room: str, ann: str) -> None:
    bob = slack.add_user("bob")
    private = slack.add_channel("board", private=True, members=[ann])
    ts = await slack.person_posts(ann, room, "hello")
    with pytest.raises(NotPossible, match="not by"):
        await slack.person_edits(bob, room, ts, "mine")
    with pytest.raises(NotPossible, match="cannot join"):
        await slack.person_posts(bob, private, "let me in")
    with pytest.raises(NotPossible, match="no message"):
        await slack.person_posts(ann, room, "reply", "1.000001")


async def test_channels_are_listed_joined_and_left(client: AsyncWebClient, slack: SlackSandbox, ann: str) -> None:
    public = slack.add_channel("general", members=[ann])
    slack.add_channel("board", private=True, members=[ann])
    listed = await client.conversations_list(types="public_channel,private_channel")
    assert [(channel["name"], channel["is_member"]) for channel in listed["channels"]] == [("general", False)]
    assert await refused(client.conversations_join(channel=public)) == "missing_scope"
    slack.world.scopes.add("channels:join")
    await client.conversations_join(channel=public)
    assert (await client.conversations_members(channel=public))["members"] == [ann, slack.bot_user_id]
    assert (await client.conversations_info(channel=public))["channel"]["is_member"]
    assert slack.messages(public)[-1]["subtype"] == "channel_join"
    direct = await client.conversations_open(users=ann)
    sent = await client.chat_postMessage(channel=ann, text="psst")
    assert sent["channel"] == direct["channel"]["id"] == slack.direct(ann)


async def test_links_and_places(client: AsyncWebClient, slack: SlackSandbox, room: str, ann: str) -> None:
    root = await slack.person_posts(ann, room, "root")
    reply = await slack.person_posts(ann, room, "reply", root)
    link = (await client.chat_getPermalink(channel=room, message_ts=reply))["permalink"]
    assert link.endswith(f"/archives/{room}/p{reply.replace('.', '')}?thread_ts={root}&cid={room}")
    assert (await client.team_info())["team"]["domain"] == "sandbox"
    assert (await client.bots_info(bot=slack.world.bot_id))["bot"]["user_id"] == slack.bot_user_id
    assert ann in [member["id"] for member in (await client.users_list())["members"]]


async def test_a_thread_that_never_was_swallows_its_replies(
    client: AsyncWebClient, slack: SlackSandbox, room: str
) -> None:
    before = len(slack.messages(room))
    await client.chat_postMessage(channel=room, text="into the void", thread_ts="1700000000.000001")
    assert len(slack.messages(room)) == before
    assert await refused(client.conversations_replies(channel=room, ts="1700000000.000001")) == "thread_not_found"


async def test_a_block_kit_mistake_names_its_place(client: AsyncWebClient, room: str) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=room, text="x", blocks=blocks)
    assert caught.value.response["errors"] == ["must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]
    many = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2700}} for _ in range(5)]
    assert await refused(client.chat_postMessage(channel=room, text="x", blocks=many)) == "msg_blocks_too_long"
