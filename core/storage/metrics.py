"""What the store says about itself to Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_UNITS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class StorageMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.commit_seconds = Histogram(
            "threadbridge_storage_commit_seconds",
            "Time of one write transaction, commit included",
            buckets=_SECONDS,
            registry=registry,
        )
        self.commit_units = Histogram(
            "threadbridge_storage_commit_units",
            "Units of work that shared one write transaction",
            buckets=_UNITS,
            registry=registry,
        )
        self.waiting = Gauge(
            "threadbridge_storage_waiting", "Units of work given and not yet committed", registry=registry
        )
        self.failures = Counter(
            "threadbridge_storage_failures_total",
            "Write transactions that did not go through as they were, by kind",
            ["kind"],
            registry=registry,
        )
