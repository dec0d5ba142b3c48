"""A desk that remembers what was asked of it, and answers what a test tells it to."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.contracts.content import Content
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Card, Finding, FindingKind, Form, Post, Queue
from core.contracts.richtext import Document
from core.contracts.workplace import AgentProfile, RoomChange


class RecordingDesk:
    """Every call is `(name, arguments)`, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.forms: dict[str, Form] = {}
        self.next_queue = Queue()
        #: What is shown where; None: a conversation is shown everywhere.
        self.threads: set[ThreadRef] | None = None
        self.openings: dict[ThreadRef, tuple[Card, Post]] = {}
        self.findings: list[Finding] = []
        self.fails_with: Exception | None = None
        self._changed = asyncio.Condition()

    async def said(
        self,
        post: PostRef,
        agent: AgentProfile,
        content: Content,
        *,
        at: datetime,
        quote: PostRef | None = None,
        internal: bool = False,
    ) -> bool:
        await self._note("said", post=post, agent=agent, content=content, at=at, quote=quote, internal=internal)
        return await self.shows(ThreadRef(workspace=post.workspace, room=post.room, thread=post.thread))

    async def revised(self, post: PostRef, content: Content | None) -> None:
        await self._note("revised", post=post, content=content)

    async def restored(self, post: PostRef, content: Content) -> None:
        await self._note("restored", post=post, content=content)

    async def shows(self, thread: ThreadRef) -> bool:
        if self.fails_with is not None:
            raise self.fails_with
        return self.threads is None or thread in self.threads

    async def opening(self, thread: ThreadRef) -> tuple[Card, Post] | None:
        return self.openings.get(thread)

    async def search(
        self, agent: AgentProfile, kind: FindingKind, query: str, *, offset: int = 0, limit: int = 25
    ) -> Sequence[Finding]:
        await self._note("search", agent=agent, kind=kind, query=query, offset=offset, limit=limit)
        return self.findings[offset : offset + limit]

    async def reacted(self, post: PostRef, agent: AgentProfile, emoji: str, *, added: bool) -> None:
        await self._note("reacted", post=post, agent=agent, emoji=emoji, added=added)

    async def send(self, post: PostRef, agent: AgentProfile, content: Content) -> None:
        await self._note("send", post=post, agent=agent, content=content)

    async def keep(self, post: PostRef, agent: AgentProfile) -> None:
        await self._note("keep", post=post, agent=agent)

    async def form(
        self,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str,
        fields: Sequence[tuple[str, str]] = (),
    ) -> Form | None:
        """`forms` by action; what follows a form that continues by "<action>+"."""
        more = {"fields": list(fields)} if fields else {}
        await self._note("form", thread=thread, agent=agent, action=action, value=value, **more)
        return self.forms.get(f"{action}+" if fields else action)

    async def act(
        self,
        thread: ThreadRef,
        agent: AgentProfile,
        action: str,
        value: str = "",
        *,
        key: str,
        fields: Sequence[tuple[str, str]] = (),
        text: Document | None = None,
    ) -> None:
        await self._note(
            "act", thread=thread, agent=agent, action=action, value=value, key=key, fields=list(fields), text=text
        )

    async def queue(self, agent: AgentProfile) -> Queue:
        await self._note("queue", agent=agent)
        return self.next_queue

    async def room_changed(self, room: RoomRef, change: RoomChange, detail: str = "") -> None:
        await self._note("room_changed", room=room, change=change, detail=detail)

    async def posted(self, post: PostRef, key: str) -> None:
        await self._note("posted", post=post, key=key)

    def named(self, name: str) -> list[dict[str, Any]]:
        """The arguments of every call of that name."""
        return [arguments for called, arguments in self.calls if called == name]

    async def wait(self, name: str, count: int = 1, deadline: float = 5.0) -> dict[str, Any]:
        """The arguments of the `count`-th call of that name, once there is one."""
        async with asyncio.timeout(deadline), self._changed:
            await self._changed.wait_for(lambda: len(self.named(name)) >= count)
        return self.named(name)[count - 1]

    async def _note(self, name: str, **arguments: Any) -> None:
        async with self._changed:
            self.calls.append((name, arguments))
            self._changed.notify_all()
        if self.fails_with is not None:
            raise self.fails_with
