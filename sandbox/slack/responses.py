"""response_url: an address handed out with every press and command, good for five answers in half an hour.

https://docs.slack.dev/interactivity/handling-user-interaction
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.slack import composer
from sandbox.slack.blocks import check_message_blocks
from sandbox.slack.messages import Messages
from sandbox.slack.wire import Json, SlackError
from sandbox.slack.world import Channel, World

LIFE = 30 * 60.0
MOST_USES = 5
MOST_ADDRESSES = 5_000


@dataclass(slots=True, kw_only=True)
class Address:
    """What one response_url answers to."""

    user: str
    channel: str
    born: float
    #: The message that was pressed, if it was one.
    message_ts: str | None = None
    uses: int = 0


class Responses:
    """Every response_url given out."""

    def __init__(self, world: World, messages: Messages) -> None:
        self._world = world
        self._messages = messages
        self._addresses: dict[str, Address] = {}

    def new(self, *, user: str, channel: str, message_ts: str | None = None) -> str:
        """A fresh address."""
        key = secrets.token_urlsafe(18)
        self._addresses[key] = Address(user=user, channel=channel, born=self._world.clock(), message_ts=message_ts)
        while len(self._addresses) > MOST_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]
        return f"{self._world.url}/actions/{self._world.team_id}/{key}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One POST to such an address."""
        address = self._addresses.get(request.match_info["key"])
        if address is None:
            return _refusal(404, "no_service")
        if self._world.clock() - address.born > LIFE:
            return _refusal(404, "expired_url")
        if address.uses >= MOST_USES:
            return _refusal(404, "used_url")
        try:
            body = json.loads(await request.text())
            if not isinstance(body, dict):
                raise TypeError
        except (ValueError, TypeError):
            return _refusal(400, "invalid_payload")
        try:
            self.answer(address, body)
        except SlackError as error:
            return web.json_response(error.answer(), status=400)
        address.uses += 1
        return web.Response(text="ok")

    def answer_command(self, *, user: str, channel: str, body: Any) -> None:
        """What an app answers to a command right away: text, or a message."""
        if isinstance(body, str) and body.strip():
            body = {"text": body}
        if isinstance(body, dict) and (body.get("text") or body.get("blocks")):
            self.answer(Address(user=user, channel=channel, born=self._world.clock()), body)

    def answer(self, address: Address, body: Json) -> None:
        """Shows an answer. Raises: SlackError."""
        place = self._world.channels.get(address.channel)
        if place is None or place.deleted:
            raise SlackError("channel_not_found")
        if body.get("delete_original"):
            self._delete(place, address)
            return
        content = _content(body)
        if body.get("replace_original") and address.message_ts is not None:
            self._replace(place, address, content)
            return
        if body.get("thread_ts"):
            content["thread_ts"] = str(body["thread_ts"])
        world = self._world
        message = {"bot_id": world.bot_id, "app_id": world.app_id, "user": world.bot.id, "team": world.team_id}
        if body.get("response_type") == "in_channel":
            self._messages.post(place, {**message, **content})
        else:
            self._world.show_ephemeral(
                {
                    "type": "message",
                    **message,
                    **content,
                    "is_ephemeral": True,
                    "ts": self._world.new_ts(),
                    "channel": place.id,
                    "to": address.user,
                }
            )

    def _replace(self, place: Channel, address: Address, content: Json) -> None:
        ts = str(address.message_ts)
        ephemeral = self._ephemeral(address)
        if ephemeral is not None:
            ephemeral.pop("blocks", None)
            ephemeral.update(content)
            self._world.watchers.tell({"type": "ephemeral", "user": address.user, "message": ephemeral})
        elif ts in place.messages and place.messages[ts].get("bot_id") == self._world.bot_id:
            content.setdefault("blocks", None)
            self._messages.edit(place, ts, content, by=self._world.bot.id, edited=False)
        else:
            raise SlackError("message_not_found")

    def _delete(self, place: Channel, address: Address) -> None:
        ts = str(address.message_ts)
        ephemeral = self._ephemeral(address)
        if ephemeral is not None:
            self._world.ephemerals.remove(ephemeral)
            self._world.watchers.tell({"type": "ephemeral_deleted", "user": address.user, "ts": ts})
        elif ts in place.messages and place.messages[ts].get("bot_id") == self._world.bot_id:
            self._messages.delete(place, ts, by=self._world.bot.id)
        else:
            raise SlackError("message_not_found")

    def _ephemeral(self, address: Address) -> Json | None:
        entries = self._world.ephemerals
        return next(
            (entry for entry in entries if entry["ts"] == address.message_ts and entry["to"] == address.user), None
        )


def _content(body: Json) -> Json:
    text = body.get("text")
    content: Json = {"text": text if isinstance(text, str) else ""}
    if body.get("blocks"):
        content["blocks"] = check_message_blocks(body["blocks"])
    elif content["text"].strip():
        content["blocks"] = composer.from_mrkdwn(content["text"])
    else:
        raise SlackError("no_text")
    return content


def _refusal(status: int, error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error}, status=status)
