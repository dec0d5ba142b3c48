"""Where a reply ends and the quoted history begins."""

import pytest

from bridges.email.body import read_body
from bridges.email.htmltext import kept, read_html
from bridges.email.mime import take_apart
from bridges.email.quoting import own_lines
from core.contracts.richtext import Link, Mark, Paragraph, Text, document
from core.contracts.text import plain


def own(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(lines[: own_lines(lines)])


ATTRIBUTIONS = {
    "english": "On Mon, Nov 2, 2026 at 10:00 AM The Shop <support@shop.test> wrote:",
    "english wrapped": "On Mon, Nov 2, 2026 at 10:00 AM The Shop With Its Long Name\n<support@shop.test> wrote:",
    "english wrapped twice": "On Mon, Nov 2, 2026 at 10:00 AM\nThe Shop <\nsupport@shop.test> wrote:",
    "german": "Am Mo., 2. Nov. 2026 um 10:00 Uhr schrieb The Shop <support@shop.test>:",
    "german, Thunderbird": "Am 02.11.26 um 10:00 schrieb The Shop:",
    "french": "Le lun. 2 nov. 2026 à 10:00, The Shop <support@shop.test> a écrit :",
    "spanish": "El lun, 2 nov 2026 a las 10:00, The Shop (<support@shop.test>) escribió:",
    "portuguese": "Em seg., 2 de nov. de 2026 às 10:00, The Shop <support@shop.test> escreveu:",
    "italian": "Il giorno lun 2 nov 2026 alle ore 10:00 The Shop <support@shop.test> ha scritto:",
    "dutch": "Op ma 2 nov 2026 om 10:00 schreef The Shop <support@shop.test>:",
    "swedish": "Den mån 2 nov. 2026 kl 10:00 skrev The Shop <support@shop.test>:",
    "danish": "Den man. 2. nov. 2026 kl. 10.00 skrev The Shop <support@shop.test>:",
    "norwegian": "man. 2. nov. 2026 kl. 10:00 skrev The Shop <support@shop.test>:",
    "finnish": "ma 2. marrask. 2026 klo 10.00 The Shop (support@shop.test) kirjoitti:",
    "polish": "pon., 2 lis 2026 o 10:00 The Shop <support@shop.test> napisał(a):",
    "russian": "пн, 2 нояб. 2026 г. в 10:00, The Shop <support@shop.test>:",
    "russian, Thunderbird": "02.11.2026 10:00, The Shop пишет:",
    "russian, Mail.ru": "2 ноября 2026 г., 10:00 The Shop <support@shop.test> написал:",
    "czech": "po 2. 11. 2026 v 10:00 odesílatel The Shop <support@shop.test> napsal:",
    "turkish": "The Shop <support@shop.test>, 2 Kas 2026 Pzt, 10:00 tarihinde şunu yazdı:",
    "hungarian": "The Shop <support@shop.test> ezt írta (időpont: 2026. nov. 2., H, 10:00):",
    "japanese": "2026年11月2日(月) 10:00 The Shop <support@shop.test>:",
    "chinese": "The Shop <support@shop.test> 于2026年11月2日周一 10:00写道：",
    "korean": "2026년 11월 2일 (월) 오전 10:00, The Shop <support@shop.test>님이 작성:",
    "arabic": "في الاثنين، 2 نوفمبر 2026 في 10:00 ص تمت كتابة ما يلي بواسطة The Shop <support@shop.test> كتب:",
}


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS.keys())
def test_what_follows_the_line_that_says_who_wrote_is_history(attribution: str) -> None:
    assert own(f"Thank you!\n\nAda\n\n{attribution}\n\n> Your order is on its way.\n> The Shop") == "Thank you!\n\nAda"


