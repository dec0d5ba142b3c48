"""Whatever is written in Teams is read: no character lost, no shape of an activity too strange, no HTML too slow."""

import html
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contracts.richtext import Text
from core.contracts.text import normalise, plain
from plugins.teams import render
from plugins.teams.parse import said
from tests.plugins import teams_cases
from tests.plugins.teams_said import BOT, activity, at, read


def letters(text: str) -> str:
    return "".join(text.split())


@given(st.text(max_size=80))
def test_no_character_that_was_typed_is_lost(typed: str) -> None:
    page = "".join(f"<p>{html.escape(line) or '&nbsp;'}</p>" for line in typed.split("\n"))
    assert letters(plain(said(activity(page), BOT).content.body)) == letters(normalise(typed))
    assert letters(plain(said(activity(None, typed), BOT).content.body)) == letters(
        normalise(typed.replace("&nbsp;", " "))
    )


TAGS = [f"<{name}>" for name in ("p", "ul", "ol", "li", "blockquote", "pre", "code", "b", "a href='https://a.b'", "at")]
pieces = st.one_of(
    st.sampled_from([*TAGS, *(tag.replace("<", "</").split(" ")[0].rstrip(">") + ">" for tag in TAGS)]),
    st.sampled_from(
        [at(0, "Threadbridge"), at(1, "Bea Jones"), "<br>", "&#" + "9" * 5_000 + ";", "<!--", "<img", "<h1>"]
    ),
    st.text(max_size=10),
    st.text(alphabet="<>&#;/\"'= abp", max_size=20),
)


@given(st.lists(pieces, max_size=30).map("".join))
def test_any_html_is_read_to_something_that_can_be_drawn(page: str) -> None:
    heard = read(page)
    drawn = teams_cases.post(heard.content)
    assert render.post(drawn, teams_cases.TO)
    for block in heard.content.body.blocks:
        for inline in getattr(block, "inlines", ()):
            shown = inline.text if isinstance(inline, Text) else inline.label
            assert shown == normalise(shown)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "content", "name"]), inner),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {}, optional={"attachments": st.lists(junk, max_size=3), "entities": st.lists(junk), "text": junk}
    )
)
def test_an_activity_of_any_shape_is_read(strange: Any) -> None:
    for entity in strange.get("entities", ()):
        if isinstance(entity, dict):
            entity["type"] = "mention"
    for one in strange.get("attachments", ()):
        if isinstance(one, dict):
            one["contentType"] = "application/vnd.microsoft.card.adaptive"
    said(activity(None, **strange) if "attachments" not in strange else {**activity(None), **strange}, BOT)


#: Eight times the work of something linear takes about eight times as long; something quadratic 64 times.
GROWTH, MOST_RATIO = 8, 24
#: Below this the clock and the neighbours on the machine decide.
NOISE_S = 0.05
HOSTILE: dict[str, Callable[[int], str]] = {
    "nested divs": lambda n: "<div>" * n + "x" + "</div>" * n,
    "never closed": lambda n: "<p>a<b>x" * n,
    "less than": lambda n: "<" * n,
    "open tags": lambda n: '<a href="' * n,
    "open quotes": lambda n: "<a \"'" * n,
    "comments": lambda n: "<!--" * n,
    "attributes": lambda n: "<div " + "a = " * n + ">x",
    "mismatched": lambda n: "<div>" * n + "</span><i></b>" * n,
    "lists": lambda n: "<ul><li>x" * n,
    "items": lambda n: "<ul>" + "<li>x<p>y" * n,
    "quotes": lambda n: "<blockquote>x" * n + "</blockquote>" * n,
    "replies": lambda n: "<blockquote itemtype='http://schema.skype.com/Reply'>" * n,
    "links": lambda n: "<a href='https://a.example'>x" * n,
    "mentions": lambda n: at(1, "Bea Jones") * n,
    "open mentions": lambda n: "<at>x" * n,
    "entities": lambda n: "&#" * n + "&amp" * n,
    "code": lambda n: "<pre>x\n<br>" * n,
    "cells": lambda n: "<table><tr><td>x" * n,
    "blanks": lambda n: "<p>&nbsp;<b> </b>" * n,
    "pictures": lambda n: "<img src='https://a.example/x'>" * n,
    "attachments": lambda n: "".join(f"<attachment id='a{number}'>" for number in range(n)),
}


def seconds(page: str) -> float:
    """The better of two, so that a neighbour's burst does not count."""
    times = []
    for _ in range(2):
        start = time.thread_time()
        read(page)
        times.append(time.thread_time() - start)
    return min(times)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_grows_with_size_and_no_faster(make: Callable[[int], str]) -> None:
    small, large = seconds(make(1_000)), seconds(make(1_000 * GROWTH))
    assert large < max(small * MOST_RATIO, NOISE_S), f"{small:.3f} s became {large:.3f} s"
