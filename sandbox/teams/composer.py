"""Teams' message composer: what a person types becomes HTML, and the plain text that goes beside it."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

_HTML = re.compile(
    r"\s*<(?:p|div|ul|ol|blockquote|h[1-6]|table|pre|codeblock|at|attachment|img|span)[\s>]", re.IGNORECASE
)
_FENCE = "```"
_BULLET = re.compile(r"^(?:[-*•]|(?P<number>\d+)[.)]) +(?P<item>.+)$")
_CODE = re.compile(r"(?<![\w`])`(?P<code>[^`\n]+)`(?![\w`])")
_STYLES = (
    ("strong", re.compile(r"\*\*(?P<inner>[^\s*](?:[^\n]*?[^\s*])?)\*\*")),
    ("em", re.compile(r"(?<![\w_])_(?P<inner>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])")),
    ("s", re.compile(r"~~(?P<inner>[^\s~](?:[^\n]*?[^\s~])?)~~")),
)
_LINK = re.compile(
    r"\[(?P<label>[^\]\n]+)\]\((?P<target>(?:https?://|mailto:)[^)\s]+)\)"
    r"|(?P<url>https?://[^\s<>|]*[^\s<>|.,;:!?'\")\]])|(?<![\w.+-])(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
)
_PICTURE = "[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?(?:\u200d{_PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?)*"
)
_TAG = re.compile(r"<[^>]*>")
_BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li|blockquote|h[1-6]|tr|codeblock|pre)>", re.IGNORECASE)
_AT = re.compile(r"<at\b[^>]*>(.*?)</at>", re.DOTALL)
_ALT = re.compile(r"<(?:emoji|img)\b[^>]*?\balt=\"([^\"]*)\"[^>]*>(?:</emoji>)?")
_NO_WORDS = re.compile(
    r"<(?P<tag>attachment)\b[^>]*></attachment>|<blockquote itemscope[^>]*>.*?</blockquote>", re.DOTALL
)
#: Stand for what is finished already, so that nothing is read in it.
_KEPT = re.compile("\ue000(\\d+)\ue001")
_MARKS = re.compile("[\ue000\ue001]")


def compose(typed: str, mentions: Sequence[tuple[str, str]] = ()) -> str:
    """The HTML of what was typed; `@Name` becomes the mention of that name, and HTML stays what it is."""
    return typed if _HTML.match(typed) else _Composer(mentions).html(_MARKS.sub("", typed))


def plain(source: str) -> str:
    """The `text` that an activity has beside its HTML: mentions as `<at>Name</at>`, everything else bare."""
    source = _NO_WORDS.sub("", source)
    source = _ALT.sub(lambda found: found[1] if "<emoji" in found[0] else "", source)
    names: list[str] = []

    def keep(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"\ue000{len(names) - 1}\ue001"

    source = _AT.sub(keep, source).replace("\n", "")
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", source))).replace("\u00a0", " ")
    text = _KEPT.sub(lambda found: f"<at>{html.unescape(names[int(found[1])])}</at>", text)
    return text.strip("\n").strip()


class _Composer:
    def __init__(self, mentions: Sequence[tuple[str, str]]) -> None:
        self._names = [name for _who, name in mentions]
        self._kept: list[str] = []

    def html(self, typed: str) -> str:
        missing = [name for name in self._names if f"@{name}" not in typed]
        if missing:
            typed = f"{' '.join(f'@{name}' for name in missing)} {typed}"
        parts: list[str] = []
        for number, part in enumerate(typed.split(_FENCE)):
            if number % 2:
                code = html.escape(part.strip("\n"), quote=False).replace("\n", "<br>")
                parts.append(f"<codeblock><code>{code}</code></codeblock>")
            else:
                parts.extend(self._paragraphs(part.strip("\n")))
        return self._restored("".join(parts))

    def _paragraphs(self, part: str) -> list[str]:
        groups: list[tuple[str, list[str]]] = []
        for line in part.split("\n") if part.strip() else []:
            bullet = _BULLET.match(line)
            if line.startswith(">"):
                kind, content = "blockquote", line[1:].lstrip(" ")
            elif bullet:
                kind, content = ("ol" if bullet["number"] else "ul"), bullet["item"]
            else:
                kind, content = "p", line
            if not groups or groups[-1][0] != kind or kind == "p":
                groups.append((kind, []))
            groups[-1][1].append(content)
        made: list[str] = []
        for kind, lines in groups:
            if kind in {"ul", "ol"}:
                made.append(f"<{kind}>{''.join(f'<li>{self._inline(line)}</li>' for line in lines)}</{kind}>")
            elif kind == "blockquote":
                made.append(f"<blockquote>{''.join(f'<p>{self._inline(line)}</p>' for line in lines)}</blockquote>")
            else:
                made.append(f"<p>{self._inline(lines[0]) if lines[0].strip() else '&nbsp;'}</p>")
        return made

    def _inline(self, text: str) -> str:
        for number, name in enumerate(self._names):
            text = self._mentioned(text, number, name)
        text = _CODE.sub(lambda found: self._keep(f"<code>{html.escape(found['code'], quote=False)}</code>"), text)
        text = _LINK.sub(lambda found: self._keep(_link(found)), text)
        text = _EMOJI.sub(lambda found: self._keep(_emoji(found[0])), text)
        text = html.escape(text, quote=False)
        for tag, pattern in _STYLES:
            text = pattern.sub(rf"<{tag}>\g<inner></{tag}>", text)
        return text

    def _mentioned(self, text: str, number: int, name: str) -> str:
        """Teams puts a blank that does not break behind a mention."""
        mention = f'<at id="{number}">{html.escape(name, quote=False)}</at>'
        pieces = re.split(f"@{re.escape(name)}(?!\\w)( ?)", text)
        joined = pieces[0]
        for blank, after in zip(pieces[1::2], pieces[2::2], strict=True):
            joined += self._keep(mention + ("&nbsp;" if blank else "")) + after
        return joined

    def _keep(self, finished: str) -> str:
        self._kept.append(finished)
        return f"\ue000{len(self._kept) - 1}\ue001"

    def _restored(self, text: str) -> str:
        while _KEPT.search(text):  # a mention may stand in a link, and so on
            text = _KEPT.sub(lambda found: self._kept[int(found[1])], text)
        return text


def _link(found: re.Match[str]) -> str:
    url = found["target"] or found["url"] or f"mailto:{found['mail']}"
    label = found["label"] or found["url"] or found["mail"]
    address = html.escape(url)
    return f'<a href="{address}" title="{address}">{html.escape(label, quote=False)}</a>'


def _emoji(picture: str) -> str:
    bare = picture.replace("\ufe0f", "")
    name = re.sub("[^a-z0-9]", "", unicodedata.name(bare[0], "emoji").lower())
    title = unicodedata.name(bare[0], "").capitalize()
    return f'<emoji id="{ord(bare[0]):x}_{name}" alt="{picture}" title="{title}"></emoji>'
