"""Structured logs on standard error: one line for each fact, never a token, never a customer's words."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import IO, Any

import structlog
from structlog.typing import Processor

BLACK = "[redacted]"

#: Keys whose values are secret at every level. "key" alone is not one: lanes and jobs have keys.
SECRET_KEYS = re.compile(
    r"token|secret|password|passwd|authorization|cookie|signature|credential|api_?key|private_?key|dsn", re.IGNORECASE
)

#: Keys that hold people's words; shown at debug only.
TEXT_KEYS = frozenset(
    {
        "attachments",
        "blocks",
        "body",
        "caption",
        "content",
        "full_text",
        "html",
        "message_text",
        "payload",
        "raw",
        "text",
    }
)

#: Tokens by their form, wherever they stand.
SECRET_VALUES = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-[\w-]{8,}"  # Slack
    r"|(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}"  # Telegram
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # JWT
    r"|(?<=[Bb]earer )[\w.~+/=-]{8,}"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"  # user:password@
)

#: Longer strings are cut: a log line is no place for a document.
LONGEST = 4000

#: These talk about every request, or repeat what we say ourselves.
QUIET = {"aiohttp.access": "WARNING", "asyncio": "WARNING", "slack_sdk": "WARNING", "slack_bolt": "WARNING"}


class Style(StrEnum):
    JSON = "json"
    #: For people at a terminal.
    CONSOLE = "console"


class Redactor:
    """Blacks out secrets by key, by form and by value, and people's words above debug."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= 8}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        debug = event.get("level", method) == "debug"
        return {key: self._value(key, value, debug, 0) for key, value in event.items()}

    def text(self, value: str) -> str:
        """`value` without what looks like a secret, or is one."""
        if self._known is not None:
            value = self._known.sub(BLACK, value)
        value = SECRET_VALUES.sub(BLACK, value)
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}… ({len(value)} characters)"

    def _value(self, key: str, value: Any, debug: bool, depth: int) -> Any:
        if key.startswith("_") or isinstance(value, bool | int | float | None):
            return value
        if SECRET_KEYS.search(key):
            return BLACK
        if not debug and key.lower() in TEXT_KEYS:
            return BLACK
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return f"{len(value)} bytes"
        if depth < 4 and isinstance(value, Mapping):
            return {str(name): self._value(str(name), inner, debug, depth + 1) for name, inner in value.items()}
        if depth < 4 and isinstance(value, list | tuple | set | frozenset):
            return [self._value(key, inner, debug, depth + 1) for inner in list(value)[:100]]
        # An exception or another object: its words may hold a token too.
        return value if key == "exc_info" else self.text(str(value))


def configure(
    *,
    style: Style = Style.JSON,
    level: str = "INFO",
    secrets: Iterable[str] = (),
    stream: IO[str] | None = None,
) -> None:
    """Sends the logs of this process, structlog's and the standard library's, to `stream` (standard error)."""
    stream = stream or sys.stderr
    redactor = Redactor(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[Processor]
    if style is Style.JSON:
        render = [structlog.processors.format_exc_info, redactor, structlog.processors.JSONRenderer()]
    else:
        colors = stream.isatty()
        render = [
            structlog.processors.format_exc_info,
            redactor,
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
        ]
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ExtraAdder(),
        ],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"structured": formatter},
            "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "structured", "stream": stream}},
            "root": {"handlers": ["stream"], "level": level.upper()},
            "loggers": {name: {"level": quiet} for name, quiet in QUIET.items()},
        }
    )
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Loggers are made at import time, before anything is configured here.
        cache_logger_on_first_use=False,
    )


def about(**facts: str) -> AbstractContextManager[Any]:
    """Every line logged inside carries these: request, account, conversation."""
    return structlog.contextvars.bound_contextvars(**facts)
