"""Finds where a reply ends and what it quotes begins: one pass over lines, each looked at a bounded number of times."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_LINES = 2000
MAX_TEXT = 64 * 1024
#: How much of a line is looked at.
MAX_LOOK = 400
#: Most lines of an attribution, and of a header block up to its subject.
ATTRIBUTION = 3
HEADER_BLOCK = 8
MAX_SIGNATURE = 30

#: "wrote", as programs say it above a quote.
_WROTE = (
    *("wrote", "schrieb", "a écrit", "escribió", "escreveu", "ha scritto", "schreef", "skrev", "kirjoitti", "napisał"),
    *("pisze", "пишет", "написал", "пише", "писал", "napsal", "napísal", "yazdı", "ezt írta", "έγραψε", "a scris"),
    *(
        "đã viết",
        "写道",
        "寫道",
        "님이 작성",
        "작성:",
        "كتب",
        "כתב",
        "のメール",
        "書きました",
        "menulis",
        "va escriure",
    ),
)
_BETWEEN = frozenset(
    (
        *(
            "original message",
            "ursprüngliche nachricht",
            "original-nachricht",
            "originalnachricht",
            "message d'origine",
        ),
        *("message original", "mensaje original", "mensagem original", "messaggio originale", "original meddelelse"),
        *("oorspronkelijk bericht", "ursprungligt meddelande", "oprindelig meddelelse", "opprinnelig melding"),
        *("alkuperäinen viesti", "wiadomość oryginalna", "исходное сообщение", "původní zpráva", "orijinal mesaj"),
        *("元のメッセージ", "原始邮件", "原始郵件", "원본 메시지", "الرسالة الأصلية", "eredeti üzenet"),
    )
)
#: Labels of the header block that Outlook writes, by what they name.
_LABELS = {
    "from": "from von de da van från fra od от від kimden 差出人 发件人 寄件者 보낸사람 من lähettäjä feladó expéditeur",
    "date": "sent date gesendet datum envoyé fecha enviado enviadoel inviato data verzonden skickat sendt dato wysłano "
    "отправлено дата gönderildi tarih 送信日時 日時 日付 日期 发送时间 时间 寄件日期 "
    "보낸날짜 lähetetty elküldve التاريخ",
    "to": "to an à para a aan till til do кому kime 宛先 收件人 收件者 받는사람 إلى vastaanottaja címzett",
    "subject": "subject betreff objet asunto assunto oggetto onderwerp ämne emne temat тема konu 件名 主题 主旨 제목 "
    "الموضوع aihe tárgy předmět předmet",
}
_KINDS = {label: kind for kind, labels in _LABELS.items() for label in labels.split()}
_LABEL = re.compile(r"[\s*_>]{0,8}([^\s:：*_>][^:：\n]{0,24})[\s*_]{0,4}[:：]")
#: What phones and apps write below a mail.
_FOOTERS = (
    *("sent from my ", "sent from outlook for ", "get outlook for ", "sent from mail for ", "sent from yahoo mail"),
    *("sent via ", "sent with proton mail", "sent from proton mail", "von meinem ", "gesendet von ", "gesendet mit "),
    *("envoyé de mon ", "envoyé depuis ", "enviado desde mi ", "enviado desde ", "enviado do meu ", "enviado de mi "),
    *("inviato da ", "verzonden vanaf ", "verstuurd vanaf ", "skickat från min ", "sendt fra min ", "lähetetty "),
    *(
        "wysłane z ",
        "отправлено с ",
        "отправлено из ",
        "відправлено з ",
        "odesláno z ",
        "iphoneから送信",
        "从我的 iphone",
    ),
    *(
        "发自我的",
        "發自我的",
        "나의 iphone에서",
        "أُرسلت من",
        "تم الإرسال من",
        "outlook für ",
        "télécharger outlook pour ",
    ),
)
_YEAR = re.compile(r"\b(?:19|20)\d\d|\d\d?[./-]\d\d?[./-]\d\d|\d年")


def shown_lines(text: str) -> list[str]:
    """The lines that can be shown: within the bounds."""
    return text[:MAX_TEXT].split("\n", MAX_LINES)[:MAX_LINES]


def own_lines(lines: Sequence[str]) -> int:
    """How many lines from the top the writer wrote now; all of them where she answered between the quotes."""
    if len(lines) > MAX_LINES:
        lines = lines[:MAX_LINES]
    end = _quote_start(lines)
    end = _without_footers(lines, _without_signature(lines, end))
    return end if any(not _is_quoted(line) and line.strip() for line in lines[:end]) else len(lines)


def announces_quote(line: str) -> bool:
    """Whether a line says when somebody wrote what follows."""
    text = line[-MAX_LOOK:].strip().casefold()
    return text.endswith((":", "：")) and any(word in text for word in _WROTE) and any(map(str.isdigit, text))


def _quote_start(lines: Sequence[str]) -> int:
    for index, line in enumerate(lines):
        if _is_quoted(line):
            return len(lines) if _answers_below(lines, index) else index
        if not line.strip():
            continue
        if _is_between(line) or _is_header_block(lines, index):
            return index
        size = _attribution(lines, index)
        if size:
            quoted = _next_filled(lines, index + size)
            if quoted is not None and _is_quoted(lines[quoted]) and _answers_below(lines, quoted):
                return len(lines)
            return index
    return len(lines)


def _is_quoted(line: str) -> bool:
    return line.lstrip(" ")[:1] in (">", "＞") if len(line) < MAX_LOOK else line[:10].lstrip(" ").startswith(">")


def _answers_below(lines: Sequence[str], start: int) -> bool:
    """Whether the writer's own words stand below or between quotes."""
    index = start
    while index < len(lines):
        line = lines[index]
        if not line.strip() or _is_quoted(line):
            index += 1
        elif _is_delimiter(line) and len(lines) - index <= MAX_SIGNATURE:
            return False
        elif size := _attribution(lines, index):
            index += size
        elif _is_between(line) or _is_header_block(lines, index):
            return False
        elif _is_footer(line):
            index += 1
        else:
            return True
    return False


