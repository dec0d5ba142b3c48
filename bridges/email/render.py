"""Draws our tree as the HTML of a mail: inline styles only, since mail programs drop everything else."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from core.contracts.plaintext import inline_text
from core.contracts.richtext import Block, CodeBlock, Document, Heading, Inline, Link, ListBlock, ListItem, Mark, Quote
from core.contracts.text import from_plain, safe_url

_PAGE = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;font-size:15px;line-height:1.5"
_QUOTE = "margin:0 0 1em;padding:0 0 0 12px;border-left:3px solid #d0d0d7;color:#555"
_CODE = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px;background:#f4f4f6;border-radius:4px"
_TAGS = {Mark.BOLD: "strong", Mark.ITALIC: "em", Mark.STRIKE: "s", Mark.UNDERLINE: "u", Mark.CODE: "code"}


def html(body: Document, quoted: str = "") -> str:
    """A whole page; `quoted` is what it answers."""
    blocks = "\n".join(_block(block) for block in body.blocks)
    if quoted:
        # Mail programs fold what is cited like this.
        blocks += f'\n<blockquote type="cite" style="{_QUOTE}">{_plain(quoted)}</blockquote>'
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>'
        f'<body><div dir="auto" style="{_PAGE}">\n{blocks}\n</div></body></html>\n'
    )


def text(plain: str, quoted: str = "") -> str:
    """The same for programs without HTML."""
    if not quoted:
        return plain + "\n"
    return plain + "\n\n" + "".join(f"> {row}\n" for row in quoted.split("\n"))


def _block(block: Block) -> str:
    match block:
        case CodeBlock():
            return f'<pre style="{_CODE};padding:8px;white-space:pre-wrap">{escape(block.text)}</pre>'
        case ListBlock():
            return _list(block.items)
        case Heading():
            return (
                f'<p dir="auto" style="margin:0 0 .5em;font-weight:bold;font-size:17px">{_inlines(block.inlines)}</p>'
            )
        case Quote():
            return f'<blockquote dir="auto" style="{_QUOTE}">{_inlines(block.inlines)}</blockquote>'
        case _:
            return f'<p dir="auto" style="margin:0 0 1em">{_inlines(block.inlines)}</p>'


def _list(items: Iterable[ListItem]) -> str:
    result: list[str] = []
    opened: list[str] = []
    for item in items:
        tag = "ol" if item.ordered else "ul"
        depth = min(item.depth, len(opened)) + 1
        while len(opened) > depth or (len(opened) == depth and opened[-1] != tag):
            result.append(f"</li></{opened.pop()}>")
        if len(opened) < depth:
            start = f' start="{item.number}"' if item.ordered and item.number != 1 else ""
            result.append(f'<{tag}{start} dir="auto" style="margin:0 0 1em;padding-left:24px">')
            opened.append(tag)
        else:
            result.append("</li>")
        result.append(f"<li>{_inlines(item.inlines)}")
    result.extend(f"</li></{tag}>" for tag in reversed(opened))
    return "".join(result)


def _inlines(inlines: Iterable[Inline]) -> str:
    return "".join(_inline(inline) for inline in inlines)


def _inline(inline: Inline) -> str:
    shown = _broken(inline.label if isinstance(inline, Link) else inline_text(inline))
    if isinstance(inline, Link) and safe_url(inline.url):
        shown = f'<a href="{escape(inline.url)}">{shown or escape(inline.url)}</a>'
    for mark in sorted(getattr(inline, "marks", ())):
        tag = _TAGS.get(mark)
        style = f' style="{_CODE};padding:1px 4px"' if tag == "code" else ""
        shown = f"<{tag}{style}>{shown}</{tag}>" if tag else shown
    return shown


def _plain(quoted: str) -> str:
    return "<br>\n".join(_inlines(getattr(block, "inlines", ())) for block in from_plain(quoted).blocks)


def _broken(value: str) -> str:
    return escape(value).replace("\n", "<br>\n")
