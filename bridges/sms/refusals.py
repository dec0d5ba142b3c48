"""What each of Twilio's error codes means, whether it answers a call or comes later with a status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import line

GONE, BAD, SETUP = FailureReason.RECIPIENT_GONE, FailureReason.BAD_CONTENT, FailureReason.MISCONFIGURED
POLICY, WINDOW = FailureReason.POLICY, FailureReason.WINDOW_CLOSED
#: Seconds before the next try where Twilio names none.
WAIT_S = 5.0


class Meaning(NamedTuple):
    #: None: it was not sent this time, and may be sent later as it is.
    reason: FailureReason | None
    sentence: str


# https://www.twilio.com/docs/api/errors; the next step follows from the reason, and the core says it.
_ROWS: tuple[tuple[str, FailureReason | None, str], ...] = (
    ("20429 14107 63018", None, "Twilio asks us to slow down."),
    ("21611 30001", None, "Too many messages wait at Twilio for this sender."),
    ("30008 63012", None, "The carrier did not deliver it, and gave no reason."),
    ("20500 20503 30017 30022", None, "Twilio or the carrier had a fault of its own."),
    ("30003", GONE, "The phone cannot be reached: it is switched off or has no signal."),
    ("30004", GONE, "The phone or its carrier blocks messages from this sender."),
    ("30005", GONE, "The carrier no longer knows this number."),
    ("30006 21635", GONE, "This is a landline, or its carrier takes no texts."),
    ("21211 21217 63024", GONE, "This is not a number that can be written to."),
    ("21614", GONE, "This is no mobile number, so it takes no texts."),
    ("21612 30010", GONE, "No carrier brings texts from this sender to that number."),
    ("63003", GONE, "This number is not on the service."),
    ("63036", GONE, "The phone does not take RCS."),
    ("63014", GONE, "The customer blocked this sender."),
    ("21610", FailureReason.OPTED_OUT, "The customer answered STOP; nothing reaches that phone until it sends START."),
    ("30007", POLICY, "The carrier filtered it as unwanted, as it does with many links and without a sender's name."),
    ("63005 63013 63051", POLICY, "The service refused the words or the sender."),
    ("63032 63038 63049", FailureReason.RATE_POLICY, "The service holds it back, since it limits what is sent."),
    ("63016", WINDOW, "WhatsApp takes free replies only for 24 hours after the customer's last message."),
    ("30034 30035", SETUP, "US carriers take it only once the number is registered (in Twilio: A2P 10DLC)."),
    ("30032", SETUP, "The toll-free number is not verified yet, which is done in Twilio's console."),
    ("21408", SETUP, "That country is closed; Twilio's console opens it: Messaging, Settings, Geo permissions."),
    ("30002 20005", SETUP, "Twilio suspended the account."),
    ("21603 21606 21659 21660 63007", SETUP, "The sender in `number` is not this account's."),
    ("21701 21703 21705 21712", SETUP, "The messaging service has no sender for this."),
    ("21608", SETUP, "A trial account writes to verified numbers only."),
    ("21609", SETUP, "Twilio reports to no address like our `public_url`."),
    ("21602 21619", BAD, "It was empty."),
    ("21605 21617", BAD, "It is too long."),
    ("21620 11200 63019", BAD, "Twilio could not fetch the file from us."),
    ("12300 63021", FailureReason.UNSUPPORTED, "The file is of a kind that is not carried."),
    ("11751 21623 30019", FailureReason.TOO_LARGE, "The file is too large for the carrier."),
)
_MEANINGS = {int(code): Meaning(reason, sentence) for codes, reason, sentence in _ROWS for code in codes.split()}


def meaning(code: int, words: str = "") -> Meaning:
    """What a code says about a message, in a sentence that ends in the code."""
    if 30500 <= code < 30600:
        reason, sentence = _MEANINGS[20500]
    elif code in _MEANINGS:
        reason, sentence = _MEANINGS[code]
    else:
        shown = line(words, limit=300).rstrip(".")
        reason, sentence = FailureReason.UNKNOWN, f"Twilio refused it{f': {shown}' if shown else ''}."
    return Meaning(reason, f"{sentence.rstrip('.')} (Twilio {code})." if code else sentence)


def refusal(status: int, answer: Mapping[str, object], retry_after: str, *, sends: bool) -> AdapterError:
    """What is raised for an answer that is no success; `sends`: the call may have sent something."""
    code, words = answer.get("code"), str(answer.get("message", ""))
    number = code if isinstance(code, int) else 0
    if status == 401 or (status in (403, 404) and number in (0, 20003, 20008, 20404)):
        return CredentialsRejected(
            "Twilio does not accept the account SID with this auth token (any more). Copy both again from the console "
            "of the account's region."
        )
    if status == 429:
        wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else WAIT_S
        return TemporaryFailure(meaning(number or 20429).sentence, retry_after=wait)
    if status >= 500 or status < 400:
        kind = OutcomeUnknown if sends else TemporaryFailure
        return kind(f"Twilio answered {status} and did not say whether it was done.")
    reason, sentence = meaning(number, words)
    if reason is None:
        return TemporaryFailure(sentence, retry_after=60 if number in (21611, 30001) else WAIT_S)
    return PermanentFailure(sentence, reason=reason)


def codes() -> Iterator[int]:
    """Every code that has words of its own."""
    yield from _MEANINGS
