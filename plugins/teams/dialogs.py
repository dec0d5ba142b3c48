"""Draws forms as dialogs and an agent's queue as a card, and reads what was filled in; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.contracts.places import ThreadRef
from core.contracts.posts import FieldKind, Form, FormField, Queue, QueueItem
from core.contracts.richtext import Document
from core.contracts.text import cut, from_plain, line, markdown, normalise, safe_url
from plugins.teams.elements import Element, container, elements, literal, rich, run, small
from plugins.teams.render import CARD_TYPE, Addresses, Json, activity, buttons
from plugins.teams.sizes import MAX_SIZE, shortened, weight

# https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/task-modules/invoking-task-modules
MAX_TITLE = 64
MAX_OPTIONS = 100
#: More options than this are easier to search than to read.
MOST_READ = 7
MAX_OPTION = 150
MAX_LABEL = 300
MAX_SHORT = 3_000
MAX_TEXT = 20_000
FORM = "form"
#: Start the ids of inputs, so that none is taken for what travels with the form.
FIELD, RICH = "field_", "rich_"
#: Items of each group of a queue; the rest is counted. Fewer where they are too long.
MOST_SHOWN = (12, 6, 3, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a form was opened for; travels with it and comes back."""

    thread: ThreadRef
    action: str
    value: str
    #: Of the dialog itself: a second submit of it has the same.
    key: str = ""
    #: Another form follows it.
    continues: bool = False


def dialog(form: Form, asked: Asked) -> Json:
    """A form as the answer to `task/fetch`."""
    return _task(form, asked, [])


def with_error(form: Form, asked: Asked, data: Mapping[str, object], sentence: str) -> Json:
    """The form again: why it was not taken, and everything that was typed still in it; `data` is what was submitted."""
    values = _typed(data)
    fields = tuple(replace(field, initial=values.get(field.id, field.initial)) for field in form.fields)
    reason = container([rich(run(f"⚠️ {sentence}"))], style="attention")
    return _task(replace(form, fields=fields), asked, [reason])


def message(sentence: str) -> Json:
    """An answer to a dialog that is a sentence and nothing to fill in."""
    return {"task": {"type": "message", "value": sentence}}


def asked_for(workspace: str, data: Mapping[str, object]) -> Asked | None:
    """What a submitted dialog or a pressed button was about; None: it is none of ours.

    Room and thread are "" on a button that stands in its own thread.
    """
    if not isinstance(data.get("tb"), str) or not data.get("action"):
        return None
    names = ("action", "value", "key", "room", "thread")
    action, value, key, room, thread = (str(data.get(name) or "") for name in names)
    place = ThreadRef(workspace=workspace, room=room, thread=thread)
    return Asked(thread=place, action=action, value=value, key=key, continues=data.get("continues") == "yes")


def filled_in(data: Mapping[str, object]) -> tuple[list[tuple[str, str]], Document | None]:
    """The fields of a submitted dialog by id, and its rich text if it has one."""
    fields: list[tuple[str, str]] = []
    written: Document | None = None
    for name, value in data.items():
        words = value if isinstance(value, str) else ""
        if name.startswith(FIELD):
            fields.append((name.removeprefix(FIELD), normalise(words)))
        elif name.startswith(RICH):
            # A dialog's input has no buttons for bold and lists; people type them as they do elsewhere in Teams.
            written = markdown(normalise(words))
    return fields, written


def _typed(data: Mapping[str, object]) -> dict[str, str]:
    """What a submitted dialog holds, by field and letter by letter, to be put into it again."""
    return {
        name.removeprefix(FIELD).removeprefix(RICH): value
        for name, value in data.items()
        if name.startswith((FIELD, RICH)) and isinstance(value, str)
    }


def queue(queue: Queue, to: Addresses) -> Json:
    """An agent's own page: one card in her chat with the app."""
    for most in MOST_SHOWN:
        items = _queue(queue, most, to)
        if weight(items) < MAX_SIZE - 10_000:
            break
    words = f"Your queue: {len(queue.mine)} yours, {len(queue.waiting)} waiting for anybody"
    return activity("", items, [], words)


