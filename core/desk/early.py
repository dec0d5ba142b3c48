"""What an agent did to a message of hers before we heard of the message: vendors deliver in any order."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from core.contracts.content import Content
from core.contracts.places import PostRef
from core.contracts.text import from_json, to_json
from core.conversations import inbox, threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message as it is to be taken, now that it is here."""

    content: Content
    #: Its author chose "Make a note" on it.
    kept: bool


def revised(connection: Connection, post: PostRef, content: Content | None, now: datetime) -> None:
    """When its event comes, what was deleted does not leave, and of what was edited the newest words do."""
    if content is None:
        inbox.first_gesture(connection, post.workspace, _key(post), now)
    elif awaits(connection, post):
        raw = json.dumps(to_json(content.body)).encode()
        inbox.keep_early_gesture(connection, post.workspace, _key(post), "edit", raw, now)


def kept(connection: Connection, post: PostRef, now: datetime) -> None:
    """When its event comes, it stays among agents."""
    inbox.keep_early_gesture(connection, post.workspace, _key(post), "keep", b"", now)


def awaits(connection: Connection, post: PostRef) -> bool:
    """Whether the message of that post may still come."""
    inbox.take_turns(connection, f"workspace:{post.workspace}", _key(post))
    shown = threads.link_at(connection, post.workspace, post.room, post.thread) is not None
    return shown and not inbox.is_gesture_known(connection, post.workspace, _key(post))


def arrives(connection: Connection, post: PostRef, content: Content, now: datetime) -> Arrived | None:
    """The message of that post is here; None: it was before, or its author has deleted it."""
    inbox.take_turns(connection, f"workspace:{post.workspace}", _key(post))
    if not inbox.first_gesture(connection, post.workspace, _key(post), now):
        return None
    early = inbox.take_early_gestures(connection, post.workspace, _key(post))
    if "edit" in early:
        content = replace(content, body=from_json(json.loads(early["edit"])))
    return Arrived(content=content, kept="keep" in early)


def _key(post: PostRef) -> str:
    return f"{post.room}:{post.post}"
