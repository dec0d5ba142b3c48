"""What takes long, and what another process did: nothing is cut short, nothing is told for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts.errors import CredentialsRejected
from core.delivery import fetching
from tests.core.office import SHOP, open_office, until

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde"


async def test_a_download_longer_than_a_jobs_time_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_LOOK_SECONDS", 0.05)
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        held = office.channel.faults.hold("fetch")
        await office.channel.writes(jane, "Look", files=[("cup.png", "image/png", PNG)])
        await held.reached()
        # The job has given up its turn at least once before the file goes on.
        await until(lambda: office.app._handlers["fetch"].looked > 1, "a second look")
        held.release()
        await until(
            lambda: any(post.post and post.post.content.attachments for t in office.tool.threads for post in t.posts),
            "the picture in the thread",
        )
        shown = [a for t in office.tool.threads for p in t.posts if p.post for a in p.post.content.attachments]
        assert [a.name for a in shown if a.file] == ["cup.png"]


async def test_a_pause_of_another_process_is_told_and_ends(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        app = office.app
        office.tool.faults.stand("check", CredentialsRejected("The token was revoked."))
        await app.storage.write(lambda connection: app.outbox.pause(connection, scope=SHOP, reason="Token revoked."))
        await app.supervisor.probe_once()
        assert [trouble.source for trouble in app.troubles.listing()] == [SHOP]
        await app.storage.write(lambda connection: app.outbox.resume(connection, scope=SHOP))
        await app.supervisor.probe_once()
        assert app.troubles.listing() == ()
