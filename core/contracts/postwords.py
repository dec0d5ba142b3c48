"""What every workplace says about a post in the same words: who wrote it, what it holds, which file it is."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from core.contracts.content import Attachment, MediaKind
from core.contracts.plaintext import plain
from core.contracts.posts import Post, Tone
from core.contracts.strings import line, safe_url

MAX_NAME = 80
KINDS = {
    MediaKind.IMAGE: "🖼️",
    MediaKind.VIDEO: "🎬",
    MediaKind.AUDIO: "🎵",
    MediaKind.VOICE: "🎤",
    MediaKind.FILE: "📎",
}
NOTE = "📝 Note · only your team sees this"
NOTHING_LEFT = "✂️ Nothing is left of this message"
#: Names that no public name server answers for.
PRIVATE = (".local", ".localhost", ".internal", ".invalid", ".test")


def author_of(item: Post) -> str:
    """Who wrote it, inside a sentence."""
    return "the customer" if item.tone is Tone.CUSTOMER else line(item.author.name, limit=MAX_NAME) or "the author"


def summary(item: Post) -> str:
    """What it says, for a notification: bare text of any length, not escaped for anything; "" if it says nothing."""
    if item.deleted:
        return f"🗑️ {author_of(item)} deleted a message"
    contents = (item.content, *item.more)
    words = "\n\n".join(filter(None, (plain(content.body) for content in contents)))
    if not words and (files := [file for content in contents for file in content.attachments]):
        words = f"{KINDS[files[0].kind]} {', '.join(file.name for file in files)}"
    return f"⚠️ {words}" if item.tone is Tone.FAILURE else words


def after(item: Post) -> list[str]:
    """The small print under a post: that it was edited, and how the customer reacted."""
    edited = [f"✏️ Edited by {author_of(item)}"] if item.edited else []
    return [*edited, *([f"The customer reacted with {' '.join(item.reactions)}"] if item.reactions else [])]


def file_named(file: Attachment) -> str:
    """A file as people read it: kind, name and size."""
    if file.size is None:
        return f"{KINDS[file.kind]} {file.name}"
    kilobytes = max(1, round(file.size / 1024))
    size = f"{kilobytes} KB" if kilobytes < 1024 else f"{kilobytes / 1024:.1f} MB"
    return f"{KINDS[file.kind]} {file.name} · {size}"


def is_public(address: str) -> bool:
    """Whether a vendor's own servers could fetch a picture there."""
    if not address.startswith("https://") or not safe_url(address):
        return False
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(PRIVATE)
