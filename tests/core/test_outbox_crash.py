"""A real process is killed at random moments: nothing is lost, nothing overtakes, and nothing is blindly repeated."""

from pathlib import Path

from benchmarks.crash import LANES, crash


async def test_kill_9_loses_and_repeats_nothing_where_the_vendor_can_be_asked(database_url: str) -> None:
    report = await crash(database_url, rounds=20, seed=3)
    assert report.accepted > 50, report
    assert (report.lost, report.out_of_order, report.repeated, report.asked) == (0, 0, 0, 0), report


async def test_kill_9_asks_a_person_where_the_vendor_cannot_be_asked(tmp_path: Path) -> None:
    report = await crash(f"sqlite:///{tmp_path}/crash.db", rounds=20, asks=False, seed=5)
    assert report.accepted > 50, report
    assert (report.lost, report.out_of_order, report.repeated) == (0, 0, 0), report
    assert 0 < report.asked <= 20 * LANES, report
