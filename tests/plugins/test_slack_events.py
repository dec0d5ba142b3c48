"""What happens in the workspace, as one desk call each; and what must not reach the desk at all."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.contracts.content import MediaKind
from core.contracts.errors import CredentialsRejected, PermanentFailure, TemporaryFailure
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Queue, QueueItem
from core.contracts.richtext import Mark, Mention, Paragraph, Text
from core.contracts.text import plain
from core.contracts.workplace import RoomChange, Standing
from sandbox.faults import Fault
from tests.plugins.slack_peer import Peer, peer, post, until


@pytest.fixture
async def here() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


async def says(here: Peer, text: str, **more: Any) -> dict[str, Any]:
    """What the desk hears when Bea writes that in a customer's thread."""
    thread = await here.open()
    await here.slack.person_posts(here.bea, here.room, text, thread.thread, **more)
    return await here.desk.wait("said")


async def test_formatting_arrives_as_a_tree(here: Peer) -> None:
    said = await says(here, "Hello *you*\n\nsee `x` and ~no~")
    bold, code, strike = ({mark} for mark in (Mark.BOLD, Mark.CODE, Mark.STRIKE))
    first, second = said["content"].body.blocks
    assert first == Paragraph(inlines=(Text(text="Hello "), Text(text="you", marks=frozenset(bold))))
    assert second.inlines[1] == Text(text="x", marks=frozenset(code))
    assert second.inlines[3] == Text(text="no", marks=frozenset(strike))


async def test_mentions_carry_names(here: Peer) -> None:
    cleo = here.slack.add_user("cleo")
    said = await says(here, f"<@{cleo}> please look in <#{here.room}>")
    mentions = [inline for inline in said["content"].body.blocks[0].inlines if isinstance(inline, Mention)]
    assert [(mention.kind, mention.id, mention.label) for mention in mentions] == [
        ("user", cleo, "@Cleo"),
        ("room", here.room, "#support"),
    ]


async def test_also_send_to_channel_is_a_reply_like_any_other(here: Peer) -> None:
    said = await says(here, "For all to see", broadcast=True)
    assert plain(said["content"].body) == "For all to see"


async def test_a_pasted_link_to_a_message_is_a_quote(here: Peer) -> None:
    thread = await here.open()
    ref = await here.workplace.post(thread, post("Which size?", key="k2"))
    answer = await here.workplace._api.call("chat.getPermalink", channel=here.room, message_ts=ref.post)
    await here.slack.person_posts(here.bea, here.room, f"{answer['permalink']} Size 42", thread.thread)
    said = await here.desk.wait("said")
    assert said["quote"] == ref
    assert plain(said["content"].body) == "Size 42"


async def test_what_is_no_reply_is_not_said(here: Peer) -> None:
    thread = await here.open()
    await here.slack.person_posts(here.bea, here.room, "A new root")
    here.slack.unfurl(here.room, thread.thread)
    await here.workplace.post(thread, post(key="k2"))
    cleo = here.slack.add_user("cleo")
    here.slack.invite(here.room, cleo)
    await here.settle()
    assert here.desk.named("said") == here.desk.named("revised") == here.desk.named("room_changed") == []


async def test_a_file_is_fetched_when_it_is_wanted(here: Peer) -> None:
    data = bytes(range(256)) * 1000
    said = await says(here, "", files=[("invoice.pdf", "application/pdf", data)])
    (file,) = said["content"].attachments
    assert (file.kind, file.name, file.mime, file.size) == (
        MediaKind.FILE,
        "invoice.pdf",
        "application/pdf",
        len(data),
    )
    assert b"".join([chunk async for chunk in here.workplace.fetch(file.source)]) == data


async def test_a_sign_in_page_is_not_taken_for_the_file(here: Peer) -> None:
    said = await says(here, "", files=[("cat.png", "image/png", b"x")])
    source = said["content"].attachments[0].source
    here.slack.remove_bot(here.room)
    with pytest.raises(PermanentFailure, match="sign in"):
        [chunk async for chunk in here.workplace.fetch(source)]


