"""The command line against a real database: tables, JSON, exit codes, and nothing that could drive a terminal."""

import asyncio
import json
import logging
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from click.testing import Result
from sqlalchemy import Connection
from typer.testing import CliRunner

from core.cli.root import app
from core.contacts.models import addresses, contacts
from core.contracts.bridge import DeliveryStatus
from core.contracts.text import from_plain, to_json
from core.conversations.models import conversations, messages
from core.quarantine.models import QuarantineState
from core.quarantine.repository import Quarantine
from core.storage import migrate
from core.storage.ids import new_id
from core.storage.storage import Storage

SETTINGS = """
default_room = "acme/C1"
[web]
port = 1
[[accounts]]
name = "shop"
channel = "webchat"
[[workspaces]]
name = "acme"
workplace = "slack"
bot_token = "env:SLACK_BOT_TOKEN"
app_token = "env:SLACK_APP_TOKEN"
[[routes]]
name = "german"
when = { languages = ["de"] }
rooms = ["acme/C2"]
reply_mode = "explicit"
[[routes]]
name = "invoices"
when = { words = ["invoice"] }
rooms = ["acme/C3", "acme/C4"]
"""


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    (tmp_path / "threadbridge.toml").write_text(SETTINGS)
    environment = {
        "SLACK_BOT_TOKEN": "-".join(("xoxb", "1", "2", "abcdefgh")),
        "SLACK_APP_TOKEN": "-".join(("xapp", "1", "2", "abcdefgh")),
        "THREADBRIDGE_SETTINGS": str(tmp_path / "threadbridge.toml"),
        "COLUMNS": "200",
    }

    def running(*arguments: str, more: dict[str, str] | None = None, **options: Any) -> Result:
        return CliRunner().invoke(app, arguments, env=environment | (more or {}), **options)

    return running


def write(folder: Path, work: Callable[[Storage, Connection], Any]) -> Any:
    async def writing() -> Any:
        async with Storage(f"sqlite:///{folder}/data/threadbridge.db") as storage:
            return await storage.write(lambda connection: work(storage, connection))

    return asyncio.run(writing())


@pytest.fixture
def stored(tmp_path: Path) -> SimpleNamespace:
    """A database with two quarantined events and one conversation."""
    (tmp_path / "data").mkdir()
    asyncio.run(migrate.upgrade(f"sqlite:///{tmp_path}/data/threadbridge.db"))

    def fill(storage: Storage, connection: Connection) -> SimpleNamespace:
        quarantine = Quarantine(storage)
        first = quarantine.add(connection, "bridge:shop", "e1", b'{"a": "\x1b[31mred"}', ValueError("no date"))
        second = quarantine.add(connection, "workspace:acme", "e2", b"\xff\x00", ValueError("[bold]no room"))
        _conversation(connection)
        return SimpleNamespace(first=first, second=second)

    return write(tmp_path, fill)


def _conversation(connection: Connection) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    contact, address, conversation = new_id(), new_id(), new_id()
    connection.execute(
        contacts.insert().values(
            id=contact, name="Jane \x1b]0;owned\x07\u202e", avatar_url="", language="", timezone="", created_at=now
        )
    )
    connection.execute(
        addresses.insert().values(
            id=address, account="shop", external_id="v1", contact_id=contact, proof="anonymous", username="",
            email="", phone="", facts={}, metadata={}, reachable=True, cursor=1, created_at=now, seen_at=now,
        )
    )  # fmt: skip
    connection.execute(
        conversations.insert().values(
            id=conversation, number=1001, contact_id=contact, address_id=address, open_key=contact, state="open",
            holder="agent", owner="acme/U1", owner_name="Bea", route="default", reply_mode="all", subject="", token="t",
            last_in_at=now, created_at=now,
        )
    )  # fmt: skip
    for number, (direction, text) in enumerate([("in", "[red]Hello[/red]\n\x1b[2J"), ("note", "VIP"), ("out", "Hi")]):
        connection.execute(
            messages.insert().values(
                id=new_id(), conversation_id=conversation, address_id=address, account="shop", external_id=str(number),
                direction=direction, author="a", author_name="Bea" if number else "Jane", author_avatar_url="",
                body=to_json(from_plain(text)), full_text="", subject="", status=DeliveryStatus.SENT.value, problem="",
                reactions={}, revision=0, cursor=number, position=number, at=now, created_at=now,
            )
        )  # fmt: skip


