"""Files both ways, streamed: customers' into a thread in three steps, agents' out of Slack by their id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
from yarl import URL

from core.contracts.content import Attachment, StoredFile
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from plugins.slack.api import SlackApi
from plugins.slack.errors import SlackRefused, interrupted, retry_after, to_error
from plugins.slack.messages import GONE, SOURCE

CHUNK = 64 * 1024
MAX_REDIRECTS = 5
#: A file takes as long as it takes, but a connection that says nothing for half a minute is dead.
TIMEOUT = aiohttp.ClientTimeout(total=600, sock_connect=3, sock_read=30)
#: Where Slack keeps files; the token is sent nowhere else.
HOSTS = ("slack.com", "slack-files.com")
#: Tries of the last step of an upload, whose post already stands in the thread.
SHARE_TRIES = 3
MAX_PAUSE = 3.0
MAX_ALT = 1_000
#: Refusals of files.completeUploadExternal that mean it was done before.
SHARED_ALREADY = frozenset({"file_update_failed", "already_shared", "file_already_completed"})


class Files:
    """One workspace's files."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def upload(self, attachment: Attachment, stored: StoredFile) -> str:
        """Brings the bytes to Slack, where nobody sees them yet. Returns the file's id. Raises as `Bridge.send`."""
        if stored.size == 0:
            raise PermanentFailure("It is empty, and Slack takes no empty files.", reason=FailureReason.UNSUPPORTED)
        ticket = await self._api.call(
            "files.getUploadURLExternal",
            filename=attachment.name,
            length=stored.size,
            alt_txt=attachment.alt[:MAX_ALT] or None,
        )
        opened = await asyncio.to_thread(stored.path.open, "rb")
        try:
            async with self._api.session.post(
                str(ticket["upload_url"]),
                data=opened,
                headers={"Content-Type": "application/octet-stream"},
                timeout=TIMEOUT,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise _upload_refused(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise interrupted("files.upload", error) from error
        finally:
            await asyncio.to_thread(opened.close)
        return str(ticket["file_id"])

    async def share(self, files: Sequence[tuple[str, str]], room: str, thread: str) -> None:
        """Shows uploaded files in a thread, as one message of ours. Raises as `Bridge.send`.

        The text they belong to stands there already, so this tries again by itself, briefly.
        """
        entries = [{"id": file_id, "title": title} for file_id, title in files]
        in_doubt = False
        for left in range(SHARE_TRIES - 1, -1, -1):
            try:
                await self._api.attempt(
                    "files.completeUploadExternal", files=entries, channel_id=room, thread_ts=thread
                )
                return
            except SlackRefused as refused:
                if in_doubt and refused.code in SHARED_ALREADY:
                    return
                error = to_error(refused)
            except AdapterError as interruption:
                error = interruption
            if not left or not isinstance(error, TemporaryFailure):
                raise error
            in_doubt = in_doubt or isinstance(error, OutcomeUnknown)
            pause = error.retry_after or 0.5
            if pause > MAX_PAUSE:
                raise error
            await asyncio.sleep(pause)

    async def fetch(self, source: str) -> AsyncIterator[bytes]:
        """The bytes of an agent's file. Raises as `Bridge.send`."""
        answer = await self._api.call("files.info", file=source.removeprefix(SOURCE))
        file: Mapping[str, Any] = answer.get("file") or {}
        limit = self._api.settings.max_file
        size = int(file.get("size") or 0)
        if (mode := file.get("mode")) in GONE:
            raise PermanentFailure(GONE[str(mode)], reason=FailureReason.BAD_CONTENT)
        if size > limit:
            raise _too_large(limit)
        address = str(file.get("url_private_download") or file.get("url_private") or "")
        received = 0
        try:
            async with await self._open(address) as response:
                _check_download(response, file)
                async for chunk in response.content.iter_chunked(CHUNK):
                    if not received and _is_login_page(chunk, file):
                        raise _no_access()
                    received += len(chunk)
                    if received > limit:
                        raise _too_large(limit)
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise interrupted("files.download", error) from error
        if size and received != size:
            raise TemporaryFailure(f"Slack sent {received} of the file's {size} bytes.")

    async def delete(self, file_id: str) -> None:
        """Takes a file of ours away for good. Raises as `Bridge.send`."""
        try:
            await self._api.attempt("files.delete", file=file_id)
        except SlackRefused as refused:
            if refused.code not in {"file_deleted", "file_not_found"}:
                raise to_error(refused) from None

    async def _open(self, address: str) -> aiohttp.ClientResponse:
        """The answer at the end of the redirects, each of which must stay with Slack."""
        for _ in range(MAX_REDIRECTS + 1):
            if not self._is_slack(address):
                raise PermanentFailure(
                    f"Slack keeps the file at {URL(address).host or 'no address'}, where we do not fetch from.",
                    reason=FailureReason.UNSUPPORTED,
                )
            token = self._api.settings.bot_token.get_secret_value()
            response = await self._api.session.get(
                address,
                headers={"Authorization": f"Bearer {token}"},
                timeout=TIMEOUT,
                allow_redirects=False,
            )
            if response.status not in {301, 302, 303, 307, 308}:
                return response
            target = response.headers.get("Location", "")
            response.release()
            address = str(URL(address).join(URL(target)))
        raise PermanentFailure("Slack redirects the file in a circle.", reason=FailureReason.UNSUPPORTED)

    def _is_slack(self, address: str) -> bool:
        url, api = URL(address), URL(self._api.settings.api_url)
        if url.scheme and url.origin() == api.origin():
            return True
        host = url.host or ""
        return url.scheme == "https" and any(host == known or host.endswith(f".{known}") for known in HOSTS)


def _upload_refused(response: aiohttp.ClientResponse) -> AdapterError:
    if response.status == 429:
        return TemporaryFailure("Slack asks us to wait with files.", retry_after=retry_after(response.headers) or 5.0)
    if response.status >= 500:
        return TemporaryFailure(f"Slack could not take the file just now ({response.status}).")
    if response.status == 413:
        return PermanentFailure("It is too large for Slack.", reason=FailureReason.TOO_LARGE)
    return PermanentFailure(f"Slack did not take the file ({response.status}).", reason=FailureReason.BAD_CONTENT)


def _check_download(response: aiohttp.ClientResponse, file: Mapping[str, Any]) -> None:
    status = response.status
    if status == 429:
        raise TemporaryFailure("Slack asks us to wait with files.", retry_after=retry_after(response.headers) or 5.0)
    if status >= 500:
        raise TemporaryFailure(f"Slack could not give the file just now ({status}).")
    if status == 401:
        raise CredentialsRejected("Slack no longer accepts our token for files.")
    if status != 200:
        raise PermanentFailure(f"Slack does not give the file ({status}).", reason=FailureReason.BAD_CONTENT)
    # Without access Slack answers 200 and a page to sign in.
    if response.content_type == "text/html" and not _may_be_html(response, file):
        raise _no_access()


def _may_be_html(response: aiohttp.ClientResponse, file: Mapping[str, Any]) -> bool:
    return file.get("mimetype") == "text/html" and response.content_length == file.get("size")


def _is_login_page(start: bytes, file: Mapping[str, Any]) -> bool:
    if str(file.get("mimetype") or "").startswith("text/"):
        return False
    return start[:64].lstrip().lower().startswith((b"<html", b"<!doctype html"))


def _no_access() -> PermanentFailure:
    return PermanentFailure(
        "Slack asks us to sign in instead of giving the file; the app needs files:read and must be in the channel.",
        reason=FailureReason.MISCONFIGURED,
    )


def _too_large(limit: int) -> PermanentFailure:
    return PermanentFailure(f"It is larger than {limit // 1024**2} MB.", reason=FailureReason.TOO_LARGE)
