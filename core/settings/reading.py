"""Reads `threadbridge.toml`, and reports every mistake in it at once."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from core.contracts.bridge import BridgeSpec
from core.contracts.workplace import WorkplaceSpec
from core.discovery import AdapterBroken, Adapters, bridges, workplaces
from core.settings.mistakes import did_you_mean, known_keys, label, secret_values, sentences, unknown_key
from core.settings.models import Settings
from core.settings.references import REFERENCE, Place, References

#: A settings file is written by hand; more than this is not one.
MAX_BYTES = 1024 * 1024

#: Shorter values, such as a port number, are no secrets and would black out innocent parts of a log.
SHORTEST_SECRET = 8


class SettingsError(Exception):
    """The settings cannot be used; `problems` holds a sentence for every mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(
    path: Path,
    env: Mapping[str, str],
    *,
    channels: Mapping[str, BridgeSpec[Any]] | None = None,
    offices: Mapping[str, WorkplaceSpec[Any]] | None = None,
) -> Settings:
    """The settings in the file at `path`. Raises SettingsError.

    `channels` and `offices` say which adapters there are; by default those that are installed.
    """
    reader = _Reader(
        _parse(path),
        References(env=env, folder=path.absolute().parent),
        bridges() if channels is None else channels,
        workplaces() if offices is None else offices,
    )
    return reader.read()


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        way_out = "copy threadbridge.example.toml there, or name another file with --settings"
        raise SettingsError([f"{path}: there is no such file; {way_out}."]) from None
    except OSError as error:
        raise SettingsError([f"{path}: it cannot be read ({error.strerror}); correct its owner or mode."]) from None
    if len(raw) > MAX_BYTES:
        raise SettingsError([f"{path}: it is larger than {MAX_BYTES} bytes; that is no settings file."])
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path}: it is not TOML: {error}."]) from None


class _Unusable(BaseModel):
    """Stands for options that are wrong, so that everything else is still checked."""


