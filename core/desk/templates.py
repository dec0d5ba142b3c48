"""Approved templates: fetched from the channel, chosen, filled in, and sent as a reply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from core.contracts.bridge import Bridge
from core.contracts.content import Content
from core.contracts.errors import PermanentFailure, TemporaryFailure
from core.contracts.posts import FieldKind, Form, FormField, Option
from core.contracts.templates import Template, Templates, TemplateUse, placeholders, rendered
from core.contracts.text import cut, from_plain, line
from core.desk.replies import Replies, Where

#: How long a list is believed; vendors take minutes to approve one anyway.
_FRESH_S = 300.0
#: A dialog has to open within three seconds.
_PATIENCE_S = 2.2
MOST_SHOWN = 100
_LONGEST_VALUE = 1_000
_PARTS = {"header": "Header", "body": "Text", "footer": "Footer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """For whom a template is chosen."""

    account: str
    #: The channel, and the customer, as people call them.
    channel: str
    who: str


class TemplateShelf:
    """The templates of each account, fetched when somebody asks."""

    def __init__(self, bridges: Mapping[str, Bridge]) -> None:
        self._bridges = bridges
        self._kept: dict[str, tuple[float, Sequence[Template]]] = {}

    async def of(self, account: str) -> Sequence[Template]:
        """Those that are approved. Raises AdapterError: a sentence why they are not known now."""
        at, kept = self._kept.get(account, (0.0, ()))
        if kept and time.monotonic() - at < _FRESH_S:
            return kept
        bridge: object = self._bridges.get(account)
        if not isinstance(bridge, Templates):
            raise PermanentFailure("This channel has no templates.")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                found = list(await bridge.templates())
        except TimeoutError:
            raise TemporaryFailure("The channel did not tell its templates in time. Press the button again.") from None
        if not found:
            raise PermanentFailure("none is approved. An admin writes them in the vendor's console.")
        found.sort(key=lambda template: (template.name, template.language))
        self._kept[account] = (time.monotonic(), found)
        return found

    async def form(self, asked: Chosen, chosen: str) -> Form:
        """Which template, or what to put into the one that was chosen. Raises as `of`."""
        template = await self.find(asked.account, chosen)
        return _fill_in(asked, template) if template is not None else _choose(asked, await self.of(asked.account))

    async def find(self, account: str, template_id: str) -> Template | None:
        return next((one for one in await self.of(account) if one.id == template_id), None)


def send_template(
    connection: Connection, replies: Replies, where: Where, template: Template | None, fields: Mapping[str, str]
) -> None:
    """Sends what was chosen and filled in; the thread shows what the customer reads."""
    if template is None:
        replies.tell(connection, where, "Not sent: that template is not approved any more. Choose another.")
        return
    values = {key: line(fields.get(key, ""), limit=_LONGEST_VALUE) for key in placeholders(template)}
    empty = next((key for key, value in values.items() if not value), None)
    if empty is not None:
        replies.tell(connection, where, f"Not sent: there is nothing in {_label(empty)}. Choose the template again.")
        return
    use = TemplateUse(name=template.name, language=template.language, category=template.category, values=values)
    content = Content(body=from_plain(rendered(template, values)))
    replies.reply(connection, where, content, at=where.now, post=None, hold=False, template=use)


def _choose(asked: Chosen, templates: Sequence[Template]) -> Form:
    """Which template."""
    options = tuple(
        Option(value=one.id, label=cut(f"{one.name} ({one.language}): {line(one.body, limit=200)}", 75))
        for one in templates[:MOST_SHOWN]
    )
    hidden = len(templates) - len(options)
    more = f" {hidden} more templates are not in the list." if hidden else ""
    return Form(
        title="Template",
        submit="Next",
        text=f"To {asked.who}, by {asked.channel}. It is sent as it was approved; you fill in its values next.{more}",
        fields=(FormField(id="template", label="Template", kind=FieldKind.SELECT, options=options),),
        continues=True,
    )


def _fill_in(asked: Chosen, template: Template) -> Form:
    """What to put in, below the template as it will read."""
    buttons = "".join(f"\n[{text}]" for text in template.buttons)
    return Form(
        title="Template",
        submit="Send",
        text=f"To {asked.who}, by {asked.channel}, {template.category.value}:\n\n{rendered(template, {})}{buttons}",
        fields=tuple(
            FormField(
                id=key,
                label=_label(key),
                kind=FieldKind.TEXT,
                hint=f"For example: {template.examples[key]}" if template.examples.get(key) else "",
            )
            for key in placeholders(template)
        ),
        value=template.id,
    )


def _label(key: str) -> str:
    part, _, name = key.partition(".")
    title = _PARTS.get(part) or f"Button {int(part.removeprefix('button') or 0) + 1}"
    return f"{title} {{{{{name}}}}}"
