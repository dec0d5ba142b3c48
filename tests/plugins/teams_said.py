"""Messages as Teams tells a bot of them."""

from typing import Any

from plugins.teams.parse import Said, said
from tests.plugins.teams_cases import ROOM

BOT = "28:11111111-2222-3333-4444-555555555555"
TEAM = "19:team@thread.tacv2"


def mention(who: str, name: str) -> Any:
    return {"type": "mention", "text": f"<at>{name}</at>", "mentioned": {"id": who, "name": name}}


ENTITIES = (
    mention(BOT, "Threadbridge"),
    mention("29:bea", "Bea Jones"),
    mention("19:sales@thread.tacv2", "Sales"),
    mention(TEAM, "Support Team"),
    mention("MjNkYw==", "On call"),
    {"type": "clientInfo", "locale": "en-GB"},
)


def activity(page: str | None = None, text: str = "", *attachments: Any, **more: Any) -> Any:
    along = [{"contentType": "text/html", "content": page}] if page is not None else []
    return {
        "type": "message",
        "id": "1711111111333",
        "serviceUrl": "https://smba.trafficmanager.net/emea/",
        "conversation": {"id": f"{ROOM};messageid=1711111111111"},
        "channelData": {"channel": {"id": ROOM}, "team": {"id": TEAM}},
        "recipient": {"id": BOT},
        "text": text,
        "textFormat": "plain",
        "attachments": [*along, *attachments],
        "entities": list(ENTITIES),
        **more,
    }


def read(page: str) -> Said:
    return said(activity(page, "not this"), BOT)


def at(number: int, name: str) -> str:
    return f'<span itemtype="http://schema.skype.com/Mention" itemscope="" itemid="{number}">{name}</span>'
