"""Events of the wire as the core's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.api import events as wire
from core.contracts import bridge as neutral
from core.contracts.content import Attachment, Content
from core.contracts.text import cut, file_name, from_json, from_plain, line, normalise, safe_url

Files = Callable[[wire.File], Attachment]


def meaning(event: wire.Incoming, files: Files) -> neutral.Event:
    """What it means; `files` finds what was uploaded."""
    when: dict[str, Any] = {"event_id": event.event_id, "at": event.at}
    match event:
        case wire.Message():
            return neutral.MessageReceived(
                **when,
                order=event.order,
                sender=_sender(event.sender),
                external_id=neutral.ExternalId(event.external_id),
                content=_content(event, files),
                quote=neutral.ExternalId(event.quote) if event.quote else None,
                continues=tuple(map(neutral.ExternalId, event.continues)),
                token=event.token,
                subject=line(event.subject, limit=200),
                automated=event.automated,
            )
        case wire.MessageEdited():
            external_id = neutral.ExternalId(event.external_id)
            return neutral.MessageEdited(**when, external_id=external_id, content=_content(event, files))
        case wire.MessageDeleted():
            return neutral.MessageDeleted(**when, external_id=neutral.ExternalId(event.external_id))
        case wire.Reaction():
            emoji = None if event.emoji is None else line(event.emoji, limit=40)
            return neutral.ReactionChanged(**when, external_id=neutral.ExternalId(event.external_id), emoji=emoji)
        case wire.ChoiceMade():
            return neutral.ChoiceMade(
                **when,
                sender=_sender(event.sender),
                external_id=neutral.ExternalId(event.external_id),
                value=event.value,
                label=line(event.label, limit=200) or event.value,
                answer_id=neutral.ExternalId(event.answer_id) if event.answer_id else None,
            )
        case wire.Status():
            return neutral.StatusChanged(
                **when,
                external_id=neutral.ExternalId(event.external_id),
                status=neutral.DeliveryStatus(event.status),
                problem=cut(line(event.problem, limit=500), 500),
                reason=event.reason,
            )
        case wire.Read():
            external_id = neutral.ExternalId(event.external_id)
            return neutral.ReadUpTo(**when, sender_id=event.sender_id, external_id=external_id)
        case wire.TypingNow():
            return neutral.Typing(**when, sender_id=event.sender_id)
        case wire.Reachability():
            return neutral.ReachabilityChanged(
                **when,
                sender_id=event.sender_id,
                reachable=event.reachable,
                sentence=line(event.sentence, limit=300) or "The customer's reachability changed.",
                kind=event.kind,
            )
        case wire.Window():
            return neutral.WindowChanged(**when, sender_id=event.sender_id, until=event.until)
        case wire.AddressChanged():
            return neutral.AddressChanged(**when, before=event.before, after=event.after, renumbered=event.renumbered)


def _content(event: wire.Utterance, files: Files) -> Content:
    body = from_json(event.tree) if event.body else from_plain(normalise(event.text))
    return Content(body=body, attachments=tuple(files(one) for one in event.attachments))


def _sender(sender: wire.Sender) -> neutral.Sender:
    return neutral.Sender(
        external_id=sender.external_id,
        name=line(sender.name, limit=200),
        proof=sender.proof,
        username=line(sender.username, limit=200),
        email=line(sender.email, limit=254),
        phone=line(sender.phone, limit=40),
        avatar_url=safe_url(sender.avatar_url) or "",
        language=line(sender.language, limit=35),
        timezone=line(sender.timezone, limit=64),
        facts={
            shown: line(value, limit=200) for name, value in sender.facts.items() if (shown := line(name, limit=50))
        },
        metadata=sender.metadata,
        aliases=sender.aliases,
        user=line(sender.user, limit=200),
        email_proven=sender.email_proven,
        suggests=sender.suggests,
        claims=sender.claims,
    )


def linked_file(file: wire.File) -> Attachment:
    """A file that is fetched later."""
    alt = line(file.alt, limit=1_000)
    return Attachment(kind=file.kind, name=file_name(file.name), mime=file.mime, source=file.url, alt=alt)
