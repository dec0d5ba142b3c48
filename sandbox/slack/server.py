"""Slack on loopback: Web API, Events API and Socket Mode for one workspace with one app installed."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from sandbox.faults import Faults
from sandbox.slack import api_chat, api_conversations, api_files, api_people, api_views
from sandbox.slack.delivery import RETRY_DELAYS, Delivered, Delivery
from sandbox.slack.downloads import Downloads
from sandbox.slack.gestures import Gestures
from sandbox.slack.interactions import Interactions
from sandbox.slack.limits import Limits
from sandbox.slack.messages import Messages
from sandbox.slack.places import Places
from sandbox.slack.responses import Responses
from sandbox.slack.snapshot import snapshot
from sandbox.slack.sockets import Sockets
from sandbox.slack.views import Views
from sandbox.slack.web import Call, Method, RecordedCall, Tokens, WebApi
from sandbox.slack.wire import Json
from sandbox.slack.world import DEFAULT_BOT_EVENTS, DEFAULT_SCOPES, World, system_clock

#: Largest request that the sandbox reads: an upload.
LARGEST_BODY = 64 * 1024 * 1024


class SlackSandbox(Places, Gestures, Interactions):
    """A Slack workspace that runs while it is entered with `async with`.

    `limits` False lifts the rate limits, a number multiplies them. `clock` stamps messages and ends what expires.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        signing_secret: str = "sandbox-signing-secret",
        bot_token: str = "xoxb-sandbox",
        app_token: str = "xapp-sandbox",
        limits: bool | float = True,
        clock: Callable[[], float] = system_clock,
        scopes: Iterable[str] = DEFAULT_SCOPES,
        bot_events: Iterable[str] = DEFAULT_BOT_EVENTS,
        retry_delays: tuple[float, ...] = RETRY_DELAYS,
        patience: float = 3.0,
    ) -> None:
        self._host, self._port = host, port
        self.signing_secret = signing_secret
        self.world = World(clock=clock, scopes=frozenset(scopes), bot_events=frozenset(bot_events))
        self.conversation = Messages(self.world)
        self.views = Views(self.world)
        self.responses = Responses(self.world, self.conversation)
        self.tokens = Tokens(bot=bot_token, app=app_token)
        self.sockets = Sockets(self.world.app_id)
        factor = float(limits) if limits is not False else None
        self.api = WebApi(
            world=self.world,
            messages=self.conversation,
            views=self.views,
            tokens=self.tokens,
            methods=self._methods(),
            limits=Limits(factor, clock),
        )
        self.delivery = Delivery(
            signing_secret=signing_secret,
            sockets=self.sockets,
            faults=self.api.faults,
            retry_delays=retry_delays,
            patience=patience,
        )
        self.api.run_later = self.delivery.run_later
        self.world.send_event = self._send_event
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.world.url = self.sockets.url = f"http://{self._host}:{self._port}"
        await self.delivery.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.delivery.stop()
        await self.sockets.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Where it listens; the Web API is at `{url}/api/`."""
        return self.world.url

    @property
    def faults(self) -> Faults:
        """Faults by method name, and "files.upload", "files.download", "event"."""
        return self.api.faults

    @property
    def calls(self) -> list[RecordedCall]:
        """Every Web API call, oldest first."""
        return self.api.calls

    @property
    def deliveries(self) -> list[Delivered]:
        """Every attempt to bring an event to the app."""
        return self.delivery.records

    @property
    def lost_events(self) -> list[Json]:
        """Events that the app never took."""
        return self.delivery.lost

    @property
    def bot_user_id(self) -> str:
        """Our bot's user id."""
        return self.world.bot.id

    @property
    def deliver_twice(self) -> bool:
        """Whether every event comes twice."""
        return self.delivery.twice

    @deliver_twice.setter
    def deliver_twice(self, twice: bool) -> None:
        self.delivery.twice = twice

    @property
    def echo_before_answer(self) -> bool:
        """Whether events of a call are delivered while that call is still open, as can happen with Slack."""
        return self.api.before_answer is not None

    @echo_before_answer.setter
    def echo_before_answer(self, first: bool) -> None:
        self.api.before_answer = self._settled if first else None

    def connect_events(self, request_url: str | None, interactivity_url: str | None = None) -> None:
        """HTTP mode: signed deliveries go here. Without it, or with None, the app's sockets get everything."""
        self.delivery.target.request_url = request_url
        self.delivery.target.interactivity_url = interactivity_url or request_url

    async def verify_events_url(self) -> bool:
        """Slack's url_verification: whether the app echoes the challenge."""
        return await self.delivery.verify_url(self.world.new_id("challenge"))

    def hold_events(self) -> None:
        """Keeps events back until `release_events`."""
        self.delivery.hold()

    def release_events(self, order: Literal["sent", "reversed", "shuffled"] = "sent") -> None:
        """Delivers what was held back, one by one."""
        self.delivery.release(order)

    async def idle(self, timeout: float = 5.0) -> None:
        """Waits until no event and no late share is on its way. Raises: TimeoutError."""
        await self.delivery.idle(timeout)

    async def until_connected(self, count: int = 1, timeout: float = 5.0) -> None:
        """Waits until the app holds this many sockets. Raises: TimeoutError."""
        await self.sockets.until_connected(count, timeout)

    def limit_app_rate(self) -> None:
        """Tells the app that it got too many events: app_rate_limited."""
        minute = self.world.now() // 60 * 60
        outer = {"token": "verification", "type": "app_rate_limited", "team_id": self.world.team_id}
        self.delivery.send({**outer, "minute_rate_limited": minute, "api_app_id": self.world.app_id})

    def messages(self, channel: str) -> list[Json]:
        """What shows in a channel, oldest first."""
        return self.conversation.history(self.place(channel), metadata=True)

    def thread(self, channel: str, ts: str) -> list[Json]:
        """A root and its replies, oldest first."""
        return self.conversation.thread(self.place(channel), ts, metadata=True)

    def ephemerals(self, user: str) -> list[Json]:
        """What only this person sees."""
        return [copy.deepcopy(entry) for entry in self.world.ephemerals if entry["to"] == user]

    def views_open(self, user: str) -> list[Json]:
        """The modals this person sees, the lowest first."""
        return [self.views.render(view) for view in self.views.stack(user)]

    def home(self, user: str) -> Json | None:
        """The App Home that the app published for this person."""
        view = self.world.homes.get(user)
        return self.views.render(view) if view is not None else None

    def direct(self, user: str) -> str:
        """The id of this person's direct message with the bot."""
        return self.world.direct(user).id

    def typing(self, channel: str, thread_ts: str) -> str:
        """What `assistant.threads.setStatus` shows under a thread at the moment; empty for nothing."""
        status = self.world.typing.get((channel, thread_ts))
        return str(status["status"]) if status is not None and status["until"] > self.world.clock() else ""

    def file_content(self, file_id: str) -> tuple[str, bytes]:
        """A file's mime type and bytes, for a page that holds no token. Raises: KeyError."""
        file = self.world.files[file_id]
        if file.content is None:
            raise KeyError(file_id)
        return file.mimetype, file.content

    def snapshot(self) -> Json:
        """The whole workspace at this moment."""
        return snapshot(self.world, self.conversation, self.views)

    def watch(self) -> AsyncIterator[dict[str, Any]]:
        """State changes from now on."""
        return self.world.watchers.watch()

    async def _settled(self) -> None:
        with contextlib.suppress(TimeoutError):
            await self.delivery.idle(self.delivery.patience)

    def _methods(self) -> dict[str, Method]:
        def connect(_call: Call) -> Json:
            return self.sockets.open()

        return {
            **api_chat.METHODS,
            **api_conversations.METHODS,
            **api_files.METHODS,
            **api_people.METHODS,
            **api_views.METHODS,
            "apps.connections.open": Method(handle=connect, tier=None, token="app"),
        }

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/api/{method}", self.api.handle),
            web.get("/link/", self.sockets.handle),
            web.post("/actions/{team}/{key}", self.responses.handle),
            *Downloads(self.world, self.tokens, self.api.faults).routes(),
        ]

    def _send_event(self, event: Json, team: str, external: bool) -> None:
        world = self.world
        self.delivery.send(
            {
                "token": "verification",
                "team_id": team,
                "context_team_id": world.team_id,
                "context_enterprise_id": None,
                "api_app_id": world.app_id,
                "event": event,
                "type": "event_callback",
                "event_id": world.new_id("Ev"),
                "event_time": world.now(),
                "authorizations": [
                    {
                        "enterprise_id": None,
                        "team_id": world.team_id,
                        "user_id": world.bot.id,
                        "is_bot": True,
                        "is_enterprise_install": False,
                    }
                ],
                "is_ext_shared_channel": external,
                "event_context": f"4-{world.new_id('EC')}",
            }
        )
