"""A customer with WhatsApp on the sandbox, for the scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp

from bridges.whatsapp import BRIDGE
from core.contracts.bridge import ExternalId, MessageReceived, Recipient
from core.testing.customer_peer import Failure, Seen
from core.testing.runtime import RecordingRuntime
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox
from sandbox.graph.wire import GraphError
from tests.bridges.webhooks import served

KINDS: dict[str, Literal["image", "document"]] = {"image/png": "image", "application/pdf": "document"}


def given(graph: GraphSandbox, **more: Any) -> dict[str, Any]:
    """The settings of the sandbox's number."""
    return {
        "access_token": graph.token,
        "app_secret": graph.app_secret,
        "verify_token": "sandbox-verify",
        "phone_number_id": graph.whatsapp.phone_number_id,
        "waba_id": graph.whatsapp.waba_id,
        "coexistence": True,
        "api_url": graph.url,
        **more,
    }


def refusal(code: int, words: str = "Meta's words", **more: Any) -> Fault:
    """A call that is answered with this error."""
    return Fault(status=400, body=GraphError(400, code, f"(#{code}) {words}", **more).body())


class WhatsAppPeer:
    """Implements `CustomerPeer`."""

    spec = BRIDGE
    failures = frozenset(Failure)

    def __init__(self, graph: GraphSandbox, core: RecordingRuntime, user: str) -> None:
        self._graph, self._user = graph, user
        self.core = core
        self.bridge = BRIDGE.build(BRIDGE.settings.model_validate(given(graph)), core.runtime)
        core.bridge = self.bridge
        self.recipient = Recipient(external_id=user, name="Ada")
        self._last = ""

    async def seen(self) -> Sequence[Seen]:
        chat = {bubble.id: bubble for bubble in self._graph.whatsapp.chat(self._user) if not bubble.deleted}
        found = []
        for bubble in chat.values():
            if bubble.ours:
                files = ()
                if bubble.url:
                    async with self.core.session.get(bubble.url) as answer:
                        files = ((bubble.file_name, await answer.read()),)
                quoted = chat[bubble.reply_to].text if bubble.reply_to in chat else ""
                buttons = tuple(label for _, label in bubble.buttons)
                found.append(Seen(text=bubble.text, files=files, quote=quoted, buttons=buttons))
        return found

    async def reaction(self, to: ExternalId) -> str | None:
        return self._graph.whatsapp.message(to).our_reaction or None

    async def typing(self) -> bool:
        return self._graph.whatsapp.person(self._user).typing_until > self._graph.clock()

    async def fail(self, failure: Failure) -> None:
        faults = self._graph.faults
        match failure:
            case Failure.REFUSED:
                faults.order("messages", refusal(131026))
            case Failure.THROTTLED:
                faults.order("messages", refusal(131056))
            case Failure.LOST:
                faults.order("messages", Fault(drop="after"))
            case Failure.REVOKED:
                self._graph.token = "another"

    async def says(
        self, text: str = "", *, file: tuple[str, str, bytes] | None = None, quote: ExternalId | None = None
    ) -> None:
        phone = self._graph.whatsapp
        if file is None:
            self._last = await phone.customer_writes(self._user, text, reply_to=quote or "")
        else:
            name, mime, data = file
            self._last = await phone.customer_sends(
                self._user, KINDS[mime], name, mime, data, caption=text, reply_to=quote or ""
            )

    async def edits(self, text: str) -> None:
        await self._graph.whatsapp.customer_edits(self._user, self._last, text)

    async def deletes(self) -> None:
        await self._graph.whatsapp.customer_deletes(self._user, self._last)

    async def reacts(self, to: ExternalId, emoji: str) -> None:
        await self._graph.whatsapp.customer_reacts(self._user, to, emoji)


@asynccontextmanager
async def whatsapp_peer(folder: Path) -> AsyncIterator[WhatsAppPeer]:
    async with (
        GraphSandbox(limits=False, retry_delays=(0.01,)) as graph,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=3)) as session,
    ):
        user = graph.whatsapp.add_customer("Ada", username="ada", phone="+49 1511 0000001")
        core = RecordingRuntime(session=session, folder=folder)
        peer = WhatsAppPeer(graph, core, user)
        async with served(peer.bridge, core) as url:
            await graph.whatsapp.connect(url, "sandbox-verify")
            await peer.says("Hello")
            first = await core.until(
                lambda: next((one for one in core.events if isinstance(one, MessageReceived)), None)
            )
            peer.recipient = Recipient(external_id=user, name="Ada", metadata=first.sender.metadata)
            yield peer
