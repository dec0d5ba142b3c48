"""Documents and contents as JSON for the database and the wire, and back.

A paragraph is the list of its runs and a run without style is a string, so most messages are `[["Hello"]]`. Everything
else is an object: `type` names it, `text` is what is seen of it, `children` are its runs. What is left out has its
default. A reader that meets a type it does not know shows `text` and `children`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from core.contracts.content import (
    Attachment,
    CardButton,
    Choice,
    Content,
    MediaKind,
    OfferedCard,
    Question,
    StoredFile,
)
from core.contracts.richtext import (
    Block,
    CodeBlock,
    Document,
    Heading,
    Inline,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
)
from core.contracts.strings import file_name, safe_url

#: How deep unknown nodes are searched for their text.
_MAX_NESTING = 20
_MARKS = {mark.value: mark for mark in Mark}


def _marks(marks: frozenset[Mark]) -> dict[str, Any]:
    return {"marks": sorted(mark.value for mark in marks)} if marks else {}


def _inline_to_json(inline: Inline) -> Any:
    match inline:
        case Link():
            return {"type": "link", "text": inline.label, "url": inline.url, **_marks(inline.marks)}
        case Mention():
            return {"type": "mention", "text": inline.label, "kind": inline.kind, "id": inline.id}
        case Text():
            return {"text": inline.text, **_marks(inline.marks)} if inline.marks else inline.text


def _item_to_json(item: ListItem) -> dict[str, Any]:
    value: dict[str, Any] = {"children": [_inline_to_json(inline) for inline in item.inlines]}
    if item.depth:
        value["depth"] = item.depth
    if item.ordered:
        value["ordered"] = True
    if item.number != 1:
        value["number"] = item.number
    return value


def _block_to_json(block: Block) -> Any:
    match block:
        case CodeBlock():
            value = {"type": "code", "text": block.text}
            return {**value, "language": block.language} if block.language else value
        case ListBlock():
            return {"type": "list", "children": [_item_to_json(item) for item in block.items]}
        case Paragraph():
            return [_inline_to_json(inline) for inline in block.inlines]
        case Quote():
            return {"type": "quote", "children": [_inline_to_json(inline) for inline in block.inlines]}
        case Heading():
            children = [_inline_to_json(inline) for inline in block.inlines]
            return {"type": "heading", "level": block.level, "children": children}


def to_json(document: Document) -> list[Any]:
    """`document` as a JSON value that `from_json` reads back."""
    return [_block_to_json(block) for block in document.blocks]


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: Any, default: int, least: int, most: int) -> int:
    return min(max(value, least), most) if isinstance(value, int) and not isinstance(value, bool) else default


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read_marks(value: Any) -> frozenset[Mark]:
    return frozenset(_MARKS[one] for one in _list(value) if isinstance(one, str) and one in _MARKS)


def _read_inlines(value: Any, nesting: int = 0) -> Iterable[Inline]:
    """The runs of `value`, whatever it is; the text of what is not known survives."""
    if isinstance(value, str):
        yield Text(text=value)
    elif isinstance(value, list) and nesting < _MAX_NESTING:
        for one in value:
            yield from _read_inlines(one, nesting + 1)
    elif isinstance(value, dict) and nesting < _MAX_NESTING:
        text, marks = _string(value.get("text")), _read_marks(value.get("marks"))
        kind = value.get("type")
        if kind == "link" and (url := safe_url(_string(value.get("url")))):
            yield Link(url=url, label=text, marks=marks)
        elif kind == "mention":
            yield Mention(kind=_string(value.get("kind")), id=_string(value.get("id")), label=text)
        elif ("text" in value or "children" not in value) and (text or kind is None):
            yield Text(text=text, marks=marks)
        yield from _read_inlines(_list(value.get("children")), nesting + 1)


def _read_item(value: Any) -> ListItem:
    if not isinstance(value, dict):
        return ListItem(inlines=tuple(_read_inlines(value)))
    return ListItem(
        inlines=tuple(
            _read_inlines({"children": value.get("children"), **({"text": value["text"]} if "text" in value else {})})
        ),
        depth=_integer(value.get("depth"), 0, 0, 100),
        ordered=value.get("ordered") is True,
        number=_integer(value.get("number"), 1, 0, 10**9),
    )


def _read_block(value: Any) -> Block:
    if not isinstance(value, dict):
        return Paragraph(inlines=tuple(_read_inlines(value)))
    match value.get("type"):
        case "code":
            return CodeBlock(text=_string(value.get("text")), language=_string(value.get("language")))
        case "list":
            return ListBlock(items=tuple(_read_item(item) for item in _list(value.get("children"))))
        case "quote":
            return Quote(inlines=tuple(_read_inlines(_list(value.get("children")))))
        case "heading":
            level = _integer(value.get("level"), 1, 1, 6)
            return Heading(level=level, inlines=tuple(_read_inlines(_list(value.get("children")))))
        case _:
            return Paragraph(inlines=tuple(_read_inlines(value)))


def from_json(value: Any) -> Document:
    """The document that `to_json` wrote; anything else becomes what text it holds, never an error."""
    return Document(blocks=tuple(_read_block(block) for block in _list(value)))


def _attachment_to_json(attachment: Attachment) -> dict[str, Any]:
    value: dict[str, Any] = {"kind": attachment.kind.value, "name": attachment.name, "mime": attachment.mime}
    for name in ("size", "source", "problem"):
        if getattr(attachment, name) is not None:
            value[name] = getattr(attachment, name)
    if attachment.file:
        value["sha256"] = attachment.file.sha256
    if attachment.alt:
        value["alt"] = attachment.alt
    return value


def content_to_json(content: Content) -> dict[str, Any]:
    """`content` as a JSON value; of stored files only the SHA-256."""
    value: dict[str, Any] = {"body": to_json(content.body)}
    if content.attachments:
        value["attachments"] = [_attachment_to_json(attachment) for attachment in content.attachments]
    return {**value, **offer_to_json(content)}


def offer_to_json(content: Content) -> dict[str, Any]:
    """What `content` offers; {} for nothing."""
    value: dict[str, Any] = {}
    if content.choices:
        value["choices"] = [_choice_to_json(choice) for choice in content.choices]
    if content.cards:
        value["cards"] = [_card_to_json(card) for card in content.cards]
    if content.form:
        value["form"] = [{"label": one.label, **({"hint": one.hint} if one.hint else {})} for one in content.form]
    return value


def _choice_to_json(choice: Choice) -> dict[str, str]:
    value = {"value": choice.value, "label": choice.label}
    return {**value, "description": choice.description} if choice.description else value


def _card_to_json(card: OfferedCard) -> dict[str, Any]:
    value: dict[str, Any] = {"title": card.title}
    if card.text:
        value["text"] = card.text
    if card.picture_url:
        value["picture_url"] = card.picture_url
    if card.links:
        value["links"] = [{"label": link.label, "url": link.url} for link in card.links]
    if card.choices:
        value["choices"] = [_choice_to_json(choice) for choice in card.choices]
    return value


def _read_attachment(value: dict[str, Any], files: Callable[[str], StoredFile | None]) -> Attachment:
    kind, size = value.get("kind"), value.get("size")
    sha256, source, problem = _string(value.get("sha256")), value.get("source"), value.get("problem")
    file = files(sha256) if sha256 else None
    if file is None and not isinstance(source, str) and not isinstance(problem, str):
        problem = "The file is no longer stored."
    return Attachment(
        kind=MediaKind(kind) if isinstance(kind, str) and kind in {one.value for one in MediaKind} else MediaKind.FILE,
        name=_string(value.get("name")) or file_name(""),
        mime=_string(value.get("mime")) or "application/octet-stream",
        size=size if isinstance(size, int) else None,
        source=source if file is None and isinstance(source, str) else None,
        file=file,
        problem=problem if file is None and not isinstance(source, str) and isinstance(problem, str) else None,
        alt=_string(value.get("alt")),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _read_choices(value: Any) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            value=_string(one.get("value")),
            label=_string(one.get("label")),
            description=_string(one.get("description")),
        )
        for one in _objects(value)
    )


def _read_card(value: dict[str, Any]) -> OfferedCard:
    links = (
        CardButton(label=_string(one.get("label")), url=_string(one.get("url"))) for one in _objects(value.get("links"))
    )
    return OfferedCard(
        title=_string(value.get("title")),
        text=_string(value.get("text")),
        picture_url=safe_url(_string(value.get("picture_url"))) or "",
        links=tuple(link for link in links if safe_url(link.url)),
        choices=_read_choices(value.get("choices")),
    )


def offer_from_json(value: Any) -> Content:
    """What `offer_to_json` wrote, without words and files."""
    value = value if isinstance(value, dict) else {}
    return Content(
        choices=_read_choices(value.get("choices")),
        cards=tuple(_read_card(one) for one in _objects(value.get("cards"))),
        form=tuple(
            Question(label=_string(one.get("label")), hint=_string(one.get("hint")))
            for one in _objects(value.get("form"))
        ),
    )


def content_from_json(value: Any, files: Callable[[str], StoredFile | None]) -> Content:
    """The content that `content_to_json` wrote; `files` finds a stored file by its SHA-256, None if it is gone."""
    value = value if isinstance(value, dict) else {}
    return replace(
        offer_from_json(value),
        body=from_json(value.get("body")),
        attachments=tuple(_read_attachment(one, files) for one in _objects(value.get("attachments"))),
    )
