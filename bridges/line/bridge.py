"""Carries messages between customers on LINE and the core."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from aiohttp import web

from bridges.line.api import Json, LineApi, StaleReplyToken
from bridges.line.parse import choice_data, events
from bridges.line.settings import LineSettings
from core.contracts.bridge import Event, ExternalId, MessageReceived, OutboundMessage, Received, Recipient, Runtime
from core.contracts.content import Attachment, TextUnit
from core.contracts.errors import (
    AdapterError,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    RequestRejected,
)
from core.contracts.http import WebhookRequest
from core.contracts.json import loads
from core.contracts.remembered import Remembered
from core.contracts.text import line, measure

#: Names our retry keys; LINE wants UUIDs.
_NAMESPACE = UUID("6f1c2f0e-2b0c-5d0e-9f57-3a6c1c8b7d41")
#: A reply token lives "about a minute" after its webhook, https://developers.line.biz/en/reference/messaging-api/
#: #send-reply-message: it is used for less, and nobody has seen one that ended within the shorter time.
REPLY_S, LIVES_S = 50, 20
#: Sends that are remembered; each is needed until the core knows what became of it, which takes a minute.
MOST_WAYS = 300
_DOUBT = (
    "LINE did not say whether this answer arrived, and cannot be asked. Look in the LINE Official Account Manager, or "
    "ask the customer, before you send it again."
)
#: LINE waits for the answer to its call that long on our account.
PROFILES_S = 1.0
READ_S = 1.0
TYPING_S = 10
PREVIEW = Path(__file__).with_name("preview.png")
MAX_PREVIEW = 1024 * 1024
MAX_TEXT = 5000


class _Way(NamedTuple):
    """How one of our keys goes out."""

    #: Of the reply; "": it is pushed.
    token: str
    received: float = 0.0
    #: The id that came of a reply; LINE itself knows that of a push.
    sent: str = ""


_PUSH = _Way("")


class LineBridge:
    """One LINE Official Account."""

    def __init__(self, settings: LineSettings, runtime: Runtime) -> None:
        self._runtime = runtime
        self._secret = settings.channel_secret.get_secret_value().encode()
        self._api = LineApi(runtime.session, settings)
        self._profiles: Remembered[Json] = Remembered(runtime.now, lasts=timedelta(hours=6))
        #: Quote tokens by message: they never end, and nothing but this process keeps them.
        self._quotes: Remembered[str] = Remembered(runtime.now, lasts=timedelta(days=7), most=20_000)
        self._read: Remembered[bool] = Remembered(runtime.now, lasts=timedelta(days=1))
        self._choosing = asyncio.Lock()

    async def receive(self, request: WebhookRequest) -> Received:
        given = request.headers.get("x-line-signature", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, base64.b64encode(hmac.digest(self._secret, request.body, "sha256"))):
            raise RequestRejected("The call is not signed with this channel's secret.")
        body = loads(request.body)
        # An empty list is how the console's "Verify" button calls.
        if not isinstance(body, dict) or not isinstance(body.get("events"), list):
            raise RequestRejected("The body is no webhook of LINE.", status=400)
        received, profiles = self._runtime.now().timestamp(), await self._profiles_of(body["events"])
        items = [
            {"events": [event], "received": received, "profile": profiles.get(_user(event), {})}
            for event in body["events"]
        ]
        return Received(items=[json.dumps(item).encode() for item in items])

    async def _profiles_of(self, given: Sequence[Any]) -> Mapping[str, Json]:
        """Names and pictures, which no event holds; those that LINE does not say in time are missing."""

        async def ask(user: str) -> None:
            if self._profiles.get(user) is None:
                with suppress(AdapterError):
                    profile = await self._api.get(f"/v2/bot/profile/{user}")
                    if profile.get("displayName"):
                        self._profiles.put(user, profile)

        users = {user for event in given if (user := _user(event))}
        with suppress(TimeoutError):
            async with asyncio.timeout(PROFILES_S):
                await asyncio.gather(*map(ask, users))
        return {user: self._profiles.get(user) or {} for user in users}

    async def parse(self, raw: bytes) -> Sequence[Event]:
        body, found = loads(raw), list[Event]()
        for event in body["events"]:
            received = float(body.get("received", event["timestamp"] / 1000))
            found.extend(events(event, body.get("profile", {}), received))
        for one in found:
            if isinstance(one, MessageReceived) and "quote" in one.sender.metadata:
                self._quotes.put(*one.sender.metadata["quote"])
        return found

    async def send(self, message: OutboundMessage) -> ExternalId:
        await self._mark_read(message.recipient)
        letters = self._letters(message)
        way, tried = await self._way(message)
        if way.sent:
            return ExternalId(way.sent)
        if way.token and (sent := await self._reply(message, letters, way, tried=tried)):
            return sent
        body = {"to": message.recipient.external_id, "messages": letters}
        return self._sent(await self._api.post("/v2/bot/message/push", body, retry_key=_retry_key(message)))

    async def _way(self, message: OutboundMessage) -> tuple[_Way, bool]:
        """How this key goes out, and whether it was tried before: for ever the same way, or it might arrive by both."""
        known, now = message.recipient.metadata, self._runtime.now().timestamp()
        async with self._choosing:
            ways = await self._ways()
            if found := ways.get(message.key):
                return found, True
            way = _Way(str(known.get("reply", "")), float(known.get("received", 0)))
            if now >= way.received + REPLY_S or any(way.token == one.token for one in ways.values()):
                way = _PUSH
            await self._keep(ways, message.key, way)
        return way, False

    async def _reply(
        self, message: OutboundMessage, letters: Sequence[Json], way: _Way, *, tried: bool
    ) -> ExternalId | None:
        """The id of an answer by reply token, which is free; None: it has to be pushed."""
        try:
            answer = await self._api.post("/v2/bot/message/reply", {"replyToken": way.token, "messages": letters})
        except StaleReplyToken:
            if not tried:
                await self._settle(message.key, _PUSH)
                return None
            if self._runtime.now().timestamp() >= way.received + LIVES_S:
                raise PermanentFailure(_DOUBT, reason=FailureReason.UNKNOWN_OUTCOME) from None
            # Only the earlier try can have used it. LINE does not say under which id it arrived.
            answer = {"sentMessages": [{"id": _retry_key(message)}]}
        except AdapterError as problem:
            if not tried and not isinstance(problem, OutcomeUnknown):
                await self._settle(message.key, None)
            raise
        sent = self._sent(answer)
        await self._settle(message.key, way._replace(sent=sent))
        return sent

    async def _settle(self, key: str, way: _Way | None) -> None:
        async with self._choosing:
            await self._keep(await self._ways(), key, way)

    async def _ways(self) -> dict[str, _Way]:
        kept = (await self._runtime.memory.load()).get("ways", {})
        return {key: _Way(*way) for key, way in kept.items()}

    async def _keep(self, ways: dict[str, _Way], key: str, way: _Way | None) -> None:
        ways.pop(key, None)
        if way is not None:
            ways[key] = way
        await self._runtime.memory.save({"ways": {key: list(ways[key]) for key in list(ways)[-MOST_WAYS:]}})

    def _sent(self, answer: Json) -> ExternalId:
        sent = answer.get("sentMessages")
        if not isinstance(sent, list) or not sent:
            raise OutcomeUnknown("LINE did not say what it sent.")
        for one in sent:
            if one.get("quoteToken"):
                self._quotes.put(str(one["id"]), str(one["quoteToken"]))
        return ExternalId(str(sent[-1]["id"]))

    def _letters(self, message: OutboundMessage) -> list[dict[str, Any]]:
        """Message objects: the file, then the words, below which the buttons stand."""
        letters = [self._file(one) for one in message.content.attachments]
        if message.text:
            letters.append(self._words(message))
        if message.content.choices:
            actions = [
                {
                    "type": "postback",
                    "label": one.label,
                    "data": choice_data(one.value, one.label),
                    "displayText": one.label,
                }
                for one in message.content.choices
            ]
            letters[-1]["quickReply"] = {"items": [{"type": "action", "action": action} for action in actions]}
        return letters

    def _words(self, message: OutboundMessage) -> dict[str, Any]:
        words = {"type": "text", "text": message.text}
        if message.quote is None:
            return words
        last = dict([message.recipient.metadata["quote"]]) if "quote" in message.recipient.metadata else {}
        if token := self._quotes.get(message.quote) or last.get(message.quote):
            return {**words, "quoteToken": token}
        quoted = f"> {line(message.quote_text, limit=200)}\n\n{message.text}"
        fits = message.quote_text and measure(quoted, TextUnit.UTF16) <= MAX_TEXT
        return {**words, "text": quoted} if fits else words

    def _file(self, attachment: Attachment) -> dict[str, Any]:
        assert attachment.file is not None
        link = self._runtime.file_link(attachment.file, attachment.name)
        if link is None:
            raise PermanentFailure(
                f"{attachment.name}: LINE fetches files from us, and there is no public address; an admin has to set "
                "`public_url`.",
                reason=FailureReason.MISCONFIGURED,
            )
        mime, preview = attachment.file.mime, f"{self._runtime.url}/preview.png"
        if mime in ("image/jpeg", "image/png"):
            # Nothing here shrinks pictures: a small one is its own preview, a large one opens from a neutral one.
            small = attachment.file.size <= MAX_PREVIEW
            return {"type": "image", "originalContentUrl": link, "previewImageUrl": link if small else preview}
        if mime == "video/mp4":
            return {"type": "video", "originalContentUrl": link, "previewImageUrl": preview}
        return {"type": "text", "text": f"{attachment.name}: {link}"}

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get("/preview.png", _preview)]

    async def fetch(self, source: str) -> AsyncGenerator[bytes, None]:
        if not re.fullmatch(r"\d{1,30}", source, re.ASCII):
            raise PermanentFailure("LINE has no file of that name.", reason=FailureReason.BAD_CONTENT)
        async for chunk in self._api.download(source):
            yield chunk

    async def show_typing(self, recipient: Recipient) -> None:
        body = {"chatId": recipient.external_id, "loadingSeconds": TYPING_S}
        await self._api.post("/v2/bot/chat/loading/start", body)

    async def _mark_read(self, recipient: Recipient) -> None:
        """Who answers has read; that LINE does not note it keeps no answer back."""
        token = recipient.metadata.get("read")
        if token and not self._read.get(token):
            self._read.put(token, True)
            with suppress(AdapterError):
                await self._api.post("/v2/bot/chat/markAsRead", {"markAsReadToken": token}, patience=READ_S)

    async def check(self) -> str:
        bot = await self._api.get("/v2/bot/info")
        quota = await self._api.get("/v2/bot/message/quota")
        used = (await self._api.get("/v2/bot/message/quota/consumption")).get("totalUsage", 0)
        limit = f" of {quota['value']}" if quota.get("type") == "limited" else ""
        return f"{bot.get('displayName')} ({bot.get('basicId')}), {used}{limit} messages used this month"


def _user(event: Any) -> str:
    match event:
        case {"source": {"type": "user", "userId": str(user)}} if re.fullmatch(r"U[0-9a-f]{32}", user):
            return user
    return ""


def _retry_key(message: OutboundMessage) -> str:
    return str(uuid5(_NAMESPACE, message.key))


async def _preview(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(PREVIEW, headers={"Cache-Control": "max-age=86400"})
