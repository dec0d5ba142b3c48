"""Reads the HTML of a Teams message into the rich-text tree, and notes what else it names; pure and linear."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.contracts.htmltokens import Tag, tokens
from core.contracts.plaintext import MAX_DEPTH, block_text
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
    document,
)
from core.contracts.text import normalise, safe_url
from plugins.teams.runs import merged, paragraphs, trimmed

STYLES = {
    "b": Mark.BOLD,
    "strong": Mark.BOLD,
    "i": Mark.ITALIC,
    "em": Mark.ITALIC,
    "u": Mark.UNDERLINE,
    "ins": Mark.UNDERLINE,
    "s": Mark.STRIKE,
    "strike": Mark.STRIKE,
    "del": Mark.STRIKE,
    "code": Mark.CODE,
    "tt": Mark.CODE,
    "kbd": Mark.CODE,
}
HEADINGS = {f"h{level}": level for level in range(1, 7)}
LINES = frozenset({"p", "div", "tr", "figure", "section", "article", "address"})
CODE = frozenset({"pre", "codeblock"})
EMOJI = frozenset({"emoji", "customemoji"})
SKIPPED = frozenset({"script", "style", "title", "head"})
#: How Teams marks what is more than it looks: the end of an `itemtype`.
REPLY, MENTION, EMOJI_TYPE, GIPHY = "/Reply", "/Mention", "/Emoji", "/Giphy"
_BLANK = re.compile(r"[ \t\r\n\f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Who or what a message mentions."""

    id: str
    name: str
    kind: str
    #: It is we who are mentioned: nothing of it is shown.
    ours: bool = False


