"""What a connector tells us: believed only when it is signed now, and answered with what is wrong in it."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bridges.api import events
from bridges.api.settings import key
from bridges.api.signing import begin, signed
from core.contracts.bridge import (
    AddressChanged,
    ChoiceMade,
    MessageReceived,
    Proof,
    ReachabilityChanged,
    ReadUpTo,
    StatusChanged,
    Typing,
    WindowChanged,
)
from core.contracts.text import plain
from core.testing import hostile
from sandbox.api import wire
from sandbox.api.customers import NotTaken
from tests.bridges.api_accounts import OLD_SECRET, Account, api_account, bridge_for
from tests.bridges.runtime import outbound

NOW = "2026-11-01T12:00:00Z"


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    async with api_account(tmp_path, media_hosts=["files.example.com"]) as one:
        yield one


def message(number: int = 1, **fields: Any) -> dict[str, Any]:
    sender = {"external_id": "ada", "name": "Ada"}
    given = {"type": "message", "event_id": f"e{number}", "at": NOW, "external_id": f"m{number}", "sender": sender}
    return given | {"text": "Hello"} | fields


async def post(account: Account, *given: Any, batch: bool = False) -> tuple[int, Any]:
    return await account.api.post(json.dumps(list(given) if batch or len(given) > 1 else given[0]).encode())


async def errors(account: Account, event: Any) -> dict[str, dict[str, Any]]:
    """What is wrong with one event, by field."""
    status, answer = await post(account, event)
    assert status == 422, answer
    assert not account.core.raws
    assert answer["status"] == 422
    assert all(one["index"] == 0 and one["detail"].endswith(".") for one in answer["errors"])
    return {one["field"]: one for one in answer["errors"]}


async def test_one_event_and_a_batch_are_taken(account: Account) -> None:
    assert await post(account, message()) == (200, {"taken": ["e1"], "errors": []})
    status, answer = await post(account, message(2), message(3, text="Again"))
    assert (status, answer["taken"]) == (200, ["e2", "e3"])
    assert [plain(one.content.body) for one in account.core.events if isinstance(one, MessageReceived)] == [
        "Hello",
        "Hello",
        "Again",
    ]


async def test_a_bad_event_is_named_and_the_others_are_taken(account: Account) -> None:
    batch = [message(n) for n in range(5)]
    batch[1]["sender"] = {"name": "Nobody"}
    batch[3] = {"type": "massage", "event_id": "e3"}
    status, answer = await post(account, *batch)
    assert (status, answer["taken"]) == (207, ["e0", "e2", "e4"])
    assert [(one["index"], one["event_id"], one["field"], one["value"]) for one in answer["errors"]] == [
        (1, "e1", "/sender/external_id", None),
        (3, "e3", "", '{"type": "massage", "event_id": "e3"}'),
    ]
    assert answer["errors"][0]["detail"] == "`external_id` is missing; add it."
    assert "'message_edited'" in answer["errors"][1]["detail"]
    assert [one.event_id for one in account.core.events] == ["e0", "e2", "e4"]


async def test_the_same_event_counts_once(account: Account) -> None:
    for _ in range(3):
        assert (await post(account, message()))[0] == 200
    assert len(account.core.events) == 1


@pytest.mark.parametrize("size", [0, events.MOST_EVENTS + 1])
async def test_a_batch_is_bounded(account: Account, size: int) -> None:
    status, answer = await post(account, *(message(n) for n in range(size)), batch=True)
    assert (status, answer["errors"]) == (422, [])
    assert f"this one holds {size}" in answer["detail"]
    assert not account.core.raws


#: Field, what stands there, and words of what is said about it.
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such field": ({"txt": "Hello"}, "/txt", "no field `txt`"),
    "no such field inside": ({"sender": {"external_id": "a", "mail": "x"}}, "/sender/mail", "no field `mail`"),
    "number for text": ({"text": 7}, "/text", "valid string"),
    "number for id": ({"external_id": 7}, "/external_id", "valid string"),
    "space in an id": ({"event_id": "a b"}, "/event_id", "pattern"),
    "no time zone": ({"at": "2026-11-01T12:00:00"}, "/at", "time zone"),
    "seconds for time": ({"at": 1790000000}, "/at", "valid datetime"),
    "long ago": ({"at": "1887-01-01T00:00:00Z"}, "/at", "between the years"),
    "the beginning of time": ({"at": "0001-01-01T00:00:00+14:00"}, "/at", "between the years"),
    "to come": ({"at": "2098-11-01T12:00:00Z"}, "/at", "compare the clocks"),
    "blank": ({"text": " \u200b\n"}, "", "nothing to see"),
    "nothing": ({"text": ""}, "/text", "at least 1 character"),
    "text and body": ({"body": [["Hello"]]}, "", "not both"),
    "proof that is none": ({"sender": {"external_id": "a", "proof": "sure"}}, "/sender/proof", "'verified'"),
    "metadata that is too much": (
        {"sender": {"external_id": "a", "metadata": {"a": "b" * 5000}}},
        "/sender/metadata",
        "4000 characters",
    ),
    "claim that is no address": (
        {"sender": {"external_id": "a", "claims": ["ada@example.com"]}},
        "/sender/claims/0",
        "pattern",
    ),
    "file without a place": ({"attachments": [{"name": "a.png"}]}, "/attachments/0", "either `url` or `upload`"),
    "file elsewhere": (
        {"attachments": [{"name": "a.png", "url": "https://evil.example/a.png"}]},
        "/attachments/0/url",
        "files.example.com",
    ),
    "file without encryption": (
        {"attachments": [{"name": "a.png", "url": "http://files.example.com/a.png"}]},
        "/attachments/0/url",
        "https",
    ),
    "upload that is none": ({"attachments": [{"name": "a", "upload": "AAAA"}]}, "/attachments/0/upload", "again"),
}
WRONG_BODIES: dict[str, tuple[Any, str, str]] = {
    "a link to a program": (
        [[{"type": "link", "text": "x", "url": "javascript:alert(1)"}]],
        "/body/0/0/url",
        "address",
    ),
    "a block of no kind": ([{"type": "table"}], "/body/0", "'paragraph'"),
    "a run of no kind": ([["a", 7]], "/body/0/1", "valid string"),
    "a mark of no kind": ([[{"text": "a", "marks": ["blink"]}]], "/body/0/0/marks/0", "'bold'"),
    "a heading of no level": ([{"type": "heading", "level": 9, "children": ["a"]}], "/body/0/level", "less than"),
    "a list without lines": ([{"type": "list"}], "/body/0/children", "missing"),
    "a mention of an agent": (
        [[{"type": "mention", "text": "x", "kind": "user", "id": "U1"}]],
        "/body/0/0/kind",
        "no field",
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_named(account: Account, name: str) -> None:
    fields, place, words = WRONG[name]
    found = await errors(account, message() | fields)
    assert words in found[place]["detail"]


@pytest.mark.parametrize("name", WRONG_BODIES)
async def test_what_is_wrong_with_formatted_text_is_named(account: Account, name: str) -> None:
    body, place, words = WRONG_BODIES[name]
    event = message(body=body)
    del event["text"]
    found = await errors(account, event)
    assert words in found[place]["detail"], found


async def test_values_are_shown_short(account: Account) -> None:
    found = await errors(account, message(text="x" * 100_001))
    assert len(found["/text"]["value"]) <= 100
    assert "100000" in found["/text"]["detail"]


async def test_who_somebody_is_must_be_allowed_to_be_said(account: Account, tmp_path: Path) -> None:
    sender = {"external_id": "ada", "proof": "verified", "user": "shop:7", "email": "a@b.example", "email_proven": True}
    found = await errors(account, message(sender=sender))
    assert set(found) == {"/sender/proof", "/sender/user", "/sender/email_proven"}
    assert "`verifies = true`" in found["/sender/user"]["detail"]
    async with api_account(tmp_path / "other", verifies=True) as trusted:
        assert (await post(trusted, message(sender=sender)))[0] == 200
        (event,) = trusted.core.events
        assert isinstance(event, MessageReceived)
        assert (event.sender.proof, event.sender.user, event.sender.email_proven) == (Proof.VERIFIED, "shop:7", True)


async def test_every_kind_of_event_arrives(account: Account) -> None:
    api, ada = account.api, account.ada
    await api.customer_writes(ada, "Hi", subject="Lamp", automated=True, token="t0k3n", continues=["m0"])
    await api.customer_types(ada)
    await api.reports("out-1", "failed", problem="Not in use.", reason="recipient_gone")
    await api.customer_reads(ada, "out-1")
    await api.customer_leaves(ada)
    await api.tells([{"type": "window", "sender_id": ada, "until": None}])
    await api.tells([{"type": "address_changed", "before": ada, "after": "eve"}])
    await api.tells([{"type": "choice", "sender": {"external_id": ada}, "value": "yes"}])
    kinds = [MessageReceived, Typing, StatusChanged, ReadUpTo, ReachabilityChanged, WindowChanged, AddressChanged]
    assert [type(one) for one in account.core.events] == [*kinds, ChoiceMade]
    assert account.core.events[-1].label == "yes"  # type: ignore[attr-defined]


def test_a_signature_is_what_others_make_of_it() -> None:
    """The vector that the libraries of Standard Webhooks are tried on."""
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = key(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    check = begin([secret], headers, 1614265330.0)
    check.update(body)
    check.finish()
    assert signed([secret], headers["webhook-id"], 1614265330, body) == headers


async def test_secrets_are_rotated(tmp_path: Path) -> None:
    async with api_account(tmp_path) as account:
        new = account.api.secret
        account.api.secret = OLD_SECRET
        with pytest.raises(NotTaken, match="401"):
            await account.api.customer_writes(account.ada, "Hello")
        account.bridge = bridge_for(account.api, account.core, secrets=[new, OLD_SECRET])
        account.core.bridge = account.bridge
        for secret in (OLD_SECRET, new):
            account.api.secret = secret
            await account.api.customer_writes(account.ada, "Hello")
        assert len(account.core.events) == 2


async def test_several_signatures_may_be_given(account: Account) -> None:
    body = json.dumps(message()).encode()
    right = wire.headers([account.api.secret], "call-1", body)
    many = " ".join([*(f"v1,{'A' * 43}=" for _ in range(8)), "v1a,unknown", right["webhook-signature"]])
    assert (await account.api.post(body, more=right | {"webhook-signature": many}))[0] == 200
    endless = " ".join([f"v1,{'A' * 43}="] * 30 + [right["webhook-signature"]])
    status, answer = await account.api.post(body, more=right | {"webhook-signature": endless})
    assert (status, "1 to 20" in answer["detail"]) == (401, True)


def forged(account: Account, body: bytes) -> dict[str, dict[str, str]]:
    right = wire.headers([account.api.secret], "call-1", body)
    secret = base64.b64decode(account.api.secret.removeprefix("whsec_"))
    return {
        "without id": {"webhook-id": ""},
        "id with a full stop": wire.headers([account.api.secret], "call.1", body),
        "another id": right | {"webhook-id": "call-2"},
        "another time": right | {"webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)},
        "no time": right | {"webhook-timestamp": "now"},
        "time in other digits": right | {"webhook-timestamp": "١٧٩٠٠٠٠٠٠٠"},
        "old": wire.headers([account.api.secret], "call-1", body, at=time.time() - 301),
        "from the future": wire.headers([account.api.secret], "call-1", body, at=time.time() + 310),
        "no signature": right | {"webhook-signature": ""},
        "no version": right | {"webhook-signature": right["webhook-signature"].removeprefix("v1,")},
        "another secret": wire.headers([OLD_SECRET], "call-1", body),
        "the secret's spelling as key": right
        | {
            "webhook-signature": "v1,"
            + base64.b64encode(
                hmac.digest(
                    account.api.secret.encode(), f"call-1.{right['webhook-timestamp']}.".encode() + body, "sha256"
                )
            ).decode()
        },
        "only the body is signed": right
        | {"webhook-signature": "v1," + base64.b64encode(hmac.digest(secret, body, "sha256")).decode()},
    }


async def test_a_forged_call_is_refused(account: Account) -> None:
    body = json.dumps(message()).encode()
    for name, headers in forged(account, body).items():
        status, answer = await account.api.post(body, more=headers)
        assert status == 401, name
        assert answer["detail"].endswith("."), name
        assert account.api.secret not in json.dumps(answer)
    assert not account.core.raws
    right = wire.headers([account.api.secret], "call-1", body)
    assert (await account.api.post(body + b" ", more=right))[0] == 401
    assert (await account.api.post(body, more=right))[0] == 200


async def test_time_is_the_cores(tmp_path: Path) -> None:
    """A call that was recorded is worth nothing five minutes later, and its event not even before."""
    late = timedelta()
    async with api_account(tmp_path, clock=lambda: datetime.now(UTC) + late) as account:
        body = json.dumps(message()).encode()
        recorded = wire.headers([account.api.secret], "call-1", body)
        for _ in range(2):
            assert (await account.api.post(body, more=recorded))[0] == 200
        assert len(account.core.events) == 1
        late = timedelta(minutes=5, seconds=2)
        assert (await account.api.post(body, more=recorded))[0] == 401


async def test_our_own_deliveries_are_no_events(account: Account) -> None:
    """Who sends us back what we signed must not be believed."""
    await account.core.send(outbound(account.recipient, "Hello"))
    await account.bridge.show_typing(account.recipient)
    for delivered in account.api.deliveries:
        assert (await post(account, delivered.body))[0] == 422
    assert not account.core.raws


@pytest.mark.parametrize("name", hostile.BODIES)
async def test_signed_nonsense_is_refused_at_once(account: Account, name: str) -> None:
    async with asyncio.timeout(5):
        status, answer = await account.api.post(hostile.BODIES[name])
    assert status in (400, 422), answer
    assert not account.core.raws


async def test_what_no_database_holds_is_left_out(account: Account) -> None:
    event = json.dumps(message(sender={"external_id": "ada", "name": "A\x00da", "facts": {"a\x00": "b"}}))
    body = event.replace("Hello", "a\\u0000b\\ud800c").encode()
    assert (await account.api.post(body))[0] == 200
    (received,) = account.core.events
    assert isinstance(received, MessageReceived)
    assert plain(received.content.body) == "ab\ufffdc"
    assert (received.sender.name, received.sender.facts) == ("Ada", {"a": "b"})


async def test_a_held_batch_in_any_order_arrives(account: Account) -> None:
    account.api.hold_events()
    first = await account.api.customer_writes(account.ada, "One")
    await account.api.customer_edits(first, "Two")
    account.api.deliver_twice = True
    await account.api.release_events(reverse=True)
    assert len(account.core.events) == 2
