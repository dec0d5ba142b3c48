"""Translates what Microsoft answers into what the core does next, in words that name the way out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    DestinationUnavailable,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import line

#: Longest wait that is believed, in seconds.
MOST_WAIT = 3_600.0
#: When Teams says to wait and not how long.
WAIT = 2.0
BROKEN = frozenset({408, 500, 502, 503, 504})
# https://learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability#status-codes-from-agent-conversational-apis
DENIED = {
    "BotDisabledByAdmin": (
        "an administrator blocked the app: Teams admin center > Teams apps > Manage apps > the app > Status"
    ),
    "BotNotInConversationRoster": (
        "the app is not there. In Teams: Manage team > Apps > add it again; in a private or shared channel add it to "
        "the channel as well"
    ),
    "ConversationBlockedByUser": (
        "the app was blocked there, or moderation lets only owners write. In Teams: Manage channel > Channel settings"
    ),
    "ForbiddenOperationException": "the app is not installed for that person, nor for a team of hers",
    "InvalidBotApiHost": 'the tenant is in Microsoft\'s GCC: set cloud = "gcc"',
    "MessageWritesBlocked": "the team is archived (in Teams: Manage teams > Archived > Restore), or the app is blocked",
    "NotEnoughPermissions": "the app may not do that there",
}
IN_GENERAL = "in Teams see Manage team > Apps whether the app is still there, and add it again"
#: 404 with one of these is about one message or person, not about the place.
SOMETHING_GONE = frozenset(
    {
        "ActivityNotFound",
        "ActivityNotFoundInConversation",
        "AttachmentNotFound",
        "MemberNotFoundInConversation",
        "MessageNotFound",
        "ReactionNotFound",
    }
)

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
ENTRA = {
    "7000215": "app_secret is wrong: copy the secret's Value, not its id (Entra > the app > Certificates & secrets)",
    "7000222": "app_secret has expired: make a new one (Entra > the app > Certificates & secrets)",
    "7000216": "no credential was sent: set app_secret, certificate or managed_identity",
    "700016": "app_id is no app of this tenant: compare app_id and tenant_id with Entra > the app > Overview",
    "700027": (
        "the certificate is not registered with the app, or has expired: upload it (Entra > the app > Certificates & "
        "secrets > Certificates)"
    ),
    "90002": "tenant_id is no tenant: copy it from Entra > Overview",
    "900023": "tenant_id is no tenant: copy it from Entra > Overview",
    "50034": "the account is not in this tenant",
    "500011": "the tenant does not know that service; cloud may name the wrong one of Microsoft's clouds",
    "53003": "a Conditional Access policy of the tenant refuses the app",
    "7000112": "the app is disabled: enable it in Entra > Enterprise applications > the app > Properties",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One answer that is none of success."""

    status: int
    headers: Mapping[str, str]
    code: str
    message: str

    @property
    def words(self) -> str:
        """Microsoft's own words, short."""
        said = ": ".join(part for part in (self.code, self.message) if part)
        return line(said, limit=300) or f"HTTP {self.status}"

    @property
    def wait(self) -> float | None:
        """Seconds that we were asked to wait."""
        return retry_after(self.headers.get("Retry-After", ""))


