"""Files to and from a visitor, and the widget's own files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contracts import bridge
from core.contracts.content import Attachment, Content, MediaKind
from tests.bridges.webchat_runtime import MemoryCore
from tests.bridges.webchat_site import Site, serving_chat

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    settings = {"max_upload": "100 kB", "title": "Help </script><b>", "origins": ["https://shop.example"]}
    async with serving_chat(MemoryCore(folder=tmp_path, settings=settings)) as site:
        yield site


async def upload(site: Site, token: str, name: str, data: Any, *, status: int = 200) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Origin": site.origin, "Content-Type": "image/png"}
    async with site.http.post(f"{site.base}/upload", params={"name": name}, data=data, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return dict(await answer.json())


async def test_a_file_goes_up_with_a_message_and_comes_back(site: Site) -> None:
    visitor = await site.begin()
    up = await upload(site, visitor["token"], "../../etc/lamp\n.png", PNG)
    assert (up["name"], up["kind"], up["size"]) == ("lamp.png", "image", len(PNG))
    tab = await site.tab(visitor["token"])
    await tab.say(type="send", client_id="picture-01", uploads=[up["upload"]])
    await tab.hear("ack")
    (received,) = site.core.events
    assert isinstance(received, bridge.MessageReceived)
    (attachment,) = received.content.attachments
    assert (attachment.kind, attachment.name, attachment.mime) == (MediaKind.IMAGE, "lamp.png", "image/png")
    (file,) = (await tab.hear("event"))["item"]["files"]
    async with site.http.get(f"{site.base}/{file['url']}") as answer:
        assert await answer.read() == PNG
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"].startswith("inline")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "mime"), [("a.svg", "image/svg+xml"), ("a.html", "text/html"), ("a.pdf", "application/pdf")]
)
async def test_what_a_browser_might_run_is_only_downloaded(site: Site, name: str, mime: str) -> None:
    visitor = await site.begin()
    (site.core.folder / name).write_bytes(b"<script>alert(1)</script>")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"<script>alert(1)</script>"

    stored = await site.core.files.save(chunks(), name=name, mime=mime)
    attachment = Attachment(kind=MediaKind.FILE, name='in"voice\r\n.pdf', mime=mime, file=stored)
    await site.core.answer(visitor["visitor"], Content(attachments=(attachment,)))
    tab = await site.tab(visitor["token"])
    (file,) = (await tab.hear("event"))["item"]["files"]
    async with site.http.get(f"{site.base}/{file['url']}") as answer:
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''in%22voice%0D%0A.pdf"
        assert answer.headers["Content-Type"] == "application/octet-stream"


async def test_an_upload_belongs_to_who_made_it(site: Site) -> None:
    jane, mallory = await site.begin(), await site.begin()
    up = await upload(site, jane["token"], "a.png", PNG)
    tab = await site.tab(mallory["token"])
    await tab.say(type="send", client_id="stolen-001", uploads=[up["upload"]])
    assert (await tab.hear("error"))["code"] == "upload"
    assert not site.core.raws


async def test_files_that_are_too_large_or_refused_get_a_sentence(site: Site) -> None:
    token = (await site.begin())["token"]

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 10_000

    for data in (b"x" * 100_001, endless()):
        error = (await upload(site, token, "big.bin", data, status=413))["error"]
        assert error["code"] == "file_too_large"
        assert "0 MB" in error["message"]
    assert "program" in (await upload(site, token, "virus.exe", b"MZ", status=415))["error"]["message"]
    assert not site.core.files.stored


async def test_a_link_to_a_file_ends_and_cannot_be_made_up(site: Site) -> None:
    visitor = await site.begin()
    tab = await site.tab(visitor["token"])
    up = await upload(site, visitor["token"], "a.png", PNG)
    await tab.say(type="send", client_id="link-00001", uploads=[up["upload"]])
    (file,) = (await tab.hear("event"))["item"]["files"]
    for made_up in ("files/x", f"files/{up['upload']}", file["url"][:-3] + "abc"):
        async with site.http.get(f"{site.base}/{made_up}") as answer:
            assert answer.status == 404
    site.core.clock = datetime.now(UTC) + timedelta(days=9)
    async with site.http.get(f"{site.base}/{file['url']}") as answer:
        assert answer.status == 404


async def test_a_file_that_is_gone_becomes_a_sentence(site: Site) -> None:
    visitor = await site.begin()
    up = await upload(site, visitor["token"], "a.png", PNG)
    site.core.files.stored.clear()
    tab = await site.tab(visitor["token"])
    await tab.say(type="send", client_id="gone-00001", uploads=[up["upload"]])
    (file,) = (await tab.hear("event"))["item"]["files"]
    assert file["problem"] == "The file a.png is no longer stored."


async def test_the_frame_is_strict_about_what_runs_and_who_holds_it(site: Site) -> None:
    async with site.http.get(f"{site.base}/frame.html") as answer:
        page = await answer.text()
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self' https://shop.example"
    # A title cannot leave the element it stands in.
    assert "</script><b>" not in page
    assert "Help &lt;/script&gt;&lt;b&gt;" in page


async def test_the_widgets_files_are_kept_as_long_as_they_are_the_same(site: Site) -> None:
    async with site.http.get(f"{site.base}/widget.js") as answer:
        source = await answer.text()
        tag = answer.headers["ETag"]
        assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert '"color": "#4f46e5"' in source
    assert "</script>" not in source
    async with site.http.get(f"{site.base}/widget.js", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    async with site.http.get(f"{site.base}/frame.html") as answer:
        version = (await answer.text()).split("static/")[1].split("/")[0]
    async with site.http.get(f"{site.base}/static/{version}/app.js") as answer:
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.content_type == "text/javascript"
    async with site.http.get(f"{site.base}/static/outdated/app.js") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
    for name in ("..%2Fbridge.py", "%2e%2e%2fbridge.py", "bridge.py", "missing.js"):
        async with site.http.get(f"{site.base}/static/{version}/{name}") as answer:
            assert answer.status == 404
