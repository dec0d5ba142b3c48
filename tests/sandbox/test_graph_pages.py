"""Messenger's and Instagram's stand-in is as strict as they are: templates, uploads, addresses, logins, fields."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.graph import GraphSandbox

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class Business:
    """Calls the API about one customer, who has written on Messenger and on Instagram."""

    def __init__(self, graph: GraphSandbox, session: aiohttp.ClientSession) -> None:
        self.graph, self._session = graph, session

    async def call(self, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """(0, what it answers), or its error's code and subcode as one number and its text."""
        headers = {"Authorization": f"Bearer {token or self.graph.token}"}
        verb = "GET" if body is None else "POST"
        given = {"data": body} if isinstance(body, aiohttp.FormData) else {} if body is None else {"json": body}
        async with self._session.request(verb, f"{self.graph.url}/{path}", headers=headers, **given) as answer:
            said = await answer.json()
        error = said.get("error")
        return (error.get("error_subcode") or error["code"], said) if error else (0, said)

    async def says(self, user: str, message: dict[str, Any], **more: Any) -> int:
        given = {"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": message, **more}
        return (await self.call(f"v26.0/{self.graph.messenger.id}/messages", given))[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def shop(clock: Clock) -> AsyncIterator[Business]:
    async with GraphSandbox(clock=clock, limits=False) as graph, aiohttp.ClientSession() as session:
        yield Business(graph, session)


@pytest.fixture
async def ada(shop: Business) -> str:
    user = shop.graph.messenger.add_customer("Ada Moss")
    await shop.graph.messenger.customer_writes(user, "Hello")
    return user


def template(kind: str, **payload: Any) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": {"template_type": kind, **payload}}}


YES = {"type": "postback", "title": "Yes", "payload": "YES"}
LINK = {"type": "web_url", "title": "See it", "url": "https://example.com"}


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        (template("button", text="?", buttons=[YES, LINK]), True),
        (template("button", text="?", buttons=[]), False),
        (template("button", text="?", buttons=[YES] * 4), False),
        (template("button", text="x" * 641, buttons=[YES]), False),
        (template("button", text="?", buttons=[YES | {"title": "x" * 21}]), False),
        (template("button", text="?", buttons=[YES | {"payload": ""}]), False),
        (template("generic", elements=[{"title": "Lamp", "subtitle": "20 €", "buttons": [YES, LINK]}]), True),
        (template("generic", elements=[{"title": "Lamp", "image_url": "https://example.com/x.png"}] * 10), True),
        (template("generic", elements=[{"title": "Lamp", "buttons": [LINK]}] * 11), False),
        (template("generic", elements=[{"title": "Lamp"}]), False),
        (template("generic", elements=[{"title": "x" * 81, "subtitle": "x"}]), False),
        (template("generic", elements=[{"title": "Lamp", "subtitle": "x" * 81}]), False),
        (template("generic", elements=[{"title": "Lamp", "buttons": [LINK | {"url": "javascript:x"}]}]), False),
        (template("receipt"), False),
        ({"text": "x", "reply_to": {"mid": "m_1"}}, False),
    ],
)
async def test_templates_keep_their_limits(shop: Business, ada: str, message: dict[str, Any], fits: bool) -> None:
    assert (await shop.says(ada, message) == 0) is fits


async def test_an_answer_quotes_what_is_in_this_chat(shop: Business, ada: str) -> None:
    hers = shop.graph.messenger.chat(ada)[0].id
    assert await shop.says(ada, {"text": "x"}, reply_to={"mid": hers}) == 0
    assert shop.graph.messenger.chat(ada)[-1].reply_to == hers
    assert await shop.says(ada, {"text": "x"}, reply_to={"mid": "m_other"}) == 100


