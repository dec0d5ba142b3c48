"""All that is done to text and to the tree, in one place to import from."""

from __future__ import annotations

from core.contracts.agentmarkdown import markdown
from core.contracts.codec import content_from_json, content_to_json, from_json, offer_from_json, offer_to_json, to_json
from core.contracts.emoji import emoji_name, name_of
from core.contracts.graphemes import graphemes
from core.contracts.plaintext import from_plain, is_empty, plain, preview
from core.contracts.splitting import split
from core.contracts.strings import cut, file_name, is_blank, line, measure, normalise, safe_url

__all__ = [
    "content_from_json",
    "content_to_json",
    "cut",
    "emoji_name",
    "file_name",
    "from_json",
    "from_plain",
    "graphemes",
    "is_blank",
    "is_empty",
    "line",
    "markdown",
    "measure",
    "name_of",
    "normalise",
    "offer_from_json",
    "offer_to_json",
    "plain",
    "preview",
    "safe_url",
    "split",
    "to_json",
]
