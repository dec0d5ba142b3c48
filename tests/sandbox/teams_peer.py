"""A bot of aiohttp alone, for the tests of the sandbox's Teams: it listens on a real port and calls like a real one."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.teams import TeamsSandbox

Body = dict[str, Any]
CARD = "application/vnd.microsoft.card.adaptive"


def card(*body: Body, actions: list[Body] | None = None, **more: Any) -> Body:
    """An attachment that Teams takes."""
    content: Body = {"type": "AdaptiveCard", "version": "1.5", "body": list(body), **more}
    if actions is not None:
        content["actions"] = actions
    return {"contentType": CARD, "content": content}


def post(*attachments: Body, **more: Any) -> Body:
    """An activity of cards."""
    return {"type": "message", "attachments": list(attachments), **more}


def words(text: str = "Hello") -> Body:
    """An element."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}


class Bot:
    """What it heard, what it answers, and its calls."""

    def __init__(self, teams: TeamsSandbox, session: aiohttp.ClientSession) -> None:
        self.teams, self.session = teams, session
        self.heard: list[Body] = []
        self.headers: list[dict[str, str]] = []
        #: By the invoke's name: JSON, or a status.
        self.answers: dict[str, Any] = {}
        self.status = 200
        self.delay = 0.0
        self.token = ""
        self._changed = asyncio.Condition()

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        activity = await request.json()
        async with self._changed:
            self.heard.append(activity)
            self.headers.append(dict(request.headers))
            self._changed.notify_all()
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.status != 200:
            return web.Response(status=self.status)
        answer = self.answers.get(str(activity.get("name")))
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.Response() if answer is None else web.json_response(answer)

    async def until(self, fits: Callable[[Body], bool]) -> Body:
        """The newest activity that fits, once there is one."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: any(map(fits, self.heard)))
        return next(activity for activity in reversed(self.heard) if fits(activity))

    async def event(self, kind: str, event: str | None = None) -> Body:
        """The newest activity of this type and eventType."""
        return await self.until(lambda one: one["type"] == kind and one["channelData"].get("eventType") == event)

    async def log_in(self, resource: str = "https://api.botframework.com", **more: str) -> tuple[int, Body]:
        """Asks for a token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.teams.app_id,
            "client_secret": self.teams.app_secret,
            "scope": f"{resource}/.default",
            **more,
        }
        tenant = form.pop("tenant", self.teams.tenant_id)
        form = {name: value for name, value in form.items() if value}
        async with self.session.post(f"{self.teams.url}/{tenant}/oauth2/v2.0/token", data=form) as answer:
            body = await answer.json()
            self.token = body.get("access_token", self.token)
            return answer.status, body

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """One call; parts of `path` are quoted already."""
        status, answer, _headers = await self.whole(method, path, body, **options)
        return status, answer

    async def whole(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any, Any]:
        """One call with its answer's headers."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = path if path.startswith("http") else f"{self.teams.url}{path}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = io.BytesIO(json.dumps(body).encode())
        async with self.session.request(method, url, data=data, headers=headers, **options) as answer:
            raw = await answer.read()
            kind = answer.content_type
            return answer.status, (await answer.json() if raw and kind.endswith("json") else raw), answer.headers

    async def posts(self, conversation: str, activity: Body, **query: str) -> str:
        """Posts, and insists that it worked."""
        status, answer = await self.call("POST", there(conversation), activity, params=query)
        assert status == 201, answer
        return str(answer["id"])


def there(conversation: str, id: str = "", more: str = "") -> str:
    """The path of a conversation's activities."""
    tail = f"/{quote(id, safe='')}" if id else ""
    return f"/v3/conversations/{quote(conversation, safe='')}/activities{tail}{more}"


@asynccontextmanager
async def working(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    """A bot that has logged in and listens."""
    async with aiohttp.ClientSession() as session:
        bot = Bot(teams, session)
        application = web.Application()
        application.router.add_post("/messages", bot.endpoint)
        async with TestServer(application) as server:
            teams.connect(str(server.make_url("/messages")))
            await bot.log_in()
            yield bot
