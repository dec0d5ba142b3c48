"""Brings webhooks: signed in one of Twilio's two ways, within its times, again only where the address asks for it."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urldefrag, urlencode
from uuid import uuid4

import aiohttp

#: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
READ_S = 15.0
MOST_RETRIES = 5
MAX_KEPT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One webhook call, as it went."""

    url: str
    fields: Mapping[str, str]
    #: 0: there was no answer.
    status: int
    body: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One call that is to be made."""

    url: str
    fields: Mapping[str, str]
    fallback: str = ""


class Delivery:
    """Makes the calls, one after the other for each phone."""

    def __init__(self, auth_token: str) -> None:
        #: Signs with HMAC-SHA1; what a rotated token looks like from outside.
        self.auth_token = auth_token
        #: (key id, secret): signs with HMAC-SHA256 instead.
        self.signing_key: tuple[str, str] | None = None
        #: Every webhook comes twice, as after a lost answer.
        self.twice = False
        self.delivered: deque[Delivered] = deque(maxlen=MAX_KEPT)
        #: What Twilio's debugger would show: error code and address.
        self.alerts: deque[tuple[int, str]] = deque(maxlen=MAX_KEPT)
        self._session: aiohttp.ClientSession | None = None
        self._held: list[tuple[str, Webhook]] | None = None
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Opens what calling needs."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=READ_S), trust_env=False)

    async def stop(self) -> None:
        """Ends what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def add(self, lane: str, webhook: Webhook) -> None:
        """Calls `webhook` once all before it in its lane are done."""
        if self._held is not None:
            self._held.append((lane, webhook))
            return
        for _ in range(2 if self.twice else 1):
            before = self._lanes.get(lane)
            task = asyncio.create_task(self._after(before, webhook))
            self._lanes[lane] = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def hold(self) -> None:
        """Webhooks wait from now on."""
        self._held = self._held if self._held is not None else []

    def release(self, order: Literal["given", "reversed"] = "given") -> None:
        """Lets the held ones go; reversed means that nobody waits for anybody."""
        held, self._held = self._held or [], None
        for number, (lane, webhook) in enumerate(reversed(held) if order == "reversed" else held):
            self.add(f"{lane}-{number}" if order == "reversed" else lane, webhook)

    async def idle(self) -> None:
        """Until nothing is under way; held webhooks stay held."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _after(self, before: asyncio.Task[None] | None, webhook: Webhook) -> None:
        if before is not None:
            await asyncio.wait([before])
        if not await self._try(webhook.url, webhook.fields) and webhook.fallback:
            await self._try(webhook.fallback, {**webhook.fields, "ErrorCode": "11200", "ErrorUrl": webhook.url})

    async def _try(self, address: str, fields: Mapping[str, str]) -> bool:
        url, overrides = urldefrag(address)
        options = parse_qs(overrides)
        retries = min(int(options.get("rc", ["1"])[0]), MOST_RETRIES)
        policy = set(options.get("rp", ["ct"])[0].split(","))
        token = str(uuid4())
        for number in range(retries + 1):
            problem = await self._post(url, fields, {"I-Twilio-Idempotency-Token": token})
            if not problem:
                return True
            self.alerts.append((11200, url))
            if number == retries or not policy & {problem, "all"}:
                return False
        return False

    async def _post(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """What went wrong, in the words of `rp`; "" for nothing."""
        assert self._session is not None
        status, body, kind, problem = 0, "", "", ""
        try:
            async with self._session.post(
                url,
                data=urlencode(fields),
                headers={
                    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                    "User-Agent": "TwilioProxy/1.1",
                    **headers,
                    **self.signature(url, fields),
                },
                allow_redirects=False,
            ) as response:
                status, body = response.status, (await response.content.read(65536)).decode(errors="replace")
                kind = response.content_type
        except aiohttp.ClientConnectorError:
            problem = "ct"
        except (aiohttp.ClientError, TimeoutError):
            problem = "rt"
        if status >= 400:
            problem = f"{status // 100}xx"
        elif status not in (0, 204) and kind not in ("text/xml", "application/xml", "text/plain", "text/html"):
            self.alerts.append((12300, url))
        token = headers["I-Twilio-Idempotency-Token"]
        self.delivered.append(Delivered(url=url, fields=dict(fields), status=status, body=body, token=token))
        return problem

    def signature(self, url: str, fields: Mapping[str, str]) -> dict[str, str]:
        """The headers that prove a call; https://www.twilio.com/docs/usage/security#validating-requests"""
        text = url
        for name in sorted(fields):
            text += name + fields[name]
        if self.signing_key is None:
            made = hmac.new(self.auth_token.encode(), text.encode(), "sha1")
            return {"X-Twilio-Signature": base64.b64encode(made.digest()).decode()}
        key, secret = self.signing_key
        made = hmac.new(secret.encode(), text.encode(), "sha256")
        return {
            "X-Twilio-Signature": base64.b64encode(made.digest()).decode(),
            "X-Twilio-Webhooks-Signature-Settings": f"key={key},algorithm=HMAC_SHA256",
        }
