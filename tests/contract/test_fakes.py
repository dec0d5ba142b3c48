"""The fakes do what they are told: verbs by capability, faults to order, state that outlives a process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from core import discovery
from core.app.app import App
from core.contracts.bridge import Deletes, Edits, MessageReceived, Reacts, Reconciles, ShowsTyping
from core.contracts.errors import OutcomeUnknown, PermanentFailure, RequestRejected, TemporaryFailure
from core.contracts.text import plain
from core.settings import load
from core.testing.fakes import EVERYTHING, FakeBridge, FakeChannel, FakeWorkspace, installed
from core.testing.runtime import KeptValue, RecordingRuntime, outbound

VERBS = {
    "edits_out": Edits,
    "deletes_out": Deletes,
    "reactions_out": Reacts,
    "typing_out": ShowsTyping,
}


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[RecordingRuntime]:
    async with aiohttp.ClientSession() as session:
        yield RecordingRuntime(session=session, folder=tmp_path)


def built(channel: FakeChannel, core: RecordingRuntime) -> FakeBridge:
    bridge = channel.spec.build(channel.spec.settings(), core.runtime)
    assert isinstance(bridge, FakeBridge)
    core.bridge = bridge
    return bridge


@asynccontextmanager
async def listening(bridge: FakeBridge) -> AsyncIterator[None]:
    task = asyncio.create_task(bridge.listen())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("missing", [*VERBS, None])
def test_it_has_the_verbs_that_it_declares(core: RecordingRuntime, missing: str | None) -> None:
    capabilities = replace(EVERYTHING, **{missing: False}) if missing else EVERYTHING
    bridge = built(FakeChannel(capabilities=capabilities), core)
    assert {name: isinstance(bridge, verb) for name, verb in VERBS.items()} == {name: name != missing for name in VERBS}
    assert isinstance(bridge, Reconciles)
    assert not isinstance(built(FakeChannel(reconciles=False), core), Reconciles)


async def test_faults_are_met_in_order_and_then_over(core: RecordingRuntime) -> None:
    channel = FakeChannel()
    bridge, jane = built(channel, core), channel.customer()
    channel.faults.order("send", TemporaryFailure("Not now.", retry_after=1.0))
    channel.faults.order("send", OutcomeUnknown("The answer was lost."), after=True)
    channel.faults.order("*", OutcomeUnknown("It answered 500."))
    seen = []
    for error in (TemporaryFailure, OutcomeUnknown, OutcomeUnknown):
        with pytest.raises(error):
            await bridge.send(outbound(jane.id, "Hello", key=f"k{len(seen)}"))
        seen.append([one.sent.key for one in channel.shown(jane)])
    assert seen == [[], ["k1"], ["k1"]]
    await bridge.send(outbound(jane.id, "Hello", key="k3"))
    assert [call.message.key for call in channel.calls if call.message] == ["k0", "k1", "k2", "k3"]
    assert isinstance(bridge, Reconciles)
    assert await bridge.find(outbound(jane.id, key="k1")) == channel.messages[0].id
    assert await bridge.find(outbound(jane.id, key="k2")) is None


async def test_a_held_call_waits_to_be_released(core: RecordingRuntime) -> None:
    channel = FakeChannel()
    bridge, jane = built(channel, core), channel.customer()
    held = channel.faults.hold("send")
    sending = asyncio.create_task(bridge.send(outbound(jane.id, "Hello")))
    await held.reached()
    assert channel.messages == []
    held.release()
    assert await sending == channel.messages[0].id


async def test_a_blocked_customer_is_out_of_reach(core: RecordingRuntime) -> None:
    channel = FakeChannel()
    bridge, jane = built(channel, core), channel.customer()
    await channel.blocks(jane)
    with pytest.raises(PermanentFailure, match="Jane blocked us"):
        await bridge.send(outbound(jane.id, "Hello"))


async def test_what_was_not_kept_is_handed_over_again(core: RecordingRuntime) -> None:
    channel = FakeChannel()
    bridge, jane = built(channel, core), channel.customer()
    core.broken = RuntimeError("the database is away")
    async with listening(bridge):
        await channel.writes(jane, "Hello")
        await core.until(lambda: len(core.raws) >= 2)
        core.broken = None
        await core.arrived(1)
    assert any(trouble is not None for trouble in core.troubles)
    assert core.troubles[-1] is None


async def test_it_outlives_the_process(core: RecordingRuntime, tmp_path: Path) -> None:
    channel, memory = FakeChannel(), KeptValue()
    jane = channel.customer()
    core.memory = memory
    async with listening(built(channel, core)):
        await channel.writes(jane, "One")
        await core.arrived(1)
        await core.until(lambda: memory.value)
    await channel.writes(jane, "Two")
    second = RecordingRuntime(session=core.session, folder=tmp_path, memory=memory)
    async with listening(built(channel, second)):
        (event,) = await second.arrived(1)
    assert isinstance(event, MessageReceived)
    assert plain(event.content.body) == "Two"


async def test_updates_come_twice_and_in_reverse_when_ordered(core: RecordingRuntime) -> None:
    channel = FakeChannel()
    jane = channel.customer()
    channel.twice = True
    channel.hold()
    async with listening(built(channel, core)):
        for text in ("One", "Two"):
            await channel.writes(jane, text)
        assert core.raws == []
        await channel.release(reverse=True)
        await core.until(lambda: len(core.raws) == 4)
    texts = [plain(event.content.body) for event in core.events if isinstance(event, MessageReceived)]
    assert texts == ["Two", "One"]


async def test_only_signed_calls_are_received(core: RecordingRuntime) -> None:
    channel = FakeChannel()
    bridge, jane = built(channel, core), channel.customer()
    await channel.writes(jane, "Hello")
    raw = channel.updates[0]
    assert [json.loads(item) for item in (await bridge.receive(channel.request(raw))).items] == [json.loads(raw)]
    for signature in ("", "\udce9", "0" * 64):
        with pytest.raises(RequestRejected):
            await bridge.receive(channel.request(raw, signature=signature))


async def test_installed_ends_with_the_block() -> None:
    channel, office = FakeChannel("loft"), FakeWorkspace("barn")
    with installed(channel.spec, office.spec):
        assert discovery.bridges()["loft"] is channel.spec
        assert discovery.workplaces()["barn"] is office.spec
    assert "loft" not in discovery.bridges()
    assert "barn" not in discovery.workplaces()


async def test_a_conversation_through_the_real_core(tmp_path: Path, unused_tcp_port: int) -> None:
    channel, office = FakeChannel(), FakeWorkspace()
    office.room("support")
    bea, jane = office.agent("Bea"), channel.customer("Jane")
    toml = tmp_path / "threadbridge.toml"
    toml.write_text(
        f'data_dir = "{tmp_path / "data"}"\ndefault_room = "fake/#support"\n'
        f"[web]\nport = {unused_tcp_port}\n[desk]\nhold_seconds = 0\n"
        '[[workspaces]]\nname = "fake"\nworkplace = "fake"\n[[accounts]]\nname = "shop"\nchannel = "fake"\n'
    )
    stop = asyncio.Event()
    with installed(channel.spec, office.spec):
        async with App(load(toml, {}), probe_seconds=0.2) as app:
            running = asyncio.create_task(app.run(stop))
            asked = await channel.writes(jane, "Where is my lamp?", files=[("note.txt", "text/plain", b"Order 42")])
            (thread,) = await office.until(lambda: office.threads)
            opening = thread.posts[0].post
            assert opening is not None
            assert plain(opening.content.body) == "Where is my lamp?"
            await office.until(lambda: any(b"Order 42" in post.files for post in thread.posts))
            await office.says(bea, thread.ref, "On its way")
            await channel.until(lambda: [one.text for one in channel.shown(jane)] == ["On its way"])
            await channel.edits(asked, "Where are my lamps?")
            await office.until(lambda: thread.posts[0].post.edited)
            assert plain(thread.posts[0].post.content.body) == "Where are my lamps?"
            assert next(plain(one.content.body) for one in thread.posts[0].before) == "Where is my lamp?"
            stop.set()
            await running
