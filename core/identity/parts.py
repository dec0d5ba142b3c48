"""Puts together what recognises customers, asks them for proof, and links them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.contacts.service import ContactService
from core.contracts.content import Capabilities
from core.conversations.dispatch import Dispatcher
from core.identity.confirming import Confirmations
from core.identity.linking import Linker
from core.identity.proofs import Signer
from core.identity.proving import Proving
from core.identity.recognising import Recognition
from core.outbox.repository import Outbox
from core.storage.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who is who."""

    linker: Linker
    proving: Proving
    recognition: Recognition
    confirmations: Confirmations
    signer: Signer


def build(
    storage: Storage,
    outbox: Outbox,
    dispatcher: Dispatcher,
    contact_service: ContactService,
    *,
    key: bytes,
    channels: Mapping[str, Capabilities],
    links_work: bool,
) -> Identity:
    """`channels` are by account; `links_work`: there is a public address."""
    linker, signer = Linker(dispatcher), Signer(key)
    proving = Proving(linker, contact_service, dispatcher, outbox, signer, channels, links_work=links_work)
    return Identity(
        linker=linker,
        proving=proving,
        recognition=Recognition(linker, proving, dispatcher),
        confirmations=Confirmations(storage, proving),
        signer=signer,
    )
