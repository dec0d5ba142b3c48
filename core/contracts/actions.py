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
    #: Opens the full text of a shortened message.
    FULL_TEXT = "full_text"
    #: Shows the customer what the card knows, privately: `!who`.
    WHO = "who"
    HELP = "help"
