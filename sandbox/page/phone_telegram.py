"""Telegram on the customers' phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sandbox.page.phones import File, Json, Phone
from sandbox.page.uploads import BadRequest, Upload
from sandbox.telegram import TelegramSandbox
from sandbox.telegram.reactions import REACTIONS


class TelegramPhone(Phone):
    channel, title, marks = "telegram", "Telegram", "ticks"
    can = frozenset({"edit", "delete", "react", "quote", "voice", "place", "start"})
    reactions = sorted(REACTIONS)

    def __init__(self, telegram: TelegramSandbox, customers: Sequence[int]) -> None:
        super().__init__([str(user) for user in customers])
        self._telegram = telegram

    @property
    def business(self) -> str:
        return str(self._telegram.world.bot["first_name"])

    def person(self, user: str) -> Json:
        person = self._telegram.world.person(int(user))
        _, until = self._telegram.world.actions.get(int(user), ("", 0.0))
        typing = max(0.0, until - self._telegram.world.clock())
        return {"name": person.first_name, "blocked": person.blocked, "typing": typing}

    def messages(self, user: str) -> list[Json]:
        return [self._drawn(bubble.as_json()) for bubble in self._telegram.chat(int(user)) if not bubble.deleted]

    def _drawn(self, told: Json) -> Json:
        files = []
        if told["url"]:
            kind = {"sticker": "photo", "audio": "voice", "video": "document"}.get(told["kind"], told["kind"])
            files = [{"kind": kind, "name": told["file_name"] or "", "size": told["size"] or 0}]
        kept = ("from_bot", "date", "kind", "entities", "edited", "details")
        return self.shown(
            told["message_id"],
            files=files,
            text=told["text"] or "",
            reply_to=str(told["reply_to"] or ""),
            quote=told.get("quote"),
            buttons=told["buttons"] or [],
            reactions=[one for one in (told["bot_reaction"], told["customer_reaction"]) if one],
            mine_reacted=told["customer_reaction"] or "",
            seen=True,
            **{name: told[name] for name in kept},
        )

    def news(self, change: Json) -> Json | None:
        user = change.get("user")
        match change.get("kind"):
            case "action":
                return self.changed(user, typing=change["seconds"])
            case "blocked" | "unblocked" as kind:
                return self.changed(user, blocked=kind == "blocked")
            case "callback_answer":
                return self.changed(user, notice=change["text"])
        told = change.get("message")
        if told is None:
            return None
        drawn = None if told["deleted"] else self._drawn(told)
        return self.changed(user, message_id=str(told["message_id"]), message=drawn)

    async def start(self, user: str, payload: str) -> int:
        return await self._telegram.customer_starts(int(user), payload)

    async def write(self, user: str, text: str, reply_to: str) -> int:
        return await self._telegram.customer_writes(int(user), text, reply_to=_number(reply_to))

    async def send(self, user: str, kind: str, files: Sequence[Upload], caption: str, reply_to: str) -> int:
        telegram, told = self._telegram, _number(reply_to)
        if not files:
            return await telegram.customer_sends(int(user), cast(Any, kind), reply_to=told)
        album = telegram.album() if len(files) > 1 else None
        sent = 0
        for number, file in enumerate(files):
            more: Json = {"caption": caption or None, "reply_to": told} if number == 0 else {}
            sent = await telegram.customer_sends(
                int(user), cast(Any, kind), file.name, file.mime, file.data, media_group_id=album, **more
            )
        return sent

    async def edit(self, user: str, message_id: str, text: str) -> None:
        await self._telegram.customer_edits(int(user), _known(message_id), text)

    async def delete(self, user: str, message_id: str) -> None:
        await self._telegram.customer_deletes(int(user), _known(message_id))

    async def react(self, user: str, message_id: str, emoji: str | None) -> None:
        await self._telegram.customer_reacts(int(user), _known(message_id), emoji)

    async def press(self, user: str, message_id: str, data: str) -> None:
        await self._telegram.customer_presses(int(user), _known(message_id), data)

    async def file(self, message_id: str, number: int) -> File | None:
        message = self._telegram.world.messages.get(_known(message_id))
        found = message.file if message else None
        return (found.name or found.path.rpartition("/")[2], found.mime, found.data) if found else None


def _number(message_id: str) -> int | None:
    return _known(message_id) if message_id else None


def _known(message_id: str) -> int:
    if not message_id.isdecimal() or len(message_id) > 18:
        raise BadRequest(f"There is no message {message_id[:40]}")
    return int(message_id)
