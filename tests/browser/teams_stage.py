"""A Teams tenant beside the page, and an app in it that posts what the product posts and answers what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from core.contracts.content import Content
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Action, Author, Card, Fact, Finding, Post, Queue, QueueItem, Tone
from core.contracts.text import from_plain
from core.desk import forms
from plugins.teams import compose, dialogs, render
from plugins.teams.manifest import SEND
from plugins.teams.manifest import data as manifest_data
from sandbox.teams import TeamsSandbox
from tests.browser.page_stage import ACTIONS, HINT, Stage, staged

Json = dict[str, Any]
ROOT = ";messageid="


@dataclass
class TeamsStage:
    """The page with both workspaces."""

    stage: Stage
    teams: TeamsSandbox
    http: aiohttp.ClientSession
    bea: str
    omar: str
    team: str
    support: str
    vip: str
    heard: list[Json] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the page is."""
        return self.stage.page.url

    @property
    def to(self) -> render.Addresses:
        """Where things are opened: messages in Teams, files nowhere."""

        def permalink(ref: ThreadRef | PostRef) -> str:
            return f"https://teams.microsoft.com/l/message/{quote(ref.room)}/{ref.thread}?groupId=g"

        return render.Addresses(permalink=permalink, file=lambda _file: "")

    async def opens(self, who: str, channel: str, words: str, *, facts: Sequence[Fact] = ()) -> str:
        """A conversation: its card, and the first message in its thread. Returns the root's id."""
        card = Card(
            title=f"{who} · {channel} · #41",
            status="Open, waiting for somebody",
            status_emoji="🔵",
            facts=(Fact(label="Identity", value=f"known by {channel} only"), *facts),
            actions=ACTIONS,
            hint=HINT,
        )
        first = self.post(f"{who} ({channel})", words)
        root = await self.posts(self.support, render.opening(card, first, None, self.to))
        await self.says(root, first)
        return root

    def post(self, who: str, words: str, tone: Tone = Tone.CUSTOMER, **more: Any) -> Post:
        return Post(key="k", tone=tone, author=Author(name=who), content=Content(body=from_plain(words)), **more)

    async def says(self, root: str, post: Post) -> str:
        """A post in a thread."""
        return await self.posts(f"{self.support}{ROOT}{root}", render.post(post, self.to))

    async def whispers(self, agent: str, root: str, words: str, actions: Sequence[Action] = ()) -> str:
        thread = ThreadRef(workspace="teams", room=self.support, thread=root)
        drawn = render.private(words, actions, thread) | {"recipient": {"id": agent, "isTargeted": True}}
        return await self.posts(f"{self.support}{ROOT}{root}", drawn, targeted=True)

    async def shows_queue(self, agent: str, roots: Sequence[str]) -> str:
        items = [self._item(root) for root in roots]
        drawn = dialogs.queue(Queue(mine=tuple(items[:1]), waiting=tuple(items[1:])), self.to)
        return await self.posts(self.teams.chat_id(agent), drawn)

    def _item(self, root: str) -> QueueItem:
        thread = ThreadRef(workspace="teams", room=self.support, thread=root)
        return QueueItem(
            title=f"Jane · #{root[-4:]}", status="waiting 4 min", text="Hello!", thread=thread, actions=ACTIONS[:1]
        )

    async def posts(self, conversation: str, activity: Json, *, targeted: bool = False) -> str:
        query = "?isTargetedActivity=true" if targeted else ""
        answer = await self._call(
            "POST", f"/v3/conversations/{quote(conversation, safe='')}/activities{query}", activity
        )
        return str(answer["id"])

    async def edits(self, conversation: str, message: str, activity: Json) -> None:
        await self._call("PUT", f"/v3/conversations/{quote(conversation, safe='')}/activities/{message}", activity)

    async def reacts(self, conversation: str, message: str, kind: str) -> None:
        where = f"/v3/conversations/{quote(conversation, safe='')}/activities/{message}/reactions/{kind}"
        await self._call("PUT", where, None)

    async def status(self, conversation: str, activity: Json) -> int:
        """What the Bot Connector answers to a post."""
        url = f"{self.teams.url}/v3/conversations/{quote(conversation, safe='')}/activities"
        async with self.http.post(url, json=activity, headers=await self._headers()) as answer:
            return answer.status

    async def _call(self, method: str, path: str, body: Json | None) -> Json:
        url = URL(f"{self.teams.url}{path}", encoded=True)
        async with self.http.request(method, url, json=body, headers=await self._headers()) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.content_type == "application/json" else {}

    async def _headers(self) -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.teams.app_id,
            "client_secret": self.teams.app_secret,
            "scope": "https://api.botframework.com/.default",
        }
        async with self.http.post(f"{self.teams.url}/{self.teams.tenant_id}/oauth2/v2.0/token", data=form) as answer:
            return {"Authorization": f"Bearer {(await answer.json()).get('access_token', '')}"}

    async def hear(self, request: web.Request) -> web.Response:
        """The app's endpoint: answers invokes as the product does, and remembers everything."""
        activity = await request.json()
        self.heard.append(activity)
        answer = self._answer(activity) if activity["type"] == "invoke" else None
        return web.json_response(answer) if answer is not None else web.Response()

    def _answer(self, activity: Json) -> Json:
        value, name = activity["value"], activity["name"]
        data = value.get("data") or {}
        asked = dialogs.Asked(thread=ThreadRef(workspace="teams", room="", thread=""), action="reply", value="c1")
        match name:
            case "adaptiveCard/action":
                claimed = render.private(f"Claimed: {value['action']['verb']}", (), asked.thread)
                card = claimed["attachments"][0]["content"]
                return {"statusCode": 200, "type": render.CARD_TYPE, "value": card}
            case "task/fetch":
                form = forms.snooze() if data.get("action") == "snooze" else forms.reply("Jane", "Telegram", ())
                return dialogs.dialog(form, dialogs.Asked(thread=asked.thread, action=data["action"], value="c1"))
            case "task/submit" if "refuse" in str(data):
                return dialogs.with_error(forms.reply("Jane", "Telegram", ()), asked, data, "That is too rude.")
            case "task/submit":
                return {}
            case "composeExtension/query":
                words = value["parameters"][0]["value"]
                finding = Finding(id="f1", title="Return label", text="Here is your **label**.\nPrint it, please.")
                return (
                    compose.results([finding], self.to)
                    if words in {"true", "label"}
                    else compose.nothing("Nothing was found.")
                )
            case "composeExtension/fetchTask":
                return dialogs.message("Sent to Jane." if value["commandId"] == SEND else "Kept among colleagues.")
        raise AssertionError(name)


@asynccontextmanager
async def serving(stage: TeamsStage) -> AsyncIterator[str]:
    """The app's endpoint on a port of its own."""
    app = web.Application()
    app.router.add_post("/messages", stage.hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/messages"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[TeamsStage]:
    """The page with Slack and Teams beside each other."""
    async with TeamsSandbox(limits=False) as teams, aiohttp.ClientSession() as http:
        bea, omar = teams.add_user("Bea Lindqvist"), teams.add_user("Omar Haddad")
        team = teams.add_team("Customer Care", [bea, omar])
        support, vip = teams.add_channel(team, "Support"), teams.add_channel(team, "VIP")
        teams.use_manifest(manifest_data("https://threadbridge.example", teams.app_id))
        await teams.install(team)
        more: Json = {"teams": teams, "teams_agents": [bea, omar], "teams_rooms": [support, vip]}
        async with staged(folder, **more) as stage:
            made = TeamsStage(
                stage=stage, teams=teams, http=http, bea=bea, omar=omar, team=team, support=support, vip=vip
            )
            async with serving(made) as endpoint:
                teams.connect(endpoint)
                yield made
