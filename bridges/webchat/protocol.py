"""The frames that a visitor's browser may send, and how they are refused."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

VERSION = 1
MAX_TEXT = 10_000
#: Everything but text fits in this.
SMALL_FRAME = 16 * 1024
#: 10,000 characters take up to 120,000 bytes once JSON has escaped them.
MAX_FRAME = 128 * 1024
MAX_UPLOADS = 10

#: Chosen by the browser, once per gesture: sending the same again is harmless.
ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
#: A message of hers, "c/" and the client id it was sent with.
OwnRef = Annotated[str, Field(pattern=r"^c/[A-Za-z0-9_-]{8,64}$")]
#: A message of ours.
OurRef = Annotated[str, Field(pattern=r"^m/[A-Za-z0-9_:.-]{1,100}$")]
AnyRef = Annotated[str, Field(pattern=r"^[cm]/[A-Za-z0-9_:.-]{1,100}$")]


class ProtocolError(Exception):
    """A frame that is not understood or not allowed; `code` is for the browser, the sentence for people."""

    def __init__(self, code: str, sentence: str, *, client_id: str | None = None, retry_after: float = 0) -> None:
        super().__init__(sentence)
        self.code = code
        self.client_id = client_id
        self.retry_after = retry_after

    def frame(self) -> dict[str, Any]:
        frame: dict[str, Any] = {"type": "error", "code": self.code, "message": str(self)}
        if self.client_id is not None:
            frame["client_id"] = self.client_id
        if self.retry_after:
            frame["retry_after"] = round(self.retry_after, 2)
        return frame


class About(BaseModel):
    """What the browser tells of itself. All of it is the visitor's word."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(default="", max_length=2000)
    title: str = Field(default="", max_length=300)
    referrer: str = Field(default="", max_length=2000)
    language: str = Field(default="", max_length=35, pattern=r"^[A-Za-z0-9-]*$")
    timezone: str = Field(default="", max_length=60, pattern=r"^[A-Za-z0-9_+/-]*$")
    device: str = Field(default="", max_length=200)
    #: Typed by her.
    name: str = Field(default="", max_length=100)
    email: str = Field(default="", max_length=254)


class _Frame(BaseModel):
    # Unknown fields are ignored: a newer widget may talk to an older server.
    model_config = ConfigDict(frozen=True)

    #: Over a socket `hello` and `about` say it once; the fallback says it with every frame.
    about: About | None = None


class Hello(_Frame):
    type: Literal["hello"]
    v: int = VERSION
    token: str = Field(max_length=4096)
    after: int = Field(default=0, ge=0)


class Tell(_Frame):
    """She moved to another page, or typed her name."""

    type: Literal["about"]


class Chosen(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: OurRef
    value: str = Field(max_length=500)
    label: str = Field(max_length=500)


class Send(_Frame):
    type: Literal["send"]
    client_id: ClientId
    text: str = Field(default="", max_length=MAX_TEXT)
    uploads: tuple[str, ...] = Field(default=(), max_length=MAX_UPLOADS)
    choice: Chosen | None = None
    reply_to: AnyRef | None = None


class Edit(_Frame):
    type: Literal["edit"]
    client_id: ClientId
    id: OwnRef
    text: str = Field(min_length=1, max_length=MAX_TEXT)


class Delete(_Frame):
    type: Literal["delete"]
    client_id: ClientId
    id: OwnRef


class React(_Frame):
    type: Literal["react"]
    client_id: ClientId
    id: OurRef
    emoji: str | None = Field(default=None, min_length=1, max_length=16)


class Read(_Frame):
    """She has seen everything up to this message."""

    type: Literal["read"]
    id: OurRef


class Delivered(_Frame):
    """These reached her browser."""

    type: Literal["delivered"]
    ids: tuple[OurRef, ...] = Field(min_length=1, max_length=100)


class TypingNow(_Frame):
    type: Literal["typing"]


class Ping(_Frame):
    type: Literal["ping"]


Frame = Hello | Tell | Send | Edit | Delete | React | Read | Delivered | TypingNow | Ping
_FRAMES: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def decode(data: str | bytes) -> Frame:
    """Reads one frame. Raises ProtocolError."""
    size = len(data.encode("utf-8", "surrogatepass")) if isinstance(data, str) else len(data)
    if size > MAX_FRAME:
        raise ProtocolError("too_large", f"A frame of {size} bytes is over the limit of {MAX_FRAME}.")
    try:
        value = clean(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("malformed", "This frame is not JSON.") from error
    if not isinstance(value, dict):
        raise ProtocolError("malformed", "A frame is a JSON object.")
    client_id = value.get("client_id")
    client_id = client_id if isinstance(client_id, str) and len(client_id) <= 64 else None
    if size > SMALL_FRAME and value.get("type") not in ("send", "edit"):
        raise ProtocolError("too_large", f"A frame of {size} bytes is over the limit of {SMALL_FRAME}.")
    text = value.get("text")
    if isinstance(text, str) and len(text) > MAX_TEXT:
        sentence = f"A message of {len(text)} characters is over the limit of {MAX_TEXT}."
        raise ProtocolError("too_long", sentence, client_id=client_id)
    try:
        return _FRAMES.validate_python(value)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "type"
        raise ProtocolError("malformed", f"The frame's {where} is not valid.", client_id=client_id) from error


def clean(value: Any) -> Any:
    """JSON without what cannot be stored: U+0000 goes, a half of a surrogate pair becomes U+FFFD."""
    if isinstance(value, str):
        text = value.replace("\0", "")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value