def _queue(queue: Queue, most: int, to: Addresses) -> list[Element]:
    items: list[Element] = []
    for sentence in queue.troubles[:most]:
        items.append(container([rich(run(f"⚠️ {cut(sentence, 500)}", weight="Bolder"))], style="attention"))
    items += _group("Yours", queue.mine, "Nothing is waiting for you. Enjoy the quiet.", most, to)
    items += _group("Waiting for anybody", queue.waiting, "Nobody is waiting. All caught up.", most, to)
    if queue.snoozed:
        items += _group("Snoozed", queue.snoozed, "", most, to)
    return items


def _group(title: str, items: Sequence[QueueItem], empty: str, most: int, to: Addresses) -> list[Element]:
    heading = f"{title} · {len(items)}" if items else title
    drawn = [rich(run(heading, size="Medium", weight="Bolder"), spacing="Large", separator=True)]
    if not items:
        return [*drawn, *small(empty)]
    drawn += [_item(item, to) for item in items[:most]]
    if len(items) > most:
        drawn += small(f"… and {len(items) - most} more")
    return drawn


def _item(item: QueueItem, to: Addresses) -> Element:
    title = run(line(item.title, limit=150) or "Customer", weight="Bolder")
    status = line(item.status, limit=200)
    parts = [rich(title, *([run(f" · {status}", isSubtle=True)] if status else []))]
    if words := cut(line(item.text, limit=400), 140):
        parts.append(rich(run(words), spacing="None"))
    if item.thread is not None:
        row = buttons(item.actions, item.thread)
        address = to.permalink(item.thread)
        if safe_url(address):
            row.insert(0, {"type": "Action.OpenUrl", "title": "Open thread", "url": address})
        if row:
            parts.append({"type": "ActionSet", "actions": row, "spacing": "Small"})
    return container(parts, style="emphasis", spacing="Small")


def _task(form: Form, asked: Asked, top: list[Element]) -> Json:
    inputs = [element for field in form.fields for element in _input(field)]
    room = MAX_SIZE - weight([inputs, top]) - 4_000
    body = [*top, *shortened(elements(from_plain(form.text)), room), *inputs]
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": body or small("…"),
    }
    if form.fields or form.submit:
        thread = asked.thread
        data = {
            "tb": FORM,
            "action": asked.action,
            "value": asked.value if form.value is None else form.value,
            "key": asked.key,
            **({"continues": "yes"} if form.continues else {}),
            "room": thread.room,
            "thread": thread.thread,
        }
        submit = line(form.submit, limit=MAX_TITLE) or "Send"
        card["actions"] = [{"type": "Action.Submit", "title": submit, "style": "positive", "data": data}]
    value = {
        "title": line(form.title, limit=MAX_TITLE) or "Threadbridge",
        "width": "medium",
        "height": "medium" if form.fields else "large",
        "card": {"contentType": CARD_TYPE, "content": card},
    }
    return {"task": {"type": "continue", "value": value}}


def _input(field: FormField) -> list[Element]:
    label = literal(line(field.label, limit=MAX_LABEL)) or field.id
    drawn: Element = {"id": f"{FIELD}{field.id}", "label": label}
    if not field.optional:
        drawn |= {"isRequired": True, "errorMessage": f"{label} is missing."}
    if field.kind is FieldKind.SELECT:
        options = field.options[:MAX_OPTIONS]
        drawn |= {
            "type": "Input.ChoiceSet",
            "style": "filtered" if len(options) > MOST_READ else "compact",
            "choices": [_choice(option.value, option.label) for option in options],
        }
        if field.initial in {option.value for option in options}:
            drawn["value"] = field.initial
    else:
        drawn |= {"type": "Input.Text", "maxLength": MAX_SHORT}
        if field.kind is FieldKind.LINES:
            drawn["isMultiline"] = True
        elif field.kind is FieldKind.RICH_TEXT:
            drawn |= {
                "id": f"{RICH}{field.id}",
                "maxLength": MAX_TEXT,
                "isMultiline": True,
                "placeholder": "**bold**, _italic_, `code`, - list",
            }
        if field.initial:
            drawn["value"] = cut(field.initial, drawn["maxLength"])
    return [drawn, *small(cut(field.hint, MAX_LABEL))]


def _choice(value: str, label: str) -> Json:
    return {"title": literal(line(label, limit=MAX_OPTION)) or value[:MAX_OPTION] or "–", "value": value}
