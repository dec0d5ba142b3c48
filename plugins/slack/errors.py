"""What Slack's refusals mean to the core: one table, and how an interrupted call is read."""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp

from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    DestinationUnavailable,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)

#: Calls that do harm when they are made twice; every other one may simply be repeated.
NOT_REPEATABLE = frozenset({"chat.postMessage", "files.completeUploadExternal"})

# https://docs.slack.dev/reference/methods/chat.postMessage#errors and the other methods' pages.
CREDENTIALS = {
    "account_inactive": "the app was removed from the workspace or its user is deactivated",
    "invalid_auth": "the token is not valid",
    "not_authed": "no token was sent",
    "token_expired": "the token has expired",
    "token_revoked": "the token was revoked",
    "org_login_required": "the workspace is moving to an organisation",
    "app_uninstalled": "the app was uninstalled",
}
DESTINATION = {
    "channel_not_found": "the channel does not exist, or the app is not in it",
    "is_archived": "the channel is archived",
    "not_in_channel": "the app is not in the channel; invite it with /invite",
    "no_permission": "the app may not post there",
    "restricted_action": "an administrator restricted who may post there",
    "restricted_action_read_only_channel": "the channel is read-only",
    "restricted_action_thread_only_channel": "the channel allows only replies in threads",
    "restricted_action_thread_locked": "the thread is locked",
    "restricted_action_non_threadable_channel": "the channel has no threads",
    "restricted_action_thread_only": "the channel allows only replies in threads",
    "method_not_supported_for_channel_type": "this kind of channel cannot be used",
    "thread_not_found": "the thread no longer exists",
    "cannot_reply_to_message": "that message cannot be replied to",
    "messages_tab_disabled": "the app's message tab is off",
    "team_access_not_granted": "the app may not enter that workspace",
    "ekm_access_denied": "an administrator suspended posting",
    "external_channel_migrating": "the shared channel is being moved",
    "slack_connect_file_upload_sharing_blocked": "an administrator blocked files in shared channels",
}
THROTTLED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
#: Slack says of these that nothing was done.
TEMPORARY = frozenset({"service_unavailable", "request_timeout", "team_added_to_org", "accesslimited"})
#: Slack says of these that some of it may have been done.
IN_DOUBT = frozenset({"internal_error", "fatal_error"})
#: The blocks are at fault, so the same words as plain text may pass.
REPAIRABLE = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
CONTENT = {
    "invalid_blocks": (FailureReason.BAD_CONTENT, "Slack did not accept how the message is laid out"),
    "invalid_blocks_format": (FailureReason.BAD_CONTENT, "Slack did not accept how the message is laid out"),
    "msg_blocks_too_long": (FailureReason.TOO_LARGE, "the message is too long for Slack"),
    "msg_too_long": (FailureReason.TOO_LARGE, "the message is too long for Slack"),
    "no_text": (FailureReason.BAD_CONTENT, "the message is empty"),
    "metadata_too_large": (FailureReason.TOO_LARGE, "the message carries too much metadata"),
    "invalid_metadata_format": (FailureReason.BAD_CONTENT, "the message's metadata is malformed"),
    "message_not_found": (FailureReason.RECIPIENT_GONE, "the message was deleted in Slack"),
    "cant_update_message": (FailureReason.UNSUPPORTED, "Slack lets nobody change that message any more"),
    "cant_delete_message": (FailureReason.UNSUPPORTED, "Slack lets nobody delete that message any more"),
    "edit_window_closed": (FailureReason.UNSUPPORTED, "the workspace's time for editing has passed"),
    "expired_trigger_id": (FailureReason.EXPIRED, "it took longer than Slack's three seconds"),
    "trigger_expired": (FailureReason.EXPIRED, "it took longer than Slack's three seconds"),
    "exchanged_trigger_id": (FailureReason.EXPIRED, "the click was used already"),
    "user_not_found": (FailureReason.RECIPIENT_GONE, "Slack does not know that person"),
    "user_not_visible": (FailureReason.RECIPIENT_GONE, "the app may not see that person"),
    "user_not_in_channel": (FailureReason.RECIPIENT_GONE, "that person is not in the channel"),
    "file_not_found": (FailureReason.BAD_CONTENT, "the file no longer exists in Slack"),
    "file_deleted": (FailureReason.BAD_CONTENT, "the file was deleted in Slack"),
    "invalid_name": (FailureReason.UNSUPPORTED, "the workspace has no such emoji"),
    "too_many_reactions": (FailureReason.UNSUPPORTED, "the message has too many reactions"),
    "too_many_emoji": (FailureReason.UNSUPPORTED, "the message has too many reactions"),
}
SCOPE = frozenset({"missing_scope", "not_allowed_token_type", "no_scope"})
#: Without a Retry-After, as long as the per-channel limit usually needs.
DEFAULT_RETRY_AFTER = 5.0
MIN_RETRY_AFTER = 1.0
MAX_RETRY_AFTER = 3600.0


