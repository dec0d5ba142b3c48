"""Reads from an activity where it belongs: room, thread, post, lane and rank."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.contracts.places import PostRef, ThreadRef

Json = Mapping[str, Any]

_ROOT = ";messageid="
#: Microseconds by which what happens to a message is later than the message.
AFTER = {"messageUpdate": 1, "messageReaction": 1, "messageDelete": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an activity stands among the others: they are handled by rank within a lane."""

    event_id: str
    lane: str
    rank: int


def is_personal(activity: Json) -> bool:
    """It comes from an agent's own chat with the app."""
    return (activity.get("conversation") or {}).get("conversationType") == "personal"


def room_of(activity: Json) -> str:
    """The channel, or "" where there is none."""
    channel = (activity.get("channelData") or {}).get("channel") or {}
    conversation = str((activity.get("conversation") or {}).get("id") or "")
    return str(channel.get("id") or conversation.partition(_ROOT)[0])


def root_of(activity: Json) -> str:
    """The thread's root: what stands behind `;messageid=`, else the activity itself. `replyToId` never decides."""
    conversation = str((activity.get("conversation") or {}).get("id") or "")
    return conversation.partition(_ROOT)[2] or str(activity.get("id") or "")


def thread_of(workspace: str, activity: Json) -> ThreadRef:
    return ThreadRef(workspace=workspace, room=room_of(activity), thread=root_of(activity))


def post_of(workspace: str, activity: Json, post: str = "") -> PostRef:
    """The post that an activity is, or the one that it speaks of."""
    return PostRef(
        workspace=workspace,
        room=room_of(activity),
        thread=root_of(activity),
        post=post or str(activity.get("id") or ""),
    )


def moment_of(activity: Json) -> datetime:
    """When it happened, by Microsoft's clock. Raises ValueError if it does not say so."""
    stamp = datetime.fromisoformat(str(activity.get("timestamp") or ""))
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def place_of(activity: Json) -> Place:
    """An edit has the id of its message, so the time and what happened tell deliveries apart. Raises ValueError."""
    conversation = str((activity.get("conversation") or {}).get("id") or "")
    happened = {
        name: activity.get(name)
        for name in ("type", "action", "name", "reactionsAdded", "reactionsRemoved", "membersAdded", "membersRemoved")
    }
    kind = (activity.get("channelData") or {}).get("eventType")
    marks = [conversation, activity.get("id"), activity.get("timestamp"), kind, happened, activity.get("text")]
    digest = hashlib.sha256(json.dumps(marks, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
    spoken = str(activity.get("type") or "").startswith("message")
    lane = f"{room_of(activity)}:{root_of(activity)}" if spoken and not is_personal(activity) else conversation
    # Microsoft's clock knows milliseconds; what happens to a message in its own comes after it.
    rank = int(moment_of(activity).timestamp() * 1_000) * 1_000 + AFTER.get(str(activity.get("type")), 0)
    return Place(event_id=digest, lane=lane, rank=rank)
