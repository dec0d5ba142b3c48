"""One of everything that is drawn in Teams, for goldens, judges and a look."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.contracts.content import Attachment, Choice, Content, MediaKind, StoredFile
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import (
    Action,
    Author,
    Card,
    CardLink,
    Fact,
    FieldKind,
    Finding,
    Form,
    FormField,
    Option,
    Post,
    Queue,
    QueueItem,
    QuotePreview,
    Tone,
)
from core.contracts.richtext import (
    CodeBlock,
    Document,
    Heading,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
    document,
)
from core.contracts.text import from_plain
from plugins.teams import compose, dialogs, render
from plugins.teams.dialogs import Asked
from plugins.teams.render import Addresses, Json

GOLDENS = Path(__file__).parent / "teams_goldens"
ROOM = "19:support@thread.tacv2"
HOSTILE = (
    "<at>everyone</at> **bold** [bank](javascript:alert(1)) <script>alert(1)</script> {{DATE(2026-01-01T00:00:00Z)}} "
    "${title} \\n &lt;b&gt; `code`\n> quote\n- item\n1. one\n| a | b |"
)
ARABIC = "مرحبا، طلبي رقم 4711 لم يصل بعد.\nأين هو الآن؟"
THREAD = ThreadRef(workspace="contoso", room=ROOM, thread="1711111111111")
POST = PostRef(workspace="contoso", room=ROOM, thread=THREAD.thread, post="1711111111222")
FILE = StoredFile(sha256="0" * 64, size=120_000, mime="image/png", path=Path("cat.png"))
PDF = StoredFile(sha256="1" * 64, size=2_400_000, mime="application/pdf", path=Path("invoice.pdf"))
ACTIONS = (
    Action(id="claim", label="Claim", value="c7", style="primary"),
    Action(id="reply", label="Reply", value="c7", asks=True),
    Action(id="note", label="Note", value="c7", asks=True),
    Action(id="snooze", label="Snooze", value="c7", asks=True),
    Action(id="resolve", label="Resolve", value="c7"),
    Action(id="mirror", label="Mirror", value="c7", asks=True),
)
CARD = Card(
    title="Jane Doe · WhatsApp · #1042",
    status="Open, waiting for somebody",
    status_emoji="🔵",
    facts=(
        Fact(label="Identity", value="Proven by WhatsApp: +49 151 2345678"),
        Fact(label="Email", value="jane@example.com"),
        Fact(label="Page", value="https://shop.example.com/orders/4711"),
        Fact(label="Language", value="German"),
        Fact(label="Reply until", value="Tue 14:20"),
    ),
    links=(
        CardLink(label="#988, 3 March", thread=THREAD),
        CardLink(label="Customer record", url="https://crm.example.com/c/7"),
    ),
    actions=ACTIONS,
    hint="Messages in this thread go to the customer. Start with // for a note; !help shows the commands.",
)
RICH = document(
    [
        Heading(level=2, inlines=(Text(text="Return an order"),)),
        Paragraph(
            inlines=(
                Text(text="Read "),
                Text(text="this", marks=frozenset({Mark.BOLD, Mark.ITALIC})),
                Text(text=": "),
                Link(url="https://shop.example.com/returns", label="our rules"),
                Text(text=" or write to "),
                Link(url="mailto:help@example.com", label="help@example.com"),
                Text(text=", "),
                Mention(kind="user", id="29:bea", label="@Bea"),
                Text(text=".\nIt is "),
                Text(text="gone", marks=frozenset({Mark.STRIKE})),
                Text(text=" "),
                Text(text="here", marks=frozenset({Mark.UNDERLINE})),
                Text(text="; run "),
                Text(text="ls -l", marks=frozenset({Mark.CODE})),
            )
        ),
        *from_plain(ARABIC).blocks,
        ListBlock(
            items=(
                ListItem(inlines=(Text(text="Pack it"),), ordered=True, number=3),
                ListItem(inlines=(Text(text="with its label\non top"),), depth=1),
                ListItem(inlines=(Text(text="Post it"),), ordered=True, number=4),
            )
        ),
        Quote(inlines=(Text(text="You said\nso"),)),
        CodeBlock(text='def hello():\n    print("<b>")\n\nhello()', language="python"),
        Paragraph(inlines=(Text(text="That is all."),)),
    ]
)
TABLE = "Item      Price\nCat       12.00\nDog       99.00"


def permalink(place: ThreadRef | PostRef) -> str:
    post = place.post if isinstance(place, PostRef) else place.thread
    return f"https://teams.example.com/l/message/{place.room}/{post}"


def link_to(file: Attachment) -> str:
    return f"https://help.example.com/files/{file.name}"


TO = Addresses(permalink=permalink, file=link_to, picture=lambda file: f"https://cdn.example.com/picture/{file.name}")
#: Where Threadbridge has no public address and Teams has named no tenant.
NOWHERE = Addresses(permalink=lambda _: "", file=lambda _: "")


def post(content: Content, tone: Tone = Tone.CUSTOMER, **more: Any) -> Post:
    who = Author(name="Jane (WhatsApp)", avatar_url="https://cdn.example.com/jane.png")
    return Post(**{"key": "post:1", "tone": tone, "author": who, "content": content, **more})


def said(text: str) -> Content:
    return Content(body=from_plain(text))


def picture(**more: Any) -> Attachment:
    return Attachment(kind=MediaKind.IMAGE, name="cat.png", mime="image/png", size=120_000, **more)


def invoice(**more: Any) -> Attachment:
    return Attachment(kind=MediaKind.FILE, name="invoice.pdf", mime="application/pdf", size=2_400_000, **more)


BEA = Author(name="Bea")
HELLO = post(said("Hello! My order 4711 has not arrived yet.\n\nCan you tell me where it is? 🙈"))
FAILURE = post(
    said("Not delivered to Jane: the 24-hour window of WhatsApp has closed."),
    Tone.FAILURE,
    actions=(Action(id="retry", label="Retry", value="m1"), Action(id="discard", label="Discard", style="danger")),
)
NOTICE_LINK = document(
    [Paragraph(inlines=(Text(text="Moved to "), Link(url="https://teams.example.com/l/c/1", label="Sales")))]
)
POSTS: dict[str, Post] = {
    "plain": HELLO,
    "hostile": post(said(HOSTILE), author=Author(name=HOSTILE)),
    "rich": post(Content(body=RICH), author=Author(name="Jane (WhatsApp)")),
    "arabic": post(said(ARABIC)),
    "emoji": post(said("🎉" * 40)),
    "table": post(said(TABLE)),
    "agent": post(Content(body=RICH), Tone.AGENT, author=BEA),
    "bot": post(Content(body=from_plain("What is it about?"), choices=(Choice(value="a", label="Order"),)), Tone.BOT),
    "note": post(said("She called yesterday as well."), Tone.NOTE, author=BEA),
    "notice": post(said("Jane continued by email."), Tone.NOTICE),
    "notice_with_link": post(Content(body=NOTICE_LINK), Tone.NOTICE),
    "failure": FAILURE,
    "picture": post(Content(attachments=(picture(file=FILE),))),
    "file": post(Content(body=from_plain("The invoice"), attachments=(invoice(file=PDF),))),
    "lost_file": post(Content(body=from_plain("Look"), attachments=(picture(problem="It is larger than 30 MB."),))),
    "quote": post(said("Yes, that one"), quote=QuotePreview(author="Bea", text="The red one?", post=POST)),
    "edited": post(said("Hello again"), edited=True, reactions=("❤️", "👍")),
    "deleted": post(Content(), deleted=True),
    "deleted_shown": post(said("I said it"), deleted=True),
    "several": post(said("One"), more=(said("Two"), said("Three"))),
    "empty": post(Content(body=Document())),
}
BARE = Card(title="Visitor 7 · Web chat", status="Open", status_emoji="🔵")
OPENINGS: dict[str, tuple[Card, Post, ThreadRef | None]] = {
    "opening": (CARD, HELLO, THREAD),
    "opening_new": (CARD, HELLO, None),
    "opening_bare": (BARE, HELLO, None),
    "opening_deleted": (BARE, replace(HELLO, deleted=True), THREAD),
    "opening_hostile": (
        Card(
            title=HOSTILE,
            status=HOSTILE,
            status_emoji="🔵",
            facts=(Fact(label=HOSTILE, value=HOSTILE), Fact(label="Page", value="javascript:alert(1)")),
            links=(CardLink(label=HOSTILE, url="https://a.example"), CardLink(label="gone", url="javascript:x")),
            actions=(Action(id="claim", label=HOSTILE, value=HOSTILE),),
            hint=HOSTILE,
        ),
        post(said(HOSTILE)),
        THREAD,
    ),
}
FORMS: dict[str, Form] = {
    "reply": Form(
        title="Reply to Jane",
        submit="Send",
        text="Goes to Jane by WhatsApp. Formatting that WhatsApp does not know is left out.",
        fields=(
            FormField(id="text", label="Message", kind=FieldKind.RICH_TEXT, initial="Dear Jane,"),
            FormField(
                id="channel",
                label="Send by",
                kind=FieldKind.SELECT,
                options=(Option(value="w", label="WhatsApp"), Option(value="e", label="Email")),
                initial="w",
            ),
            FormField(id="subject", label="Subject", kind=FieldKind.TEXT, optional=True, hint="Only for email."),
        ),
    ),
    "mirror": Form(
        title="Show in one more room",
        submit="Show",
        fields=(
            FormField(
                id="room",
                label="Room",
                kind=FieldKind.SELECT,
                options=tuple(Option(value=f"r{number}", label=f"Room {number}") for number in range(12)),
            ),
        ),
    ),
    "to_read": Form(title="Full message", submit="", text="A line of a long mail.\n" * 400, fields=()),
    "hostile": Form(
        title=HOSTILE,
        submit=HOSTILE,
        text=HOSTILE,
        fields=(FormField(id="f", label=HOSTILE, kind=FieldKind.TEXT, initial=HOSTILE, hint=HOSTILE),),
    ),
}
ITEM = QueueItem(title="Jane Doe · WhatsApp", status="waiting 4 min", text="Where is my order?", thread=THREAD)
QUEUES: dict[str, Queue] = {
    "empty": Queue(),
    "full": Queue(
        mine=(ITEM, QueueItem(title="Omar · Email", status="answered", text="Thanks so far", thread=THREAD)),
        waiting=(QueueItem(title="Li · Web chat", status="new", text="你好", thread=THREAD, actions=ACTIONS[:1]),),
        snoozed=(QueueItem(title="Ann · Telegram", status="until Mon 09:00", text="Later", thread=None),),
        troubles=("Telegram has not answered since 09:12.",),
    ),
    "hostile": Queue(
        mine=(QueueItem(title=HOSTILE, status=HOSTILE, text=HOSTILE, thread=THREAD, actions=ACTIONS),) * 20,
        waiting=(QueueItem(title=HOSTILE, status=HOSTILE, text=HOSTILE, thread=THREAD, actions=ACTIONS),) * 20,
        snoozed=(QueueItem(title=HOSTILE, status=HOSTILE, text=HOSTILE, thread=THREAD, actions=ACTIONS),) * 20,
        troubles=(HOSTILE,) * 20,
    ),
}
FINDINGS: dict[str, tuple[Finding, ...]] = {
    "canned": (
        Finding(id="hello", title="Greeting", text="Dear customer,\n\nthank you for writing.\nWe look into it."),
        Finding(id="bye", title="Closing", text="Kind regards 👋"),
    ),
    "conversations": (
        Finding(id="c1", title="Jane · #988", text="Where is it?", status="Resolved, Mon 09:00", thread=THREAD),
        Finding(id="c2", title="Omar · #989", text="Thanks", status="Open"),
    ),
    "hostile": (Finding(id="x", title=HOSTILE, text=HOSTILE), Finding(id="y", title="y", text=HOSTILE, status=HOSTILE)),
    "nothing": (),
}
ASKED = Asked(thread=THREAD, action="reply", value="c7", key="f1")


def activities() -> dict[str, Json]:
    """Every activity by name."""
    return {
        **{name: render.post(item, TO) for name, item in POSTS.items()},
        "file_nowhere": render.post(POSTS["file"], NOWHERE),
        **{name: render.opening(card, first, thread, TO) for name, (card, first, thread) in OPENINGS.items()},
        "whisper": render.private(f"Not sent. {HOSTILE}", ACTIONS[:2], THREAD, where=permalink(THREAD)),
        **{f"queue_{name}": dialogs.queue(queue, TO) for name, queue in QUEUES.items()},
    }


def answers() -> dict[str, Json]:
    """Every answer to an invoke by name."""
    typed = {"field_channel": "e", "field_subject": "", "rich_text": "Dear Jane, **wait**"}
    return {
        **{f"form_{name}": dialogs.dialog(form, ASKED) for name, form in FORMS.items()},
        "form_refused": dialogs.with_error(FORMS["reply"], ASKED, typed, "Email wants a subject."),
        **{f"found_{name}": compose.results(findings, TO) for name, findings in FINDINGS.items()},
    }


def cards() -> dict[str, Json]:
    """Every card by name, wherever it stands."""
    found: dict[str, Json] = {}
    for name, drawn in (activities() | answers()).items():
        found |= {f"{name}:{number}": card for number, card in enumerate(cards_in(drawn))}
    return found


def cards_in(value: Any) -> list[Json]:
    if isinstance(value, list):
        return [card for inner in value for card in cards_in(inner)]
    if not isinstance(value, dict):
        return []
    if value.get("type") == "AdaptiveCard":
        return [value]
    return [card for inner in value.values() for card in cards_in(inner)]


def pictures() -> dict[str, str]:
    """What is drawn, as the goldens keep it."""
    drawn = activities() | answers()
    return {name: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for name, value in drawn.items()}


def main() -> None:
    """Keeps the present drawings as goldens; look at the difference before you commit it."""
    GOLDENS.mkdir(exist_ok=True)
    for old in GOLDENS.glob("*.json"):
        old.unlink()
    for name, picture_ in pictures().items():
        (GOLDENS / f"{name}.json").write_text(picture_)


if __name__ == "__main__":
    main()
