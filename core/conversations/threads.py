"""Thread links and post links: which conversation and message stands where in a workplace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    bindparam,
    func,
    insert,
    select,
    update,
)

from core.contracts.places import PostRef, RoomRef, ThreadRef
from core.storage.base import Id, Moment, metadata
from core.storage.storage import insert as upsert

thread_links = Table(
    "thread_links",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False, index=True),
    Column("workspace", String(64), nullable=False),
    Column("room", String(128), nullable=False),
    # Part of the keys of its lanes: the room as it was called when the link was made, so it never changes.
    Column("place", String(256), nullable=False),
    # Null until the opening post stands.
    Column("thread", String(128)),
    # The message shown in the opening post.
    Column("first_message_id", Id),
    Column("card_hash", String(64), nullable=False),
    # Counts card redraws; part of their jobs' keys.
    Column("card_version", Integer, nullable=False),
    # Where people find it, "" until it was asked for: asked only where a conversation has several threads.
    Column("url", String(2000), nullable=False, server_default=""),
    # The agent who had it shown here too; "" where a rule put it.
    Column("added_by", String(200), nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
    Index("thread_links_thread", "workspace", "room", "thread", unique=True),
)

post_links = Table(
    "post_links",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("room", String(128), primary_key=True),
    Column("post", String(128), primary_key=True),
    Column("thread_link_id", Id, ForeignKey("thread_links.id"), nullable=False),
    # Several where quick messages were drawn as one post.
    Column("message_id", Id, ForeignKey("messages.id"), primary_key=True, index=True),
    # Which part of a message that needed several posts; -1 - n: its n-th file.
    Column("part", Integer, primary_key=True),
    # False: a person wrote it, so only she can change it.
    Column("ours", Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLink:
    """A place where a conversation is shown; `thread` is None until the opening post stands."""

    id: UUID
    conversation_id: UUID
    workspace: str
    room: str
    place: str
    thread: str | None
    first_message_id: UUID | None
    card_hash: str
    card_version: int
    url: str = ""
    added_by: str = ""

    @property
    def room_ref(self) -> RoomRef:
        return RoomRef(workspace=self.workspace, room=self.room)

    @property
    def ref(self) -> ThreadRef:
        assert self.thread is not None
        return ThreadRef(workspace=self.workspace, room=self.room, thread=self.thread)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostLink:
    thread_link_id: UUID
    message_id: UUID
    part: int
    ref: PostRef
    ours: bool


def _to_link(row: Row[Any]) -> ThreadLink:
    return ThreadLink(**{name: getattr(row, name) for name in ThreadLink.__slots__})


def add_link(connection: Connection, link: ThreadLink, now: Any) -> None:
    values = {name: getattr(link, name) for name in ThreadLink.__slots__}
    connection.execute(insert(thread_links), [{**values, "created_at": now}])


def change_link(connection: Connection, link_id: UUID, **values: Any) -> None:
    connection.execute(update(thread_links).where(thread_links.c.id == link_id).values(**values))


# Composed once: these run for every message, and composing costs more than running.
_LINK = select(thread_links).where(thread_links.c.id == bindparam("id"))
_LINKS_OF = (
    select(thread_links).where(thread_links.c.conversation_id == bindparam("conversation")).order_by(thread_links.c.id)
)


def link(connection: Connection, link_id: UUID) -> ThreadLink:
    return _to_link(connection.execute(_LINK, {"id": link_id}).one())


def opened(connection: Connection, link_id: UUID, ref: PostRef, message_id: UUID, card_hash: str = "") -> None:
    """The opening post stands, with that message in it."""
    change_link(connection, link_id, room=ref.room, thread=ref.thread, first_message_id=message_id, card_hash=card_hash)


def find_link(connection: Connection, link_id: UUID) -> ThreadLink | None:
    row = connection.execute(select(thread_links).where(thread_links.c.id == link_id)).first()
    return _to_link(row) if row else None


def link_at(connection: Connection, workspace: str, room: str, thread: str) -> ThreadLink | None:
    row = connection.execute(
        select(thread_links).where(
            thread_links.c.workspace == workspace, thread_links.c.room == room, thread_links.c.thread == thread
        )
    ).first()
    return _to_link(row) if row else None


def links_of(connection: Connection, conversation_id: UUID) -> list[ThreadLink]:
    return [_to_link(row) for row in connection.execute(_LINKS_OF, {"conversation": conversation_id})]


def unopened_in(connection: Connection, workspace: str, limit: int = 50) -> list[ThreadLink]:
    """Links to threads whose opening post is not known to stand; the latest first."""
    query = select(thread_links).where(thread_links.c.workspace == workspace)
    query = query.where(thread_links.c.thread.is_(None)).order_by(thread_links.c.id.desc()).limit(limit)
    return [_to_link(row) for row in connection.execute(query)]


def places_in(connection: Connection, workspace: str, room: str) -> list[str]:
    """What the places of the room's links begin with; several where it was renamed or got a new id."""
    # A place ends in the link's id, a UUID of 36 characters.
    beginning = func.substr(thread_links.c.place, 1, func.length(thread_links.c.place) - 36)
    query = select(beginning).where(thread_links.c.workspace == workspace, thread_links.c.room == room)
    return list(connection.execute(query.distinct()).scalars())


