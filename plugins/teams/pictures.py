"""What pictures are drawn from: a signed link where Microsoft can follow it, else their own bytes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace

from core.contracts.content import Attachment, StoredFile
from core.contracts.posts import Post
from core.contracts.postwords import is_public
from plugins.teams.render import Addresses, is_picture

#: Larger ones are not put into a card whole.
MAX_INSIDE = 1_000_000


class Pictures:
    """Reads what a card is to show."""

    def __init__(self, file_link: Callable[[StoredFile, str], str | None]) -> None:
        self._file_link = file_link

    async def of(self, post: Post, to: Addresses) -> Addresses:
        """`to`, with what this post's pictures are drawn from."""
        files = [] if post.deleted else [file for one in (post.content, *post.more) for file in one.attachments]
        found = {file.file.sha256: await self._address(file) for file in files if file.file and is_picture(file)}
        return replace(to, picture=lambda file: found.get(file.file.sha256, "") if file.file else "")

    async def _address(self, file: Attachment) -> str:
        assert file.file is not None
        link = self._file_link(file.file, file.name) or ""
        if is_public(link):
            return link
        if file.file.size > MAX_INSIDE:
            return ""
        # Nobody outside can follow the link: a sandbox, or a developer's tool.
        data = await asyncio.to_thread(file.file.path.read_bytes)
        return f"data:{file.file.mime};base64,{base64.b64encode(data).decode('ascii')}"