async def test_a_file_that_is_html_is_a_file(here: Peer) -> None:
    page = b"<!doctype html><html>mine</html>"
    said = await says(here, "", files=[("page.html", "text/html", page)])
    source = said["content"].attachments[0].source
    assert b"".join([chunk async for chunk in here.workplace.fetch(source)]) == page


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=429, headers={"Retry-After": "2"}), TemporaryFailure),
        (Fault(status=500), TemporaryFailure),
        (Fault(status=401), CredentialsRejected),
        (Fault(status=404), PermanentFailure),
        (Fault(status=302, headers={"Location": "https://evil.example/x"}), PermanentFailure),
        (Fault(status=302, headers={"Location": "http://169.254.169.254/latest"}), PermanentFailure),
        (Fault(drop="before"), TemporaryFailure),
    ],
    ids=str,
)
async def test_a_download_that_fails_says_why(here: Peer, fault: Fault, kind: type[Exception]) -> None:
    said = await says(here, "", files=[("cat.png", "image/png", b"x")])
    # A broken connection is opened once more by aiohttp itself, as reading twice does no harm.
    here.slack.faults.order("files.download", fault, times=2)
    with pytest.raises(kind):
        [chunk async for chunk in here.workplace.fetch(said["content"].attachments[0].source)]


async def test_redirects_within_slack_are_followed_and_circles_left(here: Peer) -> None:
    said = await says(here, "", files=[("cat.png", "image/png", b"x")])
    (file,) = here.slack.world.files.values()
    address = here.slack.world.file_json(file)["url_private"]
    here.slack.faults.order("files.download", Fault(status=302, headers={"Location": address}), times=2)
    source = said["content"].attachments[0].source
    assert b"".join([chunk async for chunk in here.workplace.fetch(source)]) == b"x"
    here.slack.faults.stand("files.download", Fault(status=302, headers={"Location": address}))
    with pytest.raises(PermanentFailure, match="circle"):
        [chunk async for chunk in here.workplace.fetch(source)]


async def test_a_file_over_the_cap_is_refused() -> None:
    async with peer(max_file=10) as here:
        said = await says(here, "", files=[("cat.png", "image/png", b"x" * 11)])
        with pytest.raises(PermanentFailure, match="larger"):
            [chunk async for chunk in here.workplace.fetch(said["content"].attachments[0].source)]


async def test_an_edit_revises_and_a_link_preview_does_not(here: Peer) -> None:
    thread = await here.open()
    ts = await here.slack.person_posts(here.bea, here.room, "Se https://example.com", thread.thread)
    here.slack.unfurl(here.room, ts)
    await here.settle()
    assert here.desk.named("revised") == []
    await here.slack.person_edits(here.bea, here.room, ts, "See https://example.com")
    revised = await here.desk.wait("revised")
    assert revised["post"] == PostRef(workspace="acme", room=here.room, thread=thread.thread, post=ts)
    assert plain(revised["content"].body) == "See https://example.com"


async def test_a_delete_revises_to_nothing(here: Peer) -> None:
    thread = await here.open()
    ts = await here.slack.person_posts(here.bea, here.room, "Oops", thread.thread)
    await here.slack.person_deletes(here.bea, here.room, ts)
    revised = await here.desk.wait("revised")
    assert (revised["post"].post, revised["post"].thread, revised["content"]) == (ts, thread.thread, None)


async def test_reactions_reach_the_desk_as_emoji(here: Peer) -> None:
    thread = await here.open()
    await here.slack.person_reacts(here.bea, here.room, thread.thread, "white_check_mark")
    await here.slack.person_unreacts(here.bea, here.room, thread.thread, "white_check_mark")
    await here.desk.wait("reacted", 2)
    assert [(call["emoji"], call["added"], call["post"].post) for call in here.desk.named("reacted")] == [
        ("✅", True, thread.thread),
        ("✅", False, thread.thread),
    ]