async def test_a_locked_conversation_is_taken_first(shop: Business, ada: str) -> None:
    page = shop.graph.messenger
    page.locks = True
    page.hand_over(ada)
    assert await shop.says(ada, {"text": "x"}) == 2018300
    await shop.call(f"v26.0/{page.id}/take_thread_control", {"recipient": {"id": ada}})
    assert await shop.says(ada, {"text": "x"}) == 0


async def test_a_pages_edges_are_those_of_the_linked_account(shop: Business) -> None:
    graph = shop.graph
    user = graph.instagram.add_customer("Ada", username="ada")
    await graph.instagram.customer_writes(user, "Hello")
    assert await shop.says(user, {"text": "x"}) == 0
    assert graph.instagram.chat(user)[-1].text == "x"
    assert await shop.says(user, template("button", text="?", buttons=[YES])) == 100


@pytest.mark.parametrize(
    ("name", "mime", "platform", "code"),
    [
        ("lamp.png", "image/png", "instagram", 0),
        ("März.png", "image/png", "instagram", 2018047),
        ("März.png", "image/png", "", 0),
        ("lamp.webp", "image/webp", "instagram", 2018047),
        ("lamp.webp", "image/webp", "", 0),
    ],
)
async def test_uploads(shop: Business, name: str, mime: str, platform: str, code: int) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("message", json.dumps({"attachment": {"type": "image", "payload": {"is_reusable": True}}}))
    if platform:
        form.add_field("platform", platform)
    form.add_field("filedata", b"x", filename=name, content_type=mime)
    assert (await shop.call(f"v26.0/{shop.graph.messenger.id}/message_attachments", form))[0] == code


async def test_a_file_is_fetched_from_its_address(shop: Business, ada: str) -> None:
    media = shop.graph.shared.media.add("lamp.png", "image/png", b"x")
    url = shop.graph.shared.media.cdn(media)
    assert await shop.says(ada, {"attachment": {"type": "image", "payload": {"url": url}}}) == 0
    assert shop.graph.messenger.chat(ada)[-1].file_name == "lamp.png"
    for wrong in (url + "x", "http://127.0.0.1:1/x", "no address"):
        assert await shop.says(ada, {"attachment": {"type": "image", "payload": {"url": wrong}}}) == 2018008


async def test_a_login_of_its_own_reaches_instagram_only_and_ends(shop: Business, clock: Clock) -> None:
    graph, token = shop.graph, shop.graph.login.token
    assert (await shop.call("v26.0/me", token=token))[1]["user_id"] == graph.instagram.id
    assert (await shop.call("v26.0/me"))[1]["id"] == graph.messenger.id
    assert (await shop.call(f"v26.0/{graph.messenger.id}", token=token))[0] == 460
    renew = "refresh_access_token?grant_type=ig_refresh_token&access_token="
    assert (await shop.call(renew + token))[0] == 100, "it is too young"
    clock.now += DAY
    code, renewed = await shop.call(renew + token)
    assert (code, renewed["expires_in"]) == (0, 60 * DAY)
    assert (await shop.call(renew + token))[0] == 190, "it was renewed"
    assert (await shop.call("v26.0/me", token=renewed["access_token"]))[0] == 0
    clock.now += 60 * DAY
    assert (await shop.call("v26.0/me", token=renewed["access_token"]))[0] == 463


async def test_only_known_fields_are_subscribed_to(shop: Business) -> None:
    graph = shop.graph
    graph.messenger.disabled = graph.instagram.disabled = True
    edge = f"v26.0/{graph.messenger.id}/subscribed_apps"
    assert (await shop.call(edge, {"subscribed_fields": "messages,messaging_seen"}))[0] == 100
    assert (await shop.call(edge))[1] == {"data": []}
    assert (await shop.call(edge, {"subscribed_fields": "messages,message_echoes"}))[0] == 0
    assert not graph.messenger.disabled
    own = f"v26.0/{graph.instagram.id}/subscribed_apps"
    fields = {"subscribed_fields": "messages,messaging_seen"}
    assert (await shop.call(own, fields, token=graph.login.token))[0] == 0
