"""Approved templates: chosen, filled in, sent when nothing else may be, and shown as the customer reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.contracts.errors import TemporaryFailure
from core.contracts.posts import Form
from core.contracts.templates import Template, TemplateCategory, TemplateUse, placeholders, rendered
from core.testing.fakes import EVERYTHING, FakeChannel, FakeThread
from tests.core.office import Office, buttons, open_office, said, until
from tests.core.test_windows import WINDOWED, wrote

READY = Template(
    name="ready",
    language="en_US",
    category=TemplateCategory.UTILITY,
    header="Order {{1}}",
    body="Hello {{name}}, your {{what}} is ready. Bring {{name}}'s card.",
    footer="Lamp & Co",
    buttons=("Track it: https://lamp.example/{{1}}",),
    examples={"body.what": "lamp"},
)
PLAIN = Template(name="hello", language="de", category=TemplateCategory.UTILITY, body="Hallo!")
VALUES = {"header.1": "#12", "body.name": "Jane", "body.what": "lamp", "button0.1": "12"}
READS = "Order #12\n\nHello Jane, your lamp is ready. Bring Jane's card.\n\nLamp & Co"


def test_what_a_template_needs() -> None:
    assert placeholders(READY) == ["header.1", "body.name", "body.what", "button0.1"]
    assert rendered(READY, VALUES) == READS
    assert rendered(PLAIN, {}) == "Hallo!"
    assert "{{what}}" in rendered(READY, {"body.name": "Jane"})
    # A value is text, whatever it holds.
    assert rendered(READY, {**VALUES, "body.name": "{{what}}"}).startswith("Order #12\n\nHello {{what}}, your lamp")
    use = TemplateUse(name="ready", language="en_US", category=TemplateCategory.UTILITY, values=VALUES)
    assert use.of("body") == {"name": "Jane", "what": "lamp"}
    assert use.of("button0") == {"1": "12"}


async def asked(office: Office, thread: FakeThread, value: str = "", **fields: str) -> Form:
    """What comes up when Bea presses the button, or submits the form before."""
    before = len(office.tool.forms)
    await office.tool.asks(office.bea, thread.ref, "template", value, fields=list(fields.items()))
    await office.tool.until(lambda: len(office.tool.forms) > before)
    form = office.tool.forms[-1]
    assert isinstance(form, Form)
    return form


async def test_it_is_chosen_and_filled_in(database_url: str, tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=WINDOWED)
    channel.templates = [READY, PLAIN]
    async with open_office(tmp_path, database_url, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await wrote(office, jane, timedelta(days=2))
        first = await asked(office, thread)
        [select] = first.fields
        assert first.continues
        assert [option.value for option in select.options] == [PLAIN.id, READY.id]
        second = await asked(office, thread, template=READY.id)
        assert (second.continues, second.value) == (False, READY.id)
        assert "your {{what}} is ready" in second.text
        assert "Track it" in second.text
        assert [field.id for field in second.fields] == list(VALUES)
        assert second.fields[2].hint == "For example: lamp"
        await office.tool.presses(office.bea, thread.ref, "template", READY.id, fields=list(VALUES.items()))
        await channel.until(lambda: len(channel.shown(jane)) == 1)
        sent = channel.shown(jane)[0].sent
        assert sent.template == TemplateUse(
            name="ready", language="en_US", category=TemplateCategory.UTILITY, values=VALUES
        )
        assert (sent.text, sent.human) == (READS, False)
        await until(lambda: READS in said(thread), "what the customer reads in the thread")
        assert len([call for call in channel.calls if call.verb == "templates"]) == 1


async def test_a_form_that_came_back_is_still_about_its_template(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=WINDOWED)
    channel.templates = [READY, PLAIN]
    async with open_office(tmp_path, channel=channel) as office:
        thread = await office.opened(channel.customer("Jane"))
        again = await asked(office, thread, READY.id)
        assert again.value == READY.id
        without = await asked(office, thread, PLAIN.id)
        assert (without.fields, without.submit) == ((), "Send")


@pytest.mark.parametrize("missing", ["body.name", "button0.1"])
async def test_nothing_leaves_with_a_value_missing(tmp_path: Path, missing: str) -> None:
    channel = FakeChannel("wire", capabilities=WINDOWED)
    channel.templates = [READY]
    async with open_office(tmp_path, channel=channel) as office:
        thread = await office.opened(channel.customer("Jane"))
        fields = list({**VALUES, missing: " \n "}.items())
        await office.tool.presses(office.bea, thread.ref, "template", READY.id, fields=fields)
        await until(lambda: [text for text in office.whispered() if "there is nothing in" in text], "a refusal")
        assert not channel.messages


async def test_one_that_is_no_longer_approved_is_not_sent(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=WINDOWED)
    channel.templates = [PLAIN]
    async with open_office(tmp_path, channel=channel) as office:
        thread = await office.opened(channel.customer("Jane"))
        await office.tool.presses(office.bea, thread.ref, "template", READY.id, fields=list(VALUES.items()))
        await until(lambda: [text for text in office.whispered() if "not approved any more" in text], "a refusal")
        assert not channel.messages


async def test_why_there_is_none_to_choose_is_said(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=WINDOWED)
    async with open_office(tmp_path, channel=channel) as office:
        thread = await office.opened(channel.customer("Jane"))
        await office.tool.asks(office.bea, thread.ref, "template")
        await until(lambda: [text for text in office.whispered() if "none is approved" in text], "why")
        channel.faults.order("templates", TemporaryFailure("The vendor cannot be reached."))
        await office.tool.asks(office.bea, thread.ref, "template")
        await until(lambda: [text for text in office.whispered() if "cannot be reached" in text], "why")
        assert office.tool.forms == [None, None]


async def test_a_channel_without_templates_offers_none(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=replace(EVERYTHING, reply_window=timedelta(hours=24)))
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await wrote(office, jane, timedelta(days=2))
        await office.tool.says(office.bea, thread.ref, "Hello?")
        await until(lambda: office.tool.whispers, "a refusal")
        assert not office.tool.whispers[-1].actions
        assert "template" not in [action.id for action in thread.card.actions]
        await office.tool.asks(office.bea, thread.ref, "template")
        await until(lambda: [text for text in office.whispered() if "has no templates" in text], "why")


async def test_guests_send_none(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=WINDOWED)
    channel.templates = [PLAIN]
    async with open_office(tmp_path, channel=channel) as office:
        thread = await office.opened(channel.customer("Jane"))
        await office.tool.presses(office.guest, thread.ref, "template", PLAIN.id)
        await until(lambda: [text for text in office.whispered() if "Only members" in text], "a refusal")
        await office.quiet()
        assert not channel.messages


async def test_what_reads_as_approved_cannot_be_edited(tmp_path: Path) -> None:
    """Retry sends the template again, as a template."""
    channel = FakeChannel("wire", capabilities=WINDOWED)
    channel.templates = [PLAIN]
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await wrote(office, jane, timedelta(days=2))
        jane.blocked = True
        await office.tool.presses(office.bea, thread.ref, "template", PLAIN.id)
        [value] = await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        jane.blocked = False
        await office.tool.presses(office.bea, thread.ref, "retry", value)
        await channel.until(lambda: len(channel.shown(jane)) == 1)
        sent = channel.shown(jane)[0].sent
        assert sent.template is not None
        assert sent.template.name == "hello"
