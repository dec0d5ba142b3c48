"""`channels` and `manifest`: what is installed, and what it wants to know."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from core.cli.opening import DEFAULT, SettingsFile, settings_from, start_logs
from core.cli.terminal import Exit, Json, fail, out, out_json, table
from core.contracts.bridge import BridgeSpec
from core.contracts.workplace import Manifest, WorkplaceSpec
from core.discovery import AdapterBroken, Adapters, bridges, workplaces
from core.settings.mistakes import did_you_mean

Spec = BridgeSpec[Any] | WorkplaceSpec[Any]


def channels(
    name: Annotated[str, typer.Argument(help="One channel or workplace, with its settings.", metavar="[NAME]")] = "",
    as_json: Json = False,
) -> None:
    """List the channels and workplaces that are installed."""
    # A broken adapter is listed as such; its traceback would only bury the list.
    start_logs(level="CRITICAL")
    found = [_described(kind, every[item]) for kind, every in _all() for item in every if name in ("", item)]
    broken = [(item, sentence) for _, every in _all() for item, sentence in every.broken.items() if name in ("", item)]
    if name and not found and not broken:
        known = [item for _, every in _all() for item in every.names]
        fail(f'"{name}": there is none; {did_you_mean(name, known, what="those there are")}', code=Exit.USAGE)
    if as_json:
        out_json({"installed": found, "broken": dict(broken)})
    elif name and found:
        _show(found[0])
    else:
        table(
            ["name", "kind", "title", "settings"],
            [(item["name"], item["kind"], item["title"], _keys(item)) for item in found],
            empty="Nothing is installed.",
        )
        out(*(sentence for _, sentence in broken))
    if broken:
        raise typer.Exit(int(Exit.PROBLEM))


def manifest(
    name: Annotated[str, typer.Argument(help="A workplace, such as slack.", metavar="WORKPLACE")],
    url: Annotated[
        str, typer.Option(help="The public address of this server; without it, Socket Mode where there is one.")
    ] = "",
    app_id: Annotated[str, typer.Option(help="The app's id at the vendor, where settings do not hold it yet.")] = "",
    workspace: Annotated[str, typer.Option(help="Whose settings to take, where there are several.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file instead.")] = None,
    settings_file: SettingsFile = DEFAULT,
) -> None:
    """Write the manifest with which the vendor makes the app."""
    start_logs()
    every = workplaces()
    try:
        spec = every[name]
    except AdapterBroken as broken:
        fail(str(broken))
    except KeyError:
        hint = did_you_mean(name, every.names, what="the workplaces there are")
        fail(f'"{name}": there is no such workplace; {hint}', code=Exit.USAGE)
    if url and not url.startswith("https://"):
        fail(f'--url = "{url}": it must start with https://, or vendors will not call it.', code=Exit.USAGE)
    if app_id and "app_id" not in spec.settings.model_fields:
        fail(f'--app-id = "{app_id}": the manifest of {spec.title} holds no such id.', code=Exit.USAGE)
    made = _made(spec, url.rstrip("/"), app_id, workspace, settings_file)
    if made is None:
        fail(f"{spec.title} needs no manifest.")
    if output is None and made.is_text:
        text = made.content.decode()
        typer.echo(text, nl=not text.endswith("\n"))
        return
    target = output or Path(made.name)
    try:
        target.write_bytes(made.content)
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}.")
    if not made.is_text:
        out(f"{target} is written.", *([made.next_step] if made.next_step else []))


def _made(spec: WorkplaceSpec[Any], url: str, app_id: str, workspace: str, file: Path) -> Manifest | None:
    """The manifest; the settings are read only if something is missing without them."""
    given = spec.settings.model_construct(app_id=app_id) if app_id else None
    if not workspace:
        try:
            return spec.manifest(url, given)
        except ValueError as missing:
            if (given and url) or not file.exists():
                fail(str(missing))
    settings = settings_from(file)
    found = {one.name: one.options for one in settings.workspaces if one.workplace == spec.name}
    if workspace and workspace not in found:
        hint = did_you_mean(workspace, found, what=f"those of {spec.title}")
        fail(f'--workspace = "{workspace}": {file} holds no such workspace of {spec.title}; {hint}', code=Exit.USAGE)
    if len(found) > 1 and not workspace:
        fail(
            f"{file} holds several workspaces of {spec.title}: say which with --workspace: {', '.join(found)}.",
            code=Exit.USAGE,
        )
    options = found[workspace] if workspace else next(iter(found.values()), None)
    if options is not None and app_id:
        options = options.model_copy(update={"app_id": app_id})
    try:
        return spec.manifest(url or settings.public_url, options or given)
    except ValueError as missing:
        fail(str(missing))


def _all() -> Iterator[tuple[str, Adapters[Any]]]:
    yield "channel", bridges()
    yield "workplace", workplaces()


def _described(kind: str, spec: Spec) -> dict[str, Any]:
    return {
        "name": spec.channel if isinstance(spec, BridgeSpec) else spec.name,
        "kind": kind,
        "title": spec.title,
        "settings": list(_settings(spec.settings)),
    }


def _settings(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    rules = _rules(model)
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        yield {
            "key": field.alias or name,
            "required": field.is_required(),
            "default": None if default is PydanticUndefined else default,
            "type": getattr(field.annotation, "__name__", str(field.annotation)),
            "description": field.description or rules.get(name, ""),
        }


def _rules(model: type[BaseModel]) -> dict[str, str]:
    """What the `#:` lines above a model's fields say, where its source is at hand."""
    try:
        source = inspect.getsource(model)
    except (OSError, TypeError):
        return {}
    found = re.findall(r"((?:^ +#: .*\n)+) +(\w+):", source, re.MULTILINE)
    return {name: " ".join(re.findall(r"#: (.*)", lines)) for lines, name in found}


def _keys(item: dict[str, Any]) -> str:
    """Those that must be given, then the rest in brackets."""
    required = [one["key"] for one in item["settings"] if one["required"]]
    optional = [one["key"] for one in item["settings"] if not one["required"]]
    return " ".join(required + [f"[{key}]" for key in optional])


def _show(item: dict[str, Any]) -> None:
    tables, key = ("accounts", "channel") if item["kind"] == "channel" else ("workspaces", "workplace")
    out(f"{item['title']}", "", f"[[{tables}]]", f'name = "…"\n{key} = "{item["name"]}"', "")
    table(
        ["setting", "", "default", "what"],
        [
            (
                one["key"],
                "required" if one["required"] else "",
                "" if one["default"] in (None, "") else one["default"],
                one["description"],
            )
            for one in item["settings"]
        ],
        empty="It has no settings.",
    )
