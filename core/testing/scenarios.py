"""What every channel must carry between an agent and a customer, as two lists that each bridge is driven through.

@pytest.mark.parametrize("scenario", SENDING, ids=str)
async def test_sending(peer: CustomerPeer, scenario: Scenario) -> None:
    await scenario.play(peer)
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from core.contracts.bridge import Deletes, Edits, ExternalId, OutboundMessage, Reacts, Reconciles, ShowsTyping
from core.contracts.content import Capabilities, Choice, Content, MediaKind
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.richtext import CodeBlock, Document, Link, Mark, Paragraph, Text
from core.contracts.text import from_plain, measure, plain, split
from core.testing.customer_peer import CustomerPeer, Failure, Seen
from core.testing.runtime import outbound

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
EMOJI = "Done 👍🏽 👩‍👩‍👧 🇦🇹 ❤️ 🏴󠁧󠁢󠁳󠁣󠁴󠁿"
ARABIC = "مرحبا، كيف يمكنني مساعدتك؟ الطلب رقم 42 في الطريق"
CHINESE = "您好，您的订单已发货。ありがとうございます。감사합니다"
MARKUP = "<b>bold</b> *b* _i_ `c` [x](y) <script>alert(1)</script> &amp; <!channel> @everyone \\* #1"
LONG = "\n\n".join(f"Paragraph {n}: " + "a sentence that says something. " * 12 for n in range(30))[:10_000]

Play = Callable[[CustomerPeer], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that goes to, or comes from, a customer."""

    name: str
    run: Play
    #: The capability that it needs; a channel that does not declare it must not have the verb either.
    needs: Callable[[Capabilities], object] = lambda _: True
    verb: type | None = None
    failure: Failure | None = None

    def __str__(self) -> str:
        return self.name

    async def play(self, peer: CustomerPeer) -> None:
        """Skips what the channel does not declare, after a look that it really is not there."""
        if not self.needs(peer.spec.capabilities):
            assert self.verb is None or not isinstance(peer.bridge, self.verb), "it is there, but not declared"
            pytest.skip(f"{peer.spec.channel} does not declare it")
        if self.failure is not None and self.failure not in peer.failures:
            pytest.skip(f"{peer.spec.channel} has no vendor that could")
        await self.run(peer)


async def send(peer: CustomerPeer, content: Content | Document | str, key: str = "k1") -> list[ExternalId]:
    """Cut by the declared limits and sent piece by piece, as the core does."""
    if isinstance(content, str):
        content = from_plain(content)
    if isinstance(content, Document):
        content = Content(body=content)
    has = peer.spec.capabilities
    texts = split(content.body, limit=has.max_text, unit=has.text_unit) if content.body else []
    assert all(measure(plain(text), has.text_unit) <= has.max_text for text in texts)
    fits = len(texts) == 1 and measure(plain(texts[0]), has.text_unit) <= has.max_caption
    if content.attachments and fits:
        parts = [replace(content, body=texts[0])]
    else:
        parts = [Content(body=text) for text in texts]
        parts += [Content(attachments=(attachment,)) for attachment in content.attachments]
    if content.choices:
        parts[-1] = replace(parts[-1], choices=content.choices)
    messages = [message(peer, part, f"{key}-{number}") for number, part in enumerate(parts)]
    return [await peer.core.send(one) for one in messages]


def message(peer: CustomerPeer, content: Content, key: str, quote: ExternalId | None = None) -> OutboundMessage:
    history = tuple(item.external_id for items in peer.core.transcripts.items.values() for item in items)
    return outbound(
        peer.recipient,
        content,
        key=key,
        message_id=key,
        quote=quote,
        history=tuple(one for one in history if one is not None)[-20:],
        token="t0k3n",
        subject="Your lamp",
        agent_name="Bea",
    )


async def seen(peer: CustomerPeer, count: int) -> Sequence[Seen]:
    """Her screen, once `count` messages of ours stand there, and no more than these."""
    found: Sequence[Seen] = ()

    async def enough() -> bool:
        nonlocal found
        found = await peer.seen()
        return len(found) >= count

    await peer.core.until_async(enough)
    assert len(found) == count
    return found


