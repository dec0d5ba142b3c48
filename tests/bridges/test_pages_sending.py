"""What agents send stands on the customer's phone in Messenger and Instagram, and what Meta refuses is explained."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridges import instagram, messenger
from core.contracts.bridge import (
    Deletes,
    DeliveryStatus,
    Edits,
    ExternalId,
    FetchesMedia,
    Invites,
    Reacts,
    ReadUpTo,
    Reconciles,
    ShowsTyping,
    StatusChanged,
)
from core.contracts.content import CardButton, Choice, Content, OfferedCard
from core.contracts.errors import (
    FailureReason,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import from_plain
from core.testing.runtime import outbound
from core.testing.scenarios import PDF, PNG
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox
from sandbox.graph.shapes import Bubble
from tests.bridges.page_accounts import KINDS, Account, page_account, refusal


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def graph(clock: Clock) -> AsyncIterator[GraphSandbox]:
    async with GraphSandbox(limits=False, retry_delays=(0.01, 0.01), clock=clock) as server:
        yield server


@pytest.fixture(params=KINDS)
async def account(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Account]:
    async with page_account(graph, session, tmp_path, request.param) as one:
        yield one


@pytest.fixture
async def page(graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    """Messenger, for what the products share."""
    async with page_account(graph, session, tmp_path, "messenger") as one:
        yield one


def ours(account: Account) -> list[Bubble]:
    return [bubble for bubble in account.page.chat(account.user) if bubble.ours]


def bodies(account: Account) -> list[dict[str, Any]]:
    return [body["message"] for body in account.calls("messages")]


async def test_text_and_who_we_are(account: Account) -> None:
    sent = await account.bridge.send(outbound(account.ada, "It is on its way 🙂"))
    (bubble,) = ours(account)
    assert (bubble.id, bubble.text) == (sent, "It is on its way 🙂")
    name = "Lumen & Loom (Page" if account.page is account.graph.messenger else "@lumenandloom (Instagram"
    assert (await account.bridge.check()).startswith(name)


async def test_the_longest_text_fits(account: Account) -> None:
    limit = account.spec.capabilities.max_text
    text = "🙂" * (limit // 4) if account.page is account.graph.instagram else "🙂" * limit
    await account.bridge.send(outbound(account.ada, text))
    assert ours(account)[-1].text == text


async def test_few_choices_are_buttons_where_these_stay(account: Account) -> None:
    choices = tuple(Choice(value=f"v{number}" * 32, label=f"Choice number {number} ok?"[:20]) for number in range(3))
    await account.bridge.send(outbound(account.ada, Content(body=from_plain("Which?"), choices=choices)))
    (body,) = bodies(account)
    if account.page is account.graph.messenger:
        assert body["attachment"]["payload"]["template_type"] == "button"
    else:
        assert [one["payload"] for one in body["quick_replies"]] == [one.value for one in choices]
    assert [label for _, label in ours(account)[-1].buttons] == [one.label for one in choices]


@pytest.mark.parametrize(("many", "length"), [(13, 10), (3, 641), (13, 900)])
async def test_more_choices_or_longer_text_become_quick_replies(account: Account, many: int, length: int) -> None:
    choices = tuple(Choice(value=str(number), label=str(number)) for number in range(many))
    await account.bridge.send(outbound(account.ada, Content(body=from_plain("x" * length), choices=choices)))
    assert len(bodies(account)[-1]["quick_replies"]) == many


CARDS = (
    OfferedCard(
        title="Green lamp",
        text="20 €",
        picture_url="https://example.com/green.jpg",
        links=(CardButton(label="See it", url="https://example.com/green"),),
        choices=(Choice(value="green", label="Take green"),),
    ),
    OfferedCard(title="Red lamp", choices=(Choice(value="red", label="Take red"),)),
    OfferedCard(title="A bare one"),
)


async def test_cards_stand_side_by_side(account: Account) -> None:
    content = Content(body=from_plain("These:"), cards=CARDS, choices=(Choice(value="none", label="None"),))
    sent = await account.bridge.send(outbound(account.ada, content))
    words, card = ours(account)
    assert card.id == sent
    assert [value for value, _ in card.buttons] == ["green", "red"]
    body = bodies(account)[-1]
    assert [one["title"] for one in body["quick_replies"]] == ["None"]
    assert [one["title"] for one in body["attachment"]["payload"]["elements"]] == [one.title for one in CARDS]
    if account.page is account.graph.messenger:
        assert words.text == "These:"
    else:
        # instagram.com shows no cards; the numbers are those that an answer may give.
        assert words.text == (
            "These:\n\nA bare one\nGreen lamp: See it https://example.com/green\n"
            "1. None\n2. Green lamp: Take green\n3. Red lamp: Take red"
        )


async def test_words_before_cards_are_said_once(account: Account) -> None:
    content = Content(body=from_plain("These:"), cards=CARDS[:1])
    account.graph.faults.order("messages", Fault())
    account.graph.faults.order("messages", refusal(613))
    for _ in range(2):
        try:
            await account.bridge.send(outbound(account.ada, content))
        except TemporaryFailure:
            continue
    assert [bool(bubble.text) for bubble in ours(account)] == [True, False]


FILES = {
    "lamp.png": (PNG, "image"),
    "Rechnung „März“.pdf": (PDF, "file"),
    "发票.pdf": (PDF, "file"),
    "clip.mp4": (bytes(4) + b"ftypisom" + bytes(50), "video"),
    "song.m4a": (bytes(4) + b"ftypM4A " + bytes(50), "audio"),
}


@pytest.mark.parametrize("name", FILES)
async def test_files_arrive_as_what_they_are(account: Account, name: str) -> None:
    data, kind = FILES[name]
    attachment = await account.core.stored(data, name)
    for _ in range(2):
        await account.bridge.send(outbound(account.ada, Content(attachments=(attachment,))))
    for bubble in ours(account):
        assert bubble.kind == kind
        assert bubble.url is not None
        async with account.core.session.get(bubble.url) as answer:
            assert await answer.read() == data
    if account.page is account.graph.messenger:
        assert ours(account)[0].file_name == name
    # An upload serves again.
    assert len(account.calls("attachments")) == (0 if "login" in account.settings else 1)


async def test_files_of_other_types_are_linked(account: Account) -> None:
    attachment = await account.core.stored(b"OggS" + bytes(50), "note.ogg")
    await account.bridge.send(outbound(account.ada, Content(attachments=(attachment,))))
    (bubble,) = ours(account)
    if account.page is account.graph.messenger:
        assert bubble.kind == "file"
    else:
        assert bubble.text.startswith("note.ogg: http")


@pytest.mark.parametrize("name", ["note.ogg", "lamp.png"])
async def test_without_an_address_the_agent_is_told(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path, name: str
) -> None:
    async with page_account(graph, session, tmp_path, "instagram itself", public=False) as account:
        attachment = await account.core.stored(PNG if name == "lamp.png" else b"OggS" + bytes(50), name)
        with pytest.raises(PermanentFailure, match=r"public address|public_url"):
            await account.bridge.send(outbound(account.ada, Content(attachments=(attachment,))))


async def test_an_upload_that_is_gone_is_made_anew(page: Account) -> None:
    attachment = await page.core.stored(PNG, "lamp.png")
    message = outbound(page.ada, Content(attachments=(attachment,)))
    await page.bridge.send(message)
    page.graph.shared.media._files.clear()
    with pytest.raises(PermanentFailure):
        await page.bridge.send(message)
    await page.bridge.send(message)
    assert len(page.calls("attachments")) == 2


async def test_quotes_in_both_directions(account: Account) -> None:
    asked = await account.page.customer_writes(account.user, "Is it here?")
    sent = await account.bridge.send(outbound(account.ada, "Yes", quote=ExternalId(asked)))
    await account.bridge.send(outbound(account.ada, "It is", quote=sent, key="k2"))
    await account.bridge.send(outbound(account.ada, "Really", quote=ExternalId("choice:postback:1"), key="k3"))
    assert [bubble.reply_to for bubble in ours(account)] == [asked, sent, ""]


async def test_reactions(account: Account) -> None:
    asked = ExternalId(await account.page.customer_writes(account.user, "Thanks"))
    for emoji, expected in (("👍", "👍"), ("❤️", None), (None, "")):
        await account.bridge.react(asked, account.ada, emoji)
        shown = account.page.message(asked).our_reaction
        assert shown in ("❤", "❤️") if expected is None else shown == expected
    with pytest.raises(PermanentFailure) as refused:
        await account.bridge.react(ExternalId("choice:postback:1"), account.ada, "👍")
    assert refused.value.reason is FailureReason.UNSUPPORTED


async def test_typing_and_seen(account: Account) -> None:
    await account.bridge.show_typing(account.ada)
    assert account.page.person(account.user).typing_until > account.graph.clock()
    first = account.page.chat(account.user)[0].id
    assert not account.page.message(first).seen
    for number in range(2):
        await account.bridge.send(outbound(account.ada, "Hello", key=str(number)))
    await account.core.until(lambda: account.page.message(first).seen)
    assert sum(one["sender_action"] == "mark_seen" for one in account.calls("action")) == 1


async def test_read_receipts_can_be_kept_back(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with page_account(graph, session, tmp_path, "messenger", read_receipts=False) as account:
        await account.bridge.send(outbound(account.ada, "Hello"))
        await account.settled()
        assert not account.calls("action")


async def test_that_seen_fails_keeps_no_answer_back(page: Account) -> None:
    page.graph.faults.stand("action", Fault(status=500))
    await page.bridge.send(outbound(page.ada, "Hello"))
    assert ours(page)


def test_what_the_capabilities_promise_is_there() -> None:
    for kind in (messenger.bridge.MessengerBridge, instagram.bridge.InstagramBridge):
        assert all(issubclass(kind, verb) for verb in (Reacts, ShowsTyping, FetchesMedia, Reconciles, Invites))
        assert not any(issubclass(kind, verb) for verb in (Edits, Deletes))


async def test_instagram_says_which_message_was_read(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with page_account(graph, session, tmp_path, "instagram") as account:
        await account.bridge.send(outbound(account.ada, "One"))
        last = await account.bridge.send(outbound(account.ada, "Two", key="k2"))
        await account.page.customer_reads(account.user)
        assert (await account.event(ReadUpTo)).external_id == last
        assert not [one for one in await account.settled() if isinstance(one, StatusChanged)]


async def test_messenger_says_until_when_was_read(page: Account, clock: Clock) -> None:
    ids = []
    for number in range(3):
        ids.append(await page.core.send(outbound(page.ada, str(number), key=str(number), message_id=str(number))))
        await page.graph.idle()
        clock.now += 10
    delivered = [one.external_id for one in page.core.events if isinstance(one, StatusChanged)]
    assert delivered == ids
    assert {one.status for one in page.core.events if isinstance(one, StatusChanged)} == {DeliveryStatus.DELIVERED}
    watermark = int((clock.now - 20) * 1000)
    for _ in range(2):
        page.page.tell({"read": {"watermark": watermark}}, user=page.user, field="message_reads")
        await page.settled()
        assert isinstance(page.core.events[-1], ReadUpTo)
        assert page.core.events[-1].external_id == ids[1]
        # A restart forgets the times of the vendor; the transcript has ours.
        page.rebuilt()
        watermark += 1
    page.page.tell({"read": {"watermark": 1}}, user=page.user, field="message_reads")
    count = len(page.core.events)
    await page.settled()
    assert len(page.core.events) == count, "nothing of ours was there yet"


async def test_deliveries_that_name_no_message(page: Account, clock: Clock) -> None:
    page.page.names_deliveries = False
    ids = []
    for number in range(2):
        ids.append(await page.bridge.send(outbound(page.ada, str(number), key=str(number))))
        await page.graph.idle()
        clock.now += 10
    assert [one.external_id for one in page.core.events if isinstance(one, StatusChanged)] == ids
