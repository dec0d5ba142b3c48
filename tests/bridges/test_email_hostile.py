"""Mails that are written to freeze or crash whoever reads them."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridges.email.bridge import EmailBridge
from bridges.email.identifiers import Identifiers
from bridges.email.parse import Envelope, MailReader, pack
from bridges.email.settings import EmailSettings
from core.contracts.bridge import MessageReceived
from core.contracts.content import Content
from core.contracts.text import plain
from tests.bridges.runtime import RecordingRuntime

SETTINGS = EmailSettings.model_validate(
    {
        "address": "support@shop.test",
        "username": "u",
        "password": "p",
        "imap_host": "imap.test",
        "smtp_host": "smtp.test",
        "auth_servers": ["mx.shop.test"],
    }
)
ENVELOPE = Envelope(uid=1, uidvalidity=1, size=1, received_at=datetime(2026, 11, 2, tzinfo=UTC))
READER = MailReader(SETTINGS, Identifiers(b"key", "shop.test"))
#: Ten times the work of something linear takes about ten times as long; something quadratic a hundred times.
GROWTH, MOST_RATIO = 8, 24
#: Below this the clock and the neighbours on the machine decide.
NOISE_S = 0.05


def letter(body: str, content_type: str = "text/plain; charset=utf-8", headers: str = "") -> bytes:
    top = f"From: a@b.test\r\nMessage-ID: <x@y>\r\n{headers}Content-Type: {content_type}\r\n\r\n"
    return pack(ENVELOPE, (top + body).encode())


TEXTS: dict[str, Callable[[int], str]] = {
    "On On On": lambda n: "On " * n,
    "newlines": lambda n: "\n" * n,
    "From lines": lambda n: "From: a\n" * n,
    "quotes and colons": lambda n: "> a 2\nb wrote:\n" * n,
    "attributions": lambda n: "On 2 a@b 2026 wrote:\n" * n,
    "addresses": lambda n: "http://a.test/" + "(" * n,
    "marks": lambda n: "e" + "\u0301" * n,
    "one line": lambda n: "x" * n * 10,
    "signatures": lambda n: "-- \n" * n,
}
HTMLS: dict[str, Callable[[int], str]] = {
    "nested divs": lambda n: "<div>" * n + "x" + "</div>" * n,
    "never closed": lambda n: "<p>a<b>x" * n,
    "less than": lambda n: "<" * n,
    "open tags": lambda n: '<a href="' * n,
    "comments": lambda n: "<!--" * n,
    "attributes": lambda n: "<div " + "a = " * n + ">x",
    "mismatched": lambda n: "<div>" * n + "</span><i></b>" * n,
    "lists": lambda n: "<ul><li>x" * n,
    "quotes": lambda n: "<blockquote type=cite>x" * n,
    "scripts": lambda n: "<script>" * n,
    "entities": lambda n: "&#" * n + "&amp" * n,
}
HEADERS: dict[str, Callable[[int], str]] = {
    "comments": lambda n: "To: " + "(" * n + "\r\n",
    "words": lambda n: "Subject: " + "=?utf-8?q?a" * n + "\r\n",
    "references": lambda n: "References: " + "<a@b>" * n + "\r\n",
    "recipients": lambda n: "To: a@b.test\r\n" * n,
    "verdicts": lambda n: "Authentication-Results: mx.shop.test;" + "(" * n + "\r\n",
}
PARTS: dict[str, Callable[[int], str]] = {
    "false boundaries": lambda n: "\n--bx" * n,
    "parts": lambda n: "--b\r\n\r\nx\r\n" * n,
    "nested": lambda n: "".join(
        f"--b{'' if i == 0 else i}\r\nContent-Type: multipart/mixed; boundary=b{i + 1}\r\n\r\n" for i in range(n)
    ),
}
CASES: dict[str, Callable[[int], bytes]] = {
    **{f"text: {name}": lambda n, make=make: letter(make(n)) for name, make in TEXTS.items()},
    **{f"html: {name}": lambda n, make=make: letter(make(n), "text/html") for name, make in HTMLS.items()},
    **{f"header: {name}": lambda n, make=make: letter("x", headers=make(n)) for name, make in HEADERS.items()},
    **{
        f"parts: {name}": lambda n, make=make: letter(make(n), "multipart/mixed; boundary=b")
        for name, make in PARTS.items()
    },
    "charset: punycode": lambda n: letter("a-" * n, "text/plain; charset=punycode"),
    "parameters": lambda n: letter("x", "text/plain;" + 'a="b;' * n),
}


def seconds(item: bytes) -> float:
    """The better of two, so that a neighbour's burst does not count."""
    times = []
    for _ in range(2):
        start = time.thread_time()
        READER.read(item)
        times.append(time.thread_time() - start)
    return min(times)


