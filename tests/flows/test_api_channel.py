"""A channel from outside, through the whole product: what customers do stands in a thread, and answers come back."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.api import ApiSandbox
from sandbox.api.world import Bubble
from sandbox.faults import Fault
from sandbox.play.agents import SlackAgent
from sandbox.play.samples import PNG
from sandbox.stage import Options, Stage, _free_port
from tests.bridges.schemas import violations
from tests.flows.conftest import Opens, settled, until

CLIENT = Path(__file__).parent.parent.parent / "docs" / "api-client.py"
MOST_LINES = 30


@asynccontextmanager
async def talking(set_stage: Opens, **options: Any) -> AsyncIterator[tuple[Stage, str, SlackAgent, str]]:
    """Ada wrote; her thread stands."""
    async with set_stage(channels=("api",), **options) as stage:
        ada = stage.api.add_customer("Ada", facts={"Plan": "Gold"})
        await stage.api.customer_writes(ada, "Where is my lamp?")
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        yield stage, ada, agent, await until(lambda: agent.thread_of("Ada"), "the thread")


async def arrives(api: ApiSandbox, who: str, text: str) -> Bubble:
    def seen() -> Bubble | None:
        return next((one for one in api.chat(who) if one.from_us and text in one.text and not one.deleted), None)

    found: Bubble = await until(seen, f"{text!r} on her phone")
    return found


async def test_a_conversation_goes_both_ways(set_stage: Opens) -> None:
    async with talking(set_stage) as (stage, ada, agent, thread):
        api = stage.api
        post = await agent.replies(thread, "It is *on its way*")
        bubble = await arrives(api, ada, "on its way")
        assert {"text": "on its way", "marks": ["bold"]} in bubble.body[0]
        await agent.edits(post, "It is here")
        await until(lambda: bubble.text == "It is here", "the edit on her phone")
        await api.customer_reacts(bubble.id, "❤️")
        await until(lambda: agent.has_reaction(thread, "❤️"), "her reaction in the thread")
        await agent.reacts(agent.id_of(await until(lambda: agent.find(thread, "lamp?"), "her words")), "thumbsup")
        await until(lambda: any(one.reactions.get("agent") for one in api.chat(ada)), "the agent's thumb on her phone")
        mine = await api.customer_writes(ada, "Thank you", quote=bubble.id)
        await until(lambda: agent.find(thread, "Thank you"), "her thanks")
        await api.customer_edits(mine, "Thank you so much")
        await until(lambda: agent.find(thread, "so much"), "her edit")
        await agent.deletes(post)
        await until(lambda: bubble.deleted, "the delete on her phone")
        assert all(one.status == 200 for one in api.deliveries)


@pytest.mark.parametrize("upload", [True, False], ids=["uploaded", "fetched"])
async def test_files_go_both_ways(set_stage: Opens, upload: bool) -> None:
    async with talking(set_stage) as (stage, ada, agent, thread):
        await stage.api.customer_sends(ada, "lamp.png", "image/png", PNG, text="This one", kind="image", upload=upload)
        await until(lambda: agent.has_file(thread, "lamp.png", "image/png"), "her picture in the thread")
        await agent.replies(thread, "Like this?", [("plan.png", "image/png", PNG)])
        await until(lambda: any(one.files for one in stage.api.chat(ada) if one.from_us), "the file on her phone")
        (files,) = [one.files for one in stage.api.chat(ada) if one.from_us and one.files]
        assert files == [("plan.png", "image/png", PNG)]


async def test_a_delivery_without_an_answer_arrives_once(set_stage: Opens) -> None:
    async with talking(set_stage) as (stage, ada, agent, thread):
        stage.api.faults.order("message", Fault(drop="after"))
        stage.api.faults.order("message", Fault(status=503))
        post = await agent.replies(thread, "Once")
        await until(lambda: agent.is_signed(post, thread), "the mark of a reply that arrived")
        assert [one.text for one in stage.api.chat(ada) if one.from_us] == ["Once"]


async def test_a_refusal_is_told_in_the_connectors_words(set_stage: Opens) -> None:
    async with talking(set_stage) as (stage, _, agent, thread):
        fault = Fault(status=422, body={"detail": "Her mailbox is full", "reason": "recipient_gone"})
        stage.api.faults.order("message", fault)
        await agent.replies(thread, "Hello?")
        await until(lambda: agent.find(thread, "Her mailbox is full."), "the sentence in the thread")


async def test_the_description_is_served_and_true(set_stage: Opens) -> None:
    second = '[[accounts]]\nname = "other"\nchannel = "api"\ndeliver_url = "https://other.example/"\n'
    secret = "whsec_YW5vdGhlciBhY2NvdW50cyBzZWNyZXQsIGxvbmc="
    async with talking(set_stage, extra=f'{second}secrets = ["{secret}"]\n') as (stage, _, _, _):
        async with aiohttp.ClientSession() as session, session.get(f"{stage.url}/openapi.json") as answer:
            assert answer.status == 200
            document = await answer.json()
        assert document["openapi"] == "3.1.0"
        assert document["servers"] == [{"url": stage.url}]
        both = {f"/bridges/{name}{path}" for name in ("partner", "other") for path in ("", "/files")}
        assert set(document["paths"]) == both
        call = document["paths"]["/bridges/partner"]["post"]
        assert call["tags"] == ["partner"]
        for (status, body), headers in (
            (await stage.api.post(b'[{"type": "typing"}]'), "422"),
            (await stage.api.post(b"{}", more={"webhook-timestamp": "1"}), "401"),
            (await stage.api.post(b"{"), "400"),
        ):
            assert str(status) == headers
            schema = call["responses"][str(status)]["content"]["application/problem+json"]["schema"]
            assert not violations(schema, body, document)
            assert body["detail"]


async def test_nothing_is_described_where_nobody_programs(set_stage: Opens) -> None:
    async with (
        set_stage(channels=("webchat",)) as stage,
        aiohttp.ClientSession() as session,
        session.get(f"{stage.url}/openapi.json") as answer,
    ):
        assert answer.status == 404
        assert "nothing to describe" in await answer.text()


async def test_the_settings_say_what_the_channel_can_do(set_stage: Opens) -> None:
    secret = "whsec_YW5vdGhlciBhY2NvdW50cyBzZWNyZXQsIGxvbmc="
    lines = ["[[accounts]]", 'name = "other"', 'channel = "api"', 'deliver_url = "https://other.example/"']
    can = ["[accounts.can]", "max_text = 160", "edits_out = false", "delivered = true", 'media = { image = "5 MiB" }']
    extra = "\n".join([*lines, f'secrets = ["{secret}"]', *can]) + "\n"
    async with set_stage(channels=(), extra=extra) as stage:
        has = stage.app.channels["other"].capabilities
        assert (has.max_text, has.edits_out, has.deletes_out, has.delivered) == (160, False, True, True)
        assert list(has.media.values()) == [5 * 1024 * 1024]


async def test_a_batch_with_a_poisoned_event_comes_five_times(set_stage: Opens) -> None:
    async with set_stage(channels=("api",)) as stage:
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        sender = {"external_id": stage.api.add_customer("Ada1."), "name": "Ada1."}
        when = {"at": "2026-11-01T12:00:00Z", "type": "message"}
        batch: list[Any] = [
            {**when, "event_id": "late", "type": "message_edited", "external_id": "m3", "text": "three, edited"},
            *(
                {**when, "event_id": f"e{n}", "sender": sender, "external_id": f"m{n}", "text": f"number {n}."}
                for n in range(4)
            ),
            {**when, "event_id": "poison", "sender": {"external_id": None}, "external_id": "m9", "text": "\x00"},
        ]
        for _ in range(5):
            status, answer = await stage.api.post(json.dumps(batch).encode())
            assert status == 207
            assert answer["taken"] == ["late", "e0", "e1", "e2", "e3"]
            assert {one["event_id"] for one in answer["errors"]} == {"poison"}
        thread = await until(lambda: agent.thread_of("Ada1."), "the thread")
        await until(lambda: agent.find(thread, "three, edited"), "the edit that came before its message")
        await until(lambda: agent.find(thread, "number 2."), "all that could be taken")
        await settled(stage)
        assert [agent.times(thread, f"number {n}.") for n in range(3)] == [1, 1, 1]
        assert agent.times(thread, "three, edited") == 1
        assert not await stage.app.storage.read(lambda connection: stage.app.quarantine.list(connection))


async def test_the_admin_sees_who_answers(set_stage: Opens) -> None:
    async with talking(set_stage) as (stage, _, _, _):
        checked = {name: (works, words) for name, works, words in await stage.app.check()}
        assert checked["partner"] == (True, "Sandbox connector at 127.0.0.1")
        stage.api.secret = "whsec_YW5vdGhlciBhY2NvdW50cyBzZWNyZXQsIGxvbmc="
        checked = {name: (works, words) for name, works, words in await stage.app.check()}
        assert not checked["partner"][0]
        assert "share one of the `secrets`" in checked["partner"][1]


def test_the_example_is_short_and_needs_nothing() -> None:
    lines = CLIENT.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    imported = {
        name.strip(" ,").partition(".")[0]
        for line in lines
        if line.startswith("import ")
        for name in line.split("#")[0][7:].split(",")
    }
    assert imported <= sys.stdlib_module_names


async def test_the_example_is_a_connector(tmp_path: Path) -> None:
    port = _free_port()
    secret = "whsec_dGhlIHNlY3JldCBvZiB0aGUgZXhhbXBsZSBjbGllbnQ="
    account = f'[[accounts]]\nname = "example"\nchannel = "api"\ndeliver_url = "http://127.0.0.1:{port}/"\n'
    options = Options(hold_seconds=0.0, limits=False, channels=(), extra=f'{account}secrets = ["{secret}"]\n')
    async with Stage(tmp_path, options) as stage:
        client = await asyncio.create_subprocess_exec(
            sys.executable,
            CLIENT,
            f"{stage.url}/bridges/example",
            str(port),
            env={**os.environ, "API_SECRET": secret, "PYTHONIOENCODING": "utf-8"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write("Where is my lamp? 🙂\n".encode())
            agent = SlackAgent(stage.slack, stage.bea, stage.support)
            thread = await until(lambda: agent.thread_of("Ada"), "the thread")
            await until(lambda: agent.find(thread, "my lamp? 🙂"), "her words")
            post = await agent.replies(thread, "On its way 🚚")
            line = await asyncio.wait_for(client.stdout.readline(), 10)
            assert line.decode() == "Bea Novak: On its way 🚚\n"
            await until(lambda: agent.is_signed(post, thread), "the mark of a reply that arrived")
            # Somebody else's call is not shown, and not answered as if it were ours.
            async with aiohttp.ClientSession() as session:
                url, forged = f"http://127.0.0.1:{port}/", {"webhook-id": "a", "webhook-timestamp": "1"}
                async with session.post(url, data=b'{"type": "message"}', headers=forged) as answer:
                    assert answer.status == 401
            await settled(stage)
        finally:
            client.terminate()
            await client.wait()
