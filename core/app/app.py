"""The composition root: settings, storage, services, adapters and workers, in plain calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import aiohttp
import structlog
from sqlalchemy import Connection

from core import discovery
from core.app.alerts import Alerts
from core.app.lending import Lender
from core.app.pruning import Pruning
from core.app.relay import TypingRelay
from core.app.report import Report
from core.app.supervision import Supervisor
from core.cards.card import ChannelInfo
from core.cards.drawing import Drawer
from core.cards.opening import Openings
from core.contacts import repository as contacts
from core.contacts.service import ContactService
from core.contracts.bridge import Accepted, Bridge, Closes, FollowsTranscript, ListeningBridge
from core.contracts.content import StoredFile
from core.contracts.errors import AdapterError
from core.contracts.workplace import ListeningWorkplace, Workplace, WorkplaceCapabilities
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.service import ConversationService
from core.delivery.fetching import FetchHandler
from core.delivery.handler import Context
from core.delivery.handlers import handlers
from core.desk.desk import DeskService
from core.identity.parts import build as build_identity
from core.intake import Account, Intake
from core.observability.metrics import Metrics
from core.observability.troubles import Troubles
from core.outbox.repository import Outbox
from core.outbox.worker import Worker
from core.quarantine.models import QuarantineState
from core.quarantine.repository import Quarantine
from core.routing.rules import room_named, rooms_of, router_for
from core.settings.models import Settings
from core.storage import migrate
from core.storage.errors import StorageError
from core.storage.files import FileStore
from core.storage.links import FileLinks
from core.storage.secrets import Secrets
from core.storage.storage import Storage
from core.web.parts import Parts
from core.web.server import WebServer

log = structlog.get_logger(__name__)

#: How long a file that was too large to send stays linked.
_LINK_LIFE = timedelta(days=30)
#: As long as a file is surely kept that belongs to no message: each look at the message makes it anew.
_TEXT_LINK_LIFE = timedelta(hours=24)
#: Calls to vendors (delivery.md, section 9).
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=3, sock_connect=3, sock_read=10)
_REDO_SECONDS = 1.0


class App:
    """One process of Threadbridge. Constructing opens nothing; entering opens the database and builds the adapters."""

    def __init__(self, settings: Settings, *, probe_seconds: float = 30.0) -> None:
        self.settings = settings
        self._probe_seconds = probe_seconds
        self._stack = AsyncExitStack()
        #: Set while requests are answered.
        self.serving = asyncio.Event()
        self.metrics = Metrics()
        self.troubles = Troubles(self.metrics, changed=self._trouble_changed)
        self.storage = Storage(settings.database, registry=self.metrics.registry)
        self.outbox = Outbox(self.storage)
        self.quarantine = Quarantine(self.storage)
        key = settings.secret_key.get_secret_value() if settings.secret_key else None
        self.secrets = Secrets(settings.data_dir, key)
        self.files = FileStore(settings.data_dir / "files", settings.limits.attachment_bytes)
        self.links = FileLinks(self.files, self.secrets.derive("file-links"))
        self.router = router_for(settings)
        self.bridges: dict[str, Bridge] = {}
        self.workplaces: dict[str, Workplace] = {}
        self._specs = {account.name: discovery.bridges()[account.channel] for account in settings.accounts}
        self._workspaces: dict[str, WorkplaceCapabilities] = {
            workspace.name: discovery.workplaces()[workspace.workplace].capabilities
            for workspace in settings.workspaces
        }
        self.channels = {
            account.name: ChannelInfo(title=spec.title, capabilities=spec.capabilities_of(account.options))
            for account in settings.accounts
            for spec in (self._specs[account.name],)
        }
        self._alerts = Alerts(self.storage, self.outbox, room_named(settings.operators_room or settings.default_room))

    async def __aenter__(self) -> Self:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        await migrate.upgrade(self.settings.database)
        await self._stack.enter_async_context(self.storage)
        connector = aiohttp.TCPConnector(limit=200, limit_per_host=50)
        session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=False)
        self.session = await self._stack.enter_async_context(session)
        self._build()
        return self

    def _build(self) -> None:
        settings = self.settings
        titles = {one.name: discovery.workplaces()[one.workplace].title for one in settings.workspaces}
        drawer = Drawer(self.files, self.channels, self._workspaces, titles)
        openings = Openings(drawer, self.channels, self._workspaces)
        capabilities = {name: info.capabilities for name, info in self.channels.items()}
        channel_titles = {name: info.title for name, info in self.channels.items()}
        dispatcher = Dispatcher(self.outbox, capabilities, self._workspaces, channel_titles)
        contact_service = ContactService()
        identity = build_identity(
            self.storage,
            self.outbox,
            dispatcher,
            contact_service,
            key=self.secrets.derive("identity"),
            channels=capabilities,
            links_work=bool(settings.public_url),
        )
        conversations = ConversationService()
        messages = MessageService(self._touched)
        self.desk = DeskService(
            self.storage,
            conversations,
            messages,
            dispatcher,
            self.outbox,
            self.router,
            self.channels,
            openings,
            identity,
            hold=timedelta(seconds=settings.desk.hold_seconds),
            guests_may_reply=settings.desk.guests_may_reply,
            workspaces=self._workspaces,
            bridges=self.bridges,
            canned=settings.canned_replies,
            text_link=self._text_link,
            trouble=self.troubles.tell,
            troubles=self.troubles.sentences,
        )
        lender = Lender(
            storage=self.storage,
            outbox=self.outbox,
            session=self.session,
            files=self.files,
            secrets=self.secrets,
            drawer=drawer,
            capabilities=capabilities,
            public_url=settings.public_url,
            trouble=self.troubles.tell,
            take=self.take,
            rejected=self.metrics.reject,
            file_link=self._file_link,
        )
        for account in settings.accounts:
            spec = self._specs[account.name]
            self.bridges[account.name] = spec.build(account.options, lender.to_bridge(account.name))
        for workspace in settings.workspaces:
            build = discovery.workplaces()[workspace.workplace].build
            self.workplaces[workspace.name] = build(workspace.options, self.desk, lender.to_workplace(workspace.name))
        self._relay = TypingRelay(self.storage, self.workplaces)
        self.intake = Intake(
            self.storage,
            {
                account.name: Account(
                    name=account.name,
                    channel=account.channel,
                    title=self._specs[account.name].title,
                    bridge=self.bridges[account.name],
                )
                for account in settings.accounts
            },
            contact_service,
            conversations,
            messages,
            identity.recognition,
            dispatcher,
            self.router,
            self.quarantine,
            reopen_for=timedelta(days=settings.desk.reopen_days),
            show_typing=self._relay.show,
            counted=self.metrics.counted,
        )
        context = Context(
            storage=self.storage,
            service=conversations,
            messages=messages,
            dispatcher=dispatcher,
            outbox=self.outbox,
            files=self.files,
            bridges=self.bridges,
            workplaces=self.workplaces,
            channels=self.channels,
            openings=openings,
            take=self.take,
            file_link=self._file_link,
            trouble=self.troubles.tell,
            troubles=self.troubles.sentences,
        )
        self._handlers = handlers(context, drawer, self.quarantine, identity, settings.public_url)
        self.worker = Worker(self.storage, self.outbox, self._handlers, registry=self.metrics.registry)
        self.supervisor = Supervisor(
            self.storage,
            self.outbox,
            self.desk,
            self.bridges,
            self.workplaces,
            self.troubles.tell,
            probe_seconds=self._probe_seconds,
        )
        self.pruning = Pruning(self.storage, self.quarantine, self.files)
        self.report = Report(
            self.storage,
            self.outbox,
            self.quarantine,
            self.troubles,
            self.bridges,
            self.workplaces,
            named=rooms_of(settings),
        )
        self.web = WebServer(
            Parts(
                settings=settings,
                bridges=self.bridges,
                workplaces=self.workplaces,
                take=self.take,
                links=self.links,
                confirmations=identity.confirmations,
                metrics=self.metrics,
                healthy=lambda: self.storage.healthy and self.worker.healthy,
                ready=self.report.ready,
                largest_webhooks={name: spec.largest_webhook for name, spec in self._specs.items()},
            )
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if hasattr(self, "_relay"):
            await self._relay.close()
            for handler in self._handlers.values():
                if isinstance(handler, FetchHandler):
                    await handler.close()
        await self._stack.aclose()

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then ends gracefully: what is being sent is finished first."""
        async with self.web:
            worker = asyncio.create_task(self.worker.run(stop))
            background = [
                asyncio.create_task(work)
                for work in (
                    self.supervisor.learn_rooms(),
                    self.supervisor.probe(),
                    self.pruning.run(),
                    self._redo_asked(),
                    *(
                        self.supervisor.listen(name, adapter.listen)
                        for name, adapter in {**self.bridges, **self.workplaces}.items()
                        if isinstance(adapter, ListeningBridge | ListeningWorkplace)
                    ),
                )
            ]
            self.serving.set()
            try:
                await worker
            finally:
                self.serving.clear()
                stop.set()
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
                for bridge in self.bridges.values():
                    if isinstance(bridge, Closes):
                        bridge.close()

    async def take(self, account: str, raw: bytes) -> Sequence[Accepted]:
        """One raw item of a customer channel; returns after the commit."""
        return await self.intake.take(account, raw)

    async def redo(self, number: int) -> str:
        """Processes a quarantined event again; "" when that worked, else why not."""
        kept = await self.storage.read(lambda connection: self.quarantine.get(connection, number))
        if kept is None:
            return f"There is no quarantined event {number}."
        side, _, name = kept.source.partition(":")
        try:
            if side == "bridge":
                await self.intake.redo(name, kept.raw)
            else:
                await self.workplaces[name].handle(kept.raw)
        except Exception as problem:
            log.exception("A quarantined event failed again", number=number, action="redo_failed")
            failure: Exception = problem
            await self.storage.write(lambda connection: self.quarantine.failed(connection, number, failure))
            return f"{type(problem).__name__}: {problem}"
        await self.storage.write(lambda connection: self.quarantine.close(connection, number, QuarantineState.DONE))
        return ""

    async def check(self) -> list[tuple[str, bool, str]]:
        """(account or workspace, works, one line) for each, asked of the vendors."""
        return await self.report.check()

    async def status(self) -> dict[str, Any]:
        return await self.report.status()

    async def _redo_asked(self) -> None:
        while True:
            try:
                for number in await self.storage.read(self.quarantine.asked):
                    await self.redo(number)
            except StorageError:
                log.warning("Quarantined events could not be taken again now", action="redo_put_off")
            await asyncio.sleep(_REDO_SECONDS)

    def _trouble_changed(self, source: str, sentence: str | None) -> None:
        self._alerts.changed(source, sentence)

    def _touched(self, connection: Connection, account: str, address_id: UUID) -> None:
        follower: object = self.bridges.get(account)
        if isinstance(follower, FollowsTranscript):
            address = contacts.address_by_id(connection, address_id)
            self.storage.after_commit(connection, lambda: follower.transcript_changed(address.external_id))

    async def _text_link(self, text: str) -> str | None:
        """A link to a text as a file, or None without a public address."""
        if not self.settings.public_url:
            return None

        async def whole() -> AsyncIterator[bytes]:
            yield text.encode("utf-8", "replace")

        try:
            file = await self.files.save(whole(), name="message.txt", mime="text/plain")
        except AdapterError as problem:
            log.warning("A long message could not be kept as a file", problem=str(problem), action="no_text_file")
            return None
        return self._file_link(file, "message.txt", _TEXT_LINK_LIFE)

    def _file_link(self, file: StoredFile, name: str, life: timedelta = _LINK_LIFE) -> str | None:
        if not self.settings.public_url:
            return None
        token = self.links.sign(file.sha256, name, datetime.now(UTC) + life)
        return f"{self.settings.public_url}/files/{token}"
