"""The Teams app's package: the manifest from the same words that the code uses, and the icons beside it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from uuid import UUID, uuid5

from yarl import URL

from core.contracts.workplace import Manifest
from plugins.teams import icons
from plugins.teams.settings import TeamsSettings

#: The commands of the message extension, as an invoke names them.
CANNED = "canned"
CONVERSATIONS = "conversations"
SEND = "send_to_customer"
NOTE = "make_note"

#: Every permission in a team to which its owner consents, and why the app needs it.
CONSENTS: Mapping[str, str] = {
    "ChannelMessage.Read.Group": (
        "hear what agents write in customers' threads without naming the app, fetch the pictures in it, and find a "
        "post of ours whose answer was lost"
    ),
}
#: What the app does with people, said to whoever adds it, and why.
PERMISSIONS: Mapping[str, str] = {
    "identity": "know agents' names, and whether they are members or guests",
    "messageTeamMembers": "tell one agent alone what concerns her, and show her queue",
}

SCHEMA = "1.29"
FILE = "threadbridge-teams.zip"
#: The oldest date that a zip can hold: the same package has the same bytes whenever it is made.
NO_DATE = (1980, 1, 1, 0, 0, 0)
NEXT = (
    "Upload it: for the organisation at https://admin.teams.microsoft.com > Teams apps > Manage apps > Upload new app, "
    "for yourself in Teams > Apps > Manage your apps > Upload an app. Then add it to a team as an owner of the team: "
    "that is the consent to what it reads there. threadbridge check says whether anything is missing."
)
FULL = """\
Threadbridge brings what customers write on your website, by email and in messengers into a channel of your team, each \
conversation in a thread of its own. You answer by writing in the thread; buttons on the card claim, resolve or snooze \
the conversation.

What the app reads, and why: in the teams it is added to, Teams brings it every message of the standard channels, so \
that nobody has to mention it in each reply. It keeps only what is written in threads that show a customer's \
conversation, and messages that mention it; everything else is dropped unread. Of the members it reads name, email \
address and whether they are guests, so that only people of your organisation answer customers. In a personal chat it \
shows you your queue.

