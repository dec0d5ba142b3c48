"""Puts the commands together, and makes every way to fail a sentence with an exit code."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from core.cli import adapters, conversations, demo, quarantine, routing, scaffold, serving
from core.cli.opening import start_logs
from core.cli.terminal import out

app = typer.Typer(
    name="threadbridge",
    add_completion=False,
    help="Customer conversations from every channel, answered in Slack and Teams threads.",
    epilog="Exit codes: 0 all is well, 1 something does not work, 2 the command line or the settings are wrong.",
    no_args_is_help=True,
    # Tracebacks of ours may show settings; typer's show every local variable.
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(serving.serve)
app.command()(demo.demo)
app.command()(serving.check)
app.command()(serving.migrate)
app.command()(serving.status)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(conversations.app, name="conversations")
app.command()(routing.route)
app.command()(adapters.channels)
app.command()(adapters.manifest)
app.add_typer(scaffold.app, name="new")


def _version(asked: bool) -> None:
    if asked:
        out(f"threadbridge {installed_version('threadbridge')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # Before the settings are known, too, nothing but results may reach standard output.
    start_logs()


def main() -> None:
    """The console script."""
    app()
