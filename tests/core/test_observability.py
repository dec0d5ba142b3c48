"""Logs without secrets and without people's words; troubles told once; counters where Prometheus finds them."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from prometheus_client import generate_latest

from core.observability.logs import Style, about, configure
from core.observability.metrics import Metrics
from core.observability.troubles import Troubles


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_both_ways_of_logging_give_the_same_kind_of_line(stream: io.StringIO) -> None:
    early = structlog.get_logger("made.before")
    configure(stream=stream)

    with about(account="shop", request="r1"):
        early.info("message stored", action="stored", count=3)
        logging.getLogger("other").warning("retried %s times", 4, extra={"action": "retried"})
    early.debug("not at this level")

    first, second = lines(stream)
    assert first == {
        "account": "shop",
        "action": "stored",
        "count": 3,
        "event": "message stored",
        "level": "info",
        "logger": "made.before",
        "request": "r1",
        "timestamp": first["timestamp"],
    }
    assert (second["event"], second["action"], second["account"]) == ("retried 4 times", "retried", "shop")
    assert datetime.fromisoformat(first["timestamp"]).tzinfo is not None


# Built from parts, so that nobody's scanner takes them for lost tokens.
SLACK = "xoxb-" + "123456789012-abcdefghijkl"
TELEGRAM = "123456789:" + "A" * 35


@pytest.mark.parametrize(
    "facts",
    [
        {"bot_token": "anything"},
        {"headers": {"Authorization": "anything", "X-Slack-Signature": "anything"}},
        {"url": f"https://api.telegram.example/bot{TELEGRAM}/sendMessage"},
        {"problem": f"Slack refused {SLACK}"},
        {"problem": ValueError(f"refused {SLACK}")},
        {"database": "postgresql://user:anything@db/name"},
        {"value": ["deep", {"deeper": "configured-secret"}]},
        {"text": "anything", "body": "anything", "payload": {"a": "anything"}},
        {"raw": b"anything"},
    ],
)
@pytest.mark.parametrize("style", Style)
def test_secrets_and_words_are_blacked_out(stream: io.StringIO, style: Style, facts: dict[str, Any]) -> None:
    configure(stream=stream, style=style, secrets=["configured-secret"])

    structlog.get_logger("x").info("sent", **facts)
    logging.getLogger("y").info("sent %s", facts.get("problem", ""), extra=facts)

    for secret in ("anything", SLACK, TELEGRAM, "configured-secret"):
        assert secret not in stream.getvalue()
    assert stream.getvalue().count("sent") == 2


def test_a_stack_trace_holds_no_secret(stream: io.StringIO) -> None:
    configure(stream=stream, secrets=["configured-secret"])

    try:
        raise ValueError(f"no access with {SLACK} or configured-secret")
    except ValueError:
        structlog.get_logger("x").exception("failed")

    [line] = lines(stream)
    assert "test_observability.py" in line["exception"]
    assert "no access with [redacted] or [redacted]" in line["exception"]


def test_words_are_shown_at_debug_only(stream: io.StringIO) -> None:
    configure(stream=stream, level="debug")

    structlog.get_logger("x").debug("parsed", text="hello")

    assert lines(stream)[0]["text"] == "hello"


def test_a_warning_of_python_is_a_line_too(stream: io.StringIO) -> None:
    configure(stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old habit", stacklevel=1)

    assert "old habit" in lines(stream)[0]["event"]


def test_trouble_is_told_when_it_begins_and_when_it_ends(stream: io.StringIO) -> None:
    configure(stream=stream)
    clock = [datetime(2026, 11, 22, tzinfo=UTC)]
    told: list[tuple[str, str | None]] = []
    metrics = Metrics()
    troubles = Troubles(metrics, changed=lambda source, sentence: told.append((source, sentence)), now=lambda: clock[0])
    shop = troubles.of("shop")

    shop(None)
    shop("the token was revoked")
    shop("the token was revoked, still")
    assert troubles.sentences() == ("shop: the token was revoked, still",)
    assert metrics.registry.get_sample_value("threadbridge_trouble", {"source": "shop"}) == 1
    clock[0] += timedelta(minutes=2)
    shop(None)
    shop(None)

    assert told == [("shop", "the token was revoked"), ("shop", None)]
    assert [(line["event"], line.get("seconds")) for line in lines(stream)] == [
        ("does not work", None),
        ("works again", 120),
    ]
    assert troubles.listing() == ()
    assert metrics.registry.get_sample_value("threadbridge_trouble", {"source": "shop"}) == 0


def test_what_comes_in_is_counted_by_its_fate() -> None:
    metrics = Metrics()
    for what in ("accepted", "accepted", "duplicate", "quarantined"):
        metrics.counted("shop", what)
    metrics.reject("shop", "signature")

    text = generate_latest(metrics.registry).decode()
    assert 'threadbridge_accepted_total{source="shop"} 2.0' in text
    assert 'threadbridge_duplicate_total{source="shop"} 1.0' in text
    assert 'threadbridge_rejected_total{reason="signature",source="shop"} 1.0' in text