What it sends and where: replies go to the customer over the channel that she wrote on. Everything is kept on the \
server that your organisation runs, at {host}, and nowhere else.
"""


def data(url: str, app_id: str) -> dict[str, Any]:
    """The manifest as a value. `url` is our public address, with or without a path; `app_id` that of the bot.

    Raises ValueError: what is missing.
    """
    bot = _guid(app_id)
    origin, host = _address(url)
    return {
        "$schema": f"https://developer.microsoft.com/en-us/json-schemas/teams/v{SCHEMA}/MicrosoftTeams.schema.json",
        "manifestVersion": SCHEMA,
        "version": three_numbers(version("threadbridge")),
        # Of the app, not of the bot; the same each time, so that a new package is an update.
        "id": str(uuid5(UUID(bot), "threadbridge")),
        "developer": {"name": "Threadbridge", "websiteUrl": origin, "privacyUrl": origin, "termsOfUseUrl": origin},
        "name": {"short": "Threadbridge", "full": "Threadbridge: customers' conversations in threads"},
        "description": {
            "short": "Answers customers of every channel from threads in Teams",
            "full": FULL.format(host=host),
        },
        "icons": {"color": "color.png", "outline": "outline.png"},
        "accentColor": icons.BACKGROUND,
        "defaultInstallScope": "team",
        "defaultGroupCapability": {"team": "bot"},
        "bots": [_bot(bot)],
        "composeExtensions": [{"botId": bot, "commands": _commands()}],
        "permissions": list(PERMISSIONS),
        "validDomains": [host],
        # Consent in a team is recorded against this registration; nobody signs in, so the resource is only a name.
        "webApplicationInfo": {"id": bot, "resource": f"api://{host}/botid-{bot}"},
        "authorization": {
            "permissions": {"resourceSpecific": [{"name": name, "type": "Application"} for name in CONSENTS]}
        },
    }


def manifest(url: str, settings: TeamsSettings | None = None) -> Manifest:
    """The package that Teams takes. Raises ValueError: what is missing."""
    words = json.dumps(data(url, settings.app_id if settings else ""), ensure_ascii=False, indent=2) + "\n"
    files = {"manifest.json": words.encode(), "color.png": icons.color(), "outline.png": icons.outline()}
    return Manifest(name=FILE, content=_zip(files), is_text=False, next_step=NEXT)


def _bot(app_id: str) -> dict[str, Any]:
    # `supportsFiles` is about files in a personal chat, `supportsTargetedMessages` about private words to the app:
    # neither reaches anybody, so Teams offers neither. Sending private words needs no field.
    return {
        "botId": app_id,
        "scopes": ["team", "personal"],
        "supportsFiles": False,
        "isNotificationOnly": False,
        "commandLists": [
            {
                "scopes": ["personal"],
                "commands": [
                    {"title": "queue", "description": "Show what waits for you, and for anybody"},
                    {"title": "help", "description": "How to answer customers here"},
                ],
            },
            {
                "scopes": ["team"],
                "commands": [{"title": "help", "description": "How to answer customers here"}],
            },
        ],
    }


def _commands() -> list[dict[str, Any]]:
    return [
        _search(CANNED, "Canned reply", "Insert a reply that was written before", "Words of its title or text"),
        _search(CONVERSATIONS, "Past conversation", "Insert a link to an earlier conversation", "A customer or a word"),
        _on_message(SEND, "Send to customer", "Send this message to the customer of the thread"),
        _on_message(NOTE, "Make a note", "Keep this message among colleagues"),
    ]


def _search(command: str, title: str, description: str, hint: str) -> dict[str, Any]:
    return {
        "id": command,
        "type": "query",
        "context": ["compose"],
        "title": title,
        "description": description,
        # The latest are offered before anything is typed.
        "initialRun": True,
        "parameters": [{"name": "words", "title": "Search", "description": hint, "inputType": "text"}],
    }


def _on_message(command: str, title: str, description: str) -> dict[str, Any]:
    # The dialog that Teams fetches may be one sentence, so one click does it and says that it was done.
    return {
        "id": command,
        "type": "action",
        "context": ["message"],
        "title": title,
        "description": description,
        "fetchTask": True,
    }


def _guid(app_id: str) -> str:
    if not app_id:
        raise ValueError(
            "The package names the bot, and its id is not known: give --app-id, or app_id in [[workspaces]]. In Azure: "
            "your Azure Bot > Configuration > Microsoft App ID."
        )
    try:
        return str(UUID(app_id))
    except ValueError:
        raise ValueError(
            f'The app id is "{app_id}"; it must be an id such as 11111111-2222-3333-4444-555555555555. In Azure: your '
            "Azure Bot > Configuration > Microsoft App ID."
        ) from None


def _address(url: str) -> tuple[str, str]:
    """(Our origin, host with a port that is not the usual one.)"""
    if not url:
        raise ValueError(
            "The package names our public address, and it is not known: give --url https://..., or set public_url."
        )
    address = URL(url)
    if address.scheme != "https" or not address.host:
        raise ValueError(f'Our public address is "{url}"; Teams takes only one that starts with https://.')
    origin = address.origin()
    return str(origin), origin.raw_authority


def three_numbers(ours: str) -> str:
    """A version as Teams takes it, whatever else ours holds."""
    numbers = re.findall(r"\d+", re.split(r"[^\d.]", ours, maxsplit=1)[0])
    return ".".join([*numbers, "0", "0"][:3])


def _zip(files: Mapping[str, bytes]) -> bytes:
    """An archive with these files at its root; stored as they are, since packers differ from machine to machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=NO_DATE)
            entry.external_attr = 0o644 << 16
            # ZipInfo says which system made it, and so differs on Windows.
            entry.create_system = 3
            archive.writestr(entry, content)
    return buffer.getvalue()
