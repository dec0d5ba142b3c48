"""Times and names as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from core.contacts import naming
from core.contacts.models import Address, Contact
from core.contracts.bridge import Proof


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name; None for one that nobody knows."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        return None


def clock(moment: datetime, timezone: str = "UTC") -> str:
    """`Mon 3 May, 09:00` in a reader's time zone; where that is not known it says that it is UTC."""
    local = moment.astimezone(zone(timezone) or UTC)
    suffix = " UTC" if timezone == "UTC" or zone(timezone) is None else ""
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}{suffix}"


def ago(moment: datetime, now: datetime) -> str:
    """`4 min`, `3 h`, `2 days`."""
    seconds = max(0, int((now - moment) / timedelta(seconds=1)))
    if seconds < 60:
        return "under a minute"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} days"


def name_of(contact: Contact, address: Address) -> str:
    """What to call a customer; never empty."""
    return naming.name_of(contact, address)


def proof_of(address: Address, title: str) -> str:
    """What is known about who writes, as a claim or as a fact."""
    claim = address.email or (f"@{address.username}" if address.username else "") or address.phone
    match address.level:
        case Proof.VERIFIED:
            return f"Verified{f' as {claim}' if claim else ''}"
        case Proof.CHANNEL:
            return f"{title} account{f' {claim}' if claim else ''}"
        case Proof.CLAIMED:
            return f"Claims to be {claim}" if claim else "Unconfirmed"
        case Proof.ANONYMOUS:
            return f"Anonymous{f', claims to be {claim}' if claim else ''}"
