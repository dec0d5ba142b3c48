"""Adapters are found by folder and by entry point; a broken one is named and hides nobody."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import discovery
from core.discovery import AdapterBroken

GOOD = """
from pydantic import BaseModel
from core.contracts.bridge import BridgeSpec
from core.contracts.content import Capabilities
LIMITS = Capabilities(max_text=1)
BRIDGE = BridgeSpec(channel="{name}", title="Pigeon", settings=BaseModel, capabilities=LIMITS, build=None)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    package = importlib.import_module("bridges")
    package.__path__.append(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    package.__path__.remove(str(tmp_path))
    for name in set(sys.modules) - before:
        if name.startswith("bridges."):
            del sys.modules[name]
            if hasattr(package, name.partition(".")[2]):
                delattr(package, name.partition(".")[2])


def add(folder: Path, name: str, source: str | None) -> None:
    (folder / name).mkdir()
    if source is None:
        (folder / name / "bridge.py").write_text("")
    else:
        (folder / name / "__init__.py").write_text(source)


def test_a_folder_is_a_channel(folder: Path) -> None:
    add(folder, "pigeon", GOOD.format(name="pigeon"))

    found = discovery.bridges()

    assert found["pigeon"].title == "Pigeon"
    assert found.folder("pigeon") == folder / "pigeon"
    assert {"pigeon", "webchat"} <= set(found)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("", "it must export BRIDGE, a BridgeSpec; found NoneType"),
        (GOOD.format(name="dove"), "BRIDGE.channel is 'dove'; it must be 'pigeon'"),
        (GOOD.format(name="pigeon").replace("=BaseModel", "=dict"), "BRIDGE.settings must be a pydantic model"),
        (None, "it has no __init__.py; add one that exports BRIDGE"),
    ],
)
def test_a_broken_one_is_named_and_hides_nobody(folder: Path, source: str | None, sentence: str) -> None:
    add(folder, "pigeon", source)

    found = discovery.bridges()

    assert "pigeon" in found.names
    assert "pigeon" not in found
    assert found.get("pigeon") is None
    assert "webchat" in set(found)
    with pytest.raises(AdapterBroken, match="bridges/pigeon cannot be used: ") as caught:
        found["pigeon"]
    assert sentence in str(caught.value)
    assert sentence in found.broken["pigeon"]


def test_what_is_shared_is_no_channel(folder: Path) -> None:
    for name in ("_meta", "__pycache__", ".hidden"):
        add(folder, name, "1 / 0")
    (folder / "notes").mkdir()

    assert not {"_meta", "__pycache__", ".hidden", "notes"} & set(discovery.bridges().names)
    with pytest.raises(KeyError):
        discovery.bridges()["_meta"]


def test_another_distribution_brings_a_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "pigeon_post.py").write_text(GOOD.format(name="pigeon"))
    info = tmp_path / "pigeon_post-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon-post\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[threadbridge.bridges]\npigeon = pigeon_post:BRIDGE\nlost = pigeon_post:NOTHING\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    request.addfinalizer(lambda: sys.modules.pop("pigeon_post", None))

    found = discovery.bridges()

    assert found["pigeon"].title == "Pigeon"
    assert found.folder("pigeon") is None
    assert "entry point 'pigeon_post:NOTHING' (lost) cannot be used" in found.broken["lost"]


def test_nothing_is_imported_before_it_is_asked_for(folder: Path) -> None:
    add(folder, "pigeon", f"open({str(folder / 'imported')!r}, 'w').close()")

    found = discovery.bridges()
    assert "pigeon" in found.names
    assert not (folder / "imported").exists()
    found.get("pigeon")
    assert (folder / "imported").exists()
