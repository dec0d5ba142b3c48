"""The methods that put a message into a customer's chat."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from sandbox.telegram.arguments import MEGABYTE, Arguments, from_mapping
from sandbox.telegram.entities import MAX_CAPTION, MAX_TEXT, Entity, formatted, units
from sandbox.telegram.errors import bad_request
from sandbox.telegram.files import StoredFile, check_photo, kind_of_upload
from sandbox.telegram.keyboards import read_keyboard
from sandbox.telegram.messages import Json, Person
from sandbox.telegram.world import World

MAX_BY_URL = 20 * MEGABYTE
MAX_PHOTO_BY_URL = 5 * MEGABYTE
_GROUPABLE = {"photo", "video", "document", "audio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The message that a new one answers."""

    message_id: int | None = None
    quote: str | None = None


async def send_message(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#sendmessage"""
    text, entities = read_text(arguments)
    keyboard = read_keyboard(arguments)
    person = world.writable(arguments)
    reply = _read_reply(world, person, arguments)
    world.limits.spend(person.id)
    message = world.keep(
        chat=person.id,
        from_bot=True,
        text=text,
        entities=entities,
        keyboard=keyboard,
        reply_to=reply.message_id,
        quote=reply.quote,
    )
    return world.as_api(message)


def read_text(arguments: Arguments) -> tuple[str, list[Entity]]:
    """The text of a message. Raises: ApiError when it is empty or too long."""
    if not arguments.text("text").strip():
        raise bad_request("message text is empty")
    text, entities = formatted(arguments)
    if not text:
        raise bad_request("message text is empty")
    # "Characters after entities parsing"; UTF-16 units are the strictest reading, and what entities count.
    if units(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return text, entities


def read_caption(arguments: Arguments) -> tuple[str, list[Entity]]:
    """The caption of a file. Raises: ApiError when it is too long."""
    text, entities = formatted(arguments, "caption", "caption_entities")
    if units(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return text, entities


async def send_file(world: World, arguments: Arguments, kind: str) -> Json:
    """https://core.telegram.org/bots/api#senddocument and its likes."""
    caption, entities = read_caption(arguments)
    keyboard = read_keyboard(arguments)
    file = await _read_file(world, arguments, kind, arguments.text(kind), field=kind)
    person = world.writable(arguments)
    reply = _read_reply(world, person, arguments)
    world.limits.spend(person.id)
    message = world.keep(
        chat=person.id,
        from_bot=True,
        kind=file.kind,
        file=file,
        text=caption,
        entities=entities,
        keyboard=keyboard,
        reply_to=reply.message_id,
        quote=reply.quote,
    )
    return world.as_api(message)


async def send_media_group(world: World, arguments: Arguments) -> list[Json]:
    """https://core.telegram.org/bots/api#sendmediagroup"""
    items = arguments.structure("media", "media")
    if not isinstance(items, list):
        raise bad_request("Expected an Array of InputMedia")
    if len(items) > 10:
        raise bad_request("Too many items specified")
    # Telegram sends a lone item as an ordinary message.
    if not items:
        raise bad_request("there must be at least one item to send")
    read: list[tuple[StoredFile, str, list[Entity]]] = []
    for item in items:
        read.append(await _read_input_media(world, arguments, item))
    kinds = {file.kind for file, _, _ in read}
    if len(kinds) > 1 and kinds & {"document", "audio"}:
        raise bad_request("Can't use the media of the specified type in the album")
    person = world.writable(arguments)
    reply = _read_reply(world, person, arguments)
    world.limits.spend(person.id)
    group = world.media_group() if len(read) > 1 else None
    return [
        world.as_api(
            world.keep(
                chat=person.id,
                from_bot=True,
                kind=file.kind,
                file=file,
                text=caption,
                entities=entities,
                media_group_id=group,
                reply_to=reply.message_id,
                quote=reply.quote,
            )
        )
        for file, caption, entities in read
    ]


async def _read_input_media(world: World, arguments: Arguments, item: Any) -> tuple[StoredFile, str, list[Entity]]:
    if not isinstance(item, dict):
        raise bad_request("Can't parse InputMedia: expected an Object")
    kind = item.get("type")
    if kind not in _GROUPABLE:
        raise bad_request(f"Can't parse InputMedia: type \"{kind}\" can't be used in sendMediaGroup")
    if not isinstance(item.get("media"), str) or not item["media"]:
        raise bad_request("Can't parse InputMedia: media not found")
    caption, entities = read_caption(from_mapping(item))
    return await _read_file(world, arguments, kind, item["media"], field=""), caption, entities


async def _read_file(world: World, arguments: Arguments, kind: str, given: str, *, field: str) -> StoredFile:
    """The file of a call: uploaded under the field's name or by attach://, known by id, or fetched by URL."""
    name = given.removeprefix("attach://") if given.startswith("attach://") else field
    upload = arguments.uploads.get(name)
    if upload is not None and (not given or given.startswith("attach://")):
        real = kind_of_upload(kind, upload.data)
        return world.files.add(real, upload.name, upload.mime, upload.data)
    if not given or given.startswith("attach://"):
        raise bad_request(f"there is no {kind} in the request")
    if given.lower().startswith(("http://", "https://")):
        return await _fetch(world, kind, given)
    known = world.files.by_id(given)
    if known is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    if known.kind != kind:
        raise bad_request(f"can't use file of type {known.kind.capitalize()} as {kind.capitalize()}")
    return known


async def _fetch(world: World, kind: str, url: str) -> StoredFile:
    """Telegram fetches public URLs; the sandbox only those of this machine."""
    target = URL(url)
    try:
        local = target.host == "localhost" or ipaddress.ip_address(target.host or "").is_loopback
    except ValueError:
        local = False
    if not local:
        raise bad_request("failed to get HTTP URL content")
    most = MAX_PHOTO_BY_URL if kind == "photo" else MAX_BY_URL
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=20)) as session,
            session.get(target, allow_redirects=False) as response,
        ):
            if response.status != 200 or (response.content_length or 0) > most:
                raise bad_request("failed to get HTTP URL content")
            data = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                data += chunk
                if len(data) > most:
                    raise bad_request("failed to get HTTP URL content")
            mime = response.content_type
    except (aiohttp.ClientError, TimeoutError):
        raise bad_request("failed to get HTTP URL content") from None
    if kind == "photo":
        check_photo(bytes(data))
    return world.files.add(kind, target.name, mime, bytes(data))


def _read_reply(world: World, person: Person, arguments: Arguments) -> Reply:
    given = arguments.structure("reply_parameters", "reply parameters")
    if given is None:
        message_id = arguments.integer("reply_to_message_id")
        lenient, quote = arguments.flag("allow_sending_without_reply"), ""
    elif isinstance(given, dict):
        inner = from_mapping(given)
        message_id = inner.integer("message_id")
        lenient, quote = inner.flag("allow_sending_without_reply"), inner.text("quote")
    else:
        raise bad_request("Object expected as reply parameters")
    if message_id <= 0 and given is None:
        return Reply()
    replied = world.message(person, message_id)
    if replied is None:
        if lenient:
            return Reply()
        raise bad_request("message to be replied not found")
    if quote and quote not in replied.text:
        raise bad_request("QUOTE_TEXT_INVALID")
    return Reply(message_id=message_id, quote=quote or None)
