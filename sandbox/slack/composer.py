"""Slack's message composer: what a person types becomes rich_text blocks and the mrkdwn `text` beside them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from sandbox.slack import emoji
from sandbox.slack.wire import Json

_TOKEN = re.compile(
    r"<@(?P<user>[UW][A-Z0-9]+)>|<#(?P<channel>C[A-Z0-9]+)(?:\|[^>]*)?>|<!(?P<range>here|channel|everyone)>"
    r"|<!subteam\^(?P<group>S[A-Z0-9]+)>|<(?P<link>(?:https?://|mailto:)[^|>\s]+)(?:\|(?P<label>[^>]+))?>"
    r"|(?P<url>https?://[^\s<>|]*[^\s<>|.,;:!?'\")\]])|(?<![\w.+-])(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
)
_CODE = re.compile(r"(?<![\w`])`(?P<code>[^`\n]+)`(?![\w`])")
_STYLES = (
    ("bold", "*", re.compile(r"(?<![\w*])\*(?P<inner>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])")),
    ("italic", "_", re.compile(r"(?<![\w_])_(?P<inner>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])")),
    ("strike", "~", re.compile(r"(?<![\w~])~(?P<inner>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])")),
)
_BULLET = re.compile(r"^(?:[-*•]|(?P<number>\d+)[.)]) +(?P<item>.+)$")
_FENCE = "```"


def escape(text: str) -> str:
    """The three characters that Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """Undoes `escape`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def compose(typed: str, *, knows: Callable[[str], bool] = lambda _id: True) -> tuple[str, list[Json]]:
    """The `text` and `blocks` of a message typed by a person. `knows` says which ids she could have picked."""
    pieces = _pieces(typed, knows)
    if not pieces:
        return "", []
    block: Json = {"type": "rich_text", "block_id": secrets.token_urlsafe(3), "elements": pieces}
    return _text_of(pieces), [block]


def from_mrkdwn(text: str) -> list[Json]:
    """The blocks that Slack makes of an app's mrkdwn text."""
    pieces = _pieces(text, lambda _id: True, decode=unescape)
    if not pieces:
        return []
    return [{"type": "rich_text", "block_id": secrets.token_urlsafe(3), "elements": pieces}]


