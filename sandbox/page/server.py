"""The server of the page: its files, the live stream, the visitor's gestures; on loopback only."""

from __future__ import annotations

import html
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Self

from aiohttp import web
from yarl import URL

from plugins.slack.manifest import data as manifest_data
from sandbox.graph import GraphSandbox
from sandbox.graph.wire import NotPossible as NotPossibleAtMeta
from sandbox.line import LineSandbox
from sandbox.mail import MailSandbox
from sandbox.page.agents import AgentGestures
from sandbox.page.customers import MailGestures
from sandbox.page.faults import Switchboard
from sandbox.page.files import FileContents
from sandbox.page.live import Live
from sandbox.page.phone_apps import (
    InstagramPhone,
    LinePhone,
    MessengerPhone,
    SmsPhone,
    WhatsAppPhone,
)
from sandbox.page.phone_telegram import TelegramPhone
from sandbox.page.phones import Phone, Phones
from sandbox.page.teams import TeamsGestures, described
from sandbox.page.uploads import LARGEST_FILE, LARGEST_REQUEST, Asked, BadRequest, read
from sandbox.slack import NotPossible, SlackSandbox
from sandbox.teams import NotPossible as NotPossibleInTeams
from sandbox.teams import TeamsSandbox
from sandbox.telegram import TelegramSandbox
from sandbox.twilio import TwilioSandbox

logger = logging.getLogger(__name__)

Json = dict[str, Any]
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_LANGUAGES = ("en", "de", "es", "fr", "ar")


