"""What follows when our own post comes back to us: the send with its key arrived, whatever became of the answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from core.contracts.places import PostRef
from core.conversations import repository, threads
from core.conversations.dispatch import Dispatcher
from core.outbox.repository import Outbox


def note(
    connection: Connection, dispatcher: Dispatcher, outbox: Outbox, post: PostRef, key: str, now: datetime
) -> None:
    """Links what stands there, and settles its job. An opening that holds no message proves no message's arrival."""
    kind, _, rest = key.partition(":")
    link = None
    if kind in ("post", "open"):
        link_id, message_id, *_ = rest.split(":")
        link = threads.find_link(connection, UUID(link_id))
        if link is None:
            return
        if link.thread is None:
            dispatcher.opened(connection, link.id, post, UUID(message_id), now)
    if kind == "post" and link is not None:
        # Those drawn together stand there, too.
        for shown in (key, *outbox.together(connection, key)):
            _, _, message_id, part = shown.split(":")
            threads.add_post(connection, post, link.id, UUID(message_id), int(part))
            dispatcher.sign_copy(connection, repository.message(connection, UUID(message_id)))
    outbox.settle(connection, key, post.post)
