"""Calls out to New workplace's HTTP API; what comes in is in `listeners`, how it looks in `render`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.cli.templates.workplace.listeners import Listeners
from core.cli.templates.workplace.render import opening_text, post_text
from core.contracts.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Action, Card, Post, Queue
from core.contracts.workplace import AgentProfile, Desk, Sign, Standing, WorkplaceRuntime

#: The vendor's answers are small; more is not read.
MAX_ANSWER = 256 * 1024


class NewworkplaceSettings(BaseModel):
    """One `[[workspaces]]` entry whose workplace is `newworkplace`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr = Field(description="Where the vendor's console shows it.")
    #: The vendor signs every event with it.
    signing_secret: SecretStr = Field(description="Where the vendor's console shows it.")
    api_url: str = "https://api.newworkplace.example"


class NewworkplaceWorkplace:
    """One workspace."""

    def __init__(self, settings: NewworkplaceSettings, desk: Desk, runtime: WorkplaceRuntime) -> None:
        self._settings = settings
        self._runtime = runtime
        self._listeners = Listeners(runtime, desk, settings.signing_secret.get_secret_value(), self.agent)

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post("/events", self._listeners.receive)]

    async def handle(self, raw: bytes) -> None:
        await self._listeners.handle(raw)

    async def open_thread(self, room: RoomRef, card: Card, first: Post) -> ThreadRef:
        sent = await self._call("post", room=room.room, text=opening_text(card, first), key=first.key)
        return ThreadRef(workspace=room.workspace, room=room.room, thread=str(sent["id"]))

    async def post(self, thread: ThreadRef, post: Post) -> PostRef:
        sent = await self._call("post", room=thread.room, thread=thread.thread, text=post_text(post), key=post.key)
        return PostRef(workspace=thread.workspace, room=thread.room, thread=thread.thread, post=str(sent["id"]))

    async def edit(self, ref: PostRef, post: Post) -> None:
        await self._call("edit", room=ref.room, id=ref.post, text=post_text(post))

    async def update_opening(self, thread: ThreadRef, card: Card, first: Post) -> None:
        await self._call("edit", room=thread.room, id=thread.thread, text=opening_text(card, first))

    async def find(self, room: RoomRef, thread: ThreadRef | None, key: str, since: datetime) -> PostRef | None:
        found = await self._call("find", room=room.room, key=key)
        if not found.get("id"):
            return None
        post = str(found["id"])
        where = thread.thread if thread else post
        return PostRef(workspace=room.workspace, room=room.room, thread=where, post=post)

    async def whisper(self, thread: ThreadRef, agent_id: str, text: str, actions: Sequence[Action] = ()) -> None:
        await self._call("whisper", room=thread.room, thread=thread.thread, agent=agent_id, text=text)

    async def sign(self, ref: PostRef, sign: Sign | None) -> None:
        await self._call("sign", room=ref.room, id=ref.post, sign=sign.value if sign else None)

    async def show_typing(self, thread: ThreadRef, name: str) -> None:
        """New workplace cannot show it."""

    async def react(self, ref: PostRef, emoji: str, *, added: bool) -> None:
        await self._call("react", room=ref.room, id=ref.post, emoji=emoji, added=added)

    async def agent(self, agent_id: str) -> AgentProfile:
        found = await self._call("agent", agent=agent_id)
        # In doubt an outsider: only members may answer customers.
        standing = Standing.MEMBER if found.get("member") is True else Standing.OUTSIDER
        return AgentProfile(
            workspace=self._runtime.workspace, agent_id=agent_id, name=str(found["name"]), standing=standing
        )

    async def show_queue(self, agent_id: str, queue: Queue) -> None:
        """New workplace has no page of an agent's own."""

    async def permalink(self, thread: ThreadRef) -> str:
        return str((await self._call("permalink", room=thread.room, id=thread.thread))["url"])

    async def rooms(self) -> Sequence[tuple[str, str]]:
        return [(str(room["id"]), str(room["name"])) for room in (await self._call("rooms"))["rooms"]]

    def fetch(self, source: str) -> AsyncIterator[bytes]:
        raise PermanentFailure("Files from New workplace are not supported yet.")

    async def check(self) -> str:
        return f"New workplace {(await self._call('me'))['name']}"

    async def _call(self, method: str, **arguments: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._settings.token.get_secret_value()}"}
        url = f"{self._settings.api_url}/{method}"
        try:
            async with self._runtime.session.post(url, json=arguments, headers=headers) as answer:
                raw = await answer.content.read(MAX_ANSWER)
                return self._understood(answer, raw)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TemporaryFailure(f"New workplace cannot be reached: {error}") from error
        # The request had left us, so nobody knows what became of it.
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(f"New workplace did not answer: {type(error).__name__}") from error

    def _understood(self, answer: aiohttp.ClientResponse, raw: bytes) -> Any:
        """The answer's JSON, or the exception that says what the core does next."""
        if answer.status in (401, 403):
            raise CredentialsRejected("New workplace does not accept the token; make a new one in its console.")
        if answer.status == 404:
            raise DestinationUnavailable("New workplace says that the room or thread is gone.")
        if answer.status == 429:
            seconds = answer.headers.get("Retry-After", "")
            wait = float(seconds) if seconds.isdecimal() else 1
            raise TemporaryFailure("New workplace is throttling us.", retry_after=wait)
        if answer.status >= 500:
            raise OutcomeUnknown(f"New workplace answered {answer.status}.")
        if answer.status >= 400:
            raise PermanentFailure(f"New workplace refused with {answer.status}.")
        try:
            return json.loads(raw)
        except ValueError as error:
            raise OutcomeUnknown("New workplace's answer is not JSON.") from error
