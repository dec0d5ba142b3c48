"""chat.*: posting, editing and deleting messages, with Slack's limits on text, blocks and metadata."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.slack import composer
from sandbox.slack.blocks import check_message_blocks
from sandbox.slack.web import Call, Method
from sandbox.slack.wire import Json, SlackError
from sandbox.slack.world import Channel

#: chat.postMessage cuts here; chat.update refuses above the lower number.
LONGEST_POST = 40_000
LONGEST_UPDATE = 4_000
LONGEST_MARKDOWN = 12_000
#: Undocumented sum over all texts in the blocks of one message (bolt-js#2509).
LONGEST_BLOCKS = 13_000
#: JSON bytes of one message's metadata.
LARGEST_METADATA = 8_000
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
_TS = re.compile(r"\d{10}\.\d{6}")


def post_message(call: Call) -> Json:
    """chat.postMessage."""
    channel = call.channel(by_name=True)
    _writable(call, channel)
    content = _content(call)
    thread = _thread(call, channel)
    message: Json = {**_author(call), **content, **thread}
    if thread and call.arguments.flag("reply_broadcast"):
        message["subtype"] = "thread_broadcast"
    stored = call.messages.post(channel, message)
    return {"channel": channel.id, "ts": stored["ts"], "message": call.messages.render(channel, stored, metadata=True)}


def update(call: Call) -> Json:
    """chat.update: a persona stays, blocks stay only while no new text comes."""
    channel = call.channel()
    ts = call.arguments.required("ts")
    message = _own(call, channel, ts, "cant_update_message")
    if channel.archived:
        raise SlackError("is_archived")
    if len(call.arguments.text("text")) > LONGEST_UPDATE:
        raise SlackError("msg_too_long")
    content = _content(call, update=True)
    changes: Json = dict(content)
    if "blocks" not in changes and "text" in changes:
        changes["blocks"] = composer.from_mrkdwn(changes["text"]) or None
    if changes.get("metadata") == {}:
        changes["metadata"] = None
    # "(edited)" shows only on messages that are plain text.
    plain = "blocks" not in content and "text" in content
    call.messages.edit(channel, ts, changes, by=call.world.bot.id, edited=plain)
    shown = call.messages.render(channel, message, metadata=True)
    return {"channel": channel.id, "ts": ts, "text": message.get("text", ""), "message": shown}


def delete(call: Call) -> Json:
    """chat.delete."""
    channel = call.channel()
    ts = call.arguments.required("ts")
    _own(call, channel, ts, "cant_delete_message")
    if channel.archived:
        raise SlackError("is_archived")
    call.messages.delete(channel, ts, by=call.world.bot.id)
    return {"channel": channel.id, "ts": ts}


def post_ephemeral(call: Call) -> Json:
    """chat.postEphemeral: kept apart from messages, seen by one person only."""
    channel = call.channel(by_name=True)
    _writable(call, channel)
    user = call.arguments.required("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    if len(call.arguments.text("text")) > LONGEST_POST:
        raise SlackError("msg_too_long")
    content = _content(call)
    thread_ts = call.arguments.text("thread_ts")
    message = {"type": "message", **_author(call), **content, "is_ephemeral": True}
    ts = add_ephemeral(call, channel, user, message, thread_ts)
    return {"message_ts": ts}


def add_ephemeral(call: Call, channel: Channel, user: str, message: Json, thread_ts: str = "") -> str:
    """Shows `message` to one person and returns its ts."""
    ts = call.world.new_ts()
    entry = {**message, "ts": ts, "channel": channel.id, "to": user}
    if thread_ts:
        entry["thread_ts"] = thread_ts
    call.world.show_ephemeral(entry)
    return ts


def get_permalink(call: Call) -> Json:
    """chat.getPermalink."""
    channel = call.channel()
    ts = call.arguments.required("message_ts")
    message = channel.messages.get(ts)
    if message is None:
        raise SlackError("message_not_found")
    link = f"{call.world.url}/archives/{channel.id}/p{ts.replace('.', '')}"
    if message.get("thread_ts", ts) != ts:
        link += f"?thread_ts={message['thread_ts']}&cid={channel.id}"
    return {"permalink": link, "channel": channel.id}


def set_status(call: Call) -> Json:
    """assistant.threads.setStatus: "is typing..." under a thread until the next post or for two minutes."""
    channel = call.channel("channel_id")
    call.need("chat:write", "assistant:write")
    thread_ts = call.arguments.required("thread_ts")
    if thread_ts not in channel.messages:
        raise SlackError("thread_not_found")
    if "status" not in call.arguments:
        raise SlackError("invalid_arguments", "missing required field: status")
    if call.arguments.text("username"):
        call.need("chat:write.customize")
    status = {
        "status": call.arguments.text("status"),
        "username": call.arguments.text("username"),
        "until": call.world.clock() + 120,
    }
    if status["status"]:
        call.world.typing[(channel.id, thread_ts)] = status
    else:
        call.world.typing.pop((channel.id, thread_ts), None)
    call.world.watchers.tell({"type": "typing", "channel": channel.id, "thread_ts": thread_ts, **status})
    return {}


def _writable(call: Call, channel: Channel) -> None:
    if call.world.bot.id not in channel.members:
        if channel.kind == "channel" and "chat:write.public" in call.scopes and not channel.archived:
            return
        raise SlackError("not_in_channel")
    if channel.archived:
        raise SlackError("is_archived")


def _own(call: Call, channel: Channel, ts: str, refusal: str) -> Json:
    message = channel.messages.get(ts)
    if message is None or message.get("subtype") == "tombstone":
        raise SlackError("message_not_found")
    if message.get("bot_id") != call.world.bot_id:
        raise SlackError(refusal)
    return message


def _thread(call: Call, channel: Channel) -> Json:
    value = call.arguments.values.get("thread_ts")
    if value in (None, ""):
        return {}
    if not isinstance(value, str) or not _TS.fullmatch(value):
        raise SlackError("invalid_thread_ts", f"{value} is not a valid thread_ts")
    root = channel.messages.get(value)
    if root is None and value in channel.gone:
        raise SlackError("thread_not_found")
    if root is not None and str(root.get("subtype", "")).startswith(("channel_", "group_")):
        raise SlackError("cannot_reply_to_message")
    # A ts that never was, or that of a reply, is accepted, and the post is seen nowhere (python-slack-sdk#840).
    return {"thread_ts": value}


def _author(call: Call) -> Json:
    world = call.world
    author: Json = {"bot_id": world.bot_id, "app_id": world.app_id, "team": world.team_id}
    username = call.arguments.text("username")
    icon_url, icon_emoji = call.arguments.text("icon_url"), call.arguments.text("icon_emoji")
    if not (username or icon_url or icon_emoji) or "chat:write.customize" not in call.scopes:
        profile = {
            "id": world.bot_id,
            "app_id": world.app_id,
            "user_id": world.bot.id,
            "name": world.bot_name,
            "icons": {"image_72": f"{world.url}/avatars/{world.bot.id}-72.png"},
            "deleted": False,
            "updated": world.bot.updated,
            "team_id": world.team_id,
        }
        return author | {"user": world.bot.id, "bot_profile": profile}
    icons: Json = {"emoji": icon_emoji} if icon_emoji else {}
    if icon_url:
        icons = {"image_36": icon_url, "image_48": icon_url, "image_72": icon_url}
    author |= {"subtype": "bot_message", "username": username or world.bot_name}
    return author | ({"icons": icons} if icons else {})


def _content(call: Call, *, update: bool = False) -> Json:
    """Text, blocks, attachments and metadata of a message, checked."""
    arguments = call.arguments
    content: Json = {}
    blocks = arguments.structure("blocks", "invalid_blocks_format")
    attachments = arguments.structure("attachments", "invalid_attachments")
    markdown = arguments.text("markdown_text")
    text = _BARE_AMPERSAND.sub("&amp;", arguments.text("text"))
    if markdown:
        if text or blocks:
            raise SlackError("markdown_text_conflict")
        if len(markdown) > LONGEST_MARKDOWN:
            raise SlackError("msg_too_long")
        text, blocks = markdown, [{"type": "markdown", "text": markdown}]
    if blocks is not None:
        content["blocks"] = check_message_blocks(blocks)
        if _text_length(blocks) > LONGEST_BLOCKS:
            raise SlackError("msg_blocks_too_long")
    if attachments is not None:
        if not isinstance(attachments, list) or not all(isinstance(entry, dict) for entry in attachments):
            raise SlackError("invalid_attachments")
        if len(attachments) > 100:
            raise SlackError("too_many_attachments")
        content["attachments"] = attachments
    metadata = _metadata(call)
    if metadata is not None:
        content["metadata"] = metadata
    if text.strip() or not update:
        content["text"] = text[:LONGEST_POST]
    if not text.strip() and not blocks and not attachments:
        raise SlackError("no_text")
    if not update and not blocks and text:
        content["blocks"] = composer.from_mrkdwn(content["text"])
    return content


def _metadata(call: Call) -> Json | None:
    value = call.arguments.structure("metadata", "invalid_metadata_format")
    if value is None or value == {}:
        return None if value is None else {}
    if not isinstance(value, dict) or not isinstance(value.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(value.get("event_type"), str) or not value["event_type"]:
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(value, ensure_ascii=False).encode()) > LARGEST_METADATA:
        raise SlackError("metadata_too_large")
    return value


def _text_length(node: Any) -> int:
    if isinstance(node, list):
        return sum(_text_length(entry) for entry in node)
    if isinstance(node, dict):
        return sum(
            len(value) if name == "text" and isinstance(value, str) else _text_length(value)
            for name, value in node.items()
        )
    return 0


METHODS = {
    # chat.postMessage has its own limit: a message a second per channel, and some hundred a minute per workspace.
    "chat.postMessage": Method(handle=post_message, tier=None, scopes=("chat:write",)),
    "chat.update": Method(handle=update, tier=3, scopes=("chat:write",)),
    "chat.delete": Method(handle=delete, tier=3, scopes=("chat:write",)),
    "chat.postEphemeral": Method(handle=post_ephemeral, tier=4, scopes=("chat:write",)),
    "chat.getPermalink": Method(handle=get_permalink, tier=None),
    "assistant.threads.setStatus": Method(handle=set_status, tier=None),
}
