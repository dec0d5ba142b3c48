"""The settings file: everything it says is understood, and everything wrong with it is told at once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from core.contracts.bridge import BridgeSpec, Proof
from core.contracts.content import Capabilities, Rate
from core.contracts.workplace import WorkplaceCapabilities, WorkplaceSpec
from core.settings import ReplyMode, Settings, SettingsError, load


class PaperOptions(BaseModel):
    model_config = ConfigDict(frozen=True)

    token: SecretStr
    port: int = 25
    api_url: str = "https://paper.example"

    @field_validator("token")
    @classmethod
    def _starts_well(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().startswith("bad"):
            raise ValueError(f"{value.get_secret_value()} is no token of a paper office")
        return value


class DeskOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    bot_token: SecretStr


def never(*_: Any) -> Any:
    raise AssertionError("reading settings builds nothing")


CHANNELS = {
    "paper": BridgeSpec(
        channel="paper", title="Paper", settings=PaperOptions, capabilities=Capabilities(max_text=100), build=never
    )
}
OFFICES = {
    "office": WorkplaceSpec(
        name="office",
        title="Office",
        settings=DeskOptions,
        capabilities=WorkplaceCapabilities(max_text=100, room_rate=Rate(gap=timedelta(seconds=1))),
        build=never,
    )
}

GOOD = """
public_url = "https://chat.example.com/"
default_room = "acme/C1"
operators_room = "acme/C9"

[desk]
hold_seconds = 2.5

[limits]
attachment_bytes = "5 MiB"

[[accounts]]
name = "shop"
channel = "paper"
token = "env:PAPER_TOKEN"
port = "env:PAPER_PORT"

[[workspaces]]
name = "acme"
workplace = "office"
bot_token = "file:secrets/bot"

[[routes]]
name = "german"
when = { languages = ["de"], accounts = ["shop"], proofs = ["verified"], words = ["env:NOT_A_REFERENCE"] }
rooms = ["acme/C2", "acme/C3"]
reply_mode = "explicit"
"""

ENV = {"PAPER_TOKEN": "paper-token-1234\n", "PAPER_PORT": "2525"}


def read(folder: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets/bot").write_text("office-token-5678\n")
    path = folder / "threadbridge.toml"
    path.write_text(text)
    return load(path, ENV if env is None else env, channels=CHANNELS, offices=OFFICES)


def mistakes(folder: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(folder, text, env)
    return caught.value.problems


def test_everything_it_says_is_understood(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)

    assert settings.public_url == "https://chat.example.com"
    assert settings.data_dir == tmp_path / "data"
    assert settings.database == f"sqlite:///{tmp_path}/data/threadbridge.db"
    assert settings.desk.hold_seconds == 2.5
    assert settings.limits.attachment_bytes == 5 * 1024 * 1024
    [account] = settings.accounts
    assert isinstance(account.options, PaperOptions)
    assert account.options.token.get_secret_value() == "paper-token-1234"
    assert account.options.port == 2525
    [workspace] = settings.workspaces
    assert isinstance(workspace.options, DeskOptions)
    assert workspace.options.bot_token.get_secret_value() == "office-token-5678"
    [route] = settings.routes
    assert route.when.proofs == (Proof.VERIFIED,)
    assert route.when.words == ("env:NOT_A_REFERENCE",)
    assert (route.rooms, route.reply_mode) == (("acme/C2", "acme/C3"), ReplyMode.EXPLICIT)


def test_secrets_are_known_to_the_logs_and_shown_to_nobody(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)

    assert {secret.get_secret_value() for secret in settings.secrets} == {"paper-token-1234", "office-token-5678"}
    assert "1234" not in repr(settings)
    assert "5678" not in repr(settings) + settings.model_dump_json()


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    problems = mistakes(
        tmp_path,
        """
public_url = "http://chat.example.com"
defalt_room = "acme/C1"
default_room = "acmee/C1"

[web]
port = 99999

[[accounts]]
name = "shop"
channel = "papier"

[[accounts]]
name = "shop"
channel = "paper"
token = "env:NOWHERE"
prot = 25

[[accounts]]
name = "Shop 2"
channel = "paper"
port = "many"

[[workspaces]]
name = "acme"
workplace = "office"
bot_token = "file:secrets/none"
bot_tokn = "x"

