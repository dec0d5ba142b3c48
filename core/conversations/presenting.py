"""Draws what a message offers for one channel: as buttons, a list or cards where it has them, else as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.contracts.content import Capabilities, CardLimits, Choice, Content, OfferedCard, Question
from core.contracts.richtext import Block, Document, Link, ListBlock, ListItem, Mark, Paragraph, Text, document
from core.contracts.text import cut, from_plain, is_empty, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A message as one channel shows it, before it is cut into pieces."""

    body: Document
    choices: tuple[Choice, ...] = ()
    cards: tuple[OfferedCard, ...] = ()
    #: Choices stand as numbered text instead of buttons.
    numbered: bool = False
    #: Labels that are too long stand whole in the text.
    shortened: bool = False
    #: Cards became text.
    flattened: bool = False


def choices_of(offer: Content) -> tuple[Choice, ...]:
    """Every choice in the order of its number: the message's own, then those of its cards."""
    several = len(offer.cards) > 1
    return (
        *offer.choices,
        *(
            replace(choice, label=f"{card.title}: {choice.label}") if several else choice
            for card in offer.cards
            for choice in card.choices
        ),
    )


def written(body: Document, offer: Content) -> Document:
    """The message with its cards and questions as text, as agents read it; its choices are drawn beside it."""
    return document([*body.blocks, *_cards(offer.cards), *_form(offer.form)])


def presented(body: Document, offer: Content, capabilities: Capabilities) -> Presented:
    """What `body` and `offer` become on a channel with these limits."""
    native = _fit(offer.cards, capabilities.cards)
    blocks = [*body.blocks, *(() if native else _cards(offer.cards)), *_form(offer.form)]
    choices = offer.choices if native else choices_of(offer)
    result = Presented(
        body=document(blocks), cards=offer.cards if native else (), flattened=bool(offer.cards) and not native
    )
    if not choices:
        return result
    limit = capabilities.choice_label
    if len(choices) > capabilities.max_choices:
        if len(choices) > capabilities.max_list:
            return replace(result, body=document([*blocks, numbered(choices)]), numbered=True)
        limit = capabilities.list_label
    drawn = tuple(replace(choice, label=cut(choice.label, limit) if limit else choice.label) for choice in choices)
    shortened = [choice.label for choice in drawn] != [choice.label for choice in choices]
    if len({choice.label.casefold() for choice in drawn}) < len(drawn):
        # Vendors refuse two buttons that read the same, and so would she.
        shortened = True
        drawn = tuple(_told_apart(number, choice, limit) for number, choice in enumerate(choices, 1))
    if shortened or capabilities.choices_in_text or is_empty(result.body):
        result = replace(result, body=document([*blocks, numbered(choices)]))
    return replace(result, choices=drawn, shortened=shortened)


def _told_apart(number: int, choice: Choice, limit: int | None) -> Choice:
    label = f"{number}. {choice.label}"
    return replace(choice, label=cut(label, limit) if limit else label)


def numbered(choices: Sequence[Choice]) -> ListBlock:
    """Choices as lines with numbers, by which she may answer."""
    return ListBlock(
        items=tuple(
            ListItem(
                inlines=(Text(text=choice.label + (f": {choice.description}" if choice.description else "")),),
                ordered=True,
                number=number,
            )
            for number, choice in enumerate(choices, 1)
        )
    )


def _fit(cards: Sequence[OfferedCard], limits: CardLimits | None) -> bool:
    if limits is None or not limits.fewest <= len(cards) <= limits.most:
        return False
    return all(
        len(card.title) <= limits.title
        and len(card.text) <= limits.text
        and len(card.links) + len(card.choices) <= limits.buttons
        and all(len(label) <= limits.label for label in _labels(card))
        and (bool(card.picture_url) or not limits.pictures)
        for card in cards
    )


def _labels(card: OfferedCard) -> list[str]:
    return [*(link.label for link in card.links), *(choice.label for choice in card.choices)]


def _cards(cards: Iterable[OfferedCard]) -> list[Block]:
    """A card's title in bold, its text, and its links by name and address; its choices are numbered elsewhere."""
    blocks: list[Block] = []
    for card in cards:
        title = line(card.title, limit=500)
        if title:
            blocks.append(Paragraph(inlines=(Text(text=title, marks=frozenset({Mark.BOLD})),)))
        blocks.extend(from_plain(card.text).blocks)
        blocks.extend(Paragraph(inlines=(Link(url=link.url, label=link.label),)) for link in card.links)
    return blocks


def _form(questions: Sequence[Question]) -> list[Block]:
    """Questions as lines with numbers, to be answered in whatever words."""
    if not questions:
        return []
    return [
        ListBlock(
            items=tuple(
                ListItem(
                    inlines=(Text(text=one.label + (f" ({one.hint})" if one.hint else "")),),
                    ordered=True,
                    number=number,
                )
                for number, one in enumerate(questions, 1)
            )
        )
    ]
