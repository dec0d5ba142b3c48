"""Block Kit written down: every block and element, its properties and limits, and the surfaces it may appear on.

https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sandbox.slack.rich_text_shapes import RICH_TEXT
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
    text,
    url,
)

MESSAGE, MODAL, HOME = "message", "modal", "home"
_PLAIN = ("plain_text",)
_DATE = r"\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One type of block."""

    check: Check
    surfaces: Collection[str] = (MESSAGE, MODAL, HOME)


def _object(one_needed: Collection[str] = (), /, **fields: Field) -> Check:
    return shape({"type": Field(anything), **fields}, one_needed=one_needed)


def _block(one_needed: Collection[str] = (), **fields: Field) -> Check:
    return _object(one_needed, block_id=Field(string(0, 255)), **fields)


def _must(check: Check) -> Field:
    return Field(check, required=True)


_CONFIRM = shape(
    {
        "title": _must(text(100, kinds=_PLAIN)),
        "text": _must(text(300)),
        "confirm": _must(text(30, kinds=_PLAIN)),
        "deny": _must(text(30, kinds=_PLAIN)),
        "style": Field(one_of("primary", "danger")),
    }
)
_OPTION_FIELDS = {"value": _must(string(1, 150)), "text": _must(text(75, kinds=_PLAIN))}
_OPTION = shape({**_OPTION_FIELDS, "description": Field(text(75, kinds=_PLAIN))})
_OVERFLOW_OPTION = shape({**_OPTION_FIELDS, "description": Field(text(75, kinds=_PLAIN)), "url": Field(url())})
#: Only checkboxes and radio buttons may carry mrkdwn.
_MARKED_OPTION = shape({**_OPTION_FIELDS, "text": _must(text(75)), "description": Field(text(75))})
_OPTION_GROUP = shape({"label": _must(text(75, kinds=_PLAIN)), "options": _must(items(_OPTION, 1, 100))})
_SLACK_FILE = shape({"id": Field(string(1, 255)), "url": Field(url())}, one_needed=("id", "url"))
_DISPATCH = shape({"trigger_actions_on": Field(items(one_of("on_enter_pressed", "on_character_entered"), 1, 2))})


def _element(**fields: Field) -> Check:
    return _object(action_id=Field(string(1, 255)), **fields)


def _select(**fields: Field) -> Check:
    return _element(
        placeholder=Field(text(150, kinds=_PLAIN)),
        confirm=Field(_CONFIRM),
        focus_on_load=Field(boolean),
        **fields,
    )


def _static(initial: str, check: Check, **more: Field) -> Check:
    options = {"options": Field(items(_OPTION, 1, 100)), "option_groups": Field(items(_OPTION_GROUP, 1, 100))}
    fields = {
        "type": Field(anything),
        "action_id": Field(string(1, 255)),
        "placeholder": Field(text(150, kinds=_PLAIN)),
        "confirm": Field(_CONFIRM),
        "focus_on_load": Field(boolean),
        initial: Field(check),
    }
    return shape({**fields, **options, **more}, one_needed=("options", "option_groups"))


