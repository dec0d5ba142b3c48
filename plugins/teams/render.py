"""Draws posts and cards as activities of one Adaptive Card; pure, so that a picture of every case can be kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.contracts.content import Attachment, Content
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action, Author, Card, CardLink, Fact, Post, QuotePreview, Tone
from core.contracts.postwords import (
    MAX_NAME,
    NOTE,
    NOTHING_LEFT,
    after,
    author_of,
    file_named,
    is_public,
    summary,
)
from core.contracts.richtext import Document, Mark
from core.contracts.text import cut, from_plain, is_empty, line, safe_url
from plugins.teams.elements import NBSP, Element, container, directed, elements, link, rich, run, small
from plugins.teams.sizes import MAX_SIZE, shortened, weight

Json = dict[str, Any]

CARD_TYPE = "application/vnd.microsoft.card.adaptive"
#: Starts the id of the box that holds a post, which `find` looks for.
KEY = "tb:"
MAX_TITLE = 150
MAX_LINE = 2_000
#: What a notification shows of a message is shorter still.
MAX_SUMMARY = 300
MAX_PREVIEW = 200
MAX_FACTS = 30
MAX_LINKS = 20
MAX_BUTTONS = 25
MAX_LABEL = 75
MAX_VALUE = 500
#: Teams draws six buttons at most; further ones go behind "…".
MOST_SEEN = 5
# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages#picture-messages
MAX_PICTURE = 10_000_000
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif"})
STYLES = {"primary": "positive", "danger": "destructive"}

#: How the box of a post looks, and the box of a quote or code inside it.
LOOKS = {
    Tone.AGENT: ("accent", "default"),
    Tone.NOTE: ("warning", "default"),
    Tone.FAILURE: ("attention", "default"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where things can be opened; "" where they cannot."""

    permalink: Callable[[ThreadRef | PostRef], str]
    file: Callable[[Attachment], str]
    #: What a picture is drawn from: a public address, or its bytes as a `data:` one.
    picture: Callable[[Attachment], str] = lambda file: ""


def post(item: Post, to: Addresses) -> Json:
    """One post in a thread."""
    style, inset = LOOKS.get(item.tone, ("", "emphasis"))
    boxed: Json = {"style": style, "bleed": True} if style else {}
    return activity(item.key, _post(item, to, inset), buttons(item.actions), _summary(item), boxed)


def opening(card: Card, first: Post, thread: ThreadRef | None, to: Addresses) -> Json:
    """The opening post: who it is and how things stand, a preview of the first message, then facts and buttons."""
    return _activity(opening_card(card, first, thread, to), _summary(first))


def opening_card(card: Card, first: Post, thread: ThreadRef | None, to: Addresses) -> Json:
    """As `opening`, the card alone."""
    title = line(card.title, limit=MAX_TITLE) or "Customer"
    status = line(f"{card.status_emoji} {card.status}", limit=MAX_LINE)
    items = [
        *directed([rich(run(title, size="Large", weight="Bolder"))], title),
        *([rich(run(status), spacing="Small")] if status else []),
        container(_preview(first), style="emphasis", spacing="Medium"),
        *_facts(card.facts),
        *_links(card.links, to),
        *small(cut(card.hint, MAX_LINE), spacing="Medium", separator=True),
    ]
    return _card(first.key, items, buttons((*card.actions, *first.actions), thread))


def private(words: str, actions: Sequence[Action], thread: ThreadRef, *, where: str = "") -> Json:
    """What one agent alone sees; `where` is the thread's address, for words that do not stand in it."""
    items = elements(from_plain(words)) or small("…")
    if safe_url(where):
        items += [rich(link(where, "Open thread"), spacing="Small")]
    return activity("", items, buttons(actions, thread), line(words, limit=MAX_SUMMARY) or "…")


def activity(key: str, items: list[Element], row: list[Json], words: str, boxed: Json | None = None) -> Json:
    """A message that is one card; what is too long is cut, its buttons never."""
    return _activity(_card(key, items, row, boxed or {}), words)


def _activity(card: Json, words: str) -> Json:
    return {
        "type": "message",
        "summary": words,
        "attachments": [{"contentType": CARD_TYPE, "content": card}],
    }


