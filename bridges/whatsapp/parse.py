"""Reads webhooks of the Cloud API as events."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridges._meta.refusals import problem
from bridges.whatsapp.content import described, proof_token, read
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
    ReachabilityChanged,
    ReactionChanged,
    Sender,
    StatusChanged,
    WindowChanged,
)
from core.contracts.content import Content
from core.contracts.errors import FailureReason
from core.contracts.text import from_plain, line, normalise

log = logging.getLogger(__name__)
Json = Mapping[str, Any]
TITLE = "WhatsApp"
WINDOW = timedelta(hours=24)

_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    # Of a voice note, which is more than read.
    "played": DeliveryStatus.READ,
    "failed": DeliveryStatus.FAILED,
}


def events(body: Json, number: str) -> list[Event]:
    """What happened at our number; what happened at others of the same app means nothing to us."""
    return [event for field, value in _changes(body, number) for event in _events(field, value)]


def tags(body: Json) -> Iterator[tuple[str, str]]:
    """(our key, WhatsApp's id) of each message that a status speaks of."""
    for entry in body["entry"]:
        for change in entry.get("changes", []):
            for status in change["value"].get("statuses", []):
                if isinstance(status.get("biz_opaque_callback_data"), str):
                    yield status["biz_opaque_callback_data"], str(status["id"])


def _changes(body: Json, number: str) -> Iterator[tuple[str, Json]]:
    for entry in body["entry"]:
        for change in entry.get("changes", []):
            value = change["value"]
            where = value.get("metadata") or value.get("recipient") or {}
            if str(where.get("phone_number_id", number)) == number:
                yield change["field"], value
            else:
                log.warning(
                    "Something for another number came here; give that number a callback URL of its own",
                    extra={"action": "other_number"},
                )


def _events(field: str, value: Json) -> Iterator[Event]:
    contacts = {one[key]: one for one in value.get("contacts", []) for key in ("wa_id", "user_id") if one.get(key)}
    match field:
        case "messages" | "standby" | "smb_message_echoes":
            for message in value.get("messages", []):
                yield from _message(message, _sender(message, contacts), field)
            for status in value.get("statuses", []):
                yield from _status(status)
            for echo in value.get("message_echoes", []):
                yield from _echo(echo, contacts, field)
            for error in value.get("errors", []):
                log.warning(problem([error], TITLE)[0], extra={"action": "vendor_error"})
        case "user_id_update":
            for update in value["user_id_update"]:
                ids = update["user_id"]
                key = f"user_id:{ids['previous']}:{ids['current']}"
                yield AddressChanged(
                    event_id=key, at=_time(update), before=ids["previous"], after=ids["current"], renumbered=True
                )
        case "user_preferences":
            for change in value["user_preferences"]:
                yield from _preference(change, contacts)
        case "messaging_handovers":
            yield from _handover(value)
        case _:
            log.info("A change of the account is left aside", extra={"action": "change_ignored", "field": field})


def _time(one: Json) -> datetime:
    return datetime.fromtimestamp(int(one["timestamp"]), UTC)


def _sender(message: Json, contacts: Mapping[str, Json]) -> Sender:
    """Her by her business-scoped id where WhatsApp gives one: she may have no number, and a number may change hands."""
    phone = str(message.get("from") or "").lstrip("+")
    # Only her own entry: a body may tell of several people.
    contact = contacts.get(message.get("from_user_id") or phone) or contacts.get(phone) or {}
    key = message.get("from_user_id") or contact.get("user_id") or phone
    phone = phone or contact.get("wa_id") or ""
    profile = contact.get("profile") or {}
    if not key:
        raise ValueError("WhatsApp did not say from whom it is.")
    return Sender(
        external_id=str(key),
        name=str(profile.get("name") or ""),
        username=str(profile.get("username") or ""),
        phone=f"+{phone}" if phone else "",
        aliases=(phone,) if phone and phone != key else (),
        suggests=(f"tel:+{_e164(phone)}",) if phone else (),
        facts=_facts(message),
        # Reading and typing are told of a message.
        metadata={"last": message["id"]} if "id" in message else {},
    )


def _e164(phone: str) -> str:
    """WhatsApp still writes Mexican mobile numbers with a 1 that was abolished in 2019."""
    return f"52{phone[3:]}" if phone.startswith("521") and len(phone) == 13 else phone


def _facts(message: Json) -> dict[str, str]:
    ad = message.get("referral") or {}
    facts = {
        "Came from": f"{ad.get('source_type', 'ad')} {ad.get('source_id', '')}".strip() if ad else "",
        "Ad": ad.get("headline", ""),
        "Ad link": ad.get("source_url", ""),
    }
    return {label: line(str(value), limit=200) for label, value in facts.items() if value}


def _message(message: Json, sender: Sender, field: str) -> Iterator[Event]:
    if message.get("group_id"):
        log.info("A message in a group is left aside", extra={"action": "group_ignored"})
        return
    stamp: dict[str, Any] = {"event_id": str(message["id"]), "at": _time(message)}
    kind = message["type"]
    body = message.get(kind) or {}
    if kind == "reaction":
        yield ReactionChanged(**stamp, external_id=ExternalId(body["message_id"]), emoji=body.get("emoji") or None)
    elif kind == "edit":
        yield MessageEdited(**stamp, external_id=ExternalId(body["original_message_id"]), content=read(body["message"]))
    elif kind == "revoke":
        yield MessageDeleted(**stamp, external_id=ExternalId(body["original_message_id"]))
    elif kind == "system":
        yield from _system(message, body, sender, stamp)
    elif choice := _choice(kind, body):
        yield ChoiceMade(
            **stamp,
            sender=sender,
            external_id=ExternalId((message.get("context") or {}).get("id") or ""),
            value=choice[0],
            label=line(choice[1], limit=200) or choice[0],
            answer_id=ExternalId(message["id"]),
        )
    elif kind != "request_welcome":  # She only opened the chat.
        context = message.get("context") or {}
        yield MessageReceived(
            **stamp,
            sender=sender,
            external_id=ExternalId(message["id"]),
            content=read(message, "🤖 Another app answers this; a reply takes over:" if field == "standby" else ""),
            quote=ExternalId(context["id"]) if context.get("id") else None,
            proof_token=proof_token(message),
            # What another app answers is not answered by ours.
            automated=field == "standby",
        )
        if field == "standby":
            until = stamp["at"] + WINDOW
            yield WindowChanged(
                event_id=f"{message['id']}:window", at=stamp["at"], sender_id=sender.external_id, until=until
            )


def _choice(kind: str, body: Json) -> tuple[str, str] | None:
    """What she chose by it: value and label."""
    if kind == "button":
        return str(body.get("payload") or body["text"]), str(body["text"])
    if kind == "interactive" and body["type"] in ("button_reply", "list_reply"):
        reply = body[body["type"]]
        return str(reply["id"]), str(reply["title"])
    return None


def _system(message: Json, body: Json, sender: Sender, stamp: Mapping[str, Any]) -> Iterator[Event]:
    """A new number, or a phone that was set up anew."""
    now = str(body.get("user_id") or body.get("wa_id") or "")
    before = message.get("from_user_id") if body.get("user_id") else message.get("from")
    said = normalise(str(body.get("body") or body.get("type") or "A system message"), limit=500).rstrip(".")
    yield _placeholder(sender, stamp, f"({said}.)")
    if body.get("type") == "user_changed_number" and before and now and now != before:
        yield AddressChanged(event_id=f"{message['id']}:moved", at=stamp["at"], before=str(before), after=now)


def _placeholder(sender: Sender, stamp: Mapping[str, Any], text: str) -> MessageReceived:
    content = Content(body=from_plain(text))
    number = ExternalId(stamp["event_id"])
    # Nothing that can be marked as read.
    sender = replace(sender, metadata={})
    return MessageReceived(**stamp, sender=sender, external_id=number, content=content, automated=True)


def _status(status: Json) -> Iterator[Event]:
    found = _STATUSES.get(status["status"])
    if found is None:
        log.info("An unknown status is left aside", extra={"action": "status_ignored"})
        return
    said, reason = "", FailureReason.UNKNOWN
    if found is DeliveryStatus.FAILED:
        said, reason = problem(status.get("errors"), TITLE)
    yield StatusChanged(
        event_id=f"{status['id']}:{status['status']}",
        at=_time(status),
        external_id=ExternalId(status["id"]),
        status=found,
        problem=said,
        reason=reason,
    )


def _echo(echo: Json, contacts: Mapping[str, Json], field: str) -> Iterator[Event]:
    """The business wrote with another tool: the phone app of the same number, or Meta's AI."""
    if echo["type"] in ("edit", "revoke", "reaction"):
        log.info("What another tool did to its own message is left aside", extra={"action": "echo_ignored"})
        return
    tool = "the WhatsApp Business app" if field == "smb_message_echoes" else "another app, such as Meta's AI"
    hers = {"from_user_id": echo.get("to_user_id") or echo.get("recipient_user_id"), "from": echo.get("to")}
    said = described(echo)
    stamp: dict[str, Any] = {"event_id": str(echo["id"]), "at": _time(echo)}
    yield _placeholder(_sender(hers, contacts), stamp, f"(Answered with {tool}: {said})")


def _preference(change: Json, contacts: Mapping[str, Json]) -> Iterator[Event]:
    hers = {"from_user_id": change.get("user_id"), "from": change.get("wa_id")}
    sender, wants = _sender(hers, contacts), change["value"] == "resume"
    yield ReachabilityChanged(
        event_id=f"preference:{sender.external_id}:{change['timestamp']}",
        at=_time(change),
        sender_id=sender.external_id,
        reachable=wants,
        sentence=f"{line(sender.name, limit=200) or 'The customer'} {'wants' if wants else 'stopped'} marketing "
        f"messages {'again ' if wants else ''}on WhatsApp.",
        kind=OptOut.MARKETING,
    )


def _handover(value: Json) -> Iterator[Event]:
    """Who answers her changed: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messaging-handovers/"""
    who = value["sender"]
    hers = {"from_user_id": who.get("user_id"), "from": who.get("wa_id") or who.get("phone_number")}
    sender, ours = _sender(hers, {}), "control_passed" in value
    text = "Meta gave this conversation back to us" if ours else "Another app, such as Meta's AI, answers from now on"
    stamp: dict[str, Any] = {
        "event_id": f"handover:{sender.external_id}:{value['timestamp']}:{ours}",
        "at": _time(value),
    }
    yield _placeholder(sender, stamp, f"({text}{'.' if ours else '; a reply takes the conversation over.'})")
