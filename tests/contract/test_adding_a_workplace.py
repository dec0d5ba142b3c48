"""The page on adding a workplace names only what there is."""

import ast
import re
from pathlib import Path

from core.contracts import errors
from core.contracts.workplace import Desk, Workplace, WorkplaceRuntime, WorkplaceSpec
from core.testing import workplaces

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-workplace.md").read_text(encoding="utf-8")


def test_the_code_it_shows_is_python() -> None:
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) == 3
    for code in shown:
        ast.parse(code)


def test_files_and_names_are_there() -> None:
    for path in re.findall(r"`((?:core|tests|docs|sandbox|plugins)/[\w./]+)`", PAGE):
        assert (ROOT / path).exists(), path
    for name in ("DestinationUnavailable", "OutcomeUnknown", "TemporaryFailure", "CredentialsRejected"):
        assert f"`{name}`" in PAGE
        assert hasattr(errors, name)
    for method in (
        "open_thread",
        "post",
        "edit",
        "update_opening",
        "sign",
        "whisper",
        "find",
        "agent",
        "fetch",
        "handle",
    ):
        assert f"`{method}`" in PAGE or f"def {method}(" in PAGE, method
        assert hasattr(Workplace, method)
    for method in re.findall(r"desk\.(\w+)", PAGE):
        assert hasattr(Desk, method), method
    assert "accept" in WorkplaceRuntime.__dataclass_fields__
    assert "manifest" in WorkplaceSpec.__dataclass_fields__
    assert hasattr(workplaces, "WorkplaceContract")
