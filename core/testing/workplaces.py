"""The contract suite of a workplace: what every one must do, driven through the people who look at it.

class TestPigeon(WorkplaceContract):
    @pytest.fixture
    async def peer(self, tmp_path) -> AsyncIterator[WorkplacePeer]:
        async with pigeon_peer() as peer:
            yield peer
"""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core import discovery
from core.contracts.actions import ActionId
from core.contracts.content import Attachment, Content, MediaKind, StoredFile
from core.contracts.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action, Author, Card, Fact, Post, Queue, QueueItem, Tone
from core.contracts.richtext import Document, Link, Mention, Paragraph, Quote, Text
from core.contracts.text import from_plain
from core.contracts.workplace import Manifest, Sign, Standing, WorkplaceSpec
from core.testing import hostile
from core.testing.specs import check_readme, check_settings
from core.testing.workplace_peer import Trouble, WorkplacePeer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 500
CARD = Card(
    title="Jane · WhatsApp",
    status="Open",
    status_emoji="🟢",
    facts=(Fact(label="Page", value="Checkout"),),
    actions=(Action(id=ActionId.CLAIM, label="Claim"), Action(id=ActionId.NOTE, label="Note", asks=True)),
    hint="Start with // for a note.",
)
#: Everything that a workplace may take for a mention, a link or markup.
HOSTILE = "<!channel> <!here> <@U123456> <at>everyone</at> @channel *b* _i_ `c` [x](http://evil.example) <script>a()"


class WorkplaceSpecContract:
    """Set `name`, or parametrise `office`: what can be said of a workplace without talking to it."""

    name = ""

    @pytest.fixture
    def office(self) -> str:
        return self.name

    @pytest.fixture
    def spec(self, office: str) -> WorkplaceSpec[Any]:
        return discovery.workplaces()[office]

    def test_the_spec_is_named_after_its_folder(self, spec: WorkplaceSpec[Any], office: str) -> None:
        assert spec.name == office
        assert spec.title.strip()

    def test_settings_are_frozen_closed_and_silent(self, spec: WorkplaceSpec[Any]) -> None:
        check_settings(spec.settings)

    def test_its_limits_make_sense(self, spec: WorkplaceSpec[Any]) -> None:
        has = spec.capabilities
        assert has.max_text > 0
        assert has.max_file >= 0
        for rate in (has.room_rate, has.workspace_rate):
            assert rate is None or (rate.gap.total_seconds() > 0 and rate.burst > 0)

    def test_the_readme_tells_what_an_operator_needs(self, spec: WorkplaceSpec[Any], office: str) -> None:
        folder = discovery.workplaces().folder(office) or Path(inspect.getfile(spec.settings)).parent
        check_readme(folder, spec.settings)

    def test_the_manifest_is_the_same_each_time(self, spec: WorkplaceSpec[Any]) -> None:
        def made(url: str) -> Manifest | str | None:
            try:
                return spec.manifest(url, None)
            except ValueError as missing:
                return str(missing)

        for url in ("", "https://bridge.example"):
            assert made(url) == made(url) != ""


