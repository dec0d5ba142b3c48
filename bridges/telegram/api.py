"""Calls the Bot API, and says what each of its refusals means."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

import aiohttp

from core.contracts import errors
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.json import loads

Json = Mapping[str, Any]
DOWNLOAD_S = 60.0

# https://core.telegram.org/bots/api#making-requests; the first row that fits a status and a description counts.
_REFUSALS = (
    (403, "deactivated", FailureReason.RECIPIENT_GONE, "The customer deleted the Telegram account."),
    (403, "initiate", FailureReason.RECIPIENT_GONE, "The customer has not started the bot yet."),
    (403, "", FailureReason.RECIPIENT_GONE, "The customer blocked the bot."),
    (400, "chat not found|user not found|PEER_ID_INVALID", FailureReason.RECIPIENT_GONE, "Telegram has no such chat."),
    (400, "REACTION", FailureReason.UNSUPPORTED, "Telegram does not offer this emoji as a reaction."),
    (400, "can't be|to edit|to react", FailureReason.UNSUPPORTED, "Telegram no longer allows it: {}."),
    (400, "file is too big", FailureReason.TOO_LARGE, "Telegram gives bots no file over 20 MB."),
    (413, "", FailureReason.TOO_LARGE, "The file is too large for Telegram."),
    (404, "method not found", FailureReason.UNSUPPORTED, "The Bot API server at `api_url` is too old: {}."),
    (400, "", FailureReason.BAD_CONTENT, "Telegram refused it: {}."),
)


class Upload(NamedTuple):
    """A file that goes out under one of the method's fields."""

    field: str
    name: str
    file: BinaryIO


class BotApi:
    """One bot's methods and files. Its token is part of every address, so no address is ever shown or logged."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._methods, self._files = f"{url}/bot{token}/", f"{url}/file/bot{token}/"

    async def call(
        self, method: str, values: Json, *, upload: Upload | None = None, patience: float = 10, fine: str = ""
    ) -> Any:
        """What the method answers; None where a refusal that says `fine` is as good. Raises as `Bridge.send`."""
        given: dict[str, Any] = {"json": values}
        if upload is not None:
            # Telegram does not decode the names that aiohttp would quote.
            form = aiohttp.FormData(quote_fields=False)
            for name, value in values.items():
                form.add_field(name, value if isinstance(value, str) else json.dumps(value))
            form.add_field(upload.field, upload.file, filename=upload.name, content_type="application/octet-stream")
            given = {"data": form}
        async with self._answer("POST", self._methods + method, patience, **given) as response:
            answer = await _read(response)
        if response.status == 200 and "result" in answer:
            return answer["result"]
        if fine and fine in str(answer.get("description")):
            return None
        raise _refusal(response.status, answer)

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a file that getFile named. Raises as `Bridge.send`."""
        async with self._answer("GET", self._files + path, DOWNLOAD_S) as response:
            if response.status == 404:
                raise PermanentFailure("Telegram no longer has the file.", reason=FailureReason.BAD_CONTENT)
            if response.status != 200:
                raise _refusal(response.status, await _read(response))
            async for chunk in response.content.iter_chunked(64 * 1024):
                yield chunk

    @asynccontextmanager
    async def _answer(
        self, verb: str, url: str, patience: float, **given: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        given["timeout"] = aiohttp.ClientTimeout(total=patience, connect=3)
        try:
            async with self._session.request(verb, url, allow_redirects=False, **given) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise errors.TemporaryFailure(f"Telegram cannot be reached ({type(error).__name__}).") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise errors.OutcomeUnknown(f"Telegram's answer did not arrive ({type(error).__name__}).") from None


async def _read(response: aiohttp.ClientResponse) -> Json:
    with suppress(errors.RequestRejected):
        answer = loads(await response.read())
        return answer if isinstance(answer, dict) else {}
    return {}


def _refusal(status: int, answer: Json) -> errors.AdapterError:
    words = str(answer.get("description", "no reason given")).removeprefix("Bad Request: ")
    for code, pattern, reason, sentence in _REFUSALS:
        if status == code and re.search(pattern, words):
            return PermanentFailure(sentence.format(words), reason=reason)
    if status == 429:
        wait = (answer.get("parameters") or {}).get("retry_after", 1)
        return errors.TemporaryFailure("Telegram asks us to slow down.", retry_after=float(wait))
    if status == 409:
        return errors.TemporaryFailure(f"Another program reads this bot's messages, and only one can ({words}).")
    if status in (401, 404):
        return errors.CredentialsRejected("Telegram does not know this token; copy it again from @BotFather.")
    return errors.OutcomeUnknown(f"Telegram answered {status}: {words}.")
