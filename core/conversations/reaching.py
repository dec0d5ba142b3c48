"""Whether an address can be written to now: its reply window, and what its customer does not want."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contacts.models import Address
from core.contracts.bridge import OptOut
from core.contracts.content import Capabilities
from core.contracts.errors import FailureReason
from core.contracts.templates import TemplateCategory

#: From here on a card says that the window is about to close.
SOON = timedelta(hours=2)
#: A card tells the end to this, rounded down: a burst of messages does not redraw it each time.
_STEP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What stands between us and an address."""

    #: None: nothing does.
    reason: FailureReason | None = None
    #: Why, as a sentence that begins in lower case.
    sentence: str = ""
    #: It may go because a person wrote it, and the bridge has to say so.
    human: bool = False


def reach(
    address: Address,
    capabilities: Capabilities,
    now: datetime,
    *,
    person: bool = True,
    template: str | None = None,
) -> Reach:
    """Whether something may leave now; `template` is its category, `person`: somebody wrote or chose it herself."""
    if OptOut.ALL in address.opt_outs:
        return Reach(
            reason=FailureReason.OPTED_OUT,
            sentence="the customer asked not to be written to on this channel, and only she can take that back.",
        )
    if OptOut.BLOCKED in address.opt_outs and not person:
        return Reach(reason=FailureReason.OPTED_OUT, sentence="the customer has blocked us on this channel.")
    if OptOut.MARKETING in address.opt_outs and template == TemplateCategory.MARKETING:
        return Reach(
            reason=FailureReason.OPTED_OUT, sentence="the customer does not want marketing, and that template is some."
        )
    window = capabilities.reply_window
    if template is not None or window is None or (address.window_until is not None and now <= address.window_until):
        return Reach()
    longer = human_until(address, capabilities)
    if person and longer is not None and now <= longer:
        return Reach(human=True)
    return Reach(
        reason=FailureReason.WINDOW_CLOSED,
        sentence=f"this channel allows replies only for {span(window)} after the customer's last message.",
    )


def human_until(address: Address, capabilities: Capabilities) -> datetime | None:
    """How long a person may answer, where the account has a longer window for that."""
    if capabilities.human_window is None or address.wrote_at is None:
        return None
    return address.wrote_at + capabilities.human_window


def heard(connection: Connection, address: Address, capabilities: Capabilities, at: datetime, now: datetime) -> Address:
    """She wrote at that time by the vendor's clock: her window opens anew, and whoever writes has not blocked us."""
    changes: dict[str, object] = {}
    opt_outs = {kind: since for kind, since in address.opt_outs.items() if kind != OptOut.BLOCKED}
    if len(opt_outs) < len(address.opt_outs):
        changes["opt_outs"] = opt_outs
    if capabilities.reply_window is not None:
        wrote = max(min(at, now), address.wrote_at or at)
        until = max(wrote + capabilities.reply_window, address.window_until or wrote)
        changes |= {"wrote_at": wrote, "window_until": until}
    if not changes:
        return address
    contacts.change_address(connection, address.id, changes)
    return contacts.address_by_id(connection, address.id)


def closed(connection: Connection, address: Address, now: datetime) -> None:
    """The vendor refused a reply for its window, or says so: it knows better.

    One that was closed to us already can only mean the longer one for people.
    """
    over = address.window_until is None or address.window_until <= now
    contacts.change_address(
        connection, address.id, {"window_until": now, "wrote_at": None if over else address.wrote_at}
    )


def opt_out(connection: Connection, address: Address, kind: OptOut, out: bool, now: datetime) -> bool:
    """Keeps that she wants something no more, or does again; False: that is known."""
    if (kind in address.opt_outs) == out:
        return False
    opt_outs = {one: since for one, since in address.opt_outs.items() if one != kind}
    if out:
        opt_outs[kind] = now.isoformat()
    reachable = OptOut.ALL not in opt_outs and OptOut.BLOCKED not in opt_outs
    contacts.change_address(connection, address.id, {"opt_outs": opt_outs, "reachable": reachable})
    return True


def rounded(moment: datetime) -> datetime:
    """A time as cards tell it."""
    step = _STEP.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // step * step, moment.tzinfo)


def next_look(address: Address, capabilities: Capabilities, now: datetime) -> datetime | None:
    """When a card that tells the window will next read otherwise; None: never."""
    if capabilities.reply_window is None or address.window_until is None:
        return None
    moments = [address.window_until - SOON, address.window_until]
    if (longer := human_until(address, capabilities)) is not None:
        moments += [longer - SOON, longer]
    return min((moment for moment in moments if moment > now), default=None)


def span(window: timedelta) -> str:
    """`24 hours`, `7 days`."""
    hours = window / timedelta(hours=1)
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    if hours >= 1:
        return f"{hours:.0f} hours" if hours >= 1.5 else "1 hour"
    return f"{window / timedelta(minutes=1):.0f} minutes"
