"""What the sending and receiving scenarios need of a customer: her screen, her gestures, and her vendor's bad days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from core.contracts.bridge import Bridge, BridgeSpec, ExternalId, Recipient
from core.testing.runtime import RecordingRuntime


class Failure(StrEnum):
    """How the next send goes wrong."""

    #: The vendor will never deliver to her.
    REFUSED = "refused"
    #: Too many messages: the vendor says, or implies, that it wants a pause.
    THROTTLED = "throttled"
    #: It was delivered, and the answer is lost.
    LOST = "lost"
    #: Our token or password is no longer accepted.
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One message from us, as the customer sees it."""

    text: str = ""
    files: tuple[tuple[str, bytes], ...] = ()
    #: Text of the message it answers, or "".
    quote: str = ""
    #: The labels of its buttons.
    buttons: tuple[str, ...] = ()


class CustomerPeer(Protocol):
    """One customer who has written already, and the account she wrote to."""

    spec: BridgeSpec[Any]
    bridge: Bridge
    core: RecordingRuntime
    recipient: Recipient
    #: What her vendor can do to us; a channel of our own has none.
    failures: frozenset[Failure]

    async def seen(self) -> Sequence[Seen]:
        """All that stands on her screen from us, oldest first."""
        ...

    async def reaction(self, to: ExternalId) -> str | None:
        """Our emoji on that message, hers or ours."""
        ...

    async def typing(self) -> bool:
        """Whether she sees us typing."""
        ...

    async def fail(self, failure: Failure) -> None: ...

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        """She writes, perhaps with a file of (name, type, content), perhaps in answer to a message of ours."""
        ...

    async def edits(self, text: str) -> None:
        """She changes what she said last."""
        ...

    async def deletes(self) -> None:
        """She takes back what she said last."""
        ...

    async def reacts(self, to: ExternalId, emoji: str) -> None: ...
