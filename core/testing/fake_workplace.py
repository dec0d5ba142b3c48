"""The adapter of a fake workspace: what the core draws with, and what hands it the agents' gestures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, SecretStr

from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.json import loads
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Action, Card, Post, Queue
from core.contracts.text import file_name, from_plain
from core.contracts.workplace import AgentProfile, Desk, RoomChange, Sign, WorkplaceRuntime

if TYPE_CHECKING:
    from core.testing.fake_workspace import FakeWorkspace

#: Seconds before an event that the core could not keep is handed over again.
AGAIN_S = 0.02
_KINDS = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}


class FakeWorkplaceSettings(BaseModel):
    """One fake workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr = SecretStr("fake-token")
    api_url: str = ""


class FakeWorkplace:
    """One connection to a fake workspace."""

    def __init__(
        self, workspace: FakeWorkspace, settings: FakeWorkplaceSettings, desk: Desk, runtime: WorkplaceRuntime
    ) -> None:
        self._tool = workspace
        self._desk = desk
        self._runtime = runtime

    async def listen(self) -> None:
        """Hands over what agents did, moving on only after the core has kept it."""
        position = int((await self._runtime.memory.load()).get("position", 0))
        while True:
            event_id, lane, rank, raw = await self._tool.next_event(position)
            try:
                await self._runtime.accept(event_id, lane, rank, raw)
            except Exception as problem:
                # Whatever the core cannot do now is tried again, as a vendor would.
                self._runtime.trouble(f"Events could not be handed over: {type(problem).__name__}.")
                await asyncio.sleep(AGAIN_S)
                continue
            position += 1
            await self._runtime.memory.save({"position": position})
            self._runtime.trouble(None)

    async def handle(self, raw: bytes) -> None:
        event = loads(raw)
        desk, at = self._desk, datetime.fromisoformat(event["at"])
        match event["kind"]:
            case "said":
                quote = PostRef(**event["quote"]) if event["quote"] else None
                post, content = PostRef(**event["post"]), _content(event)
                await desk.said(post, await self._who(event), content, at=at, quote=quote)
            case "revised":
                gone = event["text"] is None
                await desk.revised(PostRef(**event["post"]), None if gone else _content(event))
            case "restored":
                await desk.restored(PostRef(**event["post"]), _content(event))
            case "reacted":
                post, emoji = PostRef(**event["post"]), str(event["emoji"])
                await desk.reacted(post, await self._who(event), emoji, added=bool(event["added"]))
            case "send":
                await desk.send(PostRef(**event["post"]), await self._who(event), _content(event))
            case "keep":
                await desk.keep(PostRef(**event["post"]), await self._who(event))
            case "form":
                thread, who = ThreadRef(**event["thread"]), await self._who(event)
                fields = [(str(name), str(value)) for name, value in event["fields"]]
                form = await desk.form(thread, who, str(event["action"]), str(event["value"]), fields)
                await self._tool.carry_out("form", thread.thread, lambda: self._tool.forms.append(form))
            case "act":
                await desk.act(
                    ThreadRef(**event["thread"]),
                    await self._who(event),
                    str(event["action"]),
                    str(event["value"]),
                    key=str(event["key"]),
                    fields=[(str(name), str(value)) for name, value in event["fields"]],
                    text=None if event["text"] is None else from_plain(str(event["text"])),
                )
            case "queue":
                agent = await self._who(event)
                await self.show_queue(agent.agent_id, await desk.queue(agent))
            case "room":
                room = RoomRef(workspace=self._tool.workspace, room=str(event["room"]))
                await desk.room_changed(room, RoomChange(event["change"]), str(event["detail"]))
            case "posted":
                await desk.posted(PostRef(**event["post"]), str(event["key"]))
            case unknown:
                raise ValueError(f"There is no gesture {unknown!r}.")

    async def open_thread(self, room: RoomRef, card: Card, first: Post) -> ThreadRef:
        opened: ThreadRef = await self._do("open_thread", room.room, lambda: self._tool.open(room, card, first))
        ref = PostRef(workspace=opened.workspace, room=opened.room, thread=opened.thread, post=opened.thread)
        await self._tool.echo(ref, first.key)
        return opened

    async def post(self, thread: ThreadRef, post: Post) -> PostRef:
        ref: PostRef = await self._do("post", thread.thread, lambda: self._tool.add(thread, post))
        await self._tool.echo(ref, post.key)
        return ref

    async def edit(self, ref: PostRef, post: Post) -> None:
        await self._do("edit", ref.post, lambda: self._tool.redraw(ref, post))

    async def update_opening(self, thread: ThreadRef, card: Card, first: Post) -> None:
        ref = PostRef(workspace=thread.workspace, room=thread.room, thread=thread.thread, post=thread.thread)
        await self._do("update_opening", thread.thread, lambda: self._tool.redraw(ref, first, card))

    async def find(self, room: RoomRef, thread: ThreadRef | None, key: str, since: datetime) -> PostRef | None:
        found: PostRef | None = await self._do("find", room.room, lambda: self._tool.by_key(room, thread, key))
        return found

    async def whisper(self, thread: ThreadRef, agent_id: str, text: str, actions: Sequence[Action] = ()) -> None:
        await self._do("whisper", thread.thread, lambda: self._tool.tell(thread, agent_id, text, tuple(actions)))

    async def sign(self, ref: PostRef, sign: Sign | None) -> None:
        def put() -> None:
            post = self._tool.find(ref)
            post.sign = sign
            post.signs.append(sign)

        await self._do("sign", ref.post, put)

    async def show_typing(self, thread: ThreadRef, name: str) -> None:
        await self._do("show_typing", thread.thread, lambda: self._tool.typing.append((thread, name)))

    async def react(self, ref: PostRef, emoji: str, *, added: bool) -> None:
        def put() -> None:
            reactions = self._tool.find(ref).reactions
            if added and emoji not in reactions:
                reactions.append(emoji)
            if not added and emoji in reactions:
                reactions.remove(emoji)

        await self._do("react", ref.post, put)

    async def agent(self, agent_id: str) -> AgentProfile:
        def look() -> AgentProfile:
            if agent_id not in self._tool.people:
                raise PermanentFailure("Nobody has that id.", reason=FailureReason.RECIPIENT_GONE)
            return self._tool.people[agent_id]

        profile: AgentProfile = await self._do("agent", agent_id, look)
        return profile

    async def show_queue(self, agent_id: str, queue: Queue) -> None:
        await self._do("show_queue", agent_id, lambda: self._tool.queues[agent_id].append(queue))

    async def permalink(self, thread: ThreadRef) -> str:
        link = f"https://fake.example/{thread.room}/{thread.thread}"
        return str(await self._do("permalink", thread.thread, lambda: link))

    async def rooms(self) -> Sequence[tuple[str, str]]:
        tool = self._tool
        found: Sequence[tuple[str, str]] = await self._do(
            "rooms", "", lambda: [(room, name) for room, name in tool.room_names.items() if room not in tool.closed]
        )
        return found

    async def fetch(self, source: str) -> AsyncIterator[bytes]:
        def look() -> bytes:
            if source not in self._tool.uploads:
                raise PermanentFailure("The file is gone.", reason=FailureReason.BAD_CONTENT)
            return self._tool.uploads[source]

        data: bytes = await self._do("fetch", source, look)
        for start in range(0, len(data), 64 * 1024):
            yield data[start : start + 64 * 1024]

    async def check(self) -> str:
        return str(await self._do("check", "", lambda: f"Fake workspace {self._tool.workspace}"))

    async def _do(self, verb: str, place: str, work: Any) -> Any:
        return await self._tool.carry_out(verb, place, work)

    async def _who(self, event: dict[str, Any]) -> AgentProfile:
        return self._tool.people[event["agent"]]


def _content(event: dict[str, Any]) -> Content:
    attachments = tuple(
        Attachment(
            kind=_KINDS.get(one["mime"].partition("/")[0], MediaKind.FILE),
            name=file_name(one["name"]),
            mime=one["mime"],
            size=one["size"],
            source=one["source"],
        )
        for one in event.get("attachments", ())
    )
    return Content(body=from_plain(event["text"]), attachments=attachments)
