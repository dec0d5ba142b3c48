"""One server in place of graph.facebook.com, graph.instagram.com and lookaside.fbsbx.com."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp import web
from aiohttp.multipart import BodyPartReader

from sandbox.faults import Faults
from sandbox.graph.account import Account, Shared
from sandbox.graph.delivery import RETRY_DELAYS, Delivery
from sandbox.graph.limits import Limits
from sandbox.graph.login import InstagramLogin
from sandbox.graph.media import MEGABYTE, MediaStore
from sandbox.graph.pages import Instagram, Page
from sandbox.graph.shapes import Call
from sandbox.graph.whatsapp import WhatsApp
from sandbox.graph.wire import VERSIONS, GraphError, Json, bad, number_id, object_of
from sandbox.watch import Watchers

MAX_CALLS = 5000
MAX_BODY = 101 * MEGABYTE
#: File name, type, content.
Upload = tuple[str, str, bytes]


class GraphSandbox:
    """Meta on loopback: one app with a WhatsApp number, a Page and an Instagram account; `async with` starts it."""

    def __init__(
        self,
        *,
        port: int = 0,
        token: str = "EAAsandbox",
        instagram_token: str = "IGAAsandbox",
        app_secret: str = "sandbox-app-secret",
        limits: bool = True,
        clock: Callable[[], float] = time.time,
        retry_delays: Sequence[float] = RETRY_DELAYS,
    ) -> None:
        #: Changing it is what a revoked token looks like.
        self.token = token
        #: Of a login with Instagram alone; it reaches that account only, and ends.
        self.login = InstagramLogin(instagram_token, clock)
        self.app_id = number_id()
        self.faults = Faults()
        self.calls: deque[Call] = deque(maxlen=MAX_CALLS)
        self.host, self.port = "127.0.0.1", port
        self.clock = clock
        self.shared = Shared(
            clock=clock,
            faults=self.faults,
            limits=Limits(clock, on=limits),
            media=MediaStore(clock),
            watchers=Watchers(),
        )

        def delivery(name: str, *, timed: bool) -> Delivery:
            return Delivery(
                object=name,
                clock=clock,
                faults=self.faults,
                secret=app_secret,
                timed=timed,
                retry_delays=retry_delays,
            )

        self.whatsapp = WhatsApp(self.shared, delivery("whatsapp_business_account", timed=False))
        self.messenger = Page(self.shared, delivery("page", timed=True), self.app_id)
        self.instagram = Instagram(self.shared, delivery("instagram", timed=True), self.app_id)
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def accounts(self) -> tuple[Account, ...]:
        return self.whatsapp, self.messenger, self.instagram

    @property
    def url(self) -> str:
        """The base URL in place of https://graph.facebook.com and https://graph.instagram.com."""
        return f"http://{self.host}:{self.port}"

    @property
    def app_secret(self) -> str:
        """What webhooks are signed with; changing it is a rotation."""
        return self.whatsapp.delivery.secret

    @app_secret.setter
    def app_secret(self, secret: str) -> None:
        for account in self.accounts:
            account.delivery.secret = secret

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/whatsapp_business/attachments/", self._lookaside)
        app.router.add_get("/cdn/{media}/{name}", self._cdn)
        app.router.add_get("/refresh_access_token", self._refresh)
        app.router.add_route("*", "/{version:v\\d+\\.\\d+}/{node}", self._graph)
        app.router.add_route("*", "/{version:v\\d+\\.\\d+}/{node}/{edge}", self._graph)
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        self.shared.media.base = self.url
        for account in self.accounts:
            await account.delivery.start()
        self._session = aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for account in self.accounts:
            await account.delivery.stop()
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def idle(self) -> None:
        """Until every webhook was taken or given up."""
        for account in self.accounts:
            await account.delivery.idle()

    def snapshot(self) -> Json:
        """Everything the demo page draws, as JSON; then follow `whatsapp.watch()`, which tells of all products."""
        return {"products": [account.snapshot() for account in self.accounts]}

    async def _graph(self, request: web.Request) -> web.StreamResponse:
        method, upload = "", None
        given: Json = {}
        try:
            self._check_front(request)
            given, upload = await _read(request)
            method = _method(request, given)
            upload = upload or await self._fetched(given)
            work = partial(self._answer, request, method, given, upload)
            response = await self.faults.around(method, request, work)
        except GraphError as error:
            response = error.answer()
        self.calls.append(
            Call(
                method=method,
                verb=request.method,
                path=request.path,
                body=given,
                status=response.status,
                at=self.clock(),
            )
        )
        return response

    async def _answer(
        self, request: web.Request, method: str, given: Json, upload: Upload | None
    ) -> web.StreamResponse:
        try:
            return web.json_response(self._carry_out(request, method, given, upload))
        except GraphError as error:
            return error.answer()

    def _check_front(self, request: web.Request) -> None:
        if request.match_info["version"] not in VERSIONS:
            raise bad("You are calling a deprecated version of the API. Please update to the latest.", code=2635)
        given = _token(request)
        if not given:
            raise GraphError(401, 104, "An access token is required to request this resource.")
        own = request.match_info["node"] in ("me", self.instagram.id, *self.instagram.people)
        if given == self.login.token and own:
            self.login.check()
        elif given != self.token:
            words = "Error validating access token: The session has been invalidated."
            raise GraphError(401, 190, words, subcode=460)

    def _carry_out(self, request: web.Request, method: str, given: Json, upload: Upload | None) -> Json:
        node, edge = request.match_info["node"], request.match_info.get("edge", "")
        number = self.whatsapp
        match method:
            case "messages" | "read" if node == number.phone_number_id:
                return number.mark(given) if method == "read" else number.send(given)
            case "media" if node == number.phone_number_id:
                fields = {key: one for key, one in given.items() if isinstance(one, str)}
                return number.upload(fields, *(upload or ("", "", b"")))
            case "templates" if node == number.waba_id:
                return number.template_list(request.query)
            case "node":
                return self._node(request, node)
        page = self._page(request, given)
        if page is None and method == "subscribed_apps":
            return {"success": True} if request.method == "POST" else {"data": [{"id": self.app_id}]}
        if page is not None:
            match method:
                case "subscribed_apps" if request.method == "POST":
                    # A Page's subscription is that of the linked account, too.
                    self.instagram.disabled = False
                    return page.subscribe(given)
                case "subscribed_apps":
                    return {"data": [] if page.disabled else [{"id": self.app_id}]}
                case "messages" | "action":
                    return page.send(given, upload)
                case "attachments":
                    return page.message_attachments(given, upload)
                case "thread_control":
                    return page.thread_control(edge, given)
        raise _unknown(node)

    def _own(self, request: web.Request) -> bool:
        """Whether it is called with a login of Instagram's own."""
        return _token(request) == self.login.token

    def _page(self, request: web.Request, given: Json) -> Page | None:
        """Whose edge it is; a Page's are also those of the Instagram account that is linked to it."""
        node = request.match_info["node"]
        if node == self.instagram.id or (node == "me" and self._own(request)):
            return self.instagram
        if node not in (self.messenger.id, "me"):
            return None
        linked = str(object_of(given.get("recipient")).get("id")) in self.instagram.people
        return self.instagram if linked or given.get("platform") == "instagram" else self.messenger

    async def _fetched(self, given: Json) -> Upload | None:
        """A file that a message names by its address."""
        url = object_of(object_of(object_of(given.get("message")).get("attachment")).get("payload")).get("url")
        if not isinstance(url, str) or self._session is None:
            return None
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                data = await answer.read()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise bad("Failed to fetch the file from the url.", subcode=2018008) from None
        if answer.status != 200:
            raise bad("Failed to fetch the file from the url.", subcode=2018008)
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        return name.encode("ascii", "ignore").decode(), answer.content_type, data

    async def _refresh(self, request: web.Request) -> web.StreamResponse:
        async def renew() -> web.StreamResponse:
            try:
                return web.json_response(self.login.renew(request.query))
            except GraphError as error:
                return error.answer()

        return await self.faults.around("refresh", request, renew)

    def _node(self, request: web.Request, node: str) -> Json:
        if (media := self.shared.media.find(node)) is not None:
            if request.method == "DELETE":
                return {"success": self.shared.media.drop(node)}
            return self.shared.media.node(media)
        if node == self.whatsapp.phone_number_id:
            return self.whatsapp.number_node()
        if node == "me":
            return (self.instagram if self._own(request) else self.messenger).node()
        for page in (self.messenger, self.instagram):
            if node == page.id:
                return page.node()
            if node in page.people:
                return page.profile(page.people[node])
        raise _unknown(node)

    async def _lookaside(self, request: web.Request) -> web.StreamResponse:
        return await self.faults.around("download", request, partial(self._send_attachment, request))

    async def _send_attachment(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        media = self.shared.media.at_address(request.query.get("mid", ""), request.query.get("hash", ""))
        if media is None:
            return web.Response(status=404)
        return web.Response(body=media.data, content_type=media.mime)

    async def _cdn(self, request: web.Request) -> web.StreamResponse:
        return await self.faults.around("cdn", request, partial(self._send_public, request))

    async def _send_public(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            return web.Response(status=400, text="The CDN is not Meta's API: no token belongs here.")
        media = self.shared.media.on_cdn(request.match_info["media"], request.query.get("oh", ""))
        if media is None:
            return web.Response(status=403)
        return web.Response(body=media.data, content_type=media.mime or "application/octet-stream")

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return bad("Unknown path components: " + request.path, code=2500).answer()


_EDGES: Mapping[str, str] = {
    "": "node",
    "messages": "messages",
    "media": "media",
    "message_templates": "templates",
    "message_attachments": "attachments",
    "subscribed_apps": "subscribed_apps",
    "take_thread_control": "thread_control",
    "pass_thread_control": "thread_control",
    "release_thread_control": "thread_control",
}


def _method(request: web.Request, given: Json) -> str:
    """The name under which faults are ordered."""
    edge = request.match_info.get("edge", "")
    if edge not in _EDGES:
        raise bad(f"Unknown path components: /{edge}", code=2500)
    method = _EDGES[edge]
    if method == "messages" and "status" in given:
        return "read"
    if method == "messages" and "sender_action" in given:
        return "action"
    return method


async def _read(request: web.Request) -> tuple[Json, Upload | None]:
    """The body, as JSON or as a form whose values may be JSON, and the file in it."""
    if request.content_type == "application/json":
        try:
            return object_of(json.loads(await request.read() or b"{}")), None
        except ValueError:
            raise bad("Invalid JSON body.") from None
    if not request.content_type.startswith("multipart/"):
        return {key: _value(str(one)) for key, one in (await request.post()).items()}, None
    given: Json = {}
    upload: Upload | None = None
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        data = bytes(await part.read())
        if part.filename is not None:
            mime = part.headers.get("Content-Type", "application/octet-stream")
            upload = (part.filename, mime, data)
        elif part.name is not None:
            given[part.name] = _value(data.decode())
    return given, upload


def _token(request: web.Request) -> str:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return given or request.query.get("access_token", "")


def _value(text: str) -> Any:
    """A form's value: objects come as JSON."""
    if text[:1] in "{[":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _unknown(node: str) -> GraphError:
    words = (
        f"Unsupported request. Object with ID '{node}' does not exist, cannot be loaded due to missing permissions, or "
        "does not support this operation."
    )
    return GraphError(400, 100, words, subcode=33)
