"""What customers do on WhatsApp becomes events: once each, from the right person, and never nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridges.whatsapp import BRIDGE
from bridges.whatsapp.parse import events
from core.contracts.bridge import (
    AddressChanged,
    ChoiceMade,
    DeliveryStatus,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    OptOut,
    Proof,
    ReachabilityChanged,
    ReactionChanged,
    StatusChanged,
    WindowChanged,
)
from core.contracts.content import Choice, Content, MediaKind
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.http import WebhookRequest
from core.contracts.templates import TemplateUse
from core.contracts.text import from_plain, plain
from core.testing.runtime import outbound
from core.testing.scenarios import PNG
from sandbox.faults import Fault
from tests.bridges.whatsapp_accounts import Account, account


@pytest.fixture
async def one(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with account(session, tmp_path) as found:
        yield found


async def test_she_is_known_by_her_scoped_id_and_her_number_is_a_fact(one: Account) -> None:
    hello = await one.event(MessageReceived)
    sender = hello.sender
    assert (sender.external_id, sender.name, sender.username) == (one.ada, "Ada", "ada")
    assert (sender.phone, sender.aliases, sender.suggests) == (
        "+4915110000001",
        ("4915110000001",),
        ("tel:+4915110000001",),
    )
    assert sender.proof is Proof.CHANNEL
    assert sender.metadata == {"last": hello.external_id}


async def test_somebody_who_hides_her_number_has_none(one: Account) -> None:
    eve = one.phone.add_customer("Eve", username="eve")
    await one.phone.customer_writes(eve, "Hi")
    sender = (await one.message()).sender
    assert (sender.external_id, sender.phone, sender.aliases, sender.suggests) == (eve, "", (), ())
    sent = await one.bridge.send(outbound(eve, "Hello Eve"))
    assert one.sent()[-1]["recipient"] == eve
    assert one.phone.message(sent).person == eve


@pytest.mark.parametrize(
    ("kind", "name", "mime", "more", "expected"),
    [
        ("image", "", "image/jpeg", {"caption": "look 👀"}, (MediaKind.IMAGE, "photo.jpg")),
        ("video", "", "video/mp4", {}, (MediaKind.VIDEO, "video.mp4")),
        ("audio", "", "audio/ogg", {"voice": True}, (MediaKind.VOICE, "voice-message.ogg")),
        ("audio", "", "audio/mpeg", {}, (MediaKind.AUDIO, "audio.mp3")),
        ("document", "../bill.pdf", "application/pdf", {"caption": "the bill"}, (MediaKind.FILE, "bill.pdf")),
        ("sticker", "", "image/webp", {"animated": True}, (MediaKind.IMAGE, "sticker.webp")),
    ],
)
async def test_files_arrive_whole(
    one: Account, kind: Any, name: str, mime: str, more: dict[str, Any], expected: tuple[MediaKind, str]
) -> None:
    await one.phone.customer_sends(one.ada, kind, name, mime, PNG, **more)
    event = await one.message()
    (attachment,) = event.content.attachments
    assert (attachment.kind, attachment.name, attachment.mime) == (*expected, mime)
    assert plain(event.content.body) == more.get("caption", "")
    assert attachment.source is not None
    assert b"".join([chunk async for chunk in one.bridge.fetch(attachment.source)]) == PNG


async def test_a_file_that_was_changed_on_its_way_is_refused(one: Account) -> None:
    await one.phone.customer_sends(one.ada, "image", "", "image/png", PNG)
    (attachment,) = (await one.message()).content.attachments
    media_id, _, _ = str(attachment.source).partition(":")
    for source in (f"{media_id}:{'0' * 43}=", f"{media_id}:", "../me:x", "", "12/34:x"):
        if source == f"{media_id}:":
            # Nothing was announced with the message: what the media node says is held against it.
            assert [chunk async for chunk in one.bridge.fetch(source)]
            continue
        with pytest.raises(PermanentFailure) as refused:
            [chunk async for chunk in one.bridge.fetch(source)]
        assert refused.value.reason is FailureReason.BAD_CONTENT


async def test_a_file_is_fetched_from_meta_only_and_the_token_goes_nowhere_else(one: Account) -> None:
    await one.phone.customer_sends(one.ada, "image", "", "image/png", PNG)
    (attachment,) = (await one.message()).content.attachments
    elsewhere = {"url": "http://127.0.0.1:9/steal", "sha256": "", "id": "1"}
    one.graph.faults.order("node", Fault(status=200, body=elsewhere))
    with pytest.raises(PermanentFailure, match="which is not WhatsApp's"):
        [chunk async for chunk in one.bridge.fetch(str(attachment.source))]


async def test_a_quote_says_which_message(one: Account) -> None:
    asked = await one.bridge.send(outbound(one.recipient, "Which lamp?"))
    await one.phone.customer_writes(one.ada, "That one", reply_to=asked)
    assert (await one.message()).quote == asked


async def test_a_forward_says_so(one: Account) -> None:
    await one.phone.customer_writes(one.ada, "Look", forwarded=True)
    event = await one.message()
    assert plain(event.content.body) == "↪ Forwarded:\n\nLook"
    assert event.quote is None


async def test_an_ad_stands_on_the_card(one: Account) -> None:
    ad = {
        "source_type": "ad",
        "source_id": "12",
        "source_url": "https://fb.me/x",
        "headline": "Lamps",
        "ctwa_clid": "c",
    }
    await one.phone.customer_writes(one.ada, "Hi", referral=ad)
    facts = (await one.message()).sender.facts
    assert facts == {"Came from": "ad 12", "Ad": "Lamps", "Ad link": "https://fb.me/x"}


async def test_places_contacts_and_forms_are_readable(one: Account) -> None:
    asked = await one.bridge.send(outbound(one.recipient, "Where?"))
    await one.phone.customer_shares_location(one.ada, 48.2, 16.37, name="Our office")
    await one.phone.customer_shares_contact(one.ada, "Bob", "+43 1 234")
    await one.phone.customer_answers_flow(one.ada, asked, {"size": "large", "gift": True, "flow_token": "t"})
    shown = [plain((await one.event(MessageReceived, number)).content.body) for number in (1, 2, 3)]
    assert shown[0].startswith("📍 Our office\nhttps://www.openstreetmap.org/?mlat=48.200000&mlon=16.370000")
    assert shown[1:] == ["👤 Bob: +43 1 234", "📝 Filled in a form\nsize: large\ngift: yes"]


@pytest.mark.parametrize("count", [2, 5])
async def test_a_pressed_button_and_a_chosen_row_are_choices(one: Account, count: int) -> None:
    choices = tuple(Choice(value=f"v{number}", label=f"Label {number}") for number in range(count))
    asked = await one.bridge.send(outbound(one.recipient, Content(body=from_plain("Which?"), choices=choices)))
    pressed = await one.phone.customer_presses(one.ada, asked, "v1")
    event = await one.event(ChoiceMade)
    assert (event.external_id, event.value, event.label, event.answer_id) == (asked, "v1", "Label 1", pressed)
    assert event.sender.external_id == one.ada
    assert event.sender.metadata == {"last": pressed}


async def test_a_templates_button_is_a_choice(one: Account) -> None:
    one.phone.add_template("shipped", "It is on its way.", buttons=("Track it",))
    (template,) = await one.bridge.templates()
    use = TemplateUse(name=template.name, language=template.language, category=template.category)
    asked = await one.bridge.send(outbound(one.recipient, "It is on its way.", template=use))
    await one.phone.customer_presses(one.ada, asked, "Track it")
    event = await one.event(ChoiceMade)
    assert (event.external_id, event.value, event.label) == (asked, "Track it", "Track it")


async def test_reactions_come_and_go(one: Account) -> None:
    sent = await one.bridge.send(outbound(one.recipient, "Thanks"))
    await one.phone.customer_reacts(one.ada, sent, "👍🏽")
    await one.phone.customer_reacts(one.ada, sent, None)
    found = [await one.event(ReactionChanged, number) for number in (0, 1)]
    assert [(event.external_id, event.emoji) for event in found] == [(sent, "👍🏽"), (sent, None)]


async def test_edits_and_deletes_come_with_coexistence_only(one: Account) -> None:
    sent = await one.phone.customer_writes(one.ada, "Two lamps")
    await one.phone.customer_edits(one.ada, sent, "Three lamps")
    edited = await one.event(MessageEdited)
    assert (edited.external_id, plain(edited.content.body)) == (sent, "Three lamps")
    await one.phone.customer_deletes(one.ada, sent)
    assert (await one.event(MessageDeleted)).external_id == sent
    one.phone.coexistence = False
    other = await one.phone.customer_writes(one.ada, "Four lamps")
    await one.phone.customer_edits(one.ada, other, "Five lamps")
    await one.phone.customer_deletes(one.ada, other)
    shown = [plain((await one.event(MessageReceived, number)).content.body) for number in (3, 4)]
    assert ["edited a message" in shown[0], "deleted a message" in shown[1]] == [True, True]


@pytest.mark.parametrize("coexistence", [True, False])
async def test_what_an_account_can_do_depends_on_coexistence(one: Account, coexistence: bool) -> None:
    settings = BRIDGE.settings.model_validate(
        {
            "access_token": "t",
            "app_secret": "s",
            "verify_token": "v",
            "phone_number_id": "12345",
            "waba_id": "12345",
            "coexistence": coexistence,
        }
    )
    has = BRIDGE.capabilities_of(settings)
    assert (has.edits_in, has.deletes_in) == (coexistence, coexistence)


@pytest.mark.parametrize("what", ["poll_creation", "pin", "something_new"])
async def test_what_whatsapp_does_not_show_leaves_a_line(one: Account, what: str) -> None:
    await one.phone.customer_sends_unsupported(one.ada, what)
    event = await one.message()
    assert event.sender.external_id == one.ada
    assert plain(event.content.body).startswith("(")


async def test_statuses_come_forward_and_failures_say_why(one: Account) -> None:
    sent = await one.bridge.send(outbound(one.recipient, "On its way"))
    await one.phone.customer_reads(one.ada)
    found = [await one.event(StatusChanged, number) for number in range(3)]
    assert [(event.external_id, event.status) for event in found] == [
        (sent, DeliveryStatus.SENT),
        (sent, DeliveryStatus.DELIVERED),
        (sent, DeliveryStatus.READ),
    ]
    one.phone.fail(sent, 131049, "Not delivered", "In order to maintain a healthy ecosystem")
    failed = await one.event(StatusChanged, 3)
    assert (failed.status, failed.reason) == (DeliveryStatus.FAILED, FailureReason.RATE_POLICY)
    assert failed.problem.endswith(".")


async def test_a_new_number_is_an_address_that_changed(one: Account) -> None:
    new = await one.phone.customer_changes_number(one.ada, "+49 1511 0000009")
    found = [await one.event(AddressChanged, number) for number in (0, 1)]
    assert {(event.before, event.after) for event in found} == {(one.ada, new)}
    note = await one.message()
    assert note.automated
    assert "changed from 4915110000001 to 4915110000009" in plain(note.content.body)


async def test_marketing_is_stopped_and_wanted_again(one: Account) -> None:
    await one.phone.customer_stops_marketing(one.ada)
    event = await one.event(ReachabilityChanged)
    assert (event.sender_id, event.reachable, event.kind) == (one.ada, False, OptOut.MARKETING)
    assert event.sentence == "Ada stopped marketing messages on WhatsApp."


async def test_another_app_answers_and_that_is_seen(one: Account) -> None:
    one.phone.hand_over(one.ada)
    await one.phone.customer_writes(one.ada, "Are you a robot?")
    await one.phone.agent_writes(one.ada, "Yes")
    await one.phone.owner_writes(one.ada, "I am not")
    found = [await one.event(MessageReceived, number) for number in (1, 2, 3, 4)]
    assert all(event.automated and event.sender.external_id == one.ada for event in found)
    assert [plain(event.content.body) for event in found] == [
        "(Another app, such as Meta's AI, answers from now on; a reply takes the conversation over.)",
        "🤖 Another app answers this; a reply takes over:\n\nAre you a robot?",
        "(Answered with another app, such as Meta's AI: Yes)",
        "(Answered with the WhatsApp Business app: I am not)",
    ]
    window = await one.event(WindowChanged)
    assert window.sender_id == one.ada


async def test_groups_and_other_numbers_are_left_aside(one: Account, caplog: pytest.LogCaptureFixture) -> None:
    await one.phone.customer_writes(one.ada, "In a group", group="120363@g.us")
    ours, one.phone.phone_number_id = one.phone.phone_number_id, "900000000000009"
    await one.phone.customer_writes(one.ada, "For another number")
    one.phone.phone_number_id = ours
    await one.graph.idle()
    assert [plain(event.content.body) for event in one.core.events if isinstance(event, MessageReceived)] == ["Hello"]
    assert "callback URL of its own" in caplog.text


async def test_a_batch_out_of_order_and_twice_is_taken_once_each(one: Account) -> None:
    delivery = one.phone.delivery
    delivery.hold()
    for number in range(20):
        await one.phone.customer_writes(one.ada, f"Message {number}")
    delivery.twice = True
    delivery.release("reversed")
    await one.graph.idle()
    found = [plain(event.content.body) for event in one.core.events if isinstance(event, MessageReceived)][1:]
    assert sorted(found) == sorted(f"Message {number}" for number in range(20))
    assert [record.events for record in delivery.records][-2:] == [20, 20]


async def test_only_metas_calls_are_taken(one: Account) -> None:
    delivery = one.phone.delivery
    body = delivery.body([])
    assert await delivery.post(body) == 200
    assert await delivery.post(body, secret="somebody else's") == 401
    assert await delivery.post(body, headers={"X-Hub-Signature-256": ""}) == 401
    with pytest.raises(ValueError, match="couldn't be validated"):
        await one.phone.connect(delivery.url, "a guess")


async def test_a_secret_can_be_changed_without_a_gap(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with account(session, tmp_path, app_secret="the-new-one", more_app_secrets=["sandbox-app-secret"]) as one:
        await one.phone.customer_writes(one.ada, "Signed with the old one")
        one.graph.app_secret = "the-new-one"
        await one.phone.customer_writes(one.ada, "Signed with the new one")
        await one.event(MessageReceived, 2)


Spoil = Callable[[dict[str, Any]], object]
SPOILT: list[Spoil] = [
    lambda value: value["messages"][0].pop("id"),
    lambda value: value["messages"][0].pop("type"),
    lambda value: value["messages"][0].pop("timestamp"),
    lambda value: value["messages"][0].update(timestamp="soon"),
    lambda value: value["messages"][0].update(timestamp=10**30),
    lambda value: value["messages"].append(None),
    lambda value: value["messages"][0].update(text="a string"),
    lambda value: value.update(metadata="a string"),
    lambda value: value.update(contacts=[1]),
]


@pytest.mark.parametrize("spoil", SPOILT)
async def test_one_poisonous_event_spoils_no_other(one: Account, spoil: Spoil) -> None:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": one.phone.phone_number_id},
        "contacts": [one.phone.contact(one.phone.person(one.ada))],
        "messages": [
            {"id": "wamid.x", "from_user_id": one.ada, "timestamp": "1790000000", "type": "text", "text": {"body": "x"}}
        ],
    }
    spoil(value)
    fine = json.loads(json.dumps(value)) | {"metadata": {"phone_number_id": one.phone.phone_number_id}, "contacts": []}
    fine["messages"] = [
        {"id": "wamid.y", "from_user_id": one.ada, "timestamp": "1790000000", "type": "text", "text": {"body": "fine"}}
    ]
    changes = [{"field": "messages", "value": one_value} for one_value in (value, fine)]
    raw = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()
    signed = {"x-hub-signature-256": "sha256=" + hmac.new(b"sandbox-app-secret", raw, hashlib.sha256).hexdigest()}
    received = await one.bridge.receive(WebhookRequest(method="POST", url="", query={}, headers=signed, body=raw))
    read: list[str] = []
    failed = 0
    for item in received.items:
        try:
            read += [
                plain(event.content.body)
                for event in await one.bridge.parse(item)
                if isinstance(event, MessageReceived)
            ]
        except Exception:
            failed += 1
    assert "fine" in read
    assert failed == 1 or len(read) == 2


def test_nobody_is_taken_for_somebody_else() -> None:
    """A body with several people, whose messages do not say which contact is theirs."""
    contacts = [{"profile": {"name": "Bob"}, "wa_id": "43", "user_id": "AT.2"}]
    message = {"id": "wamid.x", "from": "49", "timestamp": "1790000000", "type": "text", "text": {"body": "x"}}
    value = {"metadata": {"phone_number_id": "9"}, "contacts": contacts, "messages": [message]}
    (event,) = events({"entry": [{"changes": [{"field": "messages", "value": value}]}]}, "9")
    assert isinstance(event, MessageReceived)
    assert (event.sender.external_id, event.sender.name) == ("49", "")
