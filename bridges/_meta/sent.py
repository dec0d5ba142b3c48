"""What a Page or an Instagram account sent, so that what the vendor tells of messages can be matched with ours."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from core.contracts.bridge import ExternalId, Runtime
from core.contracts.remembered import Remembered

#: As long as echoes and receipts may be late.
_KEPT = timedelta(days=8)
#: Messages of one chat that receipts may still speak of.
_MOST = 100
_PAGE, _MOST_PAGES = 200, 10
#: Meta brings an echo about when it answers the send; it wants its own answer within five seconds.
_PATIENCE_S = 3.0


@dataclass(slots=True, kw_only=True)
class _Chat:
    #: Milliseconds by id, oldest first.
    at: dict[str, int] = field(default_factory=dict)
    #: How far the transcript was read.
    cursor: int = 0


class Sent:
    """By customer: ids with Meta's times; after a restart, what the core's transcript still knows."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._chats: Remembered[_Chat] = Remembered(runtime.now, lasts=_KEPT)
        self._ids: Remembered[ExternalId] = Remembered(runtime.now, lasts=_KEPT)
        self._sending: Counter[str] = Counter()
        self._settled = asyncio.Event()

    @contextmanager
    def sending(self, customer: str) -> Iterator[None]:
        """While a send to her is under way, nobody knows its id yet."""
        self._sending[customer] += 1
        try:
            yield
        finally:
            self._sending[customer] -= 1
            self._sending += Counter()
            self._settled.set()
            self._settled.clear()

    def note(self, customer: str, external_id: str, at: int | None = None, *, key: str = "") -> None:
        """A message of ours; `at` by Meta's clock, where it said so, and `key` as it was sent."""
        chat = self._chat(customer)
        if at is None:
            chat.at.setdefault(external_id, int(self._runtime.now().timestamp() * 1000))
        else:
            chat.at[external_id] = at
        while len(chat.at) > _MOST:
            del chat.at[next(iter(chat.at))]
        if key:
            self._ids.put(key, ExternalId(external_id))

    def id_of(self, key: str) -> ExternalId | None:
        """Under which id an echo told of the message with this key."""
        return self._ids.get(key)

    async def is_ours(self, customer: str, external_id: str) -> bool:
        """Whether we sent it, as far as anybody knows."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while external_id not in self._chat(customer).at and self._sending[customer]:
                    await self._settled.wait()
        except TimeoutError:
            pass
        return external_id in (await self._known(customer)).at

    async def until(self, customer: str, watermark: int) -> Sequence[ExternalId]:
        """Our messages to her that were sent by then, oldest first."""
        known = sorted((at, one) for one, at in (await self._known(customer)).at.items() if at <= watermark)
        return [ExternalId(one) for _, one in known]

    async def _known(self, customer: str) -> _Chat:
        chat = self._chat(customer)
        for _ in range(_MOST_PAGES):
            items = await self._runtime.transcript(customer, chat.cursor, _PAGE)
            for item in items:
                chat.cursor = max(chat.cursor, item.cursor)
                if item.external_id and not item.from_customer and item.external_id not in chat.at:
                    self.note(customer, item.external_id, int(item.at.timestamp() * 1000))
            if len(items) < _PAGE:
                break
        return chat

    def _chat(self, customer: str) -> _Chat:
        chat = self._chats.get(customer)
        if chat is None:
            chat = _Chat()
            self._chats.put(customer, chat)
        return chat
