"""Mails as programs write them, and the events they become."""

from pathlib import Path

import aiohttp
import pytest

from bridges.email import BRIDGE
from core.testing.examples import Example, event_as_json, read_examples
from core.testing.runtime import RecordingRuntime

FOLDER = Path(__file__).parent.parent.parent / "bridges" / "email" / "examples"
EXAMPLES = read_examples(FOLDER)


def test_every_mail_has_its_events() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == {example.name for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_an_example_becomes_its_events_and_nothing_else(
    example: Example, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    runtime = RecordingRuntime(session=session, folder=tmp_path)
    bridge = BRIDGE.build(BRIDGE.settings.model_validate(dict(example.settings)), runtime.runtime)
    assert [event_as_json(event) for event in await bridge.parse(example.raw)] == example.events
