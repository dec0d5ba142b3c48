"""What customers and their addresses are called."""

from __future__ import annotations

from core.contacts.models import Address, Contact


def name_of(contact: Contact, address: Address) -> str:
    """What to call a customer; never empty."""
    if contact.name:
        return contact.name
    return handle(address) or f"Visitor {str(contact.id)[-4:]}"


def handle(address: Address) -> str:
    """What people call an address, or ""."""
    if address.username:
        return f"@{address.username}"
    return address.email or address.phone


def plain_key(key: str) -> str:
    """`mailto:jane@shop.example` and `tel:+4366…` without what comes before the colon."""
    return key.partition(":")[2] if key.startswith(("mailto:", "tel:")) else key
