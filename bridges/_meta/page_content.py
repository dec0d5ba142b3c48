"""What a message in Messenger or Instagram holds: words, files, and placeholders for what nobody else can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.richtext import Document
from core.contracts.text import file_name, from_plain, line, normalise, plain, safe_url

Json = Mapping[str, Any]

#: Where Meta keeps what people send: https://developers.facebook.com/docs/messenger-platform/webhooks
HOSTS = (".fbcdn.net", ".fbsbx.com", ".cdninstagram.com")
_FILES: Mapping[str, tuple[MediaKind, str]] = {
    "image": (MediaKind.IMAGE, "photo"),
    "sticker": (MediaKind.IMAGE, "sticker"),
    "video": (MediaKind.VIDEO, "video"),
    "audio": (MediaKind.AUDIO, "audio"),
    "file": (MediaKind.FILE, "file"),
}
#: What is shared from elsewhere on Facebook or Instagram, in a person's words.
_SHARED: Mapping[str, str] = {
    "fallback": "Shared a link",
    "share": "Shared a post",
    "post": "Shared a post",
    "ig_post": "Shared a post",
    "reel": "Shared a reel",
    "ig_reel": "Shared a reel",
    "ig_story": "Shared a story",
    "story_mention": "Mentioned you in a story",
}
_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".pdf": "application/pdf",
}
_MOST = 30


def read(message: Json, title: str) -> Content:
    """The content of a message; of one that the API does not show, a placeholder."""
    story = (message.get("reply_to") or {}).get("story")
    before = ["↪ Answers your story"] if story else []
    files = [_story(story)] if story else []
    lines: list[str] = []
    for attachment in _attachments(message):
        kind, payload = str(attachment.get("type") or "unknown"), attachment.get("payload") or {}
        url = str(payload.get("url") or attachment.get("url") or "")
        if kind in _FILES:
            files.append(_file(kind, url, title))
        elif kind in _SHARED:
            lines.extend(_shared(kind, attachment, payload, url))
            files.extend([_story(payload)] if kind == "story_mention" else [])
        else:
            lines.append(_described(kind, payload, title))
    if message.get("is_unsupported"):
        lines.append(_unshown(title, "a message"))
    text = str(message.get("text") or "")
    # What was shared may stand in the text already, as the address that it was shared by.
    words = [text, *(one for one in lines if one not in text)]
    body = from_plain(normalise("\n".join(filter(None, words))))
    if not body and not files:
        body = from_plain("(An empty message)")
    prefix = [block for one in before for block in from_plain(one).blocks]
    return Content(body=Document(blocks=(*prefix, *body.blocks)), attachments=tuple(files))


def described(message: Json, title: str) -> str:
    """A message in words alone."""
    content = read(message, title)
    files = [one.name for one in content.attachments]
    return line(" ".join(filter(None, [plain(content.body), *files])), limit=1000)


def _attachments(message: Json) -> list[Json]:
    given = message.get("attachments") or []
    # One alone may come without a list.
    found: list[Json] = (given if isinstance(given, list) else [given])[:_MOST]
    # A shared post comes twice: as a share, and as what it is.
    if any(one.get("type") in ("ig_post", "ig_reel", "ig_story") for one in found):
        found = [one for one in found if one.get("type") != "share"]
    return found


def _file(kind: str, url: str, title: str) -> Attachment:
    found, default = _FILES[kind]
    name = unquote(urlsplit(url).path.rpartition("/")[2]) if url else ""
    ending = f".{name.rpartition('.')[2].lower()}" if "." in name else ""
    if name.startswith("audioclip"):
        found, default = MediaKind.VOICE, "voice-message"
    # Only files keep the name that they had on her phone.
    shown = name if kind == "file" and ending else default + (ending if ending in _TYPES else "")
    mime = _TYPES.get(ending, "application/octet-stream")
    problem = None if url else f"{title} did not say where the file is."
    return Attachment(kind=found, name=file_name(shown), mime=mime, source=url or None, problem=problem)


def _story(story: Json) -> Attachment:
    """A story's picture or video: its address holds for a day at most, so it is fetched like any file."""
    url = str(story.get("url") or "")
    problem = None if url else "The story is no longer there."
    return Attachment(kind=MediaKind.IMAGE, name="story", source=url or None, problem=problem)


def _shared(kind: str, attachment: Json, payload: Json, url: str) -> Iterator[str]:
    title = line(str(payload.get("title") or attachment.get("title") or ""), limit=500)
    yield f"({_SHARED[kind]}{f': {title}' if title else ''})"
    if kind != "story_mention" and safe_url(url):
        yield url


def _described(kind: str, payload: Json, title: str) -> str:
    place = payload.get("coordinates")
    if kind == "location" and place:
        where = float(place["lat"]), float(place["long"])
        return "📍 https://www.openstreetmap.org/?mlat={0:.6f}&mlon={1:.6f}#map=16/{0:.6f}/{1:.6f}".format(*where)
    elements = payload.get("elements") or ((payload.get("product") or {}).get("elements")) or []
    names = [line(str(one.get("title") or ""), limit=200) for one in elements[:_MOST]]
    if kind == "template" and any(names):
        return "🛍 " + "; ".join(filter(None, names))
    return _unshown(title, line(kind, limit=60))


def _unshown(title: str, what: str) -> str:
    return f"(Sent something that only {title} can show: {what})"