_MANY = {"max_selected_items": Field(integer(1, 10_000))}
_FILTER = shape(
    {
        "include": Field(items(one_of("im", "mpim", "private", "public"), 1, 4)),
        "exclude_external_shared_channels": Field(boolean),
        "exclude_bot_users": Field(boolean),
    }
)
_CHANNEL_SELECT = {
    "response_url_enabled": Field(boolean),
    "default_to_current_conversation": Field(boolean),
    "filter": Field(_FILTER),
}
_INPUT = {
    "focus_on_load": Field(boolean),
    "placeholder": Field(text(150, kinds=_PLAIN)),
    "dispatch_action_config": Field(_DISPATCH),
}
BUTTON = _element(
    text=_must(text(75, kinds=_PLAIN)),
    url=Field(url()),
    value=Field(string(0, 2000)),
    style=Field(one_of("primary", "danger")),
    confirm=Field(_CONFIRM),
    accessibility_label=Field(string(0, 75)),
    visible_to_user_ids=Field(items(string(1, 50), 0, 100)),
)
_OPTIONS = {"options": _must(items(_MARKED_OPTION, 1, 10)), "confirm": Field(_CONFIRM), "focus_on_load": Field(boolean)}
ELEMENTS: dict[str, Check] = {
    "button": BUTTON,
    "image": _object(
        ("image_url", "slack_file"),
        image_url=Field(url()),
        slack_file=Field(_SLACK_FILE),
        alt_text=_must(string(1, 2000)),
    ),
    "overflow": _element(options=_must(items(_OVERFLOW_OPTION, 1, 5)), confirm=Field(_CONFIRM)),
    "static_select": _static("initial_option", _OPTION),
    "multi_static_select": _static("initial_options", items(_OPTION, 1, 100), **_MANY),
    "external_select": _select(initial_option=Field(_OPTION), min_query_length=Field(integer(0, 1000))),
    "multi_external_select": _select(
        initial_options=Field(items(_OPTION, 1, 100)), min_query_length=Field(integer(0, 1000)), **_MANY
    ),
    "users_select": _select(initial_user=Field(string(1, 50))),
    "multi_users_select": _select(initial_users=Field(items(string(1, 50))), **_MANY),
    "conversations_select": _select(initial_conversation=Field(string(1, 50)), **_CHANNEL_SELECT),
    "multi_conversations_select": _select(
        initial_conversations=Field(items(string(1, 50))), **_CHANNEL_SELECT, **_MANY
    ),
    "channels_select": _select(initial_channel=Field(string(1, 50)), response_url_enabled=Field(boolean)),
    "multi_channels_select": _select(initial_channels=Field(items(string(1, 50))), **_MANY),
    "datepicker": _select(initial_date=Field(string(10, 10, _DATE))),
    "timepicker": _select(initial_time=Field(string(5, 5, r"\d{2}:\d{2}")), timezone=Field(string(1, 100))),
    "datetimepicker": _element(
        initial_date_time=Field(integer(1_000_000_000, 9_999_999_999)),
        confirm=Field(_CONFIRM),
        focus_on_load=Field(boolean),
    ),
    "checkboxes": _element(initial_options=Field(items(_MARKED_OPTION, 1, 10)), **_OPTIONS),
    "radio_buttons": _element(initial_option=Field(_MARKED_OPTION), **_OPTIONS),
    "plain_text_input": _element(
        initial_value=Field(string(0, 3000)),
        multiline=Field(boolean),
        min_length=Field(integer(0, 3000)),
        max_length=Field(integer(1, 3000)),
        **_INPUT,
    ),
    "email_text_input": _element(initial_value=Field(string(0, 3000)), **_INPUT),
    "url_text_input": _element(initial_value=Field(string(0, 3000)), **_INPUT),
    "number_input": _element(
        is_decimal_allowed=_must(boolean),
        initial_value=Field(string(1, 100)),
        min_value=Field(string(1, 100)),
        max_value=Field(string(1, 100)),
        **_INPUT,
    ),
    "rich_text_input": _element(initial_value=Field(RICH_TEXT), **_INPUT),
    "file_input": _element(filetypes=Field(items(string(1, 50))), max_files=Field(integer(1, 10))),
    "workflow_button": _element(
        text=_must(text(75, kinds=_PLAIN)), workflow=_must(anything), style=Field(one_of("primary", "danger"))
    ),
    "feedback_buttons": _element(positive_button=_must(anything), negative_button=_must(anything)),
    "icon_button": _element(
        icon=_must(one_of("trash")),
        text=_must(text(75, kinds=_PLAIN)),
        value=Field(string(0, 2000)),
        confirm=Field(_CONFIRM),
        accessibility_label=Field(string(0, 75)),
        visible_to_user_ids=Field(items(string(1, 50))),
    ),
}


def _of(*names: str) -> Check:
    return by_type({name: ELEMENTS[name] for name in names})


_SELECTS = tuple(name for name in ELEMENTS if name.endswith("_select"))
_PICKERS = ("datepicker", "timepicker", "checkboxes", "radio_buttons")
_INPUTS = (
    "plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input",
)  # fmt: skip
_SINGLE = tuple(name for name in _SELECTS if not name.startswith("multi_"))
_CONTEXT = by_type(
    {
        "image": ELEMENTS["image"],
        "plain_text": text(3000, kinds=_PLAIN),
        "mrkdwn": text(3000, kinds=("mrkdwn",)),
    }
)
_CELL = by_type(
    {
        "raw_text": _object(text=_must(string(0, 3000))),
        "raw_number": _object(value=_must(anything), text=Field(string(0, 3000))),
        "rich_text": RICH_TEXT,
    }
)
_CARD = _block(
    title=Field(text(150)),
    subtitle=Field(text(150)),
    body=Field(text(200)),
    subtext=Field(text(200)),
    icon=Field(ELEMENTS["image"]),
    slack_icon=Field(anything),
    hero_image=Field(ELEMENTS["image"]),
    actions=Field(items(BUTTON, 1, 3)),
)
#: Blocks newer than the published schemas: their own fields are taken on trust, their limits are not.
_LOOSE_CHART = shape(
    {"title": Field(string(1, 50)), "block_id": Field(string(0, 255)), "chart": Field(anything)}, open_ended=True
)
_LOOSE_TABLE = shape(
    {"caption": _must(anything), "block_id": Field(string(0, 255)), "page_size": Field(integer(1, 100))},
    open_ended=True,
)
_LOOSE = shape({"block_id": Field(string(0, 255))}, open_ended=True)
_CONTAINED = items(anything, 1, 10)