class SlackRefused(Exception):
    """An answer of Slack's that is not `ok`, before it is known what it means to the core."""

    def __init__(self, method: str, *, status: int, code: str, headers: Mapping[str, str], needed: str = "") -> None:
        super().__init__(f"{method}: {status} {code}")
        self.method = method
        self.status = status
        #: Slack's word for it, or "".
        self.code = code
        self.headers = headers
        #: The scope that is missing.
        self.needed = needed


def to_error(refused: SlackRefused) -> AdapterError:
    """What the core does next about a refusal."""
    code, method, status = refused.code, refused.method, refused.status
    if status == 429 or code in THROTTLED:
        wait = retry_after(refused.headers) or DEFAULT_RETRY_AFTER
        return TemporaryFailure(f"Slack asks us to wait {wait:g} s before the next {method}.", retry_after=wait)
    if code in CREDENTIALS:
        return CredentialsRejected(f"Slack no longer accepts our token: {CREDENTIALS[code]} ({code}).")
    if code in SCOPE:
        scope = refused.needed or "a scope"
        return PermanentFailure(
            f"The Slack app lacks {scope}, which {method} needs; "
            "add it under OAuth & Permissions and reinstall the app.",
            reason=FailureReason.MISCONFIGURED,
        )
    if code in DESTINATION:
        return DestinationUnavailable(f"Slack refused the channel: {DESTINATION[code]} ({code}).")
    if code in CONTENT:
        reason, sentence = CONTENT[code]
        return PermanentFailure(f"{sentence[0].upper()}{sentence[1:]} ({code}).", reason=reason)
    if status == 503 and (pause := retry_after(refused.headers)):
        return TemporaryFailure("Slack is briefly out of service.", retry_after=pause)
    if code in TEMPORARY:
        return TemporaryFailure(f"Slack could not do {method} just now ({code}).")
    if status >= 500 or code in IN_DOUBT or not code:
        return in_doubt(method, f"Slack answered {method} with an error of its own ({code or status}).")
    if status == 401:
        return CredentialsRejected("Slack no longer accepts our token.")
    return PermanentFailure(f"Slack refused {method}: {code}.")


def interrupted(method: str, error: Exception) -> AdapterError:
    """What a call that got no answer means."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        return TemporaryFailure("Slack could not be reached.")
    if isinstance(error, asyncio.TimeoutError):
        return in_doubt(method, f"Slack did not answer {method} in time.")
    return in_doubt(method, f"The connection to Slack broke during {method}.")


def in_doubt(method: str, sentence: str) -> TemporaryFailure:
    """Only what must not happen twice has an outcome worth asking about."""
    return OutcomeUnknown(sentence) if method in NOT_REPEATABLE else TemporaryFailure(sentence)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, whether Slack gave a number or a date."""
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return DEFAULT_RETRY_AFTER
    if seconds != seconds:
        return DEFAULT_RETRY_AFTER
    return min(max(seconds, MIN_RETRY_AFTER), MAX_RETRY_AFTER)
