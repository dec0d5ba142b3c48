"""An event that our code fails on is set aside, its neighbours go through; it is repaired once the cause is gone."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from typing import Any

from sqlalchemy import Connection, update

from core.conversations import threads as links
from core.conversations.models import conversations
from sandbox.play.agents import SlackAgent
from sandbox.stage import Stage
from tests.flows.conftest import Opens, settled, until
from tests.flows.reading import threads

COMMAND = (sys.executable, "-c", "from core.cli import main; main()")


async def _run(stage: Stage, *arguments: str) -> tuple[int, str]:
    """The `threadbridge` command beside the running process: its exit code and what it printed."""
    settings = ("--settings", str(stage.folder / "threadbridge.toml"))
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, *settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        printed, errors = await asyncio.wait_for(process.communicate(), 30)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert b"Traceback" not in errors, errors.decode()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def _json(stage: Stage, *arguments: str) -> tuple[int, Any]:
    code, printed = await _run(stage, *arguments, "--json")
    return code, json.loads(printed)


def _set_state(connection: Connection, room: str, thread: str, state: str) -> None:
    link = links.link_at(connection, "shop", room, thread)
    assert link is not None
    one = update(conversations).where(conversations.c.id == link.conversation_id)
    assert connection.execute(one.values(state=state)).rowcount == 1


async def _break(stage: Stage, thread: str, *, mend: bool = False) -> None:
    """A value that no version of ours has written: reading that conversation fails until it is mended."""
    state = "open" if mend else "no such state"
    await stage.app.storage.write(partial(_set_state, room=stage.support, thread=thread, state=state))


async def _customers(stage: Stage) -> tuple[dict[str, int], dict[str, str], SlackAgent]:
    """Two on Telegram, each with a thread."""
    agent = SlackAgent(stage.slack, stage.bea, stage.support)
    users = {name: stage.telegram.add_customer(name) for name in ("Tariq", "Una")}
    found = {}
    for name, user in users.items():
        await stage.telegram.customer_writes(user, f"{name} says hello")
        found[name] = await until(lambda name=name: agent.thread_of(name), "the thread")
    while (await stage.app.status())["queued"]:
        # The cards, too, are drawn before anything is broken.
        await settled(stage)
    return users, found, agent


async def test_a_customers_message(set_stage: Opens) -> None:
    async with set_stage(channels=("telegram",)) as stage:
        users, thread, agent = await _customers(stage)
        await _break(stage, thread["Tariq"])
        stage.telegram.hold_updates()
        await stage.telegram.customer_writes(users["Una"], "before it")
        await stage.telegram.customer_writes(users["Tariq"], "the bad one")
        await stage.telegram.customer_writes(users["Una"], "after it")
        stage.telegram.release_updates()
        await until(lambda: agent.find(thread["Una"], "after it"), "the neighbour after it")
        assert agent.find(thread["Una"], "before it")
        await until(lambda: not stage.telegram.world.delivery.pending, "Telegram has nothing left")

        (code, listed), (_, status) = await asyncio.gather(_json(stage, "quarantine", "list"), _json(stage, "status"))
        assert code == 0
        assert [(item["source"], item["state"], item["count"]) for item in listed] == [("bridge:telegram", "open", 1)]
        assert status["quarantined"] == 1
        assert any("could not be processed" in problem for problem in status["problems"])
        number = str(listed[0]["id"])
        (_, shown), (failing, said) = await asyncio.gather(
            _json(stage, "quarantine", "show", number), _run(stage, "quarantine", "redo", number)
        )
        assert "the bad one" in shown["raw"]
        assert "no such state" in shown["reason"]
        assert failing == 1
        assert "no such state" in said

        await _break(stage, thread["Tariq"], mend=True)
        code, said = await _run(stage, "quarantine", "redo", "--all")
        assert (code, said.strip()) == (0, f"{number}: done")
        await until(lambda: agent.find(thread["Tariq"], "the bad one"), "the message")
        assert (await stage.app.status())["quarantined"] == 0
        assert len(threads(stage)) == 2


async def test_an_agents_message(set_stage: Opens) -> None:
    async with set_stage(channels=("telegram",)) as stage:
        users, thread, agent = await _customers(stage)
        await _break(stage, thread["Tariq"])
        await agent.replies(thread["Tariq"], "the bad answer")
        await agent.replies(thread["Una"], "a good answer")
        await until(lambda: _heard(stage, users["Una"]) == ["a good answer"], "the neighbour's answer")
        app = stage.app
        while not (kept := await app.storage.read(app.quarantine.list)):
            # It is tried a few times before it is given up.
            await settled(stage)
        assert [(item.source, item.state) for item in kept] == [("workspace:shop", "open")]
        await _break(stage, thread["Tariq"], mend=True)
        # What is said meanwhile in the same thread does not wait for it.
        await agent.replies(thread["Tariq"], "a later answer")
        await until(lambda: _heard(stage, users["Tariq"]) == ["a later answer"], "the later answer")
        assert await app.redo(kept[0].id) == ""
        await until(lambda: _heard(stage, users["Tariq"]) == ["a later answer", "the bad answer"], "the answer")


def _heard(stage: Stage, user: int) -> list[str]:
    return [bubble.text for bubble in stage.telegram.chat(user) if bubble.from_bot]
