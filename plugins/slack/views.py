"""Draws forms as modals and an agent's queue as App Home, and reads what was filled in; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.contracts.content import TextUnit
from core.contracts.places import ThreadRef
from core.contracts.posts import FieldKind, Form, FormField, Queue, QueueItem
from core.contracts.richtext import Document
from core.contracts.text import cut, from_plain, line, split
from plugins.slack.parse import Names, document_of
from plugins.slack.render import MAX_BUTTONS, OPEN, Block, Permalink, button
from plugins.slack.richtext import elements, plain_text, rich_text, section, text

# https://docs.slack.dev/reference/views/modal-views
MAX_TITLE = 24
MAX_LABEL = 2_000
MAX_OPTIONS = 100
#: Characters of one block of a form's text, and blocks of it.
MAX_PART = 2_900
MOST_PARTS = 40
MAX_OPTION = 75
MAX_INITIAL = 3_000
#: private_metadata; what an action carries is an id, so this is never reached.
MAX_METADATA = 3_000
FORM = "tb_form"
#: Items of each group on the page; the rest is counted. Slack takes 100 blocks in all.
MOST_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a form was opened for; travels with it and comes back."""

    thread: ThreadRef
    action: str
    value: str
    #: Another form follows it.
    continues: bool = False


def modal(form: Form, asked: Asked) -> Block:
    """A form as views.open takes it."""
    blocks: list[Block] = []
    for part in split(from_plain(form.text), limit=MAX_PART, unit=TextUnit.CHARACTER)[:MOST_PARTS]:
        blocks += rich_text(elements(part))
    blocks += [_input(field) for field in form.fields]
    closes = {"close": plain_text("Cancel"), "submit": plain_text(line(form.submit, limit=MAX_TITLE) or "Send")}
    if not form.fields and not form.submit:
        # Something to read: there is nothing to submit.
        closes = {"close": plain_text("Close")}
    value = asked.value if form.value is None else form.value
    metadata = [asked.thread.room, asked.thread.thread, asked.action, value, *([True] if form.continues else [])]
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": json.dumps(metadata, ensure_ascii=False)[:MAX_METADATA],
        "title": plain_text(line(form.title, limit=MAX_TITLE) or "Threadbridge"),
        **closes,
        "blocks": blocks,
    }


def asked_for(workspace: str, view: Mapping[str, Any]) -> Asked:
    """What a submitted modal was opened for."""
    room, thread, action, value, *more = json.loads(view["private_metadata"])
    place = ThreadRef(workspace=workspace, room=room, thread=thread)
    return Asked(thread=place, action=action, value=value, continues=more == [True])


def filled_in(view: Mapping[str, Any], names: Names) -> tuple[list[tuple[str, str]], Document | None]:
    """The fields of a submitted modal by id, and its rich text if it has one."""
    fields: list[tuple[str, str]] = []
    written: Document | None = None
    for field_id, inputs in view["state"]["values"].items():
        for state in inputs.values():
            if state["type"] == "rich_text_input":
                tree = state.get("rich_text_value")
                written = document_of([tree], names) if tree else Document()
            elif state["type"] == "static_select":
                option = state.get("selected_option")
                fields.append((field_id, option["value"] if option else ""))
            else:
                fields.append((field_id, state.get("value") or ""))
    return fields, written


def home(queue: Queue, permalink: Permalink) -> Block:
    """An agent's own page."""
    blocks: list[Block] = []
    for sentence in queue.troubles[:MOST_SHOWN]:
        blocks += rich_text([section(text("⚠️ "), text(cut(sentence, 500), "bold"))])
    if blocks:
        blocks.append({"type": "divider"})
    blocks += _group("Yours", queue.mine, "Nothing is waiting for you. Enjoy the quiet.", permalink)
    blocks += _group("Waiting for anybody", queue.waiting, "Nobody is waiting. All caught up.", permalink)
    if queue.snoozed:
        blocks += _group("Snoozed", queue.snoozed, "", permalink)
    return {"type": "home", "blocks": blocks}


def _group(title: str, items: Sequence[QueueItem], empty: str, permalink: Permalink) -> list[Block]:
    heading = f"{title} · {len(items)}" if items else title
    blocks: list[Block] = [{"type": "header", "text": plain_text(heading)}]
    if not items:
        return [*blocks, _small(empty)]
    for number, item in enumerate(items[:MOST_SHOWN]):
        blocks += _item(f"{title}:{number}", item, permalink)
    if len(items) > MOST_SHOWN:
        blocks.append(_small(f"… and {len(items) - MOST_SHOWN} more"))
    return blocks


def _item(place: str, item: QueueItem, permalink: Permalink) -> list[Block]:
    words = cut(line(item.text, limit=400), 140)
    parts = [section(text(line(item.title, limit=150) or "Customer", "bold"), text(f"   {item.status}"))]
    if words:
        parts.append({"type": "rich_text_quote", "elements": [text(words)]})
    blocks = rich_text(parts)
    buttons: list[Block] = []
    if item.thread is not None and (address := permalink(item.thread)):
        buttons.append({"type": "button", "action_id": f"{OPEN}:0", "text": plain_text("Open thread"), "url": address})
    if item.thread is not None:
        room = MAX_BUTTONS - len(buttons)
        buttons += [button(number, action) for number, action in enumerate(item.actions[:room], start=len(buttons))]
    if buttons and item.thread is not None:
        blocks.append({"type": "actions", "block_id": thread_block(item.thread, place), "elements": buttons})
    return blocks


def thread_block(thread: ThreadRef, place: str) -> str:
    """A block_id that says which thread a button belongs to, where Slack itself does not; `place` makes it unique."""
    return f"{thread.room}|{thread.thread}|{place}"[:255]


def thread_of_block(workspace: str, block_id: str) -> ThreadRef | None:
    """The thread that `thread_block` named."""
    parts = block_id.split("|")
    if len(parts) != 3 or not parts[0] or not parts[1]:
        return None
    return ThreadRef(workspace=workspace, room=parts[0], thread=parts[1])


def _input(field: FormField) -> Block:
    control: Block
    if field.kind is FieldKind.RICH_TEXT:
        control = {"type": "rich_text_input", "action_id": "value", "focus_on_load": True}
        if field.initial.strip():
            control["initial_value"] = rich_text([section(text(field.initial))])[0]
    elif field.kind is FieldKind.SELECT:
        options = [_option(option.value, option.label) for option in field.options[:MAX_OPTIONS]]
        control = {"type": "static_select", "action_id": "value", "options": options}
        if chosen := [option for option in options if option["value"] == field.initial]:
            control["initial_option"] = chosen[0]
    else:
        control = {"type": "plain_text_input", "action_id": "value"}
        if field.kind is FieldKind.LINES:
            control["multiline"] = True
        if field.initial:
            control["initial_value"] = cut(field.initial, MAX_INITIAL)
    drawn: Block = {
        "type": "input",
        "block_id": field.id,
        "label": plain_text(cut(field.label, MAX_LABEL) or field.id),
        "element": control,
        "optional": field.optional,
    }
    if field.hint:
        drawn["hint"] = plain_text(cut(field.hint, MAX_LABEL))
    return drawn


def _option(value: str, label: str) -> Block:
    return {"text": plain_text(line(label, limit=MAX_OPTION) or value[:MAX_OPTION]), "value": value}


def _small(words: str) -> Block:
    return {"type": "context", "elements": [plain_text(words)]}
