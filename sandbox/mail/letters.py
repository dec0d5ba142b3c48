"""Reads a mail for people, and writes mails as customers' programs do."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.utils import format_datetime
from typing import Any

#: name, MIME type, content
Attachment = tuple[str, str, bytes]
#: content id, name, MIME type, content
Inline = tuple[str, str, str, bytes]
MAX_PARTS = 200
_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
#: Long header lines stay whole: the standard library would encode long message ids and break threads.
_WRITE = email.policy.SMTP.clone(max_line_length=998)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the reader of a mail sees."""

    message_id: str
    subject: str
    sender: str
    to: str
    date: str
    in_reply_to: str
    references: tuple[str, ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    #: Every header in order, names as written, values decoded.
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, raw: bytes) -> Letter:
        """Reads any bytes; what cannot be decoded is shown as well as it can be."""
        try:
            message = email.message_from_bytes(raw, policy=email.policy.compat32)
            texts, attachments = _parts(message)
        except (RecursionError, LookupError, ValueError, TypeError, AttributeError):
            # Mail that the standard library cannot take apart is shown whole; it was delivered all the same.
            head, _, body = raw.partition(b"\r\n\r\n")
            message = email.message_from_bytes(head + b"\r\n\r\n", policy=email.policy.compat32)
            texts, attachments = {"plain": body.decode("latin-1"), "html": ""}, []
        headers = tuple((name, _decoded(value)) for name, value in message.items())
        by_name = {name.lower(): value for name, value in reversed(headers)}
        return cls(
            message_id=message_id_of(raw),
            subject=by_name.get("subject", ""),
            sender=by_name.get("from", ""),
            to=by_name.get("to", ""),
            date=by_name.get("date", ""),
            in_reply_to=by_name.get("in-reply-to", "").strip(),
            references=tuple(re.findall(r"<[^>]*>", by_name.get("references", ""))),
            text=texts["plain"],
            html=texts["html"],
            attachments=tuple(attachments),
            headers=headers,
        )

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)

    def as_json(self) -> dict[str, Any]:
        """The same for a page; attachments without their content."""
        return {
            "message_id": self.message_id,
            "subject": self.subject,
            "from": self.sender,
            "to": self.to,
            "date": self.date,
            "in_reply_to": self.in_reply_to,
            "text": self.text,
            "html": self.html,
            "attachments": [{"name": name, "mime": mime, "size": len(data)} for name, mime, data in self.attachments],
        }


def message_id_of(raw: bytes) -> str:
    """The Message-ID as written, empty when there is none."""
    match = _MESSAGE_ID.search(raw.partition(b"\r\n\r\n")[0])
    return match[1].decode("utf-8", "replace") if match else ""


def write_letter(
    *,
    sender: tuple[str, str],
    to: str,
    subject: str,
    message_id: str,
    date: datetime,
    text: str | None,
    html: str | None,
    attachments: Sequence[Attachment],
    inline: Sequence[Inline],
    in_reply_to: str | None,
    headers: Mapping[str, str],
) -> bytes:
    """An RFC 5322 mail; `headers` replace those made here, an empty value leaves one out."""
    message = EmailMessage(policy=_WRITE)
    name, address = sender
    local, _, domain = address.rpartition("@")
    made = {
        "From": str(Address(name, local, domain)),
        "To": to,
        "Subject": subject,
        "Date": format_datetime(date),
        "Message-ID": message_id,
    }
    if in_reply_to:
        made |= {"In-Reply-To": in_reply_to, "References": in_reply_to}
    replaced = {given.lower() for given in headers}
    for header, value in (*((h, v) for h, v in made.items() if h.lower() not in replaced), *headers.items()):
        if value:
            message[header] = value
    if text is not None or html is None:
        message.set_content(text or "")
    if html is not None:
        if text is None:
            message.set_content(html, subtype="html")
        else:
            message.add_alternative(html, subtype="html")
        for content_id, file_name, mime, data in inline:
            main, _, sub = mime.partition("/")
            shown = message.get_body(("html",))
            assert shown is not None
            shown.add_related(data, main, sub or "octet-stream", cid=f"<{content_id.strip('<>')}>", filename=file_name)
    for file_name, mime, data in attachments:
        main, _, sub = mime.partition("/")
        message.add_attachment(data, main, sub or "octet-stream", filename=file_name)
    return message.as_bytes()


def _parts(message: Message) -> tuple[dict[str, str], list[Attachment]]:
    """The first text of each kind, and everything else."""
    texts: dict[str, str] = {"plain": "", "html": ""}
    attachments: list[Attachment] = []
    for number, part in enumerate(message.walk()):
        if part.is_multipart() or number > MAX_PARTS:
            continue
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        kind = part.get_content_subtype()
        name = part.get_filename()
        if part.get_content_maintype() == "text" and kind in texts and name is None and not texts[kind]:
            texts[kind] = _text(content, part)
        else:
            attachments.append((_decoded(name or ""), part.get_content_type(), content))
    return texts, attachments


def _decoded(value: Any) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        return str(value)


def _text(content: bytes, part: Message) -> str:
    for charset in (part.get_content_charset(), "utf-8", "latin-1"):
        try:
            return content.decode(charset or "utf-8")
        except (LookupError, UnicodeDecodeError):
            continue
    return ""
