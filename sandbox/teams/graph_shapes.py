"""Messages as Microsoft Graph tells of them, and as a message's menu hands them to a bot."""

from __future__ import annotations

import html
import json
import re
import uuid

from sandbox.teams import composer
from sandbox.teams.events import Events
from sandbox.teams.wire import ADAPTIVE_CARD, Json, stamp
from sandbox.teams.world import Message, Room, User, World

_QUOTE = re.compile(r'<blockquote itemscope[^>]*itemid="(\d+)">.*?</blockquote>', re.DOTALL)
_GUIDS = uuid.UUID("0b0e3a0c-5f0f-4f6b-8d52-2f54e6a7a0a1")


class GraphShapes:
    """https://learn.microsoft.com/graph/api/resources/chatmessage"""

    def __init__(self, world: World, events: Events) -> None:
        self.world, self._events = world, events

    def message(self, room: Room, message: Message) -> Json:
        """A chatMessage; of a deleted one only that it was there."""
        created = stamp(message.created)
        modified = stamp(max(message.created, message.modified))
        team = room.team
        where = {"teamId": team.aad_group, "channelId": room.id} if team else None
        gone = message.deleted
        return {
            "id": message.id,
            "replyToId": message.root if message.root != message.id else None,
            "etag": str(int(message.modified * 1000)),
            "messageType": "message",
            "createdDateTime": created,
            "lastModifiedDateTime": modified,
            "lastEditedDateTime": modified if message.edited else None,
            "deletedDateTime": modified if gone else None,
            "subject": None,
            "summary": message.summary or None,
            "chatId": None if team else room.id,
            "importance": message.importance,
            "locale": "en-us",
            "webUrl": f"https://teams.microsoft.com/l/message/{room.id}/{message.id}",
            "channelIdentity": where,
            "policyViolation": None,
            "eventDetail": None,
            "from": self._author(message.sender),
            "body": {"contentType": "html", "content": "" if gone else self._body(message)},
            "attachments": [] if gone else self.attachments(room, message),
            "mentions": []
            if gone
            else [self._mention(number, *entry) for number, entry in enumerate(message.mentions)],
            "reactions": [] if gone else self._reactions(message),
        }

    def payload(self, room: Room, message: Message) -> Json:
        """`messagePayload` of an action command."""
        whole = self.message(room, message)
        names = "id replyToId createdDateTime lastModifiedDateTime subject summary importance locale body attachments"
        payload = {name: whole[name] for name in f"{names} mentions reactions from".split() if whole[name] is not None}
        link = f"https://teams.microsoft.com/l/message/{room.id}/{message.id}"
        return {**payload, "deleted": False, "linkToMessage": link, "attachmentLayout": None}

    def attachments(self, room: Room, message: Message) -> list[Json]:
        """Cards as strings, files as references into SharePoint, a quoted message."""
        made: list[Json] = []
        if message.quote:
            quoted = room.messages.get(message.quote)
            preview = {
                "messageId": message.quote,
                "messagePreview": quoted.text[:200] if quoted else "",
                "messageSender": self._author(quoted.sender if quoted else None),
            }
            made.append(_attachment(message.quote, "messageReference", json.dumps(preview), None, None))
        for number, entry in enumerate(message.attachments):
            if entry.get("contentType") == ADAPTIVE_CARD:
                content = json.dumps(entry.get("content"), ensure_ascii=False)
                made.append(_attachment(_card_id(message, number, entry), ADAPTIVE_CARD, content, None, None))
        made += [
            _attachment(file.id, "reference", None, file.url, file.name) for file in message.files if not file.inline
        ]
        return made

    def _body(self, message: Message) -> str:
        if message.sender is not None:
            return _QUOTE.sub(r'<attachment id="\1"></attachment>', message.html)
        body = composer.compose(html.unescape(message.text), message.mentions) if message.text else ""
        for number, entry in enumerate(message.attachments):
            if entry.get("contentType") == ADAPTIVE_CARD:
                body += f'<attachment id="{_card_id(message, number, entry)}"></attachment>'
            elif str(entry.get("contentType", "")).startswith("image/"):
                body += f'<p><img alt="{html.escape(str(entry.get("name") or "image"))}"></p>'
        return body

    def _author(self, user: User | None) -> Json:
        if user is None:
            bot = {"id": self.world.app_id, "displayName": self.world.bot_name, "applicationIdentityType": "bot"}
            return {"application": bot, "device": None, "user": None}
        person = {"id": user.aad_id, "displayName": user.name, "userIdentityType": "aadUser", "tenantId": user.tenant}
        return {"application": None, "device": None, "user": person}

    def _mention(self, number: int, who: str, name: str) -> Json:
        if who == self.world.bot_id or who in self.world.users:
            mentioned = self._author(self.world.users.get(who))
        elif who in self.world.rooms:
            kind = "team" if who in self.world.teams else "channel"
            place = {"id": who, "displayName": name, "conversationIdentityType": kind}
            mentioned = {"application": None, "device": None, "user": None, "conversation": place}
        else:
            mentioned = {"application": None, "device": None, "user": None, "tag": {"id": who, "displayName": name}}
        return {"id": number, "mentionText": name, "mentioned": mentioned}

    def _reactions(self, message: Message) -> list[Json]:
        return [
            {
                "reactionType": kind,
                "createdDateTime": stamp(message.modified),
                "user": self._author(self.world.users.get(who)),
            }
            for kind, users in message.reactions.items()
            for who in users
        ]


def _card_id(message: Message, number: int, entry: Json) -> str:
    return str(entry.get("id") or uuid.uuid5(_GUIDS, f"{message.id}-{number}").hex)


def _attachment(id: str, kind: str, content: str | None, url: str | None, name: str | None) -> Json:
    return {
        "id": id,
        "contentType": kind,
        "contentUrl": url,
        "content": content,
        "name": name,
        "thumbnailUrl": None,
        "teamsAppId": None,
    }