def move_room(connection: Connection, workspace: str, old: str, new: str) -> None:
    """The vendor gave a room a new id; every link follows."""
    for table in (thread_links, post_links):
        connection.execute(update(table).where(table.c.workspace == workspace, table.c.room == old).values(room=new))
    connection.execute(
        update(thread_links).where(thread_links.c.workspace == workspace, thread_links.c.room == new).values(url="")
    )


def add_post(
    connection: Connection, ref: PostRef, link_id: UUID, message_id: UUID, part: int, *, ours: bool = True
) -> bool:
    """False: that post is linked already."""
    result = connection.execute(
        upsert(connection, post_links)
        .values(
            workspace=ref.workspace,
            room=ref.room,
            post=ref.post,
            thread_link_id=link_id,
            message_id=message_id,
            part=part,
            ours=ours,
        )
        .on_conflict_do_nothing()
    )
    return result.rowcount > 0


def _to_post(row: Row[Any]) -> PostLink:
    return PostLink(
        thread_link_id=row.thread_link_id,
        message_id=row.message_id,
        part=row.part,
        ours=row.ours,
        ref=PostRef(workspace=row.workspace, room=row.room, thread=row.thread or row.post, post=row.post),
    )


_posts = select(post_links, thread_links.c.thread).join(thread_links, thread_links.c.id == post_links.c.thread_link_id)

_POSTS_IN = _posts.where(
    post_links.c.thread_link_id == bindparam("link"), post_links.c.message_id == bindparam("message")
).order_by(post_links.c.part)


def post_at(connection: Connection, ref: PostRef) -> PostLink | None:
    row = connection.execute(
        _posts.where(
            and_(post_links.c.workspace == ref.workspace, post_links.c.room == ref.room, post_links.c.post == ref.post)
        )
    ).first()
    return _to_post(row) if row else None


def sharing(connection: Connection, ref: PostRef) -> list[PostLink]:
    """Every message part that stands in one post, in order."""
    rows = connection.execute(
        _posts.where(
            post_links.c.workspace == ref.workspace, post_links.c.room == ref.room, post_links.c.post == ref.post
        ).order_by(post_links.c.message_id, post_links.c.part)
    )
    return [_to_post(row) for row in rows]


def posts_in(connection: Connection, link_id: UUID, message_id: UUID) -> list[PostLink]:
    """Where a message is shown in one thread, part by part."""
    rows = connection.execute(_POSTS_IN, {"link": link_id, "message": message_id})
    return [_to_post(row) for row in rows]


def posts_of(connection: Connection, message_id: UUID) -> list[PostLink]:
    """Where a message is shown, part by part."""
    rows = connection.execute(_posts.where(post_links.c.message_id == message_id).order_by(post_links.c.part))
    return [_to_post(row) for row in rows]
