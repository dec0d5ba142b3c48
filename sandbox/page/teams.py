"""What a visitor does as an agent in Teams, handed to the sandbox's Teams."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from plugins.teams.manifest import data as manifest_data
from sandbox.page.uploads import Asked, BadRequest
from sandbox.teams import NotPossible, Pressed, TeamsSandbox

Json = dict[str, Any]
Verb = Callable[[Asked], Awaitable[Any]]
#: The manifest is asked for its commands alone; address and bot only have to look like some.
_ADDRESS, _BOT = "https://threadbridge.example", "00000000-0000-4000-8000-000000000000"


def described(agents: Sequence[str], rooms: Sequence[str]) -> Json:
    """Who plays there, and the commands that the app's manifest declares."""
    extensions = manifest_data(_ADDRESS, _BOT)["composeExtensions"]
    commands: list[Json] = [command for entry in extensions for command in entry["commands"]]
    return {
        "agents": list(agents[:2]),
        "rooms": list(rooms),
        "actions": [
            {"command": command["id"], "title": command["title"]}
            for command in commands
            if command["type"] == "action" and "message" in command["context"]
        ],
        "searches": [
            {"command": command["id"], "title": command["title"], "prompt": command["parameters"][0]["description"]}
            for command in commands
            if command["type"] == "query" and "compose" in command["context"]
        ],
    }


class TeamsGestures:
    """One verb for each thing an agent can do."""

    def __init__(self, teams: TeamsSandbox, agents: Sequence[str]) -> None:
        self._teams = teams
        self._agents = frozenset(agents)

    def verbs(self) -> Mapping[str, Verb]:
        """By name."""
        return {
            "teams.post": self._post,
            "teams.edit": self._edit,
            "teams.delete": self._delete,
            "teams.restore": self._restore,
            "teams.react": self._react,
            "teams.press": self._press,
            "teams.submit": self._submit,
            "teams.close": self._close,
            "teams.search": self._search,
            "teams.insert": self._insert,
            "teams.message_action": self._message_action,
            "teams.chat": self._chat,
        }

    def _who(self, asked: Asked) -> str:
        if asked.who not in self._agents:
            raise BadRequest(f"{asked.who or 'Nobody'} is not one of the agents of this page")
        return asked.who

    def _place(self, asked: Asked) -> tuple[str, str]:
        """Who, and where: a channel, or her own chat with the app, which has her id."""
        who = self._who(asked)
        return who, who if asked.flag("chat") else asked.text("room")

    async def _post(self, asked: Asked) -> Json:
        who, room = self._place(asked)
        text = asked.text("text", "")
        files = [(file.name, file.mime, file.data) for file in asked.files]
        root, named = asked.optional("root"), self._named(text)
        return {"id": await self._teams.person_posts(who, room, _typed(text), root, mentions=named, files=files)}

    async def _chat(self, asked: Asked) -> Json:
        files = [(file.name, file.mime, file.data) for file in asked.files]
        text = _typed(asked.text("text", ""))
        return {"id": await self._teams.person_messages_bot(self._who(asked), text, files=files)}

    async def _edit(self, asked: Asked) -> None:
        who, room = self._place(asked)
        text = asked.text("text")
        await self._teams.person_edits(who, room, asked.text("id"), _typed(text), mentions=self._named(text))

    async def _delete(self, asked: Asked) -> None:
        who, room = self._place(asked)
        await self._teams.person_deletes(who, room, asked.text("id"))

    async def _restore(self, asked: Asked) -> None:
        who, room = self._place(asked)
        await self._teams.person_restores(who, room, asked.text("id"))

    async def _react(self, asked: Asked) -> None:
        """Puts a reaction under a message, or takes her own back."""
        who, room = self._place(asked)
        react = self._teams.person_unreacts if asked.flag("remove") else self._teams.person_reacts
        await react(who, room, asked.text("id"), asked.text("type"))

    async def _press(self, asked: Asked) -> Json:
        who, room = self._place(asked)
        action, data = _object(asked, "action"), _object(asked, "action").get("data")
        pressed = await self._teams.person_presses(
            who,
            room,
            asked.text("id"),
            str(action.get("title", "")),
            _object(asked, "inputs"),
            data=data if isinstance(data, dict) else None,
        )
        return _shown(pressed)

    async def _submit(self, asked: Asked) -> Json:
        title = str(_object(asked, "action").get("title", ""))
        pressed = await self._teams.person_submits_dialog(self._who(asked), _object(asked, "inputs"), title or None)
        return _shown(pressed)

    async def _close(self, asked: Asked) -> None:
        self._teams.person_closes_dialog(self._who(asked))

    async def _search(self, asked: Asked) -> Json:
        """What the app found, or what it says instead."""
        who, room = self._place(asked)
        command, query, root = asked.text("command"), asked.text("query", ""), asked.optional("root")
        try:
            found = await self._teams.person_searches(who, command, query, room=room, root=root)
        except NotPossible as sentence:
            return {"attachments": [], "text": str(sentence)}
        return {"attachments": found, "text": ""}

    async def _insert(self, asked: Asked) -> Json:
        who, room = self._place(asked)
        attachment, root = _object(asked, "attachment"), asked.optional("root")
        text = _typed(asked.text("text", ""))
        return {"id": await self._teams.person_inserts(who, room, attachment, root, text)}

    async def _message_action(self, asked: Asked) -> Json:
        who, room = self._place(asked)
        return _shown(await self._teams.person_message_action(who, room, asked.text("id"), asked.text("command")))

    def _named(self, text: str) -> list[tuple[str, str]]:
        """Whom a text mentions; a longer name is not taken for a shorter one that it begins with."""
        world = self._teams.world
        people = [(user.id, user.name) for user in world.users.values()] + [(world.bot_id, world.bot_name)]
        found: list[tuple[str, str]] = []
        for who, name in sorted(people, key=lambda entry: -len(entry[1])):
            if f"@{name}" in text:
                found.append((who, name))
                text = text.replace(f"@{name}", "")
        return found


def _typed(text: str) -> str:
    """A person types words, never markup: what looks like HTML is what it looks like."""
    if not text.lstrip().startswith("<"):
        return text
    return f"<p>{html.escape(text, quote=False)}</p>".replace("\n", "<br>")


def _object(asked: Asked, name: str) -> Json:
    value = asked.arguments.get(name, {})
    if not isinstance(value, dict):
        raise BadRequest(f"{asked.verb} needs an object called {name}")
    return value


def _shown(pressed: Pressed) -> Json:
    return {"ok": pressed.ok, "error": pressed.error, "message": pressed.message, "attachments": pressed.attachments}
