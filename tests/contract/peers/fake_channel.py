"""A customer of a fake channel, for the scenarios: the fake must be what it stands in for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from core.contracts.bridge import ExternalId, Recipient
from core.contracts.errors import CredentialsRejected, OutcomeUnknown, TemporaryFailure
from core.testing.customer_peer import Failure, Seen
from core.testing.fakes import FakeChannel
from core.testing.runtime import RecordingRuntime


class FakeChannelPeer:
    """Implements `CustomerPeer`."""

    failures = frozenset(Failure)

    def __init__(self, channel: FakeChannel, core: RecordingRuntime) -> None:
        self.channel, self.core, self.spec = channel, core, channel.spec
        self.bridge = channel.spec.build(channel.spec.settings(), core.runtime)
        core.bridge = self.bridge
        self.customer = channel.customer("Ada")
        self.recipient = Recipient(external_id=self.customer.id, name="Ada")
        self._last = ExternalId("")

    async def seen(self) -> Sequence[Seen]:
        shown = self.channel.shown(self.customer)
        texts = {one.id: one.text for one in shown}
        return [
            Seen(
                text=one.text,
                files=tuple(
                    (attachment.name, data)
                    for attachment, data in zip(one.message.content.attachments, one.files, strict=True)
                ),
                quote=texts.get(one.message.quote, "") if one.message.quote else "",
                buttons=tuple(choice.label for choice in one.message.content.choices),
            )
            for one in shown
        ]

    async def reaction(self, to: ExternalId) -> str | None:
        return self.channel.find(to).reaction

    async def typing(self) -> bool:
        return any(call.verb == "show_typing" for call in self.channel.calls)

    async def fail(self, failure: Failure) -> None:
        match failure:
            case Failure.REFUSED:
                await self.channel.blocks(self.customer)
            case Failure.THROTTLED:
                self.channel.faults.order("send", TemporaryFailure("Slow down.", retry_after=3.0))
            case Failure.LOST:
                self.channel.faults.order("send", OutcomeUnknown("The answer was lost."), after=True)
            case Failure.REVOKED:
                self.channel.faults.stand("send", CredentialsRejected("The token was revoked."))

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        self._last = await self.channel.writes(self.customer, text, files=[file] if file else [], quote=quote)

    async def edits(self, text: str) -> None:
        await self.channel.edits(self._last, text)

    async def deletes(self) -> None:
        await self.channel.deletes(self._last)

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        await self.channel.reacts(to, emoji)


@asynccontextmanager
async def fake_channel_peer(folder: Path) -> AsyncIterator[FakeChannelPeer]:
    async with aiohttp.ClientSession() as session:
        peer = FakeChannelPeer(FakeChannel(), RecordingRuntime(session=session, folder=folder))
        task = asyncio.create_task(peer.bridge.listen())
        try:
            yield peer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