class Mentioned:
    """Who and what a message mentions, in the order of its entities."""

    def __init__(self, named: Sequence[Named]) -> None:
        self._named = named
        self._by_name = {one.name: one for one in reversed(named)}

    def find(self, name: str, position: str = "") -> Named | None:
        """Whom a mention means: its place in the list if the name agrees, else the name alone."""
        if re.fullmatch("[0-9]{1,5}", position) and int(position) < len(self._named):
            placed = self._named[int(position)]
            if placed.name == name or name not in self._by_name:
                return placed
        return self._by_name.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that stands in the text."""

    address: str
    alt: str


@dataclass(slots=True, kw_only=True)
class _Item:
    inlines: list[Inline]
    depth: int
    ordered: bool
    number: int


class Reader:
    """Reads one message: `document()` is what it says, the rest is what it names."""

    def __init__(self, source: str, mentioned: Mentioned) -> None:
        self.pictures: list[Picture] = []
        #: Ids of attachments, which the HTML only points at.
        self.attachments: list[str] = []
        #: The id of the message that it answers, or "".
        self.quote = ""
        self._mentioned = mentioned
        self._blocks: list[Block] = []
        self._quoted: list[Block] = []
        self._quotes = 0
        self._items: list[_Item] = []
        #: The next number of each open list, None where it is not ordered.
        self._lists: list[int | None] = []
        self._item: _Item | None = None
        self._runs: list[Inline] = []
        self._marks: Counter[Mark] = Counter()
        self._heading = 0
        self._code = 0
        self._link: tuple[str, int] | None = None
        self._mention: tuple[Tag, list[str]] | None = None
        self._skipped: tuple[str, int] | None = None
        #: Right after our own name, whose blank goes with it.
        self._after_ours = False
        #: In a cell of a table, where a new line is a blank; one is due before the next words.
        self._in_cell = self._gap = False
        for token in tokens(source):
            self._read(token)
        self._end_mention()
        self._flush()
        self._end_list()
        self._quotes = 0
        self._end_quote()

    def document(self) -> Document:
        return document(self._blocks)

    def _read(self, token: str | Tag) -> None:
        if self._skipped is not None:
            self._skip(token)
        elif isinstance(token, str):
            self._text(token)
        elif token.closing:
            self._close(token.name)
        else:
            self._open(token)

    def _skip(self, token: str | Tag) -> None:
        assert self._skipped is not None
        name, depth = self._skipped
        if isinstance(token, Tag) and token.name == name:
            depth += -1 if token.closing else 1
            self._skipped = (name, depth) if depth else None

    def _open(self, tag: Tag) -> None:
        name, kind = tag.name, tag.get("itemtype")
        if name in SKIPPED:
            self._skipped = (name, 1)
        elif name == "blockquote" and kind.endswith(REPLY):
            self.quote = self.quote or tag.get("itemid")
            self._skipped = (name, 1)
        elif name == "at" or kind.endswith(MENTION):
            self._end_mention()
            self._mention = (tag, [])
        elif name in STYLES and not self._code:
            self._marks[STYLES[name]] += 1
        elif name == "br":
            self._break()
        elif name in LINES:
            self._line(name)
        elif name in {"td", "th"}:
            self._in_cell, self._gap = True, False
            if not self._at_start():
                self._write(" | ")
        elif name == "a":
            self._end_link()
            self._link = (tag.get("href"), len(self._runs))
        elif name == "img":
            self._picture(tag)
        elif name in EMOJI:
            self._write(tag.get("alt") or tag.get("title"))
        elif name == "attachment":
            self.attachments.append(tag.get("id"))
        else:
            self._open_block(tag)

    def _open_block(self, tag: Tag) -> None:
        name = tag.name
        if name in HEADINGS:
            self._flush()
            self._heading = HEADINGS[name]
        elif name in CODE:
            if not self._code:
                self._flush()
            self._code += 1
        elif name == "blockquote":
            self._flush()
            self._end_list()
            self._quotes += 1
        elif name in {"ul", "ol"}:
            self._flush()
            start = tag.get("start")
            first = int(start) if re.fullmatch("[0-9]{1,9}", start) else 1
            self._lists.append(None if name == "ul" else first)
            self._item = None
        elif name == "li":
            self._flush()
            self._start_item()
        elif name == "table":
            self._flush()
            self._in_cell = False
        elif name == "hr":
            self._flush()
            self._add(Paragraph(inlines=(Text(text="---"),)))

    def _close(self, name: str) -> None:
        if name in STYLES and not self._code:
            mark = STYLES[name]
            self._marks[mark] = max(self._marks[mark] - 1, 0)
        elif name == "at" or (name == "span" and self._mention and self._mention[0].name == "span"):
            self._end_mention()
        elif name in LINES:
            self._line(name)
        elif name == "a":
            self._end_link()
        elif name == "table":
            self._flush()
            self._in_cell = False
        elif name in HEADINGS:
            self._flush()
            self._heading = 0
        elif name in CODE and self._code:
            if self._code == 1:
                self._flush()
            self._code -= 1
        elif name == "blockquote" and self._quotes:
            self._flush()
            self._end_list()
            self._quotes -= 1
            self._end_quote()
        elif name == "li":
            self._flush()
            self._item = None
        elif name in {"ul", "ol"} and self._lists:
            self._flush()
            self._lists.pop()
            self._item = None
            if not self._lists:
                self._end_list()

    def _text(self, words: str) -> None:
        if self._mention is not None:
            self._mention[1].append(words)
            return
        if not self._code:
            words = _BLANK.sub(" ", words)
            if words.startswith(" ") and (self._at_start() or self._ends_with(" ")):
                words = words[1:]
        if self._after_ours and words:
            words = words.lstrip(" \u00a0")
            self._after_ours = not words
        if self._gap and words.strip():
            words, self._gap = f" {words.lstrip()}", False
        self._write(words.replace("\u00a0", " "))

    def _write(self, words: str) -> None:
        words = normalise(words)
        if not words:
            return
        marks = frozenset(mark for mark, count in self._marks.items() if count)
        if not words.strip():
            # Blanks have no looks, and empty lines are found where they are of one piece.
            marks = frozenset()
        self._runs.append(Text(text=words, marks=marks))

    def _ends_with(self, end: str) -> bool:
        last = self._runs[-1] if self._runs else None
        return isinstance(last, Text) and last.text.endswith(end)

    def _at_start(self) -> bool:
        return not self._runs or self._ends_with("\n")

    def _line(self, name: str) -> None:
        """What follows stands on a line of its own."""
        if name == "tr":
            self._in_cell = False
        if self._in_cell:
            # Right after the bar between two cells there is a blank already.
            self._gap = not self._at_start() and not self._ends_with(" ")
        elif not self._at_start():
            self._end_link()
            self._write("\n")

    def _break(self) -> None:
        if self._in_cell:
            self._gap = True
        else:
            self._write("\n")

    def _end_link(self) -> None:
        if self._link is None:
            return
        (url, start), self._link = self._link, None
        inside = self._runs[start:]
        if self._code or safe_url(url) is None:
            return
        label = _BLANK.sub(" ", "".join(run.text for run in inside if isinstance(run, Text))).strip()
        if not label:
            return
        marks = frozenset.intersection(*(run.marks for run in inside if isinstance(run, Text) and run.text.strip()))
        others = [run for run in inside if not isinstance(run, Text)]
        self._runs[start:] = [Link(url=url.strip(), label=label, marks=marks), *others]

    def _end_mention(self) -> None:
        if self._mention is None:
            return
        (tag, parts), self._mention = self._mention, None
        name = _BLANK.sub(" ", normalise("".join(parts)).replace("\u00a0", " ")).strip()
        found = self._mentioned.find(name, tag.get("itemid") or tag.get("id"))
        if found is None:
            self._write(name)
        elif found.ours:
            self._after_ours = self._at_start() or self._ends_with(" ")
        else:
            self._after_ours = False
            self._runs.append(Mention(kind=found.kind, id=found.id, label=f"@{name or found.name}"))

    def _picture(self, tag: Tag) -> None:
        alt, kind, address = normalise(tag.get("alt")), tag.get("itemtype"), tag.get("src")
        if kind.endswith(EMOJI_TYPE) or "emoticon" in tag.get("class") or "emoji" in tag.get("class"):
            self._write(alt)
        elif kind.endswith(GIPHY) and safe_url(address):
            self._runs.append(Link(url=address.strip(), label=alt or "GIF"))
        elif address:
            self.pictures.append(Picture(address=address, alt=alt))

    def _start_item(self) -> None:
        number = self._lists[-1] if self._lists else None
        depth = min(max(len(self._lists) - 1, 0), MAX_DEPTH)
        self._item = _Item(inlines=[], depth=depth, ordered=number is not None, number=number or 1)
        if number is not None:
            self._item.number = number
            self._lists[-1] = number + 1
        self._items.append(self._item)

    def _flush(self) -> None:
        """Ends the words that stand open, as what they are."""
        self._end_link()
        runs, self._runs = self._runs, []
        if self._code:
            text = "".join(run.text if isinstance(run, Text) else run.label for run in runs).strip("\n")
            if text.strip():
                self._add(CodeBlock(text=text))
        elif self._item is not None:
            inlines = trimmed(merged(runs))
            if inlines and self._item.inlines:
                self._item.inlines.append(Text(text="\n"))
            self._item.inlines.extend(inlines)
        else:
            for inlines in paragraphs(merged(runs)):
                self._add(
                    Heading(level=self._heading, inlines=inlines) if self._heading else Paragraph(inlines=inlines)
                )

    def _add(self, block: Block) -> None:
        self._end_list()
        (self._quoted if self._quotes else self._blocks).append(block)

    def _end_list(self) -> None:
        items, self._items = self._items, []
        if items:
            drawn = tuple(
                ListItem(
                    inlines=tuple(merged(item.inlines)), depth=item.depth, ordered=item.ordered, number=item.number
                )
                for item in items
            )
            (self._quoted if self._quotes else self._blocks).append(ListBlock(items=drawn))

    def _end_quote(self) -> None:
        if self._quotes or not self._quoted:
            return
        inlines: list[Inline] = []
        for block in self._quoted:
            if inlines:
                inlines.append(Text(text="\n"))
            match block:
                case CodeBlock():
                    inlines.append(Text(text=block.text, marks=frozenset({Mark.CODE})))
                case ListBlock():
                    inlines.append(Text(text=block_text(block)))
                case _:
                    inlines.extend(block.inlines)
        self._quoted = []
        self._blocks.append(Quote(inlines=tuple(merged(inlines))))
