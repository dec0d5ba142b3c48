"""Cutting a document into parts that fit a channel's limit, at the borders a reader minds least."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, groupby

from core.contracts.content import TextUnit
from core.contracts.graphemes import floor, is_border
from core.contracts.plaintext import inline_text, is_empty, plain
from core.contracts.richtext import (
    Block,
    CodeBlock,
    Document,
    Inline,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Text,
)
from core.contracts.strings import measure

Render = Callable[[Document], str]
_SENTENCE = re.compile(r"(?<=[.!?…؟۔।])[\"'»”’)\]]*+\s+|(?<=[。！？｡])[」』”’）】]*+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One stretch of visible text, and where it stands."""

    block: int
    #: The item within a list, else -1.
    item: int
    #: None in a code block.
    inline: Inline | None
    text: str
    #: Never cut inside.
    whole: bool

    @property
    def place(self) -> tuple[int, int]:
        return self.block, self.item


def _runs_of(block: int, item: int, inlines: Iterable[Inline]) -> Iterator[_Run]:
    for inline in inlines:
        text = inline_text(inline)
        whole = isinstance(inline, Link | Mention) or Mark.CODE in inline.marks
        if text:
            yield _Run(block=block, item=item, inline=inline, text=text, whole=whole)


def _runs(document: Document) -> Iterator[_Run]:
    for index, block in enumerate(document.blocks):
        match block:
            case CodeBlock():
                if block.text:
                    yield _Run(block=index, item=-1, inline=None, text=block.text, whole=False)
            case ListBlock():
                for number, item in enumerate(block.items):
                    yield from _runs_of(index, number, item.inlines)
            case _:
                yield from _runs_of(index, -1, block.inlines)


def _last(borders: list[int], end: int) -> int:
    """The last of `borders` at or before `end`, else -1."""
    index = bisect_right(borders, end)
    return borders[index - 1] if index else -1


