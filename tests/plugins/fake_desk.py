"""The desk's stand-in, as the tests of workplaces name it."""

from core.testing.desk import RecordingDesk as FakeDesk

__all__ = ["FakeDesk"]
