"""One of everything that is drawn in Slack, for goldens, judges and a look."""

import json
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
from plugins.slack import render, views

Block = dict[str, Any]
GOLDENS = Path(__file__).parent / "slack_goldens"
HOSTILE = (
    "<!channel> <@U123> <http://evil.example|bank.example> *bold* _i_ `code` :tada: &amp; @here\n> quote\n• <script>"
)
THREAD = ThreadRef(workspace="acme", room="C1", thread="1712345678.000100")
POST = PostRef(workspace="acme", room="C1", thread=THREAD.thread, post="1712345679.000200")
FILE = StoredFile(sha256="0" * 64, size=120_000, mime="image/png", path=Path("cat.png"))
ACTIONS = (
    Action(id="claim", label="Claim", value="c7", style="primary"),
    Action(id="reply", label="Reply", value="c7", asks=True),
    Action(id="note", label="Note", value="c7", asks=True),
    Action(id="snooze", label="Snooze", value="c7", asks=True),
    Action(id="resolve", label="Resolve", value="c7"),
)
CARD = Card(
    title="Jane Doe · WhatsApp · #1042",
    status="Open, waiting for somebody",
    status_emoji="🔵",
    facts=(
        Fact(label="Identity", value="Proven by WhatsApp: +49 151 2345678"),
        Fact(label="Email", value="jane@example.com (claimed)"),
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
                Mention(kind="user", id="U9", label="@Bea"),
                Text(text="."),
            )
        ),
        Paragraph(inlines=(Text(text="مرحبا بالعالم 👋🏽 日本語"),)),
        ListBlock(
            items=(
                ListItem(inlines=(Text(text="Pack it"),), ordered=True, number=3),
                ListItem(inlines=(Text(text="with its label"),), depth=1),
                ListItem(inlines=(Text(text="Post it"),), ordered=True, number=4),
            )
        ),
        Quote(inlines=(Text(text="You said\nso"),)),
        CodeBlock(text='print("<b>")', language="python"),
    ]
)


def post(content: Content, tone: Tone = Tone.CUSTOMER, **more: Any) -> Post:
    return Post(key="k", tone=tone, author=Author(name="Jane (WhatsApp)"), content=content, **more)


def said(text: str) -> Content:
    return Content(body=from_plain(text))


def picture(**more: Any) -> Attachment:
    return Attachment(kind=MediaKind.IMAGE, name="cat.png", mime="image/png", size=120_000, **more)


def permalink(place: ThreadRef | PostRef) -> str:
    ts = place.post if isinstance(place, PostRef) else place.thread
    return f"https://acme.slack.com/archives/{place.room}/p{ts.replace('.', '')}"


HELLO = post(said("Hello! My order 4711 has not arrived yet.\n\nCan you tell me where it is? 🙈"))
FAILURE = post(
    said("Not delivered to Jane: the 24-hour window of WhatsApp has closed."),
    Tone.FAILURE,
    actions=(Action(id="retry", label="Retry", value="m1"), Action(id="discard", label="Discard", value="m1")),
)
NOTICE_LINK = document(
    [Paragraph(inlines=(Text(text="Moved to "), Link(url="https://acme.slack.com/archives/C2/p1", label="#sales")))]
)
POSTS: dict[str, Post] = {
    "plain": HELLO,
    "hostile": post(said(HOSTILE)),
    "rich": post(Content(body=RICH)),
    "agent": post(Content(body=RICH), Tone.AGENT),
    "bot": post(Content(body=from_plain("What is it about?"), choices=(Choice(value="a", label="Order"),)), Tone.BOT),
    "note": post(said("She called yesterday as well."), Tone.NOTE),
    "notice": post(said("Jane continued by email."), Tone.NOTICE),
    "notice_with_link": post(Content(body=NOTICE_LINK), Tone.NOTICE),
    "failure": FAILURE,
    "picture": post(Content(attachments=(picture(file=FILE),))),
    "lost_file": post(Content(body=from_plain("Look"), attachments=(picture(problem="It is larger than 30 MB."),))),
    "quote": post(said("Yes, that one"), quote=QuotePreview(author="Bea", text="The red one?", post=POST)),
    "edited": post(said("Hello again"), edited=True, reactions=("❤️", "👍")),
    "deleted": post(Content(), deleted=True),
    "deleted_shown": post(said("I said it"), deleted=True),
    "several": post(said("One"), more=(said("Two"), said("Three"))),
    "empty": post(Content(body=Document())),
}
OPENINGS: dict[str, tuple[Card, Post]] = {
    "opening": (CARD, HELLO),
    "opening_bare": (Card(title="Visitor 7 · Web chat", status="Open", status_emoji="🔵"), HELLO),
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


def messages() -> dict[str, render.Drawn]:
    """Every message by name."""
    whisper = render.private(f"Not sent. {HOSTILE}", ACTIONS[:2], views.thread_block(THREAD, "whisper"))
    return {
        **{name: render.post(item, permalink) for name, item in POSTS.items()},
        **{name: render.opening(card, first, permalink) for name, (card, first) in OPENINGS.items()},
        "whisper": whisper,
    }


def pages() -> dict[str, Block]:
    """Every modal and App Home by name."""
    asked = views.Asked(thread=THREAD, action="reply", value="c7")
    return {
        **{f"form_{name}": views.modal(form, asked) for name, form in FORMS.items()},
        **{f"home_{name}": views.home(queue, permalink) for name, queue in QUEUES.items()},
    }


def pictures() -> dict[str, str]:
    """What is drawn, as the goldens keep it."""
    drawn = {name: {"text": message.text, "blocks": message.blocks} for name, message in messages().items()}
    return {name: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for name, value in (drawn | pages()).items()}


def main() -> None:
    """Keeps the present drawings as goldens; look at the difference before you commit it."""
    for old in GOLDENS.glob("*.json"):
        old.unlink()
    for name, picture_ in pictures().items():
        (GOLDENS / f"{name}.json").write_text(picture_)


if __name__ == "__main__":
    main()
