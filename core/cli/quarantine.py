"""`quarantine list|show|redo|drop`: events that could not be processed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer

from core.cli.opening import DEFAULT, SettingsFile, database, run, running, settings_from
from core.cli.terminal import Exit, Json, ago, fail, out, out_json, table
from core.quarantine.models import Quarantined, QuarantineState
from core.quarantine.repository import Quarantine
from core.settings import Settings
from core.storage.storage import Storage

app = typer.Typer(no_args_is_help=True, help="Events that could not be processed: look, repair, repeat.")

#: How long `redo` waits for the running process, which looks for requests every few seconds.
PATIENCE = 30.0

#: Bytes of a body that `show` prints; `--raw` writes all.
SHOWN = 4000

Numbers = Annotated[
    list[int] | None, typer.Argument(help="Numbers, as `quarantine list` shows them.", metavar="[ID]...")
]
All = Annotated[bool, typer.Option("--all", help="Every event that is open.")]


@app.command("list")
def list_events(
    settings_file: SettingsFile = DEFAULT,
    settled: Annotated[bool, typer.Option("--settled", help="Those that are done or dropped too.")] = False,
    source: Annotated[str, typer.Option(help='Only from there: "bridge:<account>" or "workspace:<name>".')] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: Json = False,
) -> None:
    """Show what waits for repair, the newest first."""
    states = tuple(QuarantineState) if settled else (QuarantineState.OPEN, QuarantineState.REDO)

    async def read(settings: Settings) -> Sequence[Quarantined]:
        async with database(settings) as storage:
            quarantine = Quarantine(storage)
            return await storage.read(lambda c: quarantine.list(c, states, source=source, limit=limit))

    items = run(read(settings_from(settings_file)))
    if as_json:
        out_json([_described(item) for item in items])
        return
    table(
        ["id", "state", "from", "failed", "last", "bytes", "reason"],
        [
            (item.id, item.state, item.source, f"{item.count}x", ago(item.changed_at), item.size, item.reason[:120])
            for item in items
        ],
        empty="Nothing is in quarantine.",
    )


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID")],
    settings_file: SettingsFile = DEFAULT,
    raw: Annotated[bool, typer.Option("--raw", help="Write only the event itself, byte for byte.")] = False,
    as_json: Json = False,
) -> None:
    """Show one event: where it failed, and what it holds."""

    async def read(settings: Settings) -> Quarantined | None:
        async with database(settings) as storage:
            quarantine = Quarantine(storage)
            return await storage.read(lambda c: quarantine.get(c, number))

    item = run(read(settings_from(settings_file)))
    if item is None:
        fail(f"There is no event {number}; see: threadbridge quarantine list --settled")
    if raw:
        sys.stdout.buffer.write(item.raw)
        return
    text = item.raw.decode("utf-8", "backslashreplace")
    if as_json:
        out_json(_described(item) | {"traceback": item.traceback, "raw": text})
        return
    out(f"{item.id} from {item.source}, {item.state}, failed {item.count} times, first {ago(item.created_at)}")
    out("", item.reason, "", item.traceback.rstrip(), "", text[:SHOWN])
    if len(text) > SHOWN or not item.whole:
        out(f"… {item.size} bytes in all{'' if item.whole else ', of which only the beginning was kept'}")


@app.command()
def redo(
    numbers: Numbers = None,
    settings_file: SettingsFile = DEFAULT,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Process events again: by the running process, or right here when none runs."""
    _check_choice(numbers, everything)
    results = run(_redo(settings_from(settings_file), numbers or []))
    if as_json:
        out_json([{"id": number, "ok": not problem, "problem": problem} for number, problem in results])
    else:
        out(*(f"{number}: {problem or 'done'}" for number, problem in results))
        if not results:
            out("Nothing is in quarantine.")
    if any(problem for _, problem in results):
        raise typer.Exit(int(Exit.PROBLEM))


@app.command()
def drop(
    numbers: Numbers = None,
    settings_file: SettingsFile = DEFAULT,
    everything: All = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Give events up: nobody will see what they said."""
    _check_choice(numbers, everything)
    settings = settings_from(settings_file)

    async def change() -> list[int]:
        async with database(settings) as storage:
            quarantine = Quarantine(storage)
            chosen = numbers or await _open(storage, quarantine)
            missing = []
            for number in chosen:
                if not await storage.write(partial(quarantine.close, number=number, state=QuarantineState.DROPPED)):
                    missing.append(number)
            return missing

    if not yes:
        what = "every open event" if everything else ", ".join(map(str, numbers or []))
        typer.confirm(f"Drop {what}?", abort=True)
    missing = run(change())
    if missing:
        fail(*(f"{number}: there is no such open event." for number in missing))


async def _redo(settings: Settings, numbers: list[int]) -> list[tuple[int, str]]:
    if await running(settings) is None:
        return await _redo_here(settings, numbers)
    async with database(settings) as storage:
        quarantine = Quarantine(storage)
        results = []
        for number in numbers or await _open(storage, quarantine):
            if await storage.write(partial(quarantine.ask, number=number)):
                results.append((number, await _settled(storage, quarantine, number)))
            else:
                results.append((number, "there is no such open event, or only its beginning was kept"))
        return results


async def _settled(storage: Storage, quarantine: Quarantine, number: int) -> str:
    """Waits for the running process; "" when it worked."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        item = await storage.read(lambda c: quarantine.get(c, number))
        if item is None or item.state is QuarantineState.DONE:
            return ""
        if item.state is not QuarantineState.REDO:
            return item.reason
        await asyncio.sleep(0.2)
    return f"the running process has not come to it within {PATIENCE:.0f} s; it will"


async def _redo_here(settings: Settings, numbers: list[int]) -> list[tuple[int, str]]:
    # Imported here so that commands which need no adapter start quickly.
    from core.app import App

    async with database(settings) as storage:
        chosen = numbers or await _open(storage, Quarantine(storage))
    async with App(settings) as whole:
        return [(number, await whole.redo(number)) for number in chosen]


async def _open(storage: Storage, quarantine: Quarantine) -> list[int]:
    items = await storage.read(lambda c: quarantine.list(c, limit=10_000))
    # In the order they came: a later one may build on an earlier.
    return sorted(item.id for item in items)


def _check_choice(numbers: list[int] | None, everything: bool) -> None:
    if bool(numbers) == everything:
        fail("Name the events by number, or all of them with --all.", code=Exit.USAGE)


def _described(item: Quarantined) -> dict[str, Any]:
    names = ("id", "state", "source", "event_id", "count", "size", "whole", "reason", "created_at", "changed_at")
    return {name: getattr(item, name) for name in names}
