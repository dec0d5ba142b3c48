"""files.*: the three steps of an upload, and what is known of a file."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Callable

from sandbox.slack import composer
from sandbox.slack.blocks import check_message_blocks
from sandbox.slack.web import Call, Method
from sandbox.slack.wire import Json, SlackError
from sandbox.slack.world import Channel, File

#: Seconds after the answer until an uploaded file is shared, as its `shares` fill in late.
SHARE_DELAY = 0.05
LARGEST_FILE = 64 * 1024 * 1024
LONGEST_ALT_TEXT = 1_000


def get_upload_url(call: Call) -> Json:
    """files.getUploadURLExternal: an address that takes the bytes without a token."""
    world = call.world
    name = call.arguments.required("filename")
    length = call.arguments.integer("length", 0)
    if length <= 0:
        raise SlackError("missing_argument")
    if length > LARGEST_FILE:
        raise SlackError("file_upload_size_restricted")
    alt_txt = call.arguments.text("alt_txt")
    if len(alt_txt) > LONGEST_ALT_TEXT:
        raise SlackError("alt_txt_too_large")
    file = File(
        id=world.new_id("F"),
        name=name,
        title=name,
        mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream",
        user=world.bot.id,
        created=world.now(),
        length=length,
        alt_txt=alt_txt,
        upload_ticket=secrets.token_urlsafe(16),
    )
    world.files[file.id] = file
    return {"upload_url": f"{world.url}/upload/v1/{file.upload_ticket}", "file_id": file.id}


def complete_upload(call: Call) -> Json:
    """files.completeUploadExternal: answers without a ts; the message follows a little later."""
    entries = call.arguments.structure("files", "invalid_arguments")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise SlackError("invalid_arguments", "missing required field: files")
    files = []
    for entry in entries:
        file = call.world.files.get(str(entry.get("id")))
        if file is None or file.content is None or file.deleted:
            raise SlackError("file_not_found")
        if file.completed:
            raise SlackError("file_update_failed")
        files.append(file)
    places = _places(call)
    thread_ts = call.arguments.text("thread_ts")
    if thread_ts and len(places) != 1:
        raise SlackError("invalid_arguments", "thread_ts needs exactly one channel [json-pointer:/thread_ts]")
    blocks = call.arguments.structure("blocks", "invalid_blocks_format")
    if blocks:
        blocks = check_message_blocks(blocks)
    for file, entry in zip(files, entries, strict=True):
        file.completed = True
        file.title = str(entry.get("title") or file.name)
    comment = call.arguments.text("initial_comment")
    for place in places:
        call.later.append((SHARE_DELAY, _share(call, place, files, comment, blocks or [], thread_ts)))
    return {"files": [call.world.file_json(file) for file in files]}


def info(call: Call) -> Json:
    """files.info."""
    file = _file(call)
    shown = call.world.file_json(file)
    kinds = {"channel": "public", "group": "private", "im": "private"}
    shares: Json = {}
    for channel_id, entries in file.shares.items():
        place = call.world.channels.get(channel_id)
        if place is not None:
            details = {"team_id": call.world.team_id, "channel_name": place.name, "reply_users": [], "reply_count": 0}
            rows = [{**details, **entry} for entry in entries]
            shares.setdefault(kinds[place.kind], {})[channel_id] = rows
    return {"file": {**shown, "shares": shares}, "comments": [], "response_metadata": {"next_cursor": ""}}


def delete(call: Call) -> Json:
    """files.delete: only what the app itself uploaded."""
    file = _file(call)
    if file.user != call.world.bot.id:
        raise SlackError("cant_delete_file")
    call.messages.delete_file(file)
    return {}


def _share(
    call: Call, place: Channel, files: list[File], comment: str, blocks: list[Json], thread_ts: str
) -> Callable[[], None]:
    def share() -> None:
        world = call.world
        message: Json = {
            "subtype": "file_share",
            "text": comment,
            "user": world.bot.id,
            "bot_id": world.bot_id,
            "app_id": world.app_id,
            "team": world.team_id,
            "upload": True,
            "display_as_bot": False,
            "files": [world.file_json(file) for file in files],
        }
        if blocks or comment:
            message["blocks"] = blocks or composer.from_mrkdwn(comment)
        if thread_ts:
            message["thread_ts"] = thread_ts
        ts = str(call.messages.post(place, message)["ts"])
        for file in files:
            file.shares.setdefault(place.id, []).append({"ts": ts, **({"thread_ts": thread_ts} if thread_ts else {})})

    return share


def _places(call: Call) -> list[Channel]:
    single, several = call.arguments.text("channel_id"), call.arguments.text("channels")
    if single and several:
        raise SlackError("invalid_arguments", "channel_id and channels exclude each other")
    places = []
    for name in [single] if single else [entry for entry in several.split(",") if entry]:
        place = call.world.channels.get(name)
        if place is None or place.deleted or (place.kind != "channel" and call.world.bot.id not in place.members):
            raise SlackError("channel_not_found")
        if call.world.bot.id not in place.members:
            raise SlackError("not_in_channel")
        if place.archived:
            raise SlackError("is_archived")
        places.append(place)
    return places


def _file(call: Call) -> File:
    file = call.world.files.get(call.arguments.required("file"))
    if file is None or not file.completed:
        raise SlackError("file_not_found")
    if file.deleted:
        raise SlackError("file_deleted")
    return file


METHODS = {
    "files.getUploadURLExternal": Method(handle=get_upload_url, tier=4, scopes=("files:write",)),
    "files.completeUploadExternal": Method(handle=complete_upload, tier=4, scopes=("files:write",)),
    "files.info": Method(handle=info, tier=4, scopes=("files:read",)),
    "files.delete": Method(handle=delete, tier=3, scopes=("files:write",)),
}
