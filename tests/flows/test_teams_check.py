"""`threadbridge check` of a Teams workspace: it works, or each line names what is missing and where to click."""

from __future__ import annotations

import pytest

from core.app.app import App
from sandbox.stage import Stage
from tests.flows.conftest import Opens, settled
from tests.flows.reading_teams import installed

CARE = {"teams": True, "rooms": ("care/#customers",), "channels": ("webchat",)}


async def _check(stage: Stage) -> tuple[bool, list[str]]:
    """Whether Teams works, and what else is said of it, asked by a process of its own as the command does."""
    async with App(stage.settings) as app:
        lines = [(works, line) for name, works, line in await app.check() if name == "care"]
    assert lines
    assert not any(works for works, _ in lines[1:]), "one line says what works, each other one what does not"
    works, first = lines[0]
    if works:
        assert stage.teams.tenant_id in first
        assert stage.teams.app_id in first
    return works, [line for works, line in lines if not works]


async def test_all_is_well(set_stage: Opens) -> None:
    async with set_stage(**CARE) as stage:
        await installed(stage)
        assert await _check(stage) == (True, [])


async def test_each_thing_that_is_missing(set_stage: Opens) -> None:
    async with set_stage(**CARE) as stage:
        await installed(stage)
        stage.teams.world.rsc = False
        works, [line] = await _check(stage)
        assert works
        assert "In the team Customer Care the permission ChannelMessage.Read.Group is not granted" in line
        assert "Manage team > Apps > Threadbridge > Permissions" in line
        stage.teams.world.rsc = True
        await stage.teams.rename_channel(stage.customers, "clients")
        works, [line] = await _check(stage)
        assert works
        assert "The settings name the room #customers, and there is none of that name" in line
        assert "#clients" in line
        await stage.teams.uninstall(stage.team)
        await stage.teams.idle()
        await settled(stage)
        works, lines = await _check(stage)
        assert works
        assert any("The app is in no team yet" in line and "threadbridge manifest teams" in line for line in lines)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"secret": "another"}, "copy the secret's Value, not its id (Entra > the app > Certificates & secrets)"),
        ({"revoked": True}, "make a new one (Entra > the app > Certificates & secrets)"),
        ({"app_id": "00000000-0000-0000-0000-000000000000"}, "compare app_id and tenant_id with Entra"),
    ],
)
async def test_credentials_that_are_wrong(set_stage: Opens, wrong: dict[str, object], words: str) -> None:
    async with set_stage(**CARE) as stage:
        await installed(stage)
        for name, value in wrong.items():
            setattr(stage.teams.identity, name, value)
        works, [line] = await _check(stage)
        assert not works
        assert words in line


async def test_microsoft_cannot_reach_us(set_stage: Opens) -> None:
    """Nothing answers at our own address, or something else does."""
    async with set_stage(**CARE) as stage:
        await installed(stage)
        elsewhere = stage.settings.model_copy(update={"public_url": stage.slack.url})
        async with App(elsewhere) as app:
            [line] = [line for name, works, line in await app.check() if name == "care" and not works]
        assert "where Threadbridge answers 401: something else listens there" in line
        nowhere = stage.settings.model_copy(update={"public_url": "http://127.0.0.1:9"})
        async with App(nowhere) as app:
            [line] = [line for name, works, line in await app.check() if name == "care" and not works]
        assert "http://127.0.0.1:9/workspaces/care/messages cannot be reached" in line
        assert "Azure Bot > Settings > Configuration" in line
