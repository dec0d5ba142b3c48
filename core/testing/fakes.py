"""A channel and a workplace in memory, and how to install them for the time of a test.

channel, office = FakeChannel(), FakeWorkspace()
with installed(channel.spec, office.spec):
    async with App(settings) as app: ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core import discovery
from core.contracts.bridge import BridgeSpec
from core.contracts.workplace import WorkplaceSpec
from core.testing.fake_bridge import FakeBridge, FakeCall, FakeMessage, FakeSettings
from core.testing.fake_channel import EVERYTHING, FakeChannel, FakeCustomer
from core.testing.fake_workplace import FakeWorkplace, FakeWorkplaceSettings
from core.testing.fake_workspace import FakePost, FakeThread, FakeWorkspace, Whisper
from core.testing.faults import Fault, Faults, Held

__all__ = [
    "EVERYTHING",
    "FakeBridge",
    "FakeCall",
    "FakeChannel",
    "FakeCustomer",
    "FakeMessage",
    "FakePost",
    "FakeSettings",
    "FakeThread",
    "FakeWorkplace",
    "FakeWorkplaceSettings",
    "FakeWorkspace",
    "Fault",
    "Faults",
    "Held",
    "Whisper",
    "installed",
]


@contextmanager
def installed(*specs: BridgeSpec[Any] | WorkplaceSpec[Any]) -> Iterator[None]:
    """Discovery finds these too, as if distributions had brought them, in place of folders of the same name."""
    given: dict[str, list[EntryPoint]] = {discovery.BRIDGES.group: [], discovery.WORKPLACES.group: []}
    for spec in specs:
        kind = discovery.BRIDGES if isinstance(spec, BridgeSpec) else discovery.WORKPLACES
        name = spec.channel if isinstance(spec, BridgeSpec) else spec.name
        given[kind.group].append(_Given(name, kind.group, spec))

    def found(*, group: str) -> list[EntryPoint]:
        return [*given.get(group, ()), *entry_points(group=group)]

    names = {point.name for points in given.values() for point in points}
    folders = discovery._folders

    def others(package: str) -> Iterator[Path]:
        return (path for path in folders(package) if path.name not in names)

    with patch.object(discovery, "entry_points", found), patch.object(discovery, "_folders", others):
        yield


class _Given(EntryPoint):
    """An entry point whose object is at hand."""

    def __init__(self, name: str, group: str, spec: object) -> None:
        super().__init__(name, "core.testing.fakes", group)
        vars(self)["_spec"] = spec

    def load(self) -> Any:
        return vars(self)["_spec"]
