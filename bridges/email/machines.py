"""Tells mail that machines wrote from mail that people wrote, and reads what a bounce says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bridges.email.headers import Headers, addresses
from bridges.email.mime import Tree
from core.contracts.text import line

_ROBOTS = re.compile(
    r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|mail-?daemon|auto-?reply)(?:[+._=-].*)?",
    re.IGNORECASE,
)
_BULK = frozenset(("bulk", "junk", "list", "auto_reply"))
_MARKS = (
    *("x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-autoresponder", "feedback-id"),
    *("x-failed-recipients", "list-id", "list-unsubscribe", "list-post", "list-help"),
)
_DAEMONS = re.compile(r"(?:mailer-daemon|postmaster|mail-?daemon)(?:[+._=-].*)?", re.IGNORECASE)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ID = re.compile(rb"<tb\.[a-z2-7.]{10,40}@[^<>@\s]{1,253}>")
#: How much of a bounce is searched for the id of what bounced.
MAX_SEARCH = 1_000_000
_REASONS = {
    "5.1": "the address does not exist",
    "5.2.2": "the mailbox is full",
    "5.2": "the mailbox takes no mail",
    "5.3": "the receiving system refused it",
    "5.4": "no server for the address could be reached",
    "5.7": "a policy of the receiving system refused it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What a mail server says became of a mail of ours."""

    message_id: str
    #: "failed", "delayed" or "delivered".
    action: str
    sentence: str


def is_automated(tree: Tree, sender: str) -> bool:
    """Whether nobody waits for an answer: https://www.rfc-editor.org/rfc/rfc3834"""
    headers = tree.headers
    submitted = headers.get("auto-submitted").partition(";")[0].strip().lower()
    return (
        (submitted not in ("", "no"))
        or headers.get("precedence").strip().lower() in _BULK
        or headers.get("return-path").strip() == "<>"
        or tree.mime == "multipart/report"
        or _ROBOTS.fullmatch(sender.partition("@")[0]) is not None
        or any(name in _MARKS for name, _ in headers.fields)
    )


def read_bounce(tree: Tree, raw: bytes, are_ours: Callable[[str], bool]) -> Bounce | None:
    """What is said about a mail of ours; None where this is no such report."""
    report = next((part for part in tree.parts if part.mime == "message/delivery-status"), None)
    if report is None and not _from_daemon(tree.headers):
        return None
    # The ids are signed, so it does not matter where in the returned mail they stand.
    ids = dict.fromkeys(found.decode("ascii", "replace") for found in _ID.findall(_searched(tree, raw)))
    ours = next((one for one in ids if are_ours(one)), None)
    if ours is None:
        return None
    fields = _fields(report.content()) if report else {}
    action = fields.get("action", "failed").lower()
    status = _STATUS.search(fields.get("status", "") or fields.get("diagnostic-code", ""))
    who = fields.get("final-recipient", fields.get("original-recipient", "")).rpartition(";")[2].strip()
    said = line(fields.get("diagnostic-code", "").partition(";")[2], limit=200)
    return Bounce(message_id=ours, action=action, sentence=_sentence(who, status[1] if status else "", said))


def _from_daemon(headers: Headers) -> bool:
    senders = addresses(headers.get("from"))
    local = senders[0][1].partition("@")[0] if senders else ""
    return headers.get("return-path").strip() == "<>" or _DAEMONS.fullmatch(local) is not None


def _searched(tree: Tree, raw: bytes) -> bytes:
    """The mail itself and the parts that are encoded, within the bound, without its own Message-ID."""
    texts = [raw[:MAX_SEARCH]]
    for part in tree.parts:
        if part.headers.get("content-transfer-encoding").lower() in ("base64", "quoted-printable"):
            texts.append(part.content()[:MAX_SEARCH])
    return b"\n".join(texts)[: 2 * MAX_SEARCH]


def _fields(report: bytes) -> dict[str, str]:
    """The fields of the first recipient that failed; the block about the whole mail comes first."""
    fields: dict[str, str] = {}
    for block in re.split(rb"\r?\n\r?\n", report[:64_000])[:50]:
        found = {name: " ".join(value.split()) for name, value in Headers.read(block).fields}
        if "action" in found and ("action" not in fields or found["action"].lower() == "failed"):
            fields = found
            if found["action"].lower() == "failed":
                break
    return fields


def _sentence(who: str, status: str, said: str) -> str:
    reason = next((text for prefix, text in _REASONS.items() if status.startswith(prefix)), "")
    sentence = f"The mail to {line(who, limit=200)} came back" if who else "The mail came back"
    if reason:
        sentence += f": {reason}"
    details = " ".join(filter(None, (status if status not in said else "", said)))
    return f"{sentence} ({details})." if details else f"{sentence}."