class _Splitter:
    """A document seen as one string of visible text, with the places where it may be cut."""

    def __init__(self, document: Document, *, limit: int, unit: TextUnit, render: Render, fewest: bool) -> None:
        self._fewest = fewest
        self._blocks = document.blocks
        self._limit = limit
        self._unit = unit
        self._render = render
        self._runs = [self._loosened(run) for run in _runs(document)]
        self._starts = [0, *accumulate(len(run.text) for run in self._runs)]
        self._text = "".join(run.text for run in self._runs)
        self._total = len(self._text)
        #: Where blocks, and where blocks and list items begin.
        self._block_starts: list[int] = []
        self._line_starts: list[int] = []
        for index, run in enumerate(self._runs):
            if index == 0 or run.block != self._runs[index - 1].block:
                self._block_starts.append(self._starts[index])
            if index == 0 or run.place != self._runs[index - 1].place:
                self._line_starts.append(self._starts[index])

    def _size(self, document: Document) -> int:
        return measure(self._render(document), self._unit)

    def _loosened(self, run: _Run) -> _Run:
        """`run`, turned into text that may be cut if even alone it is too long."""
        if not run.whole or run.inline is None:
            return run
        block = self._blocks[run.block]
        if isinstance(block, ListBlock):
            block = ListBlock(items=(replace(block.items[run.item], inlines=(run.inline,)),))
        elif not isinstance(block, CodeBlock):
            block = replace(block, inlines=(run.inline,))
        if self._size(Document(blocks=(block,))) <= self._limit:
            return run
        marks = frozenset[Mark]() if isinstance(run.inline, Mention) else run.inline.marks
        return replace(run, inline=Text(text=run.text, marks=marks), whole=False)

    def _slice(self, start: int, end: int) -> Document:
        """The visible text from `start` to `end`, in the blocks that it came from."""
        first = bisect_right(self._starts, start) - 1
        pieces: list[tuple[_Run, Inline | None, str]] = []
        for index in range(first, len(self._runs)):
            run, begin = self._runs[index], self._starts[index]
            if begin >= end:
                break
            text = run.text[max(start - begin, 0) : end - begin]
            inline = run.inline
            if isinstance(inline, Text) and len(text) < len(run.text):
                inline = replace(inline, text=text)
            pieces.append((run, inline, text))
        goes_on = start not in (_last(self._line_starts, start), 0)
        blocks: list[Block] = []
        for number, group in groupby(pieces, key=lambda piece: piece[0].block):
            block = self._blocks[number]
            if isinstance(block, CodeBlock):
                blocks.append(replace(block, text="".join(text for _, _, text in group)))
            elif isinstance(block, ListBlock):
                blocks.extend(self._list_part(block, group, goes_on=goes_on and not blocks))
            else:
                blocks.append(replace(block, inlines=tuple(inline for _, inline, _ in group if inline)))
        return Document(blocks=tuple(blocks))

    def _list_part(
        self, block: ListBlock, pieces: Iterable[tuple[_Run, Inline | None, str]], *, goes_on: bool
    ) -> Iterator[Block]:
        items: list[ListItem] = []
        for number, group in groupby(pieces, key=lambda piece: piece[0].item):
            inlines = tuple(inline for _, inline, _ in group if inline)
            if goes_on:
                # The rest of an item that began in the part before must not look like another item.
                yield Paragraph(inlines=inlines)
                goes_on = False
            else:
                items.append(replace(block.items[number], inlines=inlines))
        if items:
            yield ListBlock(items=tuple(items))

    def _run_at(self, position: int) -> int:
        return min(bisect_right(self._starts, position), len(self._runs)) - 1

    def _inside(self, position: int) -> int:
        """The run that a cut at `position` would tear although it should not be, else -1."""
        index = self._run_at(position)
        return index if self._runs[index].whole and self._starts[index] < position < self._starts[index + 1] else -1

    def _snap(self, start: int, position: int) -> int:
        """The last place up to `position` for a part that begins at `start` to end; later where there is none."""
        if position >= self._total:
            return self._total
        index = self._inside(position)
        if index < 0:
            position = floor(self._text, position, max(start, _last(self._line_starts, position)))
            index = self._inside(position)
        if index < 0:
            return position
        return self._starts[index] if self._starts[index] > start else self._starts[index + 1]

    def _furthest(self, start: int, guess: int) -> int:
        """About the last place where a part that begins at `start` may end and fits; `start` if there is none."""
        best, low, high = start, start, self._total + 1
        position = start + guess
        while high - low > max(1, (best - start) // 64):
            position = min(max(position, low + 1), high - 1)
            end = self._snap(start, position)
            if end <= best:
                # No new place up to here: look further only while what lies between would fit.
                if self._size(self._slice(start, position)) > self._limit:
                    high = position
                else:
                    low = position
                position = (low + high) // 2 if high <= self._total else start + 2 * (low - start)
                continue
            size = self._size(self._slice(start, end))
            if size > self._limit:
                high = min(position, end)
                position = max(start + (end - start) * self._limit // size, (low + high) // 2 if best > start else 0)
                continue
            best, low = end, max(position, end)
            if best == self._total or size * 64 > self._limit * 63:
                break
            grown = start + (end - start) * self._limit // max(size, 1)
            position = grown if high > self._total else (low + high) // 2
            position = max(position, low + 1)
        return best

    def _border(self, start: int, end: int) -> int:
        """The most natural place to cut at or before `end`, without leaving the part half empty.

        For the fewest parts, without leaving it emptier than the last of them would be.
        """
        half = start + (end - start) // 2
        if self._fewest:
            left, most = self._total - start, end - start
            half = max(half, start + left - (-(-left // most) - 1) * most - 1)
        block = _last(self._block_starts, end)
        if block > half:
            return block
        broken = self._text.rfind("\n", half + 1, end + 1)
        border = max(_last(self._line_starts, end), broken if self._legal(start, broken) else -1)
        if border > half:
            return border
        sentences = (min(found.end(), end) for found in _SENTENCE.finditer(self._text, half, min(end + 1, self._total)))
        border = max((place for place in sentences if place > half and self._legal(start, place)), default=-1)
        return border if border > half else self._word(start, half, end)

    def _word(self, start: int, half: int, end: int) -> int:
        text = self._text
        for place in range(end, start, -1):
            if (text[place].isspace() or text[place - 1].isspace()) and self._legal(start, place):
                longest = place + end - start
                fits = longest >= self._total or any(char.isspace() for char in text[end : longest + 1])
                return place if place > half or fits else end
        return end

    def _legal(self, start: int, place: int) -> bool:
        return place > start and self._inside(place) < 0 and is_border(self._text, place, start)

    def _trimmable(self, position: int) -> bool:
        run = self._runs[self._run_at(position)]
        return run.inline is not None and not run.whole and self._text[position].isspace()

    def _skip(self, position: int) -> int:
        """Where the next part begins: white space at a border is not carried over."""
        while position < self._total and self._trimmable(position):
            position += 1
        if position < self._total and self._text[position] == "\n":
            index = self._run_at(position)
            # Within code only the line break that was the border goes; the indentation after it stays.
            return position + (self._runs[index].inline is None and position > self._starts[index])
        return position

    def parts(self) -> Iterator[Document]:
        start, guess = self._skip(0), max(self._limit, 1)
        while start < self._total:
            end = self._furthest(start, guess)
            if end == start:
                # Not one character fits with what its block adds: it goes without.
                end = start + 1
                yield Document(blocks=(Paragraph(inlines=(Text(text=self._text[start:end]),)),))
            else:
                guess = max(end - start, 1)
                if end < self._total:
                    border = self._border(start, end)
                    end = border if self._size(self._slice(start, border)) <= self._limit else end
                last = end
                while last > start and self._trimmable(last - 1):
                    last -= 1
                if last > start:
                    yield self._slice(start, last)
            start = self._skip(end)


def split(
    document: Document, *, limit: int, unit: TextUnit, render: Render = plain, fewest: bool = False
) -> list[Document]:
    """`document` in parts whose rendered text fits `limit`; none if it is empty.

    Cuts are made between blocks, else lines, sentences, words or visible characters, and never inside a link, a mention
    or a code span that fits on its own. No visible text is lost or repeated; white space at a cut is dropped. Only
    where a single character cannot fit is a part longer than `limit`. `render` should grow with what it is given. With
    `fewest`, a border that a reader minds less is passed over where it would cost one part more.
    """
    if limit < 1:
        raise ValueError(f"A part of {limit} units holds no text. Give a limit of at least 1.")
    if is_empty(document):
        return []
    if measure(render(document), unit) <= limit:
        return [document]
    natural = list(_Splitter(document, limit=limit, unit=unit, render=render, fewest=False).parts())
    if not fewest:
        return natural
    return min(natural, list(_Splitter(document, limit=limit, unit=unit, render=render, fewest=True).parts()), key=len)
