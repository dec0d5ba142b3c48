"""Mails as programs write them, and the events they become."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridges.email import BRIDGE
from bridges.email.parse import Envelope, pack
from tests.bridges.examples import ROOT, as_json, examples, settings
from tests.bridges.runtime import RecordingRuntime

FOLDER = ROOT / "email" / "examples"
EXAMPLES = examples("email")


def item(example: dict[str, Any]) -> bytes:
    """The raw item that an example describes: what the server said, and the mail beside it."""
    values = dict(example["item"])
    raw = (FOLDER / values.pop("mail")).read_bytes()
    received_at = datetime.fromisoformat(values.pop("received_at"))
    return pack(Envelope(**values, received_at=received_at, size=len(raw)), raw)


def test_every_mail_has_its_events() -> None:
    assert {path.name for path in FOLDER.glob("*.eml")} == {example["item"]["mail"] for example in EXAMPLES.values()}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_becomes_its_events(name: str, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    runtime = RecordingRuntime(session=session, folder=tmp_path)
    bridge = BRIDGE.build(BRIDGE.settings.model_validate(settings("email")), runtime.runtime)
    events = [as_json(event) for event in await bridge.parse(item(EXAMPLES[name]))]
    assert json.loads(json.dumps(events, default=str)) == EXAMPLES[name]["events"]
