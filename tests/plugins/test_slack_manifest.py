"""The manifest: what the code uses, no more and no less, in the form that Slack takes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.contracts.workplace import Manifest
from plugins.slack import WORKPLACE
from plugins.slack.listeners import COMMAND, NOTE, SEND
from plugins.slack.manifest import EVENTS, SCOPES, data, text
from sandbox.slack import SlackSandbox
from tests.judges.blockkit import check_manifest

ROOT = Path(__file__).parents[2]
#: https://docs.slack.dev/reference/events: what a scope lets an app hear.
EVENT_SCOPES = {
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "user_change": "users:read",
}
#: Scopes that no single method or event asks for.
FURTHER = {"chat:write.customize", "commands", "users:read.email"}


def read_yaml(text: str) -> Any:
    """Reads what the manifest's writer writes: two spaces a level, JSON scalars, comments after a space."""
    rows = [
        (len(line) - len(line.lstrip()), line.strip())
        for raw in text.splitlines()
        if (line := re.sub(r'^((?:[^"#]|"(?:[^"\\]|\\.)*")*?)\s*#.*$', r"\1", raw).rstrip())
    ]

    def block(start: int, depth: int) -> tuple[Any, int]:
        value: Any = [] if rows[start][1].startswith("- ") else {}
        while start < len(rows) and rows[start][0] >= depth:
            _, line = rows[start]
            if line.startswith("- ") and isinstance(value, list):
                inner = line[2:]
                if inner.startswith('"'):
                    value.append(json.loads(inner))
                    start += 1
                else:
                    rows[start] = (depth + 2, inner)
                    item, start = block(start, depth + 2)
                    value.append(item)
                continue
            name, _, scalar = line.partition(":")
            if scalar:
                value[name] = json.loads(scalar)
                start += 1
            else:
                value[name], start = block(start + 1, rows[start + 1][0])
        return value, start

    return block(0, 0)[0]


def test_the_file_is_what_the_code_says() -> None:
    kept = (ROOT / "manifests" / "slack.yaml").read_text()
    assert kept == text(""), "renew it: threadbridge manifest slack > manifests/slack.yaml"
    assert WORKPLACE.manifest("", None) == Manifest(name="slack.yaml", content=kept.encode(), is_text=True)


@pytest.mark.parametrize("url", ["", "https://support.example.com"])
def test_the_text_says_what_the_data_say(url: str) -> None:
    assert read_yaml(text(url)) == data(url)


@pytest.mark.judges
@pytest.mark.parametrize("url", ["", "https://support.example.com/"])
def test_slacks_types_know_it(url: str) -> None:
    assert check_manifest(data(url)) == []


def test_only_over_http_are_there_addresses() -> None:
    assert "http" not in re.sub("^#.*", "", text(""), flags=re.MULTILINE)
    assert data("")["settings"]["socket_mode_enabled"] is True
    served = data("https://support.example.com/")
    events = "https://support.example.com/workspaces/slack/events"
    assert served["settings"]["socket_mode_enabled"] is False
    assert served["settings"]["event_subscriptions"]["request_url"] == events
    assert served["settings"]["interactivity"]["request_url"] == events
    assert served["features"]["slash_commands"][0]["url"] == events
    named = data("https://support.example.com/workspaces/acme")
    assert named["settings"]["interactivity"]["request_url"] == "https://support.example.com/workspaces/acme/events"


def called() -> set[str]:
    """Every method of the Web API that the plugin names."""
    source = "\n".join(path.read_text() for path in (ROOT / "plugins" / "slack").glob("*.py"))
    known = SlackSandbox()._methods()
    return {name for name in re.findall(r'"([a-z]+(?:\.[a-zA-Z]+)+)"', source) if name in known}


def test_the_scopes_are_those_that_the_code_needs() -> None:
    methods = SlackSandbox()._methods()
    granted = set(SCOPES)
    # Where a method lists several, each opens it for its own kind of room.
    lacking = {name for name in called() if methods[name].scopes and not granted & set(methods[name].scopes)}
    assert lacking == set()
    needed = {scope for name in called() for scope in methods[name].scopes}
    heard = {EVENT_SCOPES[event] for event in EVENTS if event in EVENT_SCOPES}
    rooms = {"channels:read", "groups:read"}
    assert granted - needed - heard - FURTHER == set()
    assert heard | rooms | FURTHER <= granted


def test_its_shortcuts_and_command_are_those_that_are_listened_to() -> None:
    features = data("")["features"]
    assert {shortcut["callback_id"] for shortcut in features["shortcuts"]} == {SEND, NOTE}
    assert [command["command"] for command in features["slash_commands"]] == [COMMAND]
    for shortcut in features["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150
