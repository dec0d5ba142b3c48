"""What an agent can do is one list, and she can do it in every workplace: each gesture end to end, or why not."""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio import Task
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from core import discovery
from core.contracts.gestures import Gesture
from core.testing.fakes import installed
from core.testing.gestures import check_lacks, meanings, table
from sandbox.stage import Options
from tests.contract.offices.rooms import ACCOUNT, OFFICES, ROUTES, Offices, letters
from tests.contract.offices.vendors import PERSONS, WAYS_OF_VENDORS
from tests.contract.stories import changing, deciding, handling, identifying, looking, reaching, writing
from tests.contract.stories.telling import STORIES, talking

#: (workplace, gesture)
Asked = tuple[str, Gesture]

PAGE = Path(__file__).parent.parent.parent / "docs" / "what-agents-can-do.md"
#: Importing them tells them.
TOLD = (writing, changing, deciding, handling, looking, reaching, identifying)
BY_GESTURE = {story.gesture: story for story in STORIES}
#: Long enough that an agent can change her mind while the machine is busy.
HOLD = 1.0


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Offices]:
    """One for all: every story brings a customer of its own."""
    options = Options(hold_seconds=HOLD, limits=False, teams=True, extra=f"{ACCOUNT}{ROUTES}")
    channel = letters()
    with installed(channel.spec):
        async with Offices(tmp_path_factory.mktemp("offices"), options) as stage:
            stage.letters = channel
            yield stage


def test_every_gesture_has_one_story() -> None:
    told = Counter(story.gesture for story in STORIES)
    assert told == Counter(Gesture)


def test_every_workplace_has_an_office() -> None:
    assert set(OFFICES) == set(discovery.workplaces().names), "give a new workplace an office here"


@pytest.fixture(scope="module")
async def played(stage: Offices, request: pytest.FixtureRequest) -> AsyncIterator[Mapping[Asked, Task[None]]]:
    """The stories that were chosen, all begun: one after another in each workplace, the workplaces side by side."""
    chosen = [item for item in request.session.items if getattr(item, "function", None) is test_an_agent_can]
    lanes = {workplace: asyncio.Lock() for workplace in OFFICES}
    # What is ordered to go wrong on Telegram would meet whoever comes next.
    phones = asyncio.Lock()

    async def play(workplace: str, gesture: Gesture) -> None:
        story = BY_GESTURE[gesture]
        async with lanes[workplace], phones if story.channel == "telegram" else contextlib.nullcontext():
            office, first = stage.open_office(workplace)
            async with talking(stage, office, story.channel, first) as talk:
                await story.play(talk)

    asked = [item.callspec.params for item in chosen if isinstance(item, pytest.Function)]
    tasks = {
        (one["workplace"], one["gesture"]): asyncio.create_task(play(one["workplace"], one["gesture"]))
        for one in asked
        if one["gesture"] not in OFFICES[one["workplace"]].spec.lacks
    }
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("gesture", Gesture)
@pytest.mark.parametrize("workplace", sorted(OFFICES))
async def test_an_agent_can(played: Mapping[Asked, Task[None]], workplace: str, gesture: Gesture) -> None:
    if gesture in OFFICES[workplace].spec.lacks:
        # Declared, and below held to be true and explained.
        name = WAYS_OF_VENDORS[gesture]
        assert not hasattr(PERSONS[workplace], name), f"the vendor's people can: {name}"
        return
    await played[workplace, gesture]


@pytest.mark.parametrize("workplace", sorted(OFFICES))
def test_what_cannot_be_done_is_explained(workplace: str) -> None:
    spec, folder = OFFICES[workplace].spec, discovery.workplaces().folder(workplace)
    assert folder is not None
    check_lacks(spec, folder)
    missing = [gesture for gesture in Gesture if (gesture in spec.lacks) == (gesture in OFFICES[workplace].ways)]
    assert not missing, f"either lacked or done in some way, not both: {missing}"


def test_what_some_vendor_cannot_another_can() -> None:
    """So the names below are those of real gestures."""
    for gesture, name in WAYS_OF_VENDORS.items():
        assert any(hasattr(people, name) for people in PERSONS.values()), f"{gesture}: nobody has {name}"


def test_each_gesture_means_something_else() -> None:
    found = meanings()
    assert set(found) == set(Gesture)
    assert len(set(found.values())) == len(found)


def test_the_page_says_what_the_code_does() -> None:
    """`RENEW=1 pytest tests/contract/test_gestures.py -k page` writes it anew."""
    offices = [(OFFICES[name].spec, OFFICES[name].ways) for name in sorted(OFFICES)]
    before, mark, _ = PAGE.read_text(encoding="utf-8").partition("<!-- made from the code -->\n")
    assert mark, "the page has lost the line under which the table stands"
    renewed = f"{before}{mark}\n{table(offices)}"
    if os.environ.get("RENEW"):
        PAGE.write_text(renewed, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == renewed, "renew it as this test's docstring says"
