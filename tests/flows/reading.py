"""Reads the sandbox's Slack as a person would: which threads there are, and what stands in them."""

from __future__ import annotations

from typing import Any

from sandbox.play.agents import words
from sandbox.stage import Stage


def threads(stage: Stage, room: str | None = None) -> list[dict[str, Any]]:
    """The opening posts of ours, oldest first."""
    ours = [message for message in stage.slack.messages(room or stage.support) if message.get("bot_id")]
    return [message for message in ours if message.get("thread_ts", message["ts"]) == message["ts"]]


def thread(stage: Stage, opening: dict[str, Any], room: str | None = None) -> list[dict[str, Any]]:
    return stage.slack.thread(room or stage.support, opening["ts"])


def said(stage: Stage, opening: dict[str, Any], room: str | None = None) -> list[str]:
    """The words of every post of a thread, in order."""
    return [words(post) for post in thread(stage, opening, room)]


def find(stage: Stage, opening: dict[str, Any], text: str) -> dict[str, Any] | None:
    return next((post for post in thread(stage, opening) if text in words(post)), None)
