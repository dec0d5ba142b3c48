"""A customer with a phone on Twilio's sandbox, for the scenarios: by SMS, WhatsApp or RCS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from bridges.sms import BRIDGE, VARIANTS
from core.contracts.bridge import ExternalId
from core.testing.customer_peer import Failure, Seen
from sandbox.faults import Fault
from sandbox.twilio import TwilioSandbox
from tests.bridges.sms_accounts import ADA, Account, sms_account

SLOW_DOWN = Fault(status=429, body={"code": 20429, "message": "Too Many Requests"}, headers={"Retry-After": "3"})


class SmsPeer:
    """Implements `CustomerPeer`."""

    failures = frozenset(Failure)

    def __init__(self, account: Account, variant: str) -> None:
        self._account, self._twilio = account, account.twilio
        self.spec = replace(BRIDGE, capabilities=VARIANTS[variant])
        self.core, self.bridge, self.recipient = account.core, account.bridge, account.ada

    async def seen(self) -> Sequence[Seen]:
        await self._twilio.carrier.idle()
        ours = [one for one in self._twilio.phone(ADA) if one.direction == "outbound-api"]
        return [Seen(text=one.words, files=tuple((media.sid, media.data) for media in one.media)) for one in ours]

    async def reaction(self, to: ExternalId) -> str | None:
        return None

    async def typing(self) -> bool:
        return False

    async def fail(self, failure: Failure) -> None:
        match failure:
            case Failure.REFUSED:
                self._twilio.world.opted_out.update((line, ADA) for line in self._twilio.world.lines)
            case Failure.THROTTLED:
                self._twilio.faults.order("messages.create", SLOW_DOWN)
            case Failure.LOST:
                self._twilio.faults.order("messages.create", Fault(drop="after"))
            case Failure.REVOKED:
                self._twilio.auth_token = "another"

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        if file is None:
            self._twilio.customer_writes(ADA, text, reply_to=quote or "")
        else:
            _, mime, data = file
            self._twilio.customer_sends(ADA, mime, data, text=text, reply_to=quote or "")

    async def edits(self, text: str) -> None:
        raise NotImplementedError("Nothing that was texted can be changed")

    async def deletes(self) -> None:
        raise NotImplementedError("Nothing that was texted can be taken back")

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        raise NotImplementedError("A reaction is a text of its own here")


def sms_peer(variant: str) -> Callable[[Path], AbstractAsyncContextManager[SmsPeer]]:
    @asynccontextmanager
    async def peer(folder: Path) -> AsyncIterator[SmsPeer]:
        async with (
            TwilioSandbox(limits=False) as twilio,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=3)) as session,
            sms_account(twilio, session, folder, variant=variant) as account,
        ):
            # WhatsApp takes answers only.
            twilio.customer_writes(ADA, "Hello")
            await account.core.arrived(1)
            yield SmsPeer(account, variant)

    return peer
