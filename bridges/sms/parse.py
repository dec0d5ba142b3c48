"""Reads Twilio's webhooks as events."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

import phonenumbers

from bridges.sms.refusals import meaning
from bridges.sms.settings import SmsSettings
from core.contracts.bridge import (
    DeliveryStatus,
    Event,
    ExternalId,
    MessageReceived,
    OptOut,
    Proof,
    ReachabilityChanged,
    Sender,
    StatusChanged,
)
from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.errors import FailureReason
from core.contracts.text import from_plain, line, normalise

#: More than Twilio ever sends.
MAX_FIELDS, MAX_MEDIA = 500, 10
TITLES = {"sms": "SMS", "whatsapp": "WhatsApp", "rcs": "RCS"}
#: https://www.twilio.com/docs/messaging/guides/webhooks-for-outbound-messages; what is not here changes nothing.
_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
}
#: What Twilio acts on by itself where OptOutType does not say (https://help.twilio.com/articles/223134027).
_STOP = frozenset("stop stopall unsubscribe cancel end quit revoke optout".split())
_START = frozenset("start unstop".split())
_SENTENCES = {
    "STOP": "The customer answered STOP: Twilio delivers nothing to that phone until it sends START.",
    "START": "The customer answered START: messages reach that phone again.",
}
#: These the standard library does not know, or not everywhere alike.
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "audio/ogg": ".ogg",
    "audio/amr": ".amr",
    "audio/3gpp": ".3gp",
    "video/3gpp": ".3gp",
    "text/x-vcard": ".vcf",
}
_MEDIA_URL = re.compile(r"https?://[^?#]+/Messages/([A-Z]{2}[0-9a-f]{32})/Media/(ME[0-9a-f]{32})")


def events(raw: bytes, settings: SmsSettings, now: datetime) -> list[Event]:
    """What one webhook means to people. Raises ValueError for what is none of Twilio's."""
    form = dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    sid = form.get("MessageSid") or form.get("SmsSid", "")
    if not re.fullmatch(r"[A-Z]{2}[0-9a-f]{32}", sid):
        raise ValueError("A webhook of Twilio names its message; this one does not")
    if form.get("MessageStatus", "received") != "received":
        return _status(sid, form, now)
    at = parsedate_to_datetime(form["DateSent"]) if "DateSent" in form else now
    sender = _sender(form, settings)
    said: list[Event] = [
        MessageReceived(
            event_id=sid,
            at=at.astimezone(UTC),
            sender=sender,
            external_id=ExternalId(sid),
            content=_content(form, TITLES[settings.variant]),
            quote=ExternalId(form.get("OriginalRepliedMessageSid", "")) or None,
        )
    ]
    word = form.get("OptOutType", "").upper() or _keyword(form, settings)
    if word in _SENTENCES:
        said.append(
            ReachabilityChanged(
                event_id=f"{sid}:{word.lower()}",
                at=said[0].at,
                sender_id=sender.external_id,
                reachable=word == "START",
                sentence=_SENTENCES[word],
                kind=OptOut.ALL,
            )
        )
    return said


def _status(sid: str, form: Mapping[str, str], now: datetime) -> list[Event]:
    word = form["MessageStatus"]
    if word not in _STATUSES:
        return []
    status, problem, reason = _STATUSES[word], "", FailureReason.UNKNOWN
    if status is DeliveryStatus.FAILED:
        code = form.get("ErrorCode", "")
        number = int(code) if re.fullmatch(r"[0-9]{1,6}", code) else 0
        found, problem = meaning(number, form.get("ErrorMessage", ""))
        reason = found or reason
    return [
        StatusChanged(
            event_id=f"{sid}:{word}", at=now, external_id=ExternalId(sid), status=status, problem=problem, reason=reason
        )
    ]


def _sender(form: Mapping[str, str], settings: SmsSettings) -> Sender:
    # Of an RCS sender's customers, some write from phones without RCS.
    address = line(form["From"], limit=400).removeprefix(settings.prefix)
    if not address or ":" in address:
        raise ValueError(f"From is of another kind of sender than this account, which is for {settings.variant}")
    place = ", ".join(filter(None, (form.get("FromCity", "").title(), form.get("FromCountry"))))
    number, shown = _number(address)
    facts = {"Number": shown, "Place": place, "Came from": form.get("ReferralHeadline", "")}
    return Sender(
        external_id=address,
        name=form.get("ProfileName", ""),
        # Anybody can write a number into a text message; WhatsApp and RCS know who it is.
        proof=Proof.CLAIMED if settings.variant == "sms" else Proof.CHANNEL,
        phone=number,
        facts={label: line(value, limit=200) for label, value in facts.items() if value},
        suggests=(f"tel:{number}",) if number else (),
    )


def _number(address: str) -> tuple[str, str]:
    """A number by which she may be known elsewhere, and as people read it; "" for short codes and ids."""
    if not re.fullmatch(r"\+[0-9]{5,15}", address):
        return "", ""
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return "", address
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), shown


def _keyword(form: Mapping[str, str], settings: SmsSettings) -> str:
    word = form.get("Body", "").strip().lower()
    # Elsewhere only a messaging service looks for such words, and then says so.
    if settings.variant != "sms" or not (word in _STOP or word in _START):
        return ""
    return "STOP" if word in _STOP else "START"


def _content(form: Mapping[str, str], title: str) -> Content:
    text = normalise(form.get("Body", ""))
    if "Latitude" in form and "Longitude" in form:
        where = float(form["Latitude"]), float(form["Longitude"])
        address = "https://www.openstreetmap.org/?mlat={0:.6f}&mlon={1:.6f}#map=16/{0:.6f}/{1:.6f}".format(*where)
        names = filter(None, (form.get("Label"), form.get("Address")))
        text = "\n".join(filter(None, (text, line("📍 " + ", ".join(names), limit=1000), address)))
    if form.get("Forwarded") == "true" or form.get("FrequentlyForwarded") == "true":
        text = f"↪ Forwarded:\n{text}"
    count = form.get("NumMedia", "0")
    number = min(int(count), MAX_MEDIA) if re.fullmatch(r"[0-9]{1,3}", count) else 0
    attachments = tuple(_attachment(form, index) for index in range(number))
    body = from_plain(text)
    if not body and not attachments:
        kind = form.get("MessageType", "text")
        said = "an empty message" if kind == "text" else f"something that only {title} can show: {kind}"
        body = from_plain(line(f"(Sent {said})", limit=300))
    return Content(body=body, attachments=attachments)


def _attachment(form: Mapping[str, str], index: int) -> Attachment:
    mime = form.get(f"MediaContentType{index}", "").partition(";")[0].strip().lower()
    if not re.fullmatch(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,100}", mime):
        mime = "application/octet-stream"
    kind = _kind(mime)
    what = "file" if kind is MediaKind.FILE else kind.value
    extension = _EXTENSIONS.get(mime) or mimetypes.guess_extension(mime) or ""
    name = f"{what}-{index + 1}{extension}" if index else f"{what}{extension}"
    found = _MEDIA_URL.fullmatch(form.get(f"MediaUrl{index}", ""))
    if not found:
        return Attachment(kind=kind, name=name, mime=mime, problem="Twilio gave no address of the file.")
    return Attachment(kind=kind, name=name, mime=mime, source=f"{found[1]}/{found[2]}")


def _kind(mime: str) -> MediaKind:
    if mime in ("audio/ogg", "audio/amr"):
        return MediaKind.VOICE
    known = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}
    return known.get(mime.partition("/")[0], MediaKind.FILE)