async def test_a_guest_is_a_guest_unless_guests_may_answer() -> None:
    for allowed, standing in ((False, Standing.GUEST), (True, Standing.MEMBER)):
        async with peer(allow_guests=allowed) as here:
            guest = here.slack.add_user("gus", guest=True)
            here.slack.invite(here.room, guest)
            thread = await here.open()
            await here.slack.person_posts(guest, here.room, "Hi", thread.thread)
            assert (await here.desk.wait("said"))["agent"].standing == standing


async def test_people_of_another_organisation_are_outsiders(here: Peer) -> None:
    room = here.slack.add_channel("shared", members=[here.bea], external=True)
    here.slack.invite_bot(room)
    olga = here.slack.add_user("olga", team="T0OTHER")
    here.slack.invite(room, olga)
    thread = await here.workplace.post(ThreadRef(workspace="acme", room=room, thread=""), post())
    await here.slack.person_posts(olga, room, "Hi from outside", thread.post)
    assert (await here.desk.wait("said"))["agent"].standing == Standing.OUTSIDER


async def test_a_person_is_asked_for_once_and_again_when_she_changed(here: Peer) -> None:
    thread = await here.open()
    for _ in range(3):
        await here.slack.person_posts(here.bea, here.room, "Hi", thread.thread)
    await here.settle()
    assert sum(call.method == "users.info" for call in here.slack.calls) == 1
    here.slack.change_user(here.bea, deleted=True)
    await here.settle()
    assert (await here.workplace.agent(here.bea)).standing == Standing.OUTSIDER


async def test_what_happens_to_a_room_is_told(here: Peer) -> None:
    slack, room = here.slack, here.room
    slack.rename_channel(room, "help")
    slack.archive_channel(room)
    slack.unarchive_channel(room)
    slack.share_channel(room, "T0OTHER")
    slack.unshare_channel(room, "T0OTHER")
    slack.remove_bot(room)
    slack.invite_bot(room)
    moved = slack.change_channel_id(room)
    slack.delete_channel(moved)
    await here.settle()
    changes = [(call["room"].room, call["change"], call["detail"]) for call in here.desk.named("room_changed")]
    assert changes == [
        (room, RoomChange.RENAMED, "help"),
        (room, RoomChange.CLOSED, ""),
        (room, RoomChange.OPENED, ""),
        (room, RoomChange.SHARED, ""),
        (room, RoomChange.OPENED, ""),
        (room, RoomChange.CLOSED, ""),
        (room, RoomChange.OPENED, ""),
        (room, RoomChange.MOVED, moved),
        (moved, RoomChange.CLOSED, ""),
    ]
    assert here.desk.named("room_changed")[0]["room"] == RoomRef(workspace="acme", room=room)


async def test_a_revoked_token_is_trouble_until_it_works_again(here: Peer) -> None:
    await here.workplace.check()
    here.slack.revoke_token()
    await here.settle()
    assert any(trouble and "revoked" in trouble for trouble in here.troubles)
    with pytest.raises(CredentialsRejected):
        await here.open()
    here.slack.restore_token()
    await until(lambda: here.troubles[-1] is None)
    await here.open()


async def test_app_home_shows_the_queue_and_skips_what_looks_the_same(here: Peer) -> None:
    thread = await here.open()
    here.desk.next_queue = Queue(
        mine=(QueueItem(title="Jane · WhatsApp", status="waiting 4 min", text="Where is it?", thread=thread),),
        troubles=("Telegram does not answer.",),
    )
    await here.slack.person_opens_home(here.bea)
    await here.desk.wait("queue")
    await here.settle()
    home = here.slack.home(here.bea)
    assert home is not None
    button = next(block for block in home["blocks"] if block["type"] == "actions")["elements"][0]
    assert button["url"] == await here.workplace.permalink(thread)
    await here.slack.person_opens_home(here.bea)
    await here.slack.person_opens_home(here.bea, tab="messages")
    await here.settle()
    assert sum(call.method == "views.publish" for call in here.slack.calls) == 1
