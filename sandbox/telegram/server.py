"""The Telegram server of the sandbox: the Bot API on loopback, and the customers' phones."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self
from urllib.parse import quote

from aiohttp import web

from sandbox.faults import Faults
from sandbox.telegram import account, editing, sending
from sandbox.telegram.arguments import MAX_UPLOAD, MEGABYTE, Arguments, from_mapping, read
from sandbox.telegram.customers import CustomerGestures
from sandbox.telegram.errors import ApiError
from sandbox.telegram.messages import Bubble, Json
from sandbox.telegram.watching import Watch
from sandbox.telegram.world import World

MAX_CALLS = 2000
Method = Callable[[World, Arguments], Awaitable[Any]]

_METHODS: Mapping[str, Method] = {
    "getMe": account.get_me,
    "getChat": account.get_chat,
    "getFile": account.get_file,
    "getUpdates": account.get_updates,
    "getUserProfilePhotos": account.get_user_profile_photos,
    "setWebhook": account.set_webhook,
    "deleteWebhook": account.delete_webhook,
    "getWebhookInfo": account.get_webhook_info,
    "sendMessage": sending.send_message,
    "sendPhoto": partial(sending.send_file, kind="photo"),
    "sendDocument": partial(sending.send_file, kind="document"),
    "sendVideo": partial(sending.send_file, kind="video"),
    "sendVoice": partial(sending.send_file, kind="voice"),
    "sendAudio": partial(sending.send_file, kind="audio"),
    "sendMediaGroup": sending.send_media_group,
    "editMessageText": editing.edit_message_text,
    "editMessageCaption": editing.edit_message_caption,
    "editMessageReplyMarkup": editing.edit_message_reply_markup,
    "deleteMessage": editing.delete_message,
    "setMessageReaction": editing.set_message_reaction,
    "sendChatAction": editing.send_chat_action,
    "answerCallbackQuery": editing.answer_callback_query,
}
#: The real server does not care for case; faults and records use the proper spelling.
_SPELLING: Mapping[str, str] = {name.lower(): name for name in _METHODS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the bot, as recorded."""

    method: str
    arguments: Mapping[str, str]
    #: Field, file name and size of each upload.
    uploads: tuple[tuple[str, str, int], ...]
    status: int
    at: float


class TelegramSandbox(CustomerGestures):
    """Telegram on loopback; `async with` starts and ends it."""

    def __init__(
        self,
        *,
        port: int = 0,
        token: str = "123:abc",
        limits: bool = True,
        clock: Callable[[], float] = time.time,
        webhook_retry_delays: Sequence[float] = (1, 2, 4, 8, 16, 32, 60),
    ) -> None:
        super().__init__(
            World(token=token, clock=clock, limits=limits, retry_delays=webhook_retry_delays, answer=self._call_quietly)
        )
        #: Changing it is what a revoked token looks like.
        self.token = token
        self.faults = Faults()
        self.calls: deque[Call] = deque(maxlen=MAX_CALLS)
        self.host = "127.0.0.1"
        self.port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_UPLOAD + MEGABYTE)
        app.router.add_route("*", "/file/bot{token}/{path:.+}", self._file)
        app.router.add_route("*", "/bot{token}/{method}", self._method)
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.world.file_base = f"{self.url}/file/bot{quote(self.token, safe=':')}"
        await self.world.delivery.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.world.watches.close()
        await self.world.delivery.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL in place of https://api.telegram.org."""
        return f"http://{self.host}:{self.port}"

    @property
    def deliver_twice(self) -> bool:
        """Whether every update reaches the bot twice, as after a lost answer."""
        return self.world.delivery.twice

    @deliver_twice.setter
    def deliver_twice(self, twice: bool) -> None:
        self.world.delivery.twice = twice

    def hold_updates(self) -> None:
        """Keeps updates back from now on."""
        self.world.delivery.hold()

    def release_updates(self, order: Literal["given", "reversed"] = "given", *, concurrently: bool = False) -> None:
        """Lets held updates go; `concurrently` pushes them to the webhook all at once."""
        self.world.delivery.release(order, concurrently=concurrently)

    def chat(self, user: int) -> list[Bubble]:
        """The customer's phone: every message of the chat, both ways, deleted ones marked."""
        self.world.person(user)
        return [message.as_shown(self.world.file_base) for message in self.world.in_chat(user)]

    def watch(self) -> Watch:
        """Changes from now on, as dictionaries with `kind` and `user`."""
        return self.world.watches.open()

    def snapshot(self) -> Json:
        """Everything the demo page draws, as JSON."""
        now = self.world.clock()
        typing = {user for user, (_, until) in self.world.actions.items() if until > now}
        return {
            "bot": self.world.bot,
            "webhook": self.world.delivery.webhook.url if self.world.delivery.webhook else None,
            "pending_updates": self.world.delivery.pending,
            "customers": [
                {
                    "id": person.id,
                    "first_name": person.first_name,
                    "username": person.username,
                    "language_code": person.language_code,
                    "photo": f"{self.world.file_base}/{person.photos[-1].path}" if person.photos else None,
                    "blocked": person.blocked,
                    "deactivated": person.deactivated,
                    "typing": person.id in typing,
                    "messages": [bubble.as_json() for bubble in self.chat(person.id)],
                }
                for person in self.world.people.values()
            ],
        }

    async def _method(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        if request.match_info["token"] != self.token:
            return _refuse(ApiError(401, "Unauthorized"))
        return await self.faults.around(_proper(name), request, partial(self._answer, request, name))

    async def _answer(self, request: web.Request, name: str) -> web.StreamResponse:
        arguments = Arguments(values={})
        try:
            arguments = await read(request)
            result = await self._run(name, arguments)
        except ApiError as error:
            self._record(name, arguments, error.code)
            return _refuse(error)
        self._record(name, arguments, 200)
        return web.json_response({"ok": True, "result": result})

    async def _run(self, name: str, arguments: Arguments) -> Any:
        method = _METHODS.get(_proper(name))
        if method is None:
            raise ApiError(404, "Not Found: method not found")
        return await method(self.world, arguments)

    async def _call_quietly(self, name: str, values: Mapping[str, Any]) -> None:
        arguments = from_mapping(values)
        try:
            await self._run(name, arguments)
        except ApiError as error:
            self._record(name, arguments, error.code)
        else:
            self._record(name, arguments, 200)

    def _record(self, name: str, arguments: Arguments, status: int) -> None:
        self.calls.append(
            Call(
                method=_proper(name),
                arguments=dict(arguments.values),
                uploads=tuple((field, file.name, len(file.data)) for field, file in arguments.uploads.items()),
                status=status,
                at=self.world.clock(),
            )
        )

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await self.faults.around("file", request, partial(self._send_file, request))

    async def _send_file(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return _refuse(ApiError(401, "Unauthorized"))
        file = self.world.files.by_path(request.match_info["path"])
        if file is None:
            return _refuse(ApiError(404, "Not Found"))
        return web.Response(body=file.data, content_type="application/octet-stream")

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return _refuse(ApiError(404, "Not Found"))


def _proper(name: str) -> str:
    return _SPELLING.get(name.lower(), name)


def _refuse(error: ApiError) -> web.Response:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return web.json_response(error.body(), status=error.code, headers=headers)
