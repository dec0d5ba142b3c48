"""Chooses and shortens the text of a mail: what the writer said now, and everything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bridges.email.htmltext import HtmlText, Origin, kept, read_html
from bridges.email.mime import Part, Tree
from bridges.email.quoting import announces_quote, own_lines, shown_lines
from core.contracts.plaintext import block_text
from core.contracts.richtext import Block, CodeBlock, Document, Quote, document
from core.contracts.text import from_plain, is_blank, normalise, plain

#: Most bytes of one text part that are read.
MAX_TEXT = 1_000_000
MAX_FULL = 200_000
_FORWARD = re.compile(r"(?:fwd?|wg|tr|rv|enc|i|vl|doorst|pd|vs|ilt|转发|轉寄|转寄|fs)\s?[:：]", re.IGNORECASE)
_MARKUP = re.compile(r"\s{0,100}<(?:!doctype|html|head|body|div|table|meta)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\[(?:cid|image): ?[^\]\n]{1,200}\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    shown: Document
    full: str
    #: Content ids of pictures that stand in the text, by whose words.
    pictures: dict[str, Origin] = field(default_factory=dict)


def read_body(tree: Tree, subject: str) -> tuple[Body, list[Part]]:
    """The text of a mail, and the parts that are not text."""
    texts = [part for part in tree.parts if _is_text(part)]
    others = [part for part in tree.parts if not _is_text(part)]
    sources = [part.text(MAX_TEXT) for part in texts if part.mime == "text/html"]
    html = read_html("\n".join(sources)) if sources else HtmlText()
    words = "\n".join(_plain_text(part) for part in texts if part.mime == "text/plain").strip("\r\n")
    forwarded = _FORWARD.match(subject) is not None
    if _is_stub(words, html):
        full = document(piece.block for piece in html.pieces)
        shown = full if forwarded else _shortened(html)
        return Body(shown=_bounded(shown), full=_full(plain(full)), pictures=html.pictures), others
    words = normalise(words, limit=MAX_TEXT)
    if any(origin is Origin.OWN for origin in html.pictures.values()):
        words = _PLACEHOLDER.sub("", words)
    lines = shown_lines(words)
    keep = len(lines) if forwarded else own_lines(lines)
    cut = keep == len(lines) and sum(len(line) + 1 for line in lines) - 1 < len(words)
    text = "\n".join(lines[:keep]).strip("\n") + ("\n\n…" if cut else "")
    blocks = list(from_plain(text).blocks)
    # A list's footer, or a text that stands beside and not instead.
    beside = [part for part in texts if part.mime == "text/html" and "alternative" not in part.around]
    if beside:
        extra = read_html("\n".join(part.text(MAX_TEXT) for part in beside))
        blocks.extend(piece.block for piece in extra.pieces)
        words += "\n\n" + plain(document(piece.block for piece in extra.pieces))
    return Body(shown=_bounded(document(blocks)), full=_full(words), pictures=html.pictures), others


def _is_text(part: Part) -> bool:
    return part.mime in ("text/plain", "text/html") and part.disposition != "attachment" and not part.name


def _plain_text(part: Part) -> str:
    text = part.text(MAX_TEXT).replace("\r\n", "\n")
    return _unflowed(text, part.delsp) if part.flowed else text


def _unflowed(text: str, delsp: bool) -> str:
    """Lines that a program broke become whole again: https://www.rfc-editor.org/rfc/rfc3676"""
    result: list[str] = []
    joins = False
    depth = 0
    for row in text.split("\n"):
        content = row.lstrip(">")
        quotes = len(row) - len(content)
        content = content.removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        content = content[:-1] if flows and delsp else content
        if joins and quotes == depth and content != "-- ":
            result.append(content)
        else:
            result.append(("\n" if result else "") + (">" * quotes + " " if quotes else "") + content)
        joins, depth = flows, quotes
    return "".join(result)


def _is_stub(words: str, html: HtmlText) -> bool:
    if is_blank(words):
        return True
    if not html.pieces:
        return False
    short = len(words) < 400
    return (short and "html" in words.lower()) or _MARKUP.match(words) is not None


def _shortened(html: HtmlText) -> Document:
    """By structure first; then by lines, for programs that mark nothing."""
    everything = [piece.block for piece in html.pieces]
    blocks = kept(html) or everything
    lines: list[str] = []
    owners: list[int] = []
    for number, block in enumerate(blocks):
        rows = ["# code"] if isinstance(block, CodeBlock) else block_text(block).split("\n")
        if isinstance(block, Quote) and not announces_quote(lines[-2] if number else ""):
            # The writer quotes somebody herself; that is no history.
            rows = [row.removeprefix("> ") for row in rows]
        rows.append("")
        lines.extend(rows)
        owners.extend([number] * len(rows))
        if len(lines) > 4000:
            break
    keep = own_lines(lines)
    if keep >= min(len(lines), 2000):
        return document(blocks)
    last = owners[keep - 1]
    first_of_last = owners.index(last)
    if keep - first_of_last >= owners.count(last) - 1:
        return document(blocks[: last + 1])
    rest = "\n".join(lines[first_of_last:keep])
    return document([*blocks[:last], *from_plain(rest).blocks])


def _bounded(shown: Document) -> Document:
    """At most what `shown_lines` gives; the rest stands in the full text."""
    size = lines = 0
    kept_blocks: list[Block] = []
    for block in shown.blocks:
        text = block_text(block)
        if size + len(text) > 64 * 1024 + 4 or lines + text.count("\n") > 2002:
            head = "\n".join(shown_lines(text[: max(64 * 1024 - size, 0)])[: max(2000 - lines, 0)])
            return document([*kept_blocks, *from_plain(head).blocks, *from_plain("…").blocks])
        size, lines = size + len(text), lines + text.count("\n") + 1
        kept_blocks.append(block)
    return document(kept_blocks)


def _full(text: str) -> str:
    return normalise(text, limit=MAX_FULL)