def carries(text: str) -> Play:
    """This text arrives as it is."""

    async def run(peer: CustomerPeer) -> None:
        (sent,) = await send(peer, text)
        assert sent
        (shown,) = await seen(peer, 1)
        assert bare(shown.text) == bare(text)

    return run


async def long_text(peer: CustomerPeer) -> None:
    ids = await send(peer, LONG)
    assert len(set(ids)) == len(ids)
    shown = await seen(peer, len(ids))
    assert bare("".join(one.text for one in shown)) == bare(LONG)


async def code(peer: CustomerPeer) -> None:
    body = Document(blocks=(*from_plain("Try this:").blocks, CodeBlock(text="if a < b:\n    print('*')")))
    await send(peer, body)
    (shown,) = await seen(peer, 1)
    assert "if a < b:" in shown.text
    assert "print('*')" in shown.text


async def links(peer: CustomerPeer) -> None:
    run = (Text(text="See "), Link(url="https://example.com/a?b=c_d", label="the guide"), Text(text="."))
    bold = Text(text="Soon", marks=frozenset({Mark.BOLD}))
    await send(peer, Document(blocks=(Paragraph(inlines=run), Paragraph(inlines=(bold,)))))
    (shown,) = await seen(peer, 1)
    assert "the guide" in shown.text
    assert "Soon" in shown.text


def file(data: bytes, name: str, text: str = "") -> Play:
    """This file arrives whole, under its name, with its words."""

    async def run(peer: CustomerPeer) -> None:
        attachment = await peer.core.stored(data, name)
        ids = await send(peer, Content(body=from_plain(text), attachments=(attachment,)))
        shown = await seen(peer, len(ids))
        files = [one for message in shown for one in message.files]
        assert [data for _, data in files] == [data]
        assert not text or text in "\n".join(message.text for message in shown)

    return run


async def quote(peer: CustomerPeer) -> None:
    (first,) = await send(peer, "Which lamp?", "k1")
    answer_to_it = message(peer, Content(body=from_plain("The green one?")), "k2", quote=first)
    await peer.core.send(replace(answer_to_it, quote_text="Which lamp?"))
    _, answer = await seen(peer, 2)
    assert "Which lamp?" in answer.quote


async def edit(peer: CustomerPeer) -> None:
    (sent,) = await send(peer, "On Monday")
    await seen(peer, 1)
    await peer.core.edit(sent, message(peer, Content(body=from_plain("On Tuesday")), "k1-0:edit"))
    await until_text(peer, "On Tuesday")
    assert len(await peer.seen()) == 1


async def delete(peer: CustomerPeer) -> None:
    (sent,) = await send(peer, "To the wrong person")
    await seen(peer, 1)
    await peer.core.delete(sent, peer.recipient)
    await until_gone(peer)


async def react(peer: CustomerPeer) -> None:
    (sent,) = await send(peer, "Thank you")

    async def shows(emoji: str | None) -> bool:
        return (await peer.reaction(sent)) == emoji

    await peer.core.react(sent, peer.recipient, "👍")
    await peer.core.until_async(lambda: shows("👍"))
    await peer.core.react(sent, peer.recipient, None)
    await peer.core.until_async(lambda: shows(None))


async def typing(peer: CustomerPeer) -> None:
    bridge: object = peer.bridge
    assert isinstance(bridge, ShowsTyping)
    await bridge.show_typing(peer.recipient)
    await peer.core.until_async(peer.typing)


async def buttons(peer: CustomerPeer) -> None:
    choices = (Choice(value="yes", label="Yes, thanks"), Choice(value="no", label="No"))
    await send(peer, Content(body=from_plain("Did that help?"), choices=choices))
    (shown,) = await seen(peer, 1)
    assert shown.buttons == ("Yes, thanks", "No")


async def refused(peer: CustomerPeer) -> None:
    await peer.fail(Failure.REFUSED)
    with pytest.raises(PermanentFailure) as raised:
        await send(peer, "Hello?")
    assert raised.value.reason != "unknown"
    _is_sentence(raised.value)


async def throttled(peer: CustomerPeer) -> None:
    await peer.fail(Failure.THROTTLED)
    with pytest.raises(TemporaryFailure) as raised:
        await send(peer, "Hello?")
    assert not isinstance(raised.value, OutcomeUnknown)
    _is_sentence(raised.value)
    assert not await peer.seen()
    await send(peer, "Hello?")
    await seen(peer, 1)


