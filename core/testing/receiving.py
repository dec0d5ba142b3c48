"""What every channel must carry from a customer to the core; played as `core.testing.scenarios.SENDING` is."""

from __future__ import annotations

from typing import TypeVar

from core.contracts.bridge import (
    Event,
    FetchesMedia,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
)
from core.contracts.content import MediaKind
from core.contracts.text import plain
from core.testing.customer_peer import CustomerPeer
from core.testing.scenarios import ARABIC, CHINESE, EMOJI, LONG, MARKUP, PDF, PNG, Play, Scenario, bare, send

E = TypeVar("E", bound=Event)


async def event(peer: CustomerPeer, kind: type[E], after: int) -> E:
    """The first event of this kind behind the first `after` ones."""

    def found() -> E | None:
        return next((one for one in peer.core.events[after:] if isinstance(one, kind)), None)

    one: E = await peer.core.until(found)
    return one


def messages(peer: CustomerPeer, after: int) -> list[MessageReceived]:
    """Her messages behind the first `after` events."""
    return [one for one in peer.core.events[after:] if isinstance(one, MessageReceived)]


def says(text: str) -> Play:
    """These words arrive as they are, from her, with what an answer needs."""

    async def run(peer: CustomerPeer) -> None:
        before = len(peer.core.events)
        await peer.says(text)
        received = await event(peer, MessageReceived, before)
        assert bare(plain(received.content.body)) == bare(text)
        assert received.sender.external_id == peer.recipient.external_id
        assert received.external_id
        assert received.at.tzinfo is not None

    return run


async def long_text(peer: CustomerPeer) -> None:
    """Whole, in one message or in several in order, where the channel's own app cuts."""
    before = len(peer.core.events)
    await peer.says(LONG)

    def words() -> str:
        return bare("".join(plain(one.content.body) for one in messages(peer, before)))

    await peer.core.until(lambda: len(words()) >= len(bare(LONG)))
    assert words() == bare(LONG)


def file(data: bytes, name: str, mime: str, kind: MediaKind) -> Play:
    """This file arrives whole; its words beside it, or in a message of their own where the app knows no captions."""

    async def run(peer: CustomerPeer) -> None:
        before = len(peer.core.events)
        await peer.says("Look", file=(name, mime, data))

        def arrived() -> bool:
            words = "".join(plain(one.content.body) for one in messages(peer, before))
            return "Look" in words and any(one.content.attachments for one in messages(peer, before))

        await peer.core.until(arrived)
        (attachment,) = [part for one in messages(peer, before) for part in one.content.attachments]
        assert attachment.kind is kind
        if attachment.file is not None:
            assert attachment.file.path.read_bytes() == data
        else:
            bridge: object = peer.bridge
            assert isinstance(bridge, FetchesMedia)
            assert attachment.source is not None
            assert b"".join([chunk async for chunk in bridge.fetch(attachment.source)]) == data

    return run


async def quote(peer: CustomerPeer) -> None:
    (sent,) = await send(peer, "Which lamp?")
    before = len(peer.core.events)
    await peer.says("The green one", quote=sent)
    received = await event(peer, MessageReceived, before)
    assert sent in (received.quote, *received.continues)


async def edit(peer: CustomerPeer) -> None:
    before = len(peer.core.events)
    await peer.says("Two lamps")
    received = await event(peer, MessageReceived, before)
    await peer.edits("Three lamps")
    edited = await event(peer, MessageEdited, before)
    assert edited.external_id == received.external_id
    assert plain(edited.content.body) == "Three lamps"


async def delete(peer: CustomerPeer) -> None:
    before = len(peer.core.events)
    await peer.says("My card is 4242")
    received = await event(peer, MessageReceived, before)
    await peer.deletes()
    assert (await event(peer, MessageDeleted, before)).external_id == received.external_id


async def react(peer: CustomerPeer) -> None:
    (sent,) = await send(peer, "It is on its way")
    before = len(peer.core.events)
    await peer.reacts(sent, "👍")
    changed = await event(peer, ReactionChanged, before)
    assert (changed.external_id, changed.emoji) == (sent, "👍")


RECEIVING: tuple[Scenario, ...] = (
    Scenario(name="text", run=says("Where is my lamp?")),
    Scenario(name="emoji", run=says(EMOJI)),
    Scenario(name="10,000 characters", run=long_text),
    Scenario(name="right to left", run=says(ARABIC)),
    Scenario(name="CJK", run=says(CHINESE)),
    Scenario(name="what looks like markup", run=says(MARKUP)),
    Scenario(name="code and a link", run=says("if a < b: see https://example.com/a?b=c_d")),
    Scenario(name="an image", run=file(PNG, "lamp.png", "image/png", MediaKind.IMAGE)),
    Scenario(name="a PDF", run=file(PDF, "invoice.pdf", "application/pdf", MediaKind.FILE)),
    Scenario(name="a quote", run=quote, needs=lambda has: has.quotes),
    Scenario(name="an edit", run=edit, needs=lambda has: has.edits_in),
    Scenario(name="a delete", run=delete, needs=lambda has: has.deletes_in),
    Scenario(name="a reaction", run=react, needs=lambda has: has.reactions_in),
)
