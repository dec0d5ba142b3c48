"""What does not work right now, one sentence for each source; told once when it begins and once when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from core.observability.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A source that does not work."""

    #: "telegram", "acme", "database": an account, a workspace, or a part of ours.
    source: str
    sentence: str
    since: datetime


class Troubles:
    """Remembers them for status, /ready, the agents' page and the operators' room."""

    def __init__(
        self,
        metrics: Metrics | None = None,
        *,
        changed: Callable[[str, str | None], None] = lambda source, sentence: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._metrics = metrics
        #: Called when a source begins or ceases to have trouble, not when only the sentence differs.
        self._changed = changed
        self._now = now
        self._troubles: dict[str, Trouble] = {}

    def tell(self, source: str, sentence: str | None) -> None:
        """One sentence while `source` does not work, None when it does again."""
        before = self._troubles.get(source)
        if sentence is None:
            if before is None:
                return
            del self._troubles[source]
            lasted = round((self._now() - before.since).total_seconds())
            log.info("works again", action="trouble_over", source=source, seconds=lasted)
        else:
            since = before.since if before else self._now()
            self._troubles[source] = Trouble(source=source, sentence=sentence, since=since)
            if before is not None:
                return
            log.warning("does not work", action="trouble", source=source, problem=sentence)
        if self._metrics is not None:
            self._metrics.troubles.labels(source).set(sentence is not None)
        self._changed(source, sentence)

    def of(self, source: str) -> Callable[[str | None], None]:
        """The `trouble` callback that one adapter is lent."""
        return lambda sentence: self.tell(source, sentence)

    def listing(self) -> tuple[Trouble, ...]:
        """The oldest first."""
        return tuple(sorted(self._troubles.values(), key=lambda trouble: trouble.since))

    def sentences(self) -> tuple[str, ...]:
        """Ready to show: "telegram: the token was revoked.\""""
        return tuple(f"{trouble.source}: {trouble.sentence}" for trouble in self.listing())
