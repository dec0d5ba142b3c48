"""What every channel behind Meta's Graph API rests on: who called, what a batch holds, what a refusal means, files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from bridges._meta.graph import Graph
from bridges._meta.refusals import problem, refusal
from bridges._meta.settings import MetaSettings
from bridges._meta.uploads import Uploads
from bridges._meta.webhooks import receive
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    RequestRejected,
    TemporaryFailure,
)
from core.contracts.http import WebhookRequest
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox

GIVEN: dict[str, Any] = {"access_token": "EAAsandbox", "app_secret": "s3cret", "verify_token": "v3rify"}
SETTINGS = MetaSettings(**GIVEN, more_app_secrets=("0ld",))  # type: ignore[arg-type]
KIND = "whatsapp_business_account"


def call(body: Any, *, secret: str = "s3cret", **headers: str) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    given = {"x-hub-signature-256": signed} | headers
    return WebhookRequest(method="POST", url="", query={}, headers=given, body=raw)


def handshake(**query: str) -> WebhookRequest:
    given = {"hub.mode": "subscribe", "hub.verify_token": "v3rify", "hub.challenge": "1158201444"}
    given |= {f"hub.{key}": value for key, value in query.items()}
    return WebhookRequest(method="GET", url="", query=given, headers={}, body=b"")


@pytest.mark.parametrize("name", ["access_token", "app_secret", "verify_token"])
@pytest.mark.parametrize("value", ["", " ", "two words", "\n", "gehéim"])
def test_nothing_blank_is_taken_as_a_secret(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="copy it again"):
        MetaSettings.model_validate(GIVEN | {name: value})
    with pytest.raises(ValidationError, match="copy it again"):
        MetaSettings.model_validate(GIVEN | {"more_app_secrets": [value]})


def test_the_handshake_is_answered_with_the_challenge() -> None:
    received = receive(handshake(), SETTINGS, KIND)
    assert (received.reply.status, received.reply.body, received.reply.content_type) == (
        200,
        b"1158201444",
        "text/plain",
    )
    assert not received.items


@pytest.mark.parametrize(
    "query",
    [
        {"verify_token": ""},
        {"verify_token": "other"},
        {"verify_token": "v3rifÿ"},
        {"mode": "unsubscribe"},
        {"challenge": ""},
        {"challenge": "<script>"},
        {"challenge": "1" * 300},
    ],
)
def test_any_other_handshake_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(RequestRejected) as refused:
        receive(handshake(**query), SETTINGS, KIND)
    assert refused.value.status == 403


def test_a_signature_under_either_secret_is_believed() -> None:
    body = {"object": KIND, "entry": [{"id": "1", "changes": []}]}
    for secret in ("s3cret", "0ld"):
        assert receive(call(body, secret=secret), SETTINGS, KIND).items


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "sha1=x", "\udce9"])
def test_any_other_call_is_refused(signature: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        receive(call({"object": KIND, "entry": []}, **{"x-hub-signature-256": signature}), SETTINGS, KIND)
    assert refused.value.status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b'{"object":"page"}', b'{"entry":{}}', b"[" * 1000])
def test_a_signed_body_without_entries_is_malformed(body: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        receive(call(body), SETTINGS, KIND)
    assert refused.value.status == 400


def test_another_product_at_the_same_address_is_left_aside() -> None:
    assert not receive(call({"object": "page", "entry": [{"messaging": [{}]}]}), SETTINGS, KIND).items


def whatsapp(**value: Any) -> dict[str, Any]:
    return {
        "field": "messages",
        "value": {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "9"}} | value,
    }


def test_a_batch_is_cut_into_events_with_what_each_needs() -> None:
    ada, bob = {"user_id": "DE.1", "wa_id": "49"}, {"user_id": "DE.2"}
    first = whatsapp(
        contacts=[ada, bob],
        messages=[{"id": "m1", "from_user_id": "DE.2"}, {"id": "m2", "from": "49"}, {"id": "m3", "from": "0"}],
    )
    second = whatsapp(contacts=[ada], statuses=[{"id": "s1", "recipient_user_id": "DE.1"}, {"id": "s2"}])
    body = {
        "object": KIND,
        "entry": [
            {"id": "1", "changes": [first, second]},
            "poison",
            {"id": "2", "changes": [None, {"field": "account_update", "value": {"event": "X"}}]},
        ],
    }
    items = [json.loads(item) for item in receive(call(body), SETTINGS, KIND).items]
    assert all(item["object"] == KIND and len(item["entry"]) == 1 for item in items)
    entries = [item["entry"][0] for item in items]
    values = [entry["changes"][0]["value"] for entry in entries[:5]]
    assert [[one["id"] for one in value.get("messages", value.get("statuses"))] for value in values] == [
        ["m1"],
        ["m2"],
        ["m3"],
        ["s1"],
        ["s2"],
    ]
    assert [value.get("contacts") for value in values] == [[bob], [ada], None, [ada], None]
    assert entries[5] == "poison"
    assert [entry["changes"] for entry in entries[6:]] == [[None], [body["entry"][2]["changes"][1]]]  # type: ignore[index]


def test_events_of_pages_are_cut_likewise() -> None:
    body = {
        "object": "page",
        "entry": [{"id": "1", "time": 2, "messaging": [{"a": 1}, {"b": 2}], "standby": [{"c": 3}]}, {"id": "2"}],
    }
    items = [json.loads(item)["entry"] for item in receive(call(body), SETTINGS, "page").items]
    assert items == [
        [{"id": "1", "time": 2, "messaging": [{"a": 1}]}],
        [{"id": "1", "time": 2, "messaging": [{"b": 2}]}],
        [{"id": "1", "time": 2, "standby": [{"c": 3}]}],
        [{"id": "2"}],
    ]


LATER, UNSURE, TOKEN = TemporaryFailure, OutcomeUnknown, CredentialsRejected
CODES: list[tuple[int, int | None, type[AdapterError] | FailureReason]] = [
    *((code, None, LATER) for code in (4, 32, 613, 1200, 80007, 130429, 131056)),
    *((code, None, UNSURE) for code in (1, 2, 131000, 131016, 131057)),
    (131047, None, FailureReason.WINDOW_CLOSED),
    (10, 2018278, FailureReason.WINDOW_CLOSED),
    (10, 2534022, FailureReason.WINDOW_CLOSED),
    *((code, None, FailureReason.RECIPIENT_GONE) for code in (131026, 130403, 131062, 137000, 551)),
    (10, 1545041, FailureReason.RECIPIENT_GONE),
    (131030, None, FailureReason.MISCONFIGURED),
    (10, 2018108, FailureReason.MISCONFIGURED),
    (131042, None, FailureReason.MISCONFIGURED),
    (33, None, FailureReason.MISCONFIGURED),
    *((code, None, FailureReason.POLICY) for code in (130497, 131048, 130472, 368, 131031)),
    (131049, None, FailureReason.RATE_POLICY),
    (10, 1893063, FailureReason.POLICY),
    (131050, None, FailureReason.OPTED_OUT),
    *((code, None, TOKEN) for code in (0, 190, 3, 10, 200, 299, 131005)),
    *((code, None, FailureReason.BAD_CONTENT) for code in (100, 131008, 131009, 131021, 131052, 131053, 135000)),
    *((code, None, FailureReason.BAD_CONTENT) for code in (132000, 132001, 132018)),
    (131051, None, FailureReason.UNSUPPORTED),
]


@pytest.mark.parametrize(("code", "subcode", "expected"), CODES)
def test_every_code_has_its_class_and_its_sentence(
    code: int, subcode: int | None, expected: type[AdapterError] | FailureReason
) -> None:
    error = {"code": code, "message": "(#1) Meta's words", "error_data": {"details": "the details"}}
    error |= {"error_subcode": subcode} if subcode else {}
    found = refusal(400, error, "WhatsApp", sends=True)
    sentence = str(found)
    assert sentence.endswith(".")
    assert "{" not in sentence
    if isinstance(expected, FailureReason):
        assert type(found) is PermanentFailure
        assert found.reason is expected
        assert problem([error], "WhatsApp") == (sentence, expected)
    else:
        assert type(found) is expected
        assert problem([error], "WhatsApp")[0] == sentence


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, PermanentFailure), (401, TOKEN), (429, LATER), (500, UNSURE), (503, UNSURE), (302, PermanentFailure)],
)
def test_what_has_no_known_code_is_judged_by_its_status(status: int, expected: type[AdapterError]) -> None:
    assert type(refusal(status, {"code": 999_999}, "WhatsApp", sends=True)) is expected
    assert type(refusal(status, {}, "WhatsApp", sends=True)) is expected
    assert type(refusal(status, {"code": "?"}, "WhatsApp", sends=True)) is expected


def test_what_sends_nothing_is_never_in_doubt() -> None:
    for error in ({}, {"code": 131000}):
        assert type(refusal(500, error, "WhatsApp", sends=False)) is TemporaryFailure


def test_a_status_may_say_nothing() -> None:
    for errors in (None, [], [None], {}, [{}]):
        sentence, reason = problem(errors, "WhatsApp")
        assert sentence.endswith(".")
        assert reason is FailureReason.UNKNOWN


@pytest.fixture
async def graph() -> AsyncIterator[GraphSandbox]:
    async with GraphSandbox(limits=False) as server:
        yield server


@pytest.fixture
def calls(graph: GraphSandbox, session: aiohttp.ClientSession) -> Graph:
    settings = MetaSettings.model_validate(GIVEN | {"api_url": graph.url})
    return Graph(session, settings, title="WhatsApp", hosts=["lookaside.fbsbx.com", ".fbcdn.net"])


async def whole(calls: Graph, url: str, **options: Any) -> bytes:
    return b"".join([chunk async for chunk in calls.download(url, **options)])


async def test_a_file_comes_with_the_token_and_must_be_the_announced_one(graph: GraphSandbox, calls: Graph) -> None:
    media = graph.shared.media.add("x.bin", "application/pdf", b"%PDF" * 50_000)
    node = await calls.get(media.id)
    announced = base64.b64encode(bytes.fromhex(media.sha256)).decode()
    for sha256 in ("", media.sha256, announced):
        assert await whole(calls, node["url"], sha256=sha256) == media.data
    with pytest.raises(PermanentFailure, match="not the one that was announced"):
        await whole(calls, node["url"], sha256="0" * 64)


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/x",
        "https://lookaside.fbsbx.com:8443/x",
        "https://lookaside.fbsbx.com.example.org/x",
        "https://evilfbcdn.net/x",
        "https://user@lookaside.fbsbx.com/x",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/x",
        "http://localhost/x",
        "file:///etc/passwd",
        "//lookaside.fbsbx.com/x",
        "https://lookaside.fbsbx.com:port/x",
        "https://[lookaside.fbsbx.com/x",
        "",
    ],
)
async def test_nothing_is_fetched_from_anywhere_else(calls: Graph, url: str) -> None:
    with pytest.raises(PermanentFailure, match="which is not WhatsApp's"):
        await whole(calls, url)


async def test_a_redirect_is_not_followed(graph: GraphSandbox, calls: Graph) -> None:
    media = graph.shared.media.add("x", "application/pdf", b"%PDF")
    graph.faults.order("download", Fault(status=302, headers={"Location": "https://example.com/"}))
    with pytest.raises(TemporaryFailure):
        await whole(calls, (await calls.get(media.id))["url"])


async def test_without_the_token_a_redirect_is_followed_to_metas_own_hosts(graph: GraphSandbox, calls: Graph) -> None:
    media = graph.shared.media.add("x", "application/pdf", b"%PDF")
    url = graph.shared.media.cdn(media)
    graph.faults.order("cdn", Fault(status=302, headers={"Location": url}))
    assert await whole(calls, url, token=False) == b"%PDF"
    for elsewhere in ("https://example.com/x", "//example.com/x", "/x", "file:///etc/passwd"):
        graph.faults.order("cdn", Fault(status=302, headers={"Location": elsewhere}))
        with pytest.raises(PermanentFailure, match="which is not WhatsApp's"):
            await whole(calls, url, token=False)
    graph.faults.stand("cdn", Fault(status=302, headers={"Location": url}))
    with pytest.raises(TemporaryFailure, match="302"):
        await whole(calls, url, token=False)


async def test_a_file_that_is_gone_is_gone(graph: GraphSandbox, calls: Graph) -> None:
    with pytest.raises(PermanentFailure, match="no longer has the file"):
        await whole(calls, f"{graph.url}/whatsapp_business/attachments/?mid=1&hash=x")


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(drop="after"), UNSURE),
        (Fault(drop="before"), UNSURE),
        (Fault(status=500), UNSURE),
        (Fault(status=200), UNSURE),
        (Fault(status=200, body={"error": {"code": 131056}}), LATER),
        (Fault(status=429, headers={"Retry-After": "17"}), LATER),
    ],
)
async def test_an_answer_that_is_lost_leaves_a_send_in_doubt(
    graph: GraphSandbox, calls: Graph, fault: Fault, expected: type[AdapterError], sends: bool
) -> None:
    graph.faults.order("messages", fault)
    with pytest.raises(TemporaryFailure) as raised:
        await calls.post(f"{graph.whatsapp.phone_number_id}/messages", {}, sends=sends)
    assert type(raised.value) is (expected if sends else TemporaryFailure)
    if fault.status == 429:
        assert raised.value.retry_after == 17


async def test_a_server_that_is_not_there_got_nothing(session: aiohttp.ClientSession) -> None:
    settings = MetaSettings.model_validate(GIVEN | {"api_url": "http://127.0.0.1:1"})
    with pytest.raises(TemporaryFailure) as raised:
        await Graph(session, settings, title="WhatsApp", hosts=[]).post("1/messages", {}, sends=True)
    assert type(raised.value) is TemporaryFailure


async def test_an_upload_keeps_its_name(graph: GraphSandbox, calls: Graph) -> None:
    fields = {"messaging_product": "whatsapp", "type": "application/pdf"}
    number = graph.whatsapp.phone_number_id
    answer = await calls.upload(
        f"{number}/media", fields, io.BytesIO(b"%PDF"), field="file", name='März "2".pdf', mime="application/pdf"
    )
    media = graph.shared.media.find(answer["id"])
    assert media is not None
    assert (media.name, media.mime, media.data) == ("März '2'.pdf", "application/pdf", b"%PDF")


async def test_an_upload_goes_on_between_tries_and_serves_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges._meta.uploads._LOOK_S", 0.05)
    now = datetime(2026, 9, 21, tzinfo=UTC)
    uploads, go = Uploads(lambda: now), asyncio.Event()
    begun = 0

    async def start() -> str:
        nonlocal begun
        begun += 1
        await go.wait()
        return f"id-{begun}"

    for _ in range(2):
        with pytest.raises(TemporaryFailure) as raised:
            await uploads.id_of("x", start)
        assert raised.value.retry_after
    go.set()
    assert [await uploads.id_of("x", start) for _ in range(2)] == ["id-1", "id-1"]
    now += timedelta(days=26)
    assert await uploads.id_of("x", start) == "id-2"
    uploads.forget("x")
    assert await uploads.id_of("x", start) == "id-3"


async def test_an_upload_that_fails_is_begun_anew() -> None:
    uploads = Uploads(lambda: datetime.now(UTC))
    answers: list[str | PermanentFailure] = [PermanentFailure("No."), "id"]

    async def start() -> str:
        answer = answers.pop(0)
        if isinstance(answer, PermanentFailure):
            raise answer
        return answer

    with pytest.raises(PermanentFailure):
        await uploads.id_of("x", start)
    assert await uploads.id_of("x", start) == "id"
