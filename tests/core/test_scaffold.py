"""What `threadbridge new` writes works as it is: found, built, signed, read, sent, and told apart when it fails."""

import hmac
import importlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import web
from typer.testing import CliRunner

from core import discovery
from core.cli.root import app
from core.contracts.bridge import OutboundMessage, Recipient
from core.contracts.content import Content
from core.contracts.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    OutcomeUnknown,
    PermanentFailure,
    RequestRejected,
    TemporaryFailure,
)
from core.contracts.places import RoomRef, ThreadRef
from core.contracts.posts import Author, Card, Post, Tone
from core.contracts.text import from_plain
from core.contracts.workplace import Standing
from core.testing.bridges import BridgeContract
from core.testing.workplaces import WorkplaceSpecContract

run = CliRunner().invoke


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Both skeletons, standing among the installed adapters while the tests run."""
    folder = tmp_path_factory.mktemp("new")
    packages = {"bridges": "bridge", "plugins": "workplace"}
    for package, kind in packages.items():
        result = run(app, ["new", kind, "carrier_pigeon", "--folder", str(folder / package)])
        assert result.exit_code == 0, result.output
        importlib.import_module(package).__path__.append(str(folder / package))
    yield folder
    for package in packages:
        importlib.import_module(package).__path__.remove(str(folder / package))
        for name in [name for name in sys.modules if name.startswith(f"{package}.carrier_pigeon")]:
            del sys.modules[name]


class Vendor:
    """The made-up vendor: answers what it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: Any = {"id": 7, "name": "loft", "member": True}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def handle(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer t"
        self.calls.append((request.path, await request.json() if request.can_read_body else {}))
        return web.json_response(self.answer, status=self.status, headers={"Retry-After": "9"})


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    vendor = Vendor()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", vendor.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield vendor, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


def test_nothing_of_the_template_is_left_and_the_house_rules_hold(written: Path) -> None:
    files = sorted(path for path in written.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.name for path in files} >= {
        "__init__.py",
        "bridge.py",
        "README.md",
        "workplace.py",
        "text.json",
        "settings.json",
    }
    for path in files:
        text = path.read_text()
        assert not re.search(r"new ?(channel|workplace)|core\.cli|templates", text, re.IGNORECASE), path
    config = Path(__file__).parents[2] / "pyproject.toml"
    for command in ("check", "format"):
        extra = ["--check"] if command == "format" else []
        ruff = [str(Path(sys.executable).with_name("ruff")), command, *extra, "--no-cache", "--config", str(config)]
        result = subprocess.run([*ruff, str(written)], capture_output=True, text=True, timeout=30, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    assert sum(len(path.read_text().splitlines()) for path in (written / "bridges").rglob("*.py")) <= 200


def test_they_are_found_without_an_edit_elsewhere(written: Path) -> None:
    assert discovery.bridges()["carrier_pigeon"].title == "Carrier pigeon"
    assert discovery.workplaces()["carrier_pigeon"].settings.__name__ == "CarrierPigeonSettings"
    result = run(app, ["channels", "carrier_pigeon"])
    assert result.exit_code == 0
    assert "webhook_secret" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bridge", "carrier_pigeon"], "there is a channel of this name already"),
        (["bridge", "webchat"], "there is a channel of this name already"),
        (["bridge", "Carrier"], "use 2 to 20 small letters"),
        (["workplace", "../x"], "use 2 to 20 small letters"),
        (["bridge", "class"], "use 2 to 20 small letters"),
    ],
)
def test_a_name_that_cannot_be(written: Path, arguments: list[str], sentence: str) -> None:
    result = run(app, ["new", *arguments])
    assert result.exit_code == 2
    assert sentence in result.output


@pytest.mark.usefixtures("written")
class TestSkeletonOfAChannel(BridgeContract):
    """It keeps the contract before anybody has changed a line."""

    name = "carrier_pigeon"


@pytest.mark.usefixtures("written")
class TestSkeletonOfAWorkplace(WorkplaceSpecContract):
    name = "carrier_pigeon"


FAILURES = [
    (401, CredentialsRejected),
    (429, TemporaryFailure),
    (500, OutcomeUnknown),
    (422, PermanentFailure),
]


