"""`serve`, `check`, `migrate` and `status`."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated, Any

import typer

from core.cli.opening import DEFAULT, SettingsFile, database, run, running, settings_from
from core.cli.terminal import Exit, Json, fail, out, out_json, table
from core.observability.logs import Style
from core.settings import Settings

#: Beyond this, `status` calls the outbox late: delivery design, section 12.
LATE_SECONDS = 30

Level = Annotated[str, typer.Option(help="DEBUG shows customers' words.", metavar="DEBUG|INFO|WARNING|ERROR")]


def serve(
    settings_file: SettingsFile = DEFAULT,
    log_level: Level = "INFO",
    log_style: Annotated[Style | None, typer.Option(help="Default: console at a terminal, else json.")] = None,
) -> None:
    """Run Threadbridge until it is told to stop."""
    if log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        fail(f'--log-level = "{log_level}": use DEBUG, INFO, WARNING or ERROR.', code=Exit.USAGE)
    settings = settings_from(settings_file, level=log_level, style=log_style)
    run(_serve(settings))


async def _serve(settings: Settings) -> None:
    # Imported here so that commands which need no adapter start quickly.
    from core.app import App

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with App(settings) as app:
            await app.run(stop)
    except OSError as error:
        where = f"{settings.web.host}:{settings.web.port}"
        fail(f"web.host and web.port = {where}: {error.strerror or error}; stop what uses it, or choose another port.")


def check(
    settings_file: SettingsFile = DEFAULT,
    offline: Annotated[bool, typer.Option("--offline", help="Only the settings; ask no vendor.")] = False,
    as_json: Json = False,
) -> None:
    """Find every mistake in the settings, then ask each vendor who we are."""
    settings = settings_from(settings_file)
    results = [] if offline else run(_check(settings))
    if as_json:
        out_json([{"name": name, "ok": ok, "line": line} for name, ok, line in results])
    else:
        out(f"{settings_file}: no mistakes.")
        if results:
            table(["", "name", "says"], [("✓" if ok else "✗", name, line) for name, ok, line in results], empty="")
    if not all(ok for _, ok, _ in results):
        raise typer.Exit(int(Exit.PROBLEM))


async def _check(settings: Settings) -> list[tuple[str, bool, str]]:
    from core.app import App

    async with App(settings) as app:
        return await app.check()


def migrate(settings_file: SettingsFile = DEFAULT) -> None:
    """Bring the database to the form that this version needs; repeating is harmless."""
    settings = settings_from(settings_file)
    run(_migrate(settings))
    out("The database is up to date.")


async def _migrate(settings: Settings) -> None:
    from core.storage import migrate as migrations

    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    await migrations.upgrade(settings.database)


def status(settings_file: SettingsFile = DEFAULT, as_json: Json = False) -> None:
    """Say what waits, what failed and what does not work."""
    settings = settings_from(settings_file)
    found = run(_status(settings))
    if as_json:
        out_json(found)
    else:
        _show(found)
    if found["problems"]:
        raise typer.Exit(int(Exit.PROBLEM))


async def _status(settings: Settings) -> dict[str, Any]:
    from core.app.report import Report
    from core.observability.troubles import Troubles
    from core.outbox.repository import Outbox
    from core.quarantine.repository import Quarantine

    process = await running(settings)
    async with database(settings) as storage:
        found = await Report(storage, Outbox(storage), Quarantine(storage), Troubles(), {}, {}).status()
    troubles = list(process.get("troubles", [])) if process else []
    problems = [f"It does not work: {sentence}" for sentence in troubles]
    if process is None:
        problems.append("No process serves these settings on this machine; start it with: threadbridge serve")
    if found["quarantined"]:
        problems.append(f"{found['quarantined']} events could not be processed; see: threadbridge quarantine list")
    if found["dead"]:
        problems.append(f"{found['dead']} messages could not be delivered; their threads say why.")
    if found["in_doubt"]:
        problems.append(f"{found['in_doubt']} messages may or may not have arrived; their threads ask.")
    if found["lag_seconds"] > LATE_SECONDS:
        problems.append(f"The oldest message that could leave has waited {found['lag_seconds']:.0f} s.")
    problems += [f"{item['what']} is paused: {item['reason']}" for item in found["paused"]]
    problems += [
        f"Room {item['name'] or item['room']} cannot be used: {item['reason']}" for item in found["closed_rooms"]
    ]
    return {"running": process is not None, **found, "troubles": troubles, "problems": problems}


def _show(found: dict[str, Any]) -> None:
    counts = ("queued", "sending", "lag_seconds", "dead", "in_doubt", "quarantined")
    out(f"Threadbridge {'runs' if found['running'] else 'does not run'} here.")
    table(["", ""], [(name.replace("_", " "), found[name]) for name in counts], empty="")
    if found["problems"]:
        out("", *(f"✗ {problem}" for problem in found["problems"]))
    else:
        out("", "✓ Nothing needs you.")
