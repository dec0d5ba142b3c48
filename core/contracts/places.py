"""Where things stand in a workplace: rooms, threads, posts; every id is the vendor's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRef:
    """A Slack or Teams channel; `room` is the vendor's id."""

    workspace: str
    room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRef:
    """Where one conversation is shown; `thread` is the vendor's id of its opening post."""

    workspace: str
    room: str
    thread: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRef:
    """One item shown in a thread; `post` is the vendor's id of it."""

    workspace: str
    room: str
    thread: str
    post: str