def _next_filled(lines: Sequence[str], start: int) -> int | None:
    for index in range(start, min(start + 4, len(lines))):
        if lines[index].strip():
            return index
    return None


def _attribution(lines: Sequence[str], index: int) -> int:
    """How many lines from here say who wrote what follows; 0: none."""
    joined = ""
    for size in range(1, ATTRIBUTION + 1):
        if index + size > len(lines):
            return 0
        line = lines[index + size - 1]
        if not line.strip() or len(line) > MAX_LOOK or (size > 1 and _is_quoted(line)):
            return 0
        joined = " ".join(f"{joined} {line}".split()).casefold()
        if joined.endswith((":", "：")) and _says_who(joined, lines, index + size):
            return size
    return 0


def _says_who(joined: str, lines: Sequence[str], after: int) -> bool:
    dated = any(character.isdigit() for character in joined)
    follows = _next_filled(lines, after)
    quoted = follows is not None and _is_quoted(lines[follows])
    wrote = any(word in joined for word in _WROTE)
    # Japanese Gmail names date and address, and no verb.
    bare = joined.endswith((">:", ">：")) and "@" in joined and dated
    if quoted:
        return wrote or bare
    return (wrote or bare) and "@" in joined and _YEAR.search(joined) is not None


def _is_between(line: str) -> bool:
    text = line[:MAX_LOOK].strip()
    return text.startswith(("--", "__", "**", "==")) and text.strip("-_*= ").casefold() in _BETWEEN


def _is_header_block(lines: Sequence[str], index: int) -> bool:
    """Who, when, to whom and about what, on lines next to each other."""
    first = _label(lines[index])
    if first not in ("from", "date"):
        return False
    kinds = {first}
    for line in lines[index + 1 : index + HEADER_BLOCK]:
        kind = _label(line)
        if kind:
            kinds.add(kind)
        if len(kinds) >= 3 and "from" in kinds and ("subject" in kinds or "date" in kinds):
            return True
    return False


def _label(line: str) -> str:
    found = _LABEL.match(line[:60])
    return _KINDS.get("".join(found[1].casefold().split()).strip("*_"), "") if found else ""


def _is_delimiter(line: str) -> bool:
    return line in ("-- ", "--", "--\u00a0")


def _is_footer(line: str) -> bool:
    text = line[:MAX_LOOK].strip(" \t\u200e<>[]*_").casefold()
    return len(text) < 120 and text.startswith(_FOOTERS)


def _without_signature(lines: Sequence[str], end: int) -> int:
    for index in range(end - 1, max(end - MAX_SIGNATURE, 0) - 1, -1):
        if _is_delimiter(lines[index]):
            return index
    return end


def _without_footers(lines: Sequence[str], end: int) -> int:
    while end and (_is_rule(lines[end - 1]) or _is_footer(lines[end - 1])):
        end -= 1
    return end


def _is_rule(line: str) -> bool:
    text = line[:MAX_LOOK].strip()
    return not text or (len(text) >= 5 and len(line) < MAX_LOOK and not text.strip("_-"))