class _Reader:
    """One reading of one file."""

    def __init__(
        self,
        data: dict[str, Any],
        references: References,
        channels: Mapping[str, BridgeSpec[Any]],
        offices: Mapping[str, WorkplaceSpec[Any]],
    ) -> None:
        self.references = references
        # What people write may look like a reference, so rules about words and texts for customers hold none.
        literal: dict[str, Any] = {key: data.pop(key) for key in ("routes", "canned_replies") if key in data}
        self.data: dict[str, Any] = {**references.resolve(data), **literal}
        self.channels = channels
        self.offices = offices
        self.problems: list[str] = []

    def read(self) -> Settings:
        self.problems += [f"{label(place, self.data)} = {text}." for place, text in self.references.missing.items()]
        values: dict[str, Any] = {"data_dir": "data", **self.data}
        if isinstance(values["data_dir"], str):
            values["data_dir"] = self.references.folder / Path(values["data_dir"]).expanduser()
        if "secrets" in values:
            self.problems.append(unknown_key(("secrets",), known_keys(Settings, ()), self.data))
        values["accounts"] = self._tables("accounts", "channel", self.channels)
        values["workspaces"] = self._tables("workspaces", "workplace", self.offices)
        settings: Settings | None = self._validate(Settings, values, ())
        found = {text for text in self.references.found.values() if len(text) >= SHORTEST_SECRET}
        # A value that is still a reference led nowhere: its name is what the operator must see.
        found.update(text for text in secret_values(settings or values) if not REFERENCE.fullmatch(text))
        self._check_names()
        self._check_rooms()
        if settings is None or self.problems:
            raise SettingsError([_without(problem, found) for problem in self.problems])
        return settings.model_copy(update={"secrets": tuple(SecretStr(text) for text in sorted(found))})

    def _validate(self, model: type[Any], values: Mapping[str, Any], under: Place) -> Any:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            hidden = self.references.found
            for place, text in sentences(error, model, under=under, data=self.data, hidden=hidden):
                # A reference that leads nowhere was told already.
                if place not in self.references.missing:
                    self.problems.append(text)
        return None

    def _tables(self, key: str, adapter_key: str, adapters: Mapping[str, Any]) -> Any:
        tables = self.data.get(key, [])
        if not isinstance(tables, list):
            return tables
        return [self._table((key, index), table, adapter_key, adapters) for index, table in enumerate(tables)]

    def _table(self, place: Place, table: Any, adapter_key: str, adapters: Mapping[str, Any]) -> Any:
        if not isinstance(table, dict):
            return table
        own = {name: table[name] for name in ("name", adapter_key) if name in table}
        rest = {name: value for name, value in table.items() if name not in own}
        options: Any = None
        adapter = table.get(adapter_key)
        if isinstance(adapter, str) and (spec := self._spec(place, adapter_key, adapter, adapters)) is not None:
            model = spec.settings
            if model.model_config.get("extra") != "forbid":
                known = known_keys(model, ()) | set(model.model_fields)
                self.problems += [
                    unknown_key((*place, name), known | {"name", adapter_key}, self.data)
                    for name in rest
                    if name not in known
                ]
            options = self._validate(model, rest, place)
        return {**own, "options": options or _Unusable()}

    def _spec(self, place: Place, key: str, name: str, adapters: Mapping[str, Any]) -> Any:
        try:
            return adapters[name]
        except AdapterBroken as broken:
            self.problems.append(f'{label((*place, key), self.data)} = "{name}": {broken}')
        except KeyError:
            hint = did_you_mean(name, _names(adapters), what=f"the {key}s there are")
            self.problems.append(f'{label((*place, key), self.data)} = "{name}": there is no such {key}; {hint}')
        return None

    def _check_names(self) -> None:
        for key in ("accounts", "workspaces", "routes"):
            for name, count in Counter(self._column(key, "name")).items():
                if count > 1:
                    self.problems.append(f'[[{key}]] "{name}": {count} tables have this name; each needs its own.')
        for title, count in Counter(title.strip() for title in self._column("canned_replies", "title")).items():
            if count > 1:
                self.problems.append(
                    f'[[canned_replies]] "{title[:80]}": {count} tables have this title; each needs its own.'
                )
        if not self.data.get("accounts"):
            self.problems.append("[[accounts]]: there is none, so no customer can write; add one.")
        if not self.data.get("workspaces"):
            self.problems.append("[[workspaces]]: there is none, so no agent can answer; add one.")

    def _check_rooms(self) -> None:
        for key in ("default_room", "operators_room"):
            self._check_room((key,), self.data.get(key))
        routes = self.data.get("routes")
        for index, route in enumerate(routes if isinstance(routes, list) else []):
            if not isinstance(route, dict):
                continue
            rooms = route.get("rooms")
            for number, room in enumerate(rooms if isinstance(rooms, list) else []):
                self._check_room(("routes", index, "rooms", number), room)
            when = route.get("when")
            if isinstance(when, dict):
                place: Place = ("routes", index, "when")
                self._check_known(
                    (*place, "accounts"), when, self._column("accounts", "name"), "the accounts there are"
                )
                self._check_known((*place, "channels"), when, _names(self.channels), "the channels there are")

    def _check_room(self, place: Place, room: Any) -> None:
        if isinstance(room, str) and "/" in room:
            workspace = room.partition("/")[0]
            known = self._column("workspaces", "name")
            if workspace not in known:
                hint = did_you_mean(workspace, known, what="the workspaces there are")
                self.problems.append(
                    f'{label(place, self.data)} = "{room}": there is no workspace "{workspace}"; {hint}'
                )

    def _check_known(self, place: Place, when: dict[str, Any], known: list[str], what: str) -> None:
        values = when.get(str(place[-1]))
        for value in values if isinstance(values, list) else []:
            if isinstance(value, str) and value not in known:
                self.problems.append(
                    f'{label(place, self.data)} = "{value}": there is none; {did_you_mean(value, known, what=what)}'
                )

    def _column(self, key: str, column: str) -> list[str]:
        tables = self.data.get(key)
        rows = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
        return [row[column] for row in rows if isinstance(row.get(column), str)]


def _names(adapters: Mapping[str, Any]) -> list[str]:
    """Names without importing every adapter, where that is possible."""
    return list(adapters.names) if isinstance(adapters, Adapters) else sorted(adapters)


def _without(text: str, secrets: set[str]) -> str:
    """An adapter's own validator may quote what it refuses."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "[secret]")
    return text
