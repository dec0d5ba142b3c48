"""Looks at a reply before it leaves: why it cannot, or what will look different at the customer's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.contacts.models import Address
from core.contracts.content import Attachment, Capabilities, Content
from core.contracts.errors import FailureReason
from core.contracts.templates import TemplateUse
from core.contracts.text import is_empty
from core.conversations import reaching
from core.conversations.cutting import pieces
from core.conversations.presenting import presented


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known before anything leaves."""

    #: Why it cannot, as a sentence that begins in lower case; "": it can.
    refusal: str = ""
    reason: FailureReason | None = None
    #: What the agent should know about what the customer will get.
    warnings: tuple[str, ...] = ()


def check(
    address: Address,
    capabilities: Capabilities | None,
    content: Content,
    now: datetime,
    *,
    template: TemplateUse | None = None,
) -> Checked:
    """Asks nobody: everything it needs is declared, or stands on the address."""
    if capabilities is None:
        return Checked(
            refusal=f"the account {address.account} is no longer in the settings.", reason=FailureReason.MISCONFIGURED
        )
    if is_empty(content.body) and (not content.attachments or content.choices):
        what = "choices need a question above them." if content.choices else "there is nothing in it."
        return Checked(refusal=what, reason=FailureReason.BAD_CONTENT)
    reach = reaching.reach(address, capabilities, now, template=template.category if template else None)
    if reach.reason is not None:
        return Checked(refusal=reach.sentence, reason=reach.reason)
    warnings = (
        [] if template is not None else [*_drawn(content, capabilities), *_linked(content.attachments, capabilities)]
    )
    if reach.human and capabilities.reply_window is not None and capabilities.human_window is not None:
        warnings.append(
            f"The {reaching.span(capabilities.reply_window)} for replies are over. It goes out marked as written by a "
            f"person, which this channel allows for {reaching.span(capabilities.human_window)}."
        )
    return Checked(warnings=tuple(warnings))


def _drawn(content: Content, capabilities: Capabilities) -> list[str]:
    """What becomes of words, choices and cards."""
    warnings = []
    shows = presented(content.body, content, capabilities)
    if shows.flattened:
        warnings.append("This channel shows no such cards: they go out as text with links.")
    if shows.numbered:
        most = max(capabilities.max_choices, capabilities.max_list)
        why = f"shows {most} choices at most" if most else "has no buttons"
        warnings.append(f"This channel {why}: the choices go out as numbered text, and the customer answers in words.")
    elif shows.shortened:
        warnings.append(
            "Some choices are too long for this channel's buttons: they are cut there, and stand whole above."
        )
    count = len(pieces(content.body, [], capabilities, content))
    if count > 1:
        cost = ", and each of them costs" if capabilities.costly else ""
        warnings.append(f"Your message is long for this channel: it goes out as {count} messages, in order{cost}.")
    return warnings


def _linked(attachments: Sequence[Attachment], capabilities: Capabilities) -> list[str]:
    warnings = []
    for attachment in attachments:
        limit = capabilities.media.get(attachment.kind)
        if limit is None or (attachment.size or 0) > limit:
            warnings.append(f"{attachment.name} is not something this channel carries: it goes out as a link.")
    return warnings
