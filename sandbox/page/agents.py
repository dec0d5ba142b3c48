"""What a visitor does as an agent in the workspace, handed to the sandbox's Slack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sandbox.page.uploads import Asked, BadRequest
from sandbox.slack import Ack, SlackSandbox, composer

Json = dict[str, Any]
Verb = Callable[[Asked], Awaitable[Any]]


class AgentGestures:
    """One verb for each thing an agent can do."""

    def __init__(self, slack: SlackSandbox, agents: Sequence[str]) -> None:
        self._slack = slack
        self._agents = frozenset(agents)

    def verbs(self) -> Mapping[str, Verb]:
        """By name."""
        return {
            "agent.post": self._post,
            "agent.edit": self._edit,
            "agent.delete": self._delete,
            "agent.react": self._react,
            "agent.press": self._press,
            "agent.select": self._select,
            "agent.press_in_view": self._press_in_view,
            "agent.search": self._search,
            "agent.submit": self._submit,
            "agent.close": self._close,
            "agent.shortcut": self._shortcut,
            "agent.slash": self._slash,
            "agent.home": self._home,
        }

    def _who(self, asked: Asked) -> str:
        if asked.who not in self._agents:
            raise BadRequest(f"{asked.who or 'Nobody'} is not one of the agents of this page")
        return asked.who

    async def _post(self, asked: Asked) -> Json:
        files = [(file.name, file.mime, file.data) for file in asked.files]
        ts = await self._slack.person_posts(
            self._who(asked),
            asked.text("channel"),
            asked.text("text", ""),
            asked.optional("thread_ts"),
            files=files,
            broadcast=asked.flag("broadcast"),
        )
        return {"ts": ts}

    async def _edit(self, asked: Asked) -> None:
        await self._slack.person_edits(self._who(asked), asked.text("channel"), asked.text("ts"), asked.text("text"))

    async def _delete(self, asked: Asked) -> None:
        await self._slack.person_deletes(self._who(asked), asked.text("channel"), asked.text("ts"))

    async def _react(self, asked: Asked) -> None:
        """Puts an emoji under a message, or takes her own back."""
        react = self._slack.person_unreacts if asked.flag("remove") else self._slack.person_reacts
        await react(self._who(asked), asked.text("channel"), asked.text("ts"), asked.text("name"))

    async def _press(self, asked: Asked) -> Json:
        ack = await self._slack.person_presses(
            self._who(asked),
            asked.text("channel"),
            asked.text("ts"),
            asked.text("action_id"),
            asked.optional("block_id"),
            asked.optional("value"),
        )
        return _shown(ack)

    async def _select(self, asked: Asked) -> Json:
        ack = await self._slack.person_selects(
            self._who(asked),
            asked.text("channel"),
            asked.text("ts"),
            asked.text("action_id"),
            asked.arguments.get("selection"),
            asked.optional("block_id"),
        )
        return _shown(ack)

    async def _press_in_view(self, asked: Asked) -> Json:
        ack = await self._slack.person_presses_in_view(
            self._who(asked),
            asked.text("view_id"),
            asked.text("action_id"),
            asked.arguments.get("selection"),
            asked.optional("block_id"),
        )
        return _shown(ack)

    async def _search(self, asked: Asked) -> Json:
        ack = await self._slack.person_searches(
            self._who(asked),
            asked.text("action_id"),
            asked.text("query", ""),
            view_id=asked.optional("view_id"),
            channel=asked.text("channel", ""),
            ts=asked.text("ts", ""),
        )
        return _shown(ack) | {"body": ack.body}

    async def _submit(self, asked: Asked) -> Json:
        who, view_id = self._who(asked), asked.text("view_id")
        values = asked.arguments.get("values", {})
        if not isinstance(values, dict):
            raise BadRequest("agent.submit needs an object called values")
        ack = await self._slack.person_submits_view(who, view_id, self._typed(who, view_id, values))
        return _shown(ack)

    def _typed(self, who: str, view_id: str, values: Json) -> Json:
        """What was typed into a rich text field becomes the blocks that Slack's client would make of it."""
        view = next((view for view in self._slack.views_open(who) if view["id"] == view_id), None)
        elements = {block["block_id"]: block.get("element", {}) for block in view["blocks"]} if view else {}
        typed = dict(values)
        for block_id, value in values.items():
            if elements.get(block_id, {}).get("type") == "rich_text_input" and isinstance(value, str):
                _text, blocks = composer.compose(value)
                typed[block_id] = blocks[0] if blocks else None
        return typed

    async def _close(self, asked: Asked) -> None:
        await self._slack.person_closes_view(self._who(asked), asked.text("view_id"), all_of_them=asked.flag("all"))

    async def _shortcut(self, asked: Asked) -> Json:
        callback_id = asked.text("callback_id")
        ack = await self._slack.person_runs_shortcut(
            self._who(asked), callback_id, asked.text("channel"), asked.text("ts")
        )
        return _shown(ack)

    async def _slash(self, asked: Asked) -> Json:
        ack = await self._slack.person_slash(
            self._who(asked), asked.text("command"), asked.text("text", ""), asked.text("channel")
        )
        return _shown(ack)

    async def _home(self, asked: Asked) -> None:
        await self._slack.person_opens_home(self._who(asked))


def _shown(ack: Ack) -> Json:
    return {"ok": ack.ok, "error": ack.error}
