"""Carries messages between a connector and the core."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import web
from pydantic import ValidationError

from bridges.api import deliveries, events
from bridges.api.connector import Connector
from bridges.api.description import describe
from bridges.api.meaning import linked_file, meaning
from bridges.api.media import Downloads, Uploads
from bridges.api.receiving import Reader
from bridges.api.settings import ApiSettings, key
from bridges.api.signing import begin
from bridges.api.uploading import UploadRoute
from core.contracts.bridge import Event, ExternalId, OutboundMessage, Received, Recipient, Runtime
from core.contracts.content import Attachment
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.http import WebhookRequest
from core.contracts.json import loads
from core.contracts.text import file_name, line


class ApiBridge:
    """One connector."""

    def __init__(self, settings: ApiSettings, runtime: Runtime) -> None:
        self._settings, self._runtime = settings, runtime
        self._keys = [key(secret) for secret in settings.secrets]
        self._connector = Connector(runtime.session, settings.deliver_url, self._keys, runtime.now)
        self._downloads = Downloads(settings.media_hosts, settings.deliver_url, settings.max_file)
        self._uploads = Uploads(runtime.secret("uploads"))
        self._reader = Reader(settings, self._downloads, self._uploads, runtime)
        self._upload_route = UploadRoute(self._keys, self._uploads, runtime, settings.max_file)

    async def receive(self, request: WebhookRequest) -> Received:
        check = begin(self._keys, request.headers, self._runtime.now().timestamp())
        check.update(request.body)
        check.finish()
        return self._reader.read(loads(request.body))

    async def parse(self, raw: bytes) -> Sequence[Event]:
        try:
            event = events.read(loads(raw))
        except ValidationError as error:
            # What stands in it is a customer's: only where it is wrong goes to the log.
            places = ", ".join(".".join(map(str, one["loc"])) or "it" for one in error.errors(include_input=False))
            raise ValueError(f"It is no event of the API: see {places[:500]}") from None
        return [meaning(event, self._attachment)]

    def _attachment(self, file: events.File) -> Attachment:
        if file.url:
            return linked_file(file)
        known = self._uploads.read(file.upload) or {}
        stored = self._runtime.files.find(str(known.get("sha256", "")))
        name, alt = file_name(file.name), line(file.alt, limit=1_000)
        if stored is None:
            return Attachment(kind=file.kind, name=name, problem="The uploaded file is no longer stored.", alt=alt)
        kind = self._runtime.files.kind(stored)
        return Attachment(kind=kind, name=name, mime=stored.mime, size=stored.size, file=stored, alt=alt)

    async def fetch(self, source: str) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._downloads.fetch(source)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def send(self, message: OutboundMessage) -> ExternalId:
        answer = await self._call(message.key, deliveries.sends(message, self._link))
        return ExternalId(answer.id or message.key)

    async def edit(self, external_id: ExternalId, message: OutboundMessage) -> None:
        delivery = {"type": "edit", "external_id": external_id, **deliveries.words(message, self._link)}
        await self._call(message.key, delivery)

    async def delete(self, external_id: ExternalId, recipient: Recipient) -> None:
        delivery = {"type": "delete", "external_id": external_id, "to": deliveries.to(recipient)}
        await self._call(f"delete:{external_id}", delivery)

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        to = deliveries.to(recipient)
        delivery = {"type": "reaction", "external_id": external_id, "to": to, "emoji": emoji}
        # The same emoji may come again after it went: what is said twice changes nothing, what is left out would.
        await self._call(f"reaction:{uuid4()}", delivery)

    async def show_typing(self, recipient: Recipient) -> None:
        await self._call(f"typing:{uuid4()}", {"type": "typing", "to": deliveries.to(recipient)})

    async def check(self) -> str:
        answer = await self._call(f"ping:{uuid4()}", {"type": "ping"})
        return f"{answer.name or 'A connector'} at {urlsplit(self._settings.deliver_url).hostname}"

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post("/files", self._upload_route.serve)]

    def openapi(self) -> Mapping[str, Any]:
        return describe(self._settings)

    async def _call(self, name: str, delivery: deliveries.Json) -> deliveries.Answer:
        return await self._connector.call(name, {"account": self._runtime.account, **delivery})

    def _link(self, attachment: Attachment) -> str:
        assert attachment.file is not None
        link = self._runtime.file_link(attachment.file, attachment.name)
        if link is None:
            raise PermanentFailure(
                f"{attachment.name} cannot be handed over: the connector fetches files from here, and there is no "
                "public address. An operator sets it as `public_url`.",
                reason=FailureReason.MISCONFIGURED,
            )
        return link
