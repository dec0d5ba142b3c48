"""Puts posts into Slack: files first where nobody sees them, then the words, then the files beside them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core.contracts.content import Attachment, Content
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    DestinationUnavailable,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.contracts.posts import Post
from core.contracts.text import is_empty
from plugins.slack import render
from plugins.slack.api import SlackApi
from plugins.slack.errors import REPAIRABLE, SlackRefused, to_error
from plugins.slack.files import Files
from plugins.slack.intake import METADATA

logger = logging.getLogger(__name__)

Json = dict[str, Any]
#: Draws a post, for the thread or with a card around it.
Draw = Callable[[Post], render.Drawn]

#: Clocks differ; a post is looked for from this long before its first attempt.
CLOCK_SKEW = timedelta(minutes=2)
PAGE = 200
MOST_PAGES = 15


class Posting:
    """One workspace's posts of ours."""

    def __init__(self, api: SlackApi, files: Files) -> None:
        self._api = api
        self._files = files

    async def send(self, room: str, thread: str | None, post: Post, draw: Draw) -> str:
        """Posts once, with its files. Returns the ts. Raises as `Bridge.send`.

        Whatever fails before the words stand in Slack can be repeated; a file that fails afterwards becomes a sentence.
        """
        post, uploaded = await self._upload(post)
        payload = {"key": post.key}
        if uploaded:
            # Whoever finds the post after a lost answer can still bring the files.
            payload["files"] = ",".join(file_id for file_id, _title in uploaded)
        arguments: Json = {
            "channel": room,
            "thread_ts": thread,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": METADATA, "event_payload": payload},
            **render.persona(post.tone, post.author),
        }
        answer = await self._laid_out("chat.postMessage", arguments, draw(post))
        ts = str(answer["ts"])
        if uploaded:
            try:
                await self._files.share(uploaded, room, thread or ts)
            except AdapterError as error:
                await self._admit(room, ts, post, draw, str(error))
        return ts

    async def redraw(self, room: str, ts: str, post: Post, draw: Draw) -> None:
        """Draws a post of ours again. Raises as `Bridge.send`."""
        await self._laid_out("chat.update", {"channel": room, "ts": ts}, draw(post))
        contents = (post.content, *post.more)
        if not any(content.attachments for content in contents) and all(is_empty(one.body) for one in contents):
            await self._take_files(room, ts)

    async def find(self, room: RoomRef, thread: ThreadRef | None, key: str, since: datetime) -> PostRef | None:
        """As `Workplace.find`; files whose post was found without them are brought now."""
        us = await self._api.identity()
        cursor, found = "", None
        shared: set[str] = set()
        for _ in range(MOST_PAGES):
            page = await self._page(room, thread, since, cursor)
            for message in page.get("messages") or ():
                if message.get("bot_id") != us.bot_id:
                    continue
                shared.update(str(file.get("id")) for file in message.get("files") or ())
                if payload(message).get("key") == key:
                    found = message
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        else:
            if found is None:
                raise OutcomeUnknown("The room holds too many messages since then to find ours.")
        if found is None:
            return None
        ts, root = str(found["ts"]), str(found.get("thread_ts") or found["ts"])
        if thread is not None:
            await self._complete(found, room.room, root, shared)
        return PostRef(workspace=room.workspace, room=room.room, thread=root, post=ts)

    async def _complete(self, message: Json, room: str, root: str, shared: set[str]) -> None:
        owed = [file_id for file_id in str(payload(message).get("files") or "").split(",") if file_id]
        missing = [(file_id, "") for file_id in owed if file_id not in shared]
        if not missing:
            return
        try:
            await self._files.share(missing, room, root)
        except AdapterError as error:
            logger.warning("Files of a found post are missing", extra={"action": "files_lost", "reason": str(error)})

    async def _upload(self, post: Post) -> tuple[Post, list[tuple[str, str]]]:
        """The post with what Slack refused said in words, and the files that lie ready."""
        uploaded: list[tuple[str, str]] = []
        contents: list[Content] = []
        for content in (post.content, *post.more):
            attachments: list[Attachment] = []
            for attachment in content.attachments:
                if attachment.problem is None:
                    attachment = await self._upload_one(attachment, uploaded)
                attachments.append(attachment)
            contents.append(replace(content, attachments=tuple(attachments)))
        first, *more = contents
        return replace(post, content=first, more=tuple(more)), uploaded

    async def _upload_one(self, attachment: Attachment, uploaded: list[tuple[str, str]]) -> Attachment:
        if attachment.file is None:
            return _failed(attachment, "It is not available.")
        try:
            file_id = await self._files.upload(attachment, attachment.file)
        except PermanentFailure as error:
            return _failed(attachment, str(error))
        uploaded.append((file_id, attachment.name))
        return attachment

    async def _admit(self, room: str, ts: str, post: Post, draw: Draw, sentence: str) -> None:
        """Says under the words that their files did not make it."""
        contents = [
            replace(
                content,
                attachments=tuple(
                    file if file.problem else _failed(file, f"It could not be shown here. {sentence}")
                    for file in content.attachments
                ),
            )
            for content in (post.content, *post.more)
        ]
        admitted = replace(post, content=contents[0], more=tuple(contents[1:]))
        try:
            await self._laid_out("chat.update", {"channel": room, "ts": ts}, draw(admitted))
        except AdapterError as error:
            logger.warning("A lost file could not be told", extra={"action": "files_lost", "reason": str(error)})

    async def _take_files(self, room: str, ts: str) -> None:
        """Nothing is left of a message that the customer took back, so its files go too."""
        try:
            answer = await self._api.call(
                "conversations.replies", channel=room, ts=ts, limit=1, include_all_metadata=True
            )
            message: Json = next((one for one in answer.get("messages") or () if one.get("ts") == ts), {})
            for file_id in str(payload(message).get("files") or "").split(","):
                if file_id:
                    await self._files.delete(file_id)
        except CredentialsRejected:
            raise
        except AdapterError as error:
            logger.warning("Files could not be deleted", extra={"action": "files_kept", "reason": str(error)})

    async def _laid_out(self, method: str, arguments: Json, drawn: render.Drawn) -> Json:
        """Words that Slack finds badly laid out go out bare."""
        try:
            return await self._api.attempt(method, **arguments, text=drawn.text, blocks=drawn.blocks)
        except SlackRefused as refused:
            if refused.code not in REPAIRABLE or not drawn.blocks:
                raise to_error(refused) from None
            logger.warning(
                "Slack refused how a post is laid out", extra={"action": "post_repaired", "reason": refused.code}
            )
        return await self._api.call(method, **arguments, text=drawn.text, blocks=[])

    async def _page(self, room: RoomRef, thread: ThreadRef | None, since: datetime, cursor: str) -> Json:
        common: Json = {
            "channel": room.room,
            "oldest": f"{(since - CLOCK_SKEW).timestamp():.6f}",
            "limit": PAGE,
            "include_all_metadata": True,
            "cursor": cursor or None,
        }
        try:
            if thread is None:
                return await self._api.call("conversations.history", **common)
            return await self._api.call("conversations.replies", ts=thread.thread, **common)
        except DestinationUnavailable:
            raise
        except TemporaryFailure as error:
            raise OutcomeUnknown(str(error), retry_after=error.retry_after) from error


def payload(message: Json) -> Json:
    """What we wrote into a post of ours."""
    metadata = message.get("metadata") or {}
    return (metadata.get("event_payload") or {}) if metadata.get("event_type") == METADATA else {}


def _failed(attachment: Attachment, sentence: str) -> Attachment:
    return replace(attachment, source=None, file=None, problem=sentence)
