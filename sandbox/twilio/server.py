"""The Twilio server of the sandbox: the messaging API, the file server behind it, and the customers' phones."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

from aiohttp import web

from sandbox.faults import Faults
from sandbox.twilio.api import Api
from sandbox.twilio.carrier import Carrier
from sandbox.twilio.customers import CustomerGestures
from sandbox.twilio.delivery import Delivery
from sandbox.twilio.errors import ApiError
from sandbox.twilio.limits import Limits
from sandbox.twilio.messages import Json, new_sid
from sandbox.twilio.world import Line, Service, World

MAX_CALLS = 2_000
#: The file server's addresses end after this long.
LINK_S = 4 * 3600
ACCOUNT = "AC" + "0" * 31 + "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the API, as recorded."""

    method: str
    values: Mapping[str, str]
    status: int
    code: int = 0


class TwilioSandbox(CustomerGestures):
    """Twilio on loopback; `async with` starts and ends it."""

    def __init__(
        self,
        *,
        port: int = 0,
        account_sid: str = ACCOUNT,
        auth_token: str = "sandbox-auth-token",
        limits: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        world, delivery = World(account_sid, clock), Delivery(auth_token)
        super().__init__(world, delivery, Carrier(world, delivery))
        #: What the API takes; changing it is what a revoked token looks like. `delivery.auth_token` signs.
        self.auth_token = auth_token
        self.faults = Faults()
        self.calls: deque[Call] = deque(maxlen=MAX_CALLS)
        #: Whether a login ever came to the file server, where it must not.
        self.login_leaked = False
        self.host, self.port = "127.0.0.1", port
        self._limits = Limits(clock, on=limits)
        self._api = Api(world, self.carrier, self._limits)
        self._key = secrets.token_bytes(16)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        account = "/2010-04-01/Accounts/{account}"
        for verb, path, name, handler in (
            ("GET", f"{account}.json", "account.fetch", self._account),
            ("POST", f"{account}/Messages.json", "messages.create", self._create),
            ("GET", f"{account}/Messages.json", "messages.list", self._list),
            ("GET", f"{account}/Messages/{{message}}.json", "messages.fetch", self._fetch),
            ("GET", f"{account}/Messages/{{message}}/Media.json", "media.list", self._list_media),
            ("GET", f"{account}/Messages/{{message}}/Media/{{media}}", "media.fetch", self._lead),
        ):
            app.router.add_route(verb, path, partial(self._called, name, handler))
        app.router.add_get("/cdn/{message}/{media}", partial(self._around, "cdn", self._file))
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        await self.delivery.start()
        await self.carrier.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.carrier.stop()
        await self.delivery.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL in place of https://api.twilio.com."""
        return f"http://{self.host}:{self.port}"

    def add_sender(self, address: str = "+12025550100", *, webhook: str = "", fallback: str = "") -> str:
        """A number, or a sender such as "whatsapp:+…" and "rcs:name"; returns its address."""
        self.world.lines[address] = Line(address=address, webhook=webhook, fallback=fallback)
        return address

    def add_service(self, *addresses: str, webhook: str = "", **options: bool) -> str:
        """A messaging service of these senders; `advanced_opt_out`, `smart_encoding`; returns its sid."""
        service = Service(sid=new_sid("MG"), lines=list(addresses), webhook=webhook, **options)
        self.world.services[service.sid] = service
        for address in addresses:
            self.world.lines[address].service = service.sid
        return service.sid

    def connect(self, webhook: str) -> None:
        """Where every sender's messages are brought from now on."""
        for line in self.world.lines.values():
            line.webhook = webhook

    def hold_webhooks(self) -> None:
        """Keeps webhooks back from now on."""
        self.delivery.hold()

    def release_webhooks(self, order: Literal["given", "reversed"] = "given") -> None:
        """Lets held webhooks go; reversed: all at once and the last first."""
        self.delivery.release(order)

    async def idle(self) -> None:
        """Until every message is carried and every webhook answered."""
        await self.carrier.idle()
        await self.delivery.idle()

    def snapshot(self) -> Json:
        """Everything a page draws, as JSON."""
        return self.world.snapshot()

    def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Changes from now on; on `{"type": "resync"}` take the snapshot again."""
        return self.world.watchers.watch()

    async def _around(
        self, name: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], request: web.Request
    ) -> web.StreamResponse:
        return await self.faults.around(name, request, partial(handler, request))

    async def _called(
        self, name: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], request: web.Request
    ) -> web.StreamResponse:
        try:
            self._authenticate(request)
            self._limits.call()
            answer = await self._around(name, handler, request)
        except ApiError as error:
            answer = web.json_response(error.body(), status=error.status)
            await self._record(name, request, error.status, error.code)
        else:
            await self._record(name, request, answer.status, 0)
        return answer

    async def _record(self, name: str, request: web.Request, status: int, code: int) -> None:
        values = request.query if request.method == "GET" else await request.post()
        texts = {key: value for key, value in values.items() if isinstance(value, str)}
        self.calls.append(Call(method=name, values=texts, status=status, code=code))

    def _authenticate(self, request: web.Request) -> None:
        wanted = base64.b64encode(f"{self.world.account_sid}:{self.auth_token}".encode()).decode()
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="replace"), f"Basic {wanted}".encode()):
            raise ApiError(20003)
        if request.match_info["account"] != self.world.account_sid:
            raise ApiError(20404)

    async def _account(self, request: web.Request) -> web.Response:
        return web.json_response(self._api.account())

    async def _create(self, request: web.Request) -> web.Response:
        form: Any = await request.post()
        return web.json_response(self._api.create(form), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response(self._api.messages(dict(request.query)))

    async def _fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._api.fetch(request.match_info["message"]))

    async def _list_media(self, request: web.Request) -> web.Response:
        return web.json_response(self._api.media(request.match_info["message"], dict(request.query)))

    async def _lead(self, request: web.Request) -> web.Response:
        """The API holds no bytes: it leads to the file server, with an address that ends."""
        message, media = request.match_info["message"], request.match_info["media"]
        if self.world.media(media, message) is None:
            raise ApiError(20404)
        expires = str(int(self.world.clock()) + LINK_S)
        target = f"{self.url}/cdn/{message}/{media}?Expires={expires}&Signature={self._sign(message, media, expires)}"
        return web.Response(status=307, headers={"Location": target})

    async def _file(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            # As the real one's storage does: one way to prove oneself at a time.
            self.login_leaked = True
            return web.Response(status=400, text="Only one auth mechanism allowed")
        message, media = request.match_info["message"], request.match_info["media"]
        expires = request.query.get("Expires", "0")
        if not hmac.compare_digest(request.query.get("Signature", ""), self._sign(message, media, expires)):
            return web.Response(status=403)
        found = self.world.media(media, message)
        if found is None:
            return web.Response(status=404)
        if self.world.clock() > int(expires):
            return web.Response(status=403)
        return web.Response(body=found.data, content_type=found.mime)

    def _sign(self, *parts: str) -> str:
        return hmac.new(self._key, "/".join(parts).encode(), "sha256").hexdigest()

    async def _nothing(self, request: web.Request) -> web.Response:
        error = ApiError(20404, f"The requested resource {request.path} was not found")
        return web.json_response(error.body(), status=404)
