"""What Teams' composer makes of what a person types."""

import pytest

from sandbox.teams.composer import compose, plain


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ("Hello", "<p>Hello</p>"),
        ("a\n\nb", "<p>a</p><p>&nbsp;</p><p>b</p>"),
        ("**bold** and _italic_ ~~gone~~", "<p><strong>bold</strong> and <em>italic</em> <s>gone</s></p>"),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("1 < 2 & 3", "<p>1 &lt; 2 &amp; 3</p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("> a\n> b", "<blockquote><p>a</p><p>b</p></blockquote>"),
        ("```\nx = 1\ny\n```", "<codeblock><code>x = 1<br>y</code></codeblock>"),
        ("fine 👍🏽", '<p>fine <emoji id="1f44d_thumbsupsign" alt="👍🏽" title="Thumbs up sign"></emoji></p>'),
        (
            "[here](https://example.com/a_b_c)",
            '<p><a href="https://example.com/a_b_c" title="https://example.com/a_b_c">here</a></p>',
        ),
        (
            "see https://example.com/x.",
            '<p>see <a href="https://example.com/x" title="https://example.com/x">https://example.com/x</a>.</p>',
        ),
        ("snake_case_name and 2 ** 3", "<p>snake_case_name and 2 ** 3</p>"),
        ("<p>as it is</p>", "<p>as it is</p>"),
        ("\ue00099\ue001 x", "<p>99 x</p>"),
    ],
)
def test_what_is_typed_becomes_html(typed: str, made: str) -> None:
    assert compose(typed) == made


def test_a_mention_stands_where_its_name_was_typed_and_else_comes_first() -> None:
    bea, omar = ("29:1b", "Bea"), ("29:1o", "Omar & Co")
    assert compose("ask @Bea now", [bea]) == '<p>ask <at id="0">Bea</at>&nbsp;now</p>'
    assert compose("`for @Bea`", [bea]) == '<p><code>for <at id="0">Bea</at></code></p>'
    assert compose("now", [bea, omar]) == ('<p><at id="0">Bea</at>&nbsp;<at id="1">Omar &amp; Co</at>&nbsp;now</p>')


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('<p><at id="0">Bea</at>&nbsp;hi &amp; bye</p>', "<at>Bea</at> hi & bye"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ('<p>fine <emoji id="x" alt="👍" title="t"></emoji></p>', "fine 👍"),
        ('<attachment id="1"></attachment>', ""),
        ('<p><img src="x" alt="shot.png" itemid="1"></p>', ""),
        ('<blockquote itemscope="" itemtype="x"><p>old</p></blockquote><p>new</p>', "new"),
    ],
)
def test_the_text_beside_it_is_bare(source: str, text: str) -> None:
    assert plain(source) == text
