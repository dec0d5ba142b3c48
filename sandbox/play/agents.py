"""An agent in the Slack-like workspace: what she does in a thread and what she sees there."""

from __future__ import annotations

from typing import Any

from sandbox.slack import SlackSandbox


class SlackAgent:
    """One person, one room."""

    workplace = "Slack"

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
