"""What a connector is told, as models for the description, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter

from bridges.api.tree import Block, Model, without_mentions
from core.contracts.bridge import OutboundMessage, Recipient
from core.contracts.content import Attachment, MediaKind
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.text import offer_to_json, to_json

Json = dict[str, Any]
Link = Callable[[Attachment], str]


class To(Model):
    """The customer, and what her last event said of her."""

    external_id: str
    name: str
    metadata: dict[str, JsonValue]


class DeliveredFile(Model):
    """A file; `url` is signed and ends, so fetch it before answering."""

    kind: MediaKind
    name: str
    mime: str
    size: int
    url: str
    alt: str = ""


class OfferedChoice(Model):
    """A button; a press comes back as a `choice` with this `value`."""

    value: str
    label: str
    description: str = ""


class CardLink(Model):
    """A link under a card."""

    label: str
    url: str


class Card(Model):
    """A picture with words, links and choices."""

    title: str
    text: str = ""
    picture_url: str = ""
    links: tuple[CardLink, ...] = ()
    choices: tuple[OfferedChoice, ...] = ()


class FormLine(Model):
    """One line of a form."""

    label: str
    hint: str = ""


class Delivery(Model):
    """Base: `account` is the name of the account here."""

    account: str


class Words(Delivery):
    """Base of what has words: the same twice, bare in `text` and formatted in `body`."""

    to: To
    text: str
    body: tuple[Block, ...]
    attachments: tuple[DeliveredFile, ...] = ()
    choices: tuple[OfferedChoice, ...] = ()
    cards: tuple[Card, ...] = ()
    form: tuple[FormLine, ...] = ()


class SendMessage(Words):
    """Send it to her. The same `webhook-id` again is the same message: answer 409, or as the first time."""

    type: Literal["message"]
    quote: str | None
    """The message it answers, by your id, and its text."""
    quote_text: str
    history: tuple[str, ...]
    """Ids of the conversation's messages, oldest first."""
    token: str
    """Stands for the conversation: an answer that carries it as `token` belongs to it."""
    subject: str
    agent_name: str
    agent_avatar_url: str
    automated: bool
    """Not written by a person."""


class EditMessage(Words):
    """Change the words of what was sent."""

    type: Literal["edit"]
    external_id: str


class DeleteMessage(Delivery):
    """Take back what was sent."""

    type: Literal["delete"]
    external_id: str
    to: To


class React(Delivery):
    """Put an emoji on a message of either side; null takes it away."""

    type: Literal["reaction"]
    external_id: str
    to: To
    emoji: str | None


class ShowTyping(Delivery):
    """An agent is typing; what is late is worth nothing."""

    type: Literal["typing"]
    to: To


class Ping(Delivery):
    """Somebody asks whether you are there; answer with your `name`, if you like."""

    type: Literal["ping"]


Outgoing = Annotated[SendMessage | EditMessage | DeleteMessage | React | ShowTyping | Ping, Field(discriminator="type")]
OUTGOING: TypeAdapter[Outgoing] = TypeAdapter(Outgoing)


class Answer(Model):
    """What a connector may answer with, beside a status of 200 to 299."""

    id: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] | None = None
    """Your id of the message, if it has one: edits, reactions and your own `status` events name it."""
    name: Annotated[str, Field(max_length=200)] | None = None
    """Who you are, in answer to a ping."""


class Refusal(Model):
    """RFC 9457 with `reason`: why it can never be delivered; `detail` is shown to the agent."""

    detail: str
    title: str = ""
    reason: FailureReason | None = None


def to(recipient: Recipient) -> Json:
    return {"external_id": recipient.external_id, "name": recipient.name, "metadata": dict(recipient.metadata)}


def words(message: OutboundMessage, link: Link) -> Json:
    """The fields of `Words`."""
    return {
        "to": to(message.recipient),
        "text": message.text,
        "body": without_mentions(to_json(message.content.body)),
        "attachments": [_file(one, link) for one in message.content.attachments],
        **offer_to_json(message.content),
    }


def sends(message: OutboundMessage, link: Link) -> Json:
    """A `SendMessage` but for its account."""
    return {
        "type": "message",
        **words(message, link),
        "quote": message.quote,
        "quote_text": message.quote_text,
        "history": list(message.history),
        "token": message.token,
        "subject": message.subject,
        "agent_name": message.agent_name,
        "agent_avatar_url": message.agent_avatar_url,
        "automated": message.automated,
    }


def _file(attachment: Attachment, link: Link) -> Mapping[str, Any]:
    if attachment.file is None:
        raise PermanentFailure(
            f"{attachment.name} is not here: {attachment.problem or 'it was not fetched yet'}",
            reason=FailureReason.BAD_CONTENT,
        )
    return {
        "kind": attachment.kind.value,
        "name": attachment.name,
        "mime": attachment.file.mime,
        "size": attachment.file.size,
        "url": link(attachment),
        "alt": attachment.alt,
    }
