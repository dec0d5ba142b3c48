"""The judge of Telegram traffic itself: it lets right samples pass and catches wrong ones."""

from typing import Any

import pytest

from tests.judges.telegram import ask, check_updates

pytestmark = pytest.mark.judges

MESSAGE: dict[str, Any] = {
    "message_id": 7,
    "date": 1_790_000_000,
    "chat": {"id": 5, "type": "private", "first_name": "Jane"},
    "from": {"id": 5, "is_bot": False, "first_name": "Jane"},
    "text": "hello",
}
UPDATE = {"update_id": 1, "message": MESSAGE}


def test_right_traffic_passes_and_wrong_traffic_is_caught_by_name() -> None:
    answer = ask(
        updates={
            "right": UPDATE,
            "no date": {"update_id": 1, "message": {k: v for k, v in MESSAGE.items() if k != "date"}},
            "invented": {"update_id": 1, "message": {**MESSAGE, "colour": "red"}},
        },
        calls={
            "right": ("sendMessage", {"chat_id": 5, "text": "hi"}),
            "no text": ("sendMessage", {"chat_id": 5}),
            "invented": ("sendMessage", {"chat_id": 5, "text": "hi", "colour": "red"}),
            "no method": ("shoutMessage", {}),
        },
        objects={"right": ("Message", MESSAGE), "no kind": ("Shout", {}), "no chat": ("Message", {"message_id": 1})},
    )
    wrong = {kind: {name for name, found in names.items() if found} for kind, names in answer.items()}
    assert wrong == {
        "updates": {"no date", "invented"},
        "calls": {"no text", "invented", "no method"},
        "objects": {"no kind", "no chat"},
    }


def test_a_judge_that_is_asked_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="no sample"):
        check_updates({})
