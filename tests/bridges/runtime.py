"""The core's stand-in, as the tests of bridges name it."""

from core.testing.runtime import KeptValue, RecordingRuntime, outbound

__all__ = ["KeptValue", "RecordingRuntime", "outbound"]
