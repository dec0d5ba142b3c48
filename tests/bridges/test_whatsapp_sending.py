"""What agents send reaches WhatsApp as it was meant, and each refusal says what comes next."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from pydantic import ValidationError

from bridges.whatsapp import BRIDGE
from core.contracts.bridge import MessageReceived, OutboundMessage, StatusChanged
from core.contracts.content import Choice, Content
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.richtext import Document, Mark, Paragraph, Text
from core.contracts.templates import TemplateCategory, TemplateUse, placeholders, rendered
from core.contracts.text import from_plain, plain
from core.testing.runtime import outbound
from core.testing.scenarios import PDF, PNG
from sandbox.faults import Fault
from tests.bridges.test_meta import CODES
from tests.bridges.whatsapp_accounts import Account, account
from tests.contract.peers.whatsapp import given, refusal

OGG = b"OggS" + b"\x00" * 24 + b"\x01\x13OpusHead" + b"\x00" * 40
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2" + b"\x00" * 40


@pytest.fixture
async def one(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with account(session, tmp_path) as found:
        yield found


async def with_file(one: Account, data: bytes, name: str, text: str = "", key: str = "k1") -> OutboundMessage:
    attachment = await one.core.stored(data, name)
    return outbound(one.recipient, Content(body=from_plain(text), attachments=(attachment,)), key=key)


async def test_our_key_travels_and_comes_back(one: Account) -> None:
    await one.bridge.send(outbound(one.recipient, "On its way", key="message-1:0"))
    (body,) = one.sent()
    assert body["biz_opaque_callback_data"] == "message-1:0"
    assert body["recipient"] == one.ada
    assert "to" not in body
    assert body["text"] == {"body": "On its way", "preview_url": False}


async def test_somebody_known_by_her_number_alone_is_written_to_by_it(one: Account) -> None:
    await one.bridge.send(outbound("4915110000001", "On its way"))
    assert (one.sent()[-1]["to"], "recipient" in one.sent()[-1]) == ("4915110000001", False)


async def test_formatting_is_whatsapps_own(one: Account) -> None:
    runs = (
        Text(text="Hello "),
        Text(text="dear Ada", marks=frozenset({Mark.BOLD})),
        Text(text=", 2*3*4 and *this*"),
    )
    sent = await one.bridge.send(outbound(one.recipient, Document(blocks=(Paragraph(inlines=runs),))))
    assert one.sent()[-1]["text"]["body"] == "Hello *dear Ada*, 2*3*4 and *\u2060this*"
    assert one.phone.chat(one.ada)[-1].text == "Hello dear Ada, 2*3*4 and *this*"
    assert sent == one.phone.chat(one.ada)[-1].id


async def test_a_quote_names_the_message_and_anything_else_is_left_out(one: Account) -> None:
    hers = one.phone.chat(one.ada)[0].id
    await one.bridge.send(outbound(one.recipient, "That one?", quote=hers))
    assert one.phone.chat(one.ada)[-1].reply_to == hers
    await one.bridge.send(outbound(one.recipient, "That one?", quote="choice:x"))
    assert "context" not in one.sent()[-1]


async def test_up_to_three_choices_are_buttons_and_more_are_a_list(one: Account) -> None:
    for count in (1, 3, 4, 10):
        choices = tuple(
            Choice(value=f"v{number}", label=f"Label {number}", description="d" * 90) for number in range(count)
        )
        await one.bridge.send(outbound(one.recipient, Content(body=from_plain("Which?"), choices=choices)))
        interactive = one.sent()[-1]["interactive"]
        assert interactive["type"] == ("button" if count <= 3 else "list")
        assert [label for _, label in one.phone.chat(one.ada)[-1].buttons] == [choice.label for choice in choices]
    assert interactive["action"]["button"] == "Choose"
    assert len(interactive["action"]["sections"][0]["rows"][0]["description"]) == 72


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (PNG, "lamp.png", "image"),
        (PDF, "Rechnung März.pdf", "document"),
        (b"Hello, this is text.\n", "notes.csv", "document"),
        (MP4, "clip.mp4", "video"),
        (OGG, "voice.ogg", "audio"),
    ],
)
async def test_every_file_goes_as_what_it_is(one: Account, data: bytes, name: str, kind: str) -> None:
    await one.bridge.send(await with_file(one, data, name))
    shown = one.phone.chat(one.ada)[-1]
    assert shown.kind == kind
    if kind == "document":
        assert shown.details == {"filename": name}
    media = one.phone.messages[shown.id].media
    assert media is not None
    assert media.data == data


async def test_words_stand_below_a_picture_and_above_a_sound(one: Account) -> None:
    await one.bridge.send(await with_file(one, PNG, "lamp.png", "This *one*?", "k1"))
    assert [bubble.text for bubble in one.phone.chat(one.ada)[1:]] == ["This *one*?"]
    message = await with_file(one, OGG, "voice.ogg", "Listen", "k2")
    one.graph.faults.order("messages", Fault())
    one.graph.faults.order("messages", refusal(131056))
    with pytest.raises(TemporaryFailure):
        await one.bridge.send(message)
    await one.bridge.send(message)
    assert [(bubble.kind, bubble.text) for bubble in one.phone.chat(one.ada)[2:]] == [("text", "Listen"), ("audio", "")]


async def test_a_recording_is_a_voice_note(one: Account) -> None:
    await one.bridge.send(await with_file(one, OGG, "voice.ogg"))
    assert one.sent()[-1]["audio"]["voice"] is True


async def test_a_file_is_uploaded_once(one: Account) -> None:
    message = await with_file(one, PNG, "lamp.png")
    one.graph.faults.order("messages", refusal(131056))
    with pytest.raises(TemporaryFailure):
        await one.bridge.send(message)
    await one.bridge.send(message)
    assert len([call for call in one.graph.calls if call.method == "media"]) == 1
    one.graph.faults.order("messages", refusal(100, "Invalid parameter"))
    with pytest.raises(PermanentFailure):
        await one.bridge.send(message)
    await one.bridge.send(message)
    assert len([call for call in one.graph.calls if call.method == "media"]) == 2


async def test_a_slow_upload_goes_on_between_tries(one: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges._meta.uploads._LOOK_S", 0.05)
    one.graph.faults.order("media", Fault(delay=0.2))
    message = await with_file(one, PNG, "lamp.png")
    with pytest.raises(TemporaryFailure) as later:
        await one.bridge.send(message)
    assert not isinstance(later.value, OutcomeUnknown)
    assert later.value.retry_after

    async def sent() -> bool:
        with contextlib.suppress(TemporaryFailure):
            return bool(await one.bridge.send(message))
        return False

    await one.core.until_async(sent)
    assert len([call for call in one.graph.calls if call.method == "media"]) == 1


async def test_an_upload_whose_answer_is_lost_sent_nothing(one: Account) -> None:
    one.graph.faults.order("media", Fault(drop="after"))
    message = await with_file(one, PNG, "lamp.png")
    with pytest.raises(TemporaryFailure) as raised:
        await one.bridge.send(message)
    assert not isinstance(raised.value, OutcomeUnknown)
    await one.bridge.send(message)


async def test_what_whatsapp_takes_no_upload_of_goes_as_a_link(
    one: Account, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    gif = await one.core.stored(b"GIF89a" + b"\x01\x00\x01\x00\x00\x00\x00;", "wave.gif")
    message = outbound(one.recipient, Content(body=from_plain("Look"), attachments=(gif,)))
    with pytest.raises(PermanentFailure, match="no public address") as refused:
        await one.bridge.send(message)
    assert refused.value.reason is FailureReason.UNSUPPORTED
    linked = _with_links(one)
    await linked.send(message)
    assert one.phone.chat(one.ada)[-1].text == "Look\nwave.gif: https://shop.test/files/wave.gif"


def _with_links(one: Account) -> Any:
    runtime = replace(one.core.runtime, file_link=lambda file, name: f"https://shop.test/files/{name}")
    return BRIDGE.build(BRIDGE.settings.model_validate(given(one.graph)), runtime)


async def test_reactions_are_set_and_taken_back(one: Account) -> None:
    hers = one.phone.chat(one.ada)[0].id
    await one.bridge.react(hers, one.recipient, "❤️")
    assert one.phone.message(hers).our_reaction == "❤️"
    await one.bridge.react(hers, one.recipient, None)
    assert one.phone.message(hers).our_reaction == ""
    with pytest.raises(PermanentFailure):
        await one.bridge.react("handover:1", one.recipient, "❤️")  # type: ignore[arg-type]


async def test_her_messages_are_read_once_an_agent_answers(one: Account) -> None:
    hers = one.phone.chat(one.ada)[0].id
    await one.bridge.send(outbound(one.recipient, "One"))
    await one.core.until(lambda: one.phone.message(hers).seen)
    await one.bridge.send(outbound(one.recipient, "Two"))
    assert len(one.sent("read")) == 1


async def test_read_marks_fail_without_harm_and_can_be_turned_off(
    one: Account, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one.graph.faults.stand("read", refusal(131009))
    await one.bridge.send(outbound(one.recipient, "One"))
    await one.core.until(lambda: one.sent("read"))
    async with account(session, tmp_path / "other", read_receipts=False) as other:
        await other.bridge.send(outbound(other.recipient, "One"))
        await other.bridge.show_typing(other.recipient)
        assert len(other.sent("read")) == 1


async def test_typing_needs_a_message_of_hers(one: Account) -> None:
    await one.bridge.show_typing(outbound(one.ada).recipient)
    assert not one.sent("read")
    await one.bridge.show_typing(one.recipient)
    assert one.sent("read")[0]["typing_indicator"] == {"type": "text"}


@pytest.mark.parametrize(("code", "subcode", "expected"), CODES)
async def test_every_refusal_says_what_comes_next(
    one: Account, code: int, subcode: int | None, expected: type[AdapterError] | FailureReason
) -> None:
    one.graph.faults.order("messages", refusal(code, "Meta's words", subcode=subcode))
    with pytest.raises(AdapterError) as raised:
        await one.bridge.send(outbound(one.recipient, "Hello?"))
    if isinstance(expected, FailureReason):
        assert isinstance(raised.value, PermanentFailure)
        assert raised.value.reason is expected
    else:
        assert type(raised.value) is expected
    assert len(one.phone.chat(one.ada)) == 1


async def test_the_same_errors_come_later_with_a_status(one: Account) -> None:
    one.phone.customer_blocks(one.ada)
    await one.bridge.send(outbound(one.recipient, "Hello?"))
    failed = await one.event(StatusChanged)
    assert (failed.status, failed.reason) == ("failed", FailureReason.RECIPIENT_GONE)
    assert "blocked the business" in failed.problem


async def test_a_lost_answer_is_found_by_a_status_and_never_denied(one: Account) -> None:
    message = outbound(one.recipient, "Hello?", key="k9")
    one.graph.faults.order("messages", Fault(drop="after"))
    with pytest.raises(OutcomeUnknown) as raised:
        await one.bridge.send(message)
    assert raised.value.retry_after
    status = await one.event(StatusChanged)
    assert await one.bridge.find(message) == status.external_id == one.phone.chat(one.ada)[-1].id
    with pytest.raises(OutcomeUnknown):
        await one.bridge.find(outbound(one.recipient, "Hello?", key="never sent"))


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": [{"id": 1}]}, {"messages": "x"}])
async def test_an_answer_without_an_id_leaves_it_in_doubt(one: Account, body: dict[str, Any]) -> None:
    one.graph.faults.order("messages", Fault(status=200, body=body))
    with pytest.raises(OutcomeUnknown):
        await one.bridge.send(outbound(one.recipient, "Hello?"))


async def test_a_revoked_token_stops_the_account(one: Account) -> None:
    one.graph.token = "another"
    for call in (one.bridge.check(), one.bridge.send(outbound(one.recipient, "x")), one.bridge.templates()):
        with pytest.raises(CredentialsRejected, match="access token"):
            await call


async def test_an_invitation_brings_its_token_back_unseen(one: Account) -> None:
    address = urlsplit(await one.bridge.invitation("aB3_-x"))
    assert (address.scheme, address.netloc, address.path) == ("https", "wa.me", "/15550001111")
    (words,) = parse_qs(address.query)["text"]
    await one.phone.customer_writes(one.ada, f"{words} and hello")
    brought = await one.message()
    assert (brought.proof_token, plain(brought.content.body)) == ("aB3_-x", "👋 and hello")
    for text in ("👋 #", "so 👋 #abc", "👋 #abc,def", "👋 #" + "x" * 65):
        await one.phone.customer_writes(one.ada, text)
    for number, text in enumerate(("👋 #", "so 👋 #abc", "👋 #abc,def", "👋 #" + "x" * 65), 2):
        other = await one.event(MessageReceived, number)
        assert (other.proof_token, plain(other.content.body)) == ("", text)


async def test_check_says_who_we_are(one: Account) -> None:
    assert await one.bridge.check() == "Lumen & Loom (15550001111), quality GREEN"


async def test_templates_are_read_and_sent(one: Account) -> None:
    phone = one.phone
    phone.add_template("shipped", "Hello {{1}}, order {{2}} is on its way.", buttons=("Thanks",))
    phone.add_template("sale", "Everything must go.", category="MARKETING", language="de")
    phone.templates["x"] = phone.templates["sale:de"] | {"status": "PENDING"}
    phone.templates["y"] = phone.templates["sale:de"] | {
        "components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "x"}]
    }
    found = await one.bridge.templates()
    assert [(one.id, one.category, one.buttons) for one in found] == [
        ("shipped/en", TemplateCategory.UTILITY, ("Thanks",)),
        ("sale/de", TemplateCategory.MARKETING, ()),
    ]
    use = TemplateUse(
        name="shipped", language="en", category=TemplateCategory.UTILITY, values={"body.1": "Ada", "body.2": "42"}
    )
    await one.bridge.send(outbound(one.recipient, "…", template=use))
    shown = one.phone.chat(one.ada)[-1]
    assert (shown.text, shown.buttons) == ("Hello Ada, order 42 is on its way.", (("Thanks", "Thanks"),))


async def test_values_go_where_they_belong_by_number_and_by_name(one: Account) -> None:
    one.phone.add_template(
        "ready",
        "{{first_name}}, come to {{place}}.",
        header="Order {{number}}",
        footer="Lumen & Loom",
        buttons=("Thanks",),
        link=("Track it", "https://shop.test/{{1}}"),
    )
    (template,) = await one.bridge.templates()
    assert template.buttons == ("Thanks", "Track it: https://shop.test/{{1}}")
    wanted = placeholders(template)
    assert wanted == ["header.number", "body.first_name", "body.place", "button1.1"]
    use = TemplateUse(
        name="ready",
        language="en",
        category=template.category,
        values=dict(zip(wanted, ("42", "Ada", "us", "t-42"), strict=True)),
    )
    await one.bridge.send(outbound(one.recipient, "…", template=use))
    assert one.phone.chat(one.ada)[-1].text == "Order 42\n\nAda, come to us.\n\nLumen & Loom"
    assert one.phone.chat(one.ada)[-1].text == rendered(template, use.values)


async def test_every_page_of_templates_is_read(one: Account) -> None:
    for number in range(450):
        one.phone.add_template(f"t{number}", "x")
    assert len(await one.bridge.templates()) == 450
    assert len([call for call in one.graph.calls if call.method == "templates"]) == 3


async def test_a_template_reaches_her_after_the_window(one: Account) -> None:
    one.phone.add_template("hello", "Are you still there?")
    one.phone.person(one.ada).wrote_at = one.graph.clock() - 90_000
    use = TemplateUse(name="hello", language="en", category=TemplateCategory.UTILITY)
    await one.bridge.send(outbound(one.recipient, "Are you still there?", template=use))
    assert one.phone.chat(one.ada)[-1].text == "Are you still there?"


async def test_a_template_that_is_gone_is_bad_content(one: Account) -> None:
    use = TemplateUse(name="gone", language="en", category=TemplateCategory.UTILITY)
    with pytest.raises(PermanentFailure, match="does not exist") as refused:
        await one.bridge.send(outbound(one.recipient, "…", template=use))
    assert refused.value.reason is FailureReason.BAD_CONTENT


def test_settings_are_checked_at_start() -> None:
    valid = {
        "access_token": "t",
        "app_secret": "s",
        "verify_token": "v",
        "phone_number_id": "106540352242922",
        "waba_id": "102290129340398",
    }
    BRIDGE.settings.model_validate(valid)
    for name, value in (
        ("app_secret", ""),
        ("verify_token", " "),
        ("phone_number_id", "+1 555"),
        ("waba_id", "../1"),
        ("list_button", "x" * 21),
        ("list_button", ""),
        ("api_version", "latest"),
        ("api_url", "graph.facebook.com"),
    ):
        with pytest.raises(ValidationError):
            BRIDGE.settings.model_validate(valid | {name: value})
