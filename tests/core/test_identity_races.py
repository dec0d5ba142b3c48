"""Messages, merges and splits at once: every message is kept, and no customer has two open conversations."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

from core.app.pruning import Pruning
from core.contacts import links
from core.contacts.models import addresses, contacts
from core.conversations.models import conversations, messages
from core.identity import proofs
from tests.core.identities import CLAIMS_MAIL, evidence, identity_office, persons
from tests.core.office import Office, until


async def _consistent(office: Office) -> None:
    """Persons are what the links say, and each has at most one open conversation, answered at an address of hers."""
    person = {row.id: row.person_id or row.id for row in await office.rows(contacts)}
    active = [row for row in await office.rows(links.contact_links) if row.state == "active"]
    for row in active:
        assert person[row.contact_id] == person[row.other_id]
    groups = Counter(person.values())
    assert sum(size - 1 for size in groups.values()) == len(active), "persons are held together by links alone"
    where = {row.id: row.contact_id for row in await office.rows(addresses)}
    open_keys = []
    for row in await office.rows(conversations):
        assert person[where[row.address_id]] == person[row.contact_id]
        if row.open_key is not None:
            assert row.open_key == person[row.contact_id]
            open_keys.append(row.open_key)
    assert len(open_keys) == len(set(open_keys))


async def test_messages_merges_and_splits_at_once(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        people = [channels.wire.customer(f"Jane{number}") for number in range(4)]
        threads = [await office.opened(one, "Hello") for one in people]

        async def write(number: int) -> None:
            for turn in range(6):
                await channels.wire.writes(people[number], f"{number}-{turn}")
                await asyncio.sleep(0.01)

        async def decide(number: int) -> None:
            for turn in range(6):
                other = 1001 + (number + turn + 1) % 4
                fields = [("number", str(other)), ("reason", "A race")]
                await office.tool.presses(office.bea, threads[number].ref, "merge", fields=fields)
                await asyncio.sleep(0.01)
                for row in await office.rows(links.contact_links):
                    if row.state == "active" and turn % 2:
                        await office.tool.presses(office.omar, threads[number].ref, "split", str(row.id))

        await asyncio.gather(*(write(number) for number in range(4)), *(decide(number) for number in range(4)))
        await office.quiet()
        assert len(await office.rows(messages)) == 4 * 7
        await _consistent(office)
        assert len(await evidence(office)) > 1, "nothing was ever merged and split"
        for row in await office.rows(links.contact_links):
            if row.state == "active":
                await office.tool.presses(office.bea, threads[0].ref, "split", str(row.id))
                for thread in threads[1:]:
                    await office.tool.presses(office.bea, thread.ref, "split", str(row.id))
        await office.quiet()
        assert await persons(office) == 4
        await _consistent(office)


async def test_what_was_asked_long_ago_is_forgotten(database_url: str, tmp_path: Path) -> None:
    async with identity_office(tmp_path, database_url) as (office, channels):
        channels.mail()
        thread = await office.opened(channels.wire.customer("Jane", **CLAIMS_MAIL))
        await office.tool.presses(
            office.bea, thread.ref, "verify", fields=[("way", "link|letters|mailto:jane@example.com")]
        )
        await until(lambda: channels.letters.messages, "the mail")
        await office.quiet()
        pruning: Pruning = office.app.pruning
        await pruning.once()
        [row] = await office.rows(proofs.identity_proofs)
        await office.app.storage.write(
            lambda connection: proofs.prune(connection, row.expires_at + timedelta(seconds=1))
        )
        assert await office.rows(proofs.identity_proofs) == []
        assert len(await office.rows(contacts)) == 1