def _pieces(typed: str, knows: Callable[[str], bool], decode: Callable[[str], str] = str) -> list[Json]:
    pieces: list[Json] = []
    for number, part in enumerate(typed.split(_FENCE)):
        if number % 2:
            code = part.strip("\n")
            if code:
                pieces.append({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": decode(code)}]})
        else:
            pieces.extend(_paragraphs(part.strip("\n") if number else part.rstrip("\n"), knows, decode))
    return pieces


def _paragraphs(part: str, knows: Callable[[str], bool], decode: Callable[[str], str]) -> list[Json]:
    groups: list[tuple[str, list[str]]] = []
    for line in part.split("\n") if part else []:
        bullet = _BULLET.match(line)
        decoded = decode(line)
        if decoded.startswith(">"):
            kind, content = "quote", line[len("&gt;") if line.startswith("&gt;") else 1 :].lstrip(" ")
        elif bullet:
            kind, content = ("ordered" if bullet["number"] else "bullet"), bullet["item"]
        else:
            kind, content = "section", line
        if not groups or groups[-1][0] != kind:
            groups.append((kind, []))
        groups[-1][1].append(content)
    pieces: list[Json] = []
    for kind, lines in groups:
        if kind in {"bullet", "ordered"}:
            items = [{"type": "rich_text_section", "elements": _inline(line, {}, knows, decode)} for line in lines]
            pieces.append({"type": "rich_text_list", "style": kind, "indent": 0, "border": 0, "elements": items})
        else:
            elements = _inline("\n".join(lines), {}, knows, decode)
            if elements:
                pieces.append({"type": f"rich_text_{kind}", "elements": elements})
    return pieces


def _inline(text: str, style: Json, knows: Callable[[str], bool], decode: Callable[[str], str]) -> list[Json]:
    """Code first, for nothing counts inside it; then styles, tokens and emoji."""
    elements: list[Json] = []
    end = 0
    for match in _CODE.finditer(text):
        elements += _styled(text[end : match.start()], style, knows, decode)
        elements.append({"type": "text", "text": decode(match["code"]), "style": {**style, "code": True}})
        end = match.end()
    return elements + _styled(text[end:], style, knows, decode)


def _styled(
    text: str, style: Json, knows: Callable[[str], bool], decode: Callable[[str], str], level: int = 0
) -> list[Json]:
    if level == len(_STYLES):
        return _with_tokens(text, style, knows, decode)
    name, _mark, pattern = _STYLES[level]
    elements: list[Json] = []
    end = 0
    for match in pattern.finditer(text):
        elements += _styled(text[end : match.start()], style, knows, decode, level + 1)
        elements += _styled(match["inner"], {**style, name: True}, knows, decode, level + 1)
        end = match.end()
    return elements + _styled(text[end:], style, knows, decode, level + 1)


def _with_tokens(text: str, style: Json, knows: Callable[[str], bool], decode: Callable[[str], str]) -> list[Json]:
    elements: list[Json] = []
    end = 0
    for match in _TOKEN.finditer(text):
        element = _token(match, style, knows, decode)
        if element is not None:
            elements += _with_emoji(text[end : match.start()], style, decode)
            elements.append(element)
            end = match.end()
    return elements + _with_emoji(text[end:], style, decode)


def _token(
    match: re.Match[str], style: Json, knows: Callable[[str], bool], decode: Callable[[str], str]
) -> Json | None:
    element: Json
    if match["user"] and knows(match["user"]):
        element = {"type": "user", "user_id": match["user"]}
    elif match["channel"] and knows(match["channel"]):
        element = {"type": "channel", "channel_id": match["channel"]}
    elif match["range"]:
        element = {"type": "broadcast", "range": match["range"]}
    elif match["group"]:
        element = {"type": "usergroup", "usergroup_id": match["group"]}
    elif match["link"]:
        element = {"type": "link", "url": decode(match["link"])}
        if match["label"]:
            element["text"] = decode(match["label"])
    elif match["url"]:
        element = {"type": "link", "url": decode(match["url"])}
    elif match["mail"]:
        element = {"type": "link", "url": f"mailto:{match['mail']}", "text": match["mail"]}
    else:
        return None
    return {**element, "style": dict(style)} if style else element


def _with_emoji(text: str, style: Json, decode: Callable[[str], str]) -> list[Json]:
    elements: list[Json] = []
    end = 0

    def words(part: str) -> None:
        if part:
            elements.append({"type": "text", "text": decode(part), **({"style": dict(style)} if style else {})})

    for start, stop, element in emoji.find(text):
        words(text[end:start])
        elements.append({**element, **({"style": dict(style)} if style else {})})
        end = stop
    words(text[end:])
    return elements


def _text_of(pieces: list[Json]) -> str:
    parts: list[str] = []
    for piece in pieces:
        kind = piece["type"]
        if kind == "rich_text_list":
            for number, item in enumerate(piece["elements"], 1):
                mark = f"{number}." if piece["style"] == "ordered" else "•"
                parts.append(f"{mark} {_inline_text(item['elements'])}")
        elif kind == "rich_text_preformatted":
            parts.append(f"{_FENCE}{_inline_text(piece['elements'])}{_FENCE}")
        elif kind == "rich_text_quote":
            parts.append("\n".join(f"&gt; {line}" for line in _inline_text(piece["elements"]).split("\n")))
        else:
            parts.append(_inline_text(piece["elements"]))
    return "\n".join(parts)


def _inline_text(elements: list[Json]) -> str:
    return "".join(_element_text(element) for element in elements)


def _element_text(element: Json) -> str:
    match element["type"]:
        case "user":
            text = f"<@{element['user_id']}>"
        case "channel":
            text = f"<#{element['channel_id']}|>"
        case "usergroup":
            text = f"<!subteam^{element['usergroup_id']}>"
        case "broadcast":
            text = f"<!{element['range']}>"
        case "link":
            label = f"|{escape(element['text'])}" if "text" in element else ""
            text = f"<{escape(element['url'])}{label}>"
        case "emoji":
            tone = f":skin-tone-{element['skin_tone']}:" if "skin_tone" in element else ""
            text = f":{element['name']}:{tone}"
        case _:
            text = escape(element["text"])
    style = element.get("style", {})
    if style.get("code"):
        text = f"`{text}`"
    for name, mark, _pattern in _STYLES:
        if style.get(name):
            text = f"{mark}{text}{mark}"
    return text
