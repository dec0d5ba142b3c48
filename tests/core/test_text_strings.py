"""Strings are cleaned, measured and cut the way readers of every script expect."""

from __future__ import annotations

import pytest

from core.contracts.content import TextUnit
from core.contracts.text import cut, file_name, graphemes, line, measure, normalise, safe_url

FAMILY = "👨‍👩‍👧‍👦"
SCOTLAND = "🏴󠁧󠁢󠁳󠁣󠁴󠁿"
RLO, LRE, PDF, RLI, PDI = "\u202e", "\u202a", "\u202c", "\u2067", "\u2069"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\u2028d\u2029e\x85f\x0bg\x0ch", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("nul\x00 bell\x07 esc\x1b[31m del\x7f c1\x9b tab\t", "nul bell esc[31m del c1 tab\t"),
        ("e\u0301", "é"),
        ("\u1112\u1161\u11ab", "한"),
        ("half \ud83d gone", "half \ufffd gone"),
        ("pair \ud83d\ude00", "pair 😀"),
        ("\ufeffbom \uffff", "bom \ufffd"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("שלום \u200fעולם", "שלום \u200fעולם"),
        (FAMILY + SCOTLAND + "❤️", FAMILY + SCOTLAND + "❤️"),
        ("hidden\U000e0041\U000e0042", "hidden"),
        (f"invoice{RLO}fdp.exe", "invoicefdp.exe"),
        (f"a{RLO}b{PDF}c", "abc"),
        (f"a{RLI}b\nc{PDI}d", f"a{RLI}b{PDI}\ncd"),
        (f"a{LRE}b", f"a{LRE}b{PDF}"),
        (f"{RLI}a{LRE}b{PDI}c", f"{RLI}a{LRE}b{PDF}{PDI}c"),
        (f"{PDF}a{PDI}", "a"),
        ("क्षि نمی\u200cخواهم", "क्षि نمی\u200cخواهم"),
        ("z" + "\u0335" * 500, "z" + "\u0335" * 30),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected
    assert normalise(expected) == expected


@pytest.mark.parametrize("limit", [*range(0, 40), 99_999])
def test_normalise_is_bounded_and_stays_balanced(limit: int) -> None:
    text = RLI * 20 + LRE + "abc " * 30_000 + FAMILY
    result = normalise(text, limit=limit)
    assert len(result) <= limit
    assert result.count(RLI) == result.count(PDI)
    assert result.count(LRE) == result.count(PDF)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("  Jane\r\n\t Doe \u00a0 x ", 100, "Jane Doe x"),
        ("Jane Doe", 6, "Jane…"),
        ("\u200b\u3164 \u2800", 10, ""),
        (f"{FAMILY}{FAMILY}", 8, f"{FAMILY}…"),
    ],
)
def test_line(text: str, limit: int, expected: str) -> None:
    assert line(text, limit=limit) == expected


@pytest.mark.parametrize(
    ("text", "limit", "unit", "expected"),
    [
        ("hello", 5, TextUnit.CHARACTER, "hello"),
        ("hello!", 5, TextUnit.CHARACTER, "hell…"),
        ("hello you", 7, TextUnit.CHARACTER, "hello…"),
        ("日本語", 8, TextUnit.BYTE, "日…"),
        ("😀😀😀", 5, TextUnit.UTF16, "😀😀…"),
        ("x🇩🇪🇫🇷", 4, TextUnit.CHARACTER, "x🇩🇪…"),
        ("ab" + "e\u0323\u0301" * 2, 5, TextUnit.CHARACTER, "ab…"),
        ("👍🏽👍🏽", 3, TextUnit.CHARACTER, "👍🏽…"),
        ("é", 2, TextUnit.BYTE, "é"),
        ("éé", 2, TextUnit.BYTE, "é"),
        ("abc", 0, TextUnit.BYTE, ""),
    ],
)
def test_cut(text: str, limit: int, unit: TextUnit, expected: str) -> None:
    assert cut(text, limit, unit) == expected


def test_measure_counts_what_the_channel_counts() -> None:
    assert [measure("aé日😀", unit) for unit in TextUnit] == [4, 5, 10]


@pytest.mark.parametrize(
    "clusters",
    [
        ["a", "\r\n", "b"],
        ["e\u0301\u0323", "x"],
        [FAMILY, FAMILY, "👩🏽‍🚀", "👍🏿", "❤️", "❤️‍🔥", "1️⃣"],
        ["🇩🇪", "🇫🇷", "🇺"],
        [SCOTLAND, "🏴", "🏳️‍🌈"],
        ["각", "\u1100\u1161\u11a8", "한", "가"],
        ["क्षि", "न्त्र", "नि"],
        ["த", "மி", "ழ்"],
        ["กำ", "ที่"],
        ["\u0600\u0661", "ب\u064e"],
        ["a\u200d", "b", "\n", "\u0301"],
    ],
)
def test_graphemes(clusters: list[str]) -> None:
    assert list(graphemes("".join(clusters))) == clusters


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a?b=c#d",
        "HTTP://EXAMPLE.com:8080",
        "https://münchen.example/straße",
        "https://例え.example/",
        "http://[::1]:80/x",
        "https://example.com/@someone",
        "mailto:jane@example.com?subject=Hi",
        "tel:+49-89-123456",
    ],
)
def test_safe_urls_stay_as_they_are(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https:example.com",
        "https:///path",
        "https://",
        "https://bank.example@evil.example/",
        "https://bank.example%40evil.example/",
        "https://bank.example\\@evil.example/",
        "https://exa\nmple.com",
        "https://example.com/\x00",
        "https://example.com/\u202egpj.exe",
        "https://exam\u200bple.com",
        "https://example.com:port/",
        "http://[::1",
        'https://example.com/"onclick=',
        "https://example.com/" + "a" * 2000,
        "mailto:",
        "mailto:jane@example.com%0d%0abcc:x@example.com",
        "tel:",
        "tel:javascript",
    ],
)
def test_unsafe_urls_are_none(url: str) -> None:
    assert safe_url(url) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\fakepath\\cv.pdf", "cv.pdf"),
        ("Invoice 12/2026.pdf", "Invoice 12_2026.pdf"),
        (".htaccess", "htaccess"),
        ("...", "file"),
        ("", "file"),
        ("a\x00b\nc.txt", "ab c.txt"),
        (f"photo{RLO}gpj.exe", "photogpj.exe"),
        (f"photo\u200f{RLI}x{PDI}.exe", "photox.exe"),
        ("تقرير نهائي.docx", "تقرير نهائي.docx"),
        ("a" * 300 + ".tar.gz", "a" * 116 + "….gz"),
        ("x." + "e" * 300, "x." + "e" * 117 + "…"),
    ],
)
def test_file_name(name: str, expected: str) -> None:
    assert file_name(name) == expected
    assert len(expected) <= 120
    assert file_name(expected) == expected
