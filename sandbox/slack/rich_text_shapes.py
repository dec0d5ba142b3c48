"""The rich_text block written down: sections, lists, quotes and what stands in them.

https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

from sandbox.slack.shapes import (
    Check,
    Field,
    anything,
    boolean,
    by_type,
    integer,
    items,
    one_of,
    shape,
    string,
    url,
)

_STYLES = ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")
_STYLE = shape({name: Field(boolean) for name in _STYLES})


def _inline(**fields: Field) -> Check:
    return shape({"type": Field(anything), "style": Field(_STYLE), **fields})


def _must(check: Check) -> Field:
    return Field(check, required=True)


_INLINE = by_type(
    {
        "text": _inline(text=_must(string(1, 40_000))),
        "link": _inline(url=_must(url()), text=Field(string(0, 40_000)), unsafe=Field(boolean)),
        "emoji": _inline(
            name=_must(string(1, 100)), unicode=Field(string(1, 100)), skin_tone=Field(integer(1, 6)),
            url=Field(anything), display_url=Field(anything),
        ),
        "user": _inline(user_id=_must(string(1, 50))),
        "channel": _inline(channel_id=_must(string(1, 50))),
        "usergroup": _inline(usergroup_id=_must(string(1, 50))),
        "team": _inline(team_id=_must(string(1, 50))),
        "broadcast": _inline(range=_must(one_of("here", "channel", "everyone"))),
        "color": _inline(value=_must(string(1, 50))),
        "date": _inline(
            timestamp=_must(integer(0, 9_999_999_999)), format=_must(string(1, 255)),
            url=Field(url()), fallback=Field(string(0, 255)),
        ),
    }
)  # fmt: skip
_SECTION = shape({"type": Field(anything), "elements": _must(items(_INLINE))})
_PIECE = by_type(
    {
        "rich_text_section": _SECTION,
        "rich_text_quote": shape(
            {"type": Field(anything), "elements": _must(items(_INLINE)), "border": Field(integer(0, 1))}
        ),
        "rich_text_preformatted": shape(
            {
                "type": Field(anything),
                "elements": _must(items(_INLINE)),
                "border": Field(integer(0, 1)),
                "language": Field(string(1, 50)),
            }
        ),
        "rich_text_list": shape(
            {
                "type": Field(anything),
                "style": _must(one_of("bullet", "ordered")),
                "elements": _must(items(by_type({"rich_text_section": _SECTION}))),
                "indent": Field(integer(0, 8)),
                "offset": Field(integer(0, 1_000_000)),
                "border": Field(integer(0, 1)),
            }
        ),
    }
)
RICH_TEXT = shape({"type": Field(anything), "block_id": Field(string(0, 255)), "elements": _must(items(_PIECE, 1))})
