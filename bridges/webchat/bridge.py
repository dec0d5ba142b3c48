"""The web chat of one account: a small server of its own beside the core's."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from bridges.webchat.files import FileRoutes, answering
from bridges.webchat.gate import Gate
from bridges.webchat.gestures import Gestures
from bridges.webchat.hub import Hub
from bridges.webchat.identity import Identities
from bridges.webchat.items import external_id, read_item, to_events
from bridges.webchat.pages import Pages
from bridges.webchat.polling import Polling
from bridges.webchat.sessions import Sessions
from bridges.webchat.settings import WebchatSettings
from bridges.webchat.sockets import Sockets
from bridges.webchat.tokens import Tokens
from core.contracts.bridge import Event, ExternalId, OutboundMessage, Recipient, Runtime


class WebchatBridge:
    """A message is delivered once it is committed: the visitor's tabs wake, and read what is new from her transcript.

    So one path serves a first load, a resume after a lost connection, an edit, and a tab that hangs on another replica.
    """

    def __init__(self, settings: WebchatSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        tokens = Tokens(key=runtime.secret("webchat"), account=runtime.account, now=runtime.now)
        gate = Gate(origins=settings.origins, url=runtime.url, tokens=tokens)
        self.hub = Hub(runtime, tokens)
        gestures = Gestures(runtime, tokens)
        self.sockets = Sockets(gate, tokens, self.hub, gestures)
        self._polling = Polling(gate, self.hub, gestures)
        self._sessions = Sessions(gate, Identities(settings, tokens, runtime.now))
        self._files = FileRoutes(gate, tokens, runtime, settings.max_upload)
        self._pages = Pages(settings, gate)

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/widget.js", answering(self._pages.widget)),
            web.get("/frame.html", answering(self._pages.frame)),
            web.get("/static/{version}/{name}", answering(self._pages.asset)),
            web.post("/session", answering(self._sessions.open)),
            web.get("/ws", answering(self.sockets.serve)),
            web.get("/events", answering(self._polling.events)),
            web.post("/send", answering(self._polling.send)),
            web.post("/upload", answering(self._files.upload)),
            web.get("/files/{token}", answering(self._files.download)),
        ]

    async def parse(self, raw: bytes) -> Sequence[Event]:
        return to_events(read_item(raw), self._runtime.files)

    async def send(self, message: OutboundMessage) -> ExternalId:
        return external_id(message.recipient.external_id, f"m/{message.message_id or message.key}")

    async def edit(self, external_id: ExternalId, message: OutboundMessage) -> None:
        """The transcript has the new text already."""

    async def delete(self, external_id: ExternalId, recipient: Recipient) -> None:
        """The transcript tells it."""

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        """The transcript shows it."""

    def transcript_changed(self, sender_id: str) -> None:
        self.hub.nudge(sender_id)

    async def show_typing(self, recipient: Recipient) -> None:
        self.hub.show_typing(recipient.external_id)

    async def check(self) -> str:
        sites = ", ".join(self._settings.origins) or "no other site"
        where = self._runtime.url or "no public address"
        return f'Web chat "{self._settings.title}" at {where}, shown on {sites}.'

    def close(self) -> None:
        """Tells every browser to come back later; for a server that is about to stop."""
        self.hub.dismiss_all()
