"""The sandbox's Twilio is as strict as the real one: logins, limits, lists, files, and its bad days."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.faults import Fault
from sandbox.twilio import TwilioSandbox
from sandbox.twilio.segments import segments
from sandbox.twilio.server import ACCOUNT
from tests.sandbox.twilio_program import ADA, MESSAGES, NUMBER, WHATSAPP, Client

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioSandbox]:
    async with TwilioSandbox(limits=False) as server:
        server.add_sender(NUMBER)
        server.add_customer("Ada", ADA)
        yield server


@pytest.fixture
def client(twilio: TwilioSandbox, session: aiohttp.ClientSession) -> Client:
    return Client(twilio, session)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("ñ" * 70, 1),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("’" + "a" * 69, 1),
        ("’" + "a" * 70, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
        ("🙂" * 67, 3),
        ("ш" * 134, 2),
        ("ш" * 135, 3),
    ],
)
def test_segments(text: str, count: int) -> None:
    """https://www.twilio.com/docs/glossary/what-sms-character-limit"""
    assert segments(text) == count


async def test_a_message_has_the_shape_of_the_reference(twilio: TwilioSandbox, client: Client) -> None:
    status, sent = await client.send(Body="Hello 🙂")
    assert status == 201
    assert sent["sid"].startswith("SM")
    assert {name: sent[name] for name in ("status", "direction", "num_segments", "num_media", "from", "to")} == {
        "status": "queued",
        "direction": "outbound-api",
        "num_segments": "1",
        "num_media": "0",
        "from": NUMBER,
        "to": ADA,
    }
    assert sent["date_created"].endswith("+0000")
    assert sent["date_sent"] is None
    await twilio.idle()
    _, found = await client.call("GET", MESSAGES.replace(".json", f"/{sent['sid']}.json"))
    assert (found["status"], found["error_code"]) == ("delivered", None)
    assert found["date_sent"] is not None


