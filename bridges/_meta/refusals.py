"""What each error of the Graph API means, whether it answers a call or comes later with a status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import line

Json = Mapping[str, Any]
#: Surely not sent; maybe sent; never as it is; nothing works until an operator mends it.
Class = Literal["later", "unsure", "never", "credentials"]
#: Seconds until a status webhook should have told what became of a send.
STATUS_COMES_S = 15.0


class Refusal(NamedTuple):
    kind: Class
    sentence: str
    reason: FailureReason = FailureReason.UNKNOWN
    #: Seconds, for "later".
    wait: float | None = None


def _later(sentence: str, wait: float) -> Refusal:
    return Refusal("later", sentence, wait=wait)


def _never(reason: FailureReason, sentence: str) -> Refusal:
    return Refusal("never", sentence, reason)


_WINDOW = _never(
    FailureReason.WINDOW_CLOSED,
    "{title} allows free replies only for 24 hours after the customer's last message.",
)
_GONE = _never(
    FailureReason.RECIPIENT_GONE,
    "{title} cannot deliver to this customer, who may have blocked the business or left {title}.",
)
_RESTRICTED = _never(FailureReason.POLICY, "Meta has restricted this account; its Account Quality page says why.")
_TOKEN = Refusal("credentials", "Meta no longer accepts the access token; create a new one: {words}")
_PERMISSION = Refusal(
    "credentials", "The access token may not do this; give its system user the permissions in the README: {words}"
)
_UNSURE = Refusal("unsure", "Meta had a fault of its own and did not say whether {title} sent it: {words}")
_BAD = _never(FailureReason.BAD_CONTENT, "{title} refused it: {words}")
_TEMPLATE = _never(FailureReason.BAD_CONTENT, "{title} refused the template: {words}")

# (code, subcode); a subcode of 0 stands for all. https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes,
# https://developers.facebook.com/docs/messenger-platform/error-codes, https://developers.facebook.com/docs/graph-api/guides/error-handling
_REFUSALS: Mapping[tuple[int, int], Refusal] = {
    (10, 2018278): _WINDOW,
    (10, 2534022): _WINDOW,
    (10, 1545041): _GONE,
    (200, 1545041): _GONE,
    (551, 0): _GONE,
    (100, 2018001): _never(
        FailureReason.RECIPIENT_GONE,
        "{title} does not know this customer; the chat or the account may be deleted.",
    ),
    (10, 2018300): _never(
        FailureReason.OWNED_ELSEWHERE,
        "Another app, such as Meta's AI, has this conversation on {title} and has not given it back.",
    ),
    (10, 1893063): _RESTRICTED,
    (368, 0): _RESTRICTED,
    (131031, 0): _RESTRICTED,
    (10, 2018108): _never(
        FailureReason.MISCONFIGURED,
        "Meta has not approved the app to write to this customer: {words}",
    ),
    (4, 0): _later("Meta limits how often this app may call it; it is sent as soon as that is over.", 60),
    (32, 0): _later("Meta limits how often this page may be used; it is sent as soon as that is over.", 60),
    (613, 0): _later("{title} asks us to slow down.", 10),
    (1200, 0): _later("{title} has a fault and asks to be called again.", 5),
    (80007, 0): _later("Meta limits how often this business may call it; it is sent as soon as that is over.", 60),
    (130429, 0): _later("{title} asks us to slow down.", 2),
    (131056, 0): _later("{title} asks us to write to this customer more slowly.", 6),
    **dict.fromkeys([(1, 0), (2, 0), (131000, 0), (131016, 0), (131057, 0)], _UNSURE),
    (131047, 0): _WINDOW,
    (131026, 0): _never(
        FailureReason.RECIPIENT_GONE,
        "{title} cannot deliver to this customer: the number is not on {title}, the app is too old, or the customer "
        "has blocked the business.",
    ),
    (131030, 0): _never(
        FailureReason.MISCONFIGURED,
        "This number is Meta's test number, which writes only to the people listed with it.",
    ),
    (130403, 0): _never(FailureReason.RECIPIENT_GONE, "This customer is blocked in your WhatsApp Business settings."),
    (131062, 0): _never(
        FailureReason.RECIPIENT_GONE, "{title} needs the phone number of this customer for it, and we have none."
    ),
    (137000, 0): _never(
        FailureReason.RECIPIENT_GONE,
        "The customer's {title} account was registered anew, so it may be somebody else's now.",
    ),
    (130497, 0): _never(FailureReason.POLICY, "{title} does not let this business write to the customer's country."),
    (131048, 0): _never(
        FailureReason.POLICY,
        "{title} has slowed this number because too many customers reported or blocked it.",
    ),
    (131049, 0): _never(
        FailureReason.RATE_POLICY, "{title} held it back so that this customer does not get too much from businesses."
    ),
    (131050, 0): _never(FailureReason.OPTED_OUT, "The customer has stopped marketing messages on {title}."),
    (130472, 0): _never(FailureReason.POLICY, "{title} did not deliver it because of an experiment of Meta's."),
    (131042, 0): _never(
        FailureReason.MISCONFIGURED, "Meta cannot charge this business: there is a problem with its payment method."
    ),
    **dict.fromkeys([(0, 0), (102, 0), (190, 0)], _TOKEN),
    **dict.fromkeys([(3, 0), (10, 0), (131005, 0), *((code, 0) for code in range(200, 300))], _PERMISSION),
    (33, 0): _never(
        FailureReason.MISCONFIGURED, "Meta does not know this account's id, or the token may not see it: {words}"
    ),
    **dict.fromkeys([(100, 0), (131008, 0), (131009, 0), (135000, 0)], _BAD),
    (131021, 0): _never(FailureReason.BAD_CONTENT, "A business cannot write to its own number on {title}."),
    (131051, 0): _never(FailureReason.UNSUPPORTED, "{title} cannot carry this kind of message: {words}"),
    (131060, 0): _never(FailureReason.UNSUPPORTED, "{title} cannot show this message at the moment."),
    **dict.fromkeys(
        [(131052, 0), (131053, 0)], _never(FailureReason.BAD_CONTENT, "{title} could not take the file: {words}")
    ),
    **dict.fromkeys(((code, 0) for code in range(132000, 132019)), _TEMPLATE),
}


def _known(error: Json) -> Refusal | None:
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    return _REFUSALS.get((code, subcode)) or _REFUSALS.get((code, 0))


def refusal(status: int, error: Json, title: str, *, sends: bool, wait: float | None = None) -> AdapterError:
    """What an answer that is an error means; `sends` is false for calls after which nothing can have been sent."""
    known = _known(error)
    if known is None:
        if status == 401:
            known = _TOKEN
        elif status == 429:
            known = _later("{title} asks us to slow down.", 5)
        else:
            known = _UNSURE if status >= 500 else _never(FailureReason.UNKNOWN, "{title} refused it: {words}")
    sentence = known.sentence.format(title=title, words=words(error, status))
    if known.kind == "later":
        return TemporaryFailure(sentence, retry_after=wait or known.wait)
    if known.kind == "unsure":
        return OutcomeUnknown(sentence, retry_after=STATUS_COMES_S) if sends else TemporaryFailure(sentence)
    return (
        CredentialsRejected(sentence)
        if known.kind == "credentials"
        else PermanentFailure(sentence, reason=known.reason)
    )


def problem(errors: Any, title: str) -> tuple[str, FailureReason]:
    """The sentence for a status `failed`, and its reason; nothing of it can be tried again by itself."""
    error = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    known = _known(error) or _never(FailureReason.UNKNOWN, "{title} did not deliver it: {words}")
    return known.sentence.format(title=title, words=words(error, None)), known.reason


def words(error: Json, status: int | None) -> str:
    """Meta's own words, for a person, with the code to search for."""
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    said = details or error.get("error_user_msg") or error.get("message") or error.get("title") or "no reason given"
    code = "/".join(str(one) for one in (error.get("code"), error.get("error_subcode")) if one is not None)
    number = f"error {code}" if code else f"HTTP {status}" if status else "no code"
    return f"{line(str(said), limit=300).rstrip('.')} ({number})."


def _number(value: Any) -> int:
    """Codes come as numbers, and now and then as text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1