BLOCKS = {
    "outlook english": "From: The Shop <s@shop.test>\nSent: Monday, November 2, 2026\nTo: Ada\nSubject: RE: Order",
    "outlook german": "Von: The Shop\nGesendet: Montag, 2. November 2026 10:00\nAn: Ada\nBetreff: AW: Bestellung",
    "outlook french": "De : The Shop\nEnvoyé : lundi 2 novembre 2026 10:00\nÀ : Ada\nObjet : RE: Commande",
    "outlook japanese": "差出人: The Shop\n送信日時: 2026年11月2日 10:00\n宛先: Ada\n件名: RE: 注文",
    "outlook bold": "*From:* The Shop\n*Sent:* Monday\n*To:* Ada\n*Subject:* Order",
    "outlook app": "____________________\nFrom: The Shop <s@shop.test>\nSent: Monday\nTo: Ada\nSubject: Order",
    "original message": "-----Original Message-----\nFrom: The Shop",
    "ursprüngliche nachricht": "-----Ursprüngliche Nachricht-----\nVon: The Shop",
    "gmx": "--- Original-Nachricht ---\nVon: The Shop",
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_what_follows_a_header_block_is_history(block: str) -> None:
    assert own(f"Thank you!\n\n{block}\n\nYour order is on its way.\nThe Shop") == "Thank you!"


@pytest.mark.parametrize(
    "footer",
    [
        "-- \nAda Lovelace\nAnalytical Engines Ltd",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Envoyé de mon iPhone",
        "Отправлено с iPhone",
    ],
)
def test_signatures_and_what_phones_add_are_left_out(footer: str) -> None:
    assert own(f"Thank you!\n\n{footer}\n") == "Thank you!"
    history = "On Mon, Nov 2, 2026 at 10:00 Shop <s@shop.test> wrote:\n> Hello"
    assert own(f"Thank you!\n\n{footer}\n\n{history}") == "Thank you!"


KEPT = {
    "a point of view": "From: my point of view this is wrong.\nTo: be honest, very wrong.\nAnd more.",
    "inline answers": "On Mon, Nov 2, 2026 Shop <s@shop.test> wrote:\n> Which size?\nLarge.\n> Which colour?\nBlue.",
    "answers below": "On Mon, Nov 2, 2026 Shop <s@shop.test> wrote:\n> Which size?\n\nLarge, please.",
    "wrote without quote": "On Monday my boss wrote:\nplease send it back.\nSo I do.",
    "german wrote": "Am 3. Mai 2026 schrieb ich Ihnen um 10:00 folgendes:\nes ist kaputt\nund das bleibt so",
    "only a quote": "> nothing of my own",
    "two dashes in text": "a\n--\n" + "\n".join(f"line {n}" for n in range(40)),
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_may_be_the_writers_own_is_kept(text: str) -> None:
    assert own(text) == text


def body(content_type: str, text: str, subject: str = "Re: Order") -> tuple[str, str]:
    raw = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}"
    found, _ = read_body(take_apart(raw.encode()), subject)
    return plain(found.shown), found.full


GMAIL = """<div dir="ltr">Thank <b>you</b>!<div><br></div><div>Ada</div></div><br>
<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Mon, Nov 2, 2026 at 10:00 AM Shop
&lt;<a href="mailto:s@shop.test">s@shop.test</a>&gt; wrote:<br></div><blockquote class="gmail_quote"
style="margin:0px 0px 0px 0.8ex">Your order is on its way.</blockquote></div>"""
OUTLOOK_WEB = """<div>Thank you!</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%">
<div id="divRplyFwdMsg" dir="ltr"><b>From:</b> Shop<br><b>Sent:</b> Monday<br><b>To:</b> Ada<br><b>Subject:</b> Order
</div><div>Your order is on its way.</div>"""
OUTLOOK = """<p class="MsoNormal">Thank you!<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p>
<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>From:</b> Shop
</p></div><p class="MsoNormal">Your order is on its way.</p>"""
APPLE = """<div>Thank you!</div><div><br><blockquote type="cite"><div>On 2 Nov 2026, at 10:00, Shop
&lt;s@shop.test&gt; wrote:</div><br><div>Your order is on its way.</div></blockquote></div>"""
YAHOO = """<div>Thank you!</div><div id="ydp12yahoo_quoted_123" class="ydp12yahoo_quoted"><div>On Monday, Shop wrote:
</div><div>Your order is on its way.</div></div>"""
UNMARKED = """<p>Thank you!</p><p>Am Montag, 2. November 2026, 10:00 schrieb Shop &lt;s@shop.test&gt;:</p>
<blockquote><p>Your order is on its way.</p></blockquote>"""


@pytest.mark.parametrize("html", [GMAIL, OUTLOOK_WEB, OUTLOOK, APPLE, YAHOO, UNMARKED])
def test_html_history_is_left_out_and_stays_in_the_full_text(html: str) -> None:
    shown, full = body("text/html; charset=utf-8", html)
    assert shown.startswith("Thank you!")
    assert "on its way" not in shown
    assert "wrote" not in shown
    assert "on its way" in full


@pytest.mark.parametrize("html", [GMAIL, OUTLOOK_WEB])
def test_a_forwarded_mail_is_kept_whole(html: str) -> None:
    shown, _ = body("text/html; charset=utf-8", html, "Fwd: Order")
    assert "on its way" in shown


def test_answers_between_html_quotes_keep_everything() -> None:
    shown, _ = body(
        "text/html",
        '<div class="gmail_quote"><div class="gmail_attr">On Mon Shop wrote:</div>'
        '<blockquote class="gmail_quote">Which size?</blockquote><div>Large.</div>'
        '<blockquote class="gmail_quote">Colour?</blockquote><div>Blue.</div></div>',
    )
    assert shown == "On Mon Shop wrote:\n\n> Which size?\n\nLarge.\n\n> Colour?\n\nBlue."


def test_flowed_text_is_joined_again() -> None:
    shown, _ = body(
        "text/plain; charset=utf-8; format=flowed", "This line goes \r\non and ends.\r\nNext.\r\n-- \r\nAda"
    )
    assert shown == "This line goes on and ends.\nNext."


def test_html_becomes_what_a_reader_sees() -> None:
    result = read_html(
        "<style>p{}</style><p>Hello <b>bold</b> <a href='https://shop.test/x'>shop</a> &lt;!channel&gt;"
        "<span style='display: none'>buy now</span><img src='https://tracker.test/p.gif'></p>"
        "<ul><li>one<ul><li>deep</li></ul></li><li>two</li></ul><pre>a\n  b</pre><script>alert(1)</script>"
    )
    assert plain(document(kept(result))) == (
        "Hello bold shop (https://shop.test/x) <!channel>\n\n- one\n  - deep\n- two\n\na\n  b"
    )
    first = result.pieces[0].block
    assert isinstance(first, Paragraph)
    assert first.inlines[1] == Text(text="bold ", marks=frozenset({Mark.BOLD}))
    assert first.inlines[2] == Link(url="https://shop.test/x", label="shop")


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "https://user:password@bank.test/", "vbscript:x", "file:///etc/passwd"],
)
def test_unsafe_links_are_only_text(link: str) -> None:
    (piece,) = read_html(f'<p><a href="{link}">press</a></p>').pieces
    assert piece.block == Paragraph(inlines=(Text(text="press"),))


def test_a_link_that_names_another_address_shows_both() -> None:
    (piece,) = read_html('<a href="https://evil.test/login">www.bank.test</a>').pieces
    assert plain(document([piece.block])) == "www.bank.test https://evil.test/login"
