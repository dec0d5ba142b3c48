"""A program of a Twilio account: calls the API, and has an address where webhooks are brought."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.twilio import TwilioSandbox
from sandbox.twilio.server import ACCOUNT

NUMBER, ADA = "+12025550100", "+12025550199"
WHATSAPP = "whatsapp:+12025550101"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


class Client:
    """A program of the account."""

    def __init__(self, twilio: TwilioSandbox, session: aiohttp.ClientSession) -> None:
        self._twilio, self._session = twilio, session
        self.login = aiohttp.encode_basic_auth(ACCOUNT, twilio.auth_token)

    async def call(self, verb: str, path: str, **given: Any) -> tuple[int, Any]:
        headers = {"Authorization": self.login} if self.login else {}
        url = self._twilio.url + path
        async with self._session.request(verb, url, headers=headers, allow_redirects=False, **given) as answer:
            return answer.status, await answer.json(content_type=None) if answer.status != 307 else answer.headers

    async def send(self, **form: Any) -> tuple[int, Any]:
        values = {"To": ADA, "From": NUMBER, "Body": "Hello", **form}
        pairs = [(key, one) for key, value in values.items() for one in (value if isinstance(value, list) else [value])]
        return await self.call("POST", MESSAGES, data=aiohttp.FormData([pair for pair in pairs if pair[1] is not None]))


class Endpoint:
    """Where webhooks are brought, and what it answers, in turn; then 204."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.calls: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Endpoint]:
        async def handle(request: web.Request) -> web.Response:
            form = {name: str(value) for name, value in (await request.post()).items()}
            self.calls.append((request.path_qs, form, dict(request.headers)))
            return self.answers.pop(0) if self.answers else web.Response(status=204)

        app = web.Application()
        app.router.add_post("/{path:.*}", handle)
        async with TestServer(app) as server:
            self.url = f"http://127.0.0.1:{server.port}/hook?a=1"
            yield self
