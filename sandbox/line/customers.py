"""What customers do on their phones."""

from __future__ import annotations

import json
from typing import Any, Literal

import aiohttp

from sandbox.line.checks import is_loopback
from sandbox.line.delivery import Delivery
from sandbox.line.errors import Json
from sandbox.line.world import Bubble, File, Person, World

Kind = Literal["image", "video", "audio", "file"]
#: What the app lets her write at once.
MAX_TYPED = 10_000
MAX_PREVIEW = 1024 * 1024
MAX_IMAGE = 10 * MAX_PREVIEW
_QUOTABLE = ("text", "sticker", "image", "video")


class CustomerGestures:
    """Everything a person with LINE can do."""

    def __init__(self, world: World, delivery: Delivery) -> None:
        self.world = world
        self.delivery = delivery

    def add_customer(self, name: str, *, language: str = "en", picture: str = "") -> str:
        """A new person, who is a friend of the account already; her user id."""
        user = "U" + f"{len(self.world.people) + 1:032x}"
        self.world.people[user] = Person(id=user, name=name, language=language, picture=picture)
        self.world.watchers.tell({"type": "customer", "user": user, "name": name})
        return user

    async def customer_adds(self, user: str) -> None:
        """Adds the account as a friend, or unblocks it."""
        person = self.world.person(user)
        unblocked, person.blocked, person.friend = person.blocked, False, True
        self._happens(person, "follow", replyToken=self.world.reply_token(user), follow={"isUnblocked": unblocked})

    async def customer_blocks(self, user: str) -> None:
        """Blocks the account; what it sends is accepted by LINE and never shown."""
        self.world.person(user).blocked = True
        self._happens(self.world.person(user), "unfollow")

    def customer_leaves(self, user: str) -> None:
        """Deletes her LINE account; the bot learns it from its next call."""
        self.world.person(user).gone = True

    async def customer_writes(self, user: str, text: str, *, quote: str | None = None) -> str:
        """Writes a message and returns its id; over 10,000 characters the app sends several, the last is returned."""
        if not text.strip():
            raise ValueError("The app does not send an empty message; give customer_writes some text")
        bubble: Bubble | None = None
        for start in range(0, len(text), MAX_TYPED):
            bubble = self._says(user, "text", quote=quote, text=text[start : start + MAX_TYPED])
        assert bubble is not None
        return bubble.id

    async def customer_sends(
        self, user: str, kind: Kind, name: str, mime: str, data: bytes, *, preparing: float = 0.0
    ) -> str:
        """Sends a file, which can be downloaded after `preparing` seconds."""
        file = File(name=name, mime=mime, data=data, ready_at=self.world.clock() + preparing if preparing else 0.0)
        return self._says(user, kind, file=file).id

    async def customer_sends_sticker(self, user: str, *, keywords: list[str] | None = None, text: str = "") -> str:
        details: Json = {"packageId": "446", "stickerId": "1988", "stickerResourceType": "STATIC"}
        details |= {"keywords": keywords} if keywords else {}
        return self._says(user, "sticker", details=details | ({"text": text} if text else {})).id

    async def customer_sends_place(
        self, user: str, *, title: str = "", address: str = "", latitude: float = 48.2, longitude: float = 16.37
    ) -> str:
        named = {key: value for key, value in {"title": title, "address": address}.items() if value}
        return self._says(user, "location", details={**named, "latitude": latitude, "longitude": longitude}).id

    async def customer_unsends(self, user: str, message_id: str) -> None:
        """Takes a message back, which works for 24 hours."""
        bubble = self._own(user, message_id)
        bubble.unsent, bubble.text, bubble.file = True, "", None
        self.world.changed("unsent", bubble)
        self._happens(self.world.person(user), "unsend", unsend={"messageId": message_id})

    async def customer_presses(self, user: str, label: str) -> None:
        """Presses a quick reply, which stands only below the newest message."""
        newest = self.world.chat(user)[-1]
        action = next((one for one in newest.buttons if one["label"] == label), None)
        if action is None:
            raise ValueError(f"Below the newest message is no button {label!r}, only {newest.buttons}")
        newest.buttons = []
        if action["type"] == "message":
            self._says(user, "text", text=action["text"])
            return
        if action.get("displayText"):
            self.world.keep(user=user, from_bot=False, kind="text", text=action["displayText"])
        self.customer_posts_back(user, action["data"])

    def customer_posts_back(self, user: str, data: str) -> None:
        """Presses something that posts `data` back, such as a part of a rich menu."""
        token = self.world.reply_token(user)
        self._happens(self._awake(user), "postback", replyToken=token, postback={"data": data})

    async def customer_opens(self, user: str, message_id: str) -> bytes:
        """Looks at a picture or video of the account; her phone fetches it. Raises ValueError where LINE shows none."""
        bubble = self.world.bubbles[message_id]
        preview, mime = await self._fetched(bubble.preview_url)
        if mime not in ("image/jpeg", "image/png") or len(preview) > MAX_PREVIEW:
            raise ValueError(f"A preview is a JPEG or PNG of at most 1 MB; this one is {mime}, {len(preview)} bytes")
        data, mime = await self._fetched(bubble.url)
        wanted = ("image/jpeg", "image/png") if bubble.kind == "image" else ("video/mp4",)
        if mime not in wanted or (bubble.kind == "image" and len(data) > MAX_IMAGE):
            raise ValueError(f"LINE shows no {bubble.kind} that is {mime} of {len(data)} bytes")
        return data

    async def _fetched(self, url: str) -> tuple[bytes, str]:
        if not is_loopback(url):
            raise ValueError("The sandbox fetches from this machine only")
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(trust_env=False, timeout=timeout) as session, session.get(url) as response:
            if response.status != 200:
                raise ValueError(f"The file's address answered {response.status}")
            return await response.read(), response.content_type

    def _says(self, user: str, kind: str, *, quote: str | None = None, **fields: Any) -> Bubble:
        person = self._awake(user)
        if quote is not None and quote not in self.world.bubbles:
            raise KeyError(f"The chat of {user} shows no message {quote}")
        bubble = self.world.keep(user=user, from_bot=False, kind=kind, quotes=quote or "", **fields)
        message: Json = {"type": kind, "id": bubble.id, "markAsReadToken": self.world.read_token(bubble)}
        if kind in _QUOTABLE:
            message["quoteToken"] = self.world.quote_token(bubble)
        if kind == "text":
            message["text"] = bubble.text
        if quote:
            message["quotedMessageId"] = quote
        if kind == "file" and bubble.file:
            message |= {"fileName": bubble.file.name, "fileSize": len(bubble.file.data)}
        if kind in ("image", "video", "audio"):
            message["contentProvider"] = {"type": "line"}
        if kind in ("video", "audio"):
            message["duration"] = 3000
        message |= json.loads(json.dumps(bubble.details))
        self._happens(person, "message", replyToken=self.world.reply_token(user), message=message)
        return bubble

    def _happens(self, person: Person, kind: str, **fields: Any) -> None:
        self.delivery.add(
            {
                "type": kind,
                **fields,
                "webhookEventId": self.world.ulid(),
                "deliveryContext": {"isRedelivery": False},
                "timestamp": int(self.world.clock() * 1000),
                "source": {"type": "user", "userId": person.id},
                "mode": "active",
            }
        )

    def _awake(self, user: str) -> Person:
        person = self.world.person(user)
        if person.blocked or person.gone:
            raise ValueError(f"{person.name} has blocked the account or left LINE; call customer_adds first")
        return person

    def _own(self, user: str, message_id: str) -> Bubble:
        bubble = self.world.bubbles.get(message_id)
        if bubble is None or bubble.user != user or bubble.from_bot or bubble.unsent:
            raise ValueError(f"{message_id} is no message that {user} can take back")
        return bubble
