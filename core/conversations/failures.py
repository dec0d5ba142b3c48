"""Words and next steps for a reply that did not reach the customer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.bridge import DeliveryStatus, OptOut
from core.contracts.errors import FailureReason
from core.contracts.posts import Action, Tone
from core.contracts.templates import TemplateCategory
from core.contracts.text import from_json, from_plain, preview
from core.contracts.workplace import Sign
from core.conversations import reaching, repository, steps
from core.conversations.dispatch import Dispatcher
from core.conversations.messages import MessageService
from core.conversations.models import Message
from core.conversations.service import automated
from core.conversations.threads import ThreadLink

#: What an agent can do about each, as a sentence. An unknown outcome has words of its own.
STEPS = {
    FailureReason.WINDOW_CLOSED: "It opens again when the customer writes; until then only an approved template or "
    "another channel reaches her.",
    FailureReason.RECIPIENT_GONE: "Retry once the customer is reachable again, or use another channel.",
    FailureReason.OPTED_OUT: "The customer asked not to be written to on this channel, and only she can take that "
    "back; use another channel if she agreed to one.",
    FailureReason.POLICY: "The channel's operator does not allow this message or this account: change the message, or "
    "have an admin look at the account's standing there.",
    FailureReason.RATE_POLICY: "The channel limits how much this customer is sent: retry tomorrow, for trying again "
    "soon makes it worse, or use another channel.",
    FailureReason.BAD_CONTENT: "Change the message and send it again.",
    FailureReason.TOO_LARGE: "Send a smaller file, or a link.",
    FailureReason.UNSUPPORTED: "Send it in another form, or by another channel.",
    FailureReason.MISCONFIGURED: "An admin has to mend the account: see `threadbridge check`. Retry sends it then.",
    FailureReason.OWNED_ELSEWHERE: "Another tool holds this conversation: answer the customer there, or retry once it "
    "has let go.",
    FailureReason.EXPIRED: "It was tried for a day. Retry sends it now.",
    FailureReason.UNKNOWN: "Retry, or use another channel; an admin finds more in the logs.",
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
    _learn(connection, dispatcher, message, reason, now)
    what, value = _what(message, "Your file"), str(message.id)
    if reason is FailureReason.UNKNOWN_OUTCOME:
        text = f"It is not known whether {what} reached the customer: {sentence} It was not sent again by itself."
        actions: tuple[Action, ...] = (
            Action(id=ActionId.RESEND, label="Send again", value=value, style="primary"),
            Action(id=ActionId.ARRIVED, label="It arrived", value=value),
        )
    else:
        text = f"{what} was not delivered: {sentence} {STEPS[reason]}"
        actions = (*_instead(connection, dispatcher, message, reason, now), *_undelivered(message))
    dispatcher.notice(
        connection,
        message.conversation_id,
        from_plain(text),
        key=f"failed:{message.id}:{now.isoformat()}",
        tone=Tone.FAILURE,
        actions=actions,
    )


def _learn(
    connection: Connection, dispatcher: Dispatcher, message: Message, reason: FailureReason, now: datetime
) -> None:
    """The vendor knows better than we do whether this customer can be written to."""
    address = contacts.address_by_id(connection, message.address_id)
    capabilities = dispatcher.capabilities(message.account)
    category = message.template["category"] if message.template else None
    if (
        capabilities is None
        or reason is reaching.reach(address, capabilities, now, person=not automated(message), template=category).reason
    ):
        return  # It was we who said so.
    if reason is FailureReason.WINDOW_CLOSED:
        reaching.closed(connection, address, now)
    elif reason is FailureReason.OPTED_OUT:
        what = OptOut.MARKETING if category == TemplateCategory.MARKETING else OptOut.ALL
        reaching.opt_out(connection, address, what, True, now)
    else:
        return
    dispatcher.refresh_card(connection, message.conversation_id, now)


def _instead(
    connection: Connection, dispatcher: Dispatcher, message: Message, reason: FailureReason, now: datetime
) -> tuple[Action, ...]:
    conversation = repository.conversation(connection, message.conversation_id)
    address = contacts.address_by_id(connection, message.address_id)
    return steps.instead(connection, dispatcher, conversation, address, reason, now, message_id=message.id)


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
