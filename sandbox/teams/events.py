"""The activities that Teams brings to a bot, in Microsoft's shapes."""

from __future__ import annotations

import re
import uuid
from typing import Any, Literal

from sandbox.teams.wire import ADAPTIVE_CARD, DOWNLOAD_INFO, ROOT, Json, local_stamp, stamp
from sandbox.teams.world import File, Message, Room, Team, User, World

#: Seconds for which the address of a file in a personal chat holds.
TICKET_LASTS = 3600.0
_AT = re.compile(r'<at id="(\d+)">(.*?)</at>', re.DOTALL)


class Events:
    """Draws activities from the world as it is."""

    def __init__(self, world: World) -> None:
        self.world = world
        #: How mentions stand in the HTML that a bot gets: as in Graph (`<at id>`), or as older clients write them.
        self.markup: Literal["at", "span"] = "at"
        #: Whether replies say what they answer. In the field it is often missing.
        self.reply_ids: Literal["sometimes", "always", "never"] = "sometimes"
        #: Whether pictures come as attachments of their own; in some tenants they are in the HTML alone.
        self.picture_attachments = True
        #: Whether messages come with their HTML; without it only `text` is left.
        self.html_attachment = True
        self._replies = 0

    def message(self, room: Room, message: Message, kind: str = "message", event: str = "") -> Json:
        """A message that a person wrote, changed (`editMessage`) or restored (`undeleteMessage`)."""
        activity = self._from_client(kind, message.sender, room, message.root)
        activity |= {
            "id": message.id,
            "timestamp": stamp(message.created if kind == "message" else message.modified),
            "textFormat": "plain",
            "text": message.text,
            "attachments": self._attachments(room, message),
        }
        activity["entities"] = [*self._mentions(message), *activity["entities"]]
        if event:
            activity["channelData"]["eventType"] = event
        self._answering(activity, message)
        return activity

    def deleted(self, room: Room, message: Message) -> Json:
        """Somebody deleted her message; what it said is not told."""
        activity = self._from(message.sender, room, message.root, "messageDelete")
        activity |= {"id": message.id, "timestamp": stamp(message.modified)}
        activity["channelData"]["eventType"] = "softDeleteMessage"
        self._answering(activity, message)
        return activity

    def reaction(self, user: User, room: Room, message: Message, kind: str, *, added: bool) -> Json:
        """Somebody reacted to a message of the bot's."""
        activity = self._from(user, room, message.root, "messageReaction")
        name = "reactionsAdded" if added else "reactionsRemoved"
        return {**activity, "id": _new(), name: [{"type": kind}], "replyToId": message.id}

    def submitted(self, user: User, room: Room, message: Message, value: Any, text: str = "") -> Json:
        """An Action.Submit: a message with a value and usually no text."""
        activity = self._from_client("message", user, room, message.root)
        activity |= {"id": _new(), "value": value, "replyToId": message.id, "attachments": []}
        return {**activity, "text": text} if text else activity

    def invoke(self, user: User, room: Room, root: str, name: str, value: Json, reply_to: str = "") -> Json:
        """What the bot answers in the same request."""
        activity = self._from_client("invoke", user, room, root)
        activity |= {"id": _new(), "name": name, "value": value}
        activity["channelData"]["source"] = {"name": "message" if reply_to else "compose"}
        return {**activity, "replyToId": reply_to} if reply_to else activity

    def installation(self, by: User, room: Room, action: str) -> Json:
        """The app came into a team or a personal chat, or left it."""
        activity = self._from(by, room, "", "installationUpdate")
        activity |= {"id": _new(), "action": action}
        if room.team is not None:
            activity["channelData"]["team"] = _team(room.team)
            activity["channelData"]["settings"] = {"selectedChannel": {"id": room.id}}
            activity["conversation"] = {**activity["conversation"], "id": room.id}
        return activity

    def begun(self, user: User, chat: Room, *, added: bool) -> Json:
        """The bot came into a personal chat, or left it."""
        activity = self._from(user, chat, "", "conversationUpdate")
        return {**activity, "id": _new(), "membersAdded" if added else "membersRemoved": [{"id": self.world.bot_id}]}

    def members(self, by: User, team: Team, ids: list[str], *, added: bool) -> Json:
        """People or the bot came into a team, or left it."""
        activity = self.changed(by, team, "teamMemberAdded" if added else "teamMemberRemoved")
        name = "membersAdded" if added else "membersRemoved"
        people = [{"id": who, **self._object_id(who)} for who in ids]
        activity["channelData"]["team"] = _team(team)
        return {**activity, name: people}

    def changed(self, by: User, team: Team, event: str, room: Room | None = None) -> Json:
        """A team or one of its channels changed: conversationUpdate with an eventType."""
        general = self.world.rooms[team.id]
        activity = self._from(by, general, "", "conversationUpdate")
        activity |= {"id": _new(), "conversation": {**activity["conversation"], "id": team.id}}
        activity["channelData"] = {
            "team": {"id": team.id, "name": team.name},
            "eventType": event,
            "tenant": {"id": self.world.tenant},
        }
        if room is not None:
            activity["channelData"]["channel"] = {"id": room.id, "name": room.name}
        return activity

    def picture_url(self, room: Room, message: Message, file: File) -> str:
        """Where Graph has a picture of a message."""
        base = f"{self.world.url}/v1.0"
        if room.team is None:
            return f"{base}/chats/{room.id}/messages/{message.id}/hostedContents/{file.id}/$value"
        where = f"teams/{room.team.aad_group}/channels/{room.id}/messages/{message.root}"
        reply = f"/replies/{message.id}" if message.id != message.root else ""
        return f"{base}/{where}{reply}/hostedContents/{file.id}/$value"

    def html(self, message: Message) -> str:
        """The HTML as a bot gets it."""
        if self.markup == "at":
            return message.html
        mention = 'itemscope itemtype="http://schema.skype.com/Mention"'
        return _AT.sub(rf'<span {mention} itemid="\1">\2</span>', message.html)

    def _from_client(self, kind: str, user: User | None, room: Room, root: str) -> Json:
        """What a person's client sends: its language and time zone come along."""
        activity = self._from(user, room, root, kind)
        assert user is not None
        country = user.locale.partition("-")[2] or "US"
        client = {"type": "clientInfo", "locale": user.locale, "country": country, "platform": "Windows"}
        return activity | {
            "entities": [{**client, "timezone": user.tz}],
            "locale": user.locale,
            "localTimezone": user.tz,
            "localTimestamp": local_stamp(self.world.clock(), user.tz),
        }

    def _from(self, user: User | None, room: Room, root: str, kind: str) -> Json:
        assert user is not None
        world = self.world
        conversation: Json = {"conversationType": "personal", "tenantId": world.tenant, "id": room.id}
        data: Json = {"tenant": {"id": world.tenant}}
        if room.team is not None:
            thread = f"{room.id}{ROOT}{root}" if root else room.id
            conversation = {"isGroup": True, "conversationType": "channel", "tenantId": world.tenant, "id": thread}
            data = {
                "teamsChannelId": room.id,
                "teamsTeamId": room.team.id,
                "channel": {"id": room.id},
                "team": {"id": room.team.id},
                **data,
            }
        return {
            "type": kind,
            "timestamp": stamp(world.clock()),
            "channelId": "msteams",
            "serviceUrl": world.service_url,
            "from": {"id": user.id, "name": user.name, "aadObjectId": user.aad_id},
            "conversation": conversation,
            "recipient": {"id": world.bot_id, "name": world.bot_name},
            "channelData": data,
        }

    def _answering(self, activity: Json, message: Message) -> None:
        if message.id == message.root or "team" not in activity["channelData"]:
            return
        self._replies += 1
        if self.reply_ids == "always" or (self.reply_ids == "sometimes" and self._replies % 2):
            activity["replyToId"] = message.root

    def _mentions(self, message: Message) -> list[Json]:
        return [
            {"type": "mention", "mentioned": {"id": who, "name": name}, "text": f"<at>{name}</at>"}
            for who, name in message.mentions
        ]

    def _attachments(self, room: Room, message: Message) -> list[Json]:
        made: list[Json] = []
        for file in message.files:
            if file.inline and self.picture_attachments:
                url = f"{self.world.url}/v3/attachments/{file.id}/views/original"
                made.append({"contentType": "image/*", "contentUrl": url})
            elif not file.inline and room.kind == "personal":
                ticket = self.world.ticket(file.id, TICKET_LASTS)
                info = {
                    "downloadUrl": f"{self.world.url}/download/{file.id}?tempauth={ticket}",
                    "uniqueId": file.id,
                    "fileType": file.name.rpartition(".")[2],
                }
                made.append({"contentType": DOWNLOAD_INFO, "contentUrl": file.url, "name": file.name, "content": info})
        made += [dict(entry) for entry in message.attachments if entry.get("contentType") == ADAPTIVE_CARD]
        if self.html_attachment:
            made.append({"contentType": "text/html", "content": self.html(message)})
        return made

    def _object_id(self, who: str) -> Json:
        user = self.world.users.get(who)
        return {"aadObjectId": user.aad_id} if user is not None else {}


def _team(team: Team) -> Json:
    return {"aadGroupId": team.aad_group, "id": team.id, "name": team.name}


def _new() -> str:
    return f"f:{uuid.uuid4()}"
