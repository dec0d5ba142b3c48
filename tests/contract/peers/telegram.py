"""A customer with Telegram on the sandbox, for the scenarios."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bridges.telegram import BRIDGE
from core.contracts.bridge import ExternalId, Recipient
from core.testing.customer_peer import Failure, Seen
from core.testing.runtime import RecordingRuntime
from sandbox.faults import Fault
from sandbox.telegram import TelegramSandbox

KINDS = {"image/png": "photo", "application/pdf": "document"}
SLOW_DOWN = Fault(
    status=429,
    body={
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    },
)


class TelegramPeer:
    """Implements `CustomerPeer`."""

    spec = BRIDGE
    failures = frozenset(Failure)

    def __init__(self, telegram: TelegramSandbox, core: RecordingRuntime, user: int) -> None:
        self._telegram, self._user = telegram, user
        self.core = core
        given = {"token": telegram.token, "api_url": telegram.url}
        self.bridge = BRIDGE.build(BRIDGE.settings.model_validate(given), core.runtime)
        core.bridge = self.bridge
        self.recipient = Recipient(external_id=str(user), name="Ada", metadata={"chat": user})
        self._last = 0

    async def seen(self) -> Sequence[Seen]:
        chat = {bubble.message_id: bubble for bubble in self._telegram.chat(self._user) if not bubble.deleted}
        found = []
        for bubble in chat.values():
            if bubble.from_bot:
                files = ()
                if bubble.url:
                    async with self.core.session.get(bubble.url) as answer:
                        files = ((bubble.file_name, await answer.read()),)
                quoted = chat[bubble.reply_to].text if bubble.reply_to in chat else ""
                buttons = tuple(button["text"] for row in bubble.buttons for button in row)
                found.append(Seen(text=bubble.text, files=files, quote=quoted, buttons=buttons))
        return found

    async def reaction(self, to: ExternalId) -> str | None:
        number = int(to.partition(":")[2])
        return next(one.bot_reaction for one in self._telegram.chat(self._user) if one.message_id == number)

    async def typing(self) -> bool:
        return any(call.method == "sendChatAction" and call.status == 200 for call in self._telegram.calls)

    async def fail(self, failure: Failure) -> None:
        match failure:
            case Failure.REFUSED:
                await self._telegram.customer_blocks(self._user)
            case Failure.THROTTLED:
                self._telegram.faults.order("sendMessage", SLOW_DOWN)
            case Failure.LOST:
                self._telegram.faults.order("sendMessage", Fault(drop="after"))
            case Failure.REVOKED:
                self._telegram.token = "999:revoked"

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        answers = int(quote.partition(":")[2]) if quote else None
        if file is None:
            self._last = await self._telegram.customer_writes(self._user, text, reply_to=answers)
        else:
            name, mime, data = file
            self._last = await self._telegram.customer_sends(
                self._user, KINDS[mime], name, mime, data, caption=text, reply_to=answers
            )

    async def edits(self, text: str) -> None:
        await self._telegram.customer_edits(self._user, self._last, text)

    async def deletes(self) -> None:
        await self._telegram.customer_deletes(self._user, self._last)

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        await self._telegram.customer_reacts(self._user, int(to.partition(":")[2]), emoji)


@asynccontextmanager
async def telegram_peer(folder: Path) -> AsyncIterator[TelegramPeer]:
    async with (
        TelegramSandbox(limits=False) as telegram,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=3)) as session,
    ):
        user = telegram.add_customer("Ada", username="ada")
        await telegram.customer_starts(user)
        telegram.world.delivery.drop_pending()
        peer = TelegramPeer(telegram, RecordingRuntime(session=session, folder=folder), user)
        task = asyncio.create_task(peer.bridge.listen())
        try:
            yield peer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
