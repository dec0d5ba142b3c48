"""Reads one fetched mail as an event. Everything here is pure: files are handed out for the caller to store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridges.email.body import Body, read_body
from bridges.email.headers import Headers, addresses, is_address, words
from bridges.email.htmltext import Origin
from bridges.email.identifiers import Identifiers
from bridges.email.machines import is_automated, read_bounce
from bridges.email.mime import MAX_PARTS, Part, Tree, take_apart
from bridges.email.settings import EmailSettings
from bridges.email.trust import proof
from core.contracts.bridge import DeliveryStatus, Event, ExternalId, MessageReceived, Proof, Sender, StatusChanged
from core.contracts.content import Content
from core.contracts.richtext import Document
from core.contracts.text import from_plain, is_empty, line

MAX_CONTINUES = 20
MAX_FILES = 50
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}(?=[,;\s]|$)")
_TOKEN = re.compile(r"[a-z0-9]{1,24}")
_FOR_PROGRAMS = frozenset(
    (
        *("application/pgp-signature", "application/pgp-encrypted"),
        *("application/pkcs7-signature", "application/x-pkcs7-signature"),
    )
)
_FRAME = b"X-Threadbridge-Fetched: "
#: Longer ids are kept as their hash.
MAX_ID = 250
_LOOP = "x-threadbridge"
_EXTENSIONS = {
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/html": ".html",
    "text/plain": ".txt",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What the IMAP server says of a mail, beside the mail itself."""

    uid: int
    uidvalidity: int
    size: int
    received_at: datetime
    #: The mail is too large and only its headers follow.
    headers_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDraft:
    """A file of a mail, not yet stored."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What one mail means; `files` belong to `event` if that is a message."""

    event: Event
    files: tuple[FileDraft, ...] = ()
    #: Sentences about files that were left out.
    problems: tuple[str, ...] = ()


def pack(envelope: Envelope, raw: bytes) -> bytes:
    """One raw item: the mail as it was fetched, below a header line of ours that says what the server said."""
    values = {
        "uid": envelope.uid,
        "uidvalidity": envelope.uidvalidity,
        "size": envelope.size,
        "received_at": envelope.received_at.astimezone(UTC).isoformat(),
        "headers_only": envelope.headers_only,
    }
    return _FRAME + json.dumps(values).encode() + b"\r\n" + raw


def unpack(item: bytes) -> tuple[Envelope, bytes]:
    """Raises ValueError for anything that `pack` did not write."""
    head, _, raw = item.partition(b"\n")
    if not head.startswith(_FRAME):
        raise ValueError("The item is no fetched mail.")
    try:
        values = json.loads(head.removeprefix(_FRAME))
        received_at = datetime.fromisoformat(values.pop("received_at"))
        return Envelope(received_at=received_at, **values), raw
    except (TypeError, KeyError, AttributeError) as problem:
        raise ValueError("The item's first line does not say what the mail server said.") from problem


class MailReader:
    """Reads the mails of one account."""

    def __init__(self, settings: EmailSettings, identifiers: Identifiers) -> None:
        self._settings = settings
        self._identifiers = identifiers
        self._local, _, self._domain = settings.address.lower().rpartition("@")

    def read(self, item: bytes) -> Mail | None:
        """What a mail means; None for one of our own that came back."""
        envelope, raw = unpack(item)
        tree = take_apart(raw)
        headers = tree.headers
        mail_id = _message_id(headers, raw)
        senders = addresses(headers.get("from"))
        name, address = senders[0] if senders else ("", "")
        if self._is_own(headers, address):
            return None
        stamp: dict[str, Any] = {"event_id": mail_id, "at": envelope.received_at}
        bounce = None if envelope.headers_only else read_bounce(tree, raw, self._identifiers.are_ours)
        if bounce is not None and bounce.action in ("failed", "delivered"):
            failed = bounce.action == "failed"
            status = DeliveryStatus.FAILED if failed else DeliveryStatus.DELIVERED
            external_id = ExternalId(bounce.message_id)
            problem = bounce.sentence if failed else ""
            return Mail(event=StatusChanged(**stamp, external_id=external_id, status=status, problem=problem))
        subject = headers.text("subject")
        answers = _answers(headers)
        body, others = _placeholder(envelope) if envelope.headers_only else read_body(tree, subject)
        files, problems = _files(tree, body, others)
        single = len(headers.all("from")) == 1 and len(senders) == 1
        proven = proof(headers, address, self._settings.believed) if single else Proof.CLAIMED
        event = MessageReceived(
            **stamp,
            sender=_sender(headers, name, address.lower(), proven, mail_id),
            external_id=ExternalId(mail_id),
            content=Content(body=_words(body.shown, subject, bool(files or problems))),
            quote=ExternalId(answers[0]) if answers and "in-reply-to" in headers else None,
            continues=tuple(ExternalId(one) for one in answers),
            token=self._token(headers),
            subject=subject,
            automated=bounce is not None or is_automated(tree, address.lower()),
            full_text=body.full if self._settings.full_history else "",
        )
        return Mail(event=event, files=files, problems=problems)

    def _is_own(self, headers: Headers, address: str) -> bool:
        if headers.get(_LOOP) == self._identifiers.loop_mark():
            return True
        local, _, domain = address.lower().rpartition("@")
        return domain == self._domain and local.partition("+")[0] == self._local

    def _token(self, headers: Headers) -> str:
        """What stands behind the plus sign of our address, wherever the mail was sent to."""
        for name in ("to", "cc", "delivered-to", "x-original-to", "envelope-to"):
            for value in headers.all(name)[:20]:
                for _, address in addresses(value):
                    local, _, domain = address.lower().rpartition("@")
                    base, _, token = local.rpartition("+")
                    if domain == self._domain and base == self._local and _TOKEN.fullmatch(token):
                        return token
        return ""