def test_the_list_and_one_event_of_the_quarantine(run: Callable[..., Result], stored: SimpleNamespace) -> None:
    listed = run("quarantine", "list")
    assert listed.exit_code == 0
    assert "ValueError: no date" in listed.stdout
    assert "ValueError: [bold]no room" in listed.stdout

    items = json.loads(run("quarantine", "list", "--json", "--source", "bridge:shop").stdout)
    assert [(item["id"], item["state"], item["count"]) for item in items] == [(stored.first, "open", 1)]

    shown = run("quarantine", "show", str(stored.first))
    assert shown.exit_code == 0
    assert "�[31mred" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert run("quarantine", "show", str(stored.second), "--raw").stdout_bytes == b"\xff\x00"
    assert json.loads(run("quarantine", "show", str(stored.second), "--json").stdout)["raw"] == "\\xff\x00"

    missing = run("quarantine", "show", "99")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "There is no event 99" in missing.stderr


def test_dropping_asks_first(run: Callable[..., Result], stored: SimpleNamespace, tmp_path: Path) -> None:
    assert run("quarantine", "drop", str(stored.first), input="n\n").exit_code == 1
    assert len(json.loads(run("quarantine", "list", "--json").stdout)) == 2

    assert run("quarantine", "drop", str(stored.first), "--yes").exit_code == 0
    again = run("quarantine", "drop", str(stored.first), "--yes")
    assert (again.exit_code, again.stderr) == (1, f"{stored.first}: there is no such open event.\n")
    assert run("quarantine", "drop", "--all", "--yes").exit_code == 0
    assert "Nothing is in quarantine." in run("quarantine", "list").stdout
    settled = json.loads(run("quarantine", "list", "--settled", "--json").stdout)
    assert {item["state"] for item in settled} == {QuarantineState.DROPPED}


@pytest.mark.parametrize("command", ["drop", "redo"])
@pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
def test_which_events_must_be_said(run: Callable[..., Result], command: str, arguments: list[str]) -> None:
    result = run("quarantine", command, *arguments)
    assert result.exit_code == 2
    assert "Name the events by number, or all of them with --all." in result.stderr


def test_conversations_are_shown_as_they_were_said(run: Callable[..., Result], stored: SimpleNamespace) -> None:
    [row] = json.loads(run("conversations", "list", "--json").stdout)
    assert (row["number"], row["state"], row["owner"], row["account"]) == (1001, "open", "Bea", "shop")
    assert json.loads(run("conversations", "list", "--state", "closed", "--json").stdout) == []
    assert "1001" in run("conversations", "list").stdout

    shown = run("conversations", "show", "1001")
    assert shown.exit_code == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.stdout)
    assert "[red]Hello[/red]" in shown.stdout
    found = json.loads(run("conversations", "show", "1001", "--json").stdout)
    assert [(item["direction"], item["text"]) for item in found["messages"]][1:] == [("note", "VIP"), ("out", "Hi")]
    assert run("conversations", "show", "7").exit_code == 1


def test_a_dry_run_explains_the_route(run: Callable[..., Result]) -> None:
    german = json.loads(run("route", "--dry-run", "--account", "shop", "--language", "de-AT", "--json").stdout)
    assert (german["route"], german["rooms"], german["reply_mode"]) == ("german", ["acme/C2"], "explicit")

    text = run("route", "--dry-run", "--account", "shop", "--text", "My INVOICE is wrong")
    assert text.exit_code == 0
    assert "language is unknown" in text.stdout
    assert "Goes to acme/C3, acme/C4; replies: all." in text.stdout

    assert "acme/C1" in run("route", "--dry-run", "--account", "shop").stdout
    assert run("route", "--account", "shop").exit_code == 2
    nobody = run("route", "--dry-run", "--account", "nobody")
    assert (nobody.exit_code, nobody.stderr) == (
        2,
        '--account = "nobody": there is none; the accounts there are: shop\n',
    )


