"""`threadbridge serve` is killed at random moments under traffic: nothing is lost, repeated or out of order."""

from pathlib import Path

import pytest

from benchmarks.kill import kill

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket"])
async def test_kill_9_at_random_moments(tmp_path: Path, socket_mode: bool) -> None:
    report = await kill(tmp_path, rounds=4, seed=17, longest=0.5, socket_mode=socket_mode)
    assert report.ok, report
    assert report.accepted > 30
    assert report.shown_once == report.accepted
