"""Carries messages between customers on Telegram and the core."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import random
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bridges.telegram.api import BotApi, Json, Upload
from bridges.telegram.markup import write
from bridges.telegram.parse import events
from core.contracts.bridge import Event, ExternalId, OutboundMessage, Received, Recipient, Runtime
from core.contracts.content import Attachment
from core.contracts.errors import AdapterError, FailureReason, PermanentFailure, RequestRejected
from core.contracts.http import WebhookReply, WebhookRequest
from core.contracts.json import loads

log = logging.getLogger(__name__)

UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
POLL_S = 25
UPLOAD_S = 60.0
#: Telegram keeps each chat's order; few calls at once keep its numbers nearly consecutive too.
WEBHOOK_CALLS = 4
WATCH_S = 180.0
MAX_PAUSE_S = 60.0
#: Anything else arrives as a plain file: https://core.telegram.org/bots/api#sendvideo and its neighbours.
KINDS = {
    **dict.fromkeys(["image/jpeg", "image/png", "image/webp"], "photo"),
    **dict.fromkeys(["audio/mpeg", "audio/mp4"], "audio"),
    "audio/ogg": "voice",
    "video/mp4": "video",
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
        self._runtime, self._webhook = runtime, settings.mode == "webhook"
        self._secret = settings.secret.get_secret_value()
        self._api = BotApi(runtime.session, settings.api_url.rstrip("/"), settings.token.get_secret_value())

    async def receive(self, request: WebhookRequest) -> Received:
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not self._secret or not hmac.compare_digest(given.encode(errors="surrogateescape"), self._secret.encode()):
            raise RequestRejected("The call does not carry this account's secret token.")
        update = loads(request.body)
        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            raise RequestRejected("The body is no update of the Bot API.", status=400)
        # Telegram carries out the method that a webhook answers with.
        answer = json.dumps({"method": "answerCallbackQuery", **_answer(update)}) if _answer(update) else ""
        return Received(items=[request.body], reply=WebhookReply(body=answer.encode(), content_type="application/json"))

    async def parse(self, raw: bytes) -> Sequence[Event]:
        return events(loads(raw), self._runtime.now())

    async def listen(self) -> None:
        failures, fresh = 0, True
        while True:
            try:
                sentence = await (self._watch(fresh) if self._webhook else self._poll(fresh))
                failures, fresh, pause = 0, False, WATCH_S if self._webhook else 0.0
            except Exception as problem:
                failures, fresh, sentence = failures + 1, True, str(problem)
                if not isinstance(problem, AdapterError):
                    log.exception("Updates could not be handed over", extra={"action": "updates_kept_waiting"})
                    sentence = "Updates cannot be stored at the moment; Telegram keeps them."
                wait = getattr(problem, "retry_after", None) or min(MAX_PAUSE_S, 2.0 ** min(failures, 9) / 2)
                pause = wait * random.uniform(1, 1.5)
            self._runtime.trouble(sentence)
            await asyncio.sleep(pause)

    async def _poll(self, fresh: bool) -> None:
        """One call of getUpdates; the offset moves past what was accepted."""
        if fresh:
            await self._api.call("deleteWebhook", {})
        memory = await self._runtime.memory.load()
        # The first call answers at once, so that a trouble ends when it ends.
        values = {"offset": memory.get("offset", 0), "timeout": 0 if fresh else POLL_S, "allowed_updates": UPDATES}
        updates = await self._api.call("getUpdates", values, patience=POLL_S + 10)
        # Nothing waits: all before is confirmed and needs no offset, which must go because Telegram counts on from
        # somewhere else after a quiet week.
        offset = values["offset"] if updates else 0
        try:
            for update in updates:
                await self._runtime.accept(json.dumps(update).encode())
                offset = update["update_id"] + 1
                if answer := _answer(update):
                    with suppress(AdapterError):
                        await self._api.call("answerCallbackQuery", answer)
        finally:
            if offset != values["offset"]:
                await self._runtime.memory.save({"offset": offset})

    async def _watch(self, fresh: bool) -> str | None:
        """Has Telegram call us; a sentence if it lately could not."""
        url = self._runtime.url
        if not url:
            return "Webhook mode needs a public address in the settings; without one use mode = 'polling'."
        info = await self._api.call("getWebhookInfo", {})
        if fresh or info["url"] != url:
            values = {"url": url, "secret_token": self._secret, "max_connections": WEBHOOK_CALLS}
            await self._api.call("setWebhook", values | {"allowed_updates": UPDATES})
        # Telegram remembers the last error for ever.
        elif info.get("last_error_date", 0) > self._runtime.now().timestamp() - 2 * WATCH_S:
            waiting = info.get("pending_update_count", 0)
            return f"Telegram could not deliver here: {info.get('last_error_message')}. {waiting} updates wait there."
        return None

    async def send(self, message: OutboundMessage) -> ExternalId:
        chat = message.recipient.metadata.get("chat", message.recipient.external_id)
        values = {"chat_id": chat} | _buttons(message)
        # Choices have ids that Telegram does not know.
        if message.quote and message.quote.startswith(f"{chat}:"):
            quoted = _place(message.quote)["message_id"]
            values["reply_parameters"] = {"message_id": quoted, "allow_sending_without_reply": True}
        if message.content.attachments:
            (attachment,) = message.content.attachments
            sent = await self._send_file(KINDS.get(attachment.mime, "document"), attachment, values | _text(message))
        else:
            sent = await self._api.call("sendMessage", values | _text(message))
        return ExternalId(f"{chat}:{sent['message_id']}")

    async def _send_file(self, kind: str, attachment: Attachment, values: Json) -> Any:
        assert attachment.file is not None
        with await asyncio.to_thread(attachment.file.path.open, "rb") as file:
            upload = Upload(kind, attachment.name, file)
            try:
                return await self._api.call(f"send{kind.capitalize()}", values, upload=upload, patience=UPLOAD_S)
            except PermanentFailure as problem:
                # What Telegram cannot show as a picture, a very long one for example, goes as a file.
                if kind != "photo" or not re.search("PHOTO|IMAGE", str(problem)):
                    raise
        return await self._send_file("document", attachment, values)

    async def edit(self, external_id: ExternalId, message: OutboundMessage) -> None:
        method = "editMessageCaption" if message.content.attachments else "editMessageText"
        values = _place(external_id) | _text(message) | _buttons(message)
        await self._api.call(method, values, fine="message is not modified")

    async def delete(self, external_id: ExternalId, recipient: Recipient) -> None:
        await self._api.call("deleteMessage", _place(external_id), fine="message to delete not found")

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        # Telegram's list has no skin tones and no selectors.
        bare = re.sub("[\ufe0f\U0001f3fb-\U0001f3ff]", "", emoji or "")
        reaction = [{"type": "emoji", "emoji": bare}] if bare else []
        await self._api.call("setMessageReaction", _place(external_id) | {"reaction": reaction})

    async def show_typing(self, recipient: Recipient) -> None:
        chat = recipient.metadata.get("chat", recipient.external_id)
        await self._api.call("sendChatAction", {"chat_id": chat, "action": "typing"})

    async def invitation(self, token: str) -> str:
        bot = await self._api.call("getMe", {})
        return f"https://t.me/{bot['username']}?start={token}"

    async def check(self) -> str:
        bot = await self._api.call("getMe", {})
        return f"{bot['first_name']} (@{bot['username']})"

    async def fetch(self, source: str) -> AsyncGenerator[bytes, None]:
        file = await self._api.call("getFile", {"file_id": source})
        async with aclosing(self._api.download(file["file_path"])) as chunks:
            async for chunk in chunks:
                yield chunk


def _answer(update: Json) -> dict[str, str]:
    """What stops a pressed button from spinning; empty when none was pressed."""
    match update:
        case {"callback_query": {"id": str(press)}}:
            return {"callback_query_id": press}
    return {}


def _place(external_id: ExternalId) -> dict[str, Any]:
    found = re.fullmatch(r"(-?\d+):(\d+)", external_id)
    if not found:
        raise PermanentFailure("Telegram shows no message for a pressed button.", reason=FailureReason.UNSUPPORTED)
    return {"chat_id": int(found[1]), "message_id": int(found[2])}


def _text(message: OutboundMessage) -> dict[str, Any]:
    text, entities = write(message.content.body)
    names = ("caption", "caption_entities") if message.content.attachments else ("text", "entities")
    return dict(zip(names, (text, entities), strict=True))


def _buttons(message: OutboundMessage) -> dict[str, Any]:
    rows = [[{"text": choice.label, "callback_data": choice.value}] for choice in message.content.choices]
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}
