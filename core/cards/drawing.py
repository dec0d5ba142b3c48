"""Draws stored messages as posts: whose words, which part, what it answers, what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from core.cards import words
from core.cards.card import ChannelInfo
from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.bridge import Files
from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.posts import Action, Author, Post, QuotePreview, Tone
from core.contracts.text import from_json, from_plain, offer_from_json, plain, preview
from core.contracts.workplace import WorkplaceCapabilities
from core.conversations import repository, threads
from core.conversations.cutting import file_part, post_parts, shown, thread_body
from core.conversations.models import Direction, Message, StoredAttachment
from core.conversations.presenting import choices_of
from core.conversations.threads import ThreadLink


class Drawer:
    """Reads what a post shows."""

    def __init__(
        self,
        files: Files,
        channels: Mapping[str, ChannelInfo],
        workspaces: Mapping[str, WorkplaceCapabilities],
        titles: Mapping[str, str],
    ) -> None:
        self._files = files
        self._channels = channels
        self._workspaces = workspaces
        #: What the workplace of each workspace is called.
        self._titles = titles

    def draw(self, connection: Connection, link: ThreadLink, message: Message, part: int, key: str) -> Post | None:
        """One part of a message; None: it has no such part any more."""
        content = self._content(connection, link, message, part)
        if content is None:
            return None
        return Post(
            key=key,
            tone=_TONES[message.direction],
            author=self._author(connection, link, message),
            content=content,
            quote=self._quote(connection, link, message) if part == 0 else None,
            actions=self._actions(connection, link, message, part),
            edited=message.edited_at is not None,
            deleted=message.deleted_at is not None,
            reactions=tuple(emoji for who, emoji in message.reactions.items() if who == "customer" and part == 0),
        )

    def together(self, posts: Sequence[Post]) -> Post:
        """Several posts of one author as one."""
        head, *rest = posts
        return replace(head, more=tuple(post.content for post in rest))

    def _content(self, connection: Connection, link: ThreadLink, message: Message, part: int) -> Content | None:
        attachments = repository.attachments_of(connection, message.id)
        if part < 0:
            if message.deleted_at is not None:
                return Content()
            found = next((a for a in attachments if file_part(a.position) == part), None)
            return Content(attachments=(self.attachment(found),)) if found else None
        parts = post_parts(thread_body(message), self._workspaces[link.workspace])
        if part >= len(parts):
            return None
        text = parts[part]
        offered = choices_of(offer_from_json(message.offer)) if message.offer and part == len(parts) - 1 else ()
        if not text and attachments:
            names = ", ".join(attachment.name for attachment in attachments[:5])
            text = from_plain(f"📎 {names}")
        return Content(body=text, choices=offered)

    def attachment(self, stored: StoredAttachment) -> Attachment:
        """An attachment as adapters see it: with its file, or with the reason why there is none."""
        file = self._files.find(stored.sha256) if stored.sha256 else None
        problem = stored.problem
        if file is None and not problem:
            problem = "The file could not be fetched in time." if stored.sha256 is None else "The file is gone."
        return Attachment(
            kind=self._files.kind(file) if file else MediaKind(stored.kind),
            name=stored.name,
            mime=file.mime if file else stored.mime,
            size=file.size if file else stored.size,
            file=file,
            problem=problem,
            alt=stored.alt,
        )

    def _author(self, connection: Connection, link: ThreadLink, message: Message) -> Author:
        if message.direction is not Direction.IN:
            home = message.author.partition("/")[0]
            title = self._titles.get(home, "") if home != link.workspace else ""
            name = f"{message.author_name} ({title})" if title else message.author_name
            return Author(name=name, avatar_url=message.author_avatar_url)
        address = contacts.address_by_id(connection, message.address_id)
        contact = contacts.contact(connection, address.contact_id)
        info = self._channels.get(message.account)
        title = info.title if info else message.account
        return Author(name=f"{words.name_of(contact, address)} ({title})", avatar_url=contact.avatar_url)

    def _quote(self, connection: Connection, link: ThreadLink, message: Message) -> QuotePreview | None:
        quoted = repository.find_message(connection, message.quote_id) if message.quote_id else None
        if quoted is None:
            return None
        post = next(iter(threads.posts_in(connection, link.id, quoted.id)), None)
        return QuotePreview(
            author=self._author(connection, link, quoted).name,
            text=preview(from_json(quoted.body), 200) or "📎",
            post=post.ref if post else None,
        )

    def _actions(self, connection: Connection, link: ThreadLink, message: Message, part: int) -> tuple[Action, ...]:
        body = thread_body(message)
        last = len(post_parts(body, self._workspaces[link.workspace])) - 1
        if part != last or message.deleted_at is not None:
            return ()
        whole = max(len(message.full_text.strip()) - 20, len(plain(body).strip()))
        if whole <= len(plain(shown(body)).strip()):
            return ()
        return (Action(id=ActionId.FULL_TEXT, label="Show full message", value=str(message.id), asks=True),)


_TONES = {
    Direction.IN: Tone.CUSTOMER,
    Direction.OUT: Tone.AGENT,
    Direction.NOTE: Tone.NOTE,
    Direction.DRAFT: Tone.NOTE,
}
