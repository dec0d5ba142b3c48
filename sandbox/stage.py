"""Threadbridge as it is, set up between sandbox vendors: what the demo, the flows and the benchmarks stand on."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.app.app import App
from core.settings import Settings, load
from plugins.teams.manifest import data as manifest_of
from sandbox.api import ApiSandbox
from sandbox.graph import GraphSandbox
from sandbox.line import LineSandbox
from sandbox.mail import MailSandbox
from sandbox.slack import SlackSandbox
from sandbox.teams import TeamsSandbox
from sandbox.telegram import TelegramSandbox
from sandbox.twilio import TwilioSandbox

_SIGNING_SECRET = "sandbox-signing-secret"
_BOT_TOKEN = "xoxb-sandbox"
_APP_TOKEN = "xapp-sandbox"
_TELEGRAM_TOKEN = "1000:sandbox"
_TELEGRAM_SECRET = "sandbox-webhook-secret"
_TWILIO_TOKEN = "sandbox-auth-token"
_VERIFY_TOKEN = "sandbox-verify-token"
#: Channels behind Meta's Graph API.
_META = ("whatsapp", "messenger", "instagram")
SUPPORT = "support@shop.test"
_PASSWORD = "sandbox"
#: What agents choose instead of typing it: (title, text).
CANNED = (
    ("Opening hours", "We are open from Monday to Friday, 9:00 to 18:00, and on Saturday until noon."),
    ("Returns", "You can send everything back within 30 days. We pay the postage."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the stage is set."""

    #: 0: any free port.
    port: int = 0
    #: SQLAlchemy URL; "": SQLite in the stage's folder.
    database: str = ""
    hold_seconds: float = 4.0
    #: The vendors' rate limits are in force.
    limits: bool = True
    #: Slack by Socket Mode, else by signed HTTP.
    socket_mode: bool = True
    #: Telegram by long polling, else by webhook.
    polling: bool = True
    probe_seconds: float = 2.0
    #: Which of the customer channels are connected; "sms" as well, if asked for.
    channels: tuple[str, ...] = ("webchat", "telegram", "email")
    #: Agents also sit in Teams: the workspace `care`.
    teams: bool = False
    #: Where conversations live that no route sends elsewhere; further rooms mirror the first.
    rooms: tuple[str, ...] = ("shop/#support",)
    canned: tuple[tuple[str, str], ...] = CANNED
    #: Further lines of `threadbridge.toml`.
    extra: str = ""


