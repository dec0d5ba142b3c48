"""Words and next steps for a reply that did not reach the customer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.contracts.actions import ActionId
from core.contracts.bridge import DeliveryStatus
from core.contracts.errors import FailureReason
from core.contracts.posts import Action, Tone
from core.contracts.text import from_json, from_plain, preview
from core.contracts.workplace import Sign
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Message
from core.conversations.threads import ThreadLink

_STEPS = {
    FailureReason.WINDOW_CLOSED: "The channel only allows replies for a while after the customer's last message.",
    FailureReason.RECIPIENT_GONE: "Retry once the customer is reachable again, or use another channel.",
    FailureReason.OPTED_OUT: "The customer asked not to be written to on this channel.",
    FailureReason.TOO_LARGE: "Send a smaller file, or a link.",
    FailureReason.BAD_CONTENT: "Change the message and send it again.",
    FailureReason.UNSUPPORTED: "Send it in another form.",
    FailureReason.MISCONFIGURED: "An admin has to mend the account: see `threadbridge check`.",
    FailureReason.EXPIRED: "It was tried for a day. Retry sends it now.",
}


def report(
    connection: Connection,
    messages: MessageService,
    dispatcher: Dispatcher,
    message: Message,
    reason: FailureReason,
    sentence: str,
    now: datetime,
) -> None:
    """Marks a reply as failed and says so in the thread, with what can be done. Saying it twice says it once."""
    if not messages.advance(connection, message, DeliveryStatus.FAILED, now, problem=sentence):
        return
    dispatcher.sign(connection, message, Sign.FAILED)
    what, value = _what(message, "Your file"), str(message.id)
    if reason is FailureReason.UNKNOWN_OUTCOME:
        text = f"It is not known whether {what} reached the customer: {sentence} It was not sent again by itself."
        actions = (
            Action(id=ActionId.RESEND, label="Send again", value=value, style="primary"),
            Action(id=ActionId.ARRIVED, label="It arrived", value=value),
        )
    else:
        text = f"{what} was not delivered: {sentence} {_STEPS.get(reason, '')}".rstrip()
        actions = _undelivered(message)
    dispatcher.notice(
        connection,
        message.conversation_id,
        from_plain(text),
        key=f"failed:{message.id}:{now.isoformat()}",
        tone=Tone.FAILURE,
        actions=actions,
    )


def repeat(connection: Connection, dispatcher: Dispatcher, link: ThreadLink, message: Message) -> None:
    """Says in one more thread that a reply waits for a decision."""
    text = f"{_what(message, 'A file')} is not known to have reached the customer: {message.problem}".rstrip(": ")
    dispatcher.say(
        connection,
        link,
        from_plain(text),
        key=f"failed:{message.id}",
        tone=Tone.FAILURE,
        actions=_undelivered(message),
    )


def _what(message: Message, otherwise: str) -> str:
    words = preview(from_json(message.body), 80)
    return f"“{words}”" if words else otherwise


def _undelivered(message: Message) -> tuple[Action, Action]:
    value = str(message.id)
    return (
        Action(id=ActionId.RETRY, label="Retry", value=value, style="primary"),
        Action(id=ActionId.DISCARD, label="Discard", value=value),
    )
