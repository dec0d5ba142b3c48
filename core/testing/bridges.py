"""The contract suite of a channel: what every bridge must do, whoever wrote it.

    class TestShout(BridgeContract):
        name = "shout"

That is all: the folder, its settings, README and examples are found by the name.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from core import discovery
from core.contracts.bridge import (
    Bridge,
    BridgeSpec,
    Deletes,
    Edits,
    Event,
    FetchesMedia,
    Invites,
    ListeningBridge,
    MessageEdited,
    MessageReceived,
    Reacts,
    Reconciles,
    ServesRoutes,
    ShowsTyping,
    WebhookBridge,
)
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from core.contracts.templates import Templates
from core.contracts.text import content_from_json, content_to_json, plain
from core.testing import hostile
from core.testing.examples import NOW, Example, differences, read_examples
from core.testing.runtime import RecordingRuntime
from core.testing.specs import check_readme, check_settings, check_silence

#: Most seconds that one item may take to read; a thousandth is usual, and the machine may be busy.
SLOWEST_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A channel under test."""

    name: str
    folder: Path
    spec: BridgeSpec[Any]
    examples: list[Example]
    bridge: Bridge
    core: RecordingRuntime

    def built(self, settings: Mapping[str, Any]) -> Bridge:
        """Another bridge, as after a restart."""
        return self.spec.build(self.spec.settings.model_validate(dict(settings)), self.core.runtime)

    def bridge_for(self, example: Example) -> Bridge:
        return self.bridge if example.settings == self.examples[0].settings else self.built(example.settings)


