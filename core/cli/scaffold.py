"""`new bridge|workplace NAME`: a folder with a small adapter that works, to be changed into the real one."""

from __future__ import annotations

import importlib
import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.terminal import Exit, fail, out
from core.discovery import Adapters, bridges, workplaces

app = typer.Typer(no_args_is_help=True, help="Begin a channel or a workplace of your own.")

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9_]{1,19}")

Name = Annotated[str, typer.Argument(help="The folder's name: small letters, digits and _.", metavar="NAME")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Where to put it; by default among the others.", show_default=False)
]


@app.command()
def bridge(name: Name, folder: Folder = None) -> None:
    """Write a customer channel that takes signed webhooks and sends over HTTP."""
    target = _write("bridge", "newchannel", "bridges", name, folder, bridges())
    out(f"{target} is a channel that works with a made-up vendor.", "")
    out("1. Record real webhooks into examples/.", "2. Change receive and parse until they are read.")
    out("3. Change send and check.", "4. Say in README.md how to set it up.", f"5. threadbridge channels {name}")


@app.command()
def workplace(name: Name, folder: Folder = None) -> None:
    """Write a workplace that takes signed events and posts over HTTP."""
    target = _write("workplace", "newworkplace", "plugins", name, folder, workplaces())
    out(f"{target} is a workplace that works with a made-up vendor.", "")
    out("1. listeners.py: gestures in, one desk call each.", "2. render.py: how cards and posts look.")
    out("3. workplace.py: calls out.", "4. Say in README.md how to set it up.", f"5. threadbridge channels {name}")


def render(text: str, placeholder: str, package: str, kind: str, name: str) -> str:
    """A template's text with the new name in every form it is written in."""
    title = name.replace("_", " ").capitalize()
    text = text.replace(f"core.cli.templates.{kind}", f"{package}.{name}")
    text = text.replace(placeholder.capitalize(), "".join(part.capitalize() for part in name.split("_")))
    text = text.replace(placeholder.upper(), name.upper())
    text = text.replace(placeholder.replace("new", "New ", 1), title)
    return "\n".join(_sorted_imports(text.replace(placeholder, name).split("\n")))


def _sorted_imports(lines: list[str]) -> Iterator[str]:
    """Puts imports that stand together in order again: the package's name has changed."""
    block: list[list[str]] = []
    for line in lines:
        if block and block[-1][0].endswith("(") and block[-1][-1] != ")":
            block[-1].append(line)
        elif line.startswith("from "):
            block.append([line])
        else:
            yield from _flat(block)
            block = []
            yield line
    yield from _flat(block)


def _flat(block: list[list[str]]) -> Iterator[str]:
    for statement in sorted(block, key=lambda lines: lines[0].split()[1]):
        yield from statement


def _write(kind: str, placeholder: str, package: str, name: str, folder: Path | None, every: Adapters[Any]) -> Path:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        fail(f'"{name}": use 2 to 20 small letters, digits and _, starting with a letter.', code=Exit.USAGE)
    if name in every.names:
        fail(f'"{name}": there is a {every.kind.word} of this name already; choose another.', code=Exit.USAGE)
    target = (folder or Path(importlib.import_module(package).__path__[0])) / name
    try:
        target.mkdir(parents=True)
        for source in sorted(TEMPLATES.joinpath(kind).rglob("*")):
            place = target / source.relative_to(TEMPLATES / kind)
            if source.suffix not in (".py", ".md", ".json"):
                continue
            place.parent.mkdir(exist_ok=True)
            place.write_text(
                render(source.read_text(encoding="utf-8"), placeholder, package, kind, name), encoding="utf-8"
            )
    except FileExistsError:
        fail(f"{target} is there already; choose another name or remove it.")
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}.")
    return target