BLOCKS: dict[str, Block] = {
    "section": Block(
        check=_block(
            ("text", "fields"),
            text=Field(text(3000)),
            fields=Field(items(text(2000), 1, 10)),
            accessory=Field(
                _of("button", "image", "overflow", "workflow_button", "datetimepicker", *_PICKERS, *_SELECTS)
            ),
            expand=Field(boolean),
        )
    ),
    "header": Block(check=_block(text=_must(text(150, kinds=_PLAIN)), level=Field(integer(1, 4)))),
    "divider": Block(check=_block()),
    "context": Block(check=_block(elements=_must(items(_CONTEXT, 1, 10)))),
    "image": Block(
        check=_block(
            ("image_url", "slack_file"),
            image_url=Field(url()),
            slack_file=Field(_SLACK_FILE),
            alt_text=_must(string(1, 2000)),
            title=Field(text(2000, kinds=_PLAIN)),
        )
    ),
    "actions": Block(
        check=_block(
            elements=_must(
                items(_of("button", "overflow", "workflow_button", "datetimepicker", *_PICKERS, *_SINGLE), 1, 25)
            )
        )
    ),
    "input": Block(
        check=_block(
            label=_must(text(2000, kinds=_PLAIN)),
            element=_must(_of("datetimepicker", *_PICKERS, *_SELECTS, *_INPUTS)),
            hint=Field(text(2000, kinds=_PLAIN)),
            optional=Field(boolean),
            dispatch_action=Field(boolean),
        )
    ),
    "rich_text": Block(check=RICH_TEXT),
    "markdown": Block(check=_block(text=_must(string(1, 12_000))), surfaces=(MESSAGE,)),
    "table": Block(
        check=_block(
            rows=_must(items(items(_CELL, 1, 20), 1, 100)),
            column_settings=Field(items(anything, 0, 20)),
        ),
        surfaces=(MESSAGE, HOME),
    ),
    "video": Block(
        check=_block(
            alt_text=_must(string(1, 2000)),
            title=_must(text(200, kinds=_PLAIN)),
            thumbnail_url=_must(url()),
            video_url=_must(url()),
            author_name=Field(string(0, 50)),
            description=Field(text(200, kinds=_PLAIN)),
            provider_icon_url=Field(url()),
            provider_name=Field(string(0, 50)),
            title_url=Field(url()),
        )
    ),
    "file": Block(check=_block(external_id=_must(string(1, 255)), source=_must(one_of("remote"))), surfaces=(MESSAGE,)),
    "context_actions": Block(
        check=_block(elements=_must(items(_of("feedback_buttons", "icon_button"), 1, 5))), surfaces=(MESSAGE,)
    ),
    "card": Block(check=_CARD),
    "carousel": Block(check=_block(elements=_must(items(by_type({"card": _CARD}), 1, 10))), surfaces=(MESSAGE,)),
    "container": Block(
        check=shape({"block_id": Field(string(0, 255)), "child_blocks": Field(_CONTAINED)}, open_ended=True),
        surfaces=(MESSAGE, HOME),
    ),
    "alert": Block(
        check=_block(text=_must(text(3000)), level=Field(one_of("default", "info", "warning", "error", "success"))),
        surfaces=(MODAL,),
    ),
    "data_table": Block(check=_LOOSE_TABLE, surfaces=(MESSAGE, HOME)),
    "data_visualization": Block(check=_LOOSE_CHART, surfaces=(MESSAGE, HOME)),
    "task_card": Block(check=_LOOSE, surfaces=(MESSAGE,)),
    "plan": Block(check=_LOOSE, surfaces=(MESSAGE,)),
}
