"""What the settings of every adapter must keep: closed, frozen, and silent about secrets."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr

#: Names of settings that hold a secret, unless they are numbers or flags.
SECRET_NAME = re.compile(r"(token|secret|password|passphrase|api_key|private_key)$|^key$")
CHAPTERS = {
    "how it is set up": r"set(ting)?[- ]?up",
    "its limits": r"\blimits\b|what goes through",
    "its known limitations": r"known limitations",
}


def check_settings(model: type[BaseModel]) -> None:
    """Every model is frozen and closed, and what is named like a secret is one."""
    for one in _models(model):
        assert one.model_config.get("frozen"), f"{one.__name__}: model_config needs frozen=True"
        assert one.model_config.get("extra") == "forbid", f"{one.__name__}: model_config needs extra='forbid'"
        for name, field in one.model_fields.items():
            kinds = {field.annotation, *get_args(field.annotation)}
            if SECRET_NAME.search(name) and not kinds & {int, float, bool}:
                assert kinds & {SecretStr, SecretBytes}, f"{one.__name__}.{name} must be a SecretStr"


def check_silence(model: type[BaseModel], given: Mapping[str, Any], *shown: object) -> None:
    """None of the secrets in these settings is seen in them, nor in what `shown` prints."""
    settings = model.model_validate(dict(given))
    texts = [repr(settings), str(settings), settings.model_dump_json()]
    texts += [text for one in shown for text in (repr(one), str(one))]
    for secret in filter(None, _secrets(settings)):
        for text in texts:
            assert secret not in text, f"a secret of {model.__name__} is shown"


def check_readme(folder: Path, model: type[BaseModel]) -> None:
    """It says how to set it up, what it can do, what it cannot, and what each setting is."""
    readme = folder / "README.md"
    assert readme.is_file(), f"{readme} is missing"
    text = readme.read_text(encoding="utf-8")
    headings = "\n".join(re.findall(r"^#{1,3} +(.+)$", text, re.MULTILINE)).lower()
    missing = [what for what, pattern in CHAPTERS.items() if not re.search(pattern, headings)]
    assert not missing, f"{readme} has no heading about {', '.join(missing)}"
    undocumented = [name for name in model.model_fields if name not in text and name != "api_url"]
    assert not undocumented, f"{readme} does not name the settings {', '.join(undocumented)}"


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if inspect.isclass(kind) and issubclass(kind, BaseModel):
                yield from _models(kind)


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode("latin-1")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _secrets(one)
