"""What agents write looks right on the customer's LINE, and each refusal says what comes next."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bridges.line import BRIDGE
from core.contracts.bridge import FetchesMedia, ServesRoutes, ShowsTyping
from core.contracts.content import Choice, Content, MediaKind
from core.contracts.errors import (
    AdapterError,
    CredentialsRejected,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.text import from_plain, markdown
from core.testing.runtime import outbound
from core.testing.scenarios import PDF, PNG
from sandbox.faults import Fault
from sandbox.line import LineSandbox
from tests.bridges.line_accounts import Account, Clock, account, clocked

MP4 = bytes(4) + b"ftypisom" + bytes(50)
#: A picture that is too large to be its own preview.
LARGE = PNG + bytes(1024 * 1024)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def shop(session: aiohttp.ClientSession, tmp_path: Path, clock: Clock) -> AsyncIterator[Account]:
    async with clocked(session, tmp_path, clock) as one:
        yield one


@pytest.fixture
async def ada(shop: Account) -> str:
    return await shop.customer()


async def test_the_longest_text_fits(shop: Account, ada: str) -> None:
    text = "🙂" * (BRIDGE.capabilities.max_text // 2)
    await shop.bridge.send(shop.answer(ada, text))
    assert shop.shown(ada)[0].text == text
    with pytest.raises(PermanentFailure, match="Length must be between 0 and 5000") as failed:
        await shop.bridge.send(shop.answer(ada, text + "!", key="k2"))
    assert failed.value.reason is FailureReason.BAD_CONTENT


async def test_text_is_never_markup_and_styles_are_drawn(shop: Account, ada: str) -> None:
    await shop.bridge.send(shop.answer(ada, Content(body=markdown("**Yes**: [here](https://example.com) $ <b>x</b>"))))
    assert shop.shown(ada)[0].text == "Yes: here (https://example.com) $ <b>x</b>"


@pytest.mark.parametrize(
    ("name", "data", "kind", "own_preview"),
    [
        ("lamp.png", PNG, "image", True),
        ("large.png", LARGE, "image", False),
        ("clip.mp4", MP4, "video", False),
    ],
)
async def test_files_are_fetched_by_the_phone(
    shop: Account, ada: str, name: str, data: bytes, kind: str, own_preview: bool
) -> None:
    attachment = await shop.core.stored(data, name)
    content = Content(body=from_plain("Look"), attachments=(attachment,))
    sent = await shop.bridge.send(shop.answer(ada, content))
    file, words = shop.shown(ada)
    assert (file.kind, words.text, words.id) == (kind, "Look", sent)
    assert (file.preview_url == file.url) is own_preview
    assert await shop.line.customer_opens(ada, file.id) == data
    assert len(shop.calls("reply")) == 1, "one call, which counts once"


@pytest.mark.parametrize(("name", "data"), [("moving.gif", b"GIF89a" + bytes(20)), ("bill.pdf", PDF)])
async def test_what_line_has_no_message_for_becomes_a_link(shop: Account, ada: str, name: str, data: bytes) -> None:
    attachment = await shop.core.stored(data, name)
    await shop.bridge.send(shop.answer(ada, Content(attachments=(attachment,))))
    (bubble,) = shop.shown(ada)
    label, _, link = bubble.text.partition(": ")
    assert label == name
    async with shop.core.session.get(link) as response:
        assert await response.read() == data


async def test_without_a_public_address_no_file_is_sent(
    shop: Account, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    hidden = account(shop.line, session, tmp_path)
    attachment = await shop.core.stored(PNG, "lamp.png")
    with pytest.raises(PermanentFailure, match="public_url") as failed:
        await hidden.bridge.send(outbound(shop.line.add_customer("Ada"), Content(attachments=(attachment,))))
    assert failed.value.reason is FailureReason.MISCONFIGURED


async def test_line_takes_no_link_without_https(shop: Account, ada: str) -> None:
    shop.bridge._runtime = replace(shop.core.runtime, file_link=lambda file, name: "http://shop.example/lamp.png")
    attachment = await shop.core.stored(PNG, "lamp.png")
    with pytest.raises(PermanentFailure, match="https") as failed:
        await shop.bridge.send(shop.answer(ada, Content(attachments=(attachment,))))
    assert failed.value.reason is FailureReason.MISCONFIGURED


@pytest.mark.parametrize("count", [1, 13])
async def test_buttons_bring_back_value_and_label(shop: Account, ada: str, count: int) -> None:
    choices = tuple(
        Choice(value=f"{number}{'ü' * 30}", label=f"家族 {number} 👨‍👩‍👧‍👦👨‍👩‍👧"[:20]) for number in range(count)
    )
    await shop.bridge.send(shop.answer(ada, Content(body=from_plain("Shall we?"), choices=choices)))
    await shop.line.customer_presses(ada, choices[-1].label)
    chosen = (await shop.core.arrived(2))[1]
    assert (getattr(chosen, "value", ""), getattr(chosen, "label", "")) == (choices[-1].value, choices[-1].label)
    await shop.bridge.send(shop.answer(ada, "Fine", key="k2"))
    assert shop.shown(ada)[-1].by_reply, "a press can be answered free, too"


async def test_quotes_of_hers_and_of_ours_are_drawn_by_line(shop: Account, ada: str) -> None:
    hers = (await shop.message()).external_id
    ours = await shop.bridge.send(shop.answer(ada, "Which lamp?", key="k1"))
    await shop.bridge.send(shop.answer(ada, "This one?", key="k2", quote=hers))
    await shop.bridge.send(shop.answer(ada, "I mean", key="k3", quote=ours))
    assert [bubble.quotes for bubble in shop.shown(ada)] == ["", hers, ours]


async def test_after_a_restart_her_last_message_is_quoted_by_line_and_others_by_their_words(
    shop: Account, ada: str, tmp_path: Path, clock: Clock
) -> None:
    hers = (await shop.message()).external_id
    ours = await shop.bridge.send(shop.answer(ada, "Which lamp?", key="k1"))
    after = account(shop.line, shop.core.session, tmp_path, memory=shop.core.memory, clock=clock).bridge
    await after.send(shop.answer(ada, "This one?", key="k2", quote=hers))
    await after.send(shop.answer(ada, "I mean", key="k3", quote=ours, quote_text="Which lamp?"))
    long = "a" * 5000
    await after.send(shop.answer(ada, long, key="k4", quote=ours, quote_text="Which lamp?"))
    assert [(bubble.quotes, bubble.text) for bubble in shop.shown(ada)[1:]] == [
        (hers, "This one?"),
        ("", "> Which lamp?\n\nI mean"),
        ("", long),
    ]


async def test_who_answers_has_read(shop: Account, ada: str) -> None:
    for key in ("k1", "k2"):
        await shop.bridge.send(shop.answer(ada, key=key))
    assert [bubble.read for bubble in shop.line.chat(ada) if not bubble.from_bot] == [True]
    assert len(shop.calls("read")) == 1


@pytest.mark.parametrize("fault", [Fault(status=400), Fault(status=500), Fault(drop="before"), Fault(status=401)])
async def test_no_answer_waits_for_the_mark_of_reading(shop: Account, ada: str, fault: Fault) -> None:
    shop.line.faults.order("read", fault)
    await shop.bridge.send(shop.answer(ada))
    assert len(shop.shown(ada)) == 1


async def test_typing_shows_and_the_account_says_who_it_is(shop: Account, ada: str) -> None:
    await shop.bridge.show_typing(shop.recipient(ada))
    assert shop.line.snapshot()["customers"][0]["loading"]
    assert await shop.bridge.check() == "Threadbridge (@threadbridge), 0 messages used this month"
    shop.line.world.quota = 200
    assert await shop.bridge.check() == "Threadbridge (@threadbridge), 0 of 200 messages used this month"


def test_what_the_capabilities_promise_is_there(shop: Account) -> None:
    for verb in (ShowsTyping, FetchesMedia, ServesRoutes):
        assert isinstance(shop.bridge, verb)
    assert MediaKind.VOICE not in BRIDGE.capabilities.media


BODY = {"message": "The request body has 1 error(s)", "details": [{"message": "May not be empty", "property": "x"}]}
FAULTS: dict[str, tuple[Fault, type[AdapterError], FailureReason | None]] = {
    "400": (Fault(status=400, body=BODY), PermanentFailure, FailureReason.BAD_CONTENT),
    "400 without words": (Fault(status=400), PermanentFailure, FailureReason.BAD_CONTENT),
    "400 no such customer": (
        Fault(status=400, body={"message": "Failed to send messages"}),
        PermanentFailure,
        FailureReason.RECIPIENT_GONE,
    ),
    "400 no user id": (
        Fault(status=400, body={"message": "The property, 'to', in the request body is invalid (line: -, column: -)"}),
        PermanentFailure,
        FailureReason.RECIPIENT_GONE,
    ),
    "401": (Fault(status=401, body={"message": "Authentication failed."}), CredentialsRejected, None),
    "403": (
        Fault(status=403, body={"message": "Access to this API is not available for your account"}),
        PermanentFailure,
        FailureReason.MISCONFIGURED,
    ),
    "404": (Fault(status=404, body={"message": "Not found"}), PermanentFailure, FailureReason.RECIPIENT_GONE),
    "410": (Fault(status=410), PermanentFailure, FailureReason.RECIPIENT_GONE),
    "413": (Fault(status=413), PermanentFailure, FailureReason.TOO_LARGE),
    "415": (Fault(status=415), PermanentFailure, FailureReason.UNSUPPORTED),
    "429 rate": (
        Fault(status=429, body={"message": "The API rate limit has been exceeded. Try again later."}),
        TemporaryFailure,
        None,
    ),
    "429 quota": (
        Fault(status=429, body={"message": "You have reached your monthly limit."}),
        PermanentFailure,
        FailureReason.RATE_POLICY,
    ),
    "500": (Fault(status=500, body={"message": "Internal error"}), OutcomeUnknown, None),
    "503 no JSON": (Fault(status=503), OutcomeUnknown, None),
    "200 without ids": (Fault(status=200, body={}), OutcomeUnknown, None),
    "302": (Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), OutcomeUnknown, None),
    "cut before": (Fault(drop="before"), OutcomeUnknown, None),
    "cut after": (Fault(drop="after"), OutcomeUnknown, None),
}


@pytest.mark.parametrize("endpoint", ["reply", "push"])
@pytest.mark.parametrize("name", FAULTS)
async def test_each_refusal_says_what_to_do(shop: Account, ada: str, clock: Clock, name: str, endpoint: str) -> None:
    fault, kind, reason = FAULTS[name]
    clock.passes(60 if endpoint == "push" else 0)
    shop.line.faults.order(endpoint, fault)
    with pytest.raises(AdapterError) as failed:
        await shop.bridge.send(shop.answer(ada))
    assert type(failed.value) is kind
    assert getattr(failed.value, "reason", None) is reason
    assert getattr(failed.value, "retry_after", None) == (2 if name == "429 rate" else None)
    assert str(failed.value).endswith(".")
    assert "line-token" not in "".join(map(str, (failed.value, failed.value.__cause__))), "the token leaked"


async def test_customers_who_left_are_named_and_blocked_ones_are_not(shop: Account, ada: str, clock: Clock) -> None:
    clock.passes(60)
    await shop.line.customer_blocks(ada)
    assert await shop.bridge.send(shop.answer(ada)), "LINE does not say so"
    assert not shop.shown(ada)
    shop.line.customer_leaves(ada)
    with pytest.raises(PermanentFailure, match="no longer has this customer"):
        await shop.bridge.send(shop.answer(ada, key="k2"))


async def test_a_used_up_month_is_told_and_free_answers_go_on(shop: Account, ada: str) -> None:
    shop.line.world.quota = 0
    await shop.bridge.send(shop.answer(ada, key="k1"))
    with pytest.raises(PermanentFailure, match="used up"):
        await shop.bridge.send(shop.answer(ada, key="k2"))
    assert len(shop.shown(ada)) == 1


async def test_a_closed_door_is_no_doubt(shop: Account, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = account(shop.line, session, tmp_path, api_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(TemporaryFailure) as failed:
            await away.bridge.send(outbound("U" + "0" * 32, "hello"))
        assert type(failed.value) is TemporaryFailure


async def test_a_slow_answer_is_in_doubt(shop: Account, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges.line.api.LineApi.post.__kwdefaults__", {"retry_key": "", "patience": 0.05})
    shop.line.faults.order("reply", Fault(delay=0.3))
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.send(shop.answer(ada))


async def test_rate_limits_are_passed_on(session: aiohttp.ClientSession, tmp_path: Path, clock: Clock) -> None:
    async with LineSandbox(clock=clock.seconds) as line:
        shop, user = account(line, session, tmp_path), line.add_customer("Ada")
        line.limits._levels["push"] = (0.0, clock.seconds())
        with pytest.raises(TemporaryFailure, match="slow down"):
            await shop.bridge.send(outbound(user, "hello"))
