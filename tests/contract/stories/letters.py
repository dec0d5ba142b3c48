"""A customer on the channel whose vendor does what a story orders."""

from __future__ import annotations

from core.testing.fakes import FakeChannel, FakeCustomer
from sandbox.play.customers import Customer
from tests.flows.conftest import until


class LetterCustomer(Customer):
    channel = "Letters"

    def __init__(self, letters: FakeChannel, name: str) -> None:
        self._letters = letters
        self.name = name
        self.letter: FakeCustomer = letters.customer(name)

    async def writes(self, text: str, *, quoting: str = "") -> str:
        return await self._letters.writes(self.letter, text)

    async def writes_elsewhere(self, text: str) -> LetterCustomer:
        """She writes from another address of hers."""
        other = LetterCustomer(self._letters, f"{self.name}s")
        await other.writes(text)
        return other

    async def window_closes(self) -> None:
        await self._letters.sets_window(self.letter, None)

    async def has(self, text: str) -> None:
        await until(lambda: text in self.texts(), f"{text!r} at the customer's other address")

    async def sends(self, name: str, mime: str, data: bytes) -> None:
        await self._letters.writes(self.letter, files=[(name, mime, data)])

    async def edit(self, ref: str, text: str) -> None:
        await self._letters.edits(ref, text)

    async def delete(self, ref: str) -> None:
        await self._letters.deletes(ref)

    async def react(self, containing: str, emoji: str) -> None:
        found = next(one for one in self._letters.shown(self.letter) if containing in one.text)
        await self._letters.reacts(found.id, emoji)

    def texts(self) -> list[str]:
        return [one.text for one in self._letters.shown(self.letter)]

    def files(self) -> list[str]:
        return [one.name for shown in self._letters.shown(self.letter) for one in shown.message.content.attachments]

    def reactions(self) -> list[str]:
        return []
