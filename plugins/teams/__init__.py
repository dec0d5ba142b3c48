"""Microsoft Teams as a workplace: threads, cards, dialogs, message extensions, private words and files."""

from __future__ import annotations

from datetime import timedelta

from core.contracts.content import Rate
from core.contracts.workplace import WorkplaceCapabilities, WorkplaceSpec
from plugins.teams.manifest import manifest
from plugins.teams.settings import TeamsSettings
from plugins.teams.workplace import TeamsWorkplace

WORKPLACE: WorkplaceSpec[TeamsSettings] = WorkplaceSpec(
    name="teams",
    title="Microsoft Teams",
    settings=TeamsSettings,
    capabilities=WorkplaceCapabilities(
        # Of any script, runs and escapes included, this fits into the 80 KB of an activity.
        max_text=3_000,
        # https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit: for one app in one channel
        # 7 in a second, 8 in two, 60 in thirty.
        room_rate=Rate(gap=timedelta(milliseconds=520), burst=3),
        # 50 a second of one app in one tenant.
        workspace_rate=Rate(gap=timedelta(milliseconds=20), burst=20),
        # A link takes any size; this is what the store keeps.
        max_file=1024**3,
        opening_holds_message=False,
        echoes=False,
    ),
    build=TeamsWorkplace,
    manifest=manifest,
)

__all__ = ["WORKPLACE"]
