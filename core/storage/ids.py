"""Ids that sort by the time they were made: UUID version 7, RFC 9562."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
#: Milliseconds and a 12-bit fraction of the last id, so that ids of one process never go backwards.
_last = 0


def new_id() -> UUID:
    """A fresh id, greater than every id this process made before, whatever the clock did."""
    global _last
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    stamp = milliseconds << 12 | rest * 4096 // 1_000_000
    with _lock:
        if stamp <= _last:
            stamp = _last + 1
        _last = stamp
    random = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=(stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | random)
