"""Microsoft Teams on loopback: login, Bot Connector and Graph for one tenant with one app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from sandbox.faults import Faults
from sandbox.teams.connector import Connector
from sandbox.teams.delivery import RETRY_DELAYS, Delivered, Delivery
from sandbox.teams.dialogs import Dialogs
from sandbox.teams.events import Events
from sandbox.teams.extensions import Extensions
from sandbox.teams.gestures import Gestures
from sandbox.teams.graph import Graph
from sandbox.teams.graph_shapes import GraphShapes
from sandbox.teams.identity import Identity, TokenRequest
from sandbox.teams.interactions import Interactions
from sandbox.teams.limits import Limits
from sandbox.teams.places import Places
from sandbox.teams.roster import Roster
from sandbox.teams.snapshot import snapshot
from sandbox.teams.web import FrontDoor, RecordedCall
from sandbox.teams.wire import Json
from sandbox.teams.world import World, system_clock

APP_ID = "7d0b2b0e-3b1c-4b1e-9d6b-6b7c2f7f0a01"
TENANT_ID = "2c6d7d0a-51a4-4d3c-8f6e-0f9b3a5d7e02"
#: Largest request that the sandbox reads: an activity with pictures in base64.
LARGEST_BODY = 16 * 1024 * 1024


class TeamsSandbox(Places, Gestures, Interactions):
    """A tenant that runs while it is entered with `async with`.

    `limits` False lifts the rate limits, a number multiplies them. `clock` stamps messages and ends what expires.
    `rsc`: the owners consented to ChannelMessage.Read.Group.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        app_id: str = APP_ID,
        app_secret: str = "sandbox-app-secret",
        tenant_id: str = TENANT_ID,
        limits: bool | float = True,
        clock: Callable[[], float] = system_clock,
        rsc: bool = True,
        retry_delays: tuple[float, ...] = RETRY_DELAYS,
        patience: float = 5.0,
    ) -> None:
        self._host, self._port = host, port
        self.app_id, self.app_secret, self.tenant_id = app_id, app_secret, tenant_id
        self.faults = Faults()
        self.world = World(clock=clock, app_id=app_id, tenant=tenant_id, rsc=rsc)
        self.identity = Identity(app_id=app_id, secret=app_secret, tenant=tenant_id, clock=clock)
        self.events = Events(self.world)
        self.open_dialogs = Dialogs(self.world)
        self._shapes = GraphShapes(self.world, self.events)
        self.extensions = Extensions(self._shapes)
        self.delivery = Delivery(
            identity=self.identity, faults=self.faults, retry_delays=retry_delays, patience=patience
        )
        factor = float(limits) if limits is not False else None
        self.door = FrontDoor(self.world, self.identity, Limits(factor, clock), self.faults)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.world.url = self.identity.url = f"http://{self._host}:{self._port}"
        await self.delivery.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.delivery.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Where it listens; the service URL is this with a slash behind it."""
        return self.world.url

    @property
    def bot_id(self) -> str:
        """Our bot's id, `28:...`."""
        return self.world.bot_id

    @property
    def calls(self) -> list[RecordedCall]:
        """Every call of the Bot Connector and of Graph, oldest first."""
        return self.door.calls

    @property
    def token_requests(self) -> list[TokenRequest]:
        """Every call of the token endpoint, oldest first."""
        return self.identity.requests

    @property
    def deliveries(self) -> list[Delivered]:
        """Every attempt to bring an activity to the bot."""
        return self.delivery.records

    @property
    def lost(self) -> list[Json]:
        """Activities that the bot never took."""
        return self.delivery.lost

    @property
    def deliver_twice(self) -> bool:
        """Whether every activity comes twice."""
        return self.delivery.twice

    @deliver_twice.setter
    def deliver_twice(self, twice: bool) -> None:
        self.delivery.twice = twice

    def connect(self, messaging_endpoint: str | None) -> None:
        """Where the bot is; with None nothing is brought to it."""
        self.delivery.url = messaging_endpoint

    def hold_events(self) -> None:
        """Keeps activities back until `release_events`."""
        self.delivery.hold()

    def release_events(self, order: Literal["sent", "reversed", "shuffled"] = "sent") -> None:
        """Delivers what was held back, one by one."""
        self.delivery.release(order)

    async def idle(self, timeout: float = 5.0) -> None:
        """Waits until no activity is on its way. Raises: TimeoutError."""
        await self.delivery.idle(timeout)

    def mint(self, **overrides: Any) -> str:
        """A token as the Bot Connector signs it, with a defect of your choice: see `Identity.mint`."""
        return self.identity.mint(**overrides)

    def rotate_keys(self) -> None:
        """The Bot Connector signs with a new key; the one before stays published."""
        self.identity.rotate()

    def use_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Message extensions are what this app manifest declares."""
        self.extensions.use_manifest(manifest)

    def messages(self, room: str) -> list[Json]:
        """What stands in a channel or a chat, oldest first."""
        place = self.room(room)
        return [self.world.message_json(place, message) for message in place.messages.values() if not message.deleted]

    def thread(self, room: str, root: str) -> list[Json]:
        """What stands of a root and its replies, oldest first."""
        place = self.room(room)
        return [self.world.message_json(place, message) for message in place.thread(root) if not message.deleted]

    def chat(self, user: str) -> list[Json]:
        """What stands in this person's chat with the bot, oldest first."""
        return self.messages(user)

    def chat_id(self, user: str) -> str:
        """The id of this person's chat with the bot."""
        return self.world.chat(self.person(user)).id

    def targeted(self, user: str) -> list[Json]:
        """What only this person sees, oldest first."""
        return self.world.aimed(user)

    def typing(self, room: str, root: str = "") -> bool:
        """Whether a client shows that the bot types, in a thread or a chat."""
        return self.world.typing.get((self.room(room).id, root), 0.0) > self.world.clock()

    def file_content(self, file_id: str) -> tuple[str, bytes]:
        """A file's mime type and bytes, for a page that holds no token. Raises: KeyError."""
        file = self.world.files[file_id]
        return file.mime, file.content

    def snapshot(self) -> Json:
        """The whole tenant at this moment."""
        return snapshot(self.world, self.open_dialogs)

    def watch(self) -> AsyncIterator[dict[str, Any]]:
        """State changes from now on."""
        return self.world.watchers.watch()

    def _routes(self) -> list[web.RouteDef]:
        async def token(request: web.Request) -> web.StreamResponse:
            return await self.faults.around("token", request, lambda: self.identity.token(request))

        async def keys(request: web.Request) -> web.StreamResponse:
            return await self.faults.around("keys", request, lambda: self.identity.keys(request))

        async def metadata(request: web.Request) -> web.StreamResponse:
            return await self.faults.around("keys", request, lambda: self.identity.metadata(request))

        return [
            web.post("/{tenant}/oauth2/v2.0/token", token),
            web.get("/v1/.well-known/openidconfiguration", metadata),
            web.get("/v1/.well-known/keys", keys),
            *Connector(self.world, self.door).routes(),
            *Roster(self.world, self.door).routes(),
            *Graph(self.world, self.door, self._shapes, self.faults).routes(),
        ]
