"""Reads what people in Teams wrote: the HTML of an activity, or its text where there is none, as content; pure."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.richtext import Document, Inline, Mention, Paragraph, Text, document
from core.contracts.text import file_name, from_plain, normalise
from plugins.teams.compose import inserted
from plugins.teams.places import room_of, root_of
from plugins.teams.reading import Mentioned, Named, Picture, Reader
from plugins.teams.render import CARD_TYPE

Json = Mapping[str, Any]

HTML = "text/html"
DOWNLOAD_TYPE = "application/vnd.microsoft.teams.file.download.info"
#: How an attachment's `source` begins: an address on the service host; one that needs no token and soon ends; a picture
#: and a file that only Microsoft Graph has, followed by room, root, message and id, parted by `|`.
IMAGE, DOWNLOAD, HOSTED, FILE = "image:", "download:", "hosted:", "file:"
#: More than Teams' composer takes at once.
MAX_FILES = 20
MAX_ATTACHMENTS = 100
#: Longest address of a picture that is kept.
MAX_SOURCE = 4_000
_HOSTED = re.compile(r"/hostedContents/([^/|]+)/\$value")
_AT = re.compile(r"<at(?: [^<>]{0,200})?>([^<>]{0,500})</at>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one message says."""

    content: Content
    #: Our bot is named in it; its name is not in `content`.
    mentions_bot: bool = False
    #: The id of the message that it answers in particular, or "".
    quote: str = ""
    #: It holds the card of another conversation, which is for colleagues only.
    internal: bool = False


def said(activity: Json, bot_id: str) -> Said:
    """What a message says and carries; of mentions only that of `bot_id` is taken off."""
    named = [_named(entity, activity, bot_id) for entity in _mentions(activity)]
    mentioned = Mentioned(named)
    attachments = [one for one in (activity.get("attachments") or ())[:MAX_ATTACHMENTS] if isinstance(one, dict)]
    pages = [str(one.get("content") or "") for one in attachments if one.get("contentType") == HTML]
    if not pages and activity.get("textFormat") == "xml":
        pages = [str(activity.get("text") or "")]
    reader = Reader("<p></p>".join(pages), mentioned)
    body = reader.document() if pages else _of_text(str(activity.get("text") or ""), mentioned)
    cards = [inserted(one.get("content")) for one in attachments if one.get("contentType") == CARD_TYPE]
    for words, _ in cards:
        body = document([*body.blocks, *from_plain(normalise(words)).blocks])
    pointed = _pointed(reader, attachments)
    return Said(
        content=Content(body=body, attachments=tuple(_files(activity, attachments, reader.pictures, pointed))),
        mentions_bot=any(one.ours for one in named),
        quote=reader.quote or next((one for one in reader.attachments if one.isascii() and one.isdigit()), ""),
        internal=any(internal for _, internal in cards),
    )


def _mentions(activity: Json) -> list[Json]:
    entities = activity.get("entities") or ()
    return [one for one in entities if isinstance(one, dict) and one.get("type") == "mention"]


def _named(entity: Json, activity: Json, bot_id: str) -> Named:
    mentioned = entity.get("mentioned")
    mentioned = mentioned if isinstance(mentioned, dict) else {}
    who = str(mentioned.get("id") or "")
    name = normalise(str(mentioned.get("name") or ""))
    if not name and (found := _AT.search(str(entity.get("text") or ""))):
        name = normalise(found[1])
    ours = bool(who) and who.removeprefix("28:").casefold() == bot_id.removeprefix("28:").casefold()
    return Named(id=who, name=" ".join(name.split()), kind=_kind_of(who, activity), ours=ours)


def _kind_of(who: str, activity: Json) -> str:
    """What an id stands for: "19:" a channel or, by the id of its first channel, the team; a tag has no prefix."""
    if who.startswith("19:"):
        team = ((activity.get("channelData") or {}).get("team") or {}).get("id")
        return "everyone" if who == team else "room"
    is_user = who.startswith(("29:", "28:", "8:")) or re.fullmatch(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4,12}){4}", who)
    return "user" if is_user else "group"


def _of_text(text: str, mentioned: Mentioned) -> Document:
    """A message without HTML: mentions are tags in it, everything else stands as it was typed."""
    inlines: list[Inline] = []
    end, ours = 0, False
    text = text.replace("&nbsp;", " ").replace("\u00a0", " ")
    for token in _AT.finditer(text):
        found = mentioned.find(" ".join(normalise(token[1]).split()))
        if found is None:
            continue
        _add(inlines, text[end : token.start()], after_ours=ours)
        end, ours = token.end(), found.ours
        if not ours:
            inlines.append(Mention(kind=found.kind, id=found.id, label=f"@{found.name}"))
    _add(inlines, text[end:], after_ours=ours)
    if any(isinstance(one, Mention) for one in inlines):
        return document(_paragraph(inlines))
    return from_plain("".join(one.text for one in inlines if isinstance(one, Text)))


