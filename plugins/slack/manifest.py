"""The Slack app's manifest, from the same words that the code uses: Socket Mode, or HTTP for a public address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from yarl import URL

from core.contracts.workplace import Manifest
from plugins.slack.intake import APP_EVENTS, REACTIONS, ROOM_EVENTS
from plugins.slack.listeners import COMMAND, NOTE, SEND
from plugins.slack.settings import SlackSettings

#: Every scope and why the app needs it.
SCOPES: Mapping[str, str] = {
    "channels:history": "hear what agents write in the threads of public channels",
    "channels:read": "know the names of public channels and when one is archived or renamed",
    "chat:write": "post customers' messages, redraw cards, show who is typing",
    "chat:write.customize": "show each customer under her own name and picture",
    "commands": "message shortcuts, and /threadbridge for help",
    "files:read": "take agents' files to the customer",
    "files:write": "put customers' files into the thread",
    "groups:history": "the same in private channels",
    "groups:read": "the same for private channels",
    "reactions:read": "pass agents' reactions on to the customer",
    "reactions:write": "mark an agent's post when the customer has it",
    "users:read": "agents' names, and whether they are members or guests",
    "users:read.email": "recognise an agent who uses several workspaces",
}
#: What the app listens to; "message" comes once for public and once for private channels.
EVENTS: tuple[str, ...] = tuple(
    sorted(
        {"app_home_opened", "message.channels", "message.groups", "user_change", *REACTIONS, *ROOM_EVENTS, *APP_EVENTS}
    )
)
PATH = "/workspaces/slack"


def data(url: str) -> dict[str, Any]:
    """The manifest as a value. `url` is "" for Socket Mode, or our address, with or without the workspace's path."""
    events = _events_url(url)
    shortcuts = [
        {
            "name": "Send to customer",
            "type": "message",
            "callback_id": SEND,
            "description": "Sends this message to the customer of the thread",
        },
        {
            "name": "Make a note",
            "type": "message",
            "callback_id": NOTE,
            "description": "Keeps this message among colleagues",
        },
    ]
    command: dict[str, Any] = {
        "command": COMMAND,
        "description": "How to answer customers here",
        "usage_hint": "help",
        "should_escape": True,
    }
    subscriptions: dict[str, Any] = {"bot_events": list(EVENTS)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if events:
        command["url"] = events
        subscriptions = {"request_url": events, **subscriptions}
        interactivity |= {"request_url": events, "message_menu_options_url": events}
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Threadbridge",
            "description": "Answers customers of every channel from Slack threads",
            "background_color": "#1f2a44",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": False,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "Threadbridge", "always_online": True},
            "shortcuts": shortcuts,
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": subscriptions,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": not events,
            "token_rotation_enabled": False,
        },
    }


def manifest(url: str, settings: SlackSettings | None = None) -> Manifest:
    """The manifest as YAML, every scope with its reason; it needs no settings."""
    return Manifest(name="slack.yaml", content=text(url).encode(), is_text=True)


def text(url: str) -> str:
    """The same as text."""
    how = f"Events arrive at {_events_url(url)}." if url else "Socket Mode: no public address is needed."
    head = f"# Paste this at https://api.slack.com/apps > Create New App > From a manifest.\n# {how}\n"
    return head + "\n".join(_yaml(data(url), 0)) + "\n"


def _events_url(url: str) -> str:
    """Where Slack posts to; an address without a path is our base, and the workspace is called slack."""
    if not url:
        return ""
    address = url.rstrip("/")
    return f"{address}{PATH if URL(address).path in {'', '/'} else ''}/events"


def _yaml(value: Any, depth: int) -> Iterator[str]:
    """YAML of plain values; JSON's strings are YAML's double-quoted ones."""
    indent = "  " * depth
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                yield f"{indent}{name}:"
                yield from _yaml(inner, depth + 1)
            else:
                yield f"{indent}{name}: {json.dumps(inner)}"
        return
    for item in value:
        if isinstance(item, dict):
            first, *rest = _yaml(item, depth + 1)
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            reason = f" # {SCOPES[item]}" if item in SCOPES else ""
            yield f"{indent}- {json.dumps(item)}{reason}"
