"""Asks aiogram, a client of Telegram that is not ours, whether updates and calls have the right shape.

Its pinned versions clash with ours, so it lives in .venv-judges and is asked through a process of its own. Starting it
takes some seconds: judge many samples in one go.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fixtures.tools import missing

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-judges" / "bin" / "python"
DEADLINE_S = 50


def check_updates(updates: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """aiogram's objections to each named update that a webhook or getUpdates hands out."""
    return ask(updates=updates)["updates"]


def check_calls(calls: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, list[str]]:
    """aiogram's objections to each named call: ("sendMessage", its parameters)."""
    return ask(calls=calls)["calls"]


def check_objects(objects: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, list[str]]:
    """aiogram's objections to each named answer of a fake: ("Message", the result of sendMessage)."""
    return ask(objects=objects)["objects"]


def ask(**order: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    if not PYTHON.exists():
        missing("aiogram in .venv-judges", "run: make judges")
    if not any(order.values()):
        raise ValueError("no sample to judge; a judge that is asked nothing finds nothing")
    run = subprocess.run(
        [PYTHON, HERE / "telegram_judge.py"],
        input=json.dumps({"updates": {}, "calls": {}, "objects": {}, **order}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"aiogram's judge failed: {run.stderr[-2000:]}")
    answer: dict[str, dict[str, list[str]]] = json.loads(run.stdout)
    return answer
