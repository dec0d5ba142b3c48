"""`python -m benchmarks [NAME ...] [--json]`: measures everything and fails where a floor is not kept."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import pkgutil
import sys
from dataclasses import asdict
from types import ModuleType

import benchmarks
from benchmarks.figures import Figure

#: One module must not run for ever.
LONGEST = 240.0


def modules(wanted: list[str]) -> list[ModuleType]:
    """Every module here that has a `run`."""
    names = [found.name for found in pkgutil.iter_modules(benchmarks.__path__) if not found.name.startswith("_")]
    loaded = [importlib.import_module(f"benchmarks.{name}") for name in wanted or names]
    return [module for module in loaded if hasattr(module, "run")]


async def measure(wanted: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    for module in modules(wanted):
        async with asyncio.timeout(LONGEST):
            figures += await module.run()
    return figures


def table(figures: list[Figure]) -> str:
    width = max((len(figure.name) for figure in figures), default=0)
    lines = [f"{'':{width}}  {'measured':>12}        floor"]
    for figure in figures:
        verdict = "" if figure.kept else "  too slow here" if figure.wall_clock else "  BROKEN"
        lines.append(f"{figure.name:{width}}  {figure.value:>12.2f} {figure.unit:<5}  {figure.floor:<10}{verdict}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="modules to run; default: all")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--strict", action="store_true", help="fail on wall-clock floors too; for a quiet machine")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.names))
    if options.json:
        print(json.dumps([asdict(figure) | {"kept": figure.kept} for figure in figures], indent=2))
    else:
        print(table(figures))
    return int(any(not figure.kept and (options.strict or not figure.wall_clock) for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
