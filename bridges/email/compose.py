"""Writes the bytes of an outgoing mail; every header by hand, since the standard library breaks long ids."""

from __future__ import annotations

import email.policy
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime

from bridges.email.headers import is_address
from bridges.email.identifiers import Identifiers
from bridges.email.render import html, text
from bridges.email.settings import EmailSettings
from core.contracts.bridge import OutboundMessage
from core.contracts.content import Attachment
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.text import line

#: https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
_POLICY = email.policy.SMTP.clone(max_line_length=998)
MAX_REFERENCES = 10
_ID = re.compile(r"<[^<>\s]{1,500}>")
_REPLY = re.compile(
    r"\s*(?:re|aw|antw|sv|vs|res|odp|ynt|回复|回覆|答复|답장|رد)(?:\[\d{1,3}\])?\s*[:：]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A mail, ready to be handed in."""

    message_id: str
    recipient: str
    #: An address holds characters beyond ASCII, which the server must understand.
    smtputf8: bool
    data: bytes


def compose(message: OutboundMessage, settings: EmailSettings, identifiers: Identifiers, now: datetime) -> Composed:
    """Reads the attachments' files, so not for the event loop. Raises PermanentFailure."""
    recipient = _ascii_domain(str(message.recipient.metadata.get("reply_to") or message.recipient.external_id))
    if not is_address(recipient):
        raise PermanentFailure(
            f'"{line(recipient, limit=100)}" is no mail address, so nothing can be sent there.',
            reason=FailureReason.RECIPIENT_GONE,
        )
    message_id = identifiers.of(message.key)
    headers = [
        ("From", _mailbox(settings.sender_name or message.agent_name, settings.address)),
        ("To", _mailbox(message.recipient.name if "@" not in message.recipient.name else "", recipient)),
        ("Subject", _encoded(subject(message, settings))),
        ("Date", format_datetime(now)),
        ("Message-ID", message_id),
        *_threading(message, identifiers),
    ]
    if message.token and settings.plus_addressing:
        local, _, domain = settings.address.rpartition("@")
        headers.append(("Reply-To", f"{local.partition('+')[0]}+{message.token}@{domain}"))
    if message.automated:
        headers += [("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")]
    headers += [("X-Threadbridge", identifiers.loop_mark()), ("MIME-Version", "1.0")]
    top = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
    return Composed(
        message_id=message_id, recipient=recipient, smtputf8=not recipient.isascii(), data=top + _content(message)
    )


def subject(message: OutboundMessage, settings: EmailSettings) -> str:
    """The conversation's subject behind one "Re:"."""
    found = line(message.subject, limit=200)
    while match := _REPLY.match(found):
        found = found[match.end() :].lstrip()
    if not found:
        return f"Message from {settings.sender_name or settings.address}"
    return f"Re: {found}" if message.history else found


def _threading(message: OutboundMessage, identifiers: Identifiers) -> list[tuple[str, str]]:
    history: list[str] = [one for one in message.history if _ID.fullmatch(one)]
    theirs = [one for one in history if not identifiers.are_ours(one)]
    parent = _answered(message, history, theirs)
    if parent is None:
        return []
    root = message.recipient.metadata.get("root")
    # The root that the customer's program names is only ours to repeat where the history is cut.
    cut = len(message.history) >= 20 and isinstance(root, str) and _ID.fullmatch(root)
    chain = dict.fromkeys([*([str(root)] if cut else history[:1]), *history[-MAX_REFERENCES:]])
    # The parent is the last: that is how programs without In-Reply-To find it.
    return [("In-Reply-To", parent), ("References", "\r\n ".join([*(one for one in chain if one != parent), parent]))]


def _answered(message: OutboundMessage, history: list[str], theirs: list[str]) -> str | None:
    if message.quote and _ID.fullmatch(message.quote):
        return message.quote
    return (theirs or history)[-1] if history else None


def _content(message: OutboundMessage) -> bytes:
    """Content-Type and everything below it."""
    content = EmailMessage(policy=_POLICY)
    quoted = message.quote_text
    content.set_content(text(message.text, quoted), cte="quoted-printable")
    content.add_alternative(html(message.content.body, quoted), subtype="html", cte="quoted-printable")
    for attachment in message.content.attachments:
        _attach(content, attachment)
    del content["MIME-Version"]
    return content.as_bytes()


def _attach(content: EmailMessage, attachment: Attachment) -> None:
    if attachment.file is None:
        raise PermanentFailure(f"{attachment.name}: {attachment.problem}", reason=FailureReason.BAD_CONTENT)
    kind, _, subtype = (attachment.file.mime or attachment.mime).partition("/")
    data = attachment.file.path.read_bytes()
    # A text part would be rewritten line by line; as bytes it arrives as it is.
    kind, subtype = ("application", "octet-stream") if kind in ("multipart", "message", "") else (kind, subtype)
    content.add_attachment(data, kind, subtype or "octet-stream", filename=attachment.name)


def _mailbox(name: str, address: str) -> str:
    name = line(name, limit=80)
    if not name:
        return address
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_encoded(name)} <{address}>"


def _encoded(value: str) -> str:
    """Encoded words of at most 75 characters, which is what RFC 2047 allows."""
    if value.isascii() and "=?" not in value:
        return value
    return Header(value, "utf-8", maxlinelen=75).encode(linesep="\r\n")


def _ascii_domain(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}{at}{domain.encode('idna').decode()}"
    except UnicodeError:
        return address
