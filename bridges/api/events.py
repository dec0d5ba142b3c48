"""What a connector tells us, one model for each kind of event; the same models are the description it reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from bridges.api.tree import Block, Model
from core.contracts.bridge import OptOut, Proof
from core.contracts.content import MediaKind
from core.contracts.errors import FailureReason
from core.contracts.text import from_json, is_blank, plain

#: Events in one call.
MOST_EVENTS = 100
MOST_METADATA = 4_000


def _near(at: datetime) -> datetime:
    if not 2000 <= at.year < 2100:
        raise ValueError("it must lie between the years 2000 and 2100")
    return at.astimezone(UTC)


def _visible(emoji: str) -> str:
    if is_blank(emoji):
        raise ValueError("nothing is seen of it; null takes a reaction away")
    return emoji


def _small(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(value)) > MOST_METADATA:
        raise ValueError(f"it must have at most {MOST_METADATA} characters as JSON; send a key, and keep the rest")
    return value


def _absent(schema: dict[str, Any]) -> None:
    """What stands for "not there" is nothing that may be sent."""
    schema.pop("default", None)


#: An id of the connector's own: printable ASCII without spaces.
Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
Line = Annotated[str, StringConstraints(max_length=200)]
Moment = Annotated[AwareDatetime, AfterValidator(_near)]
#: "tel:" and E.164, or "mailto:" and an address.
Address = Annotated[str, StringConstraints(pattern=r"^(tel:\+[1-9][0-9]{6,14}|mailto:[!-?A-~]{1,64}@[!-?A-~]{1,189})$")]


class Sender(Model):
    """The customer. `external_id` is the key of her address: unique in this account, and hers for ever."""

    external_id: Id
    name: Line = ""
    proof: Proof = Proof.CHANNEL
    """How sure it is that she is who `external_id` says; `verified` needs `verifies` in the account's settings."""
    username: Line = ""
    email: Annotated[str, Field(max_length=254)] = ""
    phone: Annotated[str, Field(max_length=40)] = ""
    avatar_url: Annotated[str, Field(max_length=2_000)] = ""
    """Her picture, by https."""
    language: Annotated[str, Field(max_length=35)] = ""
    """BCP 47, such as "de-AT"."""
    timezone: Annotated[str, Field(max_length=64)] = ""
    """IANA name, such as "Europe/Vienna"."""
    facts: Annotated[dict[Annotated[str, Field(min_length=1, max_length=50)], Line], Field(max_length=20)] = Field(
        default={}
    )
    """Further lines for the agent's card."""
    metadata: Annotated[dict[str, JsonValue], AfterValidator(_small)] = Field(default={})
    """Comes back with every delivery to her."""
    aliases: Annotated[tuple[Id, ...], Field(max_length=10)] = ()
    """Further ids of hers in this account."""
    user: Line = ""
    """Who she is to the business, "<who signs>:<id>": the same on two accounts is one person. Needs `verifies`."""
    email_proven: bool = False
    """`email` is surely hers. Needs `verifies`."""
    suggests: Annotated[tuple[Address, ...], Field(max_length=10)] = ()
    """By what she may be somebody who is known; agents decide."""
    claims: Annotated[tuple[Address, ...], Field(max_length=10)] = ()
    """What she says of herself and nobody vouches for."""


