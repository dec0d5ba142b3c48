"""What a visitor does as a customer in the mail program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sandbox.mail import MailSandbox
from sandbox.page.uploads import Asked, BadRequest

Json = dict[str, Any]
Verb = Callable[[Asked], Awaitable[Any]]
LONGEST_SUBJECT = 500
#: Message ids named in References: enough for any thread, and below the limit of a header.
MOST_REFERENCES = 30


class MailGestures:
    """Those who have a mail program here."""

    def __init__(self, mail: MailSandbox, correspondents: Sequence[tuple[str, str]], support: str) -> None:
        self._mail = mail
        self._names = {address: name for name, address in correspondents}
        self._support = support

    def verbs(self) -> Mapping[str, Verb]:
        """By name."""
        return {"mail.write": self._mail_write}

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