class BridgeContract:
    """Set `name`, or parametrise `channel`, and pytest runs the rest."""

    #: The channel: the name of its folder or entry point.
    name = ""

    @pytest.fixture
    def channel(self) -> str:
        return self.name

    @pytest.fixture
    async def adapter(self, channel: str, tmp_path: Path) -> AsyncIterator[Adapter]:
        specs = discovery.bridges()
        spec = specs[channel]
        folder = specs.folder(channel) or Path(inspect.getfile(spec.settings)).parent
        examples = read_examples(folder / "examples")
        assert examples, f"{folder / 'examples'} holds no example; record what the vendor really sends first"
        async with aiohttp.ClientSession() as session:
            core = RecordingRuntime(session=session, folder=tmp_path, clock=lambda: NOW)
            bridge = spec.build(spec.settings.model_validate(dict(examples[0].settings)), core.runtime)
            core.bridge = bridge
            yield Adapter(name=channel, folder=folder, spec=spec, examples=examples, bridge=bridge, core=core)

    def test_the_spec_is_named_after_its_folder(self, adapter: Adapter) -> None:
        assert adapter.spec.channel == adapter.name
        assert adapter.spec.title.strip()

    def test_settings_are_frozen_and_closed(self, adapter: Adapter) -> None:
        check_settings(adapter.spec.settings)
        given = {**adapter.examples[0].settings, "no_such_setting": 1}
        with pytest.raises(ValidationError, match="no_such_setting"):
            adapter.spec.settings.model_validate(given)

    def test_secrets_are_never_shown(self, adapter: Adapter) -> None:
        for example in adapter.examples:
            check_silence(adapter.spec.settings, example.settings, adapter.built(example.settings))

    def test_it_implements_what_it_declares(self, adapter: Adapter) -> None:
        bridge: object = adapter.bridge
        settings = adapter.spec.settings.model_validate(adapter.examples[0].settings)
        has = adapter.spec.capabilities_of(settings)
        assert {
            "edits_out": isinstance(bridge, Edits),
            "deletes_out": isinstance(bridge, Deletes),
            "reactions_out": isinstance(bridge, Reacts),
            "typing_out": isinstance(bridge, ShowsTyping),
            "templates": isinstance(bridge, Templates),
            "invites": isinstance(bridge, Invites),
        } == {
            "edits_out": has.edits_out,
            "deletes_out": has.deletes_out,
            "reactions_out": has.reactions_out,
            "typing_out": has.typing_out,
            "templates": has.templates,
            "invites": has.invites,
        }
        assert not (has.idempotent and isinstance(bridge, Reconciles)), "an idempotent send needs no find"
        assert isinstance(bridge, WebhookBridge | ListeningBridge | ServesRoutes), "there is no way in"

    def test_its_limits_make_sense(self, adapter: Adapter) -> None:
        has = adapter.spec.capabilities
        assert has.max_text > 0
        assert 0 <= has.max_caption <= has.max_text
        assert not has.max_caption or has.media, "a caption needs a file"
        assert all(size > 0 for size in has.media.values())
        assert has.max_choices >= 0
        assert not has.max_list or has.max_list > has.max_choices, "a list is for more choices than fit on buttons"
        assert has.max_choice_text is None or 0 < has.max_choice_text <= has.max_text
        for label in (has.choice_label, has.list_label):
            assert label is None or label >= 10, "a label needs room for its number and a word"
        assert has.human_window is None or (has.reply_window is not None and has.human_window > has.reply_window)
        assert has.delete_window is None or has.deletes_out
        for rate in (has.account_rate, has.recipient_rate):
            assert rate is None or (rate.gap.total_seconds() > 0 and rate.burst > 0)

    def test_the_readme_tells_what_an_operator_needs(self, adapter: Adapter) -> None:
        check_readme(adapter.folder, adapter.spec.settings)

    async def test_examples_mean_what_they_say(self, adapter: Adapter) -> None:
        for example in adapter.examples:
            found = await adapter.bridge_for(example).parse(example.raw)
            assert not differences(example.events, found), example.name

    async def test_some_example_is_a_message(self, adapter: Adapter) -> None:
        names = {event.get("event", event.get("type")) for example in adapter.examples for event in example.events}
        assert "MessageReceived" in names
        assert not adapter.spec.capabilities.edits_in or "MessageEdited" in names, "edits_in needs an example"
        assert not adapter.spec.capabilities.deletes_in or "MessageDeleted" in names, "deletes_in needs an example"
        assert not adapter.spec.capabilities.reactions_in or "ReactionChanged" in names, "reactions_in needs an example"

    async def test_events_can_be_kept(self, adapter: Adapter) -> None:
        for example in adapter.examples:
            for event in await adapter.bridge_for(example).parse(example.raw):
                _check_event(event, example.name)
                if isinstance(event, MessageReceived) and any(one.source for one in event.content.attachments):
                    assert isinstance(adapter.bridge, FetchesMedia), f"{example.name} names a file; implement fetch"

    async def test_the_same_item_is_the_same_events(self, adapter: Adapter) -> None:
        for example in adapter.examples:
            first = await adapter.bridge_for(example).parse(example.raw)
            again = await adapter.built(example.settings).parse(example.raw)
            assert [event.event_id for event in first] == [event.event_id for event in again], example.name

    async def test_a_bad_item_is_refused_at_once(self, adapter: Adapter) -> None:
        for name, raw in hostile.BODIES.items():
            await _parses_or_refuses(adapter.bridge, raw, name)

    async def test_an_item_with_a_broken_part_is_refused_at_once(self, adapter: Adapter) -> None:
        most = 3_000 // len(adapter.examples)
        for example in adapter.examples:
            bridge = adapter.bridge_for(example)
            for name, raw in hostile.variants(example.raw, most=most):
                await _parses_or_refuses(bridge, raw, f"{example.name}, {name}")

    async def test_hostile_text_is_text(self, adapter: Adapter) -> None:
        for example in adapter.examples:
            bridge = adapter.bridge_for(example)
            for event in await bridge.parse(example.raw):
                if isinstance(event, MessageReceived):
                    for text in ("a\x00b", "a\ud800b", "<!channel> <@U123> *b* <script>alert(1)</script>"):
                        await _reads_text(bridge, example, event, text)

    async def test_a_call_that_is_not_signed_is_refused(self, adapter: Adapter) -> None:
        receiver = _receiver(adapter.bridge)
        for example in adapter.examples:
            for headers in _spoilt(example.headers or {}):
                with pytest.raises(RequestRejected) as refused:
                    await receiver.receive(example.request(headers=headers))
                assert refused.value.status in {400, 401, 403, 413, 429}

    async def test_a_signed_call_brings_its_items(self, adapter: Adapter) -> None:
        signed = [example for example in adapter.examples if example.headers is not None]
        _receiver(adapter.bridge)
        assert signed, "no example has the `headers` of a call that its vendor signed"
        for example in signed:
            bridge = _receiver(adapter.bridge_for(example))
            received = await bridge.receive(example.request())
            assert 200 <= received.reply.status < 300
            events = [event for item in received.items for event in await adapter.bridge_for(example).parse(item)]
            assert not differences(example.events, events), example.name

    async def test_a_hostile_call_is_refused_at_once(self, adapter: Adapter) -> None:
        receiver = _receiver(adapter.bridge)
        for headers in ({}, *(example.headers for example in adapter.examples[:20] if example.headers)):
            for name, body in hostile.BODIES.items():
                request = WebhookRequest(method="POST", url="", query={}, headers=headers, body=body)
                begun = time.perf_counter()
                with contextlib.suppress(RequestRejected):
                    await receiver.receive(request)
                assert time.perf_counter() - begun < SLOWEST_S, name


