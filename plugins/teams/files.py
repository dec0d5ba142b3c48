"""Takes what agents attach: pictures from the service host, other files of a channel through Microsoft Graph."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from core.contracts.content import Attachment, Content
from core.contracts.errors import AdapterError, FailureReason, PermanentFailure
from plugins.teams.directory import Directory
from plugins.teams.parse import FILE, HOSTED, IMAGE, described
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

IN_TEAMS = (
    "Teams gives files of a channel only with an administrator's consent (graph_files, see the set-up): "
    "open the file in Teams and send the customer a link, or paste it as a picture."
)


class Files:
    """One tenant's files."""

    def __init__(self, settings: TeamsSettings, transport: Transport, directory: Directory) -> None:
        self._settings = settings
        self._transport = transport
        self._directory = directory

    async def fetch(self, source: str) -> AsyncIterator[bytes]:
        """As `Workplace.fetch`; sources are those of `parse`."""
        if source.startswith(IMAGE):
            chunks = self._transport.download(source.removeprefix(IMAGE))
        elif source.startswith(HOSTED):
            chunks = self._transport.graph_download(await self._hosted(source.removeprefix(HOSTED)))
        elif source.startswith(FILE):
            chunks = self._transport.graph_download(await self._shared(source.removeprefix(FILE)))
        else:
            raise _gone("Teams keeps no such file.")
        async for chunk in chunks:
            yield chunk

    async def named(self, content: Content) -> Content:
        """The content with its files called as in the channel, which a message that points at them does not say."""
        if not self._settings.graph_files:
            return content
        attachments = [await self._named(file) for file in content.attachments]
        return replace(content, attachments=tuple(attachments))

    async def _named(self, file: Attachment) -> Attachment:
        if file.source is None or not file.source.startswith(FILE):
            return file
        try:
            found = await self._pointed_at(file.source.removeprefix(FILE))
        except AdapterError as problem:
            # Fetching it will say why.
            logger.info("A file could not be named", extra={"action": "file_unnamed", "reason": str(problem)})
            return file
        return described(file, str(found.get("name") or ""))

    async def _hosted(self, handle: str) -> str:
        """A picture that only Graph has, which the permission for reading messages covers."""
        if not self._settings.asks_graph:
            raise _gone("This picture is only in Microsoft Graph, which the settings forbid (graph = false).")
        message, content = await self._message(handle)
        return f"{message}/hostedContents/{quote(content, safe='')}/$value"

    async def _shared(self, handle: str) -> str:
        """A file that lies in the team's SharePoint, found by the message that points at it."""
        if not self._settings.graph_files:
            raise _gone(IN_TEAMS)
        address = str((await self._pointed_at(handle)).get("contentUrl") or "")
        if not address:
            raise _gone("The message in Teams has no such file any more.")
        # https://learn.microsoft.com/graph/api/shares-get
        share = base64.urlsafe_b64encode(address.encode()).decode("ascii").rstrip("=")
        return f"/shares/u!{share}/driveItem/content"

    async def _pointed_at(self, handle: str) -> Json:
        """What the message says of the file: its name and where it lies; {} for nothing."""
        path, attachment_id = await self._message(handle)
        message: Json = await self._transport.graph(path)
        found = (one for one in message.get("attachments") or () if one.get("id") == attachment_id)
        return next(found, {})

    async def _message(self, handle: str) -> tuple[str, str]:
        """Graph's path of the message that a handle of room, root, message and id names, and that id."""
        try:
            room, root, message, wanted = handle.split("|", 3)
        except ValueError:
            raise _gone("Teams keeps no such file.") from None
        place = await self._directory.place(room)
        path = f"/teams/{quote(place.group, safe='')}/channels/{quote(room, safe='')}/messages/{quote(root, safe='')}"
        return (path if message == root else f"{path}/replies/{quote(message, safe='')}"), wanted


def _gone(sentence: str) -> PermanentFailure:
    return PermanentFailure(sentence, reason=FailureReason.UNSUPPORTED)
