"""Message extensions: what the manifest declares, what a client asks, and what it makes of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.teams.delivery import Answer
from sandbox.teams.dialogs import results
from sandbox.teams.graph_shapes import GraphShapes
from sandbox.teams.wire import Json, NotPossible
from sandbox.teams.world import Message, Room


class Extensions:
    """The app's commands. Without a manifest every command exists, with one parameter and without a first dialog."""

    def __init__(self, shapes: GraphShapes) -> None:
        self._shapes = shapes
        self._commands: dict[str, Json] | None = None

    def use_manifest(self, manifest: Mapping[str, Any]) -> None:
        """From now on only what this app manifest declares exists."""
        extensions = manifest.get("composeExtensions") or []
        self._commands = {command["id"]: command for entry in extensions for command in entry.get("commands", [])}

    def fetches(self, command_id: str) -> bool:
        """Whether a dialog is fetched first."""
        return bool(self._declared(command_id, "action").get("fetchTask", False))

    def query(self, command_id: str, query: str, skip: int, count: int) -> Json:
        """The value of a composeExtension/query; nothing typed is the first run."""
        command = self._declared(command_id, "query")
        parameter = (command.get("parameters") or [{"name": "query"}])[0]["name"]
        if not query and self._commands is not None and not command.get("initialRun", False):
            raise NotPossible(f"the command {command_id!r} shows nothing before something is typed")
        asked = {"name": parameter, "value": query} if query else {"name": "initialRun", "value": "true"}
        return {
            "commandId": command_id,
            "parameters": [asked],
            "queryOptions": {"skip": skip, "count": count},
            "context": {"theme": "default"},
        }

    def command(self, command_id: str, message: Message, room: Room) -> Json:
        """What an action command tells of the message whose menu it was chosen in."""
        command = self._declared(command_id, "action")
        if "message" not in command.get("context", ["message"]):
            raise NotPossible(f"the command {command_id!r} is not in a message's menu")
        payload = self._shapes.payload(room, message)
        return {"commandId": command_id, "commandContext": "message", "messagePayload": payload}

    def result(self, answer: Answer) -> list[Json] | str:
        """What the person may choose from, or what her client says went wrong."""
        if not answer.ok:
            return answer.error
        body = answer.body.get("composeExtension") if isinstance(answer.body, dict) else None
        if isinstance(body, dict) and body.get("type") == "message":
            return str(body.get("text") or "")
        try:
            return results(answer.body)
        except ValueError as wrong:
            return f"Something went wrong. Please try again. ({wrong})"

    def _declared(self, command_id: str, kind: str) -> Json:
        if self._commands is None:
            return {"id": command_id, "type": kind}
        command = self._commands.get(command_id)
        if command is None or command.get("type", "query") != kind:
            known = ", ".join(self._commands) or "none"
            raise NotPossible(f"the manifest declares no {kind} command {command_id!r}; there are: {known}")
        return command
