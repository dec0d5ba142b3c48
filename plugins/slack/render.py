"""Draws posts and cards as Block Kit; pure, so that a picture of every case can be kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.contracts.content import Attachment, Content
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action, Author, Card, CardLink, Fact, Post, QuotePreview, Tone
from core.contracts.postwords import NOTE, NOTHING_LEFT, after, author_of, file_named, is_public, summary
from core.contracts.richtext import Document, Link, Mark
from core.contracts.text import cut, is_empty, line, plain, safe_url
from plugins.slack.richtext import elements, fallback, link, plain_text, rich_text, section, text

Block = dict[str, Any]

# https://docs.slack.dev/reference/block-kit/blocks
MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_CONTEXT = 2_000
MAX_BUTTONS = 25
MAX_BUTTON_TEXT = 75
MAX_BUTTON_VALUE = 2_000
#: Undocumented: above about 13,000 characters in total Slack answers msg_blocks_too_long.
MAX_TOTAL = 12_000
MAX_USERNAME = 80
#: Starts the action_id of a button that acts at once, of one that asks first, of one that only opens a page.
DO, ASK, OPEN = "tb_do", "tb_ask", "tb_open"
#: The styles of a button that Slack knows beside its plain one.
BUTTON_STYLES = frozenset({"primary", "danger"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A message as chat.postMessage takes it."""

    text: str
    blocks: list[Block]


#: Finds the address of a message or thread in the same workspace.
Permalink = Callable[[ThreadRef | PostRef], str]


def post(item: Post, permalink: Permalink) -> Drawn:
    """One post in a thread."""
    blocks = _fit(_body(item, permalink), _buttons(item.actions))
    return Drawn(text=fallback(summary(item)), blocks=blocks)


def opening(card: Card, first: Post, permalink: Permalink) -> Drawn:
    """The opening post: who it is and how things stand, the first message, then facts and buttons."""
    head = [_header(card.title), *_small(f"{card.status_emoji} {card.status}")]
    tail = [*_facts(card.facts, card.links, permalink), *_buttons((*card.actions, *first.actions)), *_small(card.hint)]
    body = _body(first, permalink)
    if body:
        tail = [{"type": "divider"}, *tail] if tail else tail
    return Drawn(text=fallback(summary(first)), blocks=[*head, *_fit(body, tail, used=len(head))])


def private(words: str, actions: Sequence[Action], block_id: str) -> Drawn:
    """What one agent alone sees."""
    return Drawn(text=fallback(words), blocks=[*rich_text([section(text(words))]), *_buttons(actions, block_id)])


def plain_only(drawn: Drawn) -> Drawn:
    """The same words without any layout, for when Slack refuses the blocks."""
    return Drawn(text=drawn.text, blocks=[])


def persona(tone: Tone, author: Author) -> dict[str, str]:
    """Under whose name and picture a post appears; facts and failures are the app's own words."""
    if tone in {Tone.NOTICE, Tone.FAILURE}:
        return {}
    # Slack draws a name as it is; angle brackets are kept out of a field that reaches notifications.
    name = line(author.name, limit=MAX_USERNAME).replace("<", "‹").replace(">", "›")
    shown = {"username": name} if name else {}
    if is_public(author.avatar_url):
        shown["icon_url"] = author.avatar_url
    return shown


def _body(item: Post, permalink: Permalink) -> list[Block]:
    if item.deleted:
        return _deleted(item)
    trusted = item.tone in {Tone.AGENT, Tone.NOTE, Tone.FAILURE}
    blocks: list[Block] = []
    if item.tone is Tone.NOTICE:
        blocks += _notice(item.content.body)
    else:
        if item.tone is Tone.NOTE:
            blocks += _small(NOTE)
        lead = [_quote(item.quote, permalink)] if item.quote else []
        for content in (item.content, *item.more):
            blocks += _content(content, lead, trusted, failure=item.tone is Tone.FAILURE)
            lead = []
    if not blocks:
        blocks += _small(NOTHING_LEFT)
    for sentence in after(item):
        blocks += _small(sentence)
    return blocks


def _content(content: Content, lead: list[Block], trusted: bool, *, failure: bool) -> list[Block]:
    parts = [*lead, *elements(content.body, trusted=trusted)]
    if failure:
        parts = _prefixed("⚠️ ", parts)
    blocks = rich_text(parts)
    files = [file for file in content.attachments if file.problem is None]
    if is_empty(content.body) and files:
        # The file itself follows as a message of the app's own; this line says whose it is.
        blocks += _small("   ".join(map(file_named, files)))
    for file in content.attachments:
        if file.problem is not None:
            blocks += problem(file, file.problem)
    if content.choices:
        blocks += _small("Offered: " + "  ·  ".join(choice.label for choice in content.choices))
    return blocks