def _receiver(bridge: object) -> WebhookBridge:
    if not isinstance(bridge, WebhookBridge):
        pytest.skip("this channel has no webhook")
    return bridge


async def _parses_or_refuses(bridge: Bridge, raw: bytes, name: str) -> None:
    """Any exception is fine, for it quarantines this item alone; what is read must be fit to be kept."""
    begun = time.perf_counter()
    try:
        events = await bridge.parse(raw)
    except Exception:
        events = ()
    assert time.perf_counter() - begun < SLOWEST_S, f"{name}: took {time.perf_counter() - begun:.1f} s"
    for event in events:
        assert isinstance(event, Event), name


def _check_event(event: Event, name: str) -> None:
    assert event.event_id, name
    assert len(event.event_id) <= 500, name
    assert event.at.tzinfo is not None, f"{name}: `at` needs a time zone"
    if isinstance(event, MessageReceived | MessageEdited):
        kept = content_to_json(event.content)
        assert content_to_json(content_from_json(kept, lambda _: None)) == kept, name
        for one in event.content.attachments:
            assert sum(value is not None for value in (one.source, one.file, one.problem)) == 1, name
            assert one.name == Path(one.name).name, name
    if isinstance(event, MessageReceived):
        assert event.external_id, name
        assert event.sender.external_id, name
        assert event.content.body or event.content.attachments, f"{name}: a message is never nothing"


async def _reads_text(bridge: Bridge, example: Example, event: MessageReceived, text: str) -> None:
    changed = hostile.texts(example.raw, plain(event.content.body), text)
    if changed is None:
        return
    events = await bridge.parse(changed)
    assert len(events) == len(example.events), f"{example.name}: the text {text!a} must not lose the message"
    found = next(one for one in events if isinstance(one, MessageReceived))
    wanted = text.replace("\x00", "").replace("\ud800", "")
    seen = plain(found.content.body).replace("\x00", "").replace("\ud800", "").replace("\ufffd", "")
    assert seen == wanted, example.name


def _spoilt(headers: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    yield {}
    for name, value in headers.items():
        if name in ("content-type", "user-agent"):
            continue
        yield {**headers, name: value[:-1] + ("a" if value[-1:] != "a" else "b")}
        yield {**headers, name: ""}
        yield {**headers, name: "\udce9" * 10}