def _card(key: str, items: list[Element], row: list[Json], boxed: Json | None = None) -> Json:
    named = {"id": f"{KEY}{key}"} if key else {}
    # Room for the summary, an emoji being 24 bytes, and for what is around it.
    room = MAX_SIZE - weight([row, boxed, key]) - 24 * MAX_SUMMARY - 2_000
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "fallbackText": "A card that this version of Teams cannot show.",
        "body": [container(shortened(items, room), **named, **(boxed or {}))],
    }
    return {**card, "actions": row} if row else card


def key_of(card: Json | str) -> str:
    """The `Post.key` that a card was drawn with, also of the text that Graph makes of it; "" if it has none."""
    try:
        read = json.loads(card) if isinstance(card, str) else card
        name = read["body"][0]["id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return name.removeprefix(KEY) if isinstance(name, str) and name.startswith(KEY) else ""


def is_picture(file: Attachment) -> bool:
    """Whether Teams can draw it."""
    return file.file is not None and file.file.mime in PICTURES and file.file.size <= MAX_PICTURE


def _summary(item: Post) -> str:
    """What a notification says: one line, never nothing."""
    return line(summary(item), limit=MAX_SUMMARY) or "…"


def _post(item: Post, to: Addresses, inset: str) -> list[Element]:
    head = _persona(item.tone, item.author)
    if item.tone is Tone.NOTE:
        head += small(NOTE)
    if item.deleted:
        body = _deleted(item)
    elif item.tone is Tone.NOTICE:
        body = _notice(item.content.body)
    else:
        body = [_quote(item.quote, to, inset)] if item.quote else []
        for number, content in enumerate((item.content, *item.more)):
            part = _content(content, to, inset, item.tone)
            if number and part:
                part[0] = {**part[0], "separator": True, "spacing": "Medium"}
            body += part
    if not body:
        body = small(NOTHING_LEFT)
    for sentence in after(item):
        body += small(sentence)
    return head + body


def _persona(tone: Tone, author: Author) -> list[Element]:
    """Whose words these are, with the picture; facts and failures are the app's own words."""
    name = line(author.name, limit=MAX_NAME)
    if not name or tone in {Tone.NOTICE, Tone.FAILURE}:
        return []
    words = rich(run(name, weight="Bolder"))
    if not is_public(author.avatar_url):
        return [words]
    picture = {
        "type": "Image",
        "url": author.avatar_url,
        "altText": name,
        "style": "Person",
        "width": "28px",
        "height": "28px",
    }
    columns = [
        {"type": "Column", "width": "auto", "verticalContentAlignment": "Center", "items": [picture]},
        {"type": "Column", "width": "stretch", "verticalContentAlignment": "Center", "items": [words]},
    ]
    return [{"type": "ColumnSet", "columns": columns}]


def _content(content: Content, to: Addresses, inset: str, tone: Tone) -> list[Element]:
    trusted = tone in {Tone.AGENT, Tone.NOTE, Tone.FAILURE}
    parts = elements(content.body, trusted=trusted, inset=inset)
    if tone is Tone.FAILURE:
        parts = _prefixed("⚠️ ", parts)
    for file in content.attachments:
        if file.problem is not None:
            parts += small(f"⚠️ {file.name}: {file.problem}")
        elif is_picture(file) and (address := to.picture(file)):
            parts += [_picture(file, address), *small(file_named(file))]
        else:
            parts += _file(file, to)
    if content.choices:
        parts += small("Offered: " + "  ·  ".join(choice.label for choice in content.choices))
    return parts


def _picture(file: Attachment, address: str) -> Element:
    """Inside the card: of two attachments Teams makes two messages, and gives neither an id."""
    words = line(file.alt, limit=MAX_LINE) or line(file.name, limit=MAX_NAME) or "Picture"
    # A click enlarges it: https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format
    return {"type": "Image", "url": address, "altText": words, "msteams": {"allowExpand": True}}


def _file(file: Attachment, to: Addresses) -> list[Element]:
    address = to.file(file)
    if safe_url(address):
        return [rich(link(address, file_named(file)), spacing="Small")]
    if file.file is None:
        return small(file_named(file))
    return small(f"{file_named(file)}: it cannot be opened here, because Threadbridge has no public address.")


def _deleted(item: Post) -> list[Element]:
    struck = elements(item.content.body, extra=frozenset({Mark.STRIKE})) if not is_empty(item.content.body) else []
    return [*struck, *small(f"🗑️ Deleted by {author_of(item)}")]


def _prefixed(mark: str, parts: list[Element]) -> list[Element]:
    if parts and parts[0]["type"] == "RichTextBlock":
        return [{**parts[0], "inlines": [run(mark), *parts[0]["inlines"]]}, *parts[1:]]
    return [rich(run(mark)), *parts]


def _quote(quote: QuotePreview, to: Addresses, inset: str) -> Element:
    author = line(quote.author, limit=MAX_NAME) or "Message"
    address = to.permalink(quote.post) if quote.post else ""
    name = link(address, author, weight="Bolder", size="Small") if safe_url(address) else _bold(author)
    words = line(quote.text, limit=MAX_PREVIEW)
    lines = [rich(name), *([rich(run(words, isSubtle=True, size="Small"), spacing="None")] if words else [])]
    return container(lines, style=inset, spacing="Small")


def _bold(words: str) -> Element:
    return run(words, weight="Bolder", size="Small")


def _notice(document: Document) -> list[Element]:
    """Small print throughout, links included."""
    return [_smaller(element) for element in elements(document, trusted=True)]


def _smaller(element: Element) -> Element:
    if "inlines" in element:
        return {**element, "inlines": [{**one, "isSubtle": True, "size": "Small"} for one in element["inlines"]]}
    return {**element, "items": [_smaller(inner) for inner in element["items"]]}


def _preview(first: Post) -> list[Element]:
    """The beginning of the first message, which follows whole in the thread."""
    name = line(first.author.name, limit=MAX_NAME)
    words = f"🗑️ Deleted by {author_of(first)}" if first.deleted else cut(_summary(first), MAX_PREVIEW)
    head = [rich(_bold(name))] if name else []
    return [*head, *directed([rich(run(words, isSubtle=first.deleted), spacing="None")], words)]


def _facts(facts: Sequence[Fact]) -> list[Element]:
    rows: list[Element] = []
    for fact in facts[:MAX_FACTS]:
        label, value = line(fact.label, limit=60), line(fact.value, limit=500)
        if label and value:
            columns = [
                {"type": "Column", "width": "110px", "items": [rich(run(label, isSubtle=True))]},
                {"type": "Column", "width": "stretch", "items": [rich(_value(value))]},
            ]
            rows.append({"type": "ColumnSet", "columns": columns, "spacing": "Small" if rows else "Medium"})
    return rows


def _links(links: Sequence[CardLink], to: Addresses) -> list[Element]:
    leads: list[Element] = []
    for item in links[:MAX_LINKS]:
        label = line(item.label, limit=200)
        address = item.url if safe_url(item.url) else to.permalink(item.thread) if item.thread else ""
        if label:
            leads += [run(f"{NBSP}·{NBSP} " if leads else "🔗 "), link(address, label) if address else run(label)]
    return [rich(*leads, spacing="Medium")] if leads else []


def _value(value: str) -> Element:
    if safe_url(value):
        return link(value)
    if re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", value) and safe_url(f"mailto:{value}"):
        return link(f"mailto:{value}", value)
    return run(value)


def buttons(actions: Sequence[Action], thread: ThreadRef | None = None) -> list[Json]:
    """The buttons under a card; `thread` says which thread they belong to, where Teams itself may not."""
    return [button(number, action, thread) for number, action in enumerate(actions[:MAX_BUTTONS])]


def button(number: int, action: Action, thread: ThreadRef | None) -> Json:
    """A button that comes back to us; the first few are seen at once."""
    data: Json = {"tb": "ask" if action.asks else "act", "action": action.id, "value": action.value[:MAX_VALUE]}
    if thread is not None:
        data |= {"room": thread.room, "thread": thread.thread}
    drawn: Json = {"title": line(action.label, limit=MAX_LABEL) or action.id}
    if action.style in STYLES:
        drawn["style"] = STYLES[action.style]
    if number >= MOST_SEEN:
        drawn["mode"] = "secondary"
    if action.asks:
        return {"type": "Action.Submit", **drawn, "data": {**data, "msteams": {"type": "task/fetch"}}}
    fallback = {"type": "Action.Submit", **drawn, "data": data}
    return {"type": "Action.Execute", **drawn, "verb": action.id, "data": data, "fallback": fallback}
