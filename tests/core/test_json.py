"""JSON from strangers: read when it is JSON, refused with 400 whatever else it is."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contracts.errors import RequestRejected
from core.contracts.json import loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_json_is_read(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_anything_else_is_refused_with_a_sentence(raw: bytes) -> None:
    # No JSON begins like this.
    with pytest.raises(RequestRejected, match=r"^The body is not valid JSON: .") as caught:
        loads(b"}" + raw)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[NaN]",
        b"[1e999, Infinity]",
        b"\xff",
        '{"a":1}'.encode("utf-16"),
        b"[" + b"9" * 5000 + b"]",
        b"{}{}",
    ],
)
def test_what_only_looks_like_json_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRejected):
        loads(raw)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    assert loads(opening * 50 + b"1" + closing * 50) is not None
    for depth in (51, 1000, 100_000):
        with pytest.raises(RequestRejected, match="nested deeper than 50 levels"):
            loads(opening * depth + b"1" + closing * depth)
    with pytest.raises(RequestRejected, match="nested deeper than 3 levels"):
        loads(b"[[[[]]]]", depth=3)


@pytest.mark.parametrize("raw", [b"[" + b"[]," * 300_000 + b"[]]", b'"' + b'\\"' * 500_000, b"{" * 1_000_000])
def test_a_hostile_megabyte_costs_little(raw: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(RequestRejected):
        loads(raw)
    assert time.process_time() - started < 1
