"""Holds what an installation promises: names that are ours alone, and dependencies exactly as they were tried."""

import configparser
import json
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("core", "bridges", "plugins", "sandbox")
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(r"^[a-z0-9][a-z0-9._-]*(\[[a-z0-9,]+\])?==[^\s;]+( ; .+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_names(package: str) -> None:
    claimants = set(packages_distributions().get(package, []))
    assert claimants <= {"threadbridge"}, f"{package} also comes from {claimants - {'threadbridge'}}"


def test_the_command_is_installed() -> None:
    scripts = {entry.name: entry.value for entry in distribution("threadbridge").entry_points}
    assert scripts["threadbridge"] == "core.cli:main"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_exact_and_hashed_and_names_no_address(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        assert PINNED.match(line) or HASH.match(line), f"{lock.name}:{number}: {line}"
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if PINNED.match(line):
            assert HASH.match(following), f"{lock.name}: no hash for {line}"


def test_every_requirement_that_is_asked_for_is_locked() -> None:
    asked = sorted(path.stem for path in (ROOT / "requirements").glob("*.in"))
    assert asked == [lock.stem for lock in LOCKS] == ["build", "dev", "judges", "runtime"]
    for name in asked:
        locked = {line.split("==")[0] for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()}
        for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines():
            if line and not line.startswith(("#", "-")):
                assert re.split(r"[=\[<>~! ]", line)[0] in locked, f"{line} is not in {name}.txt: run make lock"


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    versions = {
        lock.stem: dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS
    }
    both = versions["runtime"].keys() & versions["dev"].keys()
    assert both
    assert {name: versions["dev"][name] for name in both} == {name: versions["runtime"][name] for name in both}


def test_the_npm_judges_are_exact_and_name_no_address() -> None:
    folder = ROOT / "tests" / "judges"
    wanted = json.loads((folder / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert not [name for name, package in packages.items() if name and "integrity" not in package]


def test_a_wheel_carries_code_and_data_and_nothing_else(tmp_path: Path) -> None:
    # Built from a copy, so that no build folder of an earlier day adds to it.
    source = tmp_path / "source"
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = "wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels ."
    command = [sys.executable, "-m", "pip", *build.split()]
    subprocess.run(command, cwd=source, check=True, timeout=50, capture_output=True)
    (wheel,) = (source / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        scripts = configparser.ConfigParser()
        scripts.read_string(archive.read("threadbridge-0.1.0.dist-info/entry_points.txt").decode())
    assert scripts["console_scripts"]["threadbridge"] == "core.cli:main"
    assert {name.split("/")[0] for name in names} == {*PACKAGES, "threadbridge-0.1.0.dist-info"}
    data = {name for name in files if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    forgotten = {name for name in data if Path(name).suffix not in {".pyc", ""}} - set(names)
    assert not forgotten, (
        "code wants an __init__.py in its folder, data its suffix under package-data in pyproject.toml: "
        f"{sorted(forgotten)}"
    )
