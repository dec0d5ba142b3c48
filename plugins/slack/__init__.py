"""Slack as a workplace: threads, cards, App Home, buttons, shortcuts and files."""

from __future__ import annotations

from datetime import timedelta

from core.contracts.content import Rate
from core.contracts.gestures import Gesture
from core.contracts.workplace import WorkplaceCapabilities, WorkplaceSpec
from plugins.slack.manifest import manifest
from plugins.slack.settings import SlackSettings
from plugins.slack.workplace import SlackWorkplace

WORKPLACE: WorkplaceSpec[SlackSettings] = WorkplaceSpec(
    name="slack",
    title="Slack",
    settings=SlackSettings,
    capabilities=WorkplaceCapabilities(
        # A section takes 3,000 characters and chat.update 4,000 of fallback text.
        max_text=3_000,
        # https://docs.slack.dev/apis/web-api/rate-limits: one message per second and channel, short bursts allowed.
        room_rate=Rate(gap=timedelta(seconds=1), burst=3),
        # "Several hundred messages per minute" for the whole workspace.
        workspace_rate=Rate(gap=timedelta(milliseconds=200), burst=20),
        max_file=1024**3,
    ),
    build=SlackWorkplace,
    lacks={
        Gesture.RESTORE: "Slack has no undo for a deleted message; write it again.",
        Gesture.INSERT_CANNED: (
            "Slack lets no app search in the message field; the Reply button's form offers the canned replies."
        ),
        Gesture.INSERT_CONVERSATION: (
            "Slack lets no app search in the message field; the card links the customer's earlier conversations, "
            "and Copy link in a thread's menu gives the address of any other."
        ),
    },
    manifest=manifest,
)

__all__ = ["WORKPLACE"]
