"""Block Kit as the sandbox judges it: what Slack takes is taken, what it refuses is refused with its place."""

from typing import Any

import pytest

from sandbox.slack.blocks import check_message_blocks, check_view
from sandbox.slack.wire import SlackError

Json = dict[str, Any]


def plain(text: str = "x") -> Json:
    return {"type": "plain_text", "text": text}


def button(**more: Any) -> Json:
    return {"type": "button", "action_id": "a", "text": plain(), **more}


def option(value: str = "v") -> Json:
    return {"text": plain(), "value": value}


def section(**more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


TAKEN = [
    section(),
    section(fields=[plain()] * 10, accessory=button(style="primary", value="1", confirm={
        "title": plain(), "text": plain(), "confirm": plain("yes"), "deny": plain("no")})),
    section(accessory={"type": "overflow", "action_id": "o", "options": [{**option(), "url": "https://x.example"}]}),
    section(accessory={"type": "static_select", "action_id": "s", "options": [option()]}),
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10},
    {"type": "image", "slack_file": {"id": "F1"}, "alt_text": "a picture"},
    {"type": "actions", "elements": [button(action_id=str(number)) for number in range(25)]},
    rich({"type": "text", "text": "x", "style": {"bold": True}}, {"type": "link", "url": "https://x.example"}),
    {"type": "markdown", "text": "**x**"},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 20] * 100},
    {"type": "data_visualization", "title": "Replies", "chart": {"type": "bar"}},
    {"type": "container", "child_blocks": [section()]},
]  # fmt: skip

REFUSED = [
    (section(text={"type": "mrkdwn", "text": "x" * 3001}), "must be less than 3001 characters", "/blocks/0/text/text"),
    (section(text={"type": "mrkdwn", "text": ""}), "must be more than 0 characters", "/blocks/0/text/text"),
    (section(text="x"), "must be an object", "/blocks/0/text"),
    ({"type": "section"}, "missing required field: text", "/blocks/0"),
    (section(fields=[plain()] * 11), "no more than 10 items allowed", "/blocks/0/fields"),
    (section(colour="red"), "invalid additional property: colour", "/blocks/0"),
    (section(accessory={"type": "plain_text_input", "action_id": "a"}), "unsupported type", "/blocks/0/accessory/type"),
    ({"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters", "/blocks/0/text/text"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "unsupported type: mrkdwn", "/blocks/0/text/type"),
    ({"type": "context", "elements": [plain()] * 11}, "no more than 10 items allowed", "/blocks/0/elements"),
    ({"type": "context", "elements": []}, "no fewer than 1 items allowed", "/blocks/0/elements"),
    ({"type": "actions", "elements": [button(), button()]}, "action_id a already exists", "/blocks/0/elements"),
    ({"type": "actions", "elements": [button(text=plain("x" * 76))]}, "less than 76", "/blocks/0/elements/0/text/text"),
    ({"type": "actions", "elements": [button(style="blue")]}, "must be one of", "/blocks/0/elements/0/style"),
    ({"type": "actions", "elements": [button(value="x" * 2001)]}, "less than 2001", "/blocks/0/elements/0/value"),
    (section(accessory={"type": "static_select", "action_id": "s", "options": [option(str(n)) for n in range(101)]}),
     "no more than 100 items", "/blocks/0/accessory/options"),
    (section(accessory={"type": "overflow", "action_id": "o", "options": [
        {"text": {"type": "mrkdwn", "text": "x"}, "value": "v"}]}), "unsupported type: mrkdwn", "/options/0/text/type"),
    ({"type": "image", "image_url": "file:///x", "alt_text": "x"}, "must be a valid URL", "/blocks/0/image_url"),
    ({"type": "image", "image_url": "https://x.example/y"}, "missing required field: alt_text", "/blocks/0"),
    (rich({"type": "text", "text": ""}), "must be more than 0 characters", "/elements/0/elements/0/text"),
    (rich({"type": "mention", "user_id": "U1"}), "unsupported type: mention", "/elements/0/elements/0/type"),
    ({"type": "alert", "text": plain()}, "unsupported type: alert", "/blocks/0/type"),
    ({"type": "sparkles"}, "unsupported type: sparkles", "/blocks/0/type"),
    ({"text": plain()}, "missing required field: type", "/blocks/0"),
]  # fmt: skip


@pytest.mark.parametrize("block", TAKEN, ids=lambda block: block["type"])
def test_takes_what_slack_takes(block: Json) -> None:
    checked = check_message_blocks([block])
    assert checked[0]["block_id"]
    if block["type"] not in {"markdown", "table", "data_visualization", "container"}:
        view = {"type": "modal", "title": plain(), "blocks": [block]}
        assert check_view(view)["blocks"][0]["type"] == block["type"]


@pytest.mark.parametrize(("block", "complaint", "place"), REFUSED)
def test_refuses_what_slack_refuses(block: Json, complaint: str, place: str) -> None:
    with pytest.raises(SlackError) as caught:
        check_message_blocks([block])
    assert caught.value.code == "invalid_blocks"
    (line,) = caught.value.extra["errors"]
    assert complaint in line
    assert line.endswith(f"{place}]")
    assert caught.value.answer()["response_metadata"]["messages"] == [f"[ERROR] {line}"]


def test_ids_are_unique_within_a_message() -> None:
    with pytest.raises(SlackError, match="invalid_blocks") as caught:
        check_message_blocks([section(block_id="b"), section(block_id="b")])
    assert "block_id b already exists" in caught.value.extra["errors"][0]
    check_message_blocks([section(accessory=button()), section(accessory=button())])


VIEW = {"type": "modal", "title": plain(), "blocks": [section()]}


@pytest.mark.parametrize(
    ("view", "complaint"),
    [
        ({**VIEW, "title": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        ({"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]"),
        ({**VIEW, "private_metadata": "x" * 3001}, "[json-pointer:/view/private_metadata]"),
        ({**VIEW, "blocks": [section()] * 101}, "no more than 100 items allowed [json-pointer:/view/blocks]"),
        ({**VIEW, "id": "V1"}, "invalid additional property: id [json-pointer:/view]"),
        ({"type": "home", "title": plain(), "blocks": []}, "invalid additional property: title"),
        (
            {
                **VIEW,
                "blocks": [
                    {"type": "input", "label": plain(), "element": {"type": "plain_text_input", "action_id": "a"}}
                ],
            },
            "missing required field: submit [json-pointer:/view]",
        ),
        ({"type": "popup"}, "unsupported type: popup [json-pointer:/view/type]"),
    ],
)
def test_refuses_views(view: Json, complaint: str) -> None:
    with pytest.raises(SlackError) as caught:
        check_view(view)
    assert caught.value.code == "invalid_arguments"
    assert any(complaint in message for message in caught.value.messages)


def test_a_view_has_a_size() -> None:
    blocks = [section(text={"type": "mrkdwn", "text": "x" * 3000}) for _ in range(90)]
    with pytest.raises(SlackError, match="view_too_large"):
        check_view({**VIEW, "blocks": blocks})
