"""What becomes of a message after the API took it: fetched files, carriers, phones, and the statuses on the way."""

from __future__ import annotations

import asyncio

import aiohttp

from sandbox.twilio.delivery import Delivery, Webhook
from sandbox.twilio.messages import Media, Message, channel_of, new_sid
from sandbox.twilio.world import World

MEGABYTE = 1024 * 1024
#: https://www.twilio.com/docs/messaging/guides/accepted-mime-types, /docs/whatsapp/guidance-whatsapp-media-messages
MOST_BYTES = {"sms": 5 * MEGABYTE, "rcs": 5 * MEGABYTE, "whatsapp": 16 * MEGABYTE}
_ACCEPTED = frozenset(
    "image/jpeg image/png image/gif audio/mpeg audio/mp4 audio/ogg audio/amr audio/3gpp video/mp4 video/3gpp "
    "application/pdf text/vcard".split()
)
_FAILED = {11200, 11751, 12300, 63003, 63014, 63016, 63019, 63036}


class Carrier:
    """Carries messages, each in a task of its own."""

    def __init__(self, world: World, delivery: Delivery) -> None:
        self._world, self._delivery = world, delivery
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens what fetching needs."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15), trust_env=False)

    async def stop(self) -> None:
        """Ends what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def take(self, message: Message, urls: list[str], wait: float) -> None:
        """Carries a message once its sender's turn has come."""
        task = asyncio.create_task(self._carry(message, urls, wait))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Until everything that was taken is carried."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, message: Message, urls: list[str], wait: float) -> None:
        if wait:
            await asyncio.sleep(wait)
        error = await self._fetch(message, urls) if urls else 0
        error = error or self._refusal(message)
        if error in _FAILED:
            self.advance(message, "failed", error)
            return
        message.sent_at = self._world.clock()
        self.advance(message, "sent")
        if error:
            self.advance(message, "undelivered", error)
            return
        message.shown = True
        self.advance(message, "delivered")

    async def _fetch(self, message: Message, urls: list[str]) -> int:
        """Brings the files here; the error that it ends with, or 0."""
        assert self._session is not None
        channel, found = channel_of(message.to), []
        for url in urls:
            try:
                async with self._session.get(url) as response:
                    mime, data = response.content_type, await response.read()
                    if response.status != 200:
                        return 63019 if channel == "whatsapp" else 11200
            except (aiohttp.ClientError, TimeoutError):
                return 63019 if channel == "whatsapp" else 11200
            if len(data) > MOST_BYTES[channel]:
                return 11751
            if channel == "sms" and mime not in _ACCEPTED:
                return 12300
            found.append(Media(sid=new_sid("ME"), mime=mime, data=data))
        message.media = found
        return 0

    def _refusal(self, message: Message) -> int:
        phone = self._world.phones.get(message.number)
        channel = channel_of(message.sender)
        if phone is None:
            return 30005
        if channel == "whatsapp":
            if not phone.has_whatsapp:
                return 63003
            if not self._world.in_window(phone.number, message.sender):
                return 63016
        if channel == "rcs" and not phone.has_rcs:
            return 63036
        return phone.error

    def advance(self, message: Message, status: str, error: int = 0) -> None:
        """The message's status, told to whom it may concern."""
        message.status, message.error = status, error
        message.history.append(status)
        self._world.changed(message)
        if not message.callback:
            return
        fields = {
            "AccountSid": self._world.account_sid,
            "ApiVersion": "2010-04-01",
            "From": message.sender,
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
        }
        if message.service:
            fields["MessagingServiceSid"] = message.service
        if error:
            fields["ErrorCode"] = str(error)
        if status == "read":
            fields["EventType"] = "READ"
        self._delivery.add(message.sid, Webhook(url=message.callback, fields=fields))
