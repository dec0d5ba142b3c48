"""The `threadbridge` command."""

from core.cli.root import main

__all__ = ["main"]
