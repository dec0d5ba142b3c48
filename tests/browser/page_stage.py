"""The sandbox page on a stage: real servers, the real widget, and an app that posts what the product posts."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from core.contracts.actions import ActionId
from core.contracts.content import Content
from core.contracts.places import ThreadRef
from core.contracts.posts import Action, Author, Card, CardLink, Fact, Post, Queue, QueueItem, Tone
from core.contracts.text import from_plain
from core.desk import forms
from plugins.slack import render, views
from sandbox.mail import MailSandbox
from sandbox.page import Page
from sandbox.slack import SlackSandbox
from sandbox.telegram import TelegramSandbox
from tests.bridges.webchat_runtime import MemoryCore
from tests.bridges.webchat_site import serving_chat

Json = dict[str, Any]
HINT = "Messages in this thread go to the customer. Start with // for a note; !help shows the commands."
ACTIONS = (
    Action(id=ActionId.CLAIM, label="Claim", value="c1", style="primary"),
    Action(id=ActionId.REPLY, label="Reply", value="c1", asks=True),
    Action(id=ActionId.NOTE, label="Note", value="c1", asks=True),
    Action(id=ActionId.SNOOZE, label="Snooze", value="c1", asks=True),
    Action(id=ActionId.RESOLVE, label="Resolve", value="c1"),
)


def no_link(_ref: object) -> str:
    return ""


def picture(width: int = 480, height: int = 300) -> bytes:
    """A lamp's glow, more or less."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            near = max(0.0, 1 - ((x - width / 2) ** 2 / (width / 2) ** 2 + (y - height * 0.4) ** 2 / (height / 2) ** 2))
            rows += bytes((int(70 + 180 * near), int(48 + 150 * near), int(40 + 60 * near)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")


@dataclass
class Stage:
    """Everything that is running, and what the little app heard."""

    slack: SlackSandbox
    telegram: TelegramSandbox
    mail: MailSandbox
    web: MemoryCore
    page: Page
    client: AsyncWebClient
    bea: str
    omar: str
    support: str
    sales: str
    jane: int
    heard: list[Json] = field(default_factory=list)

    async def opens(self, who: str, channel: str, words: str, *, facts: Sequence[Fact] = (), number: int = 41) -> str:
        """A conversation's opening post. Returns its ts."""
        card = Card(
            title=f"{who} · {channel} · #{number}",
            status="Open, waiting for somebody",
            status_emoji="🔵",
            facts=(Fact(label="Identity", value=f"known by {channel} only"), *facts),
            links=(CardLink(label="#12, 3 September", url="https://example.test/12"),) if number == 41 else (),
            actions=ACTIONS,
            hint=HINT,
        )
        drawn = render.opening(card, self.post(who, channel, words), no_link)
        return await self.posts(drawn, username=f"{who} ({channel})")

    def post(self, who: str, channel: str, words: str, tone: Tone = Tone.CUSTOMER, **more: Any) -> Post:
        author = Author(name=f"{who} ({channel})" if channel else who)
        return Post(key="k", tone=tone, author=author, content=Content(body=from_plain(words)), **more)

    async def says(
        self, thread: str, who: str, channel: str, words: str, tone: Tone = Tone.CUSTOMER, **more: Any
    ) -> str:
        """A post in a thread."""
        post = self.post(who, channel, words, tone, **more)
        return await self.posts(render.post(post, no_link), thread=thread, **render.persona(tone, post.author))

    async def posts(self, drawn: render.Drawn, *, thread: str | None = None, **persona: str) -> str:
        answer = await self.client.chat_postMessage(
            channel=self.support, thread_ts=thread, text=drawn.text, blocks=drawn.blocks, **persona
        )
        return str(answer["ts"])

    async def whispers(self, agent: str, thread: str, words: str, actions: Sequence[Action] = ()) -> None:
        drawn = render.private(words, actions, "private")
        await self.client.chat_postEphemeral(
            channel=self.support, user=agent, thread_ts=thread, text=drawn.text, blocks=drawn.blocks
        )

    async def shows_home(self, agent: str, thread: str) -> None:
        ref = ThreadRef(workspace="slack", room=self.support, thread=thread)
        item = QueueItem(
            title="Jane Miller · Telegram · #41",
            status="waiting 4 min",
            text="Hello! My lamp arrived with a broken shade 😕",
            thread=ref,
            actions=ACTIONS[:2],
        )
        queue = Queue(mine=(item,), waiting=(item, item), troubles=())
        link = f"{self.slack.url}/archives/{self.support}/p{thread.replace('.', '')}"
        await self.client.views_publish(user_id=agent, view=views.home(queue, lambda _ref: link))


def listen(app: AsyncApp, stage: Stage) -> None:
    """Answers presses with the product's own modals, and remembers everything."""

    async def pressed(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        stage.heard.append(body)
        action = body["actions"][0]["action_id"]
        thread = ThreadRef(workspace="slack", room=stage.support, thread="1.1")
        made = {"reply": forms.reply("Jane", "Telegram", ()), "snooze": forms.snooze()}
        form = next((form for name, form in made.items() if f":{name}:" in action), None)
        if form is not None:
            asked = views.Asked(thread=thread, action=action.split(":")[1], value="c1")
            await client.views_open(trigger_id=body["trigger_id"], view=views.modal(form, asked))

    async def submitted(ack: Any, body: Json) -> None:
        stage.heard.append(body)
        values = body["view"]["state"]["values"]
        if values.get("text", {}).get("value", {}).get("rich_text_value") and "refuse" in str(values):
            await ack(response_action="errors", errors={"text": "That cannot be sent."})
        else:
            await ack()

    async def heard(ack: Any, body: Json) -> None:
        await ack()
        stage.heard.append(body)

    app.action(re.compile(".*"))(pressed)
    app.view(views.FORM)(submitted)
    app.shortcut(re.compile(".*"))(heard)
    app.event("message")(heard)
    app.event("app_home_opened")(heard)
    app.event(re.compile(".*"))(heard)


@asynccontextmanager
async def staged(folder: Path, **more: Any) -> AsyncIterator[Stage]:
    """The page at work, empty as after the first start; `more` goes to it as it is."""
    async with (
        SlackSandbox(limits=False) as slack,
        TelegramSandbox(limits=False) as telegram,
        MailSandbox() as mail,
        serving_chat(MemoryCore(folder, settings={"origins": ["*"], "title": "Lumen & Loom"})) as site,
    ):
        slack.world.team_name = "Lumen & Loom"
        bea = slack.add_user("bea", "Bea Lindqvist", "bea@example.test", "Europe/Berlin", color="2f6f6a")
        omar = slack.add_user("omar", "Omar Haddad", "omar@example.test", "Europe/Berlin", color="b8503c")
        support = slack.add_channel("support", members=[bea, omar])
        sales = slack.add_channel("sales", members=[bea, omar])
        slack.world.channels[support].topic = "Customers of the shop. Answer in the thread."
        for room in (support, sales):
            slack.invite_bot(room)
        jane = telegram.add_customer("Jane Miller", "jane")
        telegram.add_customer("Yusuf Demir", "yusuf", "tr")
        mail.add_mailbox("support@example.test", "secret")
        client = AsyncWebClient("xoxb-sandbox", base_url=f"{slack.url}/api/", retry_handlers=[])
        async with Page(
            slack=slack,
            telegram=telegram,
            mail=mail,
            widget_url=f"{site.base}/widget.js",
            agents=[bea, omar],
            rooms=[support, sales],
            phones=[jane, jane + 1],
            correspondents=[("Priya Nair", "priya@customer.test"), ("Tomás Ortega", "tomas@customer.test")],
            support_address="support@example.test",
            **more,
        ) as page:
            stage = Stage(
                slack=slack,
                telegram=telegram,
                mail=mail,
                web=site.core,
                page=page,
                client=client,
                bea=bea,
                omar=omar,
                support=support,
                sales=sales,
                jane=jane,
            )
            app = AsyncApp(client=client, signing_secret=slack.signing_secret, process_before_response=True)
            listen(app, stage)
            handler = AsyncSocketModeHandler(app, "xapp-sandbox", web_client=client)
            await handler.connect_async()
            await slack.until_connected()
            try:
                yield stage
            finally:
                await handler.close_async()