class Stage:
    """Two agents and two rooms in Slack, the same two in Teams if asked for, three channels, and one Threadbridge."""

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        self.folder = folder
        self.options = options or Options()
        self._stack = AsyncExitStack()
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        options = self.options
        self.port = options.port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        enter = self._stack.enter_async_context
        try:
            self.slack = await enter(
                SlackSandbox(
                    signing_secret=_SIGNING_SECRET,
                    bot_token=_BOT_TOKEN,
                    app_token=_APP_TOKEN,
                    limits=options.limits,
                    retry_delays=(0, 1, 2),
                )
            )
            self.telegram = await enter(TelegramSandbox(token=_TELEGRAM_TOKEN, limits=options.limits))
            self.mail = await enter(MailSandbox(domain="shop.test"))
            self.mail.add_mailbox(SUPPORT, _PASSWORD)
            self._furnish()
            if "api" in options.channels:
                self.api = await enter(ApiSandbox())
                self.api.connect(f"{self.url}/bridges/partner")
            if set(_META) & set(options.channels):
                self.graph = await enter(GraphSandbox(limits=options.limits, retry_delays=(0, 1, 2)))
            if "sms" in options.channels:
                self.twilio = await enter(TwilioSandbox(auth_token=_TWILIO_TOKEN, limits=options.limits))
                self.number = self.twilio.add_sender(webhook=f"{self.url}/bridges/sms#rc=3&rp=all")
            if "line" in options.channels:
                self.line = await enter(LineSandbox(limits=options.limits, retry_delays=(0, 1, 2)))
                self.line.connect(f"{self.url}/bridges/line")
            if options.teams:
                self.teams = await enter(TeamsSandbox(limits=options.limits, retry_delays=(0, 1, 2)))
                self._furnish_teams()
            self.settings = self.write_settings()
            await self.start()
            for channel in set(_META) & set(options.channels):
                await getattr(self.graph, channel).connect(f"{self.url}/bridges/{channel}", _VERIFY_TOKEN)
            if options.teams:
                await self.teams.install(self.team, self.customers)
                await self._met()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
        await self._stack.aclose()

    def _furnish(self) -> None:
        slack = self.slack
        slack.world.team_name = "Lumen & Loom"
        self.bea = slack.add_user("bea", real_name="Bea Novak", email="bea@shop.test", tz="Europe/Vienna")
        self.omar = slack.add_user("omar", real_name="Omar Haddad", email="omar@shop.test", tz="Europe/Berlin")
        self.support = slack.add_channel("support", members=[self.bea, self.omar])
        self.vip = slack.add_channel("vip", members=[self.bea, self.omar])
        for room in (self.support, self.vip):
            slack.invite_bot(room)
        if not self.options.socket_mode:
            slack.connect_events(f"{self.url}/workspaces/shop/events")

    def _furnish_teams(self) -> None:
        teams = self.teams
        self.care_bea = teams.add_user("Bea Novak", email="bea@shop.test", tz="Europe/Vienna")
        self.care_omar = teams.add_user("Omar Haddad", email="omar@shop.test", tz="Europe/Berlin")
        self.team = teams.add_team("Customer Care", [self.care_bea, self.care_omar])
        self.customers = teams.add_channel(self.team, "customers")
        self.care_vip = teams.add_channel(self.team, "vip")
        # What an administrator granted, and what the app's package declares: Teams takes no address but https.
        teams.world.files_permission = True
        teams.use_manifest(manifest_of("https://shop.test", teams.app_id))
        teams.connect(f"{self.url}/workspaces/care/messages")

    async def _met(self) -> None:
        """Until Threadbridge has heard of the team; before that, first messages would wait for their room."""
        async with asyncio.timeout(10):
            while not await self.app.workplaces["care"].rooms():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def write_settings(self) -> Settings:
        """Writes `threadbridge.toml` as an operator would, and reads it."""
        path = self.folder / "threadbridge.toml"
        path.write_text(self._toml())
        return load(path, {})

    def _toml(self) -> str:
        options = self.options
        lines = [
            f"public_url = {json.dumps(self.url)}",
            f"data_dir = {json.dumps(str(self.folder / 'data'))}",
            f"default_room = {json.dumps(options.rooms[0])}",
            *([f"database = {json.dumps(options.database)}"] if options.database else []),
            "[web]",
            f"port = {self.port}",
            "[desk]",
            f"hold_seconds = {options.hold_seconds}",
            *_table("workspaces", self._workspace()),
            *(_table("workspaces", self._teams_workspace()) if options.teams else []),
        ]
        for channel, account in self._accounts().items():
            if channel in options.channels:
                lines.extend(_table("accounts", {"channel": channel, **account}))
        for title, text in options.canned:
            lines.extend(_table("canned_replies", {"title": title, "text": text}))
        # The last route takes what is left.
        rest = _table("routes", {"name": "rest", "rooms": options.rooms}) if len(options.rooms) > 1 else []
        return "\n".join([*lines, options.extra, *rest]) + "\n"

    def _workspace(self) -> dict[str, Any]:
        return {
            "name": "shop",
            "workplace": "slack",
            "bot_token": _BOT_TOKEN,
            "signing_secret": _SIGNING_SECRET,
            **({"app_token": _APP_TOKEN} if self.options.socket_mode else {}),
            "api_url": f"{self.slack.url}/api/",
        }

    def _teams_workspace(self) -> dict[str, Any]:
        return {
            "name": "care",
            "workplace": "teams",
            "app_id": self.teams.app_id,
            "tenant_id": self.teams.tenant_id,
            "app_secret": self.teams.app_secret,
            "graph_files": True,
            "api_url": self.teams.url,
        }

    def _accounts(self) -> dict[str, dict[str, Any]]:
        return {
            **({"api": self._connector()} if "api" in self.options.channels else {}),
            **({"sms": self._sms()} if "sms" in self.options.channels else {}),
            **({"whatsapp": self._whatsapp()} if "whatsapp" in self.options.channels else {}),
            **({"line": self._line()} if "line" in self.options.channels else {}),
            **{name: self._page(name) for name in ("messenger", "instagram") if name in self.options.channels},
            "webchat": {"name": "website", "title": "Lumen & Loom", "origins": ["*"]},
            "telegram": {
                "name": "telegram",
                "token": _TELEGRAM_TOKEN,
                "secret": _TELEGRAM_SECRET,
                "mode": "polling" if self.options.polling else "webhook",
                "api_url": self.telegram.url,
            },
            "email": {
                "name": "mail",
                "address": SUPPORT,
                "sender_name": "Lumen & Loom",
                "username": SUPPORT,
                "password": _PASSWORD,
                "imap_host": self.mail.host,
                "imap_port": self.mail.imap_port,
                "imap_security": "none",
                "auth_servers": ["mx.shop.test"],
                # A mail may be there before the mailbox is first opened.
                "since_days": 1,
                "smtp_host": self.mail.host,
                "smtp_port": self.mail.smtp_port,
                "smtp_security": "none",
            },
        }

    def _sms(self) -> dict[str, Any]:
        return {
            "name": "sms",
            "account_sid": self.twilio.world.account_sid,
            "auth_token": _TWILIO_TOKEN,
            "number": self.number,
            "api_url": self.twilio.url,
        }

    def _whatsapp(self) -> dict[str, Any]:
        return {
            "name": "whatsapp",
            "access_token": self.graph.token,
            "app_secret": self.graph.app_secret,
            "verify_token": _VERIFY_TOKEN,
            "phone_number_id": self.graph.whatsapp.phone_number_id,
            "waba_id": self.graph.whatsapp.waba_id,
            "coexistence": True,
            "api_url": self.graph.url,
        }

    def _page(self, channel: str) -> dict[str, Any]:
        ids = {"page_id": self.graph.messenger.id}
        return {
            "name": channel,
            "access_token": self.graph.token,
            "app_secret": self.graph.app_secret,
            "verify_token": _VERIFY_TOKEN,
            **(ids if channel == "messenger" else {**ids, "instagram_id": self.graph.instagram.id}),
            "human_agent": True,
            "api_url": self.graph.url,
        }

    def _line(self) -> dict[str, Any]:
        return {
            "name": "line",
            "channel_access_token": self.line.token,
            "channel_secret": self.line.delivery.secret,
            "api_url": self.line.url,
        }

    def _connector(self) -> dict[str, Any]:
        return {"name": "partner", "deliver_url": self.api.deliver_url, "secrets": [self.api.secret]}

    async def start(self) -> None:
        """Starts the process of Threadbridge, in this one."""
        self._stop = asyncio.Event()
        self.app = App(self.settings, probe_seconds=self.options.probe_seconds)
        await self.app.__aenter__()
        self._running = asyncio.create_task(self.app.run(self._stop))
        serving = asyncio.create_task(self.app.serving.wait())
        await asyncio.wait([self._running, serving], return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            serving.cancel()
            await self._running

    async def stop(self) -> None:
        """Ends it gracefully; the vendors stay."""
        self._stop.set()
        try:
            await self._running
        finally:
            await self.app.__aexit__(None, None, None)

    @property
    def website(self) -> str:
        """Address of the web chat's account."""
        return f"{self.url}/bridges/website"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _table(table: str, values: dict[str, Any]) -> list[str]:
    # A JSON string, number, boolean or list of these is TOML too.
    return [f"[[{table}]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