REFUSALS: dict[str, tuple[dict[str, Any], int]] = {
    "no to": ({"To": None}, 21604),
    "no from": ({"From": None}, 21603),
    "no words": ({"Body": None}, 21602),
    "a name": ({"To": "Ada"}, 21211),
    "a number without a plus": ({"To": "12025550199"}, 21211),
    "an unknown channel": ({"To": "fax:+12025550199"}, 21211),
    "1601 characters": ({"Body": "a" * 1601}, 21617),
    "too much of emoji": ({"Body": "🙂" * 801}, 21617),
    "11 files": ({"MediaUrl": ["http://127.0.0.1/x"] * 11}, 21623),
    "a file of no address": ({"MediaUrl": "lamp.png"}, 21620),
    "a callback of no address": ({"StatusCallback": "somewhere"}, 21609),
    "somebody else's number": ({"From": "+12025550111"}, 21606),
    "somebody else's WhatsApp": ({"From": "whatsapp:+12025550111", "To": f"whatsapp:{ADA}"}, 63007),
    "two channels": ({"To": f"whatsapp:{ADA}"}, 21910),
    "no such service": ({"From": None, "MessagingServiceSid": "MG" + "0" * 32}, 21701),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_is_refused_at_once(client: Client, name: str) -> None:
    form, code = REFUSALS[name]
    status, answer = await client.send(**form)
    assert (status, answer["code"], answer["status"]) == (400, code, 400)
    assert answer["more_info"].endswith(str(code))


async def test_an_empty_service_has_no_number(twilio: TwilioSandbox, client: Client) -> None:
    service = twilio.add_service()
    assert (await client.send(From=None, MessagingServiceSid=service))[1]["code"] == 21703


@pytest.mark.parametrize("login", ["", "Basic x", aiohttp.encode_basic_auth(ACCOUNT, "wrong"), "Bearer sandbox"])
async def test_nobody_else_gets_in(client: Client, login: str) -> None:
    client.login = login
    for verb, path in (("POST", MESSAGES), ("GET", MESSAGES), ("GET", f"/2010-04-01/Accounts/{ACCOUNT}.json")):
        status, answer = await client.call(verb, path)
        assert (status, answer["code"]) == (401, 20003)


async def test_what_is_not_there(client: Client) -> None:
    other = "AC" + "f" * 32
    for path in (MESSAGES.replace(ACCOUNT, other), MESSAGES.replace(".json", "/SM1.json"), "/2010-04-01/Nothing.json"):
        status, answer = await client.call("GET", path)
        assert (status, answer["code"]) == (404, 20404)


async def test_lists_are_cut_into_pages_newest_first(twilio: TwilioSandbox, client: Client) -> None:
    for number in range(5):
        twilio.customer_writes(ADA, f"{number}")
    await client.send()
    await twilio.idle()
    found, path = [], f"{MESSAGES}?PageSize=2&To=%2B12025550100"
    for _ in range(3):
        _, page = await client.call("GET", path)
        found += [one["body"] for one in page["messages"]]
        path = page["next_page_uri"]
    assert (found, path) == (["4", "3", "2", "1", "0"], None)
    _, ours = await client.call("GET", f"{MESSAGES}?From=%2B12025550100")
    assert [one["direction"] for one in ours["messages"]] == ["outbound-api"]


async def test_lists_by_date(client: Client, session: aiohttp.ClientSession) -> None:
    now = 1_790_000_000.0
    async with TwilioSandbox(limits=False, clock=lambda: now) as twilio:
        twilio.add_sender(NUMBER)
        twilio.add_customer("Ada", ADA)
        for number in range(3):
            twilio.customer_writes(ADA, str(number))
            now += 3600
        client = Client(twilio, session)
        for query, bodies in {
            "DateSent%3E=2026-09-21T15:00:00Z": ["2", "1"],
            "DateSent%3C=2026-09-21T15:00:00Z": ["0"],
            "DateSent=2026-09-21": ["2", "1", "0"],
            "DateSent%3E=2026-09-22": [],
        }.items():
            _, page = await client.call("GET", f"{MESSAGES}?{query}")
            assert [one["body"] for one in page["messages"]] == bodies, query


async def test_files_are_led_to_and_take_no_login_there(
    twilio: TwilioSandbox, client: Client, session: aiohttp.ClientSession
) -> None:
    sid = twilio.customer_sends(ADA, "image/png", PNG)
    _, media = await client.call("GET", MESSAGES.replace(".json", f"/{sid}/Media.json"))
    (one,) = media["media_list"]
    path = MESSAGES.replace(".json", f"/{sid}/Media/{one['sid']}")
    status, headers = await client.call("GET", path)
    assert status == 307
    async with session.get(headers["Location"]) as answer:
        assert (await answer.read(), answer.content_type) == (PNG, "image/png")
    assert not twilio.login_leaked
    async with session.get(headers["Location"], headers={"Authorization": client.login}) as answer:
        assert answer.status == 400
    assert twilio.login_leaked
    async with session.get(headers["Location"].replace("Expires=1", "Expires=2")) as answer:
        assert answer.status == 403
    client.login = ""
    assert (await client.call("GET", path))[0] == 401


async def test_whatsapp_takes_answers_only(session: aiohttp.ClientSession) -> None:
    now = 1_790_000_000.0
    async with TwilioSandbox(limits=False, clock=lambda: now) as twilio:
        twilio.add_sender(WHATSAPP)
        twilio.add_customer("Ada", ADA)
        client = Client(twilio, session)

        async def outcome() -> int:
            sent = (await client.send(From=WHATSAPP, To=f"whatsapp:{ADA}"))[1]
            await twilio.idle()
            return twilio.world.messages[sent["sid"]].error

        codes = [await outcome()]
        twilio.customer_writes(ADA, "Hello")
        for hours in (23.9, 0.2):
            now += 3600 * hours
            codes.append(await outcome())
        assert codes == [63016, 0, 63016]


async def test_files_are_fetched_as_the_carriers_take_them(twilio: TwilioSandbox, client: Client) -> None:
    files = {
        "a.png": (PNG, "image/png"),
        "a.zip": (b"PK", "application/zip"),
        "big.png": (bytes(5 * 1024 * 1024 + 1), "image/png"),
    }

    async def serve(request: web.Request) -> web.Response:
        if request.match_info["name"] not in files:
            return web.Response(status=404)
        data, mime = files[request.match_info["name"]]
        return web.Response(body=data, content_type=mime)

    app = web.Application()
    app.router.add_get("/{name}", serve)
    async with TestServer(app) as server:
        found = {}
        for name in (*files, "none.png"):
            sent = (await client.send(Body=None, MediaUrl=f"http://127.0.0.1:{server.port}/{name}"))[1]
            await twilio.idle()
            message = twilio.world.messages[sent["sid"]]
            found[name] = (message.status, message.error)
    assert found == {
        "a.png": ("delivered", 0),
        "a.zip": ("failed", 12300),
        "big.png": ("failed", 11751),
        "none.png": ("failed", 11200),
    }
    assert [one.media[0].data for one in twilio.phone(ADA)] == [PNG]


async def test_a_number_sends_a_segment_a_second_and_its_queue_ends(session: aiohttp.ClientSession) -> None:
    now = 1_790_000_000.0
    async with TwilioSandbox(clock=lambda: now) as twilio:
        twilio.add_sender(NUMBER)
        twilio.add_customer("Ada", ADA)
        client = Client(twilio, session)
        for _ in range(3):
            await client.send(Body="a" * 1600)
        assert twilio.world.lines[NUMBER].free_at == now + 33, "1600 characters are 11 segments"
        twilio.world.lines[NUMBER].free_at = now + 4 * 3600 + 1
        status, answer = await client.send()
        assert (status, answer["code"]) == (400, 21611)
        for _ in range(96):
            await client.send(To=None)
        assert (await client.send())[0] == 429


async def test_faults_meet_the_call_they_were_ordered_for(twilio: TwilioSandbox, client: Client) -> None:
    twilio.faults.order("messages.create", Fault(status=503))
    assert (await client.call("GET", MESSAGES))[0] == 200
    assert (await client.send())[0] == 503
    twilio.faults.order("messages.create", Fault(drop="after"))
    with pytest.raises(aiohttp.ClientError):
        await client.send()
    await twilio.idle()
    assert len(twilio.phone(ADA)) == 1, "it was sent, and only the answer is lost"


async def test_a_page_can_follow(twilio: TwilioSandbox, client: Client) -> None:
    changes = twilio.watch()
    twilio.customer_writes(ADA, "Hello")
    assert (await anext(changes))["message"]["text"] == "Hello"
    await client.send(Body="Hello Ada")
    statuses = [(await anext(changes))["message"]["status"] for _ in range(3)]
    assert statuses == ["queued", "sent", "delivered"]
    (customer,) = twilio.snapshot()["customers"]
    assert [one["text"] for one in customer["messages"]] == ["Hello", "Hello Ada"]
