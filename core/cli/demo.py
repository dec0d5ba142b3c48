"""`demo`: Threadbridge against a sandbox of its vendors on this machine, with nothing to configure."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from typing import Annotated

import typer

from core.cli.opening import start_logs
from core.cli.terminal import Json, fail


def demo(
    play: Annotated[bool, typer.Option("--play", help="Play a customer and an agent through every channel.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the demo page; 0 takes any free one.")] = 8700,
    as_json: Json = False,
) -> None:
    """Try everything: customers on one side, agents on the other."""
    start_logs()
    try:
        # By name: nothing in the core may depend on the sandbox, and an installation may come without it.
        sandbox = importlib.import_module("sandbox.demo")
    except ModuleNotFoundError as error:
        if error.name not in ("sandbox", "sandbox.demo"):
            raise
        fail("The sandbox is not part of this installation; run the demo from the project's repository: make demo")
    try:
        result = sandbox.run(play=play, as_json=as_json, port=port)
        code = asyncio.run(result) if inspect.iscoroutine(result) else result
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    raise typer.Exit(int(code or 0))