async def revoked(peer: CustomerPeer) -> None:
    await peer.fail(Failure.REVOKED)
    with pytest.raises(CredentialsRejected) as raised:
        await send(peer, "Hello?")
    _is_sentence(raised.value)


async def unknown_outcome(peer: CustomerPeer) -> None:
    """The answer is lost: in doubt, and where the vendor can be asked, found; or sent again where that is harmless."""
    await peer.fail(Failure.LOST)
    content = Content(body=from_plain("Hello?"))
    with pytest.raises(TemporaryFailure if peer.spec.capabilities.idempotent else OutcomeUnknown) as raised:
        await peer.core.send(message(peer, content, "k1"))
    _is_sentence(raised.value)
    await seen(peer, 1)
    if peer.spec.capabilities.idempotent:
        assert await peer.core.send(message(peer, content, "k1"))
        await seen(peer, 1)
    bridge: object = peer.bridge
    if isinstance(bridge, Reconciles):
        # A vendor that cannot be sure says so; what it must never say is "it surely was not sent".
        with contextlib.suppress(OutcomeUnknown):
            assert await bridge.find(message(peer, content, "k1")) is not None
        with contextlib.suppress(OutcomeUnknown):
            assert await bridge.find(message(peer, content, "never-sent")) is None


async def same_key_twice(peer: CustomerPeer) -> None:
    """Where a channel says that this is harmless, it is."""
    for _ in range(2):
        await peer.core.send(message(peer, Content(body=from_plain("Once")), "k1"))
    await send(peer, "Twice", "k2")
    assert [one.text for one in await seen(peer, 2)] == ["Once", "Twice"]


async def until_text(peer: CustomerPeer, text: str) -> None:
    async def there() -> bool:
        return any(text in one.text for one in await peer.seen())

    await peer.core.until_async(there)


async def until_gone(peer: CustomerPeer) -> None:
    async def gone() -> bool:
        return not any(one.text or one.files for one in await peer.seen())

    await peer.core.until_async(gone)


def bare(text: str) -> str:
    """Without white space, which channels may fold."""
    return re.sub(r"\s+", "", text)


def _is_sentence(error: AdapterError) -> None:
    assert str(error).strip().endswith("."), f"an error is a sentence for a person: {error}"


def _carries(kind: MediaKind) -> Callable[[Capabilities], object]:
    return lambda has: kind in has.media


SENDING: tuple[Scenario, ...] = (
    Scenario(name="text", run=carries("It is on its way.")),
    Scenario(name="emoji", run=carries(EMOJI)),
    Scenario(name="10,000 characters", run=long_text),
    Scenario(name="right to left", run=carries(ARABIC)),
    Scenario(name="CJK", run=carries(CHINESE)),
    Scenario(name="what looks like markup", run=carries(MARKUP)),
    Scenario(name="code", run=code),
    Scenario(name="links", run=links),
    Scenario(name="an image", run=file(PNG, "lamp.png"), needs=_carries(MediaKind.IMAGE)),
    Scenario(name="an image with words", run=file(PNG, "lamp.png", "This one?"), needs=_carries(MediaKind.IMAGE)),
    Scenario(name="a PDF", run=file(PDF, "Rechnung März.pdf"), needs=_carries(MediaKind.FILE)),
    Scenario(name="a quote", run=quote, needs=lambda has: has.quotes),
    Scenario(name="an edit", run=edit, needs=lambda has: has.edits_out, verb=Edits),
    Scenario(name="a delete", run=delete, needs=lambda has: has.deletes_out, verb=Deletes),
    Scenario(name="a reaction", run=react, needs=lambda has: has.reactions_out, verb=Reacts),
    Scenario(name="typing", run=typing, needs=lambda has: has.typing_out, verb=ShowsTyping),
    Scenario(name="buttons", run=buttons, needs=lambda has: has.max_choices),
    Scenario(name="refused", run=refused, failure=Failure.REFUSED),
    Scenario(name="throttled", run=throttled, failure=Failure.THROTTLED),
    Scenario(name="revoked", run=revoked, failure=Failure.REVOKED),
    Scenario(name="unknown outcome", run=unknown_outcome, failure=Failure.LOST),
    Scenario(name="the same key twice", run=same_key_twice, needs=lambda has: has.idempotent),
)