class Page:
    """The demo page; `async with` starts and ends it. The sandboxes must be running."""

    def __init__(
        self,
        *,
        slack: SlackSandbox,
        telegram: TelegramSandbox,
        mail: MailSandbox,
        widget_url: str,
        agents: Sequence[str],
        rooms: Sequence[str],
        phones: Sequence[int],
        correspondents: Sequence[tuple[str, str]],
        support_address: str,
        shortcuts: Sequence[tuple[str, str]] | None = None,
        commands: Sequence[str] = (),
        teams: TeamsSandbox | None = None,
        teams_agents: Sequence[str] = (),
        teams_rooms: Sequence[str] = (),
        graph: GraphSandbox | None = None,
        twilio: TwilioSandbox | None = None,
        line: LineSandbox | None = None,
        people: Mapping[str, Sequence[str]] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Who plays what.

        `agents` are Slack user ids, the first two can be switched between; `rooms` are channel ids; `phones` are
        Telegram customers; `correspondents` are (name, mail address); `shortcuts` are (title, callback id) of message
        shortcuts, by default those of the manifest. With `teams` a second workspace stands beside Slack's;
        `teams_agents` are Teams user ids, `teams_rooms` its channel ids, in the order of their Slack twins.
        `people` are the customers of the other channels with a phone, by channel: ids of `graph` for "whatsapp",
        "messenger" and "instagram", of `line` for "line", numbers of `twilio` for "sms".
        """
        if host not in _LOOPBACK:
            raise ValueError(f"The page is served on loopback only, not on {host!r}")
        self._slack, self._teams = slack, teams
        self._widget_url = widget_url
        self._agents, self._rooms, self._phones = tuple(agents), tuple(rooms), tuple(phones)
        self._correspondents, self._support = tuple(correspondents), support_address
        features = manifest_data("")["features"]
        offered = [(str(entry["name"]), str(entry["callback_id"])) for entry in features["shortcuts"]]
        self._shortcuts = tuple(shortcuts if shortcuts is not None else offered)
        self._commands = tuple(commands or (str(entry["command"]) for entry in features["slash_commands"]))
        self._host, self._port = host, port
        self._teams_agents, self._teams_rooms = tuple(teams_agents), tuple(teams_rooms)
        self._switchboard = Switchboard(
            slack, telegram, mail, teams, rooms=self._rooms, phones=self._phones, teams_rooms=self._teams_rooms
        )
        made: list[Phone] = [TelegramPhone(telegram, self._phones)]
        made += _more_phones(people or {}, graph, twilio, line)
        held = Phones(made)
        self._live = Live(slack, telegram, mail, teams, self._described, held, graph=graph, twilio=twilio, line=line)
        self._files = FileContents(slack, held, mail, teams)
        self._verbs: Mapping[str, Callable[[Asked], Awaitable[Any]]] = {
            **AgentGestures(slack, self._agents).verbs(),
            **MailGestures(mail, self._correspondents, support_address).verbs(),
            **held.verbs(),
            **(TeamsGestures(teams, self._teams_agents).verbs() if teams else {}),
            "fault.turn": self._turn,
        }
        self._assets = _read_assets()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/shop", self._shop),
                web.get("/static/{name:.+}", self._static),
                web.get("/live", self._live.handle),
                web.post("/act", self._act),
                *self._files.routes(),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._live.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Where the page is; also the origin that the web chat's account must allow."""
        return f"http://{self._host}:{self._port}"

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Only this machine's names, and gestures only from our own page: other websites cannot reach in."""
        try:
            named = URL(f"http://{request.host}").host
        except ValueError:
            named = None
        if named not in _LOOPBACK:
            raise web.HTTPForbidden(text="This page answers on loopback only")
        if request.method != "GET" and request.headers.get("Origin") != f"http://{request.host}":
            raise web.HTTPForbidden(text="Only the page itself may do that")
        return await handler(request)

    async def _page(self, request: web.Request) -> web.Response:
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data: blob:",
            "media-src": "'self' blob:",
            "connect-src": "'self'",
            "frame-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        return self._served("index.html", policy)

    async def _shop(self, request: web.Request) -> web.Response:
        """A website that has the web chat's script on it, as any customer of ours would."""
        widget = URL(self._widget_url)
        policy = {
            "default-src": "'none'",
            "script-src": f"'self' {widget.origin()}",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "frame-src": str(widget.origin()),
            "base-uri": "'none'",
            "frame-ancestors": "'self'",
        }
        language = request.query.get("lang", "en")
        theme = request.query.get("theme", "auto")
        words = {
            "widget": self._widget_url,
            "lang": language if language in _LANGUAGES else "en",
            "dir": "rtl" if language == "ar" else "ltr",
            "theme": theme if theme in ("light", "dark") else "auto",
        }
        return self._served("shop.html", policy, words)

    def _served(self, name: str, policy: Mapping[str, str], words: Mapping[str, str] | None = None) -> web.Response:
        text = self._assets[name].decode()
        for word, value in (words or {}).items():
            text = text.replace("{{" + word + "}}", html.escape(value))
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": "; ".join(f"{directive} {value}" for directive, value in policy.items()),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = self._assets.get(name)
        if body is None:
            raise web.HTTPNotFound(text="The page has no such file")
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, content_type=_TYPES[_suffix(name)], charset="utf-8", headers=headers)

    async def _act(self, request: web.Request) -> web.Response:
        """One gesture; a refusal is a sentence for the visitor."""
        try:
            asked = await read(request)
            verb = self._verbs.get(asked.verb)
            if verb is None:
                raise BadRequest(f"There is no gesture called {asked.verb!r}")
            result = await verb(asked)
        except BadRequest as error:
            return _refusal(400, str(error))
        except (NotPossible, NotPossibleInTeams, NotPossibleAtMeta, ValueError) as error:
            return _refusal(409, str(error))
        except KeyError as error:
            return _refusal(409, str(error.args[0]) if error.args else "That is not there any more")
        return web.json_response({"ok": True, "result": result})

    async def _turn(self, asked: Asked) -> list[str]:
        on = await self._switchboard.turn(asked)
        self._live.tell({"type": "faults", "on": on})
        if asked.text("id") == "teams_channel" and not asked.flag("on"):
            # A page that was opened meanwhile knows nothing of what stands in a channel that comes back.
            self._live.tell({"type": "resync"})
        return on

    def _described(self) -> Json:
        return {
            "agents": list(self._agents[:2]),
            "rooms": list(self._rooms),
            "correspondents": [{"name": name, "address": address} for name, address in self._correspondents],
            "support_address": self._support,
            "shortcuts": [{"title": title, "callback_id": callback_id} for title, callback_id in self._shortcuts],
            "commands": list(self._commands),
            "teams": described(self._teams_agents, self._teams_rooms) if self._teams else None,
            "faults": {"offered": self._switchboard.offered(), "on": self._switchboard.on},
            "slack_url": self._slack.url,
            "largest_file": LARGEST_FILE,
        }


def _more_phones(
    people: Mapping[str, Sequence[str]],
    graph: GraphSandbox | None,
    twilio: TwilioSandbox | None,
    line: LineSandbox | None,
) -> list[Phone]:
    """In the order of their tabs."""
    made: list[Phone] = []
    if graph is not None and "whatsapp" in people:
        made.append(WhatsAppPhone(graph.whatsapp, people["whatsapp"]))
    if twilio is not None and "sms" in people:
        made.append(SmsPhone(twilio, people["sms"]))
    if graph is not None and "messenger" in people:
        made.append(MessengerPhone(graph.messenger, people["messenger"]))
    if graph is not None and "instagram" in people:
        made.append(InstagramPhone(graph.instagram, people["instagram"]))
    if line is not None and "line" in people:
        made.append(LinePhone(line, people["line"]))
    return made


def _refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"ok": False, "error": sentence}, status=status)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]


def _read_assets(folder: Traversable | None = None, inside: str = "") -> dict[str, bytes]:
    """By path below `static`."""
    found: dict[str, bytes] = {}
    for entry in (folder or resources.files("sandbox.page").joinpath("static")).iterdir():
        if entry.is_dir():
            found |= _read_assets(entry, f"{inside}{entry.name}/")
        elif _suffix(entry.name) in _TYPES:
            found[inside + entry.name] = entry.read_bytes()
    return found
