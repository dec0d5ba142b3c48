"""The page on adding a channel is true: its files, put into a copy of the tree and nothing else changed, work."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-a-channel.md"
#: A file's name alone on its line, and its content below.
BLOCK = re.compile(r"^`([\w./-]+)`\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MOST_LINES = 200
COPIED = shutil.ignore_patterns("__pycache__", "node_modules")


def blocks() -> dict[str, str]:
    return dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a newcomer has it, with the page's files in it."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("core", "plugins", "sandbox", "pyproject.toml"):
        (tree / name).symlink_to(ROOT / name)
    for name in ("bridges", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=COPIED)
    for name, text in blocks().items():
        path = tree / name
        assert not path.exists(), f"{name} is there already: a new channel edits nothing"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tree


def run(tree: Path, *command: str) -> str:
    """What it printed; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_it_is_small() -> None:
    files = blocks()
    assert {name.rpartition("/")[2] for name in files} >= {"__init__.py", "bridge.py", "README.md", "test_pigeon.py"}
    lines = {name: len(text.splitlines()) for name, text in files.items()}
    assert sum(lines.values()) < MOST_LINES, f"under {MOST_LINES} lines with tests, examples and README: {lines}"


def test_it_keeps_the_contract_and_its_own_tests_pass(tree: Path) -> None:
    said = run(
        tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_bridges.py", "-k", "pigeon", "-rs"
    )
    passed, skipped = re.search(r"(\d+) passed", said), re.search(r"(\d+) skipped", said)
    assert passed is not None, said
    assert int(passed[1]) >= 16, said
    assert skipped is None, "everything in the suite applies to it"
    said = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/bridges/test_pigeon.py")
    assert re.search(r"\b5 passed", said), said


def test_a_broken_one_is_caught(tree: Path, tmp_path: Path) -> None:
    """The suite that passes above can fail: the same channel without its signature check does not pass."""
    broken = tmp_path / "tree"
    shutil.copytree(tree, broken, symlinks=True, ignore=COPIED)
    bridge = broken / "bridges" / "pigeon" / "bridge.py"
    text = bridge.read_text(encoding="utf-8")
    (check,) = re.findall(r"raise RequestRejected\(.*\)", text)
    bridge.write_text(text.replace(check, "pass"), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"(?s)not_signed_is_refused.*1 failed, 15 passed"):
        run(broken, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_bridges.py", "-k", "pigeon")


def test_it_is_found_and_keeps_the_house_rules(tree: Path) -> None:
    said = run(tree, "-c", "from core.cli import main; main()", "channels", "pigeon", "--json")
    (found,) = json.loads(said)["installed"]
    assert found["title"] == "Pigeon"
    python = [name for name in blocks() if name.endswith(".py")]
    run(tree, "-m", "ruff", "check", "--no-cache", *python)
    run(tree, "-m", "ruff", "format", "--check", "--no-cache", *python)


def test_the_settings_it_shows_are_valid(tree: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(\[\[accounts\]\].*?)```", page, re.DOTALL)
    program = (
        "import sys, tomllib; from core.discovery import bridges\n"
        "(account,) = tomllib.loads(sys.argv[1])['accounts']\n"
        "account.pop('name'); bridges()[account.pop('channel')].settings.model_validate(account)"
    )
    run(tree, "-c", program, shown)
