"""Carries messages between customers on WhatsApp and the core."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from bridges._meta.graph import Graph
from bridges._meta.settings import MetaSettings
from bridges._meta.uploads import Uploads
from bridges._meta.webhooks import receive
from bridges.whatsapp import compose
from bridges.whatsapp.content import INVITED
from bridges.whatsapp.parse import TITLE, events, tags
from bridges.whatsapp.templates import template
from core.contracts.bridge import Event, ExternalId, OutboundMessage, Received, Recipient, Runtime
from core.contracts.content import Attachment
from core.contracts.errors import AdapterError, FailureReason, OutcomeUnknown, PermanentFailure
from core.contracts.http import WebhookRequest
from core.contracts.json import loads
from core.contracts.templates import Template

Json = Mapping[str, Any]
#: Statuses and halves of sends that are remembered; a minute's worth at WhatsApp's highest rate.
MOST_REMEMBERED = 5000
MOST_PAGES = 20


class WhatsAppSettings(MetaSettings):
    #: Of the number and of the account that owns it: WhatsApp Manager shows both.
    phone_number_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]
    waba_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]
    #: The number is used in the WhatsApp Business app, too.
    coexistence: bool = False
    #: Customers see that their messages were read, once an agent answers.
    read_receipts: bool = True
    #: On the button that opens a list of more than three choices.
    list_button: Annotated[str, Field(min_length=1, max_length=20)] = "Choose"


class WhatsAppBridge:
    """One number."""

    def __init__(self, settings: WhatsAppSettings, runtime: Runtime) -> None:
        self._settings, self._runtime = settings, runtime
        self._number = settings.phone_number_id
        self._graph = Graph(runtime.session, settings, title=TITLE, hosts=["lookaside.fbsbx.com"])
        self._uploads = Uploads(runtime.now)
        #: WhatsApp's ids of what we sent, by our keys, as statuses tell them.
        self._told: dict[str, ExternalId] = {}
        #: Keys of files whose words have left already.
        self._worded: dict[str, None] = {}
        self._marking: set[asyncio.Task[None]] = set()
        self._marked: dict[str, str] = {}

    async def receive(self, request: WebhookRequest) -> Received:
        return receive(request, self._settings, "whatsapp_business_account")

    async def parse(self, raw: bytes) -> Sequence[Event]:
        body = loads(raw)
        found = events(body, self._number)
        for key, external_id in tags(body):
            _remember(self._told, key, ExternalId(external_id))
        return found

    async def send(self, message: OutboundMessage) -> ExternalId:
        self._mark_read(message.recipient)
        if message.template is not None:
            return await self._send(message, compose.template(message.template))
        if message.content.attachments:
            (attachment,) = message.content.attachments
            return await self._send_file(message, attachment)
        if message.content.choices:
            return await self._send(message, compose.interactive(message, self._settings.list_button))
        return await self._send(message, compose.text(message))

    async def _send(self, message: OutboundMessage, body: Json, *, part: str = "") -> ExternalId:
        values = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_to(message.recipient),
            # Comes back with each status: the only way to learn what became of a send whose answer was lost.
            "biz_opaque_callback_data": message.key + part,
            **body,
        }
        if message.quote and message.quote.startswith("wamid."):
            values["context"] = {"message_id": message.quote}
        answer = await self._graph.post(f"{self._number}/messages", values, sends=True)
        match answer:
            case {"messages": [{"id": str(external_id)}, *_]}:
                return ExternalId(external_id)
        raise OutcomeUnknown("WhatsApp took the message but did not say under which id.")

    async def _send_file(self, message: OutboundMessage, attachment: Attachment) -> ExternalId:
        assert attachment.file is not None
        mime = "text/plain" if attachment.mime.startswith("text/") else attachment.mime
        kind = compose.KINDS.get(mime)
        if kind is None:
            return await self._send_link(message, attachment)
        upload = f"{attachment.file.sha256}:{mime}"
        media_id = await self._uploads.id_of(upload, lambda: self._upload(attachment, mime))
        words: OutboundMessage | None = message
        if kind == "audio":
            # WhatsApp shows no words beside a sound, so they go before it, once.
            if message.text and message.key not in self._worded:
                await self._send(message, compose.text(message), part=":words")
                _remember(self._worded, message.key, None)
            words = None
        try:
            return await self._send(message, compose.media(kind, media_id, attachment, words))
        except PermanentFailure as refused:
            # Perhaps the id is over; if the agent retries, the file is uploaded anew.
            if refused.reason is FailureReason.BAD_CONTENT:
                self._uploads.forget(upload)
            raise

    async def _upload(self, attachment: Attachment, mime: str) -> str:
        assert attachment.file is not None
        with await asyncio.to_thread(attachment.file.path.open, "rb") as file:
            fields = {"messaging_product": "whatsapp", "type": mime}
            answer = await self._graph.upload(
                f"{self._number}/media", fields, file, field="file", name=attachment.name, mime=mime
            )
        return str(answer["id"])

    async def _send_link(self, message: OutboundMessage, attachment: Attachment) -> ExternalId:
        """WhatsApp takes a short list of types only; all else is fetched from us by the customer."""
        assert attachment.file is not None
        link = self._runtime.file_link(attachment.file, attachment.name)
        if link is None:
            raise PermanentFailure(
                f"WhatsApp takes no files like {attachment.name} ({attachment.mime}), and there is no public address "
                "to link it from. Send it as a PDF or a JPEG.",
                reason=FailureReason.UNSUPPORTED,
            )
        words = compose.text(message)["text"]["body"] if message.text else ""
        named = "\n".join(filter(None, [words, f"{attachment.name}: {link}"]))
        return await self._send(message, {"type": "text", "text": {"body": named, "preview_url": False}})

    async def find(self, message: OutboundMessage) -> ExternalId | None:
        """What a status told since. Silence proves nothing, so it is never said that it surely was not sent."""
        if message.key in self._told:
            return self._told[message.key]
        raise OutcomeUnknown("WhatsApp has not told anything about it.")

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        if not external_id.startswith("wamid."):
            raise PermanentFailure("WhatsApp shows no such message.", reason=FailureReason.UNSUPPORTED)
        reaction = {"message_id": external_id, "emoji": emoji or ""}
        values = {"messaging_product": "whatsapp", "recipient_type": "individual", **_to(recipient)}
        # Twice the same reaction is one, so a lost answer is no reason to ask anybody.
        await self._graph.post(f"{self._number}/messages", values | {"type": "reaction", "reaction": reaction})

    async def show_typing(self, recipient: Recipient) -> None:
        """Lasts 25 seconds, or until a message arrives; WhatsApp marks hers as read by it."""
        await self._mark(recipient, {"typing_indicator": {"type": "text"}})

    async def _mark(self, recipient: Recipient, more: Json) -> None:
        if last := recipient.metadata.get("last"):
            values = {"messaging_product": "whatsapp", "status": "read", "message_id": last, **more}
            await self._graph.post(f"{self._number}/messages", values)
            _remember(self._marked, recipient.external_id, str(last))

    def _mark_read(self, recipient: Recipient) -> None:
        """Beside the send, which must not wait for it nor fail with it."""

        async def mark() -> None:
            with suppress(AdapterError):
                await self._mark(recipient, {})

        last = recipient.metadata.get("last")
        if self._settings.read_receipts and last and self._marked.get(recipient.external_id) != last:
            task = asyncio.create_task(mark())
            self._marking.add(task)
            task.add_done_callback(self._marking.discard)

    async def templates(self) -> Sequence[Template]:
        found: list[Template] = []
        query = {"fields": "name,language,status,category,components", "status": "APPROVED", "limit": "200"}
        for _ in range(MOST_PAGES):
            page = await self._graph.get(f"{self._settings.waba_id}/message_templates", **query)
            found += filter(None, map(template, page["data"]))
            after = ((page.get("paging") or {}).get("cursors") or {}).get("after")
            if not after or "next" not in page["paging"]:
                break
            query["after"] = after
        return found

    async def invitation(self, token: str) -> str:
        """She sends the prefilled words, and with them the token."""
        number = await self._graph.get(self._number, fields="display_phone_number")
        digits = re.sub(r"\D", "", str(number["display_phone_number"]))
        return f"https://wa.me/{digits}?text={quote(INVITED + token, safe='')}"

    async def check(self) -> str:
        fields = "display_phone_number,verified_name,quality_rating"
        number = await self._graph.get(self._number, fields=fields)
        return f"{number['verified_name']} ({number['display_phone_number']}), quality {number['quality_rating']}"

    async def fetch(self, source: str) -> AsyncGenerator[bytes, None]:
        media_id, _, announced = source.partition(":")
        if not re.fullmatch(r"\d{1,40}", media_id):
            raise PermanentFailure("WhatsApp gave no usable id for the file.", reason=FailureReason.BAD_CONTENT)
        node = await self._graph.get(media_id, phone_number_id=self._number)
        async with aclosing(self._graph.download(str(node["url"]), sha256=announced or node.get("sha256", ""))) as file:
            async for chunk in file:
                yield chunk


def _to(recipient: Recipient) -> dict[str, str]:
    """By the business-scoped id (`DE.1349…`) where we have one: she may have no number."""
    key = recipient.external_id
    return {"recipient": key} if "." in key else {"to": key}


def _remember(known: dict[str, Any], key: str, value: object) -> None:
    known.pop(key, None)
    known[key] = value
    if len(known) > MOST_REMEMBERED:
        del known[next(iter(known))]
