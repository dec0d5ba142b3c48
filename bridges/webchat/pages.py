"""Serves the widget: the script a website includes, and the frame in which the chat runs."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from importlib import resources

from aiohttp import web

from bridges.webchat.gate import Gate, Refused
from bridges.webchat.settings import WebchatSettings

TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
#: The line of widget.js that is replaced by what this account looks like.
MARKER = "const SETTINGS = {};"
YEAR = 31_536_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    body: bytes
    content_type: str


class Pages:
    """Reads the folder `static` once; a changed file is a new version, and so a new address."""

    def __init__(self, settings: WebchatSettings, gate: Gate) -> None:
        self._settings = settings
        self._gate = gate
        self._assets = _read_assets()
        digest = hashlib.sha256()
        for name, asset in sorted(self._assets.items()):
            digest.update(name.encode() + b"\0" + asset.body + b"\0")
        self._version = digest.hexdigest()[:12]
        self._widget = self._make_widget()
        self._frame = self._make_frame()

    async def widget(self, request: web.Request) -> web.Response:
        """Kept for five minutes: websites name it without a version."""
        headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
        return _cached(request, self._widget, "text/javascript", headers)

    async def frame(self, request: web.Request) -> web.Response:
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            # Older Safari does not count WebSockets among 'self'.
            "connect-src": f"'self' ws://{request.host} wss://{request.host}",
            "img-src": "'self' blob: https:" if self._settings.agent_pictures else "'self' blob:",
            "media-src": "'self' blob:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": self._gate.frame_ancestors(),
        }
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        }
        return _cached(request, self._frame, "text/html", headers)

    async def asset(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["name"])
        if asset is None:
            raise Refused(404, "asset", "The chat has no such file.")
        # A page from before an update asks for an old version: it gets today's, but must not keep it.
        current = request.match_info["version"] == self._version
        headers = {"Cache-Control": f"public, max-age={YEAR}, immutable" if current else "no-cache"}
        return _cached(request, asset.body, asset.content_type, headers)

    def _make_widget(self) -> bytes:
        settings = self._settings
        looks = {"title": settings.title, "color": settings.color, "languages": settings.languages}
        source = self._assets["widget.js"].body.decode()
        return source.replace(MARKER, f"const SETTINGS = {_script_json(looks)};", 1).encode()

    def _make_frame(self) -> bytes:
        settings = self._settings
        config = {
            "title": settings.title,
            "greeting": settings.greeting,
            "color": settings.color,
            "hours": settings.hours,
            "languages": settings.languages,
            "maxUpload": settings.max_upload,
        }
        # All modules at once, instead of one after the other as each names the next.
        modules = sorted(name for name in self._assets if name.endswith(".js") and name != "widget.js")
        preload = "\n".join(f'<link rel="modulepreload" href="static/{self._version}/{name}">' for name in modules)
        page = self._assets["frame.html"].body.decode().replace("{{preload}}", preload)
        page = page.replace("{{version}}", self._version).replace("{{title}}", html.escape(settings.title))
        return page.replace("{{config}}", _script_json(config)).encode()


def _script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c")


def _cached(request: web.Request, body: bytes, content_type: str, headers: dict[str, str]) -> web.Response:
    tag = hashlib.sha256(body).hexdigest()[:20]
    headers |= {"ETag": f'"{tag}"', "X-Content-Type-Options": "nosniff"}
    if request.if_none_match and any(known.value == tag for known in request.if_none_match):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


def _read_assets() -> dict[str, Asset]:
    assets = {}
    for file in resources.files("bridges.webchat").joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in TYPES:
            assets[file.name] = Asset(body=file.read_bytes(), content_type=TYPES[suffix])
    return assets
