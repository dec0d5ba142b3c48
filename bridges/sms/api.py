"""Calls Twilio's API, and downloads from its own hosts only."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp

from bridges.sms.refusals import refusal
from bridges.sms.settings import LOOPBACK, SmsSettings
from core.contracts import errors
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.json import loads

Json = Mapping[str, Any]
#: Shorter than the time that the core gives to one send, so that what is known about it is said.
PATIENCE_S = 8.0
DOWNLOAD_S = 120.0
REDIRECTS = 3
#: https://www.twilio.com/docs/messaging/api/media-resource: where its media are led to.
_CDN = re.compile(
    r"https://(?:[a-z0-9-]+\.)*twiliocdn\.com/|https://s3-external-1\.amazonaws\.com/media\.twiliocdn\.com/"
)


class TwilioApi:
    """One account's calls."""

    def __init__(self, session: aiohttp.ClientSession, settings: SmsSettings) -> None:
        self._session, self._host = session, settings.api_url
        self._account = f"{self._host}/2010-04-01/Accounts/{settings.account_sid}"
        login = aiohttp.encode_basic_auth(settings.account_sid, settings.auth_token.get_secret_value())
        self._login = {"Authorization": login}
        #: A sandbox on this machine is its own media host.
        self._is_local = urlsplit(self._host).hostname in LOOPBACK

    async def post(self, path: str, form: Mapping[str, str]) -> Json:
        """Sends something. Raises as `Bridge.send`."""
        return await self._call("POST", self._account + path, sends=True, data=form)

    async def get(self, path: str, **query: str) -> Json:
        """Reads something. Raises as `Bridge.send`, but never OutcomeUnknown."""
        return await self._call("GET", self._account + path, sends=False, params=query)

    async def pages(self, path: str, name: str, query: Mapping[str, str]) -> AsyncIterator[Json]:
        """Every item of a list, newest first. Raises as `get`."""
        page = await self._call("GET", self._account + path, sends=False, params={"PageSize": "100", **query})
        while True:
            if not isinstance(items := page.get(name), list):
                # An empty answer would mean that nothing was sent.
                raise errors.TemporaryFailure("Twilio's list could not be read.")
            for item in items:
                yield item
            if not (following := page.get("next_page_uri")):
                return
            page = await self._call("GET", f"{self._host}/{str(following).lstrip('/')}", sends=False)

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a file; the login stays with the API. Raises as `get`."""
        url = self._account + path
        login = self._login
        for _ in range(REDIRECTS + 1):
            async with self._answer("GET", url, DOWNLOAD_S, sends=False, headers=login) as response:
                if response.status == 200:
                    async for chunk in response.content.iter_chunked(64 * 1024):
                        yield chunk
                    return
                if response.status in (404, 410):
                    raise PermanentFailure("Twilio no longer has the file.", reason=FailureReason.BAD_CONTENT)
                if response.status not in (301, 302, 303, 307, 308):
                    # A signature of the file server ends soon; the next try gets a new one.
                    status, answer = (response.status, await _read(response)) if login else (503, {})
                    raise refusal(status, answer, "", sends=False)
                url, login = urljoin(url, response.headers.get("Location", "")), {}
            if not (_CDN.match(url) or (self._is_local and url.startswith(f"{self._host}/"))):
                break
        raise PermanentFailure("Twilio led to a file elsewhere, so it was not fetched.", reason=FailureReason.POLICY)

    async def _call(self, verb: str, url: str, *, sends: bool, **given: Any) -> Json:
        async with self._answer(verb, url, PATIENCE_S, sends=sends, headers=self._login, **given) as response:
            answer = await _read(response)
        if response.status in (200, 201) and answer:
            return answer
        raise refusal(response.status, answer, response.headers.get("Retry-After", ""), sends=sends)

    @asynccontextmanager
    async def _answer(
        self, verb: str, url: str, patience: float, *, sends: bool, **given: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        given["timeout"] = aiohttp.ClientTimeout(total=patience, connect=3)
        try:
            async with self._session.request(verb, url, allow_redirects=False, **given) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise errors.TemporaryFailure(f"Twilio cannot be reached ({type(error).__name__}).") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            kind = errors.OutcomeUnknown if sends else errors.TemporaryFailure
            raise kind(f"Twilio's answer did not arrive ({type(error).__name__}).") from None


async def _read(response: aiohttp.ClientResponse) -> Json:
    with suppress(errors.RequestRejected):
        answer = loads(await response.read())
        return answer if isinstance(answer, dict) else {}
    return {}
