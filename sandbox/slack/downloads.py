"""The addresses beside the API: where bytes go up, where files and avatars come down."""

from __future__ import annotations

import asyncio
import struct
import zlib

from aiohttp import web

from sandbox.faults import Faults
from sandbox.slack.web import Tokens
from sandbox.slack.world import File, World

#: What Slack sends, with status 200, to whoever asks for a file with a wrong token or none.
_LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Slack</title></head>"
    "<body><h1>Sign in to Sandbox</h1><form action='/signin'></form></body></html>"
)


class Downloads:
    """Serves uploads, files and avatars."""

    def __init__(self, world: World, tokens: Tokens, faults: Faults) -> None:
        self._world = world
        self._tokens = tokens
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Where they are."""
        return [
            web.post("/upload/v1/{ticket}", self._upload),
            web.get("/files-pri/{key}/{tail:.+}", self._download),
            web.get("/avatars/{user}-{size:\\d+}.png", self._avatar),
        ]

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        return await self._faults.around("files.upload", request, lambda: self._take(request))

    async def _take(self, request: web.Request) -> web.StreamResponse:
        ticket = request.match_info["ticket"]
        file = next((entry for entry in self._world.files.values() if entry.upload_ticket == ticket), None)
        if file is None or file.content is not None:
            return web.Response(status=404, text="Not found")
        content = await _content(request)
        if not content:
            return web.Response(status=400, text="No data")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await self._faults.around("files.download", request, lambda: self._give(request))

    async def _give(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0)
        file = self._world.files.get(request.match_info["key"].rpartition("-")[2])
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        allowed = token == self._tokens.bot and self._tokens.bot_error is None and "files:read" in self._world.scopes
        if not allowed or (file is not None and not self._visible(file)):
            return web.Response(text=_LOGIN_PAGE, content_type="text/html")
        if file is None or file.content is None:
            return web.Response(status=404, text="Not found")
        return web.Response(body=file.content, headers={"Content-Type": file.mimetype})

    def _visible(self, file: File) -> bool:
        """A bot sees its own files and those shared where it is."""
        bot = self._world.bot.id
        places = [self._world.channels.get(channel_id) for channel_id in file.shares]
        return file.user == bot or any(place is not None and bot in place.members for place in places)

    async def _avatar(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0)
        user = self._world.users.get(request.match_info["user"])
        if user is None:
            return web.Response(status=404)
        size = max(1, min(int(request.match_info["size"]), 512))
        return web.Response(body=flat_png(user.color, size), content_type="image/png")


def flat_png(color: str, size: int) -> bytes:
    """A square picture of one colour, given as six hexadecimal digits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes.fromhex(color) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * size)) + chunk(b"IEND", b"")
    )


async def _content(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    form = await request.post()
    for value in form.values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""
