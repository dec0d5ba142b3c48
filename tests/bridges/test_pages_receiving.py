"""What people do in Messenger and Instagram becomes events: once, from the right person, and never lost."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridges._meta import pages
from core.contracts.bridge import (
    ChoiceMade,
    MessageDeleted,
    MessageReceived,
    OptOut,
    Proof,
    ReachabilityChanged,
    ReactionChanged,
)
from core.contracts.content import Choice, Content, MediaKind
from core.contracts.errors import PermanentFailure, RequestRejected
from core.contracts.http import WebhookRequest
from core.contracts.text import from_plain, plain
from core.testing.runtime import outbound
from core.testing.scenarios import PNG
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox
from tests.bridges.page_accounts import KINDS, Account, page_account, refusal

BOTH = ("messenger", "instagram")


@pytest.fixture
async def graph() -> AsyncIterator[GraphSandbox]:
    async with GraphSandbox(limits=False, retry_delays=(0.01, 0.01)) as server:
        yield server


@pytest.fixture(params=BOTH)
async def account(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Account]:
    async with page_account(graph, session, tmp_path, request.param) as one:
        yield one


def texts(account: Account) -> list[str]:
    return [plain(one.content.body) for one in account.core.events if isinstance(one, MessageReceived)]


async def test_text_arrives_with_its_sender(account: Account) -> None:
    (event,) = account.core.events
    assert isinstance(event, MessageReceived)
    assert (event.sender.external_id, event.sender.name, event.sender.proof) == (
        account.user,
        "Ada Moss",
        Proof.CHANNEL,
    )
    assert event.sender.username == ("" if account.page is account.graph.messenger else "ada")
    assert event.event_id == event.external_id
    assert not event.automated


@pytest.mark.parametrize("fault", [refusal(100, 33), Fault(status=500), Fault(delay=0.5)])
async def test_a_profile_that_does_not_come_keeps_no_message_back(
    account: Account, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PROFILES_S", 0.2)
    bob = account.page.add_customer("Bob")
    account.graph.faults.order("node", fault)
    await account.page.customer_writes(bob, "Hello")
    event = await account.event(MessageReceived, 1)
    assert (event.sender.external_id, event.sender.name) == (bob, "")
    await account.page.customer_writes(bob, "Hello?")
    second = await account.event(MessageReceived, 2)
    # What Meta refused is not asked again with every message; what failed is.
    assert second.sender.name == ("" if fault.status == 400 else "Bob")


async def test_a_profile_is_asked_once(account: Account) -> None:
    for number in range(5):
        await account.page.customer_writes(account.user, str(number))
    await account.core.arrived(6)
    assert len(account.calls("node")) == 1


@pytest.mark.parametrize(
    ("kind", "name", "mime", "expected"),
    [
        ("image", "lamp.png", "image/png", (MediaKind.IMAGE, "photo.png")),
        ("sticker", "s.webp", "image/webp", (MediaKind.IMAGE, "sticker.webp")),
        ("video", "clip.mp4", "video/mp4", (MediaKind.VIDEO, "video.mp4")),
        ("audio", "song.mp3", "audio/mpeg", (MediaKind.AUDIO, "audio")),
        ("audio", "audioclip-1-2.mp4", "audio/mp4", (MediaKind.VOICE, "voice-message.mp4")),
        ("file", "../Rechnung „März“.pdf", "application/pdf", (MediaKind.FILE, "Rechnung „März“.pdf")),
    ],
)
async def test_files_arrive_and_can_be_fetched(
    account: Account, kind: Any, name: str, mime: str, expected: tuple[MediaKind, str]
) -> None:
    await account.page.customer_sends(account.user, kind, name, mime, PNG)
    event = await account.event(MessageReceived, 1)
    (attachment,) = event.content.attachments
    assert (attachment.kind, attachment.name) == expected
    assert attachment.source is not None
    # The CDN of the sandbox refuses whoever shows it a token.
    assert b"".join([chunk async for chunk in account.bridge.fetch(attachment.source)]) == PNG


@pytest.mark.parametrize("url", ["https://example.com/x.png", "http://169.254.169.254/latest", "file:///etc/passwd"])
async def test_nothing_is_fetched_from_other_hosts(account: Account, url: str) -> None:
    await account.page.customer_shares(account.user, "image", {"url": url})
    event = await account.event(MessageReceived, 1)
    (attachment,) = event.content.attachments
    with pytest.raises(PermanentFailure, match="which is not"):
        await anext(aiter(account.bridge.fetch(attachment.source or "")))


async def test_a_file_whose_address_ended_is_explained(account: Account) -> None:
    await account.page.customer_sends(account.user, "image", "lamp.png", "image/png", PNG)
    event = await account.event(MessageReceived, 1)
    source = event.content.attachments[0].source or ""
    with pytest.raises(PermanentFailure, match="no longer has"):
        await anext(aiter(account.bridge.fetch(source.replace("oh=", "oh=x"))))


async def test_what_only_the_app_shows_is_never_nothing(account: Account) -> None:
    await account.page.customer_sends_unsupported(account.user)
    await account.page.customer_shares(account.user, "ephemeral")
    await account.page.customer_shares(account.user, "template", {"elements": [{"title": "Green lamp"}]})
    await account.page.customer_shares(account.user, "fallback", {"url": "https://example.com/a", "title": "A lamp"})
    await account.page.customer_shares(account.user, "image", {})
    one_alone = {"mid": "m_1", "attachments": {"payload": None}}
    account.page.tell({"message": one_alone}, user=account.user)
    await account.core.arrived(7)
    title = account.spec.title
    assert texts(account)[1:] == [
        f"(Sent something that only {title} can show: a message)",
        f"(Sent something that only {title} can show: ephemeral)",
        "🛍 Green lamp",
        "(Shared a link: A lamp)\nhttps://example.com/a",
        "",
        f"(Sent something that only {title} can show: unknown)",
    ]
    last = account.core.events[-2]
    assert isinstance(last, MessageReceived)
    assert last.content.attachments[0].problem


async def test_the_same_call_twice_counts_once(account: Account) -> None:
    account.page.delivery.twice = True
    sent = await account.page.customer_writes(account.user, "Once")
    await account.page.customer_reacts(account.user, sent, "👍")
    await account.page.customer_edits(account.user, sent, "Just once")
    await account.settled()
    assert [type(one).__name__ for one in account.core.events] == [
        "MessageReceived",
        "MessageReceived",
        "ReactionChanged",
        "MessageEdited",
    ]
    assert len(account.core.raws) == 7


async def test_reactions_that_change_each_count(account: Account) -> None:
    sent = await account.bridge.send(outbound(account.ada, "Thank you"))
    for emoji in ("❤", "🦖", None, "❤"):
        await account.page.customer_reacts(account.user, sent, emoji)
        await account.graph.idle()
        # Meta's clock tells them apart.
        await asyncio.sleep(0.002)
    found = [one.emoji for one in await account.settled() if isinstance(one, ReactionChanged)]
    assert found == ["❤", "🦖", None, "❤"]


async def test_a_batch_in_the_wrong_order_arrives_whole(account: Account) -> None:
    account.page.delivery.hold()
    for number in range(40):
        await account.page.customer_writes(account.user, str(number))
    bob = account.page.add_customer("Bob")
    await account.page.customer_writes(bob, "I am Bob")
    account.page.delivery.release("reversed")
    await account.core.arrived(42)
    by = {plain(one.content.body): one.sender.name for one in account.core.events if isinstance(one, MessageReceived)}
    assert by == {"Hello": "Ada Moss", "I am Bob": "Bob"} | {str(number): "Ada Moss" for number in range(40)}


async def test_one_poisoned_event_stops_no_other(account: Account) -> None:
    page = account.page

    def event(**body: Any) -> dict[str, Any]:
        return {"sender": {"id": account.user}, "recipient": {"id": page.id}, "timestamp": 1, **body}

    good = event(message={"mid": "m_good", "text": "Still here"})
    bad = [None, "x", event(message={"mid": ["m"]}), event(message={}), event(reaction={"mid": "m_1"}), event(read={})]
    entries = [{"id": page.id, "messaging": [*bad, good]}, None, {"id": page.id, "messaging": "x"}]
    raw = json.dumps({"object": page.delivery.object, "entry": entries}).encode()
    received = await account.bridge.receive(signed(raw, account.graph.app_secret))
    assert len(received.items) == 9
    failed = 0
    for item in received.items:
        try:
            await account.core.accept(item)
        except (ValueError, TypeError, KeyError, AttributeError):
            failed += 1
    assert failed
    assert texts(account)[-1] == "Still here"


def signed(raw: bytes, secret: str) -> WebhookRequest:
    signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return WebhookRequest(method="POST", url="", query={}, headers={"x-hub-signature-256": signature}, body=raw)


@pytest.mark.parametrize("kind", KINDS)
async def test_several_app_secrets_are_believed_and_no_other(
    graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path, kind: str
) -> None:
    """Instagram signs with Facebook's or with Instagram's secret, and secrets are rotated."""
    async with page_account(graph, session, tmp_path, kind, more_app_secrets=["instagrams-own"]) as account:
        graph.app_secret = "instagrams-own"
        await account.page.customer_writes(account.user, "By the other secret")
        await account.event(MessageReceived, 1)
        graph.app_secret = "somebody-elses"
        await account.page.customer_writes(account.user, "By nobody's")
        await graph.idle()
        assert len(account.core.events) == 2
        assert account.page.delivery.lost
        with pytest.raises(RequestRejected):
            await account.bridge.receive(signed(b'{"object":"page","entry":[]}', "x"))


async def test_what_happens_at_another_account_means_nothing(account: Account) -> None:
    event = {"sender": {"id": "1"}, "recipient": {"id": "2"}, "timestamp": 1, "message": {"mid": "m", "text": "x"}}
    raw = json.dumps({"object": account.page.delivery.object, "entry": [{"id": "2", "messaging": [event]}]}).encode()
    received = await account.bridge.receive(signed(raw, account.graph.app_secret))
    assert [await account.bridge.parse(item) for item in received.items] == [[]]


async def test_a_pressed_button_and_a_quick_reply_are_choices(account: Account) -> None:
    choices = tuple(Choice(value=f"v{number}", label=f"Label {number}") for number in range(5))
    few = await account.bridge.send(outbound(account.ada, Content(body=from_plain("Which?"), choices=choices[:2])))
    many = await account.bridge.send(outbound(account.ada, Content(body=from_plain("Which?"), choices=choices)))
    for message_id in (few, many):
        await account.page.customer_presses(account.user, message_id, "v1")
        await asyncio.sleep(0.002)
    made = [one for one in await account.settled() if isinstance(one, ChoiceMade)]
    assert [(one.value, one.label, one.sender.name) for one in made] == [("v1", "Label 1", "Ada Moss")] * 2


async def test_where_she_came_from_is_told(account: Account) -> None:
    ad = {"ad_id": "120", "ads_context_data": {"ad_title": "Lamps"}}
    await account.page.customer_writes(account.user, "This?", referral={"ref": "t-1", "source": "ADS", **ad})
    event = await account.event(MessageReceived, 1)
    assert event.sender.facts == {"Came from": "ad 120", "Ad": "Lamps"}
    assert event.proof_token == "t-1"
    await account.page.customer_opts_in(account.user, "t-2")
    link = await account.event(MessageReceived, 2)
    assert (link.proof_token, link.automated) == ("t-2", True)
    assert "t-2" not in plain(link.content.body), "what a link carries may be a secret"
    await account.page.customer_starts(account.user, "t-3")
    started = await account.event(MessageReceived, 3)
    assert started.proof_token == "t-3"
    assert (await account.event(ChoiceMade)).label == "Get started"
    await account.page.customer_opts_in(account.user, "no token; at all")
    assert (await account.event(MessageReceived, 5)).proof_token == ""


async def test_an_invitation_comes_back(account: Account) -> None:
    url = await account.bridge.invitation("A-z_9")  # type: ignore[attr-defined]
    where = f"m.me/{account.page.id}" if account.spec.channel == "messenger" else "ig.me/m/lumenandloom"
    assert url == f"https://{where}?ref=A-z_9"


async def test_marketing_is_stopped(account: Account) -> None:
    for status, wants in (("STOP_NOTIFICATIONS", False), ("RESUME_NOTIFICATIONS", True)):
        body = {"optin": {"type": "notification_messages", "notification_messages_status": status}}
        account.page.tell(body, user=account.user, field="messaging_optins")
        await account.graph.idle()
        event = account.core.events[-1]
        assert isinstance(event, ReachabilityChanged)
        assert (event.kind, event.reachable) == (OptOut.MARKETING, wants)
        assert event.sentence.startswith("Ada Moss ")


async def test_stories_and_unsent_messages(graph: GraphSandbox, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with page_account(graph, session, tmp_path, "instagram") as account:
        media = account.page.file("story.jpg", "image/jpeg", PNG)
        url = graph.shared.media.cdn(media)
        sent = await account.page.customer_writes(account.user, "Love it", story={"url": url, "id": "1"})
        await account.page.customer_shares(account.user, "story_mention", {"url": url})
        await account.page.customer_shares(account.user, "story_mention", {})
        await account.page.customer_deletes(account.user, sent)
        deleted = await account.event(MessageDeleted)
        assert deleted.external_id == sent
        events = [one for one in account.core.events if isinstance(one, MessageReceived)][1:]
        assert [plain(one.content.body) for one in events] == [
            "↪ Answers your story\n\nLove it",
            "(Mentioned you in a story)",
            "(Mentioned you in a story)",
        ]
        for one in events[:2]:
            (attachment,) = one.content.attachments
            assert b"".join([chunk async for chunk in account.bridge.fetch(attachment.source or "")]) == PNG
        assert events[2].content.attachments[0].problem == "The story is no longer there."
