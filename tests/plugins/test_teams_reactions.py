"""Emoji as Teams names them, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.teams.reactions import CLASSICS, emoji_of, reaction_of


@pytest.mark.parametrize(
    ("emoji", "reaction"),
    [
        ("✅", "2705_whiteheavycheckmark"),
        ("👀", "1f440_eyes"),
        ("👍", "like"),
        ("👍🏽", "like"),
        ("❤️", "heart"),
        ("❤", "heart"),
        ("😡", "angry"),
        ("⏳", "23f3_hourglasswithflowingsand"),
        ("❌", "274c_crossmark"),
        ("📝", "1f4dd_memo"),
        ("🇩🇪", ""),
        ("a", ""),
        ("", ""),
    ],
)
def test_an_emoji_is_the_reaction_that_teams_calls_so(emoji: str, reaction: str) -> None:
    assert reaction_of(emoji) == reaction


def test_a_reaction_is_read_as_its_emoji() -> None:
    assert {emoji_of(name) for name in CLASSICS} == set(CLASSICS.values())
    assert emoji_of("1f440_eyes") == "👀"
    assert emoji_of("1f468-200d-1f4bb_mantechnologist") == "👨‍💻"
    assert emoji_of("2705_whiteheavycheckmark") == "✅"
    for unknown in ("", "41_a", "d800_x", "ffffff_x", "0_null", "our-logo;0-weu", "x_y"):
        assert emoji_of(unknown) == "", unknown


@given(st.text(max_size=20))
def test_any_reaction_is_read(name: str) -> None:
    assert isinstance(emoji_of(name), str)
    assert isinstance(reaction_of(name), str)


@given(st.characters(categories=["So"]))
def test_what_we_react_with_is_read_back(emoji: str) -> None:
    if reaction := reaction_of(emoji):
        assert emoji_of(reaction).removesuffix("\ufe0f") == emoji.removesuffix("\ufe0f")