@pytest.mark.parametrize("make", CASES.values(), ids=CASES.keys())
def test_time_grows_with_size_and_no_faster(make: Callable[[int], bytes]) -> None:
    small, large = seconds(make(2_000)), seconds(make(2_000 * GROWTH))
    assert large < max(small * MOST_RATIO, NOISE_S), f"{small:.3f} s became {large:.3f} s"


@pytest.mark.parametrize(
    "item",
    [
        letter("On " * 20_000),
        letter("\n" * 50_000),
        letter("From: a\n" * 5_000),
        letter("<div>" * 3_000 + "x", "text/html"),
        letter("<p>a<b>x" * 100_000, "text/html"),
    ],
    ids=["on", "newlines", "from", "divs", "unclosed"],
)
async def test_others_are_served_while_a_hostile_mail_is_read(
    item: bytes, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    runtime = RecordingRuntime(session=session, folder=tmp_path)
    bridge = EmailBridge(SETTINGS, runtime.runtime)
    reading = asyncio.ensure_future(bridge.parse(item))
    longest, last = 0.0, time.perf_counter()
    while not reading.done():
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    assert len(await reading) == 1
    # A reader that held the loop would take several seconds here, beside a busy neighbour too.
    assert longest < 3


def test_a_number_that_python_refuses_to_read_is_shown_as_unreadable() -> None:
    mail = READER.read(letter(f"<p>Total &#{'9' * 5_000}; euros</p>", "text/html"))
    assert mail is not None
    assert isinstance(mail.event, MessageReceived)
    assert plain(mail.event.content.body) == "Total \ufffd euros"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=2000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    mail = READER.read(pack(ENVELOPE, raw))
    assert mail is not None


FRAGMENTS = st.sampled_from(
    [
        *(
            "From: a@b.test\r\n",
            "From: x\r\n",
            "To: support+abc@shop.test\r\n",
            "Subject: =?utf-8?b?4pyT?=\r\n",
            "\r\n",
        ),
        *("Content-Type: multipart/mixed; boundary=b\r\n", "Content-Type: text/html\r\n", "--b\r\n", "--b--\r\n"),
        *(
            "Content-Type: message/delivery-status\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "<b><p>x</p>",
            "=C3=A9",
        ),
        *(
            "Content-Type: text/plain; charset=hex\r\n",
            "Content-Type: image/png; name*0*=a''%41\r\n",
            "> q\r\n",
            "\x00",
        ),
        *("Content-Disposition: attachment; filename=../../etc/passwd\r\n", "On 2 a@b 2026 wrote:\r\n", "😀\x00\ud83d"),
        *("Content-ID: <p1>\r\n", "<img src=cid:p1>", "Message-ID: <[abc]@d>\r\n", "References: <a@b> <c@d>\r\n"),
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(FRAGMENTS, max_size=30))
def test_any_mixture_is_a_mail_and_shows_something(fragments: list[str]) -> None:
    mail = READER.read(pack(ENVELOPE, "".join(fragments).encode("utf-8", "surrogatepass")))
    assert mail is not None
    if isinstance(mail.event, MessageReceived):
        assert mail.event.content != Content() or mail.files or mail.problems
