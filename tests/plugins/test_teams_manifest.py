"""The app's package: what Microsoft's schema takes, what the code uses, the same bytes each time, and icons to size."""

import io
import json
import re
import struct
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from plugins.teams import icons, listeners
from plugins.teams.manifest import (
    CANNED,
    CONSENTS,
    CONVERSATIONS,
    FILE,
    NOTE,
    PERMISSIONS,
    SEND,
    data,
    manifest,
    three_numbers,
)
from plugins.teams.settings import TeamsSettings
from tests.judges.teams_manifest import check_manifests

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "manifests" / "teams"
README = (ROOT / "plugins" / "teams" / "README.md").read_text(encoding="utf-8")
URL = "https://support.example.com"
APP = "11111111-2222-3333-4444-555555555555"
MAKE = f"threadbridge manifest teams --url {URL} --app-id {APP} -o teams.zip"
RENEW = f"renew it: {MAKE} && unzip -o teams.zip -d manifests/teams"


def settings(app_id: str = APP) -> TeamsSettings:
    return TeamsSettings(app_id=app_id, tenant_id=APP, managed_identity="system")


def files(package: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def pixels(png: bytes) -> tuple[int, int, list[tuple[int, int, int, int]]]:
    """Width, height and every pixel of a picture as our own writer makes them."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(kind + content),)
        chunks[kind] = content
        at += 12 + length
    width, height, depth, kinds, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, kinds) == (8, 6)
    raw = zlib.decompress(chunks[b"IDAT"])
    rows = [raw[start + 1 : start + 1 + 4 * width] for start in range(0, len(raw), 4 * width + 1)]
    assert len(rows) == height
    return width, height, [(*row[at : at + 4],) for row in rows for at in range(0, 4 * width, 4)]  # type: ignore[misc]


@pytest.mark.judges
def test_microsofts_schema_takes_it() -> None:
    samples = {
        f"{url} {app_id}": data(url, app_id)
        for url in (URL, f"{URL}/workspaces/acme", "https://chat.example:8443/", "https://bücher.example")
        for app_id in (APP, APP.replace("1", "A"), "00000000-0000-0000-0000-000000000001")
    }
    assert check_manifests(samples) == {name: [] for name in samples}


@pytest.mark.judges
@pytest.mark.parametrize("version", ["1.25", "1.30"])
def test_it_holds_nothing_that_an_older_or_newer_teams_refuses(version: str) -> None:
    sample = {**data(URL, APP), "manifestVersion": version}
    assert check_manifests({"it": sample}, version) == {"it": []}


@pytest.mark.judges
def test_microsofts_schema_refuses_what_is_wrong() -> None:
    right = data(URL, APP)
    wrong: dict[str, dict[str, Any]] = {
        "an unknown field": {**right, "packageName": "com.example"},
        "an id that is none": {**right, "id": "threadbridge"},
        "a name that is too long": {**right, "name": {"short": "x" * 31}},
        "a permission that is none": {**right, "permissions": ["everything"]},
        "a missing icon": {**right, "icons": {"color": "color.png"}},
        "an address that is none": {**right, "developer": {**right["developer"], "privacyUrl": "support"}},
    }
    found = check_manifests({"right": right, **wrong})
    assert found.pop("right") == []
    assert {name for name, objections in found.items() if objections} == set(wrong)
    with pytest.raises(ValueError, match="no manifest"):
        check_manifests({})


def test_the_folder_is_what_the_code_makes() -> None:
    kept = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    made = files(manifest(URL, settings()).content)
    assert kept.keys() == made.keys(), RENEW
    assert kept["manifest.json"].decode() == made["manifest.json"].decode(), RENEW
    for name in ("color.png", "outline.png"):
        # Packers of pixels differ from machine to machine, the pixels do not.
        assert pixels(kept[name]) == pixels(made[name]), RENEW


def test_the_package_has_its_files_at_the_root_and_the_same_bytes_each_time() -> None:
    made = manifest(URL, settings())
    assert (made.name, made.is_text) == (FILE, False)
    assert list(files(made.content)) == ["manifest.json", "color.png", "outline.png"]
    assert made == manifest(f"{URL}/", settings(APP.upper()))
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert json.loads(files(made.content)["manifest.json"]) == data(URL, APP)


def test_the_icons_have_the_sizes_and_the_transparency_that_teams_asks_for() -> None:
    width, height, colour = pixels(icons.color())
    assert (width, height) == (192, 192)
    assert {opacity for *_, opacity in colour} == {255}
    assert len({pixel[:3] for pixel in colour}) > 3
    # Teams rounds the corners: the mark keeps clear of the edge.
    ground = colour[0]
    edge = [colour[row * 192 + column] for row in range(192) for column in range(192) if not 24 < row < 167]
    assert set(edge) == {ground}

    width, height, outline = pixels(icons.outline())
    assert (width, height) == (32, 32)
    assert {pixel[:3] for pixel in outline if pixel[3]} == {(255, 255, 255)}
    assert {0, 255} <= {opacity for *_, opacity in outline}


def test_its_id_is_the_apps_own_and_lasts() -> None:
    first, again, other = data(URL, APP), data("https://elsewhere.example", APP), data(URL, APP.replace("1", "2"))
    assert first["id"] == again["id"]
    assert first["id"] not in {APP, other["id"]}
    assert first["bots"][0]["botId"] == first["composeExtensions"][0]["botId"] == APP
    assert first["webApplicationInfo"]["id"] == APP


def test_addresses_are_ours() -> None:
    sample = data("https://support.example.com:8443/workspaces/acme", APP)
    assert sample["validDomains"] == ["support.example.com:8443"]
    assert sample["developer"]["privacyUrl"] == "https://support.example.com:8443"
    assert "support.example.com:8443" in sample["description"]["full"]


@pytest.mark.parametrize(
    ("url", "app_id", "sentence"),
    [
        (URL, "", "--app-id"),
        (URL, "threadbridge", 'The app id is "threadbridge"'),
        ("", APP, "--url"),
        ("http://localhost:8700", APP, "https://"),
    ],
)
def test_what_is_missing_is_said(url: str, app_id: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        data(url, app_id)
    with pytest.raises(ValueError, match="--app-id"):
        manifest(URL, None)


def test_the_version_is_three_numbers() -> None:
    versions = {"0.1.0": "0.1.0", "1.2": "1.2.0", "2.0.1.dev3+g12": "2.0.1", "3.1rc1": "3.1.0"}
    assert {ours: three_numbers(ours) for ours in versions} == versions
    assert data(URL, APP)["version"] == three_numbers(version("threadbridge"))


def test_its_commands_are_those_that_are_listened_to() -> None:
    commands = {command["id"]: command for command in data(URL, APP)["composeExtensions"][0]["commands"]}
    assert set(commands) == {CANNED, CONVERSATIONS, SEND, NOTE}
    assert {name for name, one in commands.items() if one["type"] == "query"} == set(listeners.SEARCHES)
    for name in (SEND, NOTE):
        assert (commands[name]["context"], commands[name]["fetchTask"]) == (["message"], True)


def asked_of_graph() -> set[str]:
    """What the plugin asks Microsoft Graph for, by the last word of the path."""
    # The transport knows the Bot Connector's paths as well.
    files = [path for path in (ROOT / "plugins" / "teams").glob("*.py") if path.stem != "transport"]
    source = "\n".join(path.read_text() for path in files)
    return set(re.findall(r"/(messages|replies|hostedContents|driveItem|members|installedApps)\b", source))


def test_it_asks_for_no_more_than_the_code_needs() -> None:
    sample = data(URL, APP)
    consents = sample["authorization"]["permissions"]["resourceSpecific"]
    assert [one["name"] for one in consents] == list(CONSENTS)
    assert {one["type"] for one in consents} == {"Application"}
    assert sample["permissions"] == list(PERMISSIONS)
    # Messages and what hangs on them; files of a channel are an administrator's to grant, not a team owner's.
    assert asked_of_graph() == {"messages", "replies", "hostedContents", "driveItem"}
    assert set(CONSENTS) == {"ChannelMessage.Read.Group"}


def test_the_readme_names_every_permission_with_its_reason() -> None:
    chapter = README.split("### What it may do")[1].split("\n#")[0]
    rows = dict(re.findall(r"^\| `([A-Za-z.]+)` \| (.+?) \|$", chapter, re.MULTILINE))
    assert rows == {**CONSENTS, **PERMISSIONS}
