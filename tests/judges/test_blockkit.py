"""The judges of Block Kit themselves: each lets a right sample pass and catches a wrong one."""

from typing import Any

import pytest

from tests.judges.blockkit import check_blocks, check_limits, check_manifest, check_many, check_views

pytestmark = pytest.mark.judges

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Jane* (web chat)"}}
BUTTON = {"type": "button", "action_id": "claim", "text": {"type": "plain_text", "text": "Claim"}, "style": "primary"}
ACTIONS = {"type": "actions", "elements": [BUTTON]}
RICH = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "\ud83d bold", "style": {"bold": True}}]}
    ],
}
WRONG: dict[str, list[dict[str, Any]]] = {
    "a button with mrkdwn": [{"type": "actions", "elements": [{**BUTTON, "text": {"type": "mrkdwn", "text": "x"}}]}],
    "a style that is none": [{"type": "actions", "elements": [{**BUTTON, "style": "warning"}]}],
    "a field that is none": [{**SECTION, "colour": "red"}],
    "a block that is none": [{"type": "paragraph", "text": "x"}],
    "a text that is missing": [{"type": "header"}],
}
MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Threadbridge"},
    "features": {"bot_user": {"display_name": "Threadbridge", "always_online": True}},
    "oauth_config": {"scopes": {"bot": ["chat:write", "channels:history"]}},
    "settings": {"socket_mode_enabled": True, "event_subscriptions": {"bot_events": ["message.channels"]}},
}


def test_each_wrong_block_is_caught_by_name_and_each_right_one_passes() -> None:
    found = check_many({"right": [SECTION, ACTIONS, RICH, {"type": "divider"}], **WRONG})
    assert found["right"] == []
    assert {name for name, errors in found.items() if errors} == set(WRONG)


def test_one_list_of_blocks_gets_its_own_errors() -> None:
    assert check_blocks([SECTION]) == []
    assert any("colour" in error for error in check_blocks([{**SECTION, "colour": "red"}]))


def test_views_are_judged_with_their_blocks() -> None:
    modal = {"type": "modal", "title": {"type": "plain_text", "text": "Reply"}, "blocks": [SECTION]}
    found = check_views(
        {
            "modal": modal,
            "home": {"type": "home", "blocks": [SECTION, ACTIONS]},
            "no title": {"type": "modal", "blocks": [SECTION]},
            "wrong block": {**modal, "blocks": [{"type": "paragraph"}]},
        }
    )
    assert {name for name, errors in found.items() if errors} == {"no title", "wrong block"}


def test_lengths_and_counts_are_caught() -> None:
    assert check_limits([SECTION, ACTIONS]) == []
    assert check_limits([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}])
    assert check_limits([{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}])


def test_a_manifest_is_judged_by_what_slack_validates() -> None:
    assert check_manifest(MANIFEST) == []
    scopes = {"scopes": {"bot": ["chat:write", "chat:shout"]}}
    assert any("chat:shout" in error for error in check_manifest({**MANIFEST, "oauth_config": scopes}))
    settings = {"event_subscriptions": {"bot_events": ["message.everywhere"]}}
    assert any("message.everywhere" in error for error in check_manifest({**MANIFEST, "settings": settings}))
    assert any("permissions" in error for error in check_manifest({**MANIFEST, "permissions": []}))


def test_a_judge_that_is_asked_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="no sample"):
        check_many({})