class WorkplaceContract:
    """Give it the fixture `peer`, and pytest runs the rest."""

    @pytest.fixture
    async def thread(self, peer: WorkplacePeer) -> ThreadRef:
        return await peer.workplace.open_thread(peer.room, CARD, said("My order is late", key="first"))

    async def test_an_opening_is_card_and_first_message(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        assert (thread.workspace, thread.room) == (peer.room.workspace, peer.room.room)
        (opening,) = await peer.shown(thread)
        for words in ("Jane · WhatsApp", "Open", "Checkout", "My order is late", "Claim"):
            assert words in opening.text
        assert opening.post == thread.thread

    async def test_an_opening_holds_as_much_of_the_message_as_it_says(self, peer: WorkplacePeer) -> None:
        words = " ".join(f"word{number}" for number in range(320))
        thread = await peer.workplace.open_thread(peer.room, CARD, said(words, key="long"))
        (opening,) = await peer.shown(thread)
        assert "word0 word1" in opening.text
        assert ("word319" in opening.text) == peer.spec.capabilities.opening_holds_message

    async def test_posts_follow_in_order_under_their_authors(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        refs = [await peer.workplace.post(thread, said(f"Number {n}", key=f"k{n}")) for n in range(3)]
        _, *posts = await peer.shown(thread)
        assert [post.post for post in posts] == [ref.post for ref in refs]
        for number, post in enumerate(posts):
            assert f"Number {number}" in post.text
            assert post.author == "Jane (WhatsApp)"
        assert all((ref.workspace, ref.room, ref.thread) == _place(thread) for ref in refs)

    async def test_an_edit_changes_a_post_in_place(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        ref = await peer.workplace.post(thread, said("Two lamps", key="k1"))
        await peer.workplace.edit(ref, replace(said("Three lamps", key="k1"), edited=True))
        _, post = await peer.shown(thread)
        assert "Three lamps" in post.text
        assert "Two lamps" not in post.text
        await peer.workplace.edit(ref, replace(said("", key="k1"), deleted=True))
        _, post = await peer.shown(thread)
        assert "Three lamps" not in post.text

    async def test_the_opening_is_redrawn(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        claimed = replace(CARD, status="Claimed by Bea", status_emoji="🙋")
        await peer.workplace.update_opening(thread, claimed, said("My order is late", key="first"))
        (opening,) = await peer.shown(thread)
        assert "Claimed by Bea" in opening.text
        assert "My order is late" in opening.text

    async def test_a_post_is_found_by_its_key(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        ref = await peer.workplace.post(thread, said("Hello", key="k1"))
        assert await peer.workplace.find(peer.room, thread, "k1", since) == ref
        assert await peer.workplace.find(peer.room, thread, "never-sent", since) is None
        opening = await peer.workplace.find(peer.room, None, "first", since)
        assert opening is not None
        assert opening.thread == opening.post == thread.thread

    async def test_a_lost_answer_is_in_doubt_and_then_found(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        peer.order("post", Trouble.LOST)
        with pytest.raises(OutcomeUnknown):
            await peer.workplace.post(thread, said("Hello", key="k1"))
        found = await peer.workplace.find(peer.room, thread, "k1", since)
        _, post = await peer.shown(thread)
        assert found is not None
        assert found.post == post.post

    async def test_a_lost_opening_is_in_doubt_and_then_found(self, peer: WorkplacePeer) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        peer.order("open_thread", Trouble.LOST)
        with pytest.raises(OutcomeUnknown):
            await peer.workplace.open_thread(peer.room, CARD, said("Hello", key="k0"))
        found = await peer.workplace.find(peer.room, None, "k0", since)
        assert found is not None
        (opening,) = await peer.shown(ThreadRef(workspace=found.workspace, room=found.room, thread=found.thread))
        assert opening.post == found.post

    async def test_a_failure_in_doubt_that_did_nothing_is_known_after_a_look(
        self, peer: WorkplacePeer, thread: ThreadRef
    ) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        peer.order("post", Trouble.BROKEN)
        with pytest.raises(OutcomeUnknown):
            await peer.workplace.post(thread, said("Hello", key="k1"))
        assert await peer.workplace.find(peer.room, thread, "k1", since) is None

    async def test_a_search_that_fails_stays_a_question(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        peer.order("find", Trouble.BROKEN)
        with pytest.raises(OutcomeUnknown):
            await peer.workplace.find(peer.room, thread, "k1", datetime.now(UTC) - timedelta(minutes=1))

    @pytest.mark.parametrize("verb", ["open_thread", "post", "edit", "update_opening"])
    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            (Trouble.THROTTLED, TemporaryFailure),
            (Trouble.REVOKED, CredentialsRejected),
            (Trouble.GONE, DestinationUnavailable),
            (Trouble.REFUSED, PermanentFailure),
        ],
    )
    async def test_each_refusal_says_what_comes_next(
        self, peer: WorkplacePeer, thread: ThreadRef, verb: str, trouble: Trouble, error: type[Exception]
    ) -> None:
        ref = await peer.workplace.post(thread, said("Hello", key="k1"))
        before = await peer.shown(thread)
        peer.order(verb, trouble)
        with pytest.raises(error) as raised:
            await _call(peer, verb, thread, ref)
        assert str(raised.value).strip(), "an error is a sentence"
        assert not isinstance(raised.value, OutcomeUnknown)
        if isinstance(raised.value, TemporaryFailure):
            assert raised.value.retry_after, "the vendor named the seconds to wait"
        assert isinstance(raised.value, DestinationUnavailable) == (trouble is Trouble.GONE)
        assert await peer.shown(thread) == before, "nothing was done"

    async def test_files_stand_in_the_thread(self, peer: WorkplacePeer, thread: ThreadRef, tmp_path: Path) -> None:
        content = Content(body=from_plain("Look"), attachments=(_picture(tmp_path),))
        await peer.workplace.post(thread, replace(said("", key="k1"), content=content))
        posts = await peer.shown(thread)
        assert "Look" in posts[1].text
        assert [file for post in posts for file in post.files] == [PNG]

    async def test_what_an_agent_attaches_is_streamed(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        await peer.says(thread, "Here", files=[("cat.png", "image/png", PNG)])
        heard = await peer.desk.wait("said")
        (attachment,) = heard["content"].attachments
        assert attachment.name == "cat.png"
        assert b"".join([chunk async for chunk in peer.workplace.fetch(attachment.source)]) == PNG

    async def test_a_file_that_is_not_there_is_a_failure(self, peer: WorkplacePeer) -> None:
        with pytest.raises(PermanentFailure):
            await anext(aiter(peer.workplace.fetch("no-such-file")))

    async def test_a_whisper_is_for_one(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        action = Action(id=ActionId.CORRECT, label="Send a correction", value="m1")
        await peer.workplace.whisper(thread, peer.agent.agent_id, "Telegram lets nobody edit that.", (action,))
        assert "Telegram lets nobody edit that." in peer.whispers(peer.agent.agent_id)[-1]
        assert len(await peer.shown(thread)) == 1
        await peer.workplace.whisper(thread, "nobody", "Lost, and that is fine.")

    async def test_a_post_carries_one_mark(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        ref = await peer.says(thread, "On its way")
        seen = []
        for sign in (Sign.PENDING, Sign.DELIVERED, Sign.DELIVERED, Sign.FAILED, Sign.NOTE):
            await peer.workplace.sign(ref, sign)
            (mark,) = (await peer.shown(thread))[-1].marks
            seen.append(mark)
        assert len(set(seen)) == 4
        await peer.workplace.sign(ref, None)
        assert (await peer.shown(thread))[-1].marks == ()

    async def test_a_reaction_comes_and_goes(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        ref = await peer.workplace.post(thread, said("Hello", key="k1"))
        for _ in range(2):
            await peer.workplace.react(ref, "👍", added=True)
            assert len((await peer.shown(thread))[-1].marks) == 1
        for _ in range(2):
            await peer.workplace.react(ref, "👍", added=False)
            assert (await peer.shown(thread))[-1].marks == ()

    async def test_an_agent_is_somebody(self, peer: WorkplacePeer) -> None:
        assert await peer.workplace.agent(peer.agent.agent_id) == peer.agent
        try:
            stranger = await peer.workplace.agent("nobody")
        except PermanentFailure:
            return
        assert stranger.standing is not Standing.MEMBER, "somebody whom the vendor does not know answers no customer"

    async def test_rooms_are_those_we_can_post_in(self, peer: WorkplacePeer) -> None:
        assert (peer.room.room, peer.room_name) in list(await peer.workplace.rooms())

    async def test_a_thread_has_an_address(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        first = await peer.workplace.permalink(thread)
        assert first.startswith(("https://", "http://"))
        assert first == await peer.workplace.permalink(thread)

    async def test_the_queue_is_the_agents_own(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        item = QueueItem(title="Jane · WhatsApp", status="waiting 4 min", text="My order is late", thread=thread)
        queue = Queue(mine=(item,), troubles=("Telegram has not answered since 09:12.",))
        await peer.workplace.show_queue(peer.agent.agent_id, queue)
        for words in ("Jane · WhatsApp", "waiting 4 min", "Telegram has not answered since 09:12."):
            assert words in peer.queue_words(peer.agent.agent_id)
        await peer.workplace.show_queue(peer.agent.agent_id, Queue())
        assert "Jane · WhatsApp" not in peer.queue_words(peer.agent.agent_id)

    async def test_typing_never_fails(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        await peer.workplace.show_typing(thread, "Jane")

    async def test_check_says_where_we_are(self, peer: WorkplacePeer) -> None:
        sentence = await peer.workplace.check()
        assert sentence.strip()
        assert "\n" not in sentence

    async def test_customers_can_neither_ping_nor_disguise(self, peer: WorkplacePeer) -> None:
        card = replace(CARD, title=HOSTILE[:100], facts=(Fact(label="Page", value=HOSTILE),))
        opening = replace(said(HOSTILE, key="k0"), author=Author(name=HOSTILE[:60]))
        thread = await peer.workplace.open_thread(peer.room, card, opening)
        await peer.workplace.post(thread, replace(said(HOSTILE, key="k1"), author=Author(name=HOSTILE[:60])))
        disguised = Link(url="https://evil.example/login", label="https://bank.example")
        mention = Mention(kind="everyone", id="channel", label="@channel")
        body = Document(blocks=(Paragraph(inlines=(disguised, Text(text=" "), mention)), Quote(inlines=(disguised,))))
        await peer.workplace.post(thread, replace(said("", key="k2"), content=Content(body=body)))
        assert await peer.pings(thread) == []
        shown = await peer.shown(thread)
        assert HOSTILE in shown[0].text
        assert HOSTILE in shown[1].text
        assert shown[2].text.count("evil.example") == 2, "where a link leads is always seen"

    async def test_the_longest_post_is_shown_whole(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        most = peer.spec.capabilities.max_text
        text = ("你好 wörld & <tag> " * most)[:most].strip()
        await peer.workplace.post(thread, said(text, key="k1"))
        assert text in (await peer.shown(thread))[1].text

    async def test_what_agents_say_reaches_the_desk(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        ref = await peer.says(thread, "It is on its way")
        heard = await peer.desk.wait("said")
        assert (heard["post"], heard["agent"]) == (ref, peer.agent)
        assert heard["content"].body == from_plain("It is on its way")
        await peer.edits(ref, "It arrives today")
        changed = await peer.desk.wait("revised", 1)
        assert (changed["post"], changed["content"].body) == (ref, from_plain("It arrives today"))
        await peer.deletes(ref)
        gone = await peer.desk.wait("revised", 2)
        assert (gone["post"], gone["content"]) == (ref, None)
        assert len(peer.desk.named("said")) == 1

    async def test_a_pressed_button_reaches_the_desk(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        await peer.presses(thread, "Claim")
        pressed = await peer.desk.wait("act")
        assert (pressed["thread"], pressed["action"], pressed["agent"]) == (thread, ActionId.CLAIM, peer.agent)
        assert pressed["key"]

    async def test_our_own_posts_come_back_as_proof_or_never(self, peer: WorkplacePeer, thread: ThreadRef) -> None:
        ref = await peer.workplace.post(thread, said("Hello", key="k1"))
        if not peer.spec.capabilities.echoes:
            # What is said next is heard, so whatever came before it has come.
            await peer.says(thread, "I am here")
            await peer.desk.wait("said")
            assert not peer.desk.named("posted")
            assert len(peer.desk.named("said")) == 1, "our own words are no agent's"
            return
        await peer.desk.wait("posted", 2)
        proven = {call["key"]: call["post"] for call in peer.desk.named("posted")}
        assert proven["k1"] == ref
        assert proven["first"].post == thread.thread
        assert not peer.desk.named("said"), "our own words are no agent's"

    async def test_a_bad_event_is_an_error_at_once(self, peer: WorkplacePeer) -> None:
        for raw in hostile.BODIES.values():
            try:
                await peer.workplace.handle(raw)
            except Exception:
                continue
        assert peer.desk.calls == []


def said(text: str, *, key: str) -> Post:
    """A customer's message as the core has it drawn."""
    content = Content(body=from_plain(text) if text else from_plain(""))
    return Post(key=key, tone=Tone.CUSTOMER, author=Author(name="Jane (WhatsApp)"), content=content)


def _place(thread: ThreadRef) -> tuple[str, str, str]:
    return thread.workspace, thread.room, thread.thread


def _picture(folder: Path) -> Attachment:
    path = folder / "cat.png"
    path.write_bytes(PNG)
    file = StoredFile(sha256=hashlib.sha256(PNG).hexdigest(), size=len(PNG), mime="image/png", path=path)
    return Attachment(kind=MediaKind.IMAGE, name="cat.png", mime="image/png", size=len(PNG), file=file)


async def _call(peer: WorkplacePeer, verb: str, thread: ThreadRef, ref: PostRef) -> None:
    match verb:
        case "open_thread":
            await peer.workplace.open_thread(peer.room, CARD, said("Hello", key="k8"))
        case "post":
            await peer.workplace.post(thread, said("Hello", key="k8"))
        case "edit":
            await peer.workplace.edit(ref, said("Changed", key="k1"))
        case "update_opening":
            changed = replace(CARD, status="Resolved", status_emoji="✅")
            await peer.workplace.update_opening(thread, changed, said("My order is late", key="first"))
