"""Carries messages between customers on Telegram and the core."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bridges.telegram.api import BotApi
from bridges.telegram.markup import write
from bridges.telegram.parse import events
from core.contracts.bridge import Event, ExternalId, OutboundMessage, Received, Recipient, Runtime
from core.contracts.content import Attachment
from core.contracts.errors import AdapterError, PermanentFailure, RequestRejected, TemporaryFailure
from core.contracts.http import WebhookReply, WebhookRequest
from core.contracts.json import loads

log = logging.getLogger(__name__)

UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
POLL_S = 25
UPLOAD_S = 120
#: Telegram keeps each chat's order; few calls at once keep its numbers nearly consecutive too.
WEBHOOK_CALLS = 4
WATCH_S = 180.0
MAX_PAUSE_S = 60.0
#: Anything else arrives as a plain file: https://core.telegram.org/bots/api#sendvideo and its neighbours.
KINDS = {
    "image/jpeg": "photo",
    "image/png": "photo",
    "image/webp": "photo",
    "video/mp4": "video",
    "audio/mpeg": "audio",
    "audio/mp4": "audio",
    "audio/ogg": "voice",
}


class TelegramSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    #: As @BotFather gives it.
    token: SecretStr
    mode: Literal["polling", "webhook"] = "polling"
    #: Made up by you: it proves that a webhook call comes from Telegram.
    secret: SecretStr = SecretStr("")
    #: A Bot API server: Telegram's, one of your own, or the sandbox.
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "https://api.telegram.org"

    @model_validator(mode="after")
    def _secrets_look_right(self) -> TelegramSettings:
        if not re.fullmatch(r"\d+:[\w-]+", self.token.get_secret_value(), re.ASCII):
            raise ValueError("token must look like 123456:AbC-dEf, as @BotFather gives it")
        if self.mode == "webhook" and not re.fullmatch(r"[\w-]{1,256}", self.secret.get_secret_value(), re.ASCII):
            raise ValueError("secret must have 1 to 256 characters of A-Z, a-z, 0-9, _ and - when mode is 'webhook'")
        return self


class TelegramBridge:
    """One bot."""

    def __init__(self, settings: TelegramSettings, runtime: Runtime) -> None:
        self._runtime, self._webhook, self._secret = (
            runtime,
            settings.mode == "webhook",
            settings.secret.get_secret_value(),
        )
        self._api = BotApi(runtime.session, settings.api_url.rstrip("/"), settings.token.get_secret_value())

    async def receive(self, request: WebhookRequest) -> Received:
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not self._secret or not hmac.compare_digest(given.encode(errors="surrogateescape"), self._secret.encode()):
            raise RequestRejected("The call does not carry this account's secret token.")
        update = loads(request.body)
        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            raise RequestRejected("The body is no update of the Bot API.", status=400)
        if answer := _answer(update):
            # Telegram carries out the method that a webhook answers with, so the button stops spinning.
            body = json.dumps({"method": "answerCallbackQuery", **answer}).encode()
            return Received(items=[request.body], reply=WebhookReply(body=body, content_type="application/json"))
        return Received(items=[request.body])

    async def parse(self, raw: bytes) -> Sequence[Event]:
        return events(loads(raw), self._runtime.now())

    async def listen(self) -> None:
        failures, pause = 0, 0.0
        fresh = True
        while True:
            try:
                sentence = await (self._watch(fresh) if self._webhook else self._poll(fresh))
                failures, fresh, pause = 0, False, WATCH_S if self._webhook else 0.0
            except Exception as problem:
                sentence, fresh, failures = str(problem), True, failures + 1
                if not isinstance(problem, AdapterError):
                    log.exception("Updates could not be handed over", extra={"action": "updates_kept_waiting"})
                    sentence = "Telegram's updates cannot be stored at the moment; they wait there."
                wait = getattr(problem, "retry_after", None) or min(MAX_PAUSE_S, 2.0 ** min(failures, 9) / 2)
                pause = wait * random.uniform(1, 1.5)
            self._runtime.trouble(sentence)
            await asyncio.sleep(pause)

    async def _poll(self, fresh: bool) -> None:
        """One call of getUpdates, and the offset moved past what was accepted."""
        if fresh:
            await self._api.call("deleteWebhook", {})
        before = offset = (await self._runtime.memory.load()).get("offset", 0)
        # The first call answers at once, so that a trouble ends when it ends.
        wait = 0 if fresh else POLL_S
        asked = {"offset": offset, "timeout": wait, "limit": 100, "allowed_updates": UPDATES}
        updates = await self._api.call("getUpdates", asked, patience=wait + 10)
        # None waits, so all before are confirmed and nothing needs to be skipped any more: after a week of silence
        # Telegram starts to count somewhere else.
        offset = offset if updates else 0
        try:
            for update in updates:
                await self._runtime.accept(json.dumps(update).encode())
                offset = update["update_id"] + 1
                if answer := _answer(update):
                    with contextlib.suppress(AdapterError):
                        await self._api.call("answerCallbackQuery", answer)
        finally:
            if offset != before:
                await self._runtime.memory.save({"offset": offset})

    async def _watch(self, fresh: bool) -> str | None:
        """Points Telegram at our address; a sentence if it could not deliver there lately."""
        if not self._runtime.url:
            return "Webhook mode needs a public address in the settings; without one use mode = 'polling'."
        if fresh:
            wanted = {"url": self._runtime.url, "secret_token": self._secret}
            await self._api.call("setWebhook", wanted | {"allowed_updates": UPDATES, "max_connections": WEBHOOK_CALLS})
        info = await self._api.call("getWebhookInfo", {})
        if info["url"] != self._runtime.url:
            raise TemporaryFailure("Another program took this bot's webhook away; taking it back.")
        # Telegram remembers the last error for ever.
        if info.get("last_error_date", 0) > self._runtime.now().timestamp() - 2 * WATCH_S:
            waiting = info.get("pending_update_count", 0)
            return f"Telegram could not deliver here: {info.get('last_error_message')}. {waiting} updates wait."
        return None

    async def send(self, message: OutboundMessage) -> ExternalId:
        chat = _chat(message.recipient)
        text, entities = write(message.content.body)
        values: dict[str, Any] = {"chat_id": chat, **_buttons(message)}
        if message.quote:
            quoted = {"message_id": _number(message.quote), "allow_sending_without_reply": True}
            values["reply_parameters"] = quoted
        if not message.content.attachments:
            sent = await self._api.call("sendMessage", values | {"text": text, "entities": entities})
            return ExternalId(f"{chat}:{sent['message_id']}")
        attachment, *_ = message.content.attachments
        values |= {"caption": text, "caption_entities": entities}
        sent = await self._send_file(attachment, KINDS.get(attachment.mime, "document"), values)
        return ExternalId(f"{chat}:{sent['message_id']}")

    async def _send_file(self, attachment: Attachment, kind: str, values: Mapping[str, Any]) -> Any:
        assert attachment.file is not None
        method = f"send{kind.capitalize()}"
        try:
            with await asyncio.to_thread(attachment.file.path.open, "rb") as file:
                upload = (kind, attachment.name, file)
                return await self._api.call(method, values, upload=upload, patience=UPLOAD_S)
        except PermanentFailure as problem:
            # Pictures that are very long, or that Telegram cannot read, still go as files.
            if kind != "photo" or not re.search("PHOTO|IMAGE", str(problem)):
                raise
        return await self._send_file(attachment, "document", values)

    async def edit(self, external_id: ExternalId, message: OutboundMessage) -> None:
        text, entities = write(message.content.body)
        values = _place(external_id) | _buttons(message)
        if message.content.attachments:
            method, values = "editMessageCaption", values | {"caption": text, "caption_entities": entities}
        else:
            method, values = "editMessageText", values | {"text": text, "entities": entities}
        await self._api.call(method, values, fine="message is not modified")

    async def delete(self, external_id: ExternalId, recipient: Recipient) -> None:
        await self._api.call("deleteMessage", _place(external_id), fine="message to delete not found")

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        # Telegram's list has no skin tones and no selectors.
        bare = re.sub("[\ufe0f\U0001f3fb-\U0001f3ff]", "", emoji or "")
        reaction = [{"type": "emoji", "emoji": bare}] if bare else []
        await self._api.call("setMessageReaction", _place(external_id) | {"reaction": reaction})

    async def show_typing(self, recipient: Recipient) -> None:
        await self._api.call("sendChatAction", {"chat_id": _chat(recipient), "action": "typing"})

    async def check(self) -> str:
        bot = await self._api.call("getMe", {})
        return f"@{bot['username']} ({bot['first_name']})"

    async def fetch(self, source: str) -> AsyncIterator[bytes]:
        file = await self._api.call("getFile", {"file_id": source})
        async for chunk in self._api.download(file["file_path"]):
            yield chunk


def _answer(update: Mapping[str, Any]) -> dict[str, Any]:
    """What stops a pressed button from spinning; empty when no button was pressed."""
    press = update.get("callback_query")
    return {"callback_query_id": press["id"]} if isinstance(press, dict) and "id" in press else {}


def _chat(recipient: Recipient) -> int:
    return int(recipient.metadata.get("chat", recipient.external_id))


def _number(external_id: ExternalId) -> int:
    return int(external_id.partition(":")[2])


def _place(external_id: ExternalId) -> dict[str, Any]:
    return {"chat_id": int(external_id.partition(":")[0]), "message_id": _number(external_id)}


def _buttons(message: OutboundMessage) -> dict[str, Any]:
    rows = [[{"text": choice.label, "callback_data": choice.value}] for choice in message.content.choices]
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}
