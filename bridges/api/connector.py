"""Calls the connector, and says what each of its answers means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

import aiohttp

from bridges.api.deliveries import Answer
from bridges.api.signing import CALL_ID, signed
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    PermanentFailure,
    RequestRejected,
    TemporaryFailure,
)
from core.contracts.json import loads
from core.contracts.text import cut, line

#: Shorter than the time that the core gives to one send, so that what is known about it is said.
PATIENCE_S = 8.0
#: More of an answer is not read.
MOST_ANSWER = 64 * 1024
MOST_WORDS = 300
SLOW_DOWN_S = 5.0
MOST_WAIT_S = 3600.0

Json = Mapping[str, Any]
_REASONS = {
    400: FailureReason.BAD_CONTENT,
    410: FailureReason.RECIPIENT_GONE,
    413: FailureReason.TOO_LARGE,
    415: FailureReason.BAD_CONTENT,
    422: FailureReason.BAD_CONTENT,
    451: FailureReason.POLICY,
    501: FailureReason.UNSUPPORTED,
}
#: What is said where the connector's own answer says nothing.
_SENTENCES = {
    400: "The connector does not understand the message.",
    404: "There is nothing at `deliver_url`, or the connector no longer has the message.",
    405: "`deliver_url` takes no POST; the connector's address must be another.",
    410: "The customer can no longer be reached on this channel.",
    413: "The message is too large for the connector.",
    422: "The connector cannot send this message.",
    501: "The connector cannot do this; its owner should switch it off in the account's `can`.",
}


class Clock(Protocol):
    def __call__(self) -> datetime: ...


class Connector:
    """The other end of one account. Its calls may be repeated: the same key is carried out once."""

    def __init__(self, session: aiohttp.ClientSession, url: str, keys: Sequence[bytes], now: Clock) -> None:
        self._session, self._url, self._keys, self._now = session, url, keys, now

    async def call(self, key: str, delivery: Json) -> Answer:
        """Delivers once more or once. Raises as `Bridge.send`, but never OutcomeUnknown."""
        body = json.dumps(delivery, ensure_ascii=True, separators=(",", ":")).encode()
        name = key if CALL_ID.fullmatch(key) else hashlib.sha256(key.encode(errors="replace")).hexdigest()
        headers = signed(self._keys, name, int(self._now().timestamp()), body)
        headers |= {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "Threadbridge"}
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S, connect=3)
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                answer = await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as lost:
            raise TemporaryFailure(f"The connector cannot be reached ({type(lost).__name__}).") from None
        except (aiohttp.ClientError, TimeoutError) as lost:
            raise TemporaryFailure(f"The connector's answer did not arrive ({type(lost).__name__}).") from None
        if response.status < 300 or response.status == 409:
            # What is done is done, whatever else stands in the answer.
            names = {name: answer[name] for name in Answer.model_fields if isinstance(answer.get(name), str)}
            with suppress(ValueError):
                return Answer.model_validate(names)
            return Answer()
        raise _refusal(response.status, answer, response.headers.get("Retry-After", ""))


async def _read(response: aiohttp.ClientResponse) -> Json:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_ANSWER:
            return {}
    with suppress(RequestRejected):
        answer = loads(bytes(body))
        return answer if isinstance(answer, dict) else {}
    return {}


def _refusal(status: int, answer: Json, wait: str) -> AdapterError:
    said = cut(
        line(
            next((one for one in (answer.get("detail"), answer.get("title")) if isinstance(one, str)), ""), limit=1000
        ),
        MOST_WORDS,
    )
    if status in (401, 403):
        return CredentialsRejected(
            f"The connector refused our signature with {status}; both sides must share one of the `secrets`."
        )
    if status == 429 or (status in (408, 425, 503) and wait.isdigit()):
        seconds = min(float(wait), MOST_WAIT_S) if wait.isascii() and wait.isdigit() else SLOW_DOWN_S
        return TemporaryFailure("The connector asks us to slow down.", retry_after=seconds)
    if status in (408, 425) or (status >= 500 and status != 501):
        return TemporaryFailure(f"The connector answered {status}.")
    if status < 400:
        return PermanentFailure(
            f"`deliver_url` redirects ({status}), which is not followed; set it to the address it leads to.",
            reason=FailureReason.MISCONFIGURED,
        )
    sentence = said if said.endswith((".", "!", "?", "…", "。")) or not said else f"{said}."
    reason = _REASONS.get(status, FailureReason.UNKNOWN)
    if status in (404, 405) and not said:
        reason = FailureReason.MISCONFIGURED
    with suppress(ValueError):
        reason = FailureReason(str(answer.get("reason", "")))
    return PermanentFailure(
        sentence or _SENTENCES.get(status, f"The connector refused it with {status}."), reason=reason
    )
