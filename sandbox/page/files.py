"""Serves the files that messages and mails carry, so that nothing in them can run on this page."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from sandbox.mail import MailSandbox
from sandbox.page.phones import Phones
from sandbox.page.uploads import BadRequest
from sandbox.slack import SlackSandbox
from sandbox.teams import TeamsSandbox

#: What a browser may show in place. Everything else is downloaded, SVG and PDF too: they can hold scripts.
SHOWN = {
    "image/png", "image/jpeg", "image/gif", "image/webp",
    "audio/mpeg", "audio/ogg", "audio/mp4", "audio/wav", "video/mp4", "video/webm",
}  # fmt: skip
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
)


class FileContents:
    """The addresses under `/file/`."""

    def __init__(self, slack: SlackSandbox, phones: Phones, mail: MailSandbox, teams: TeamsSandbox | None) -> None:
        self._slack, self._phones, self._mail, self._teams = slack, phones, mail, teams

    def routes(self) -> list[web.RouteDef]:
        """Where they are."""
        return [
            web.get("/file/slack/{id}", self._slack_file),
            web.get("/file/teams/{id}", self._teams_file),
            web.get("/file/phone", self._phone_file),
            web.get("/file/mail/{address}/{folder}/{uid:\\d{1,9}}/{number:\\d{1,3}}", self._attachment),
        ]

    async def _slack_file(self, request: web.Request) -> web.Response:
        try:
            mime, data = self._slack.file_content(request.match_info["id"])
        except KeyError:
            raise web.HTTPNotFound(text="There is no such file") from None
        return _answer(self._slack.world.files[request.match_info["id"]].name, mime, data)

    async def _teams_file(self, request: web.Request) -> web.Response:
        file = self._teams.world.files.get(request.match_info["id"]) if self._teams else None
        if file is None:
            raise web.HTTPNotFound(text="There is no such file")
        return _answer(file.name, file.mime, file.content)

    async def _phone_file(self, request: web.Request) -> web.Response:
        asked = request.query
        number = asked.get("number", "")
        if not number.isdecimal() or len(number) > 3:
            raise web.HTTPNotFound(text="There is no such file")
        try:
            found = await self._phones.file(asked.get("channel", ""), asked.get("message", ""), int(number))
        except (BadRequest, ValueError) as error:
            # A phone that cannot show a file says why.
            raise web.HTTPNotFound(text=str(error)) from None
        if found is None:
            raise web.HTTPNotFound(text="There is no such file")
        return _answer(*found)

    async def _attachment(self, request: web.Request) -> web.Response:
        where = request.match_info
        for mail in self._mail.folder(where["address"], where["folder"]):
            if mail.uid == int(where["uid"]) and int(where["number"]) < len(mail.letter.attachments):
                return _answer(*mail.letter.attachments[int(where["number"])])
        raise web.HTTPNotFound(text="There is no such file")


def _answer(name: str, mime: str, data: bytes) -> web.Response:
    known = next((found for start, found in _SIGNATURES if data.startswith(start)), None)
    shown = known or (mime if mime in SHOWN else None)
    headers = {
        "Content-Type": shown or "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=300",
    }
    disposition = "inline" if shown else "attachment"
    clean = "".join(character for character in name if character.isprintable())[:200]
    headers["Content-Disposition"] = (
        f"{disposition}; filename*=UTF-8''{quote(clean or 'file', safe='', errors='replace')}"
    )
    return web.Response(body=data, headers=headers)