def test_wrong_settings_are_all_told_and_end_with_two(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "threadbridge.toml").write_text(SETTINGS.replace('channel = "webchat"', 'channel = "webchart"\nx = 1'))
    for command in (["check"], ["status"], ["migrate"], ["serve"], ["quarantine", "list"]):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (2, ""), command
        assert 'there is no such channel; did you mean "webchat"?' in result.stderr
        assert "1 problem in " in result.stderr


@pytest.mark.parametrize("everything", [False, True])
def test_the_example_has_no_mistakes(run: Callable[..., Result], tmp_path: Path, everything: bool) -> None:
    """As it is, and with every setting in it that is commented out."""
    text = (Path(__file__).parents[2] / "threadbridge.example.toml").read_text()
    if everything:
        text = re.sub(r"^# (?=\[\[|\w+ = )", "", text, flags=re.MULTILINE)
    (tmp_path / "threadbridge.toml").write_text(text)
    secrets = {
        "TELEGRAM_TOKEN": f"123456:{'a' * 35}",
        "DATABASE_URL": "postgresql://db/x",
        "METRICS_TOKEN": "m" * 20,
        "TEAMS_APP_SECRET": "s" * 40,
    }
    result = run("check", "--offline", more=secrets)
    assert result.exit_code == 0, result.stderr


