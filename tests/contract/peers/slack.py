"""Agents in the sandbox's Slack, and Slack's bad days, for the contract suite."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.workplace import AgentProfile
from core.testing.workplace_peer import Shown, Trouble
from plugins.slack import WORKPLACE
from sandbox.faults import Fault
from tests.plugins.slack_peer import Json, Peer, peer

#: The call to Slack that each verb stands or falls with.
METHODS = {
    "open_thread": "chat.postMessage",
    "post": "chat.postMessage",
    "edit": "chat.update",
    "update_opening": "chat.update",
    "find": "conversations.replies",
}
FAULTS = {
    Trouble.THROTTLED: Fault(status=429, headers={"Retry-After": "7"}, body={"ok": False, "error": "ratelimited"}),
    Trouble.LOST: Fault(drop="after"),
    Trouble.BROKEN: Fault(status=500),
    Trouble.REVOKED: Fault(status=200, body={"ok": False, "error": "token_revoked"}),
    Trouble.GONE: Fault(status=200, body={"ok": False, "error": "channel_not_found"}),
    Trouble.REFUSED: Fault(status=200, body={"ok": False, "error": "no_text"}),
}
PINGING = {"user", "usergroup", "broadcast", "channel", "team", "user_group"}


class SlackPeer:
    """Implements `WorkplacePeer`."""

    spec = WORKPLACE

    def __init__(self, here: Peer, agent: AgentProfile) -> None:
        self._here = here
        self.workplace = here.workplace
        self.desk = here.desk
        self.room = RoomRef(workspace="acme", room=here.room)
        self.room_name = "support"
        self.agent = agent

    async def shown(self, thread: ThreadRef) -> Sequence[Shown]:
        await self._here.settle()
        return [
            Shown(
                post=message["ts"],
                text=words(message.get("blocks", [])) or message.get("text", ""),
                author=message.get("username", ""),
                files=tuple(self._here.slack.file_content(file["id"])[1] for file in message.get("files", ())),
                marks=tuple(entry["name"] for entry in message.get("reactions", ())),
            )
            for message in self._here.thread(thread)
        ]

    async def pings(self, thread: ThreadRef) -> Sequence[str]:
        await self._here.settle()
        found: list[str] = []
        for message in self._here.thread(thread):
            nodes = _nodes(message.get("blocks", []))
            found += [f"{one['type']} {one}" for one in nodes if one["type"] in PINGING]
            found += [
                one["url"] for one in nodes if one["type"] == "link" and one.get("text", one["url"]) != one["url"]
            ]
            # Between angle brackets Slack makes mentions and links of any mrkdwn, the fallback text included.
            texts = [one["text"] for one in nodes if one["type"] == "mrkdwn"]
            found += [text for text in [*texts, message.get("text", "")] if "<" in text]
        return found

    def whispers(self, agent_id: str) -> Sequence[str]:
        return [entry["text"] for entry in self._here.slack.ephemerals(agent_id)]

    def queue_words(self, agent_id: str) -> str:
        view = self._here.slack.home(agent_id)
        return words(view["blocks"]) if view else ""

    def order(self, verb: str, trouble: Trouble) -> None:
        self._here.slack.faults.order(METHODS[verb], FAULTS[trouble])

    async def says(self, thread: ThreadRef, text: str, files: Sequence[tuple[str, str, bytes]] = ()) -> PostRef:
        ts = await self._here.slack.person_posts(self.agent.agent_id, thread.room, text, thread.thread, files=files)
        return PostRef(workspace="acme", room=thread.room, thread=thread.thread, post=ts)

    async def edits(self, post: PostRef, text: str) -> None:
        await self._here.slack.person_edits(self.agent.agent_id, post.room, post.post, text)

    async def deletes(self, post: PostRef) -> None:
        await self._here.slack.person_deletes(self.agent.agent_id, post.room, post.post)

    async def presses(self, thread: ThreadRef, label: str) -> None:
        opening = self._here.thread(thread)[0]
        (button,) = [
            one for one in _nodes(opening["blocks"]) if one["type"] == "button" and one["text"]["text"] == label
        ]
        ack = await self._here.slack.person_presses(
            self.agent.agent_id, thread.room, thread.thread, button["action_id"]
        )
        assert ack.ok


def words(value: Any) -> str:
    """Everything that blocks say, as people read it."""
    said = []
    for one in _nodes(value):
        if one["type"] in ("text", "link"):
            said.append(one.get("text") or one.get("url", ""))
        elif isinstance(one.get("text"), str):
            said.append(f"\n{one['text']}\n")
        elif one["type"].startswith("rich_text_"):
            said.append("\n")
    return unescaped("".join(said))


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _nodes(value: Any) -> list[Json]:
    """Every object with a type, in reading order."""
    if isinstance(value, dict):
        mine = [value] if isinstance(value.get("type"), str) else []
        return [*mine, *_nodes(list(value.values()))]
    return list(itertools.chain.from_iterable(map(_nodes, value))) if isinstance(value, list) else []


@asynccontextmanager
async def slack_peer(*, socket_mode: bool) -> AsyncIterator[SlackPeer]:
    async with peer(socket_mode=socket_mode) as here:
        yield SlackPeer(here, await here.workplace.agent(here.bea))
