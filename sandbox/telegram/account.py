"""The methods about the bot, its customers, their files, and the way updates reach it."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from yarl import URL

from sandbox.telegram.arguments import Arguments
from sandbox.telegram.delivery import LONG_POLL_MOST, Webhook
from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.files import MAX_DOWNLOAD
from sandbox.telegram.messages import Json
from sandbox.telegram.world import World

_PORTS = {80, 88, 443, 8443}
#: https://core.telegram.org/bots/api#update
_UPDATES = frozenset(
    "message edited_message channel_post edited_channel_post business_connection business_message"
    " edited_business_message deleted_business_messages message_reaction message_reaction_count inline_query"
    " chosen_inline_result callback_query shipping_query pre_checkout_query purchased_paid_media poll poll_answer"
    " my_chat_member chat_member chat_join_request chat_boost removed_chat_boost".split()
)


async def get_me(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#getme"""
    return world.bot | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def get_chat(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#getchat"""
    person = world.reachable(arguments)
    chat = person.as_chat() | {
        "accent_color_id": person.id % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": False,
            "limited_gifts": False,
            "unique_gifts": False,
            "premium_subscription": False,
            "gifts_from_channels": False,
        },
    }
    if person.photos:
        photo = person.photos[-1]
        chat["photo"] = {
            f"{size}_{name}": value
            for size in ("small", "big")
            for name, value in (("file_id", photo.file_id), ("file_unique_id", photo.unique_id))
        }
    return chat


async def get_user_profile_photos(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#getuserprofilephotos"""
    person = world.people.get(arguments.integer("user_id"))
    if person is None or not person.started:
        raise bad_request("user not found")
    offset = arguments.integer("offset", least=0)
    limit = arguments.integer("limit", 100, least=1, most=100)
    newest_first = person.photos[::-1][offset : offset + limit]
    return {"total_count": len(person.photos), "photos": [[photo.as_api()] for photo in newest_first]}


async def get_file(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#getfile"""
    file_id = arguments.text("file_id")
    if not file_id:
        raise ApiError(400, "Bad Request: file_id not specified")
    file = world.files.by_id(file_id)
    if file is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    if len(file.data) > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    return {
        "file_id": file.file_id,
        "file_unique_id": file.unique_id,
        "file_size": len(file.data),
        "file_path": file.path,
    }


async def get_updates(world: World, arguments: Arguments) -> list[Json]:
    """https://core.telegram.org/bots/api#getupdates"""
    _allow(world, arguments)
    return await world.delivery.updates(
        arguments.integer("offset"),
        arguments.integer("limit", 100, least=1, most=100),
        arguments.integer("timeout", least=0, most=LONG_POLL_MOST),
    )


async def set_webhook(world: World, arguments: Arguments) -> bool:
    """https://core.telegram.org/bots/api#setwebhook"""
    url = arguments.text("url").strip()
    if not url:
        return await delete_webhook(world, arguments)
    secret = arguments.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad_request("secret token contains unallowed characters")
    _check_webhook_url(url)
    _allow(world, arguments)
    if arguments.flag("drop_pending_updates"):
        world.delivery.drop_pending()
    world.delivery.end_poll("Conflict: terminated by setWebhook request")
    connections = arguments.integer("max_connections", 40, least=1, most=100)
    world.delivery.webhook = Webhook(url=url, secret=secret, max_connections=connections)
    world.delivery.wake()
    return True


async def delete_webhook(world: World, arguments: Arguments) -> bool:
    """https://core.telegram.org/bots/api#deletewebhook"""
    world.delivery.webhook = None
    if arguments.flag("drop_pending_updates"):
        world.delivery.drop_pending()
    world.delivery.wake()
    return True


async def get_webhook_info(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#getwebhookinfo"""
    webhook = world.delivery.webhook
    info: Json = {
        "url": webhook.url if webhook else "",
        "has_custom_certificate": False,
        "pending_update_count": world.delivery.pending,
    }
    if webhook is not None:
        info |= {"max_connections": webhook.max_connections, "ip_address": "127.0.0.1"}
        if webhook.last_error_date is not None:
            info |= {"last_error_date": webhook.last_error_date, "last_error_message": webhook.last_error_message}
    if world.delivery.allowed:
        info["allowed_updates"] = world.delivery.allowed
    return info


def _allow(world: World, arguments: Arguments) -> None:
    """Takes over `allowed_updates`; without it the last choice stays, an empty list is the default set."""
    wanted: Any = arguments.structure("allowed_updates", "allowed updates")
    if isinstance(wanted, list):
        world.delivery.allowed = [name for name in wanted if name in _UPDATES]


def _check_webhook_url(text: str) -> None:
    """Telegram wants HTTPS on four ports; the sandbox also delivers to this machine, and to nowhere else."""
    try:
        url = URL(text)
    except ValueError:
        raise ApiError(400, "Bad Request: invalid webhook URL specified") from None
    try:
        local = url.host == "localhost" or ipaddress.ip_address(url.host or "").is_loopback
    except ValueError:
        local = False
    if local and url.scheme in ("http", "https"):
        return
    if url.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if url.port not in _PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    raise bad_request("bad webhook: Failed to resolve host: the sandbox delivers to loopback addresses only")
