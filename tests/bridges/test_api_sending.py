"""What agents send reaches the connector once, and each of its answers says what comes next."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridges.api import BRIDGE, connector
from bridges.api.deliveries import OUTGOING
from core.contracts.bridge import ExternalId
from core.contracts.content import Attachment, CardButton, Choice, Content, MediaKind, OfferedCard, Question
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.richtext import Document, Mention, Paragraph, Text
from core.contracts.text import from_plain, markdown
from core.testing.scenarios import PNG
from sandbox.api import wire
from sandbox.faults import Fault
from tests.bridges.api_accounts import OLD_SECRET, Account, api_account, bridge_for
from tests.bridges.runtime import outbound

RICH = (
    "# Soon\n\nIt is **on _its_ way**, see [it](https://example.com/map)\n\n- one\n- two\n\n> Where?\n\n```py\nx\n```"
)


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    async with api_account(tmp_path) as one:
        yield one


def delivered(account: Account) -> dict[str, Any]:
    return account.api.deliveries[-1].body


async def test_a_message_says_all_there_is(account: Account) -> None:
    attachment = await account.core.stored(PNG, "lamp.png")
    choices = (Choice(value="y", label="Yes", description="Send it"), Choice(value="n", label="No"))
    card = OfferedCard(title="Lamp", text="Green", links=(CardButton(label="See", url="https://example.com"),))
    content = Content(
        body=markdown(RICH),
        attachments=(attachment,),
        choices=choices,
        cards=(card,),
        form=(Question(label="Street"),),
    )
    more = {"quote": ExternalId("in-1"), "quote_text": "Where?", "history": (ExternalId("in-1"),), "token": "t0k3n"}
    sent = await account.bridge.send(
        outbound(account.recipient, content, subject="Lamp", agent_name="Bea", automated=True, **more)
    )
    assert sent == account.api.chat(account.ada)[-1].id
    body = delivered(account)
    assert body["account"] == "test"
    assert body["to"] == {"external_id": account.ada, "name": "Ada", "metadata": {"chat": 7}}
    assert (body["quote"], body["quote_text"], body["history"], body["token"]) == ("in-1", "Where?", ["in-1"], "t0k3n")
    assert (body["subject"], body["agent_name"], body["automated"]) == ("Lamp", "Bea", True)
    assert [one["label"] for one in body["choices"]] == ["Yes", "No"]
    assert (body["cards"][0]["title"], body["form"]) == ("Lamp", [{"label": "Street"}])
    assert account.api.chat(account.ada)[-1].files == [("lamp.png", "image/png", PNG)]


async def test_each_delivery_is_what_the_description_says(account: Account) -> None:
    attachment = await account.core.stored(PNG, "lamp.png")
    content = Content(body=markdown(RICH), attachments=(attachment,), choices=(Choice(value="y", label="Yes"),))
    sent = await account.bridge.send(outbound(account.recipient, content))
    await account.bridge.edit(sent, outbound(account.recipient, markdown(RICH), key="k1:edit"))
    await account.bridge.react(sent, account.recipient, "👍")
    await account.bridge.react(sent, account.recipient, None)
    await account.bridge.show_typing(account.recipient)
    await account.bridge.delete(sent, account.recipient)
    assert await account.bridge.check() == "Sandbox connector at 127.0.0.1"
    for one in account.api.deliveries:
        OUTGOING.validate_json(json.dumps(one.body))
    kinds = [one.body["type"] for one in account.api.deliveries]
    assert kinds == ["message", "edit", "reaction", "reaction", "typing", "delete", "ping"]
    assert all(one.status == 200 for one in account.api.deliveries)


async def test_agents_ids_stay_here(account: Account) -> None:
    inlines = (Text(text="Ask "), Mention(kind="user", id="U0SECRET", label="@Bea"))
    await account.bridge.send(outbound(account.recipient, Document(blocks=(Paragraph(inlines=inlines),))))
    assert delivered(account)["body"] == [["Ask ", "@Bea"]]
    assert "U0SECRET" not in str(delivered(account))


async def test_the_same_key_is_the_same_message(account: Account) -> None:
    first = await account.bridge.send(outbound(account.recipient, "Once"))
    assert await account.bridge.send(outbound(account.recipient, "Once")) == first
    assert [one.status for one in account.api.deliveries] == [200, 409]
    assert len(account.api.chat(account.ada)) == 1


async def test_without_an_id_of_theirs_the_key_is_the_id(account: Account) -> None:
    account.api.own_ids = False
    sent = await account.bridge.send(outbound(account.recipient, "Hello", key="send:1234:0"))
    assert sent == "send:1234:0" == account.api.deliveries[-1].key
    await account.bridge.edit(sent, outbound(account.recipient, "Bye", key="edit:1"))
    assert account.api.chat(account.ada)[-1].text == "Bye"


async def test_a_key_of_any_shape_is_carried(account: Account) -> None:
    first = await account.bridge.send(outbound(account.recipient, "Hello", key="a key. with 🙂" * 50))
    assert await account.bridge.send(outbound(account.recipient, "Hello", key="a key. with 🙂" * 50)) == first
    assert len(account.api.deliveries[-1].key) == 64


async def test_deliveries_are_signed_with_every_secret(account: Account) -> None:
    """So either side may change first."""
    bridge = bridge_for(account.api, account.core, secrets=[OLD_SECRET, account.api.secret])
    await bridge.send(outbound(account.recipient, "One", key="k1"))
    account.api.secret = OLD_SECRET
    await bridge.send(outbound(account.recipient, "Two", key="k2"))
    assert [one.text for one in account.api.chat(account.ada)] == ["One", "Two"]
    with pytest.raises(CredentialsRejected):
        await account.bridge.send(outbound(account.recipient, "Three", key="k3"))


Meaning = tuple[Fault, type[AdapterError], FailureReason | None, float | None, str]
GONE, BAD, LARGE = FailureReason.RECIPIENT_GONE, FailureReason.BAD_CONTENT, FailureReason.TOO_LARGE
MISSET, UNABLE = FailureReason.MISCONFIGURED, FailureReason.UNSUPPORTED
ANSWERS: dict[str, Meaning] = {
    "301": (
        Fault(status=301, headers={"Location": "https://elsewhere.example"}),
        PermanentFailure,
        MISSET,
        None,
        "redirects",
    ),
    "400": (Fault(status=400), PermanentFailure, BAD, None, "does not understand"),
    "400 with words": (
        Fault(status=400, body={"detail": "Too many stamps"}),
        PermanentFailure,
        BAD,
        None,
        "Too many stamps.",
    ),
    "401": (Fault(status=401), CredentialsRejected, None, None, "share one of the `secrets`"),
    "403": (Fault(status=403, body={"detail": "who?"}), CredentialsRejected, None, None, "403"),
    "404": (Fault(status=404), PermanentFailure, MISSET, None, "`deliver_url`"),
    "404 with words": (
        Fault(status=404, body={"title": "No such chat."}),
        PermanentFailure,
        FailureReason.UNKNOWN,
        None,
        "No such chat.",
    ),
    "405": (Fault(status=405), PermanentFailure, MISSET, None, "POST"),
    "408": (Fault(status=408), TemporaryFailure, None, None, "408"),
    "410": (Fault(status=410), PermanentFailure, GONE, None, "no longer be reached"),
    "413": (Fault(status=413), PermanentFailure, LARGE, None, "too large"),
    "418": (Fault(status=418), PermanentFailure, FailureReason.UNKNOWN, None, "418"),
    "422": (Fault(status=422, body={"detail": "x" * 5000}), PermanentFailure, BAD, None, "xxx…"),
    "422 with a reason": (
        Fault(status=422, body={"detail": "Come back tomorrow!", "reason": "window_closed"}),
        PermanentFailure,
        FailureReason.WINDOW_CLOSED,
        None,
        "Come back tomorrow!",
    ),
    "422 with no reason of ours": (
        Fault(status=422, body={"detail": 7, "reason": "moon"}),
        PermanentFailure,
        BAD,
        None,
        "cannot",
    ),
    "429": (Fault(status=429, headers={"Retry-After": "7"}), TemporaryFailure, None, 7, "slow down"),
    "429 until some day": (
        Fault(status=429, headers={"Retry-After": "Fri, 1 Jan 2027"}),
        TemporaryFailure,
        None,
        5,
        "slow",
    ),
    "429 for ever": (Fault(status=429, headers={"Retry-After": "9" * 30}), TemporaryFailure, None, 3600, "slow"),
    "451": (Fault(status=451), PermanentFailure, FailureReason.POLICY, None, "451"),
    "500": (Fault(status=500), TemporaryFailure, None, None, "500"),
    "501": (Fault(status=501), PermanentFailure, UNABLE, None, "`can`"),
    "503 with a time": (Fault(status=503, headers={"Retry-After": "9"}), TemporaryFailure, None, 9, "slow down"),
    "cut before": (Fault(drop="before"), TemporaryFailure, None, None, "did not arrive"),
    "cut after": (Fault(drop="after"), TemporaryFailure, None, None, "did not arrive"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_each_answer_says_what_to_do(account: Account, name: str) -> None:
    fault, kind, reason, wait, words = ANSWERS[name]
    account.api.faults.order("message", fault)
    with pytest.raises(AdapterError) as failed:
        await account.bridge.send(outbound(account.recipient, "Hello"))
    assert type(failed.value) is kind
    assert not isinstance(failed.value, OutcomeUnknown)
    assert getattr(failed.value, "reason", None) is reason
    assert getattr(failed.value, "retry_after", None) == wait
    assert words in str(failed.value)
    assert str(failed.value).endswith((".", "!", "…"))
    assert len(str(failed.value)) <= 300
    assert account.api.secret not in str(failed.value)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"id": 7}', b'{"id": ""}', b'{"id": "a b"}', b'{"id": "' + b"x" * 70_000]
)
async def test_a_success_with_a_strange_body_is_a_success(account: Account, body: bytes) -> None:
    async def strange(request: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_post("/", strange)
    async with TestServer(app) as server:
        bridge = bridge_for(account.api, account.core, deliver_url=str(server.make_url("/")))
        assert await bridge.send(outbound(account.recipient, "Hello", key="k9")) == "k9"


async def test_an_answer_may_come_in_pieces(account: Account) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"id"', b': "their', b'-7"}'):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    app = web.Application()
    app.router.add_post("/", slowly)
    async with TestServer(app) as server:
        bridge = bridge_for(account.api, account.core, deliver_url=str(server.make_url("/")))
        assert await bridge.send(outbound(account.recipient, "Hello")) == "their-7"


async def test_a_slow_answer_is_waited_for_no_longer_than_the_core_does(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "PATIENCE_S", 0.1)
    account.api.faults.order("message", Fault(delay=0.4))
    with pytest.raises(TemporaryFailure, match="did not arrive"):
        await account.bridge.send(outbound(account.recipient, "Hello"))
    monkeypatch.undo()
    # What arrived late is known when it is sent again.
    await account.bridge.send(outbound(account.recipient, "Hello"))
    assert [one.text for one in account.api.chat(account.ada)] == ["Hello"]


async def test_a_closed_door_is_tried_again(account: Account) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(TemporaryFailure, match="cannot be reached"):
            await bridge_for(account.api, account.core, deliver_url=url).send(outbound(account.recipient, "Hello"))


async def test_a_file_that_cannot_be_fetched_is_told_to_the_agent(account: Account) -> None:
    attachment = await account.core.stored(PNG, "lamp.png")
    account.core.file_link = lambda file, name: None
    bridge = bridge_for(account.api, account.core)
    with pytest.raises(PermanentFailure, match="`public_url`") as failed:
        await bridge.send(outbound(account.recipient, Content(attachments=(attachment,))))
    assert failed.value.reason is MISSET
    lost = Attachment(kind=MediaKind.FILE, name="a.pdf", problem="It was never here.")
    with pytest.raises(PermanentFailure, match=r"a\.pdf is not here: It was never here\."):
        await bridge.send(outbound(account.recipient, Content(body=from_plain("x"), attachments=(lost,))))
    assert not account.api.deliveries


async def test_customers_who_left_are_named(account: Account) -> None:
    await account.api.customer_leaves(account.ada)
    with pytest.raises(PermanentFailure, match="Ada has left the channel") as failed:
        await account.bridge.send(outbound(account.recipient, "Hello"))
    assert failed.value.reason is GONE


async def test_the_stand_in_is_strict(account: Account) -> None:
    """A delivery that is not signed, or not whole, would not pass unseen."""
    body = b'{"type": "message", "to": {}}'
    for headers, status in (
        (wire.headers([OLD_SECRET], "k1", body), 401),
        (wire.headers([account.api.secret], "k1", body, at=1_700_000_000), 401),
        (wire.headers([account.api.secret], "k1", body) | {"Content-Type": "text/plain"}, 415),
        (wire.headers([account.api.secret], "k1", body) | {"Content-Type": "application/json"}, 422),
    ):
        async with account.core.session.post(account.api.deliver_url, data=body, headers=headers) as answer:
            assert answer.status == status


def test_what_the_channel_cannot_do_is_said_in_the_settings() -> None:
    given = {"deliver_url": "https://c.example/", "secrets": [OLD_SECRET]}
    general, usual = BRIDGE.capabilities, BRIDGE.capabilities_of(BRIDGE.settings.model_validate(given))
    assert (general.delivered, usual.delivered, usual.edits_out, usual.idempotent) == (True, False, True, True)
    can = {"max_text": 160, "edits_out": False, "media": {"image": "5 MiB"}, "reply_window_hours": 24, "cards": False}
    narrow = BRIDGE.capabilities_of(BRIDGE.settings.model_validate(given | {"can": can}))
    assert (narrow.max_text, narrow.max_caption, narrow.edits_out, narrow.cards) == (160, 160, False, None)
    assert narrow.media == {MediaKind.IMAGE: 5 * 1024 * 1024}
    assert narrow.reply_window is not None
    assert narrow.reply_window.total_seconds() == 24 * 3600
    assert not BRIDGE.capabilities_of(BRIDGE.settings.model_validate(given | {"can": {"media": {}}})).max_caption
