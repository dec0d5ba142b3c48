"""Reads what a fake channel sends: JSON objects with `kind`, `id`, `at` and what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.contracts.bridge import (
    AddressChanged,
    ChoiceMade,
    DeliveryStatus,
    Event,
    ExternalId,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    OptOut,
    Proof,
    ReachabilityChanged,
    ReactionChanged,
    ReadUpTo,
    Sender,
    StatusChanged,
    Typing,
    WindowChanged,
)
from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.errors import FailureReason
from core.contracts.text import file_name, from_plain

_KINDS = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}


def read_update(update: Any) -> Sequence[Event]:
    """The event in one update; [] for a kind that means nothing to people. Raises ValueError, KeyError, TypeError."""
    if not isinstance(update, dict):
        raise ValueError(f"An update is a JSON object; this is a {type(update).__name__}.")
    order = update.get("order")
    stamp: dict[str, Any] = {
        "event_id": _word(update["id"]),
        "at": datetime.fromisoformat(update["at"]),
        "order": None if order is None else int(order),
    }
    message = ExternalId(_word(update.get("message", "")))
    match update["kind"]:
        case "message":
            return [_message(update, stamp, message)]
        case "edit":
            return [MessageEdited(**stamp, external_id=message, content=_content(update))]
        case "delete":
            return [MessageDeleted(**stamp, external_id=message)]
        case "reaction":
            emoji = update["emoji"]
            return [ReactionChanged(**stamp, external_id=message, emoji=None if emoji is None else _word(emoji))]
        case "choice":
            sender, value, label = _sender(update["customer"]), _word(update["value"]), _word(update["label"])
            return [ChoiceMade(**stamp, sender=sender, external_id=message, value=value, label=label)]
        case "status":
            status, problem = DeliveryStatus(update["status"]), _word(update.get("problem", ""))
            reason = FailureReason(update.get("reason", FailureReason.UNKNOWN))
            return [StatusChanged(**stamp, external_id=message, status=status, problem=problem, reason=reason)]
        case "read":
            return [ReadUpTo(**stamp, sender_id=_word(update["sender"]), external_id=message)]
        case "typing":
            return [Typing(**stamp, sender_id=_word(update["sender"]))]
        case "reachability":
            sender_id, sentence = _word(update["sender"]), _word(update["sentence"])
            reachable = bool(update["reachable"])
            kind = OptOut(update.get("about", OptOut.BLOCKED))
            changed = ReachabilityChanged(
                **stamp, sender_id=sender_id, reachable=reachable, sentence=sentence, kind=kind
            )
            return [changed]
        case "address":
            before, after = _word(update["before"]), _word(update["after"])
            return [AddressChanged(**stamp, before=before, after=after, renumbered=bool(update["renumbered"]))]
        case "window":
            until = update["until"]
            at = None if until is None else datetime.fromisoformat(until)
            return [WindowChanged(**stamp, sender_id=_word(update["sender"]), until=at)]
    return []


def _message(update: dict[str, Any], stamp: dict[str, Any], message: ExternalId) -> MessageReceived:
    quote = update.get("quote")
    return MessageReceived(
        **stamp,
        sender=_sender(update["customer"]),
        external_id=message,
        content=_content(update),
        quote=None if quote is None else ExternalId(_word(quote)),
        continues=tuple(ExternalId(_word(one)) for one in update.get("continues", ())),
        token=_word(update.get("token", "")),
        proof_token=_word(update.get("proof_token", "")),
        subject=_word(update.get("subject", "")),
        automated=bool(update.get("automated", False)),
        full_text=_word(update.get("full_text", "")),
    )


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Expected text, found a {type(value).__name__}.")
    return value


def _sender(about: Any) -> Sender:
    listed = {name: tuple(value) for name, value in about.items() if isinstance(value, list)}
    return Sender(**{**about, **listed, "proof": Proof(about.get("proof", Proof.CHANNEL))})


def _content(update: dict[str, Any]) -> Content:
    attachments = tuple(
        Attachment(
            kind=_KINDS.get(one["mime"].partition("/")[0], MediaKind.FILE),
            name=file_name(one["name"]),
            mime=_word(one["mime"]),
            size=one.get("size"),
            source=_word(one["source"]),
        )
        for one in update.get("attachments", ())
    )
    return Content(body=from_plain(_word(update.get("text", ""))), attachments=attachments)
