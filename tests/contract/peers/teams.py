"""Agents in the sandbox's Teams, and Microsoft's bad days, for the contract suite."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.workplace import AgentProfile
from core.testing.workplace_peer import Shown, Trouble
from plugins.teams import WORKPLACE
from sandbox.faults import Fault
from tests.plugins.teams_peer import Json, Peer, peer

#: The call to Microsoft that each verb stands or falls with.
METHODS = {
    "open_thread": "post",
    "post": "reply",
    "edit": "edit",
    "update_opening": "edit",
    "find": "graph.messages",
}


def _error(status: int, code: str, **headers: str) -> Fault:
    return Fault(status=status, headers=headers, body={"error": {"code": code, "message": "As ordered."}})


FAULTS = {
    Trouble.THROTTLED: _error(429, "TooManyRequests", **{"Retry-After": "7"}),
    Trouble.LOST: Fault(drop="after"),
    Trouble.BROKEN: Fault(status=500),
    Trouble.REVOKED: _error(401, "InvalidAuthenticationToken"),
    Trouble.GONE: _error(404, "ConversationNotFound"),
    Trouble.REFUSED: _error(400, "BadArgument"),
}
#: A token that is refused may just be old, so the call is made once more with a new one; what can be repeated is.
TIMES = {("find", Trouble.BROKEN): 10, **{(verb, Trouble.REVOKED): 2 for verb in METHODS}}


class TeamsPeer:
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
                post=message["id"],
                text=words(message),
                author=_author(message),
                files=tuple(_pictures(message)),
                marks=tuple(kind for kind, users in message["reactions"].items() if self._here.teams.bot_id in users),
            )
            for message in self._here.thread(thread)
        ]

    async def pings(self, thread: ThreadRef) -> Sequence[str]:
        await self._here.settle()
        found: list[str] = []
        for message in self._here.thread(thread):
            found += [f"mention of {one}" for one in message["mentions"]]
            for card in _cards(message):
                found += [f"entity {one}" for one in (card.get("msteams") or {}).get("entities", ())]
                nodes = [*_nodes(card)]
                # A TextBlock reads Markdown, in which words become links, lists and pictures.
                found += [f"TextBlock {one['text']!r}" for one in nodes if one["type"] == "TextBlock"]
                found += [url for url, near in _links(nodes) if url not in near]
        return found

    def whispers(self, agent_id: str) -> Sequence[str]:
        return [words(message) for message in self._here.teams.targeted(agent_id)]

    def queue_words(self, agent_id: str) -> str:
        return "\n".join(words(message) for message in self._here.teams.chat(agent_id))

    def order(self, verb: str, trouble: Trouble) -> None:
        self._here.teams.faults.order(METHODS[verb], FAULTS[trouble], times=TIMES.get((verb, trouble), 1))

    async def says(self, thread: ThreadRef, text: str, files: Sequence[tuple[str, str, bytes]] = ()) -> PostRef:
        post = await self._here.teams.person_posts(self.agent.agent_id, thread.room, text, thread.thread, files=files)
        return PostRef(workspace="acme", room=thread.room, thread=thread.thread, post=post)

    async def edits(self, post: PostRef, text: str) -> None:
        await self._here.teams.person_edits(self.agent.agent_id, post.room, post.post, text)

    async def deletes(self, post: PostRef) -> None:
        await self._here.teams.person_deletes(self.agent.agent_id, post.room, post.post)

    async def presses(self, thread: ThreadRef, label: str) -> None:
        pressed = await self._here.teams.person_presses(self.agent.agent_id, thread.room, thread.thread, label)
        assert pressed.ok, pressed


def words(message: Json) -> str:
    """Everything that a message says, as people read it: its cards' words, else its own."""
    written = html.unescape(re.sub("<[^>]*>", "", message["html"]))
    return "\n".join([*map(_said, _cards(message)), *([written] if written else [])])


def _cards(message: Json) -> list[Json]:
    return [one["content"] for one in message["attachments"] if str(one.get("contentType")).endswith("card.adaptive")]


def _said(card: Json) -> str:
    """A line for each block of runs; blanks that do not break are blanks, buttons say what stands on them."""
    lines = []
    for node in _nodes(card):
        if node["type"] == "RichTextBlock":
            lines.append(_line(node))
        elif node["type"] == "TextBlock":
            lines.append(node["text"])
        elif node["type"].startswith("Action.") and "title" in node:
            lines.append(node["title"])
    return "\n".join(lines).replace("\u00a0", " ")


def _line(block: Json) -> str:
    return "".join(one if isinstance(one, str) else one["text"] for one in block["inlines"])


def _links(nodes: Sequence[Json]) -> Iterator[tuple[str, str]]:
    """Where each run leads, and the words of the line that it stands in."""
    for block in nodes:
        for one in block.get("inlines", ()) if block["type"] == "RichTextBlock" else ():
            if isinstance(one, dict) and "selectAction" in one:
                yield str(one["selectAction"]["url"]), _line(block)


def _author(message: Json) -> str:
    """Whose words a post of ours shows: its first line."""
    if not message["is_bot"]:
        return str(message["from"]["name"])
    blocks = [node for card in _cards(message) for node in _nodes(card) if node["type"] == "RichTextBlock"]
    return _line(blocks[0]) if blocks else ""


def _pictures(message: Json) -> Iterator[bytes]:
    for node in _nodes(message["attachments"]):
        if node["type"] == "Image" and node["url"].startswith("data:"):
            yield base64.b64decode(node["url"].partition("base64,")[2])


def _nodes(value: Any) -> Iterator[Json]:
    """Every object with a type, in reading order."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


@asynccontextmanager
async def teams_peer() -> AsyncIterator[TeamsPeer]:
    async with peer() as here:
        # Her client tells her time zone and language with whatever she does.
        await here.teams.person_messages_bot(here.bea, "hello")
        await here.settle()
        here.desk.calls.clear()
        yield TeamsPeer(here, await here.workplace.agent(here.bea))
