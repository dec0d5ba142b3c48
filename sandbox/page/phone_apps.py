"""WhatsApp, Messenger, Instagram, text messages and LINE on the customers' phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from sandbox.graph.account import Account
from sandbox.graph.pages import Page as MetaPage
from sandbox.graph.shapes import Message as MetaMessage
from sandbox.graph.whatsapp import WhatsApp
from sandbox.line import LineSandbox
from sandbox.line.world import Bubble as LineBubble
from sandbox.page.phones import File, Json, Phone, moment
from sandbox.page.uploads import Upload
from sandbox.twilio import TwilioSandbox
from sandbox.twilio.messages import Message as TextMessage

#: What the page calls a file, by what Meta and LINE call it.
_DRAWN = {"image": "photo", "sticker": "photo", "audio": "voice"}


class MetaPhone(Phone):
    """What WhatsApp, Messenger and Instagram have in common."""

    can = frozenset({"edit", "delete", "react", "quote", "voice", "read"})
    #: What the app calls a file that is no picture, and whether words go with it.
    file_kind: ClassVar[str] = "file"
    words_beside: ClassVar[str] = "text"

    def __init__(self, account: Account, customers: Sequence[str]) -> None:
        super().__init__(customers)
        self.account = cast(Any, account)

    def person(self, user: str) -> Json:
        person = self.account.person(user)
        typing = max(0.0, person.typing_until - self.account.now)
        return {"name": person.name, "blocked": person.blocked, "typing": typing}

    def messages(self, user: str) -> list[Json]:
        mine = [one for one in self.account.messages.values() if one.person == user]
        return [self._drawn(one) for one in mine if self._is_shown(one)]

    @staticmethod
    def _is_shown(message: MetaMessage) -> bool:
        return message.status != "failed" and not message.deleted

    def _drawn(self, message: MetaMessage) -> Json:
        media, details = message.media, message.details or {}
        kind = _DRAWN.get(message.kind, "document")
        files = [{"kind": kind, "name": media.name, "size": len(media.data)}] if media else []
        rows = [[{"text": label, "callback_data": value}] for value, label in message.buttons]
        rows += [[{"text": one["title"], "url": one["url"]}] for one in _links(details)]
        cards = [one for one in details.get("elements") or [] if isinstance(one, dict)]
        return self.shown(
            message.id,
            files=files,
            from_bot=message.ours,
            date=moment(message.at),
            kind=message.kind if message.kind in ("location", "contact") else "text",
            text=self.account.bubble(message).text,
            details=details or None,
            reply_to=message.reply_to,
            buttons=rows,
            quick=message.ours and message.kind != "template" and self.channel != "whatsapp",
            cards=[{"title": one.get("title", ""), "subtitle": one.get("subtitle", "")} for one in cards],
            edited=message.edited > 0,
            seen=message.seen,
            reactions=[one for one in (message.our_reaction, message.customer_reaction) if one],
            mine_reacted=message.customer_reaction,
        )

    def news(self, change: Json) -> Json | None:
        user = change.get("user", "")
        if change.get("kind") == "typing" and user in self.account.people:
            return self.changed(user, typing=self.person(user)["typing"])
        told = change.get("message")
        if not isinstance(told, dict):
            return None
        message = self.account.messages.get(told["id"])
        drawn = self._drawn(message) if message is not None and self._is_shown(message) else None
        return self.changed(user, message_id=told["id"], message=drawn)

    async def write(self, user: str, text: str, reply_to: str) -> str:
        return cast(str, await self.account.customer_writes(user, text, reply_to=reply_to))

    async def send(self, user: str, kind: str, files: Sequence[Upload], caption: str, reply_to: str) -> str:
        if not files:
            raise self._missing(kind)
        called = {"photo": "image", "voice": "audio"}.get(kind, self.file_kind)
        sent = ""
        for number, file in enumerate(files):
            more: Json = {"reply_to": reply_to} if number == 0 else {}
            more |= {self.words_beside: caption} if caption and number == 0 else {}
            sent = await self.account.customer_sends(user, called, file.name, file.mime, file.data, **more)
        return sent

    async def edit(self, user: str, message_id: str, text: str) -> None:
        await self.account.customer_edits(user, message_id, text)

    async def delete(self, user: str, message_id: str) -> None:
        await self.account.customer_deletes(user, message_id)

    async def react(self, user: str, message_id: str, emoji: str | None) -> None:
        await self.account.customer_reacts(user, message_id, emoji)

    async def press(self, user: str, message_id: str, data: str) -> None:
        await self.account.customer_presses(user, message_id, data)

    async def read(self, user: str) -> None:
        await self.account.customer_reads(user)

    async def file(self, message_id: str, number: int) -> File | None:
        message = self.account.messages.get(message_id)
        media = message.media if message is not None and not message.deleted else None
        return (media.name, media.mime, media.data) if media else None


def _links(details: Json) -> list[Json]:
    """Buttons that lead somewhere, of a template."""
    holders = [details, *(one for one in details.get("elements") or [] if isinstance(one, dict))]
    return [one for holder in holders for one in holder.get("buttons") or [] if one.get("type") == "web_url"]


class WhatsAppPhone(MetaPhone):
    channel, title, marks = "whatsapp", "WhatsApp", "ticks"
    can = MetaPhone.can | {"place"}
    file_kind, words_beside = "document", "caption"
    account: WhatsApp

    @property
    def business(self) -> str:
        return self.account.verified_name

    async def send(self, user: str, kind: str, files: Sequence[Upload], caption: str, reply_to: str) -> str:
        if kind == "location":
            return await self.account.customer_shares_location(user)
        return await super().send(user, kind, files, caption, reply_to)


class MessengerPhone(MetaPhone):
    channel, title, marks = "messenger", "Messenger", "Seen"
    account: MetaPage

    @property
    def business(self) -> str:
        return self.account.name


class InstagramPhone(MetaPhone):
    channel, title, marks = "instagram", "Instagram", "Seen"
    account: MetaPage

    @property
    def business(self) -> str:
        return self.account.username


class SmsPhone(Phone):
    channel, title = "sms", "SMS"

    def __init__(self, twilio: TwilioSandbox, customers: Sequence[str]) -> None:
        super().__init__(customers)
        self._twilio = twilio

    @property
    def business(self) -> str:
        return next(iter(self._twilio.world.lines), "")

    def person(self, user: str) -> Json:
        return {"name": self._twilio.world.phone(user).name, "blocked": False, "typing": 0}

    def messages(self, user: str) -> list[Json]:
        return [self._drawn(one) for one in self._twilio.phone(user)]

    def _drawn(self, message: TextMessage) -> Json:
        files = []
        for media in message.media:
            main, _, detail = media.mime.partition("/")
            kind = {"image": "photo", "audio": "voice"}.get(main, "document")
            files.append({"kind": kind, "name": f"{detail.upper()} file", "size": len(media.data)})
        inbound = message.direction == "inbound"
        return self.shown(
            message.sid, files=files, from_bot=not inbound, date=moment(message.made_at), text=message.words
        )

    def news(self, change: Json) -> Json | None:
        told = change.get("message")
        message = self._twilio.world.messages.get(told["sid"]) if isinstance(told, dict) else None
        if message is None or not (message.shown or message.direction == "inbound"):
            return None
        return self.changed(message.number, message_id=message.sid, message=self._drawn(message))

    async def write(self, user: str, text: str, reply_to: str) -> str:
        return self._twilio.customer_writes(user, text)

    async def send(self, user: str, kind: str, files: Sequence[Upload], caption: str, reply_to: str) -> str:
        if not files:
            raise self._missing(kind)
        sent = ""
        for number, file in enumerate(files):
            sent = self._twilio.customer_sends(user, file.mime, file.data, text=caption if number == 0 else "")
        return sent

    async def file(self, message_id: str, number: int) -> File | None:
        message = self._twilio.world.messages.get(message_id)
        if message is None or not 0 <= number < len(message.media):
            return None
        media = message.media[number]
        return f"{media.sid}.{media.mime.rpartition('/')[2]}", media.mime, media.data


class LinePhone(Phone):
    channel, title, marks = "line", "LINE", "Read"
    can = frozenset({"delete", "quote", "voice", "place"})

    def __init__(self, line: LineSandbox, customers: Sequence[str]) -> None:
        super().__init__(customers)
        self._line = line

    @property
    def business(self) -> str:
        return str(self._line.world.bot.get("displayName", ""))

    def person(self, user: str) -> Json:
        person, world = self._line.world.person(user), self._line.world
        typing = max(0.0, world.loading.get(user, 0.0) - world.clock())
        return {"name": person.name, "blocked": person.blocked, "typing": typing}

    def messages(self, user: str) -> list[Json]:
        return [self._drawn(one) for one in self._line.chat(user) if not one.unsent]

    def _drawn(self, bubble: LineBubble) -> Json:
        name, data = (bubble.file.name, bubble.file.data) if bubble.file else ("", b"")
        kind = _DRAWN.get(bubble.kind, "document")
        file = {"kind": kind, "name": name, "size": len(data)} if bubble.file or bubble.url else None
        return self.shown(
            bubble.id,
            files=[file] if file else [],
            from_bot=bubble.from_bot,
            date=moment(bubble.at),
            kind="location" if bubble.kind == "location" else "text",
            text=bubble.text,
            details=bubble.details or None,
            reply_to=bubble.quotes,
            buttons=[[_button(one)] for one in bubble.buttons],
            quick=bubble.from_bot,
            seen=bubble.read,
        )

    def news(self, change: Json) -> Json | None:
        user = change.get("user", "")
        if change.get("type") == "loading":
            return self.changed(user, typing=self.person(user)["typing"])
        told = change.get("message")
        if not isinstance(told, dict):
            return None
        bubble = self._line.world.bubbles.get(told["id"])
        drawn = self._drawn(bubble) if bubble is not None and not bubble.unsent else None
        return self.changed(user, message_id=told["id"], message=drawn)

    async def write(self, user: str, text: str, reply_to: str) -> str:
        return await self._line.customer_writes(user, text, quote=reply_to or None)

    async def send(self, user: str, kind: str, files: Sequence[Upload], caption: str, reply_to: str) -> str:
        if kind == "location":
            return await self._line.customer_sends_place(user)
        called = cast(Any, {"photo": "image", "voice": "audio"}.get(kind, "file"))
        sent = ""
        for file in files:
            sent = await self._line.customer_sends(user, called, file.name, file.mime, file.data)
        # LINE's app has no words beside a file; they follow it.
        return await self._line.customer_writes(user, caption) if caption else sent

    async def delete(self, user: str, message_id: str) -> None:
        await self._line.customer_unsends(user, message_id)

    async def press(self, user: str, message_id: str, data: str) -> None:
        await self._line.customer_presses(user, data)

    async def file(self, message_id: str, number: int) -> File | None:
        bubble = self._line.world.bubbles.get(message_id)
        if bubble is None or (bubble.file is None and not bubble.url):
            return None
        if bubble.file is not None:
            return bubble.file.name, bubble.file.mime, bubble.file.data
        data = await self._line.customer_opens(bubble.user, message_id)
        return "file", "image/png" if bubble.kind == "image" else "video/mp4", data


def _button(action: Json) -> Json:
    """LINE's app shows labels, and those are what a customer presses."""
    if action.get("type") == "uri":
        return {"text": action["label"], "url": action["uri"]}
    return {"text": action["label"], "callback_data": action["label"]}
