"""Socket Mode: one connection that is watched, because it has a history of going deaf without a word.

python-slack-sdk issues 1110, 1446, 1922; bolt-python issues 417, 1529.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from core.contracts.errors import AdapterError, CredentialsRejected, PermanentFailure, TemporaryFailure
from plugins.slack.api import SlackApi, is_loopback, quiet_logger
from plugins.slack.settings import SlackSettings

logger = logging.getLogger(__name__)

#: Silence of this many ping intervals means that the connection is dead, whatever it says.
DEAF_AFTER = 4
MAX_BACKOFF = 60.0
CLOSE_TIMEOUT = 3.0
#: Seconds for a connection to come up before it is built anew, at most.
CONNECT_TIMEOUT = 15.0
DEAF = "The Socket Mode connection to Slack is down; it is being rebuilt. Replies wait in Slack until then."


async def authenticated(api: SlackApi, trouble: Callable[[str | None], None]) -> None:
    """Returns when Slack knows us; until then says why not, and asks again."""
    wait = 1.0
    while True:
        try:
            await api.identity()
        except AdapterError as error:
            trouble(str(error))
            pause = getattr(error, "retry_after", None) if isinstance(error, TemporaryFailure) else None
            await asyncio.sleep(pause or wait * random.uniform(0.5, 1.5))
            wait = min(wait * 2, MAX_BACKOFF)
        else:
            trouble(None)
            return


class Socket:
    """The connection, from its first attempt until it is cancelled."""

    def __init__(
        self, settings: SlackSettings, api: SlackApi, app: AsyncApp, trouble: Callable[[str | None], None]
    ) -> None:
        self._settings = settings
        self._api = api
        self._app = app
        self._trouble = trouble

    async def run(self) -> None:
        """Holds a connection open until cancelled; a deaf one is thrown away and built anew."""
        wait = self._settings.ping_interval
        while True:
            began = time.monotonic()
            try:
                await self._once()
                self._trouble(DEAF)
            except (CredentialsRejected, PermanentFailure) as error:
                self._trouble(f"Socket Mode cannot start; look at app_token and its connections:write. {error}")
            except (OSError, TimeoutError, TemporaryFailure) as error:
                self._trouble(DEAF)
                logger.warning("Socket Mode failed", extra={"action": "socket_failed", "reason": type(error).__name__})
            # A connection that held for a while earns a quick new one.
            wait = 1.0 if time.monotonic() - began > MAX_BACKOFF else min(wait * 2, MAX_BACKOFF)
            await asyncio.sleep(min(wait, self._settings.ping_interval * DEAF_AFTER) * random.uniform(0.5, 1.0))

    async def _once(self) -> None:
        """One connection's life. Returns when it is deaf."""
        # Slack's own answer to a bad app token is a sentence; the SDK would only try for ever.
        address = await self._api.open_socket()
        handler = AsyncSocketModeHandler(
            self._app,
            self._settings.app_token.get_secret_value(),
            logger=quiet_logger(),
            web_client=self._api.client,
            ping_interval=self._settings.ping_interval,
        )
        if is_loopback(self._settings.api_url):
            handler.client.proxy = None
        handler.client.wss_uri = address
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT, DEAF_AFTER * self._settings.ping_interval)):
                # slack_sdk leaves this method, and close() below, without a return type.
                await handler.client.connect()  # type: ignore[no-untyped-call]
            self._trouble(None)
            await self._watch(handler)
        finally:
            await _closed(handler.client)

    async def _watch(self, handler: AsyncSocketModeHandler) -> None:
        interval = self._settings.ping_interval
        connected = time.time()
        while True:
            await asyncio.sleep(interval)
            heard = handler.client.last_ping_pong_time or connected
            if time.time() - max(heard, connected) > DEAF_AFTER * interval:
                return


async def _closed(client: SocketModeClient) -> None:
    """Closes even while we are being cancelled, and never waits long for the other side."""

    async def close() -> None:
        await client.close()  # type: ignore[no-untyped-call]
        # The SDK cancels its tasks and leaves them behind.
        tasks = (client.message_processor, client.current_session_monitor, client.message_receiver)
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)

    with contextlib.suppress(OSError, TimeoutError, RuntimeError):
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(close())), CLOSE_TIMEOUT)
