"""Draws cards and posts as New workplace shows them: pure, so that snapshots can test it."""

from __future__ import annotations

from core.contracts.posts import Card, Post
from core.contracts.text import plain


def post_text(post: Post) -> str:
    """One post; `plain` has no markup in which a customer could mention or disguise anything."""
    if post.deleted:
        return f"{post.author.name}: (deleted)"
    lines = [f"> {post.quote.author}: {post.quote.text}"] if post.quote else []
    lines += [plain(content.body) for content in (post.content, *post.more)]
    lines += [f"[{item.name}] {item.problem or ''}".rstrip() for item in post.content.attachments]
    return f"{post.author.name}{' (edited)' if post.edited else ''}: " + "\n".join(line for line in lines if line)


def opening_text(card: Card, first: Post) -> str:
    """The card and the first message, which are one post."""
    facts = [f"{fact.label}: {fact.value}" for fact in card.facts]
    links = [f"{link.label} {link.url}".rstrip() for link in card.links]
    head = [f"{card.status_emoji} {card.title}: {card.status}", *facts, *links, card.hint]
    return "\n".join([*(line for line in head if line), "", post_text(first)])
