"""Finds the channels and workplaces that are installed: by folder first, then by entry point."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from core.contracts.bridge import BridgeSpec
from core.contracts.workplace import WorkplaceSpec

log = logging.getLogger(__name__)

Spec = TypeVar("Spec")


class AdapterBroken(KeyError):
    """An adapter that is there but cannot be used; `str()` is a sentence that names its folder."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[Spec]):
    """What is looked for, and where."""

    #: "channel" or "workplace".
    word: str
    #: Package whose sub-packages are adapters.
    package: str
    #: What each of them exports.
    export: str
    group: str
    spec: type[Spec]
    #: The attribute of a spec that must equal the folder's name.
    key: str


class Adapters(Mapping[str, Spec]):
    """Specs by name. An adapter is imported when it is first asked for, so one that is not used costs nothing.

    A broken adapter is not there for `in`, `get` and iteration; asking for it by name raises AdapterBroken.
    """

    def __init__(self, kind: Kind[Spec]) -> None:
        self.kind = kind
        self._places: dict[str, Path | EntryPoint] = {}
        self._specs: dict[str, Spec] = {}
        self._broken: dict[str, str] = {}
        for path in _folders(kind.package):
            self._places.setdefault(path.name, path)
        for point in entry_points(group=kind.group):
            self._places.setdefault(point.name, point)

    @property
    def names(self) -> tuple[str, ...]:
        """Every adapter that is installed, broken ones too; imports nothing."""
        return tuple(sorted(self._places))

    @property
    def broken(self) -> Mapping[str, str]:
        """Name to sentence of those that cannot be used; imports all."""
        tuple(self)
        return dict(self._broken)

    def folder(self, name: str) -> Path | None:
        """Where an adapter's folder is; None for one that came by entry point."""
        place = self._places.get(name)
        return place if isinstance(place, Path) else None

    def __getitem__(self, name: str) -> Spec:
        if name not in self._places:
            raise KeyError(name)
        if name not in self._specs:
            if name not in self._broken:
                self._load(name)
            if name in self._broken:
                raise AdapterBroken(self._broken[name])
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _load(self, name: str) -> None:
        place = self._places[name]
        where = f"{self.kind.package}/{name}" if isinstance(place, Path) else f"entry point {place.value!r} ({name})"
        try:
            spec = self._import(name, place)
        # Whatever an adapter's own code raises while it is imported must not hide the other adapters.
        except Exception as error:
            sentence = f"{where} cannot be used: {type(error).__name__}: {error}"
            log.error("adapter broken", extra={"action": "adapter_broken", "adapter": where}, exc_info=True)
        else:
            problem = self._problem(name, spec)
            if problem is None:
                self._specs[name] = spec
                return
            sentence = f"{where} cannot be used: {problem}"
            log.error("adapter broken", extra={"action": "adapter_broken", "adapter": where, "problem": problem})
        self._broken[name] = sentence

    def _import(self, name: str, place: Path | EntryPoint) -> Any:
        if isinstance(place, EntryPoint):
            return place.load()
        if not (place / "__init__.py").exists():
            raise ImportError(f"it has no __init__.py; add one that exports {self.kind.export}")
        module = importlib.import_module(f"{self.kind.package}.{name}")
        return getattr(module, self.kind.export, None)

    def _problem(self, name: str, spec: Any) -> str | None:
        kind = self.kind
        if not isinstance(spec, kind.spec):
            return f"it must export {kind.export}, a {kind.spec.__name__}; found {type(spec).__name__}"
        found = getattr(spec, kind.key)
        if found != name:
            return f"{kind.export}.{kind.key} is {found!r}; it must be {name!r}, the name of its folder or entry point"
        settings = getattr(spec, "settings", None)
        if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
            return f"{kind.export}.settings must be a pydantic model; found {settings!r}"
        return None


BRIDGES: Kind[BridgeSpec[Any]] = Kind(
    word="channel", package="bridges", export="BRIDGE", group="threadbridge.bridges", spec=BridgeSpec, key="channel"
)
WORKPLACES: Kind[WorkplaceSpec[Any]] = Kind(
    word="workplace",
    package="plugins",
    export="WORKPLACE",
    group="threadbridge.workplaces",
    spec=WorkplaceSpec,
    key="name",
)


def bridges() -> Adapters[BridgeSpec[Any]]:
    """Every channel that is installed, by its name."""
    return Adapters(BRIDGES)


def workplaces() -> Adapters[WorkplaceSpec[Any]]:
    """Every workplace that is installed, by its name."""
    return Adapters(WORKPLACES)


def _folders(package: str) -> Iterator[Path]:
    """Sub-folders that hold Python; a name with "_" in front is shared code, not an adapter."""
    for root in importlib.import_module(package).__path__:
        for path in sorted(Path(root).iterdir()):
            if path.is_dir() and not path.name.startswith(("_", ".")) and any(path.glob("*.py")):
                yield path
