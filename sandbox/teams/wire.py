"""What the sandbox's Teams speaks of on the wire: JSON, the three families of error bodies, times."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

Json = dict[str, Any]

ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"
DOWNLOAD_INFO = "application/vnd.microsoft.teams.file.download.info"
#: Separates a channel from the thread in it: https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/channel-and-group-conversations
ROOT = ";messageid="


class NotPossible(Exception):
    """A person's client would not let her do this."""


class ApiError(Exception):
    """An answer of the Bot Connector or of Graph that is an error."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def connector(self) -> web.Response:
        """As the Bot Connector words it."""
        body: Json = {"error": {"code": self.code, "message": self.message}}
        if self.status == 401:
            body = {"message": "Authorization has been denied for this request."}
        return web.json_response(body, status=self.status, headers=self.headers)

    def graph(self, now: float) -> web.Response:
        """As Microsoft Graph words it."""
        request = str(uuid.uuid4())
        inner = {"date": stamp(now)[:19], "request-id": request, "client-request-id": request}
        body: Json = {"error": {"code": self.code, "message": self.message, "innerError": inner}}
        return web.json_response(body, status=self.status, headers=self.headers)


def object_of(value: Any) -> Json:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def stamp(moment: float) -> str:
    """Milliseconds and a Z, as Microsoft writes moments."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_stamp(moment: float, zone: str) -> str:
    """The same moment by somebody's own clock."""
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).isoformat(timespec="milliseconds")


def split(conversation: str) -> tuple[str, str | None]:
    """The room or chat, and what stands behind `;messageid=`; None where nothing does."""
    base, found, root = conversation.partition(ROOT)
    return base, root if found else None
