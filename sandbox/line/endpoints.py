"""The Messaging API's endpoints: https://developers.line.biz/en/reference/messaging-api/."""

from __future__ import annotations

import re
import uuid
from typing import Any

from sandbox.line.checks import problems_of
from sandbox.line.errors import ApiError, Json, invalid
from sandbox.line.world import RETRY_KEY_S, Bubble, File, World

_USER = re.compile(r"U[0-9a-f]{32}")
#: What the receiver may quote: https://developers.line.biz/en/docs/messaging-api/get-quote-tokens/
_QUOTABLE = ("text", "sticker", "image", "video")


def reply(world: World, body: Json) -> Json:
    """POST /v2/bot/message/reply"""
    _check_messages(world, body)
    user = world.use_reply_token(body.get("replyToken"))
    return {"sentMessages": _deliver(world, user, body["messages"], by_reply=True)}


def push(world: World, body: Json, retry_key: str, request_id: str) -> Json:
    """POST /v2/bot/message/push; raises ApiError, 409 where the retry key's call was carried out before."""
    if retry_key:
        _check_retry_key(world, retry_key)
    to = body.get("to")
    if not isinstance(to, str) or not _USER.fullmatch(to):
        raise ApiError(400, "The property, 'to', in the request body is invalid (line: -, column: -)")
    _check_messages(world, body)
    person = world.people.get(to)
    if person is None or person.gone or not person.friend:
        raise ApiError(400, "Failed to send messages")
    if world.quota is not None and world.used >= world.quota:
        raise ApiError(429, "You have reached your monthly limit.")
    sent = _deliver(world, to, body["messages"], by_reply=False)
    if not person.blocked:
        # However many message objects the call has, it counts once for each receiver.
        world.used += 1
    if retry_key:
        world.accepted[retry_key.lower()] = (world.clock(), request_id, sent)
    return {"sentMessages": sent}


def profile(world: World, user: str) -> Json:
    """GET /v2/bot/profile/{userId}"""
    person = world.people.get(user)
    if person is None or person.gone or person.blocked or not person.friend:
        raise ApiError(404, "Not found")
    more = {"pictureUrl": person.picture} if person.picture else {}
    return {"userId": user, "displayName": person.name, "language": person.language, **more}


def quota(world: World) -> Json:
    """GET /v2/bot/message/quota"""
    return {"type": "none"} if world.quota is None else {"type": "limited", "value": world.quota}


def loading(world: World, body: Json) -> Json:
    """POST /v2/bot/chat/loading/start"""
    user, seconds = body.get("chatId"), body.get("loadingSeconds", 20)
    if not isinstance(user, str) or not _USER.fullmatch(user):
        raise invalid([("chatId", "Must be a user ID")])
    if not isinstance(seconds, int) or not 5 <= seconds <= 60 or seconds % 5:
        raise invalid([("loadingSeconds", "Must be a multiple of 5 between 5 and 60")])
    person = world.people.get(user)
    if person is not None and not person.blocked:
        world.loading[user] = world.clock() + seconds
        world.watchers.tell({"type": "loading", "user": user, "until": world.loading[user]})
    return {}


def mark_as_read(world: World, body: Json) -> Json:
    """POST /v2/bot/chat/markAsRead"""
    token = body.get("markAsReadToken")
    message_id = world.read_tokens.get(token) if isinstance(token, str) else None
    if message_id is None:
        raise invalid([("markAsReadToken", "Invalid markAsReadToken")])
    marked = world.bubbles[message_id]
    for bubble in world.chat(marked.user):
        if not bubble.from_bot and not bubble.read:
            bubble.read = True
            world.changed("read", bubble)
        if bubble is marked:
            break
    return {}


def content(world: World, message_id: str) -> File:
    """GET /v2/bot/message/{messageId}/content of the data host; raises ApiError, 202 while it is prepared."""
    bubble = world.bubbles.get(message_id)
    if bubble is not None and bubble.unsent:
        raise ApiError(410, "The content is gone")
    if bubble is None or bubble.file is None:
        raise ApiError(404, "not found")
    if bubble.file.ready_at > world.clock():
        raise ApiError(202, "")
    return bubble.file


def transcoding(world: World, message_id: str) -> Json:
    """GET /v2/bot/message/{messageId}/content/transcoding"""
    try:
        content(world, message_id)
    except ApiError as error:
        if error.status != 202:
            raise
        return {"status": "processing"}
    return {"status": "succeeded"}


def _check_retry_key(world: World, retry_key: str) -> None:
    try:
        uuid.UUID(retry_key)
    except ValueError:
        raise ApiError(400, "The request header, X-Line-Retry-Key, is not a valid UUID") from None
    found = world.accepted.get(retry_key.lower())
    if found is not None and world.clock() < found[0] + RETRY_KEY_S:
        error = ApiError(409, "The retry key is already accepted", sentMessages=found[2])
        error.accepted_request_id = found[1]
        raise error


def _check_messages(world: World, body: Json) -> None:
    problems = problems_of(body.get("messages"))
    if problems:
        raise invalid(problems)
    for number, message in enumerate(body["messages"]):
        token = message.get("quoteToken")
        if token is not None and token not in world.quote_tokens:
            raise invalid([(f"messages[{number}].quoteToken", "Invalid quoteToken")])


def _deliver(world: World, user: str, messages: list[Json], *, by_reply: bool) -> list[Json]:
    person = world.person(user)
    if person.gone:
        raise ApiError(400, "Failed to send messages")
    sent: list[Json] = []
    for number, message in enumerate(messages):
        bubble = _bubble(world, user, message, by_reply=by_reply, with_previous=number > 0)
        if person.blocked:
            # LINE accepts it and shows it to nobody.
            del world.bubbles[bubble.id]
        token = {"quoteToken": world.quote_token(bubble)} if message["type"] in _QUOTABLE else {}
        sent.append({"id": bubble.id, **token})
    return sent


def _bubble(world: World, user: str, message: Json, **fields: bool) -> Bubble:
    details: dict[str, Any] = {}
    if message["type"] in ("sticker", "location", "audio"):
        details = {name: value for name, value in message.items() if name not in ("type", "quickReply", "quoteToken")}
    return world.keep(
        user=user,
        from_bot=True,
        kind=message["type"],
        text=message.get("text", ""),
        quotes=world.quote_tokens.get(message.get("quoteToken", ""), ""),
        url=message.get("originalContentUrl", ""),
        preview_url=message.get("previewImageUrl", ""),
        details=details,
        buttons=[item["action"] for item in message.get("quickReply", {}).get("items", [])],
        **fields,
    )
