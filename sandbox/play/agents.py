"""An agent in either workspace: what she does in a thread and what she sees there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from sandbox.slack import SlackSandbox
from sandbox.teams import TeamsSandbox


class Agent(Protocol):
    """One person in one room of one workspace."""

    workplace: str
    #: What Slack or Teams calls the emoji 👍.
    thumbs_up: str

    def thread_of(self, customer: str) -> str | None:
        """The thread that shows this customer's conversation."""
        ...

    def find(self, thread: str, containing: str) -> dict[str, Any] | None:
        """The latest post whose words hold that text."""
        ...

    def id_of(self, post: dict[str, Any]) -> str: ...

    def times(self, thread: str, containing: str) -> int:
        """How many posts of the thread hold that text."""
        ...

    def has_file(self, thread: str, name: str, mime: str) -> bool:
        """Whether the file can be had in the thread; a picture may have lost its name on the way."""
        ...

    def has_reaction(self, thread: str, emoji: str) -> bool:
        """Whether the customer's emoji shows in the thread."""
        ...

    async def replies(self, thread: str, text: str, files: list[tuple[str, str, bytes]] | None = None) -> str: ...

    async def edits(self, ts: str, text: str) -> None: ...

    async def deletes(self, ts: str) -> None: ...

    async def reacts(self, ts: str, name: str) -> None: ...

    async def presses(self, thread: str, label: str) -> None:
        """Presses the newest button with that label in the thread."""
        ...

    def is_signed(self, ts: str, thread: str) -> bool:
        """Whether a post is marked as delivered."""
        ...

    def whispers(self) -> list[str]: ...


class SlackAgent:
    """Implements `Agent`."""

    workplace = "Slack"
    thumbs_up = "thumbsup"

    def __init__(self, slack: SlackSandbox, user: str, room: str) -> None:
        self._slack = slack
        self.user = user
        self.room = room

    def thread_of(self, customer: str) -> str | None:
        """The thread that shows this customer's conversation."""
        for message in self._slack.messages(self.room):
            if str(message.get("username", "")).startswith(customer):
                return str(message.get("thread_ts") or message["ts"])
        return None

    def posts(self, thread: str) -> list[dict[str, Any]]:
        return self._slack.thread(self.room, thread)

    def find(self, thread: str, containing: str) -> dict[str, Any] | None:
        """The latest post whose words hold that text."""
        return next((post for post in reversed(self.posts(thread)) if containing in words(post)), None)

    def id_of(self, post: dict[str, Any]) -> str:
        return str(post["ts"])

    def times(self, thread: str, containing: str) -> int:
        return sum(containing in words(post) for post in self.posts(thread))

    def has_file(self, thread: str, name: str, mime: str) -> bool:
        kind = mime.partition("/")[0]
        return any(
            file.get("name") == name or (kind == "image" and file.get("mimetype", "").startswith(kind))
            for post in self.posts(thread)
            for file in post.get("files", [])
        )

    def has_reaction(self, thread: str, emoji: str) -> bool:
        named = {"❤️": "heart", "👍": "thumbsup"}[emoji]
        marks = (mark["name"] for post in self.posts(thread) for mark in post.get("reactions", []))
        return named in marks or self.find(thread, emoji[0]) is not None

    def find_file(self, thread: str, name: str) -> dict[str, Any] | None:
        for post in self.posts(thread):
            if any(name in (file.get("name"), file.get("title")) for file in post.get("files", [])):
                return post
        return None

    async def replies(self, thread: str, text: str, files: list[tuple[str, str, bytes]] | None = None) -> str:
        return await self._slack.person_posts(self.user, self.room, text, thread_ts=thread, files=files or [])

    async def edits(self, ts: str, text: str) -> None:
        await self._slack.person_edits(self.user, self.room, ts, text)

    async def deletes(self, ts: str) -> None:
        await self._slack.person_deletes(self.user, self.room, ts)

    async def reacts(self, ts: str, name: str) -> None:
        await self._slack.person_reacts(self.user, self.room, ts, name)

    async def presses(self, thread: str, label: str) -> None:
        """Presses the newest button with that label in the thread."""
        for post in reversed(self.posts(thread)):
            for block in post.get("blocks", []):
                for element in block.get("elements", []):
                    if element.get("type") == "button" and element["text"]["text"] == label:
                        await self._slack.person_presses(self.user, self.room, post["ts"], element["action_id"])
                        return
        raise LookupError(f"There is no button {label} in the thread.")

    def is_signed(self, ts: str, thread: str, name: str = "white_check_mark") -> bool:
        post = next((post for post in self.posts(thread) if post["ts"] == ts), {})
        return any(reaction["name"] == name for reaction in post.get("reactions", []))

    def whispers(self) -> list[str]:
        return [words(message) for message in self._slack.ephemerals(self.user)]


