"""Posts: files beside words, edits, deletes, marks, whispers, and finding a post again."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.places import PostRef, RoomRef
from core.contracts.posts import Action, QuotePreview
from core.contracts.richtext import Document
from core.contracts.text import from_plain
from core.contracts.workplace import Sign
from sandbox.faults import Fault
from tests.plugins.slack_peer import CARD, Json, Peer, peer, post, stored

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000


@pytest.fixture
async def here() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


def picture(folder: Path, data: bytes = PNG, **more: Any) -> Attachment:
    file = stored(folder, "cat.png", data, "image/png")
    return Attachment(kind=MediaKind.IMAGE, name="cat.png", mime="image/png", size=len(data), file=file, **more)


def words(message: Json) -> str:
    """Everything that a message's blocks say."""

    def strings(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [*([value["text"]] if isinstance(value.get("text"), str) else []), *strings(list(value.values()))]
        return list(itertools.chain.from_iterable(map(strings, value))) if isinstance(value, list) else []

    return " ".join(strings(message.get("blocks", [])))


async def test_a_picture_follows_its_words_in_the_thread(here: Peer, tmp_path: Path) -> None:
    thread = await here.open()
    content = Content(body=from_plain("Look"), attachments=(picture(tmp_path, alt="A cat"),))
    ref = await here.workplace.post(thread, post(key="k2", content=content))
    await here.settle()
    _, said, shown = here.thread(thread)
    assert (said["ts"], said["text"]) == (ref.post, "Look")
    assert shown["subtype"] == "file_share"
    (file,) = shown["files"]
    assert (file["name"], file["alt_txt"]) == ("cat.png", "A cat")
    assert here.slack.file_content(file["id"])[1] == PNG
    assert {call["key"] for call in here.desk.named("posted")} == {"k1", "k2"}


async def test_a_first_message_may_be_only_a_file(here: Peer, tmp_path: Path) -> None:
    thread = await here.open(content=Content(body=Document(), attachments=(picture(tmp_path),)))
    await here.settle()
    opening, shown = here.thread(thread)
    assert "cat.png" in words(opening)
    assert opening["text"] == "🖼️ cat.png"
    assert shown["thread_ts"] == thread.thread


@pytest.mark.parametrize("step", ["files.getUploadURLExternal", "files.upload"])
async def test_a_file_that_slack_cannot_take_now_leaves_nothing_behind(here: Peer, tmp_path: Path, step: str) -> None:
    thread = await here.open()
    content = Content(body=from_plain("Look"), attachments=(picture(tmp_path),))
    here.slack.faults.order(step, Fault(status=503, headers={"Retry-After": "7"}))
    with pytest.raises(TemporaryFailure):
        await here.workplace.post(thread, post(content=content))
    assert len(here.thread(thread)) == 1


async def test_a_file_that_slack_refuses_becomes_a_sentence(here: Peer, tmp_path: Path) -> None:
    thread = await here.open()
    content = Content(body=from_plain("Look"), attachments=(picture(tmp_path, data=b""),))
    await here.workplace.post(thread, post(key="k2", content=content))
    await here.settle()
    _, said = here.thread(thread)
    assert "cat.png: It is empty" in words(said)


async def test_a_file_that_cannot_be_shared_is_admitted(here: Peer, tmp_path: Path) -> None:
    thread = await here.open()
    content = Content(body=from_plain("Look"), attachments=(picture(tmp_path),))
    refused = {"ok": False, "error": "slack_connect_file_upload_sharing_blocked"}
    here.slack.faults.order("files.completeUploadExternal", Fault(status=200, body=refused))
    ref = await here.workplace.post(thread, post(key="k2", content=content))
    await here.settle()
    _, said = here.thread(thread)
    assert said["ts"] == ref.post
    assert "Look" in words(said)
    assert "cat.png: It could not be shown here." in words(said)


async def test_a_share_whose_answer_is_lost_is_not_shared_twice(here: Peer, tmp_path: Path) -> None:
    thread = await here.open()
    content = Content(body=from_plain("Look"), attachments=(picture(tmp_path),))
    here.slack.faults.order("files.completeUploadExternal", Fault(drop="after"))
    await here.workplace.post(thread, post(key="k2", content=content))
    await here.settle()
    assert [len(message.get("files", ())) for message in here.thread(thread)] == [0, 0, 1]
    assert "could not" not in words(here.thread(thread)[1])


async def test_a_post_in_doubt_is_found_and_its_files_are_brought(here: Peer, tmp_path: Path) -> None:
    thread = await here.open()
    since = datetime.now(UTC)
    content = Content(body=from_plain("Look"), attachments=(picture(tmp_path),))
    here.slack.faults.order("chat.postMessage", Fault(drop="after"))
    with pytest.raises(OutcomeUnknown):
        await here.workplace.post(thread, post(key="k2", content=content))
    room = RoomRef(workspace="acme", room=here.room)
    found = await here.workplace.find(room, thread, "k2", since)
    await here.settle()
    _, said, shown = here.thread(thread)
    assert found == PostRef(workspace="acme", room=here.room, thread=thread.thread, post=said["ts"])
    assert shown["files"][0]["name"] == "cat.png"
    assert await here.workplace.find(room, thread, "k3", since) is None


async def test_an_opening_in_doubt_is_found_in_the_room(here: Peer) -> None:
    since = datetime.now(UTC)
    here.slack.faults.order("chat.postMessage", Fault(status=500))
    with pytest.raises(OutcomeUnknown):
        await here.open()
    room = RoomRef(workspace="acme", room=here.room)
    assert await here.workplace.find(room, None, "k1", since) is None
    thread = await here.open()
    found = await here.workplace.find(room, None, "k1", since)
    assert found is not None
    assert (found.thread, found.post) == (thread.thread, thread.thread)


async def test_a_search_that_fails_stays_a_question(here: Peer) -> None:
    thread = await here.open()
    here.slack.faults.order("conversations.replies", Fault(status=500))
    with pytest.raises(OutcomeUnknown):
        await here.workplace.find(RoomRef(workspace="acme", room=here.room), thread, "k1", datetime.now(UTC))


async def test_another_apps_post_with_our_key_is_not_ours(here: Peer) -> None:
    thread = await here.open()
    here.slack.world.bot_id = "B0OTHER"
    found = await here.workplace.find(
        RoomRef(workspace="acme", room=here.room), thread, "k1", datetime.now(UTC) - timedelta(hours=1)
    )
    assert found is not None
    here.workplace._api.forget_identity()
    assert (
        await here.workplace.find(
            RoomRef(workspace="acme", room=here.room), thread, "k1", datetime.now(UTC) - timedelta(hours=1)
        )
        is None
    )


async def test_edits_and_deletes_show_in_place(here: Peer, tmp_path: Path) -> None:
    thread = await here.open()
    content = Content(body=from_plain("Look"), attachments=(picture(tmp_path),))
    ref = await here.workplace.post(thread, post(key="k2", content=content))
    await here.settle()
    await here.workplace.edit(ref, post("Look there", key="k2", edited=True))
    _, said, _ = here.thread(thread)
    assert "Look there" in words(said)
    assert "Edited by the customer" in words(said)
    assert said["metadata"]["event_payload"]["key"] == "k2"
    await here.workplace.edit(ref, post(key="k2", content=Content(), deleted=True))
    _, said, shown = here.thread(thread)
    assert words(said) == "🗑️ Deleted by the customer"
    assert shown["files"] == [{"id": shown["files"][0]["id"], "mode": "tombstone"}]


async def test_the_card_is_redrawn_around_the_first_message(here: Peer) -> None:
    thread = await here.open("My order is late")
    claimed = type(CARD)(title="Jane · WhatsApp", status="Claimed by Bea", status_emoji="🙋")
    await here.workplace.update_opening(thread, claimed, post("My order is late"))
    (opening,) = here.thread(thread)
    assert "🙋 Claimed by Bea" in words(opening)
    assert "My order is late" in words(opening)


async def test_a_quote_shows_author_and_leads_to_the_message(here: Peer) -> None:
    thread = await here.open()
    ref = await here.workplace.post(thread, post("First", key="k2"))
    await here.workplace.post(
        thread, post("Second", key="k3", quote=QuotePreview(author="Jane", text="First", post=ref))
    )
    _, _, said = here.thread(thread)
    quote = said["blocks"][0]["elements"][0]
    assert quote["type"] == "rich_text_quote"
    link = quote["elements"][0]
    answer = await here.workplace._api.call("chat.getPermalink", channel=here.room, message_ts=ref.post)
    assert (link["text"], link["url"]) == ("Jane", answer["permalink"])


async def test_one_mark_replaces_another(here: Peer) -> None:
    thread = await here.open()
    ts = await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    ref = PostRef(workspace="acme", room=here.room, thread=thread.thread, post=ts)

    def marks() -> list[str]:
        return [entry["name"] for entry in here.thread(thread)[-1].get("reactions", ())]

    await here.workplace.sign(ref, Sign.PENDING)
    await here.workplace.sign(ref, Sign.PENDING)
    assert marks() == ["hourglass_flowing_sand"]
    await here.workplace.sign(ref, Sign.DELIVERED)
    assert marks() == ["white_check_mark"]
    # Another process put the mark there; this one has never heard of it.
    here.workplace._signs.drop(f"{ref.room}:{ref.post}")
    here.workplace._started = datetime.now(UTC) + timedelta(hours=1)
    await here.workplace.sign(ref, Sign.FAILED)
    assert marks() == ["warning"]
    await here.workplace.sign(ref, None)
    assert marks() == []
    await here.settle()
    assert here.desk.named("reacted") == []


async def test_customers_reactions_come_and_go(here: Peer) -> None:
    thread = await here.open()
    ts = await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    ref = PostRef(workspace="acme", room=here.room, thread=thread.thread, post=ts)
    await here.workplace.react(ref, "👍🏽", added=True)
    assert here.thread(thread)[-1]["reactions"][0]["name"] == "+1::skin-tone-4"
    await here.workplace.react(ref, "👍🏽", added=False)
    assert "reactions" not in here.thread(thread)[-1]


async def test_a_whisper_is_for_one_agent_and_its_buttons_know_their_thread(here: Peer) -> None:
    thread = await here.open()
    await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    await here.workplace.whisper(
        thread, here.bea, "Not sent: <!here> *really*", [Action(id="retry", label="Retry", value="m1")]
    )
    (entry,) = here.slack.ephemerals(here.bea)
    assert entry["text"] == "Not sent: &lt;!here&gt; *really*"
    assert entry["thread_ts"] == thread.thread
    ack = await here.slack.person_presses(here.bea, here.room, entry["ts"], "tb_do:retry:0")
    assert ack.ok
    act = await here.desk.wait("act")
    assert (act["thread"], act["action"], act["value"]) == (thread, "retry", "m1")


async def test_a_whisper_to_somebody_outside_is_no_failure(here: Peer) -> None:
    thread = await here.open()
    stranger = here.slack.add_user("cleo")
    await here.workplace.whisper(thread, stranger, "Hello")


async def test_typing_shows_and_never_fails(here: Peer) -> None:
    thread = await here.open()
    await here.workplace.show_typing(thread, "Jane")
    assert here.slack.typing(here.room, thread.thread) == "is typing…"
    [said] = [call.arguments for call in here.slack.calls if call.method == "assistant.threads.setStatus"]
    assert said["username"] == "Jane"
    here.slack.faults.order("assistant.threads.setStatus", Fault(status=500))
    await here.workplace.show_typing(thread, "Jane")


async def test_rooms_and_permalinks(here: Peer) -> None:
    thread = await here.open()
    here.slack.add_channel("elsewhere", members=[here.bea])
    assert await here.workplace.rooms() == [(here.room, "support")]
    assert await here.workplace.rooms() == [(here.room, "support")]
    assert sum(call.method == "conversations.list" for call in here.slack.calls) == 1
    here.slack.rename_channel(here.room, "help")
    await here.settle()
    assert await here.workplace.rooms() == [(here.room, "help")]
    address = await here.workplace.permalink(thread)
    assert address == here.workplace._permalink(thread)
    assert await here.workplace.check() == "Slack workspace Sandbox (T0SANDBOX1), as @threadbridge"
    here.slack.world.scopes.discard("reactions:write")
    assert "lacks reactions:write" in await here.workplace.check()


async def test_a_token_of_another_workspace_is_refused() -> None:
    async with peer(team="T0OTHER") as here:
        with pytest.raises(PermanentFailure, match="T0SANDBOX1"):
            await here.workplace.check()


def refusal(error: str, **more: Any) -> Fault:
    return Fault(status=200, body={"ok": False, "error": error, **more})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=429, headers={"Retry-After": "30"}), TemporaryFailure),
        (refusal("rate_limited"), TemporaryFailure),
        (Fault(status=503, headers={"Retry-After": "3"}), TemporaryFailure),
        (refusal("service_unavailable"), TemporaryFailure),
        (Fault(status=500), OutcomeUnknown),
        (Fault(status=502), OutcomeUnknown),
        (refusal("internal_error"), OutcomeUnknown),
        (Fault(drop="before"), OutcomeUnknown),
        (Fault(drop="after"), OutcomeUnknown),
        (Fault(delay=2.5), OutcomeUnknown),
        (refusal("channel_not_found"), DestinationUnavailable),
        (refusal("is_archived"), DestinationUnavailable),
        (refusal("not_in_channel"), DestinationUnavailable),
        (refusal("restricted_action"), DestinationUnavailable),
        (refusal("thread_not_found"), DestinationUnavailable),
        (refusal("invalid_auth"), CredentialsRejected),
        (refusal("token_revoked"), CredentialsRejected),
        (refusal("account_inactive"), CredentialsRejected),
        (refusal("missing_scope", needed="chat:write.customize"), PermanentFailure),
        (refusal("no_text"), PermanentFailure),
        (refusal("something_new"), PermanentFailure),
    ],
    ids=str,
)
async def test_a_refusal_is_what_the_core_does_next(here: Peer, fault: Fault, kind: type[Exception]) -> None:
    thread = await here.open()
    here.slack.faults.order("chat.postMessage", fault)
    with pytest.raises(kind) as caught:
        await here.workplace.post(thread, post(key="k2"))
    assert type(caught.value) is kind
    if "Retry-After" in fault.headers:
        assert isinstance(caught.value, TemporaryFailure)
        assert caught.value.retry_after == float(fault.headers["Retry-After"])
    if fault.body and fault.body.get("needed"):
        assert "chat:write.customize" in str(caught.value)