def problem(file: Attachment, sentence: str) -> list[Block]:
    """A file that is not here, and why."""
    return _small(f"⚠️ {file.name}: {sentence}")


def _deleted(item: Post) -> list[Block]:
    gone = _small(f"🗑️ Deleted by {author_of(item)}")
    if is_empty(item.content.body):
        return gone
    return [*rich_text(elements(item.content.body, extra=frozenset({Mark.STRIKE}))), *gone]


def _prefixed(mark: str, parts: list[Block]) -> list[Block]:
    if parts and parts[0]["type"] == "rich_text_section":
        return [{**parts[0], "elements": [text(mark), *parts[0]["elements"]]}, *parts[1:]]
    return [section(text(mark)), *parts]


def _quote(quote: QuotePreview, permalink: Permalink) -> Block:
    author = line(quote.author, limit=MAX_USERNAME) or "Message"
    address = permalink(quote.post) if quote.post else ""
    name = link(address, author, "bold") if address else text(author, "bold")
    words = cut(quote.text, 200)
    return {"type": "rich_text_quote", "elements": [name, *([text(f"\n{words}")] if words.strip() else [])]}


def _notice(document: Document) -> list[Block]:
    """Small print, or ordinary text where a link must stay one: context blocks have no literal links."""
    linked = any(isinstance(inline, Link) for block in document.blocks for inline in getattr(block, "inlines", ()))
    return rich_text(elements(document, trusted=True)) if linked else _small(plain(document))


def _header(title: str) -> Block:
    words = line(title, limit=MAX_HEADER) or "Customer"
    return {"type": "header", "text": plain_text(words)}


def _small(words: str) -> list[Block]:
    """A line of small print, as literal text."""
    words = cut(words.strip(), MAX_CONTEXT)
    if not words:
        return []
    return [{"type": "context", "elements": [plain_text(words)]}]


def _facts(facts: Sequence[Fact], links: Sequence[CardLink], permalink: Permalink) -> list[Block]:
    rows: list[list[Block]] = []
    for fact in facts:
        label, value = line(fact.label, limit=100), line(fact.value, limit=500)
        if label and value:
            rows.append([text(f"{label}  ", "bold"), _value(value)])
    leads: list[Block] = []
    for item in links:
        label = line(item.label, limit=200)
        address = item.url if safe_url(item.url) else permalink(item.thread) if item.thread else ""
        if label:
            leads += [text("  ·  " if leads else "🔗  "), link(address, label) if address else text(label)]
    rows += [leads] if leads else []
    runs: list[Block] = []
    for number, row in enumerate(rows):
        runs += [*([text("\n")] if number else []), *row]
    return rich_text([section(*runs)] if runs else [])


def _value(value: str) -> Block:
    if safe_url(value):
        return link(value)
    if re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", value) and safe_url(f"mailto:{value}"):
        return link(f"mailto:{value}", value)
    return text(value)


def _buttons(actions: Sequence[Action], block_id: str = "") -> list[Block]:
    if not actions:
        return []
    row: Block = {"type": "actions", "elements": [button(*pair) for pair in enumerate(actions[:MAX_BUTTONS])]}
    return [{**row, "block_id": block_id}] if block_id else [row]


def button(number: int, action: Action) -> Block:
    """A button that comes back to us; `number` makes its action_id the only one in its block."""
    drawn: Block = {
        "type": "button",
        "action_id": f"{ASK if action.asks else DO}:{action.id}:{number}",
        "text": plain_text(line(action.label, limit=MAX_BUTTON_TEXT) or action.id),
        "value": f"{action.id}|{action.value}"[:MAX_BUTTON_VALUE],
    }
    if action.style in BUTTON_STYLES:
        drawn["style"] = action.style
    return drawn


def _fit(body: list[Block], tail: list[Block], *, used: int = 0) -> list[Block]:
    """Body and tail within Slack's limits; the tail, which holds the buttons, always survives."""
    room = MAX_BLOCKS - used - len(tail) - 1
    budget = MAX_TOTAL - sum(map(_weight, tail))
    kept: list[Block] = []
    for block in body:
        budget -= _weight(block)
        if len(kept) == room or budget < 0:
            return [*kept, *_small("✂️ The rest is too long to be shown here."), *tail]
        kept.append(block)
    return [*kept, *tail]


def _weight(block: Block) -> int:
    return sum(len(value) for value in _strings(block))


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in {"type", "block_id", "action_id"}:
                yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
