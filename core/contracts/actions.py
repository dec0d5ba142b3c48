"""What an agent can do in a thread: one list for every workplace, by button, shortcut or `!word`."""

from __future__ import annotations

from enum import StrEnum


class ActionId(StrEnum):
    CLAIM = "claim"
    #: Opens the reply form; submitted, sends its text to the customer.
    REPLY = "reply"
    NOTE = "note"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    SNOOZE = "snooze"
    #: Shows the conversation in one more room, which the form asks for.
    MIRROR = "mirror"
    #: Sends a failed message again; the value is the message's id.
    RETRY = "retry"
    #: The outcome of a send is unknown: the agent says that it did not arrive, so it is sent again.
    RESEND = "resend"
    #: The agent says that it did arrive.
    ARRIVED = "arrived"
    #: Gives up on a failed message.
    DISCARD = "discard"
    #: Sends a correction after an edit or delete that the channel cannot do.
    CORRECT = "correct"
    #: Asks for an approved template and what to put in, and sends it.
    TEMPLATE = "template"
    #: Writes to another address of the same customer: "<address id>", or "<message id>:<address id>" to send that too.
    SWITCH = "switch"
    #: Asks the customer to prove that another address is hers, too; the form asks which.
    VERIFY = "verify"
    #: Says that another contact is the same customer: the form asks who and why; a suggestion's id is accepted at once.
    MERGE = "merge"
    #: Takes back that two contacts are the same customer; the value is the id of what linked them.
    SPLIT = "split"
    #: Opens the full text of a shortened message.
    FULL_TEXT = "full_text"
    #: Shows the customer what the card knows, privately: `!who`.
    WHO = "who"
    HELP = "help"


#: Those that put something on its way to the customer.
SENDING = frozenset(
    {
        ActionId.REPLY,
        ActionId.CORRECT,
        ActionId.RETRY,
        ActionId.RESEND,
        ActionId.TEMPLATE,
        ActionId.SWITCH,
        ActionId.VERIFY,
    }
)