[[routes]]
name = "german"
when = { accounts = ["shpo"], channels = ["papre"], proofs = ["sure"], langs = ["de"] }
rooms = ["C2", "acne/C3"]
""",
    )

    expected = [
        "public_url = 'http://chat.example.com': it must start with https://",
        'defalt_room: this key is not known; did you mean "default_room"?',
        'default_room = "acmee/C1": there is no workspace "acmee"; did you mean "acme"?',
        "web.port = 99999: it should be less than or equal to 65535.",
        '[[accounts]] "shop", channel = "papier": there is no such channel; did you mean "paper"?',
        '[[accounts]] "shop": 2 tables have this name; each needs its own.',
        '[[accounts]] "shop", token = "env:NOWHERE": the environment variable NOWHERE is not set',
        '[[accounts]] "shop", prot: this key is not known; did you mean "port"?',
        "[[accounts]] \"Shop 2\", name = 'Shop 2': a name has 1 to 40 characters",
        '[[accounts]] "Shop 2", token: it is missing; add it.',
        "[[accounts]] \"Shop 2\", port = 'many': it should be a valid integer",
        f'[[workspaces]] "acme", bot_token = "file:secrets/none": there is no file {tmp_path}/secrets/none',
        '[[workspaces]] "acme", bot_tokn: this key is not known; did you mean "bot_token"?',
        '[[routes]] "german", when.accounts = "shpo": there is none; did you mean "shop"?',
        '[[routes]] "german", when.channels = "papre": there is none; did you mean "paper"?',
        '[[routes]] "german", when.langs: this key is not known; ',
        "[[routes]] \"german\", when.proofs[0] = 'sure': it should be 'anonymous', 'claimed', 'channel' or 'verified'",
        '[[routes]] "german", rooms[0] = \'C2\': a room is written "workspace/room"',
        '[[routes]] "german", rooms[1] = "acne/C3": there is no workspace "acne"; did you mean "acme"?',
    ]
    for sentence in expected:
        assert [problem for problem in problems if problem.startswith(sentence)], (sentence, problems)
    assert len(problems) == len(expected), problems


def test_a_secret_is_not_quoted_even_by_the_adapter_that_refuses_it(tmp_path: Path) -> None:
    problems = mistakes(tmp_path, GOOD, ENV | {"PAPER_TOKEN": "bad-paper-token"})

    assert problems == ['[[accounts]] "shop", token: [secret] is no token of a paper office.']


def test_nobody_to_write_and_nobody_to_answer(tmp_path: Path) -> None:
    problems = mistakes(tmp_path, 'default_room = "acme/C1"')

    assert len(problems) == 3
    assert problems[0].startswith("[[accounts]]: there is none")
    assert problems[1].startswith("[[workspaces]]: there is none")
    assert problems[2].startswith('default_room = "acme/C1": there is no workspace "acme"')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("accounts = 3", "accounts = 3: it should be a valid tuple."),
        ("[[accounts]\nname=1", "it is not TOML"),
        ("accounts = ['shop']", "[[accounts]] number 1 = 'shop'"),
        ("routes = 7", "routes = 7"),
        ("secrets = ['x']", "secrets: this key is not known"),
    ],
)
def test_a_file_of_another_shape_is_told_so(tmp_path: Path, text: str, sentence: str) -> None:
    assert any(sentence in problem for problem in mistakes(tmp_path, text))


def test_a_missing_file_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: there is no such file; copy threadbridge\.example\.toml"):
        load(tmp_path / "nowhere.toml", {})


def test_files_of_secrets_that_hold_none(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "big").write_bytes(b"x" * 70_000)
    for name, sentence in (("empty", "is empty"), ("binary", "is not UTF-8 text"), ("big", "is larger than")):
        [problem] = mistakes(tmp_path, GOOD.replace("file:secrets/bot", f"file:{name}"))
        assert sentence in problem


def test_canned_replies_are_texts_and_nothing_else(tmp_path: Path) -> None:
    canned = """
[[canned_replies]]
title = " Opening hours "
text = "file:secrets/bot"

[[canned_replies]]
title = "Returns"
text = "env:PAPER_TOKEN, within 30 days"
"""
    settings = read(tmp_path, GOOD + canned)

    assert [(one.title, one.text) for one in settings.canned_replies] == [
        ("Opening hours", "file:secrets/bot"),
        ("Returns", "env:PAPER_TOKEN, within 30 days"),
    ]
    assert len(settings.secrets) == 2
    assert read(tmp_path, GOOD).canned_replies == ()


def test_what_is_wrong_with_a_canned_reply_is_told(tmp_path: Path) -> None:
    def table(title: str, text: str) -> str:
        return f'[[canned_replies]]\ntitle = "{title}"\ntext = "{text}"\n'

    wrong = table("Hours", "9 to 5") + table("Hours ", "9 to 6") + table("Blank", " ") + table("x" * 76, "y" * 4_001)
    problems = mistakes(tmp_path, GOOD + wrong + '[[canned_replies]]\ntitel = "Returns"\n')

    expected = [
        '[[canned_replies]] "Hours": 2 tables have this title; each needs its own.',
        "[[canned_replies]] \"Blank\", text = ' ': there is nothing in it.",
        f'[[canned_replies]] "{"x" * 76}", title = ',
        f'[[canned_replies]] "{"x" * 76}", text = ',
        "[[canned_replies]] number 5, title: it is missing; add it.",
        "[[canned_replies]] number 5, text: it is missing; add it.",
        '[[canned_replies]] number 5, titel: this key is not known; did you mean "title"?',
    ]
    for sentence in expected:
        assert [problem for problem in problems if problem.startswith(sentence)], (sentence, problems)
    assert len(problems) == len(expected), problems
    many = "".join(table(f"Reply {number}", "x") for number in range(101))
    assert [problem for problem in mistakes(tmp_path, GOOD + many) if problem.startswith("canned_replies")]
