"""Calls the Messaging API, and says what each of its refusals means."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from bridges.line.settings import LINE, LineSettings
from core.contracts import errors
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.json import loads
from core.contracts.text import line

Json = Mapping[str, Any]
#: Shorter than the time that the core gives to one send, so that what is known about it is said.
PATIENCE_S = 7.0
DOWNLOAD_S = 120.0
DATA = "https://api-data.line.me"

GONE, BAD, SETUP = FailureReason.RECIPIENT_GONE, FailureReason.BAD_CONTENT, FailureReason.MISCONFIGURED
# https://developers.line.biz/en/reference/messaging-api/#status-codes and #error-messages; the first row that fits a
# status and the words of the answer counts.
_REFUSALS = (
    (400, "Failed to send messages|'to'", GONE, "LINE no longer has this customer. Use another channel."),
    (
        400,
        "ContentUrl|ImageUrl",
        SETUP,
        "LINE takes files from https addresses only; an admin has to mend `public_url`.",
    ),
    (400, "", BAD, "LINE refused it: {}. Change it and send it again."),
    (403, "", SETUP, "LINE does not allow this account to do that: {}. An admin has to look at its plan."),
    (404, "", GONE, "LINE has no such customer or message. Use another channel."),
    (410, "", GONE, "LINE no longer has it. Use another channel."),
    (413, "", FailureReason.TOO_LARGE, "It is too large for LINE. Send it in parts."),
    (415, "", FailureReason.UNSUPPORTED, "LINE does not take this kind of content. Send a link to it."),
    (
        429,
        "monthly limit",
        FailureReason.RATE_POLICY,
        "This month's LINE messages are used up. An admin has to buy more in the LINE Official Account Manager; an "
        "answer within 50 seconds after the customer writes is still free.",
    ),
)


class StaleReplyToken(PermanentFailure):
    """The reply token was used, or LINE ended it."""


class LineApi:
    """One channel's calls."""

    def __init__(self, session: aiohttp.ClientSession, settings: LineSettings) -> None:
        self._session, self._url = session, settings.api_url.rstrip("/")
        # The token goes to LINE's two hosts, or to what stands in for both, and nowhere else.
        self._data_url = DATA if self._url == LINE else self._url
        self._headers = {"Authorization": f"Bearer {settings.channel_access_token.get_secret_value()}"}

    async def get(self, path: str) -> Json:
        """Reads something. Raises as `Bridge.send`, but never OutcomeUnknown."""
        return await self._call("GET", path, sends=False)

    async def post(self, path: str, body: Json, *, retry_key: str = "", patience: float = PATIENCE_S) -> Json:
        """Carries something out; with a retry key, at most once in 24 hours. Raises as `Bridge.send`."""
        return await self._call("POST", path, sends=True, retry_key=retry_key, patience=patience, json=body)

    async def download(self, message_id: str) -> AsyncGenerator[bytes, None]:
        """The bytes of what a customer sent. Raises as `get`."""
        url = f"{self._data_url}/v2/bot/message/{message_id}/content"
        async with self._answer("GET", url, DOWNLOAD_S, sends=False) as response:
            if response.status in (404, 410):
                raise PermanentFailure("LINE no longer has the file. Ask the customer to send it again.", reason=BAD)
            if response.status == 202:
                raise errors.TemporaryFailure("LINE is still preparing the file.", retry_after=5)
            if response.status != 200:
                raise refusal(response.status, await _read(response), sends=False)
            async for chunk in response.content.iter_chunked(64 * 1024):
                yield chunk

    async def _call(
        self, verb: str, path: str, *, sends: bool, retry_key: str = "", patience: float = PATIENCE_S, **given: Any
    ) -> Json:
        if retry_key:
            given["headers"] = {"X-Line-Retry-Key": retry_key}
        async with self._answer(verb, self._url + path, patience, sends=sends, **given) as response:
            answer = await _read(response)
        if response.status in (200, 202):
            return answer
        if response.status == 409 and retry_key:
            # It was carried out before, and the answer names what was sent, though LINE promises that for pushes only.
            return {"sentMessages": [{"id": retry_key}], **answer}
        raise refusal(response.status, answer, sends=sends)

    @asynccontextmanager
    async def _answer(
        self, verb: str, url: str, patience: float, *, sends: bool, **given: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        given["timeout"] = aiohttp.ClientTimeout(total=patience, connect=3)
        given["headers"] = {**self._headers, **given.get("headers", {})}
        try:
            async with self._session.request(verb, url, allow_redirects=False, **given) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise errors.TemporaryFailure(f"LINE cannot be reached ({type(error).__name__}).") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            kind = errors.OutcomeUnknown if sends else errors.TemporaryFailure
            raise kind(f"LINE's answer did not arrive ({type(error).__name__}).") from None


async def _read(response: aiohttp.ClientResponse) -> Json:
    with suppress(errors.RequestRejected):
        answer = loads(await response.read())
        return answer if isinstance(answer, dict) else {}
    return {}


def refusal(status: int, answer: Json, *, sends: bool) -> errors.AdapterError:
    """What is raised for an answer that is no success; `sends`: the call may have carried something out."""
    details = [one for one in answer.get("details") or () if isinstance(one, dict)]
    parts = [answer.get("message"), *(f"{one.get('property', '')} {one.get('message', '')}" for one in details)]
    words = line(", ".join(str(part).strip(" .") for part in parts if part), limit=300) or "it gave no reason"
    if status == 400 and words.startswith("Invalid reply token"):
        return StaleReplyToken("The reply token was used already or has ended.")
    if status == 401:
        return errors.CredentialsRejected(
            "LINE does not accept the channel access token (any more). Issue one in the LINE Developers Console, on "
            "the Messaging API tab, and put it in the settings."
        )
    for code, pattern, reason, sentence in _REFUSALS:
        if status == code and re.search(pattern, words):
            return PermanentFailure(sentence.format(words), reason=reason)
    if status == 429:
        return errors.TemporaryFailure("LINE asks us to slow down.", retry_after=2)
    kind = errors.OutcomeUnknown if sends else errors.TemporaryFailure
    return kind(f"LINE answered {status}: {words}.")