def words(post: dict[str, Any]) -> str:
    """Everything that can be read in a post: its blocks where it has any, else its text."""
    found = list(_strings(post.get("blocks", [])))
    return " ".join([*found, str(post.get("text", ""))])


class TeamsAgent:
    """Implements `Agent`."""

    workplace = "Teams"
    thumbs_up = "like"

    def __init__(self, teams: TeamsSandbox, user: str, room: str) -> None:
        self._teams = teams
        self.user = user
        self.room = room

    def thread_of(self, customer: str) -> str | None:
        for message in self._teams.messages(self.room):
            if message["is_bot"] and message["id"] == message["root"] and customer in words_of_card(message):
                return str(message["root"])
        return None

    def posts(self, thread: str) -> list[dict[str, Any]]:
        return [message for message in self._teams.thread(self.room, thread) if not message["deleted"]]

    def find(self, thread: str, containing: str) -> dict[str, Any] | None:
        # The root shows the beginning of the first message, which stands below it whole.
        below = [post for post in self.posts(thread) if post["id"] != thread]
        found = next((post for post in reversed(below) if containing in words_of_card(post)), None)
        root = next((post for post in self.posts(thread) if post["id"] == thread), None)
        return found or (root if root is not None and containing in words_of_card(root) else None)

    def id_of(self, post: dict[str, Any]) -> str:
        return str(post["id"])

    def times(self, thread: str, containing: str) -> int:
        return sum(containing in words_of_card(post) for post in self.posts(thread) if post["id"] != thread)

    def has_file(self, thread: str, name: str, mime: str) -> bool:
        if mime.startswith("image/"):
            return any(
                node.get("type") == "Image" for post in self.posts(thread) for node in _nodes(post["attachments"])
            )
        return any(name in words_of_card(post) and _opens(post) for post in self.posts(thread))

    def has_reaction(self, thread: str, emoji: str) -> bool:
        kinds = {kind for post in self.posts(thread) for kind in post["reactions"]}
        return {"❤️": "heart", "👍": "like"}[emoji] in kinds or self.find(thread, emoji) is not None

    async def replies(self, thread: str, text: str, files: list[tuple[str, str, bytes]] | None = None) -> str:
        return await self._teams.person_posts(self.user, self.room, text, thread, files=files or [])

    async def edits(self, ts: str, text: str) -> None:
        await self._teams.person_edits(self.user, self.room, ts, text)

    async def deletes(self, ts: str) -> None:
        await self._teams.person_deletes(self.user, self.room, ts)

    async def reacts(self, ts: str, name: str) -> None:
        await self._teams.person_reacts(self.user, self.room, ts, name)

    async def presses(self, thread: str, label: str) -> None:
        for post in reversed(self.posts(thread)):
            if label in _buttons(post):
                pressed = await self._teams.person_presses(self.user, self.room, post["id"], label)
                if not pressed.ok:
                    raise LookupError(f"The button {label} answers: {pressed.error}")
                return
        raise LookupError(f"There is no button {label} in the thread.")

    def is_signed(self, ts: str, thread: str, name: str = "2705_whiteheavycheckmark") -> bool:
        post = next((post for post in self.posts(thread) if post["id"] == ts), None)
        return post is not None and name in post["reactions"]

    def whispers(self) -> list[str]:
        return [words_of_card(message) for message in self._teams.targeted(self.user)]


def words_of_card(post: dict[str, Any]) -> str:
    """Everything that can be read in a post in Teams: its cards where it has any, else its text."""
    cards = [one["content"] for one in post["attachments"] if one["contentType"].endswith(".card.adaptive")]
    lines = [line for card in cards for line in _lines(card)]
    return "\n".join([*lines, *([post["text"]] if post["text"] else [])])


def _lines(value: Any) -> Iterator[str]:
    """The lines of a card, each run of a line behind the other."""
    if isinstance(value, dict):
        if value.get("type") == "RichTextBlock":
            yield "".join(one["text"] for one in value["inlines"]).replace("\u00a0", " ")
            return
        if str(value.get("type", "")).startswith("Action."):
            yield str(value.get("title", ""))
            return
        for inner in value.values():
            yield from _lines(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _buttons(post: dict[str, Any]) -> Sequence[str]:
    kinds = ("Action.Execute", "Action.Submit")
    return [node["title"] for node in _nodes(post["attachments"]) if node.get("type") in kinds and node.get("title")]


def _opens(post: dict[str, Any]) -> bool:
    return any(node.get("type") == "Action.OpenUrl" for node in _nodes(post["attachments"]))


def _strings(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        if value.get("type") == "emoji" and value.get("unicode"):
            yield "".join(chr(int(code, 16)) for code in value["unicode"].split("-"))
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
