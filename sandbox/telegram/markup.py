"""Parses the three parse modes into entities and refuses what Telegram refuses."""

from __future__ import annotations

import html
import re
from typing import Any

from sandbox.telegram.errors import ApiError, bad_request

Entity = dict[str, Any]

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
}
_TAG = re.compile(r"<(?P<end>/)?(?P<name>[a-zA-Z0-9-]*)(?P<attributes>[^<>]*)>")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_V2_MARKS = {
    "*": "bold",
    "_": "italic",
    "__": "underline",
    "~": "strikethrough",
    "||": "spoiler",
    "`": "code",
    "```": "pre",
}
_V1_MARKS = {"*": "bold", "_": "italic", "`": "code", "```": "pre"}
_V2_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")


def parse_markup(text: str, mode: str) -> tuple[str, list[Entity]]:
    """Plain text and entities of a marked-up text. Raises: ApiError."""
    if mode == "html":
        return _Html().parse(text)
    if mode == "markdownv2":
        return _Markdown(_V2_MARKS, reserved=_V2_RESERVED).parse(text)
    if mode == "markdown":
        return _Markdown(_V1_MARKS, reserved=frozenset()).parse(text)
    raise bad_request("Unsupported parse_mode")


def _refused(reason: str) -> ApiError:
    return bad_request(f"can't parse entities: {reason}")


class _Output:
    """Text written so far, measured in UTF-16 units."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0
        self.entities: list[Entity] = []

    def write(self, text: str) -> None:
        self.pieces.append(text)
        self.size += len(text.encode("utf-16-le")) // 2

    def close(self, kind: str, start: int, **extra: Any) -> None:
        if self.size > start:
            self.entities.append({"type": kind, "offset": start, "length": self.size - start, **extra})

    def result(self) -> tuple[str, list[Entity]]:
        return "".join(self.pieces), self.entities


class _Html:
    def __init__(self) -> None:
        self.output = _Output()
        #: Open tags: name, start, attributes.
        self.open: list[tuple[str, int, dict[str, str]]] = []

    def parse(self, text: str) -> tuple[str, list[Entity]]:
        position = 0
        while (at := text.find("<", position)) >= 0:
            self.output.write(html.unescape(text[position:at]))
            match = _TAG.match(text, at)
            where = len(text[:at].encode())
            if match is None:
                raise _refused(f"Unclosed start tag at byte offset {where}")
            self._tag(match, where)
            position = match.end()
        self.output.write(html.unescape(text[position:]))
        if self.open:
            raise _refused(f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"')
        return self.output.result()

    def _tag(self, match: re.Match[str], where: int) -> None:
        name = match["name"].lower()
        if not match["end"]:
            attributes = {
                found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "")
                for found in _ATTRIBUTE.finditer(match["attributes"])
            }
            if name not in _TAGS or (name == "span" and attributes.get("class") != "tg-spoiler"):
                raise _refused(f'Unsupported start tag "{name}" at byte offset {where}')
            self.open.append((name, self.output.size, attributes))
            return
        if not self.open:
            raise _refused(f"Unexpected end tag at byte offset {where}")
        opened, start, attributes = self.open.pop()
        if name not in ("", opened):
            raise _refused(f'Unmatched end tag at byte offset {where}, expected "</{opened}>", found "</{name}>"')
        self._close(opened, start, attributes)

    def _close(self, name: str, start: int, attributes: dict[str, str]) -> None:
        kind = _TAGS[name]
        if name == "a":
            if attributes.get("href"):
                self.output.close(kind, start, url=attributes["href"])
        elif name == "tg-emoji":
            self.output.close(kind, start, custom_emoji_id=attributes.get("emoji-id", ""))
        elif name == "blockquote" and "expandable" in attributes:
            self.output.close("expandable_blockquote", start)
        elif name == "code" and self.open and self.open[-1][0] == "pre" and "class" in attributes:
            self.open[-1][2]["language"] = attributes["class"].removeprefix("language-")
        elif name == "pre" and attributes.get("language"):
            self.output.close(kind, start, language=attributes["language"])
        else:
            self.output.close(kind, start)


class _Markdown:
    def __init__(self, marks: dict[str, str], *, reserved: frozenset[str]) -> None:
        self.output = _Output()
        self.marks = marks
        self.reserved = reserved
        #: Open marks: mark, start, byte offset.
        self.open: list[tuple[str, int, int]] = []
        self.quote: int | None = None

    def parse(self, text: str) -> tuple[str, list[Entity]]:
        self.text, self.position = text, 0
        while self.position < len(text):
            self._step()
        if self.quote is not None:
            self.output.close("blockquote", self.quote)
        if self.open:
            mark, _, where = self.open[-1]
            kind = "TextUrl" if mark == "[" else self.marks[mark].capitalize()
            raise _refused(f"Can't find end of {kind} entity at byte offset {where}")
        return self.output.result()

    def _step(self) -> None:
        text, at = self.text, self.position
        character = text[at]
        inside_code = bool(self.open) and self.open[-1][0] in ("`", "```")
        if character == "\\" and at + 1 < len(text) and 0 < ord(text[at + 1]) <= 126:
            self.output.write(text[at + 1])
            self.position += 2
            return
        mark = next(
            (mark for mark in ("```", "||", "__", character) if mark in self.marks and text.startswith(mark, at)), ""
        )
        if inside_code and mark != self.open[-1][0]:
            mark = ""
        if mark:
            self._mark(mark)
        elif inside_code:
            self._write(character)
        elif character == "[":
            self._open("[")
        elif character == "]" and self.open and self.open[-1][0] == "[":
            self._link()
        elif character == ">" and self.reserved and (at == 0 or text[at - 1] == "\n"):
            self.quote = self.output.size if self.quote is None else self.quote
            self.position += 1
        elif character in self.reserved:
            raise _refused(f"Character '{character}' is reserved and must be escaped with the preceding '\\'")
        else:
            self._write(character)

    def _write(self, character: str) -> None:
        if character == "\n" and self.quote is not None and not self.text.startswith(">", self.position + 1):
            self.output.close("blockquote", self.quote)
            self.quote = None
        self.output.write(character)
        self.position += 1

    def _open(self, mark: str) -> None:
        self.open.append((mark, self.output.size, len(self.text[: self.position].encode())))
        self.position += len(mark)

    def _mark(self, mark: str) -> None:
        if not self.open or all(mark != opened for opened, _, _ in self.open):
            self._open(mark)
            if mark == "```" and (match := re.compile(r"([\w+#-]{1,32})\n").match(self.text, self.position)):
                self.language: str | None = match[1]
                self.position = match.end()
            elif mark == "```":
                self.language = None
            return
        opened, start, where = self.open.pop()
        if opened != mark:
            raise _refused(f"Can't find end of the entity starting at byte offset {where}")
        extra = {"language": self.language} if mark == "```" and self.language else {}
        self.output.close(self.marks[mark], start, **extra)
        self.position += len(mark)

    def _link(self) -> None:
        _, start, where = self.open.pop()
        self.position += 1
        if not self.text.startswith("(", self.position):
            return
        end = self.text.find(")", self.position)
        if end < 0:
            raise _refused(f"Can't find end of a URL at byte offset {where}")
        url = self.text[self.position + 1 : end].replace("\\", "")
        self.position = end + 1
        if url:
            self.output.close("text_link", start, url=url)