class File(Model):
    """A file: at `url`, on one of the account's `media_hosts`, or the `upload` that `POST …/files` answered with."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["url"]}, {"required": ["upload"]}]})

    name: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,1990}$", json_schema_extra=_absent)] = ""
    upload: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,2000}$", json_schema_extra=_absent)] = ""
    kind: MediaKind = MediaKind.FILE
    mime: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}/[a-zA-Z0-9.+-]{1,100}$")] = "application/octet-stream"
    alt: Annotated[str, Field(max_length=1_000)] = ""
    """What a picture shows, for those who do not see it."""

    @model_validator(mode="after")
    def _one_way(self) -> File:
        if bool(self.url) == bool(self.upload):
            raise ValueError("a file has either `url` or `upload`")
        return self


class EventModel(Model):
    """Base: `event_id` is the same when the same event is sent again, and then it counts once."""

    event_id: Id
    at: Moment


_NOT_BOTH: dict[str, Any] = {"not": {"required": ["text", "body"]}}
_SOMETHING: dict[str, Any] = {
    "anyOf": [
        {"required": ["text"]},
        {"required": ["body"]},
        {"required": ["attachments"], "properties": {"attachments": {"minItems": 1}}},
    ]
}


class Utterance(EventModel):
    """Base of what a customer says: bare `text`, or `body` where it is formatted."""

    text: Annotated[str, Field(min_length=1, max_length=100_000, json_schema_extra=_absent)] = ""
    body: Annotated[tuple[Block, ...], Field(min_length=1, max_length=5_000, json_schema_extra=_absent)] = ()
    attachments: Annotated[tuple[File, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Utterance:
        if self.text and self.body:
            raise ValueError("give `text` or `body`, not both")
        if not self.attachments and is_blank(self.words):
            raise ValueError("there is nothing to see in it; give `text`, `body` or `attachments`")
        return self

    @property
    def tree(self) -> Any:
        return json.loads(self.model_dump_json(include={"body"}))["body"]

    @property
    def words(self) -> str:
        return plain(from_json(self.tree)) if self.body else self.text


class Message(Utterance):
    """She wrote. `external_id` is the message's id, for later edits, reactions and quotes."""

    model_config = ConfigDict(json_schema_extra=_NOT_BOTH | _SOMETHING)

    type: Literal["message"]
    sender: Sender
    external_id: Id
    order: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    """Its number, where an account's events are numbered one by one: late ones are then put in order."""
    quote: Id | None = None
    """The message that she answers, of either side."""
    continues: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    """Earlier messages whose conversation this one belongs to, newest first."""
    token: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{0,24}$")] = ""
    """The `token` of a delivery, come back with her answer: it belongs to that conversation."""
    subject: Line = ""
    automated: bool = False
    """Written by a machine: shown, but it reopens nothing."""


class MessageEdited(Utterance):
    """She changed what she wrote."""

    model_config = ConfigDict(json_schema_extra=_NOT_BOTH | _SOMETHING)

    type: Literal["message_edited"]
    external_id: Id


class MessageDeleted(EventModel):
    """She took back what she wrote."""

    type: Literal["message_deleted"]
    external_id: Id


class Reaction(EventModel):
    """She put an emoji on a message of either side; null takes it away."""

    type: Literal["reaction"]
    external_id: Id
    emoji: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_visible)] | None


class ChoiceMade(EventModel):
    """She pressed one of the `choices` that a message of ours offered."""

    type: Literal["choice"]
    sender: Sender
    external_id: Id | Literal[""] = ""
    """The message that offered it, if that is known."""
    value: Annotated[str, Field(min_length=1, max_length=200)]
    label: Line = ""
    answer_id: Id | None = None
    """The id of her answer, where it is a message of its own."""


class Status(EventModel):
    """How far a message of ours came; `problem` is a sentence for the agent, where it failed."""

    type: Literal["status"]
    external_id: Id
    status: Literal["sent", "delivered", "read", "failed"]
    problem: Annotated[str, Field(max_length=500)] = ""
    reason: FailureReason = FailureReason.UNKNOWN
    """Why it failed; decides what the agent is offered next."""


class Read(EventModel):
    """She has read everything up to this message of ours."""

    type: Literal["read"]
    sender_id: Id
    external_id: Id


class TypingNow(EventModel):
    """She is typing."""

    type: Literal["typing"]
    sender_id: Id


class Reachability(EventModel):
    """She blocked us, opted out, or came back; `sentence` tells the agent."""

    type: Literal["reachability"]
    sender_id: Id
    reachable: bool
    sentence: Annotated[str, Field(min_length=1, max_length=300)]
    kind: OptOut = OptOut.BLOCKED
    """What she does not want, or wants again."""


class Window(EventModel):
    """Until when replies to her are allowed; null: not now."""

    type: Literal["window"]
    sender_id: Id
    until: Moment | None


class AddressChanged(EventModel):
    """The customer with one id has another from now on."""

    type: Literal["address_changed"]
    before: Id
    after: Id
    renumbered: bool = True


Incoming = Annotated[
    Message
    | MessageEdited
    | MessageDeleted
    | Reaction
    | ChoiceMade
    | Status
    | Read
    | TypingNow
    | Reachability
    | Window
    | AddressChanged,
    Field(discriminator="type"),
]
INCOMING: TypeAdapter[Incoming] = TypeAdapter(Incoming)


def read(value: Any) -> Incoming:
    """The event in a JSON value. Raises ValidationError."""
    return INCOMING.validate_json(json.dumps(clean(value)))


def clean(value: Any) -> Any:
    """Without what no database and no screen can hold: U+0000, and halves of characters."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, dict):
        return {clean(name): clean(one) for name, one in value.items()}
    return value
