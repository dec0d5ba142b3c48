"""One neutral tree for formatted text; every channel and workplace parses into it and draws from it.

Text in the tree is data: no renderer may interpret it. Styled runs are flat (a run carries its marks), because that is
what Slack's rich text and Telegram's entities are, and every other markup can be drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """A style of a run of text."""

    BOLD = "bold"
    ITALIC = "italic"
    STRIKE = "strike"
    UNDERLINE = "underline"
    CODE = "code"
    SPOILER = "spoiler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Literal text; a newline is a line break."""

    text: str
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link; `url` is http, https, mailto or tel, nothing else."""

    url: str
    label: str
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Somebody or something named by its id in the place it was written; elsewhere only `label` is shown."""

    #: "user", "room", "group" or "everyone".
    kind: str
    id: str
    label: str


Inline = Text | Link | Mention


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    inlines: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    #: 1 to 6.
    level: int
    inlines: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    inlines: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItem:
    inlines: tuple[Inline, ...]
    #: 0 is the outermost level.
    depth: int = 0
    ordered: bool = False
    #: What an ordered item is numbered with.
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBlock:
    items: tuple[ListItem, ...]


Block = Paragraph | Heading | Quote | CodeBlock | ListBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was written: blocks from top to bottom."""

    blocks: tuple[Block, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.blocks)


def document(blocks: Iterable[Block]) -> Document:
    """A document of `blocks`."""
    return Document(blocks=tuple(blocks))
