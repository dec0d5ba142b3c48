"""Holds the shape of the code: who may import whom, and how much one file or one bridge may hold."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE_SUFFIXES = {".py", ".js", ".mjs", ".css"}
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_BRIDGE = 200


def tracked_files() -> list[Path]:
    """Files in version control and new ones that are not ignored, so a mistake shows before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return [file for file in files if file.is_file()]


def count_lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def bridge_folders() -> list[Path]:
    """Channels, and what several of them share ("_meta")."""
    return sorted({file.parent for file in (ROOT / "bridges").glob("*/__init__.py")})


def recorded_exceptions(decisions: Path) -> set[str]:
    """Bridges that a decision about size names as `bridges/NAME`."""
    names: set[str] = set()
    for decision in decisions.glob("*.md"):
        text = decision.read_text(encoding="utf-8")
        if re.search(r"\blines\b", text):
            names.update(re.findall(r"`bridges/(\w+)`", text))
    return names


def test_imports_point_the_right_way() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_import_rule_is_checked() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    roots = {folder.parent.name for folder in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert set(configured["root_packages"]) == roots
    assert len({contract["name"] for contract in configured["contracts"]}) == len(configured["contracts"])


def test_no_file_is_too_long_to_read() -> None:
    sources = [file for file in tracked_files() if file.suffix in SOURCE_SUFFIXES]
    assert sources
    long = {str(file.relative_to(ROOT)): count_lines(file) for file in sources}
    long = {name: lines for name, lines in long.items() if lines > MOST_LINES_OF_A_FILE}
    assert not long, f"split these by idea, at most {MOST_LINES_OF_A_FILE} lines each: {long}"


def test_a_bridge_stays_small_or_says_why_not() -> None:
    allowed = recorded_exceptions(ROOT / "docs" / "decisions")
    sizes = {folder.name: sum(map(count_lines, folder.rglob("*.py"))) for folder in bridge_folders()}
    large = {name: lines for name, lines in sizes.items() if lines > MOST_LINES_OF_A_BRIDGE and name not in allowed}
    assert not large, (
        f"a bridge has at most {MOST_LINES_OF_A_BRIDGE} lines of Python unless docs/decisions/ says why: {large}"
    )


def test_only_a_decision_about_size_excuses_a_bridge(tmp_path: Path) -> None:
    (tmp_path / "0001-other.md").write_text("`bridges/telegram` is a bridge.")
    (tmp_path / "0002-size.md").write_text("`bridges/email` may have more than 200 lines, because of threading.")
    assert recorded_exceptions(tmp_path) == {"email"}


@pytest.mark.parametrize("package", ["core", "bridges", "plugins", "sandbox"])
def test_every_module_says_what_it_is_for(package: str) -> None:
    modules = [file for file in tracked_files() if file.suffix == ".py" and ROOT / package in file.parents]
    silent = [
        str(file.relative_to(ROOT))
        for file in modules
        if "migrations/versions" not in file.as_posix() and not file.read_text(encoding="utf-8").startswith('"""')
    ]
    assert not silent, f"these do not open with a sentence: {silent}"
