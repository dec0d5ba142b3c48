"""The LINE server of the sandbox: the Messaging API and its data host on one base URL, and the customers' phones."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self

from aiohttp import web

from sandbox.faults import Faults
from sandbox.line import endpoints
from sandbox.line.customers import CustomerGestures
from sandbox.line.delivery import RETRY_DELAYS, Delivery
from sandbox.line.errors import ApiError, Json
from sandbox.line.limits import Limits
from sandbox.line.world import Bubble, World

#: https://developers.line.biz/en/reference/messaging-api/#status-codes
MAX_BODY = 2 * 1024 * 1024
MAX_CALLS = 2000
_REQUEST_ID = web.RequestKey("request_id", str)
Answer = Callable[[web.Request, Json], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the bot, as recorded."""

    name: str
    body: Mapping[str, Any]
    status: int
    at: float
    headers: Mapping[str, str] = field(default_factory=dict)


class LineSandbox(CustomerGestures):
    """LINE on loopback; `async with` starts and ends it."""

    def __init__(
        self,
        *,
        port: int = 0,
        token: str = "line-token",
        secret: str = "line-secret",
        limits: bool = True,
        quota: int | None = None,
        clock: Callable[[], float] = time.time,
        retry_delays: Sequence[float] = RETRY_DELAYS,
    ) -> None:
        self.faults = Faults()
        world = World(clock=clock, quota=quota)
        super().__init__(world, Delivery(world, self.faults, secret=secret, retry_delays=retry_delays))
        #: Changing it is what a revoked token looks like.
        self.token = token
        self.limits = Limits(clock, on=limits)
        self.calls: deque[Call] = deque(maxlen=MAX_CALLS)
        self.host = "127.0.0.1"
        self.port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY)
        for verb, path, name, answer in self._endpoints():
            app.router.add_route(verb, path, partial(self._front, name=name, answer=answer))
        app.router.add_get("/v2/bot/message/{id}/content", partial(self._front, name="content", answer=None))
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        await self.delivery.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.delivery.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL in place of https://api.line.me and https://api-data.line.me."""
        return f"http://{self.host}:{self.port}"

    def connect(self, url: str, *, redelivery: bool = True) -> None:
        """Enters the webhook URL in the console."""
        self.delivery.url, self.delivery.redelivery = url, redelivery

    def hold_events(self) -> None:
        """Keeps webhooks back from now on."""
        self.delivery.hold()

    def release_events(self, order: Literal["given", "reversed"] = "given", *, batch: bool = True) -> None:
        """Lets held events go: in one call, or each in its own and all at once."""
        self.delivery.release(order, batch=batch)

    async def idle(self) -> None:
        """Until every webhook was taken or given up."""
        await self.delivery.idle()

    def chat(self, user: str) -> list[Bubble]:
        """The customer's phone: every message of the chat, both ways, those taken back marked."""
        self.world.person(user)
        return self.world.chat(user)

    def watch(self) -> AsyncIterator[Json]:
        """Changes from now on; on `{"type": "resync"}` take the snapshot again."""
        return self.world.watchers.watch()

    def snapshot(self) -> Json:
        """Everything a page draws, as JSON."""
        now = self.world.clock()
        return {
            "bot": self.world.bot,
            "webhook": self.delivery.url,
            "used": self.world.used,
            "quota": self.world.quota,
            "customers": [
                {
                    "id": person.id,
                    "name": person.name,
                    "language": person.language,
                    "blocked": person.blocked,
                    "gone": person.gone,
                    "loading": self.world.loading.get(person.id, 0.0) > now,
                    "messages": [bubble.as_json() for bubble in self.world.chat(person.id)],
                }
                for person in self.world.people.values()
            ],
        }

    def _endpoints(self) -> Sequence[tuple[str, str, str, Answer]]:
        world = self.world
        return (
            ("GET", "/v2/bot/info", "info", lambda request, body: world.bot),
            ("GET", "/v2/bot/profile/{id}", "profile", lambda request, body: endpoints.profile(world, _id(request))),
            ("GET", "/v2/bot/message/quota", "quota", lambda request, body: endpoints.quota(world)),
            ("GET", "/v2/bot/message/quota/consumption", "used", lambda request, body: {"totalUsage": world.used}),
            ("POST", "/v2/bot/message/reply", "reply", lambda request, body: endpoints.reply(world, body)),
            ("POST", "/v2/bot/message/push", "push", self._push),
            ("POST", "/v2/bot/chat/loading/start", "loading", lambda request, body: endpoints.loading(world, body)),
            ("POST", "/v2/bot/chat/markAsRead", "read", lambda request, body: endpoints.mark_as_read(world, body)),
            (
                "GET",
                "/v2/bot/message/{id}/content/transcoding",
                "transcoding",
                lambda request, body: endpoints.transcoding(world, _id(request)),
            ),
        )

    def _push(self, request: web.Request, body: Json) -> Json:
        return endpoints.push(self.world, body, request.headers.get("X-Line-Retry-Key", ""), request[_REQUEST_ID])

    async def _front(self, request: web.Request, *, name: str, answer: Answer | None) -> web.StreamResponse:
        request[_REQUEST_ID] = self.world.request_id()
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            words = "Authentication failed. Confirm that the access token in the authorization header is valid."
            return self._refuse(request, name, {}, ApiError(401, words))
        return await self.faults.around(name, request, partial(self._answer, request, name, answer))

    async def _answer(self, request: web.Request, name: str, answer: Answer | None) -> web.StreamResponse:
        body: Json = {}
        try:
            self.limits.spend(name)
            if answer is None:
                file = endpoints.content(self.world, _id(request))
                self._record(request, name, {}, 200)
                return web.Response(body=file.data, content_type=file.mime)
            if request.method == "POST":
                body = await _read(request)
            if "X-Line-Retry-Key" in request.headers and name != "push":
                raise ApiError(400, "The request header, X-Line-Retry-Key, is not supported by this endpoint")
            result = answer(request, body)
        except ApiError as error:
            return self._refuse(request, name, body, error)
        status = 202 if name == "loading" else 200
        self._record(request, name, body, status)
        return web.json_response(result, status=status, headers={"X-Line-Request-Id": request[_REQUEST_ID]})

    def _refuse(self, request: web.Request, name: str, body: Json, error: ApiError) -> web.Response:
        self._record(request, name, body, error.status)
        headers = {"X-Line-Request-Id": request[_REQUEST_ID]}
        if error.accepted_request_id:
            headers["X-Line-Accepted-Request-Id"] = error.accepted_request_id
        return web.json_response(error.body, status=error.status, headers=headers)

    def _record(self, request: web.Request, name: str, body: Json, status: int) -> None:
        headers = {key: value for key, value in request.headers.items() if key.lower() != "authorization"}
        self.calls.append(Call(name=name, body=body, status=status, at=self.world.clock(), headers=headers))

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "Not found"}, status=404)


def _id(request: web.Request) -> str:
    return request.match_info["id"]


async def _read(request: web.Request) -> Json:
    if request.content_type != "application/json":
        raise ApiError(415, f"The content type, {request.content_type}, is not supported")
    try:
        body = json.loads(await request.read())
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "Payload Too Large") from None
    except (ValueError, RecursionError):
        raise ApiError(400, "The request body could not be parsed as JSON (line: 1, column: 1)") from None
    if not isinstance(body, dict):
        raise ApiError(400, "The request body could not be parsed as JSON (line: 1, column: 1)")
    return body
