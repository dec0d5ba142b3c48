"""What the web server is made of, given to it by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from core.contracts.bridge import Accepted, Bridge
from core.contracts.workplace import Workplace
from core.identity.confirming import Confirmations
from core.observability.metrics import Metrics
from core.settings.models import Settings
from core.storage.links import FileLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the routes need."""

    settings: Settings
    #: By account.
    bridges: Mapping[str, Bridge]
    #: By workspace.
    workplaces: Mapping[str, Workplace]
    #: (account, raw item) -> after the commit. Quarantines what fails; raises Overloaded and StorageUnavailable.
    take: Callable[[str, bytes], Awaitable[Sequence[Accepted]]]
    links: FileLinks
    metrics: Metrics
    #: Whether the loops of this process run: the writer of the database, the workers.
    healthy: Callable[[], bool]
    #: Whether work can be done now, and why not: "ready" for everybody, the details for operators.
    ready: Callable[[], Awaitable[tuple[bool, Mapping[str, Any]]]]
    #: Bytes of the largest webhook body by account, where its vendor sends more than `limits.webhook_bytes`.
    largest_webhooks: Mapping[str, int] = field(default_factory=dict)
    #: What customers are asked to prove by a link; None: nothing is.
    confirmations: Confirmations | None = None


PARTS: web.AppKey[Parts] = web.AppKey("parts", Parts)
#: Whom a request is for: an account's or a workspace's name, or "web"; set by the routes, read by the counters.
SOURCE: web.RequestKey[str] = web.RequestKey("source", str)
#: Why a request was refused, in one word.
REASON: web.RequestKey[str] = web.RequestKey("reason", str)
#: Whoever answered the request has counted it as refused, where it was.
COUNTED: web.RequestKey[bool] = web.RequestKey("counted", bool)
