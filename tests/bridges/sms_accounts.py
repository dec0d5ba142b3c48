"""A Twilio bridge against the sandbox's server, served at its URL as the core serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bridges.sms import BRIDGE
from bridges.sms.bridge import SmsBridge
from core.contracts.bridge import Event, MessageReceived, Recipient
from core.contracts.content import StoredFile
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookRequest
from core.testing.runtime import KeptValue, RecordingRuntime
from sandbox.twilio import TwilioSandbox

TOKEN = "sandbox-auth-token"
SENDERS = {"sms": "+12025550100", "whatsapp": "whatsapp:+12025550101", "rcs": "rcs:lumen_agent"}
ADA = "+12025550199"


@dataclass
class Account:
    """One sender: its bridge, the core's stand-in, and Twilio's server."""

    twilio: TwilioSandbox
    core: RecordingRuntime
    bridge: SmsBridge
    #: What our endpoint answered, newest last.
    answers: list[int]

    @property
    def ada(self) -> Recipient:
        return Recipient(external_id=ADA, name="Ada")

    async def event(self, count: int = 1) -> Event:
        """The last of `count` events."""
        return (await self.core.arrived(count))[count - 1]

    async def message(self, count: int = 1) -> MessageReceived:
        """The same, which is a message."""
        event = await self.event(count)
        assert isinstance(event, MessageReceived)
        return event

    def built(self, **settings: Any) -> SmsBridge:
        """Another bridge on the same runtime, as after a restart."""
        given = {"account_sid": self.twilio.world.account_sid, "auth_token": TOKEN, "api_url": self.twilio.url}
        return SmsBridge(BRIDGE.settings.model_validate({**given, **settings}), self.core.runtime)


@asynccontextmanager
async def sms_account(
    twilio: TwilioSandbox,
    session: aiohttp.ClientSession,
    folder: Path,
    *,
    public: bool = True,
    memory: KeptValue | None = None,
    **settings: Any,
) -> AsyncIterator[Account]:
    """Its settings are those of the number, unless told otherwise; one customer has a phone."""
    accounts: list[Account] = []

    async def hook(request: web.Request) -> web.Response:
        (one,) = accounts
        headers = {name.lower(): value for name, value in request.headers.items()}
        # The Host header is somebody else's word: what was called is what the settings say.
        url = f"{base}{request.raw_path}"
        call = WebhookRequest(
            method="POST", url=url, query=dict(request.query), headers=headers, body=await request.read()
        )
        try:
            received = await one.bridge.receive(call)
            for item in received.items:
                await one.core.accept(item)
        except RequestRejected as problem:
            one.answers.append(problem.status)
            return web.Response(status=problem.status)
        reply = received.reply
        one.answers.append(reply.status)
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)

    async def file(request: web.Request) -> web.StreamResponse:
        found = accounts[0].core.files.find(request.match_info["sha"])
        assert found is not None
        return web.FileResponse(found.path, headers={"Content-Type": found.mime})

    app = web.Application()
    app.router.add_post("/bridges/test", hook)
    app.router.add_get("/files/{sha}", file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"

        def link(file: StoredFile, name: str) -> str | None:
            return f"{base}/files/{file.sha256}"

        variant = settings.get("variant", "sms")
        address = twilio.add_sender(SENDERS[variant], webhook=f"{base}/bridges/test")
        if ADA not in twilio.world.phones:
            twilio.add_customer("Ada Byron", ADA, city="Washington", state="DC", country="US")
        given: dict[str, Any] = {
            "account_sid": twilio.world.account_sid,
            "auth_token": TOKEN,
            "api_url": twilio.url,
            **({} if "messaging_service_sid" in settings else {"number": address.rpartition(":")[2]}),
            **settings,
        }
        core = RecordingRuntime(session=session, folder=folder, memory=memory or KeptValue())
        if public:
            core.url, core.file_link = f"{base}/bridges/test", link
        bridge = SmsBridge(BRIDGE.settings.model_validate(given), core.runtime)
        core.bridge = bridge
        accounts.append(Account(twilio=twilio, core=core, bridge=bridge, answers=[]))
        yield accounts[0]
    finally:
        await runner.cleanup()
