"""What most commands begin with: the settings, the logs, and the database or the whole application."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import aiohttp
import typer
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from core.cli.terminal import Exit, fail
from core.contracts.errors import AdapterError
from core.observability import logs
from core.settings import Settings, SettingsError, load
from core.storage.errors import StorageError
from core.storage.secrets import SecretsError
from core.storage.storage import Storage

T = TypeVar("T")

SettingsFile = Annotated[
    Path, typer.Option("--settings", "-s", envvar="THREADBRIDGE_SETTINGS", help="The settings file.", show_default=True)
]
DEFAULT = Path("threadbridge.toml")

#: The running process is on this machine, so it answers at once or not at all.
PROBE_SECONDS = 2.0


def settings_from(path: Path, *, level: str = "WARNING", style: logs.Style | None = None) -> Settings:
    """The settings, with the logs set up to hide their secrets; ends the command with every mistake otherwise."""
    try:
        settings = load(path, os.environ)
    except SettingsError as error:
        count = len(error.problems)
        fail(*error.problems, f"{count} problem{'' if count == 1 else 's'} in {path}.", code=Exit.USAGE)
    start_logs(level=level, style=style, secrets=[secret.get_secret_value() for secret in settings.secrets])
    return settings


def start_logs(*, level: str = "WARNING", style: logs.Style | None = None, secrets: list[str] | None = None) -> None:
    """Logs go to standard error: for people at a terminal, JSON otherwise."""
    chosen = style or (logs.Style.CONSOLE if sys.stderr.isatty() else logs.Style.JSON)
    logs.configure(style=chosen, level=level, secrets=secrets or [])


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work`; what the operator can mend becomes a sentence, everything else is a bug and keeps its traceback."""
    try:
        return asyncio.run(work)
    except (StorageError, SecretsError, AdapterError) as error:
        fail(str(error))
    except DBAPIError as error:
        fail(f"The database refused: {error.orig}. If it was never set up, run: threadbridge migrate")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Storage]:
    """The database alone; works beside a running process."""
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and not await asyncio.to_thread(Path(url.database or "").exists):
        fail(f"There is no database at {url.database} yet; `threadbridge serve` or `threadbridge migrate` makes it.")
    async with Storage(settings.database) as storage:
        yield storage


async def running(settings: Settings) -> dict[str, Any] | None:
    """What the process that serves these settings says of itself; None: none runs on this machine."""
    host = "127.0.0.1" if settings.web.host in ("0.0.0.0", "::", "") else settings.web.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.web.port}/ready"
    token = settings.web.metrics_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, headers=headers) as answer:
            if answer.headers.get("Server") != "threadbridge":
                return None
            said: dict[str, Any] = await answer.json()
            return said
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
