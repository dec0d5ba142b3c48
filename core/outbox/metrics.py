"""What the outbox says about itself to Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from core.outbox.jobs import Stats

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class OutboxMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.sends = Histogram(
            "threadbridge_outbox_send_seconds",
            "Time of one try, by op and by how it ended",
            ["op", "result"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.wake_up = Histogram(
            "threadbridge_outbox_wake_up_seconds",
            "From the moment a lane is due until a worker has it",
            buckets=(0.001, 0.0025, *_SECONDS, 30, 60),
            registry=registry,
        )
        self.lost = Counter(
            "threadbridge_outbox_leases_lost_total", "Lanes that were taken from this worker", registry=registry
        )
        self.waits = Counter(
            "threadbridge_outbox_waits_total",
            "Lanes that were due and had to wait for a rate or a time",
            registry=registry,
        )
        self.merged = Counter(
            "threadbridge_outbox_merged_total", "Jobs that went out in another job's call", registry=registry
        )
        self._lanes = Gauge("threadbridge_outbox_lanes", "Lanes with work, by state", ["state"], registry=registry)
        self._jobs = Gauge("threadbridge_outbox_jobs", "Jobs, by state", ["state"], registry=registry)
        self._lag = Gauge(
            "threadbridge_outbox_lag_seconds", "How long the longest waiting lane is overdue", registry=registry
        )

    def show(self, stats: Stats) -> None:
        for state, number in (("ready", stats.ready), ("leased", stats.leased), ("paused", stats.paused)):
            self._lanes.labels(state).set(number)
        for state, number in (("queued", stats.queued), ("dead", stats.dead), ("in_doubt", stats.in_doubt)):
            self._jobs.labels(state).set(number)
        self._lag.set(stats.lag.total_seconds())
