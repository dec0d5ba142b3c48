"""What customers do on their phones: each gesture changes the chat and tells Threadbridge."""

from __future__ import annotations

import asyncio
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote as escaped

import aiohttp

from sandbox.api import wire
from sandbox.api.world import Bubble, Customer, Json, World
from sandbox.watch import Watchers

#: Seconds between tries while Threadbridge is away or busy.
RETRY_DELAYS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class NotTaken(Exception):
    """Threadbridge refused events of ours."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class CustomerGestures(ABC):
    """The customers' half of the sandbox."""

    def __init__(self, secret: str, delays: Sequence[float] = RETRY_DELAYS) -> None:
        self.world = World()
        self.watchers = Watchers()
        #: Changing it is what a secret that was replaced looks like.
        self.secret = secret
        self.deliver_twice = False
        #: Where Threadbridge takes events: set by `connect`.
        self.events_url = ""
        #: What it answered, oldest first: (status, body).
        self.answers: list[tuple[int, Json]] = []
        self._delays = delays
        self._held: list[Json] | None = None
        self._session: aiohttp.ClientSession | None = None

    def connect(self, events_url: str) -> None:
        """From now on events go to `http://…/bridges/<account>`."""
        self.events_url = events_url

    def add_customer(self, name: str, **about: Any) -> str:
        """Somebody new; `about` are further fields of `sender`."""
        who = f"{name.lower().replace(' ', '-')}-{len(self.world.customers) + 1}"
        self.world.customers[who] = Customer(id=who, name=name, about=about)
        self.tell({"type": "customer", "customer": who, "name": name})
        return who

    async def customer_writes(self, who: str, text: str = "", *, quote: str | None = None, **more: Any) -> str:
        """Writes; `more` are further fields of the event. The message's id."""
        bubble = self._bubble(who, text=text, quote=quote)
        await self._say(bubble, {"text": text} | ({"quote": quote} if quote else {}) | more)
        return bubble.id

    async def customer_sends(
        self,
        who: str,
        name: str,
        mime: str,
        data: bytes,
        *,
        text: str = "",
        kind: str = "file",
        upload: bool = False,
        quote: str | None = None,
    ) -> str:
        """Sends a file: Threadbridge fetches it from the connector, or is handed it before."""
        bubble = self._bubble(who, text=text, quote=quote, files=[(name, mime, data)])
        place = {"upload": (await self.upload(name, data))["upload"]} if upload else {"url": self.host_file(mime, data)}
        file = {"name": name, "mime": mime, "kind": kind, **place}
        words = ({"text": text} if text else {}) | ({"quote": quote} if quote else {})
        await self._say(bubble, words | {"attachments": [file]})
        return bubble.id

    async def customer_edits(self, message: str, text: str) -> None:
        bubble = self.world.bubble(message)
        bubble.text, bubble.edited = text, True
        await self._changed(bubble, {"type": "message_edited", "external_id": message, "text": text})

    async def customer_deletes(self, message: str) -> None:
        bubble = self.world.bubble(message)
        bubble.deleted = True
        await self._changed(bubble, {"type": "message_deleted", "external_id": message})

    async def customer_reacts(self, message: str, emoji: str | None) -> None:
        bubble = self.world.bubble(message)
        bubble.reactions.pop("customer", None)
        if emoji:
            bubble.reactions["customer"] = emoji
        await self._changed(bubble, {"type": "reaction", "external_id": message, "emoji": emoji})

    async def customer_presses(self, message: str, value: str) -> None:
        """Presses a button under a message of ours."""
        bubble = self.world.bubble(message)
        offered = {one["value"]: one["label"] for one in bubble.buttons}
        if value not in offered:
            raise ValueError(f"Message {message} has no button {value!r}, only {sorted(offered)}")
        sender = self._sender(bubble.customer)
        choice = {"type": "choice", "sender": sender, "external_id": message, "value": value, "label": offered[value]}
        await self.tells([choice])

    async def customer_reads(self, who: str, message: str) -> None:
        await self.tells([{"type": "read", "sender_id": who, "external_id": message}])

    async def customer_types(self, who: str) -> None:
        await self.tells([{"type": "typing", "sender_id": self.world.customer(who).id}])

    async def customer_leaves(self, who: str, *, back: bool = False) -> None:
        """She wants nothing from us any more; `back`: she does again."""
        customer = self.world.customer(who)
        customer.gone = not back
        sentence = f"{customer.name} {'can be reached again' if back else 'left the channel'}."
        await self.tells([{"type": "reachability", "sender_id": who, "reachable": back, "sentence": sentence}])

    async def reports(self, message: str, status: str, **more: Any) -> None:
        """A receipt for a message of ours."""
        await self.tells([{"type": "status", "external_id": message, "status": status, **more}])

    def host_file(self, mime: str, data: bytes) -> str:
        """The address at which the connector serves it."""
        path = f"/media/{self.world.number()}"
        self.world.files[path] = (mime, data)
        return f"{self.url}{path}"

    async def upload(self, name: str, data: bytes) -> Json:
        """What `POST …/files` answers."""
        status, answer = await self.post(data, f"/files?name={escaped(name)}")
        if status != 201:
            raise NotTaken(status, json.dumps(answer))
        return answer

    def hold_events(self) -> None:
        """Keeps events back from now on."""
        self._held = []

    async def release_events(self, *, reverse: bool = False) -> None:
        """Lets held events go in one call, the newest first if asked for."""
        held, self._held = self._held or [], None
        await self.tells(held[::-1] if reverse else held)

    async def tells(self, events: Sequence[Json]) -> Json:
        """Sends events, of which those that say nothing else get an id and the time. Raises NotTaken."""
        now = datetime.now(UTC).isoformat()
        whole = [{"event_id": f"e{self.world.number()}", "at": now, **event} for event in events]
        if self._held is not None:
            self._held += whole
            return {}
        if not whole:
            return {}
        body = json.dumps(whole if len(whole) > 1 else whole[0]).encode()
        status, answer = 0, Json()
        for _ in range(2 if self.deliver_twice else 1):
            status, answer = await self.post(body)
        if status != 200:
            raise NotTaken(status, json.dumps(answer))
        return answer

    async def post(self, body: bytes, path: str = "", *, more: dict[str, str] | None = None) -> tuple[int, Json]:
        """One signed call, again while Threadbridge is away; `more` are headers that differ. Status and answer."""
        assert self._session is not None, "the sandbox is not entered"
        name = f"call-{self.world.number()}"
        for delay in (*self._delays, None):
            headers = wire.headers([self.secret], name, body) | (more or {})
            try:
                async with self._session.post(
                    f"{self.events_url}{path}", data=io.BytesIO(body), headers=headers
                ) as answer:
                    if answer.status not in (429, 503) or delay is None:
                        kind = answer.content_type
                        found = await answer.json(content_type=kind) if kind.endswith("json") else {}
                        self.answers.append((answer.status, found))
                        return answer.status, found
            except aiohttp.ClientError:
                if delay is None:
                    raise
            await asyncio.sleep(delay)
        raise AssertionError("The last try always ends it")

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the connector is reached: `host_file` and `deliver_url` build on it."""

    def tell(self, change: Json) -> None:
        self.watchers.tell(change)

    async def _say(self, bubble: Bubble, words: Json) -> None:
        event = {"type": "message", "sender": self._sender(bubble.customer), "external_id": bubble.id, **words}
        await self._changed(bubble, event)

    async def _changed(self, bubble: Bubble, event: Json) -> None:
        self.tell({"type": "message", "customer": bubble.customer, "message": bubble.as_json()})
        await self.tells([event])

    def _bubble(self, who: str, **fields: Any) -> Bubble:
        if fields.get("quote"):
            self.world.bubble(fields["quote"])
        customer = self.world.customer(who).id
        bubble = Bubble(id=f"in-{self.world.number()}", customer=customer, from_us=False, **fields)
        self.world.bubbles.append(bubble)
        return bubble

    def _sender(self, who: str) -> Json:
        customer = self.world.customer(who)
        return {"external_id": who, "name": customer.name, **customer.about}