def test_no_database_yet_names_the_way_out(run: Callable[..., Result]) -> None:
    result = run("quarantine", "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "threadbridge serve" in result.stderr


def test_a_database_that_was_never_set_up_names_the_way_out(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path, lambda storage, connection: None)
    result = run("quarantine", "list")
    assert result.exit_code == 1
    assert "threadbridge migrate" in result.stderr


def test_status_says_what_needs_somebody(run: Callable[..., Result], stored: SimpleNamespace) -> None:
    result = run("status", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["running"], found["quarantined"], found["dead"]) == (False, 2, 0)
    assert any("2 events could not be processed" in problem for problem in found["problems"])
    assert any("No process serves these settings" in problem for problem in found["problems"])
    assert "✗ 2 events could not be processed" in run("status").stdout


def test_offline_check_asks_nobody(run: Callable[..., Result]) -> None:
    result = run("check", "--offline")
    assert result.exit_code == 0
    assert "no mistakes" in result.stdout
    assert json.loads(run("check", "--offline", "--json").stdout) == []


def test_a_manifest_is_printed_or_written(run: Callable[..., Result], tmp_path: Path) -> None:
    socket = run("manifest", "slack").stdout
    assert "socket_mode_enabled: true" in socket
    target = tmp_path / "manifest.yaml"
    assert run("manifest", "slack", "--url", "https://chat.example.com/", "-o", str(target)).exit_code == 0
    assert "https://chat.example.com/workspaces/" in target.read_text()
    assert run("manifest", "slack", "--url", "http://chat.example.com").exit_code == 2
    assert 'did you mean "slack"?' in run("manifest", "slak").stderr


APP = "11111111-2222-3333-4444-555555555555"
TEAMS = """
[[workspaces]]
name = "{name}"
workplace = "teams"
app_id = "{app}"
tenant_id = "66666666-7777-8888-9999-000000000000"
managed_identity = "system"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, as empty as that of somebody who sets it up."""
    found = tmp_path / "here"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


def in_package(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        found: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return found


def test_a_package_is_written_and_says_what_to_do_with_it(run: Callable[..., Result], folder: Path) -> None:
    nothing = {"THREADBRIDGE_SETTINGS": str(folder / "none.toml")}
    made = run("manifest", "teams", "--url", "https://chat.example.com", "--app-id", APP, more=nothing)
    assert made.exit_code == 0
    assert "threadbridge-teams.zip is written." in made.stdout
    assert "Upload it" in made.stdout
    assert "consent" in made.stdout
    assert in_package(folder / "threadbridge-teams.zip")["bots"][0]["botId"] == APP

    elsewhere = run(
        "manifest", "teams", "--url", "https://chat.example.com", "--app-id", APP, "-o", "other.zip", more=nothing
    )
    assert "other.zip is written." in elsewhere.stdout
    assert (folder / "other.zip").read_bytes() == (folder / "threadbridge-teams.zip").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["other.zip", "threadbridge-teams.zip"]
    refused = run(
        "manifest", "teams", "--url", "https://chat.example.com", "--app-id", APP, "-o", "no/x.zip", more=nothing
    )
    assert refused.exit_code == 1
    assert "cannot be written" in refused.stderr


def test_a_package_that_lacks_something_says_what(run: Callable[..., Result], folder: Path) -> None:
    nothing = {"THREADBRIDGE_SETTINGS": str(folder / "none.toml")}
    without = run("manifest", "teams", "--url", "https://chat.example.com", more=nothing)
    assert without.exit_code == 1
    assert "--app-id" in without.stderr
    assert "app_id" in without.stderr
    assert "--url" in run("manifest", "teams", "--app-id", APP, more=nothing).stderr
    wrong = run("manifest", "teams", "--url", "https://chat.example.com", "--app-id", "threadbridge")
    assert 'The app id is "threadbridge"' in wrong.stderr
    # The settings there hold no Teams.
    assert "--app-id" in run("manifest", "teams", "--url", "https://chat.example.com").stderr
    assert run("manifest", "slack", "--app-id", APP).exit_code == 2
    assert list(folder.iterdir()) == []


def test_a_package_is_made_from_the_settings(run: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "threadbridge.toml"
    other = APP.replace("1", "2")
    public = 'public_url = "https://chat.example.com"\n'
    file.write_text(public + SETTINGS + TEAMS.format(name="office", app=APP))
    target = folder / "threadbridge-teams.zip"
    assert run("manifest", "teams").exit_code == 0
    assert in_package(target)["bots"][0]["botId"] == APP
    assert in_package(target)["validDomains"] == ["chat.example.com"]
    assert run("manifest", "teams", "--url", "https://new.example.com", "--app-id", other).exit_code == 0
    assert in_package(target)["bots"][0]["botId"] == other
    assert in_package(target)["validDomains"] == ["new.example.com"]

    file.write_text(public + SETTINGS + TEAMS.format(name="office", app=APP) + TEAMS.format(name="branch", app=other))
    several = run("manifest", "teams")
    assert several.exit_code == 2
    assert "--workspace: office, branch" in several.stderr
    assert run("manifest", "teams", "--workspace", "branch").exit_code == 0
    assert in_package(target)["bots"][0]["botId"] == other
    assert 'did you mean "branch"?' in run("manifest", "teams", "--workspace", "brnch").stderr
    assert run("manifest", "teams", "--workspace", "acme").exit_code == 2

    file.write_text(public + SETTINGS + TEAMS.format(name="office", app="none"))
    mistaken = run("manifest", "teams")
    assert mistaken.exit_code == 2
    assert '"office", app_id' in mistaken.stderr
    # What needs no settings is not held up by mistakes in them.
    assert run("manifest", "slack").exit_code == 0


def test_channels_lists_what_is_installed(run: Callable[..., Result]) -> None:
    result = run("channels", "--json")
    assert result.exit_code == 0
    installed = {item["name"]: item for item in json.loads(result.stdout)["installed"]}
    assert {"webchat", "slack"} <= installed.keys()
    assert {"key": "token", "required": True} in [
        {name: one[name] for name in ("key", "required")} for one in installed["telegram"]["settings"]
    ]
    assert "As @BotFather gives it." in run("channels", "telegram").stdout
    assert run("channels", "nothing").exit_code == 2


def test_the_version_and_the_help(run: Callable[..., Result]) -> None:
    assert run("--version").stdout.startswith("threadbridge ")
    for command in ([], ["quarantine"], ["conversations"], ["new"]):
        assert "Usage" in run(*command, "--help").stdout
