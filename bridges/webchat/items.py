"""The raw items that this channel hands to the core, and the events in them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from bridges.webchat.identity import Visitor
from bridges.webchat.protocol import About, Chosen, Delete, Delivered, Edit, React, Read, Send, TypingNow, clean
from core.contracts import bridge
from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.richtext import Document
from core.contracts.text import from_plain, normalise


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UploadedFile(_Model):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field(max_length=200)
    mime: str
    size: int


class Item(_Model):
    """One gesture of one visitor, complete in itself so that it can be done again later."""

    v: Literal[1] = 1
    at: AwareDatetime
    visitor: Visitor
    about: About = About()
    #: What she did; uploads of a `send` are already in `files`.
    frame: Annotated[Send | Edit | Delete | React | Read | Delivered | TypingNow, Field(discriminator="type")]
    files: tuple[UploadedFile, ...] = ()

    def raw(self) -> bytes:
        return self.model_dump_json(exclude_defaults=True).encode()


_ITEM: TypeAdapter[Item] = TypeAdapter(Item)


def read_item(raw: bytes) -> Item:
    """Raises ValueError."""
    try:
        return _ITEM.validate_python(clean(json.loads(raw)))
    except RecursionError as error:
        raise ValueError("The item is nested too deeply.") from error


def external_id(visitor_id: str, ref: str) -> bridge.ExternalId:
    """The id of a message of this visitor's own conversation: she cannot name another's."""
    return bridge.ExternalId(f"{visitor_id}/{ref}")


def reference(visitor_id: str, external: str) -> str | None:
    """What `external_id` was made from, if it was made for this visitor."""
    prefix = f"{visitor_id}/"
    return external.removeprefix(prefix) if external.startswith(prefix) else None


def to_events(item: Item, files: bridge.Files) -> list[bridge.Event]:
    visitor, frame, at = item.visitor.external_id, item.frame, item.at
    match frame:
        case Send(choice=Chosen() as choice):
            made = bridge.ChoiceMade(
                event_id=f"{visitor}/{frame.client_id}",
                at=at,
                sender=to_sender(item),
                external_id=external_id(visitor, choice.id),
                value=choice.value,
                label=choice.label,
            )
            return [made]
        case Send():
            content = Content(
                body=to_body(frame.text), attachments=tuple(to_attachment(file, files) for file in item.files)
            )
            received = bridge.MessageReceived(
                event_id=f"{visitor}/{frame.client_id}",
                at=at,
                sender=to_sender(item),
                external_id=external_id(visitor, f"c/{frame.client_id}"),
                content=content,
                quote=external_id(visitor, frame.reply_to) if frame.reply_to else None,
            )
            return [received]
        case Edit():
            edited = bridge.MessageEdited(
                event_id=f"{visitor}/{frame.client_id}",
                at=at,
                external_id=external_id(visitor, frame.id),
                content=Content(body=to_body(frame.text)),
            )
            return [edited]
        case Delete():
            gone = external_id(visitor, frame.id)
            return [bridge.MessageDeleted(event_id=f"{visitor}/{frame.client_id}", at=at, external_id=gone)]
        case React():
            target = external_id(visitor, frame.id)
            reacted = bridge.ReactionChanged(
                event_id=f"{visitor}/{frame.client_id}", at=at, external_id=target, emoji=frame.emoji
            )
            return [reacted]
        case Read():
            target = external_id(visitor, frame.id)
            return [
                bridge.ReadUpTo(event_id=f"{visitor}/read/{frame.id}", at=at, sender_id=visitor, external_id=target)
            ]
        case Delivered():
            return [
                bridge.StatusChanged(
                    event_id=f"{visitor}/delivered/{ref}",
                    at=at,
                    external_id=external_id(visitor, ref),
                    status=bridge.DeliveryStatus.DELIVERED,
                )
                for ref in frame.ids
            ]
        case TypingNow():
            return [bridge.Typing(event_id=f"{visitor}/typing/{at.isoformat()}", at=at, sender_id=visitor)]


def to_body(text: str) -> Document:
    return from_plain(normalise(text))


def to_attachment(file: UploadedFile, files: bridge.Files) -> Attachment:
    stored = files.find(file.sha256)
    if stored is None:
        problem = f"The file {file.name} is no longer stored."
        return Attachment(kind=MediaKind.FILE, name=file.name, mime=file.mime, size=file.size, problem=problem)
    return Attachment(kind=files.kind(stored), name=file.name, mime=stored.mime, size=stored.size, file=stored)


def to_sender(item: Item) -> bridge.Sender:
    visitor, about = item.visitor, item.about
    proof = bridge.Proof.ANONYMOUS
    if visitor.verified:
        proof = bridge.Proof.VERIFIED
    elif about.email or about.name:
        proof = bridge.Proof.CLAIMED
    return bridge.Sender(
        external_id=visitor.external_id,
        name=visitor.name or about.name,
        proof=proof,
        # An address that nobody vouches for is a fact to show, never one to link by.
        email=visitor.email if visitor.verified and visitor.email_verified else "",
        email_proven=visitor.verified and visitor.email_verified and bool(visitor.email),
        user=f"{visitor.signer}:{visitor.external_id}" if visitor.verified and visitor.signer else "",
        claims=_claims(visitor, about),
        language=about.language,
        timezone=about.timezone,
        facts=_facts(visitor, about),
    )


def _claims(visitor: Visitor, about: About) -> tuple[str, ...]:
    """A mail address that nobody vouches for: the visitor typed it, or the website knows it without being sure."""
    if visitor.verified and visitor.email_verified:
        return ()
    email = (visitor.email if visitor.verified else about.email).strip().lower()
    return (f"mailto:{email}",) if email else ()


def _facts(visitor: Visitor, about: About) -> dict[str, str]:
    facts: dict[str, Any] = {
        "Page": _page(about),
        "Came from": _web_address(about.referrer),
        "Device": about.device,
        "Before signing in": visitor.before,
    }
    return {label: value for label, value in facts.items() if value}


def _page(about: About) -> str:
    address = _web_address(about.url)
    return f"{about.title} ({address})" if about.title and address else about.title or address


def _web_address(url: str) -> str:
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""
