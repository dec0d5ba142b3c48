"""Carries messages between customers' phones and the core."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import phonenumbers

from bridges.sms import signature
from bridges.sms.api import Json, TwilioApi
from bridges.sms.parse import MAX_FIELDS, events
from bridges.sms.settings import SmsSettings
from core.contracts.bridge import Event, ExternalId, OutboundMessage, Received, Runtime
from core.contracts.content import Attachment
from core.contracts.errors import (
    AdapterError,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    RequestRejected,
    TemporaryFailure,
)
from core.contracts.http import WebhookReply, WebhookRequest

log = logging.getLogger(__name__)

#: What an MMS may hold, and where one goes; https://www.twilio.com/docs/messaging/guides/accepted-mime-types
_CARRIED = frozenset(
    "image/jpeg image/png image/gif audio/mpeg audio/mp4 audio/ogg audio/amr audio/3gpp video/mp4 video/3gpp "
    "application/pdf text/vcard".split()
)
_MMS_COUNTRIES = frozenset({"US", "CA"})
#: Every so often what was missed is asked for; without a public address this is the only way in.
LOOK_S, ONLY_WAY_S = 300.0, 15.0
#: A message stands in the list this soon after it was taken, and clocks differ by no more.
SETTLED, SKEW = timedelta(seconds=20), timedelta(seconds=30)
#: How far back the list is believed for a try that was made before the start.
BEFORE = timedelta(days=2)
OVERLAP = timedelta(minutes=2)
MOST_REMEMBERED = 2_000
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\xa0": " "})


class SmsBridge:
    """One sender."""

    def __init__(self, settings: SmsSettings, runtime: Runtime) -> None:
        self._settings, self._runtime = settings, runtime
        self._api = TwilioApi(runtime.session, settings)
        tokens = (settings.auth_token, *settings.more_auth_tokens)
        self._secrets = {
            "HMAC_SHA1": ("sha1", [one.get_secret_value().encode() for one in tokens]),
            "HMAC_SHA256": ("sha256", [one.get_secret_value().encode() for one in settings.signing_keys]),
        }
        self._started = runtime.now()
        #: When a message was last tried, and as what Twilio called us back about it; by its mark.
        self._tried: dict[str, datetime] = {}
        self._proven: dict[str, str] = {}

    async def receive(self, request: WebhookRequest) -> Received:
        given, way = (request.headers.get(name, "") for name in (signature.HEADER, signature.SETTINGS_HEADER))
        hash_name, secrets = self._secrets.get(signature.algorithm(way), ("", []))
        if not given or not secrets:
            raise RequestRejected("The call is not signed in a way that this account has a key for.")
        try:
            text = request.body.decode("ascii")
            options: dict[str, Any] = {"keep_blank_values": True, "max_num_fields": MAX_FIELDS}
            fields = parse_qsl(text, errors="surrogateescape", **options)
        except ValueError:
            raise RequestRejected("The body is no form of Twilio's.", status=400) from None
        if not signature.is_signed(request.url, fields, given, hash_name, secrets):
            raise RequestRejected(
                "The signature fits neither this account's secrets nor `public_url`, to which Twilio must be pointed."
            )
        sid, mark = dict(fields).get("MessageSid"), request.query.get("m")
        if sid and mark:
            _remember(self._proven, mark, sid)
        reply = WebhookReply(body=b"<Response/>", content_type="text/xml")
        return Received(items=[request.body], reply=reply)

    async def parse(self, raw: bytes) -> Sequence[Event]:
        return events(raw, self._settings, self._runtime.now())

    async def send(self, message: OutboundMessage) -> ExternalId:
        form, mark = {"To": self._address(message), **self._content(message)}, _mark(message)
        if self._settings.messaging_service_sid:
            form["MessagingServiceSid"] = self._settings.messaging_service_sid
        else:
            form["From"] = f"{self._settings.prefix}{self._settings.number}"
        if self._runtime.url:
            form["StatusCallback"] = f"{self._runtime.url}?m={mark}"
        _remember(self._tried, mark, self._runtime.now())
        sent = await self._api.post("/Messages.json", form)
        if not isinstance(sent.get("sid"), str):
            raise OutcomeUnknown("Twilio took the message without saying under which name.")
        return ExternalId(sent["sid"])

    def _address(self, message: OutboundMessage) -> str:
        # A messaging service of RCS tries RCS first and goes on with SMS, unless the address insists on RCS.
        falls_back = self._settings.variant == "rcs" and self._settings.messaging_service_sid
        return f"{'' if falls_back else self._settings.prefix}{message.recipient.external_id}"

    def _content(self, message: OutboundMessage) -> dict[str, str]:
        form = {"Body": message.text} if message.text else {}
        for attachment in message.content.attachments:
            assert attachment.file is not None
            link = self._runtime.file_link(attachment.file, attachment.name)
            if link is None:
                raise PermanentFailure(
                    "Twilio fetches files from a public address, and there is none in the settings.",
                    reason=FailureReason.MISCONFIGURED,
                )
            if self._carries(attachment, message.recipient.external_id):
                form["MediaUrl"] = link
            else:
                form["Body"] = "\n".join(filter(None, (message.text, f"{attachment.name}: {link}")))
        return form

    def _carries(self, attachment: Attachment, number: str) -> bool:
        if self._settings.variant != "sms":
            return True
        if attachment.mime not in _CARRIED or not re.fullmatch(r"\+1\d{10}", number):
            return False
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) in _MMS_COUNTRIES

    async def find(self, message: OutboundMessage) -> ExternalId | None:
        mark = _mark(message)
        if mark in self._proven:
            return ExternalId(self._proven[mark])
        tried, now = self._tried.get(mark), self._runtime.now()
        since, candidates = (tried or now - BEFORE) - SKEW, []
        for address in {self._address(message), f"{self._settings.prefix}{message.recipient.external_id}"}:
            async for one in self._api.pages("/Messages.json", "messages", {"To": address}):
                if parsedate_to_datetime(one["date_created"]) < since:
                    break
                if one["direction"] == "outbound-api" and one["sid"] not in message.history:
                    candidates.append(one)
        if not candidates:
            if now - (tried or self._started) < SETTLED:
                raise TemporaryFailure("Twilio does not list it; it is asked once more.", retry_after=5)
            return None
        same = [one["sid"] for one in candidates if _is_same(one, message)]
        if tried is None or len(same) != 1:
            raise OutcomeUnknown("Twilio lists messages to this number that may be this one or not.")
        return ExternalId(same[0])

    async def fetch(self, source: str) -> AsyncGenerator[bytes, None]:
        message, _, media = source.partition("/")
        async with aclosing(self._api.download(f"/Messages/{message}/Media/{media}")) as chunks:
            async for chunk in chunks:
                yield chunk

    async def check(self) -> str:
        account = await self._api.get(".json")
        if account.get("status") != "active":
            sentence = f"Twilio says that the account is {account.get('status')}."
            raise PermanentFailure(sentence, reason=FailureReason.MISCONFIGURED)
        return f"{account.get('friendly_name')} ({self._settings.number or self._settings.messaging_service_sid})"

    async def listen(self) -> None:
        """Asks for what was missed: Twilio does not try a webhook again."""
        failures = 0
        while True:
            pause = LOOK_S if self._runtime.url else ONLY_WAY_S
            sentence: str | None = None
            try:
                missed, failures = await self._catch_up(), 0
                if missed and self._runtime.url:
                    sentence = (
                        f"{missed} messages did not come by webhook and were fetched. If that goes on, point the "
                        f"webhook in Twilio's console to {self._runtime.url}."
                    )
            except Exception as problem:
                failures, sentence = failures + 1, str(problem)
                if not isinstance(problem, AdapterError):
                    log.exception("Messages could not be looked for", extra={"action": "messages_kept_waiting"})
                    sentence = "Missed messages cannot be looked for at the moment; Twilio keeps them."
                pause = min(pause, 2.0 ** min(failures, 9))
            self._runtime.trouble(sentence)
            await asyncio.sleep(pause * random.uniform(1, 1.2))

    async def _catch_up(self) -> int:
        """How many messages were missed."""
        begun, missed = self._runtime.now(), 0
        memory = await self._runtime.memory.load()
        if "since" in memory:
            since, listed = datetime.fromisoformat(memory["since"]) - OVERLAP, []
            query = {"DateSent>": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
            if self._settings.number:
                query["To"] = f"{self._settings.prefix}{self._settings.number}"
            async for one in self._api.pages("/Messages.json", "messages", query):
                if one["direction"] == "inbound" and self._is_ours(one):
                    listed.append(one)
            for one in reversed(listed):
                accepted = await self._runtime.accept(await self._as_webhook(one))
                # A webhook may still be on its way.
                is_late = parsedate_to_datetime(one["date_sent"]) < begun - OVERLAP / 2
                missed += is_late and any(not event.duplicate for event in accepted)
        await self._runtime.memory.save({"since": begun.isoformat()})
        return missed

    def _is_ours(self, one: Json) -> bool:
        service = self._settings.messaging_service_sid
        return bool(self._settings.number) or one.get("messaging_service_sid") == service

    async def _as_webhook(self, one: Json) -> bytes:
        form = {"MessageSid": one["sid"], "From": one["from"], "To": one["to"], "Body": one["body"] or ""}
        form |= {"NumMedia": one["num_media"], "DateSent": one["date_sent"]}
        if one["num_media"] not in ("0", None):
            path = f"/Messages/{one['sid']}/Media"
            async for media in self._api.pages(f"{path}.json", "media_list", {}):
                number = sum(name.startswith("MediaUrl") for name in form)
                form[f"MediaUrl{number}"] = f"{self._settings.api_url}{path}/{media['sid']}"
                form[f"MediaContentType{number}"] = media["content_type"]
        return urlencode(form).encode()


def _mark(message: OutboundMessage) -> str:
    """What stands for a message in the address that Twilio reports to."""
    return hashlib.sha256(message.key.encode()).hexdigest()[:24]


def _remember(kept: dict[str, Any], key: str, value: Any) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > MOST_REMEMBERED:
        del kept[next(iter(kept))]


def _is_same(one: Json, message: OutboundMessage) -> bool:
    # Twilio may exchange typographic signs, and puts a line before what trial accounts send.
    body, text = ("".join(words.translate(_PLAIN).split()) for words in (one["body"] or "", message.text))
    if message.content.attachments:
        return body.startswith(text) and (one["num_media"] != "0" or "http" in body)
    return body.endswith(text)
