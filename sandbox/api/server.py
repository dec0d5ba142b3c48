"""The connector's server: takes what Threadbridge delivers, as strictly as a careful connector would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import aiohttp
from aiohttp import web

from sandbox.api import wire
from sandbox.api.customers import RETRY_DELAYS, CustomerGestures
from sandbox.api.wire import Refused
from sandbox.api.world import Bubble, Json
from sandbox.faults import Faults

SECRET = "whsec_c2FuZGJveC1zZWNyZXQtb2YtdGhlLXNpZ25lZC1hcGk="
MOST_TEXT = 20_000
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One call of Threadbridge, as recorded."""

    key: str
    body: Json
    status: int


class ApiSandbox(CustomerGestures):
    """A connector and its channel on loopback; `async with` starts and ends it.

    `faults` takes orders by the type of a delivery ("message", "edit", …) and for "media".
    """

    def __init__(self, *, port: int = 0, secret: str = SECRET, delays: Sequence[float] = RETRY_DELAYS) -> None:
        super().__init__(secret, delays)
        self.faults = Faults()
        self.deliveries: list[Delivered] = []
        #: It has ids of its own for messages, else the key is the id.
        self.own_ids = True
        self.host = "127.0.0.1"
        self.port = port
        self._done: dict[str, Json] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=4 * MEGABYTE)
        app.router.add_post("/deliveries", self._deliveries)
        app.router.add_get("/media/{number}", self._media)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def deliver_url(self) -> str:
        """What the account's setting of that name is."""
        return f"{self.url}/deliveries"

    def chat(self, who: str) -> list[Bubble]:
        """The customer's phone, both ways, deleted ones marked."""
        return [one for one in self.world.bubbles if one.customer == who]

    def snapshot(self) -> Json:
        """Everything a page draws, as JSON."""
        return {
            "customers": [
                {
                    "id": one.id,
                    "name": one.name,
                    "gone": one.gone,
                    "typing": one.typing,
                    "messages": [bubble.as_json() for bubble in self.chat(one.id)],
                }
                for one in self.world.customers.values()
            ]
        }

    def watch(self) -> AsyncIterator[Json]:
        """Changes from now on; on `{"type": "resync"}` take the snapshot again."""
        return self.watchers.watch()

    async def _deliveries(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            key = wire.check(request.headers, body, self.secret)
            delivery = json.loads(body)
            wire.shape(delivery)
        except Refused as refused:
            return _problem(refused)
        return await self.faults.around(delivery["type"], request, partial(self._take, key, delivery))

    async def _take(self, key: str, delivery: Json) -> web.StreamResponse:
        if key in self._done:
            self._record(key, delivery, 409)
            return web.json_response(self._done[key], status=409)
        try:
            answer = await self._carry_out(key, delivery)
        except Refused as refused:
            self._record(key, delivery, refused.status)
            return _problem(refused)
        self._done[key] = answer
        self._record(key, delivery, 200)
        return web.json_response(answer)

    async def _carry_out(self, key: str, delivery: Json) -> Json:
        if delivery["type"] == "ping":
            return {"name": "Sandbox connector"}
        customer = self.world.customers.get(delivery["to"]["external_id"])
        if customer is None or customer.gone:
            name = customer.name if customer else "This customer"
            raise Refused(410, f"{name} has left the channel.", reason="recipient_gone")
        customer.typing = delivery["type"] == "typing"
        match delivery["type"]:
            case "typing":
                self.tell({"type": "typing", "customer": customer.id})
                return {}
            case "message":
                bubble = await self._message(key, customer.id, delivery)
            case _:
                bubble = self._known(delivery["external_id"], customer.id)
                self._change(bubble, delivery)
        self.tell({"type": "message", "customer": customer.id, "message": bubble.as_json()})
        return {"id": bubble.id} if self.own_ids else {}

    async def _message(self, key: str, who: str, delivery: Json) -> Bubble:
        if len(delivery["text"]) > MOST_TEXT:
            raise Refused(422, f"A message has at most {MOST_TEXT} characters.", reason="too_large")
        files = [await self._fetched(file) for file in delivery["attachments"]]
        if not delivery["text"] and not files and not delivery.get("cards"):
            raise Refused(422, "There is nothing in the message.")
        bubble = Bubble(
            id=f"out-{self.world.number()}" if self.own_ids else key,
            customer=who,
            from_us=True,
            text=delivery["text"],
            body=delivery["body"],
            files=files,
            quote=delivery["quote"],
            buttons=delivery.get("choices", []),
            cards=delivery.get("cards", []),
        )
        self.world.bubbles.append(bubble)
        return bubble

    def _change(self, bubble: Bubble, delivery: Json) -> None:
        match delivery["type"]:
            case "edit":
                bubble.text, bubble.body, bubble.edited = delivery["text"], delivery["body"], True
            case "delete":
                bubble.deleted = True
            case "reaction":
                bubble.reactions.pop("agent", None)
                if delivery["emoji"]:
                    bubble.reactions["agent"] = delivery["emoji"]

    def _known(self, message: str, who: str) -> Bubble:
        for one in self.chat(who):
            if one.id == message:
                return one
        raise Refused(404, "There is no such message any more.")

    async def _fetched(self, file: Json) -> tuple[str, str, bytes]:
        assert self._session is not None
        async with self._session.get(file["url"]) as answer:
            data = await answer.read()
            if answer.status != 200 or len(data) != file["size"]:
                raise Refused(422, f"{file['name']} could not be fetched ({answer.status}).")
        return file["name"], file["mime"], data

    async def _media(self, request: web.Request) -> web.StreamResponse:
        return await self.faults.around("media", request, partial(self._file, request.path))

    async def _file(self, path: str) -> web.StreamResponse:
        if path not in self.world.files:
            raise web.HTTPNotFound(text="There is no such file.")
        mime, data = self.world.files[path]
        return web.Response(body=data, content_type=mime)

    def _record(self, key: str, delivery: Any, status: int) -> None:
        self.deliveries.append(Delivered(key=key, body=delivery, status=status))


def _problem(refused: Refused) -> web.Response:
    return web.json_response(refused.body, status=refused.status, content_type="application/problem+json")
