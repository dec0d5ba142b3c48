"""What the web server and intake count for Prometheus; each process has one registry, handed around."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters of what comes in. `source` is an account's or a workspace's name, never a customer's."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.accepted = Counter(
            "threadbridge_accepted", "Events stored, by account", ["source"], registry=self.registry
        )
        self.duplicates = Counter(
            "threadbridge_duplicate", "Events that were known already", ["source"], registry=self.registry
        )
        self.rejected = Counter(
            "threadbridge_rejected",
            "Requests refused: unsigned, stale, malformed, too large or too slow",
            ["source", "reason"],
            registry=self.registry,
        )
        self.quarantined = Counter(
            "threadbridge_quarantined", "Events that could not be processed", ["source"], registry=self.registry
        )
        self.quarantine_open = Gauge(
            "threadbridge_quarantine_open", "Events that wait for somebody to repair or drop", registry=self.registry
        )
        self.webhook_seconds = Histogram(
            "threadbridge_webhook_seconds",
            "Time from the first byte of a vendor's request to our answer",
            ["source", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.troubles = Gauge(
            "threadbridge_trouble",
            "1 while that account or workspace does not work",
            ["source"],
            registry=self.registry,
        )

    def counted(self, source: str, what: str) -> None:
        """Counts one event as "accepted", "duplicate" or "quarantined"."""
        {"accepted": self.accepted, "duplicate": self.duplicates, "quarantined": self.quarantined}[what].labels(
            source
        ).inc()

    def reject(self, source: str, reason: str) -> None:
        self.rejected.labels(source, reason).inc()
