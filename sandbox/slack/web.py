"""The Web API's front door: token, scopes, rate limit and faults, then the method itself; every call is recorded."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.slack.limits import Limits
from sandbox.slack.messages import Messages
from sandbox.slack.views import Views
from sandbox.slack.wire import Arguments, Json, SlackError, read_arguments
from sandbox.slack.world import Channel, World

#: Recorded calls that are kept.
MOST_CALLS = 10_000
_READ = {"channel": "channels:read", "group": "groups:read", "im": "im:read"}
_HISTORY = {"channel": "channels:history", "group": "groups:history", "im": "im:history"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call of the Web API, as it was answered."""

    method: str
    arguments: Json
    #: "bot", "app", "none" or "unknown".
    token: str
    answer: Json
    status: int
    at: float


@dataclass(slots=True, kw_only=True)
class Tokens:
    """What the app's tokens are worth."""

    bot: str
    app: str
    #: The error that the bot token earns at the moment; None while it is good.
    bot_error: str | None = None

    def kind(self, token: str) -> str:
        """Which token this is."""
        if not token:
            return "none"
        return {self.bot: "bot", self.app: "app"}.get(token, "unknown")


@dataclass(slots=True, kw_only=True)
class Call:
    """One call on its way to its method."""

    world: World
    messages: Messages
    views: Views
    arguments: Arguments
    scopes: set[str]
    #: Work to do once the answer is on its way, such as a share that fills in late.
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def need(self, *scopes: str) -> None:
        """Raises missing_scope unless one of `scopes` was granted."""
        if not self.scopes.intersection(scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(sorted(self.scopes)))

    def channel(self, name: str = "channel", *, by_name: bool = False) -> Channel:
        """The channel that an argument names, if the bot may know of it. Raises: SlackError channel_not_found."""
        wanted = self.arguments.required(name)
        channel = self.world.channels.get(wanted)
        if channel is None and by_name:
            channel = self._by_name(wanted)
        if channel is None or channel.deleted:
            raise SlackError("channel_not_found")
        if channel.kind != "channel" and self.world.bot.id not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def need_read(self, channel: Channel) -> None:
        """Raises missing_scope unless the app may see this kind of channel."""
        self.need(_READ[channel.kind], *(("im:history", "im:write") if channel.kind == "im" else ()))

    def need_history(self, channel: Channel) -> None:
        """Raises missing_scope unless the app may read this kind of channel."""
        self.need(_HISTORY[channel.kind])

    def _by_name(self, wanted: str) -> Channel | None:
        if wanted in self.world.users and wanted != self.world.bot.id:
            return self.world.direct(wanted)
        plain = wanted.removeprefix("#")
        return next((entry for entry in self.world.channels.values() if entry.name == plain and entry.name), None)


Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A Web API method: who may call it, how often, and what it does."""

    handle: Handler
    #: Rate limit tier; None is "special".
    tier: int | None = 3
    #: One of these scopes is enough; none are needed when empty.
    scopes: tuple[str, ...] = ()
    #: "bot", "app", or "none" for a method that anyone may call.
    token: str = "bot"


class WebApi:
    """Answers `/api/<method>`."""

    def __init__(
        self,
        *,
        world: World,
        messages: Messages,
        views: Views,
        tokens: Tokens,
        methods: Mapping[str, Method],
        limits: Limits,
    ) -> None:
        self.calls: list[RecordedCall] = []
        self.faults = Faults()
        #: Awaited between a call that made events and its answer, when set.
        self.before_answer: Callable[[], Awaitable[None]] | None = None
        self.run_later: Callable[[float, Callable[[], None]], None] = lambda _delay, _work: None
        self._world = world
        self._messages = messages
        self._views = views
        self._tokens = tokens
        self._methods = methods
        self._limits = limits

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One HTTP request."""
        name = request.match_info["method"]

        reached = False

        async def answer() -> web.StreamResponse:
            nonlocal reached
            reached = True
            return await self._answer(name, request)

        response = await self.faults.around(name, request, answer)
        if not reached:
            await self._record_fault(name, request, response.status)
        return response

    async def _answer(self, name: str, request: web.Request) -> web.StreamResponse:
        arguments = Arguments({})
        token = "none"
        status = 200
        headers: dict[str, str] = {}
        warnings: list[str] = []
        call: Call | None = None
        made_events = False
        try:
            arguments, warnings = await read_arguments(request)
            token = self._tokens.kind(_token_of(request, arguments))
            method = self._methods.get(name)
            if method is None:
                raise SlackError("unknown_method", req_method=name)
            call = Call(
                world=self._world,
                messages=self._messages,
                views=self._views,
                arguments=arguments,
                scopes=set(self._world.scopes),
            )
            self._authorise(method, token, call)
            channel = arguments.text("channel") if name == "chat.postMessage" else None
            wait = self._limits.retry_after(name, method.tier, channel)
            if wait is not None:
                status, headers["Retry-After"] = 429, str(wait)
                raise SlackError("ratelimited")
            if method.token == "bot":
                headers["X-OAuth-Scopes"] = ",".join(sorted(self._world.scopes))
                headers["X-Accepted-OAuth-Scopes"] = ",".join(method.scopes)
            before = self._world.emitted
            body: Json = {"ok": True, **method.handle(call)}
            made_events = self._world.emitted > before
        except SlackError as error:
            body = error.answer()
        if warnings:
            body["warning"] = ",".join(warnings)
            body.setdefault("response_metadata", {})["warnings"] = warnings
        self._record(name, arguments, token, body, status)
        for delay, work in call.later if call is not None else []:
            self.run_later(delay, work)
        if self.before_answer is not None and made_events:
            await self.before_answer()
        return web.json_response(body, status=status, headers=headers)

    async def _record_fault(self, name: str, request: web.Request, status: int) -> None:
        """A call that met a fault was made all the same: a test may count it."""
        try:
            arguments, _warnings = await read_arguments(request)
        except (SlackError, OSError, web.HTTPException):
            arguments = Arguments(request.query)
        token = self._tokens.kind(_token_of(request, arguments))
        self._record(name, arguments, token, {"ok": False, "error": "sandbox_fault"}, status)

    def _authorise(self, method: Method, token: str, call: Call) -> None:
        if method.token == "none":
            return
        if token == "none":
            raise SlackError("not_authed")
        if token == "unknown":
            raise SlackError("invalid_auth")
        if token != method.token:
            raise SlackError("not_allowed_token_type")
        if token == "bot":
            if self._tokens.bot_error is not None:
                raise SlackError(self._tokens.bot_error)
            if method.scopes:
                call.need(*method.scopes)

    def _record(self, name: str, arguments: Arguments, token: str, body: Json, status: int) -> None:
        values = {key: value for key, value in arguments.values.items() if key != "token"}
        self.calls.append(
            RecordedCall(
                method=name,
                arguments=values,
                token=token,
                answer=copy.deepcopy(body),
                status=status,
                at=self._world.clock(),
            )
        )
        if len(self.calls) > MOST_CALLS:
            del self.calls[: MOST_CALLS // 10]


def _token_of(request: web.Request, arguments: Arguments) -> str:
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    value: Any = arguments.values.get("token")
    return value if isinstance(value, str) else ""