def refused(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """Reads the error of a Bot Connector, Graph or plain answer."""
    code = message = ""
    try:
        value = json.loads(body)
        error = value.get("error", value)
        if isinstance(error, dict):
            code, message = str(error.get("code") or ""), str(error.get("message") or "")
        else:
            message = str(error)
    except (ValueError, AttributeError, RecursionError):
        message = body[:300].decode("utf-8", "replace")
    return Refused(status=status, headers=headers, code=code, message=message)


def retry_after(value: str) -> float | None:
    """The seconds of a Retry-After header, which may also be a date."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(max(seconds, 0.0), MOST_WAIT) if seconds == seconds else None


def to_error(answer: Refused, *, repeatable: bool, graph: bool = False) -> AdapterError:
    """What the core does about an answer; `repeatable`: carrying the call out twice changes nothing."""
    who = "Microsoft Graph" if graph else "Teams"
    if answer.status == 429 or (answer.status == 503 and answer.wait is not None):
        return TemporaryFailure(f"{who} asks us to wait ({answer.words}).", retry_after=answer.wait or WAIT)
    if answer.status == 412 and not graph:
        # Somebody else's call met ours; Microsoft says that it was not carried out, and to try again.
        return TemporaryFailure(f"Teams was busy with something else there ({answer.words}).")
    if answer.status in BROKEN:
        sentence = f"{who} did not answer properly ({answer.words})."
        return TemporaryFailure(sentence, retry_after=answer.wait) if repeatable else OutcomeUnknown(sentence)
    return _graph_error(answer) if graph else _bot_error(answer)


def _bot_error(answer: Refused) -> AdapterError:
    if answer.status == 401:
        return CredentialsRejected(
            f"Teams does not accept the app's token ({answer.words}): check app_id, tenant_id and the credential, and "
            "that the Azure Bot resource is of type Single Tenant with the same app id."
        )
    if answer.status == 413 or answer.code == "MessageSizeTooBig":
        return PermanentFailure("It is too large for a message in Teams.", reason=FailureReason.TOO_LARGE)
    if answer.status == 403:
        return DestinationUnavailable(
            f"Teams lets the app write nothing there ({answer.words}): {DENIED.get(answer.code, IN_GENERAL)}."
        )
    if answer.status == 404 and answer.code not in SOMETHING_GONE:
        return DestinationUnavailable(
            f"Teams has no such channel or chat any more ({answer.words}): restore it, or choose another for the route."
        )
    if answer.status == 404:
        return PermanentFailure("That is no longer there in Teams.", reason=FailureReason.RECIPIENT_GONE)
    return PermanentFailure(f"Teams refuses it: {answer.words}.", reason=FailureReason.BAD_CONTENT)


def _graph_error(answer: Refused) -> AdapterError:
    """Graph is asked for what is useful and not vital: what it refuses must stop nothing else."""
    if answer.status in {404, 410}:
        return PermanentFailure(
            f"Microsoft Graph no longer has that ({answer.words}).", reason=FailureReason.RECIPIENT_GONE
        )
    if answer.status in {401, 403}:
        return PermanentFailure(
            f"Microsoft Graph does not let the app read that ({answer.words}); `threadbridge check` names the "
            "permission and where to grant it.",
            reason=FailureReason.MISCONFIGURED,
        )
    return PermanentFailure(f"Microsoft Graph refuses: {answer.words}.", reason=FailureReason.UNKNOWN)


def to_file_error(answer: Refused, *, graph: bool) -> AdapterError:
    """The same for a file: that it is not given says nothing of the room it was posted in, nor of our credentials."""
    error = to_error(answer, repeatable=True, graph=graph)
    if isinstance(error, CredentialsRejected | DestinationUnavailable):
        return PermanentFailure(f"Teams does not give the file ({answer.words}).", reason=FailureReason.UNSUPPORTED)
    return error


def to_entra_error(status: int, headers: Mapping[str, str], body: bytes) -> AdapterError:
    """What is wrong with our credentials, by Entra's own number for it."""
    code = words = ""
    try:
        value = json.loads(body)
        code = str(value.get("error") or "")
        words = str(value.get("error_description") or code)
    except (ValueError, AttributeError, RecursionError):
        pass
    if status == 429 or status >= 500 or code == "temporarily_unavailable":
        return TemporaryFailure(
            "Entra gives no token just now.", retry_after=retry_after(headers.get("Retry-After", ""))
        )
    if not code:
        # A proxy's page, a captive portal: not Entra's word on our credentials, which would pause everything.
        return TemporaryFailure(f"Something other than Entra answers where tokens are asked for (HTTP {status}).")
    for number, sentence in ENTRA.items():
        if f"AADSTS{number}:" in words:
            return CredentialsRejected(f"Entra gives no token: {sentence} (AADSTS{number}).")
    first = line(words.partition("\r\n")[0].partition("Trace ID")[0], limit=200)
    return CredentialsRejected(f"Entra gives no token: {first.rstrip('.') or code}.")