def _message_id(headers: Headers, raw: bytes) -> str:
    """The mail's own id, or a hash where it has none that can be told back to it."""
    found = headers.ids("message-id")
    return _kept(found[0]) if len(found) == 1 else f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _kept(message_id: str) -> str:
    if len(message_id) <= MAX_ID:
        return message_id
    return f"sha256:{_digest(message_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _answers(headers: Headers) -> list[str]:
    """Earlier mails of the thread, newest first."""
    found = [*headers.ids("in-reply-to")[:1], *reversed(headers.ids("references"))]
    return [_kept(one) for one in dict.fromkeys(found)][:MAX_CONTINUES]


def _sender(headers: Headers, name: str, address: str, proven: Proof, mail_id: str) -> Sender:
    known = is_address(address)
    references = headers.ids("references")[:1] or headers.ids("in-reply-to")[:1] or [mail_id]
    metadata: dict[str, Any] = {"root": _kept(references[0])}
    if proven is Proof.CHANNEL and (reply_to := _reply_to(headers, address)):
        # Only who proved her address may have answers sent elsewhere.
        metadata["reply_to"] = reply_to
    language = _LANGUAGE.match(headers.get("accept-language") or headers.get("content-language"))
    # A name that reads as another address would pose as that one.
    shown = "" if "@" in name else name
    return Sender(
        # Two who cannot be read are not one: each mail of theirs stands for itself.
        external_id=address if known else f"unknown:{_digest(mail_id)[:32]}",
        name=shown or address or line(words(headers.get("from")), limit=100) or "Unknown sender",
        proof=proven if known else Proof.CLAIMED,
        email=address,
        email_proven=known and proven is Proof.CHANNEL,
        claims=() if proven is Proof.CHANNEL or not known else (f"mailto:{address}",),
        language=language[0] if language else "",
        facts={"Sender": "proven by the mail's domain" if proven is Proof.CHANNEL else "not proven"},
        metadata=metadata,
    )


def _reply_to(headers: Headers, address: str) -> str:
    found = addresses(headers.get("reply-to"))
    return found[0][1] if len(found) == 1 and found[0][1].lower() != address else ""


def _words(shown: Document, subject: str, has_files: bool) -> Document:
    if not is_empty(shown) or has_files:
        return shown
    # Some people write everything into the subject.
    return from_plain(subject) if subject else from_plain("(This mail is empty.)")


def _placeholder(envelope: Envelope) -> tuple[Body, list[Part]]:
    sentence = f"(A mail of {envelope.size / 1_000_000:,.0f} MB, which is more than is taken. It lies in the mailbox.)"
    return Body(shown=from_plain(sentence), full=sentence), []


def _files(tree: Tree, body: Body, parts: Sequence[Part]) -> tuple[tuple[FileDraft, ...], tuple[str, ...]]:
    """The mail's files; pictures that stand only in quoted text were sent before."""
    files: list[FileDraft] = []
    problems: list[str] = []
    for part in parts:
        if _is_envelope(part) or _is_quoted_picture(part, body.pictures):
            continue
        if len(files) >= MAX_FILES:
            problems.append(f"The mail has more than {MAX_FILES} files; the rest was left out.")
            break
        files.append(FileDraft(name=_name(part, len(files) + 1), mime=part.mime, data=part.content()))
    if tree.cut:
        problems.append(f"The mail is nested too deeply or has more than {MAX_PARTS} parts; the rest was not read.")
    return tuple(files), tuple(problems)


def _is_envelope(part: Part) -> bool:
    """Parts that programs write for programs."""
    return part.mime in _FOR_PROGRAMS


def _is_quoted_picture(part: Part, pictures: Mapping[str, Origin]) -> bool:
    return (
        bool(part.content_id)
        and part.mime.startswith("image/")
        and (pictures.get(part.content_id, Origin.OWN) not in (Origin.OWN,))
    )


def _name(part: Part, number: int) -> str:
    if part.name:
        return part.name
    if part.mime == "message/rfc822":
        inner = Headers.read(part.body[:64_000].partition(b"\r\n\r\n")[0]).text("subject", limit=80)
        return f"{inner or 'mail'}.eml"
    kind = "picture" if part.mime.startswith("image/") else "file"
    return f"{kind}-{number}{_EXTENSIONS.get(part.mime, '')}"
