"""What an agent can do: one list, which the contract suite carries out in every workplace."""

from __future__ import annotations

from enum import StrEnum


class Gesture(StrEnum):
    """Each is carried out over the vendor's own protocol; what one cannot do stands in `WorkplaceSpec.lacks`."""

    #: Writes in the thread, without naming the app: the customer gets it.
    REPLY = "reply"
    #: Presses Reply and fills the form.
    REPLY_BY_FORM = "reply_by_form"
    #: Chooses in that form by which of the customer's channels it goes.
    REPLY_BY_CHANNEL = "reply_by_channel"
    #: Chooses a canned reply in that form.
    REPLY_CANNED = "reply_canned"
    #: Offers the customer choices in that form: she presses one, or answers by its number.
    OFFER_CHOICES = "offer_choices"
    #: Answers one message in particular: the customer sees which.
    QUOTE = "quote"
    #: Formats: bold, lists, links, code.
    FORMAT = "format"
    #: Attaches a picture: it stands in the chat.
    ATTACH_PICTURE = "attach_picture"
    #: Attaches any other file.
    ATTACH_FILE = "attach_file"
    #: Changes a reply before it has left.
    EDIT_HELD = "edit_held"
    #: Deletes a reply before it has left: the customer gets nothing.
    DELETE_HELD = "delete_held"
    #: Changes what the customer has already.
    EDIT_SENT = "edit_sent"
    #: Takes back what the customer has already.
    DELETE_SENT = "delete_sent"
    #: Undoes her own delete.
    RESTORE = "restore"
    #: Sends the correction that was offered because the channel cannot change what the customer has.
    CORRECT = "correct"
    #: Puts an emoji on a message of the customer's.
    REACT = "react"
    #: A message that starts with `//` stays among agents.
    NOTE = "note"
    #: A message that starts with a colleague's @mention stays among agents.
    NOTE_TO_COLLEAGUE = "note_to_colleague"
    #: Presses Note and fills the form.
    NOTE_BY_FORM = "note_by_form"
    #: "Send to customer" on a note.
    SEND_NOTE = "send_note"
    #: "Make a note" on a reply that has not left.
    KEEP_REPLY = "keep_reply"
    #: Makes a conversation that nobody has her own.
    CLAIM = "claim"
    #: Takes over from a colleague: `!claim`.
    TAKE_OVER = "take_over"
    #: Closes the conversation.
    RESOLVE = "resolve"
    #: Opens it again.
    REOPEN = "reopen"
    #: Puts it away until a time, or until the customer writes.
    SNOOZE = "snooze"
    #: Shows the conversation in one more room.
    MIRROR = "mirror"
    #: Asks the customer to prove that a mail address she claims is hers.
    VERIFY = "verify"
    #: Says that two contacts are the same customer, and why.
    MERGE = "merge"
    #: Takes that back.
    SPLIT = "split"
    #: Sends an approved template, with her own values in it, when the channel takes nothing else.
    TEMPLATE = "template"
    #: Sends what a channel did not take by another one of the customer's.
    SEND_ELSEWHERE = "send_elsewhere"
    #: Sends a reply that failed again.
    RETRY = "retry"
    #: Gives up on a reply that failed.
    DISCARD = "discard"
    #: Says that a reply whose outcome is unknown did arrive.
    ARRIVED = "arrived"
    #: Sends again a reply whose outcome is unknown.
    RESEND = "resend"
    #: Reads a shortened message whole.
    FULL_TEXT = "full_text"
    #: Asks what is known of the customer: `!who`.
    WHO = "who"
    #: Asks what works in a thread: `!help`.
    HELP = "help"
    #: Looks at her own queue.
    QUEUE = "queue"
    #: Looks a canned reply up while writing, and inserts it.
    INSERT_CANNED = "insert_canned"
    #: Looks a past conversation up while writing, and inserts its link.
    INSERT_CONVERSATION = "insert_conversation"
