"""What a visitor does as a customer, on the phone and in the mail program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, cast, get_args

from sandbox.mail import MailSandbox
from sandbox.page.uploads import Asked, BadRequest
from sandbox.telegram import TelegramSandbox

Json = dict[str, Any]
Verb = Callable[[Asked], Awaitable[Any]]
Kind = Literal["photo", "document", "voice", "video", "audio", "sticker", "location", "contact"]
LONGEST_SUBJECT = 500
#: Message ids named in References: enough for any thread, and below the limit of a header.
MOST_REFERENCES = 30


class CustomerGestures:
    """One verb for each thing a customer can do."""

    def __init__(
        self, telegram: TelegramSandbox, mail: MailSandbox, correspondents: Sequence[tuple[str, str]], support: str
    ) -> None:
        self._telegram = telegram
        self._mail = mail
        self._names = {address: name for name, address in correspondents}
        self._support = support

    def verbs(self) -> Mapping[str, Verb]:
        """By name."""
        return {
            "telegram.start": self._start,
            "telegram.write": self._write,
            "telegram.send": self._send,
            "telegram.edit": self._edit,
            "telegram.delete": self._delete,
            "telegram.react": self._react,
            "telegram.press": self._press,
            "mail.write": self._mail_write,
        }

    def _user(self, asked: Asked) -> int:
        if not asked.who.isdecimal():
            raise BadRequest(f"{asked.who or 'Nobody'} has no phone here")
        return int(asked.who[:20])

    async def _start(self, asked: Asked) -> Json:
        return {"message_id": await self._telegram.customer_starts(self._user(asked), asked.text("payload", ""))}

    async def _write(self, asked: Asked) -> Json:
        user, reply_to = self._user(asked), asked.optional_number("reply_to")
        return {"message_id": await self._telegram.customer_writes(user, asked.text("text"), reply_to=reply_to)}

    async def _send(self, asked: Asked) -> Json:
        kind = asked.text("kind")
        if kind not in get_args(Kind):
            raise BadRequest(f"A phone sends no {kind}")
        user = self._user(asked)
        reply_to, caption = asked.optional_number("reply_to"), asked.optional("caption")
        if kind in ("location", "contact"):
            sent = await self._telegram.customer_sends(user, cast(Kind, kind), reply_to=reply_to)
            return {"message_id": sent}
        if not asked.files:
            raise BadRequest("Choose a file first")
        album = self._telegram.album() if len(asked.files) > 1 else None
        sent = 0
        for number, file in enumerate(asked.files):
            sent = await self._telegram.customer_sends(
                user,
                cast(Kind, kind),
                file.name,
                file.mime,
                file.data,
                caption=caption if number == 0 else None,
                media_group_id=album,
                reply_to=reply_to if number == 0 else None,
            )
        return {"message_id": sent}

    async def _edit(self, asked: Asked) -> None:
        await self._telegram.customer_edits(self._user(asked), asked.number("message_id"), asked.text("text"))

    async def _delete(self, asked: Asked) -> None:
        await self._telegram.customer_deletes(self._user(asked), asked.number("message_id"))

    async def _react(self, asked: Asked) -> None:
        await self._telegram.customer_reacts(self._user(asked), asked.number("message_id"), asked.optional("emoji"))

    async def _press(self, asked: Asked) -> None:
        await self._telegram.customer_presses(self._user(asked), asked.number("message_id"), asked.text("data"))

    async def _mail_write(self, asked: Asked) -> Json:
        if asked.who not in self._names:
            raise BadRequest(f"{asked.who or 'Nobody'} has no mail program here")
        references = asked.arguments.get("references", [])
        if not isinstance(references, list) or not all(isinstance(entry, str) for entry in references):
            raise BadRequest("mail.write needs a list of message ids called references")
        chain = " ".join(_one_line(entry) for entry in references[-MOST_REFERENCES:])
        reply_to = asked.optional("in_reply_to")
        message_id = await self._mail.customer_writes(
            (self._names[asked.who], asked.who),
            asked.optional("to") or self._support,
            _one_line(asked.text("subject", ""))[:LONGEST_SUBJECT],
            asked.text("text", ""),
            attachments=[(file.name, file.mime, file.data) for file in asked.files],
            in_reply_to=_one_line(reply_to) if reply_to else None,
            headers={"References": chain} if chain else None,
        )
        return {"message_id": message_id}


def _one_line(text: str) -> str:
    return " ".join(text.split())
