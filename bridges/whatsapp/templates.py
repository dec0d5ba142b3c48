"""Reads the approved templates of a WhatsApp Business account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.contracts.templates import Template, TemplateCategory

Json = Mapping[str, Any]
#: What every template consists of; others hold pictures, codes or several cards.
_PARTS = frozenset({"HEADER", "BODY", "FOOTER", "BUTTONS"})
_BUTTONS = frozenset({"QUICK_REPLY", "URL", "PHONE_NUMBER"})


def template(given: Json) -> Template | None:
    """A template that is approved and holds nothing but text; None for any other."""
    parts = {one["type"]: one for one in given["components"]}
    header, buttons = parts.get("HEADER", {}), parts.get("BUTTONS", {}).get("buttons", [])
    plain = set(parts) <= _PARTS and "BODY" in parts and header.get("format", "TEXT") == "TEXT"
    if not plain or given["status"] != "APPROVED" or any(one["type"] not in _BUTTONS for one in buttons):
        return None
    return Template(
        name=given["name"],
        language=given["language"],
        category=TemplateCategory(given["category"].lower()),
        header=header.get("text", ""),
        body=parts["BODY"]["text"],
        footer=parts.get("FOOTER", {}).get("text", ""),
        buttons=tuple(_button(one) for one in buttons),
        examples=_examples("header", header) | _examples("body", parts["BODY"]),
    )


def _button(button: Json) -> str:
    leads = button.get("url") or button.get("phone_number")
    return f"{button['text']}: {leads}" if leads else str(button["text"])


def _examples(part: str, component: Json) -> dict[str, str]:
    """By name, or by number in the order of the text."""
    given = component.get("example") or {}
    named = given.get(f"{part}_text_named_params") or []
    found = {f"{part}.{one['param_name']}": str(one["example"]) for one in named}
    listed = given.get(f"{part}_text") or []
    # Of the body there may be several sets, of which the first is as good as any.
    values = listed[0] if listed and isinstance(listed[0], list) else listed
    return found | {f"{part}.{number}": str(value) for number, value in enumerate(values, 1)}
