"""Formatted text on the wire: the shape that `core.contracts.codec` reads and writes, as models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from core.contracts.richtext import Mark
from core.contracts.text import safe_url


class Model(BaseModel):
    """Base of what is on the wire: nothing is coerced and nothing is passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


def _safe(url: str) -> str:
    if safe_url(url) is None:
        raise ValueError("it must be a whole http, https, mailto or tel address without user name")
    return url


class StyledRun(Model):
    """Text with a style; a newline is a line break."""

    text: str
    marks: tuple[Mark, ...] = ()


class LinkRun(Model):
    """A link: `text` is shown and leads to `url`."""

    type: Literal["link"]
    text: str
    url: Annotated[str, Field(max_length=2_000, json_schema_extra={"format": "uri"}), AfterValidator(_safe)]
    marks: tuple[Mark, ...] = ()


def _kind_of_run(value: Any) -> str:
    if isinstance(value, dict):
        return "link" if "type" in value else "styled"
    return "link" if isinstance(value, LinkRun) else "styled" if isinstance(value, StyledRun) else "plain"


Run = Annotated[
    Annotated[str, Tag("plain")] | Annotated[StyledRun, Tag("styled")] | Annotated[LinkRun, Tag("link")],
    Discriminator(_kind_of_run),
]


class CodeBlock(Model):
    """Code, as it is."""

    type: Literal["code"]
    text: str
    language: str = ""


class QuoteBlock(Model):
    """Words of somebody else."""

    type: Literal["quote"]
    children: tuple[Run, ...]


class HeadingBlock(Model):
    """A heading."""

    type: Literal["heading"]
    level: Annotated[int, Field(ge=1, le=6)] = 1
    children: tuple[Run, ...]


class Item(Model):
    """One line of a list; `depth` 0 is outermost."""

    children: tuple[Run, ...]
    depth: Annotated[int, Field(ge=0, le=100)] = 0
    ordered: bool = False
    number: Annotated[int, Field(ge=0, le=10**9)] = 1


class ListBlock(Model):
    """A list."""

    type: Literal["list"]
    children: tuple[Item, ...]


def _kind_of_block(value: Any) -> str | None:
    if isinstance(value, dict):
        return value["type"] if isinstance(value.get("type"), str) else None
    return getattr(value, "type", "paragraph")


#: A paragraph is the list of its runs.
Block = Annotated[
    Annotated[tuple[Run, ...], Tag("paragraph")]
    | Annotated[CodeBlock, Tag("code")]
    | Annotated[QuoteBlock, Tag("quote")]
    | Annotated[HeadingBlock, Tag("heading")]
    | Annotated[ListBlock, Tag("list")],
    Discriminator(_kind_of_block),
]


def without_mentions(value: Any) -> Any:
    """A tree without the ids of agents and rooms, which are nobody's business outside: of a mention its words stay."""
    if isinstance(value, list):
        return [without_mentions(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "mention":
        return value["text"]
    return {name: without_mentions(one) for name, one in value.items()}
