"""Meta's stand-in is as strict as Meta: tokens, shapes, limits, windows, files, signatures, and bad days."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from typing import Any

import aiohttp
import pytest

from sandbox.faults import Fault
from sandbox.graph.markup import shown
from sandbox.graph.wire import NotPossible
from tests.sandbox.graph_business import PNG, Business, Clock, ada, business, clock, code, shop, text

__all__ = ["ada", "clock", "shop"]


async def test_a_callback_that_fails_the_handshake_is_not_taken(shop: Business) -> None:
    with pytest.raises(ValueError, match="couldn't be validated"):
        await shop.graph.whatsapp.connect(shop.url, "something else")


async def test_what_she_writes_is_told(shop: Business, ada: str) -> None:
    (body,) = shop.bodies
    assert body["object"] == "whatsapp_business_account"
    (change,) = body["entry"][0]["changes"]
    assert change["field"] == "messages"
    (message,) = change["value"]["messages"]
    assert (message["from_user_id"], message["from"]) == (ada, "4915110000001")
    assert (message["type"], message["text"]) == ("text", {"body": "Hello"})
    (contact,) = change["value"]["contacts"]
    assert contact == {
        "profile": {"name": "Ada", "username": "ada"},
        "wa_id": "4915110000001",
        "user_id": ada,
    }


async def test_somebody_without_a_number_has_none(shop: Business) -> None:
    user = shop.graph.whatsapp.add_customer("Eve", username="eve")
    await shop.graph.whatsapp.customer_writes(user, "Hello")
    await shop.graph.idle()
    value = shop.bodies[0]["entry"][0]["changes"][0]["value"]
    assert "from" not in value["messages"][0]
    assert "wa_id" not in value["contacts"][0]


async def test_a_reply_is_accepted_and_reported_with_our_tag(shop: Business, ada: str) -> None:
    status, answer = await shop.says(ada, text("On its way"), biz_opaque_callback_data="k-1")
    assert status == 200
    assert answer["contacts"] == [{"input": ada, "user_id": ada}]
    found = await shop.statuses()
    assert [one["status"] for one in found] == ["sent", "delivered"]
    assert {one["id"] for one in found} == {answer["messages"][0]["id"]}
    assert {one["biz_opaque_callback_data"] for one in found} == {"k-1"}
    await shop.graph.whatsapp.customer_reads(ada)
    assert (await shop.statuses())[-1]["status"] == "read"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (text("x" * 4097), 100),
        (text(" "), 100),
        ({"type": "image", "image": {"id": "1"}}, 100),
        ({"type": "audio", "audio": {"id": "1", "caption": "x"}}, 100),
        ({"type": "poll", "poll": {}}, 100),
        (text("x") | {"context": {"message_id": "1"}}, 131009),
        (text("x") | {"biz_opaque_callback_data": "x" * 513}, 100),
        ({"type": "template", "template": {"name": "none", "language": {"code": "en"}}}, 132001),
        ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": ""}, "context": {}}, 100),
    ],
)
async def test_what_is_wrong_is_refused(shop: Business, ada: str, message: dict[str, Any], expected: int) -> None:
    status, answer = await shop.says(ada, message)
    assert status in (400, 404)
    assert code(answer) == expected
    assert len(shop.graph.whatsapp.chat(ada)) == 1


def buttons(*titles: str, ids: tuple[str, ...] = ()) -> dict[str, Any]:
    made = [
        {"type": "reply", "reply": {"id": given or title, "title": title}}
        for title, given in zip(titles, ids or titles, strict=True)
    ]
    return {
        "type": "interactive",
        "interactive": {"type": "button", "body": {"text": "?"}, "action": {"buttons": made}},
    }


def rows(*titles: str) -> dict[str, Any]:
    made = [{"id": str(number), "title": title} for number, title in enumerate(titles)]
    action = {"button": "Choose", "sections": [{"rows": made}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": "?"}, "action": action}}


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        (buttons("Yes", "No"), True),
        (buttons("1", "2", "3", "4"), False),
        (buttons("x" * 21), False),
        (buttons("Same", "Same", ids=("a", "b")), False),
        (buttons("A", "B", ids=("a", "a")), False),
        (rows(*map(str, range(10))), True),
        (rows(*map(str, range(11))), False),
        (rows("x" * 25), False),
    ],
)
async def test_buttons_and_lists_keep_their_limits(
    shop: Business, ada: str, message: dict[str, Any], fits: bool
) -> None:
    status, answer = await shop.says(ada, message)
    assert (status == 200) is fits
    assert fits or code(answer) == 131009


async def test_what_she_chooses_comes_back(shop: Business, ada: str) -> None:
    _, answer = await shop.says(ada, buttons("Yes", "No"))
    offer = answer["messages"][0]["id"]
    with pytest.raises(NotPossible):
        await shop.graph.whatsapp.customer_presses(ada, offer, "Maybe")
    shop.bodies.clear()
    await shop.graph.idle()
    shop.bodies.clear()
    await shop.graph.whatsapp.customer_presses(ada, offer, "Yes")
    await shop.graph.idle()
    (message,) = shop.bodies[-1]["entry"][0]["changes"][0]["value"]["messages"]
    assert message["interactive"] == {"type": "button_reply", "button_reply": {"id": "Yes", "title": "Yes"}}
    assert message["context"]["id"] == offer


async def test_the_window_closes_after_a_day(shop: Business, clock: Clock, ada: str) -> None:
    clock.now += 86_401
    status, answer = await shop.says(ada, text("Too late"))
    assert status == 200
    (failed,) = await shop.statuses()
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131047)
    assert failed["id"] == answer["messages"][0]["id"]
    shop.graph.whatsapp.refuses_at_once = True
    assert code((await shop.says(ada, text("Too late")))[1]) == 131047
    shop.graph.whatsapp.add_template("shipped", "Your order {{1}} is on its way.")
    body = [{"type": "body", "parameters": [{"type": "text", "text": "42"}]}]
    template = {"name": "shipped", "language": {"code": "en"}, "components": body}
    status, _ = await shop.says(ada, {"type": "template", "template": template})
    assert status == 200
    assert shop.graph.whatsapp.chat(ada)[-1].text == "Your order 42 is on its way."


async def test_files_go_up_and_come_down(shop: Business, clock: Clock, ada: str) -> None:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("file", PNG, filename="lamp.png", content_type="image/png")
    number = shop.graph.whatsapp.phone_number_id
    status, answer = await shop.post(f"{number}/media", form)
    assert status == 200
    await shop.says(ada, {"type": "image", "image": {"id": answer["id"], "caption": "This one"}})
    picture = shop.graph.whatsapp.chat(ada)[-1]
    assert (picture.kind, picture.text, picture.url is not None) == ("image", "This one", True)
    _, node = await shop.get(f"{shop.graph.url}/v26.0/{answer['id']}")
    found = json.loads(node)
    assert found["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert (await shop.get(found["url"]))[1] == PNG
    assert (await shop.get(found["url"], token=None))[0] == 401
    clock.now += 301
    assert (await shop.get(found["url"]))[0] == 404


@pytest.mark.parametrize(
    ("mime", "data", "expected"),
    [
        ("application/zip", b"PK", 100),
        ("image/gif", b"GIF89a", 100),
        ("image/png", b"not a picture", 131053),
        ("image/png", PNG + bytes(5 * 1024 * 1024), 131053),
        ("image/png", b"", 100),
    ],
)
async def test_not_every_file_is_taken(shop: Business, mime: str, data: bytes, expected: int) -> None:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("file", io.BytesIO(data), filename="x", content_type=mime)
    status, answer = await shop.post(f"{shop.graph.whatsapp.phone_number_id}/media", form)
    assert (status, code(answer)) == (400, expected)


async def test_tokens_and_versions_and_nodes(shop: Business, ada: str) -> None:
    number = shop.graph.whatsapp.phone_number_id
    assert code((await shop.post(f"{number}/messages", {}, token="other"))[1]) == 190
    assert code((await shop.post("1/messages", {}))[1]) == 100
    status, raw = await shop.get(f"{shop.graph.url}/v12.0/{number}")
    assert (status, code(json.loads(raw))) == (400, 2635)


async def test_reading_and_typing(shop: Business, clock: Clock, ada: str) -> None:
    hers = shop.graph.whatsapp.chat(ada)[0].id
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": hers}
    number = shop.graph.whatsapp.phone_number_id
    await shop.post(f"{number}/messages", mark | {"typing_indicator": {"type": "text"}})
    assert shop.graph.whatsapp.messages[hers].seen
    assert shop.graph.snapshot()["products"][0]["customers"][0]["typing"]
    clock.now += 26
    assert not shop.graph.snapshot()["products"][0]["customers"][0]["typing"]
    assert code((await shop.post(f"{number}/messages", mark | {"message_id": "wamid.none"}))[1]) == 131009


async def test_the_limits(clock: Clock) -> None:
    async with business(clock) as shop:
        user = shop.graph.whatsapp.add_customer("Ada", phone="+4915110000001")
        await shop.graph.whatsapp.customer_writes(user, "Hello")
        answers = [await shop.says(user, text(str(number))) for number in range(46)]
        assert [status for status, _ in answers] == [200] * 45 + [400]
        assert code(answers[-1][1]) == 131056
        clock.now += 6
        assert (await shop.says(user, text("again")))[0] == 200


async def test_what_is_not_taken_comes_again_whole(shop: Business) -> None:
    graph = shop.graph
    graph.whatsapp.delivery.hold()
    user = graph.whatsapp.add_customer("Ada", phone="+4915110000001")
    for number in range(3):
        await graph.whatsapp.customer_writes(user, str(number))
    shop.refusals = [500]
    graph.whatsapp.delivery.release("reversed")
    await graph.idle()
    (body,) = shop.bodies
    (entry,) = body["entry"]
    written = [change["value"]["messages"][0]["text"]["body"] for change in entry["changes"]]
    assert written == ["2", "1", "0"]
    assert [one.status for one in graph.whatsapp.delivery.records] == [500, 200]
    graph.whatsapp.delivery.twice = True
    await graph.whatsapp.customer_writes(user, "once more")
    await graph.idle()
    assert shop.bodies[-1] == shop.bodies[-2]
    assert await graph.whatsapp.delivery.post(b"{}", secret="somebody else's") == 401


async def test_batches_stay_below_what_meta_sends(shop: Business) -> None:
    graph = shop.graph
    graph.whatsapp.delivery.hold()
    user = graph.whatsapp.add_customer("Ada", phone="+4915110000001")
    for _ in range(1200):
        await graph.whatsapp.customer_writes(user, "ä" * 1000)
    graph.whatsapp.delivery.release()
    await graph.idle()
    sizes = [one.size for one in graph.whatsapp.delivery.records]
    assert len(sizes) == 3
    assert 2_900_000 < max(sizes) < 3 * 1024 * 1024


async def test_ordered_faults(shop: Business, ada: str) -> None:
    shop.graph.faults.order("messages", Fault(drop="after"))
    with pytest.raises(aiohttp.ClientError):
        await shop.says(ada, text("It went out"))
    assert shop.graph.whatsapp.chat(ada)[-1].text == "It went out"


async def test_another_app_takes_over_until_we_write(shop: Business, ada: str) -> None:
    graph = shop.graph
    graph.whatsapp.hand_over(ada)
    await graph.whatsapp.customer_writes(ada, "Is that a robot?")
    await graph.whatsapp.agent_writes(ada, "Yes")
    await graph.idle()
    fields = [body["entry"][0]["changes"][0]["field"] for body in shop.bodies]
    assert fields == ["messages", "messaging_handovers", "standby", "standby"]
    await shop.says(ada, text("No"))
    await graph.whatsapp.customer_writes(ada, "Ah, somebody real")
    await graph.idle()
    assert shop.bodies[-1]["entry"][0]["changes"][0]["field"] == "messages"
    assert graph.whatsapp.people[ada].owner == ""


async def test_a_page_can_follow_it_live(shop: Business) -> None:
    changes = shop.graph.whatsapp.watch()
    user = shop.graph.whatsapp.add_customer("Ada", phone="+4915110000001")
    await shop.graph.whatsapp.customer_writes(user, "Hello")
    await shop.says(user, text("*Hi*"))
    async with asyncio.timeout(5):
        seen = [await anext(changes) for _ in range(4)]
    assert [one["kind"] for one in seen] == ["customer", "message", "message", "status"]
    assert {one["product"] for one in seen} == {"whatsapp"}
    assert seen[2]["message"]["text"] == "Hi"
    (ada,) = shop.graph.snapshot()["products"][0]["customers"]
    assert [one["text"] for one in ada["messages"]] == ["Hello", "Hi"]
    json.dumps(shop.graph.snapshot())


def test_formatting_is_carried_out_as_in_the_app() -> None:
    assert shown("*b* _i_ ~s~ `c` a*b*c 2*3*4") == "b i s c a*b*c 2*3*4"
    assert shown("_*both*_") == "both"
    assert shown("*\u2060b* `\u2060c` >\u2060 q") == "*b* `c` > q"
    assert shown("> quoted\n- one\n```\nx*y*z\n```") == "quoted\n• one\n\nx*y*z\n"
    assert shown("https://example.com/_a_?b=*c*") == "https://example.com/_a_?b=*c*"