async def test_a_message_is_sent_and_each_failure_is_told_apart(
    written: Path, vendor: tuple[Vendor, str], session: aiohttp.ClientSession
) -> None:
    world, url = vendor
    spec = discovery.bridges()["carrier_pigeon"]
    settings = {"token": "t", "webhook_secret": "s", "api_url": url}
    bridge = spec.build(spec.settings.model_validate(settings), Mock(session=session))
    message = OutboundMessage(
        key="k", recipient=Recipient(external_id="c1", name="Jane"), content=Content(body=from_plain("Hi")), text="Hi"
    )

    assert await bridge.send(message) == "7"
    assert world.calls == [("/messages", {"to": "c1", "text": "Hi"})]
    assert await bridge.check() == "Carrier pigeon account loft"
    for status, kind in FAILURES:
        world.status = status
        with pytest.raises(kind) as caught:
            await bridge.send(message)
        assert type(caught.value) is kind
    settings["api_url"] = "http://127.0.0.1:1"
    nowhere = spec.build(spec.settings.model_validate(settings), Mock(session=session))
    with pytest.raises(TemporaryFailure) as refused:
        await nowhere.send(message)
    assert type(refused.value) is TemporaryFailure


async def test_the_workplace_draws_threads_and_tells_failures_apart(
    written: Path, vendor: tuple[Vendor, str], session: aiohttp.ClientSession
) -> None:
    world, url = vendor
    spec = discovery.workplaces()["carrier_pigeon"]
    settings = spec.settings.model_validate({"token": "t", "signing_secret": "s", "api_url": url})
    workplace = spec.build(settings, Mock(), Mock(session=session, workspace="loft"))
    first = Post(key="k", tone=Tone.CUSTOMER, author=Author(name="Jane"), content=Content(body=from_plain("Hi")))
    card = Card(title="Jane", status="Open", status_emoji="🟢")
    room = RoomRef(workspace="loft", room="r")

    thread = await workplace.open_thread(room, card, first)

    assert thread == ThreadRef(workspace="loft", room="r", thread="7")
    assert world.calls == [("/post", {"room": "r", "text": "🟢 Jane: Open\n\nJane: Hi", "key": "k"})]
    assert (await workplace.agent("a")).standing is Standing.MEMBER
    world.answer = {"name": "Somebody"}
    assert (await workplace.agent("a")).standing is Standing.OUTSIDER
    assert await workplace.find(room, None, "k", datetime.now(UTC)) is None
    for status, kind in [*FAILURES, (404, DestinationUnavailable)]:
        world.status = status
        with pytest.raises(kind) as caught:
            await workplace.post(thread, first)
        assert type(caught.value) is kind


async def test_an_agents_post_reaches_the_desk_once_it_is_kept(written: Path, session: aiohttp.ClientSession) -> None:
    spec = discovery.workplaces()["carrier_pigeon"]
    desk = Mock()
    said: list[Any] = []
    kept: list[tuple[str, str, int, bytes]] = []

    async def accept(event_id: str, lane: str, rank: int, raw: bytes) -> bool:
        kept.append((event_id, lane, rank, raw))
        return True

    async def revised(post: Any, content: Any) -> None:
        said.append((post, content))

    desk.revised = revised
    settings = spec.settings.model_validate({"token": "t", "signing_secret": "s"})
    workplace: Any = spec.build(settings, desk, Mock(session=session, workspace="loft", accept=accept))
    application = web.Application()
    application.add_routes(workplace.routes())

    @web.middleware
    async def refuse(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            return await handler(request)  # type: ignore[no-any-return]
        except RequestRejected as refusal:
            return web.Response(status=refusal.status)

    application.middlewares.append(refuse)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    body = json.dumps({"id": "e1", "type": "deleted", "room": "r", "thread": "th", "post": "p", "at": 1.5}).encode()
    try:
        for secret, status in ((b"wrong", 401), (b"s", 200)):
            headers = {"X-Signature": hmac.new(secret, body, "sha256").hexdigest()}
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == status
    finally:
        await runner.cleanup()

    assert kept == [("e1", "th", 1_500_000, body)]
    assert said == []
    await workplace.handle(body)
    [(post, content)] = said
    assert (post.room, post.thread, post.post, content) == ("r", "th", "p", None)
