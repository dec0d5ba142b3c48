"""Messages that a vendor has approved beforehand, which may be sent when nothing else may."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,60})\s*\}\}")


class TemplateCategory(StrEnum):
    """What a template is for; decides its price, and who may still be sent it."""

    UTILITY = "utility"
    MARKETING = "marketing"
    AUTHENTICATION = "authentication"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An approved template. Its texts hold `{{1}}` or `{{name}}` where a value is put."""

    name: str
    #: As the vendor writes it: "en_US".
    language: str
    category: TemplateCategory
    body: str
    header: str = ""
    footer: str = ""
    #: What its buttons say; one that leads to an address ends in it: "Track it: https://example.com/{{1}}".
    buttons: tuple[str, ...] = ()
    #: Example values by the keys of `placeholders`, where the vendor has them.
    examples: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Unique within its account."""
        return f"{self.name}/{self.language}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateUse:
    """A template with the values that are put in; the message's own text is what the customer reads."""

    name: str
    language: str
    category: TemplateCategory
    #: By "<part>.<placeholder>": "body.1", "header.name", "button0.1" for the first button.
    values: Mapping[str, str] = field(default_factory=dict)

    def of(self, part: str) -> dict[str, str]:
        """The values of one part, by placeholder, in the order in which they stand in it."""
        beginning = f"{part}."
        return {key[len(beginning) :]: value for key, value in self.values.items() if key.startswith(beginning)}


@runtime_checkable
class Templates(Protocol):
    """A channel that has templates; declared as `Capabilities.templates`."""

    async def templates(self) -> Sequence[Template]:
        """Those that are approved and hold nothing but text. Raises as `send`."""
        ...


def placeholders(template: Template) -> list[str]:
    """The keys of all values that the template needs, in the order in which they are read."""
    found = [f"{part}.{match[1]}" for part, text in _parts(template) for match in _PLACEHOLDER.finditer(text)]
    return list(dict.fromkeys(found))


def rendered(template: Template, values: Mapping[str, str]) -> str:
    """The template as the customer reads it; a value that is missing leaves its placeholder."""
    lines = [_filled(part, text, values) for part, text in _parts(template)]
    words = [line for line in lines[: 3 if template.footer else 2] if line]
    return "\n\n".join(words)


def _parts(template: Template) -> list[tuple[str, str]]:
    buttons = [(f"button{number}", text) for number, text in enumerate(template.buttons)]
    return [("header", template.header), ("body", template.body), ("footer", template.footer), *buttons]


def _filled(part: str, text: str, values: Mapping[str, str]) -> str:
    def put(match: re.Match[str]) -> str:
        return values.get(f"{part}.{match[1]}", "") or match[0]

    return _PLACEHOLDER.sub(put, text)