def _add(inlines: list[Inline], words: str, *, after_ours: bool) -> None:
    before = inlines[-1] if inlines else None
    if after_ours and (before is None or (isinstance(before, Text) and before.text.endswith((" ", "\n")))):
        words = words.lstrip(" ")
    if words := normalise(words):
        inlines.append(Text(text=words))


def _paragraph(inlines: list[Inline]) -> Iterator[Paragraph]:
    last = inlines[-1]
    if isinstance(last, Text):
        trimmed = last.text.rstrip()
        inlines = [*inlines[:-1], *([Text(text=trimmed)] if trimmed else [])]
    yield Paragraph(inlines=tuple(inlines))


def _pointed(reader: Reader, attachments: Sequence[Json]) -> list[str]:
    """The ids in the HTML that stand for files: neither a message that is quoted nor something that came along."""
    known = {str(one.get("id")) for one in attachments if one.get("id")}
    ids = [one for one in dict.fromkeys(reader.attachments) if one and one not in known and not one.isdigit()]
    # What came along without an id, a card for example, is pointed at as well: first things first.
    nameless = sum(1 for one in attachments if not one.get("id") and _is_card(one))
    return ids[nameless:]


def _is_card(attachment: Json) -> bool:
    return ".card." in str(attachment.get("contentType") or "")


def _files(
    activity: Json, attachments: Sequence[Json], pictures: Sequence[Picture], pointed: Sequence[str]
) -> Iterator[Attachment]:
    found = [*_came_along(activity, attachments, pictures)]
    place = f"{room_of(activity)}|{root_of(activity)}|{activity.get('id') or ''}"
    if not any(file.kind is MediaKind.IMAGE for file in found):
        found += [_picture(one, place) for one in pictures]
    found += [
        Attachment(kind=MediaKind.FILE, name=file_name(""), source=f"{FILE}{place}|{one}"[:MAX_SOURCE])
        for one in pointed
    ]
    yield from found[:MAX_FILES]


def _came_along(activity: Json, attachments: Sequence[Json], pictures: Sequence[Picture]) -> Iterator[Attachment]:
    alts = iter(pictures)
    place = f"{room_of(activity)}|{root_of(activity)}|{activity.get('id') or ''}"
    for one in attachments:
        mime, name = str(one.get("contentType") or ""), str(one.get("name") or "")
        address = str(one.get("contentUrl") or "")
        content = one.get("content")
        if mime.startswith("image/") and address:
            picture = next(alts, None)
            alt = picture.alt if picture else ""
            yield _image(name, f"{IMAGE}{address}", mime=mime, alt=alt)
        elif mime == DOWNLOAD_TYPE and isinstance(content, dict) and content.get("downloadUrl"):
            yield _file(name, f"{DOWNLOAD}{content['downloadUrl']}")
        elif mime == "reference" and one.get("id"):
            yield _file(name, f"{FILE}{place}|{one['id']}")


def _picture(picture: Picture, place: str) -> Attachment:
    hosted = _HOSTED.search(picture.address)
    source = f"{HOSTED}{place}|{hosted[1]}" if hosted else f"{IMAGE}{picture.address}"
    return _image("", source, alt=picture.alt)


def _image(name: str, source: str, *, mime: str = "", alt: str = "") -> Attachment:
    # Teams describes a picture that nobody described with its name for pictures.
    alt = "" if alt.strip().lower() in {"image", "bild", "picture"} else alt[:1_000]
    if not name and (mimetypes.guess_type(alt)[0] or "").startswith("image/"):
        # It has no name of its own, but the one under which it was put in.
        name = alt
    return _bounded(
        Attachment(kind=MediaKind.IMAGE, name=file_name(name or "image"), mime=_mime(mime), alt=alt), source
    )


def _file(name: str, source: str) -> Attachment:
    return _bounded(described(Attachment(kind=MediaKind.FILE, name=file_name(name)), name), source)


def described(file: Attachment, name: str) -> Attachment:
    """The file under that name, and what its name makes of it."""
    if not name:
        return file
    mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kinds = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}
    kind = kinds.get(mime.partition("/")[0], MediaKind.FILE)
    return replace(file, kind=kind, name=file_name(name), mime=mime)


def _bounded(file: Attachment, source: str) -> Attachment:
    if len(source) > MAX_SOURCE:
        return replace(file, problem="Its address in Teams is too long.")
    return replace(file, source=source)


def _mime(mime: str) -> str:
    return mime if re.fullmatch(r"image/[a-z0-9.+-]{1,40}", mime) else "application/octet-stream"
