"""New workplace: one sentence about the tool goes here."""

from __future__ import annotations

from datetime import timedelta

from core.cli.templates.workplace.workplace import NewworkplaceSettings, NewworkplaceWorkplace
from core.contracts.content import Rate
from core.contracts.workplace import WorkplaceCapabilities, WorkplaceSpec

WORKPLACE: WorkplaceSpec[NewworkplaceSettings] = WorkplaceSpec(
    name="newworkplace",
    title="New workplace",
    settings=NewworkplaceSettings,
    # Say only what the vendor promises: the core splits and waits by it.
    capabilities=WorkplaceCapabilities(max_text=4000, room_rate=Rate(gap=timedelta(seconds=1))),
    build=NewworkplaceWorkplace,
)