async def test_a_refused_connection_was_surely_not_sent(here: Peer, unused_tcp_port: int) -> None:
    thread = await here.open()
    here.workplace._api.client.base_url = f"http://127.0.0.1:{unused_tcp_port}/api/"
    with pytest.raises(TemporaryFailure) as caught:
        await here.workplace.post(thread, post())
    assert type(caught.value) is TemporaryFailure


async def test_what_may_be_repeated_is_never_in_doubt(here: Peer) -> None:
    thread = await here.open()
    ref = PostRef(workspace="acme", room=here.room, thread=thread.thread, post=thread.thread)
    for fault in (Fault(status=500), Fault(drop="after")):
        here.slack.faults.order("chat.update", fault)
        with pytest.raises(TemporaryFailure) as caught:
            await here.workplace.edit(ref, post())
        assert type(caught.value) is TemporaryFailure


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long"])
async def test_refused_blocks_go_out_as_plain_words_once(here: Peer, error: str) -> None:
    thread = await here.open()
    here.slack.faults.order("chat.postMessage", refusal(error))
    await here.workplace.post(thread, post("Plain words", key="k2"))
    assert here.thread(thread)[-1]["text"] == "Plain words"
    here.slack.faults.order("chat.postMessage", refusal(error), times=2)
    with pytest.raises(PermanentFailure):
        await here.workplace.post(thread, post("Plain words", key="k3"))


async def test_the_real_limits_of_a_channel_answer_with_their_wait() -> None:
    async with peer(limits=True) as here:
        thread = await here.open()

        async def burst() -> None:
            for number in range(20):
                await here.workplace.post(thread, post(key=f"k{number + 2}"))

        with pytest.raises(TemporaryFailure) as caught:
            await burst()
        assert caught.value.retry_after
        assert await asyncio.wait_for(here.workplace.check(), 2)
