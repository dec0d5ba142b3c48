"""Emoji are found by their short names and named again."""

from __future__ import annotations

import pytest

from core.contracts.text import emoji_name, name_of


@pytest.mark.parametrize(
    ("name", "emoji", "back"),
    [
        (":thumbsup:", "👍", "+1"),
        ("+1", "👍", "+1"),
        ("thumbsup::skin-tone-4", "👍🏽", "+1::skin-tone-4"),
        (":wave::skin-tone-6:", "👋🏿", "wave::skin-tone-6"),
        ("v::skin-tone-2", "✌🏻", "v::skin-tone-2"),
        ("woman-running::skin-tone-3", "🏃🏼‍♀️", "woman-running::skin-tone-3"),
        ("heart", "❤️", "heart"),
        ("man-woman-girl-boy", "👨‍👩‍👧‍👦", "man-woman-girl-boy"),
        ("rocket", "🚀", "rocket"),
        ("white_check_mark", "✅", "white_check_mark"),
        ("uk", "🇬🇧", "gb"),
        ("flag-at", "🇦🇹", "flag-at"),
        ("flag-scotland", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "flag-scotland"),
        ("one", "1️⃣", "one"),
        ("skin-tone-3", "🏼", "skin-tone-3"),
    ],
)
def test_there_and_back(name: str, emoji: str, back: str) -> None:
    assert emoji_name(name) == emoji
    assert name_of(emoji) == back
    assert emoji_name(back) == emoji


@pytest.mark.parametrize(
    "name", ["party_parrot", "", ":", "latin_small_letter_a", "nul", "keycap_digit_one", "x" * 10_000, "a b", "flag-x1"]
)
def test_what_only_a_workspace_knows_is_none(name: str) -> None:
    assert emoji_name(name) is None


@pytest.mark.parametrize("text", ["", "a", "👍👍", "hello", "\ufe0f", "👍" * 10_000])
def test_what_is_no_single_emoji_has_no_name(text: str) -> None:
    assert name_of(text) is None


def test_selector_for_colour_may_be_missing() -> None:
    assert name_of("❤") == "heart"
