"""The Bot Connector's messages: post, reply, edit, delete, react, type, and write to one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.teams import activities
from sandbox.teams.limits import REACT, SEND, Windows
from sandbox.teams.web import Call, FrontDoor
from sandbox.teams.wire import ApiError, Json, object_of, split
from sandbox.teams.world import Message, Room, User, World

#: How long a client shows that somebody types.
TYPING_LASTS = 10.0


class Connector:
    """`/v3/conversations/...`."""

    def __init__(self, world: World, door: FrontDoor) -> None:
        self.world, self.door = world, door

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        there = "/v3/conversations/{conversation}/activities"
        door = self.door
        post = door.connector(_posting, self._post, _sends)
        return [
            web.post("/v3/conversations", door.connector(_creating, self._create, _creates)),
            web.post(there, post),
            web.post(f"{there}/{{activity}}", post),
            web.put(f"{there}/{{activity}}", door.connector(_aimed("edit"), self._edit, _sends)),
            web.delete(f"{there}/{{activity}}", door.connector(_aimed("delete"), self._delete, _sends)),
            web.put(f"{there}/{{activity}}/reactions/{{kind}}", door.connector("react", self._react, _reacts)),
            web.delete(f"{there}/{{activity}}/reactions/{{kind}}", door.connector("react", self._unreact, _reacts)),
        ]

    def _post(self, call: Call) -> web.StreamResponse:
        room, root = self._place(call.part("conversation"))
        activity = call.activity()
        if activity.get("type") == "typing":
            until = self.world.clock() + TYPING_LASTS
            self.world.typing[(room.id, root or "")] = until
            self.world.watchers.tell({"type": "typing", "room": room.id, "root": root or "", "until": until})
            return web.Response(status=202)
        if activity.get("type") != "message":
            raise ApiError(400, "BadSyntax", f"Activities of type {activity.get('type')!r} cannot be sent to Teams.")
        _writable(room)
        activities.check(self.world, room, activity)
        if _is_targeted(call):
            return self._target(room, root, activity)
        if object_of(activity.get("recipient")).get("isTargeted"):
            raise ApiError(400, "BadArgument", "A targeted activity needs isTargetedActivity=true in the query.")
        parts = activities.parts_of(activity)
        messages = [self._sent(room, root, part) for part in parts]
        return web.json_response({"id": messages[0].id} if len(messages) == 1 else {}, status=201)

    def _create(self, call: Call) -> web.StreamResponse:
        body = call.activity()
        data = object_of(body.get("channelData"))
        tenant = str(body.get("tenantId") or object_of(data.get("tenant")).get("id") or "")
        if not body.get("isGroup"):
            return web.json_response({"id": self._direct(body, tenant)}, status=201)
        channel = str(object_of(data.get("channel")).get("id") or "")
        activity = body.get("activity")
        if not channel or not isinstance(activity, dict):
            raise ApiError(
                400, "BadArgument", "channelData.channel.id and activity are needed for a group conversation."
            )
        room, _root = self._place(channel)
        _writable(room)
        activities.check(self.world, room, {"type": "message", **activity})
        message = self._sent(room, None, activity)
        answer = {"id": f"{room.id};messageid={message.id}", "activityId": message.id}
        return web.json_response(answer, status=201)

    def _direct(self, body: Json, tenant: str) -> str:
        members = body.get("members")
        if not isinstance(members, list) or len(members) != 1 or not isinstance(members[0], dict):
            raise ApiError(400, "BadArgument", "A personal conversation has exactly one member.")
        if tenant != self.world.tenant:
            raise ApiError(403, "Forbidden", "The tenant of the conversation is not the bot's.")
        user = self.world.users.get(str(members[0].get("id") or ""))
        if user is None:
            raise ApiError(400, "BadArgument", "Failed to decrypt pairwise id")
        if not self.world.reachable(user):
            raise ApiError(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.")
        return self.world.chat(user).id

    def _target(self, room: Room, root: str | None, activity: Json) -> web.StreamResponse:
        """https://learn.microsoft.com/microsoftteams/platform/agents-in-teams/targeted-messages"""
        recipient = object_of(activity.get("recipient"))
        if room.kind == "personal":
            raise ApiError(400, "BadArgument", "Targeted messages are for channels and group chats.")
        member = next((user for user in self.world.members(room) if user.id == recipient.get("id")), None)
        if member is None or recipient.get("isTargeted") is not True:
            raise ApiError(400, "BadArgument", "recipient.id must be a member, and recipient.isTargeted true.")
        message = self._message(room, root, activity, to=member)
        self.world.aim(room, message)
        return web.json_response({"id": message.id}, status=201)

    def _edit(self, call: Call) -> web.StreamResponse:
        room, message = self._own(call)
        activity = {"type": "message", **call.activity()}
        if activity["type"] != "message":
            raise ApiError(400, "BadSyntax", "Only messages can be edited.")
        if message.to and activity.get("recipient"):
            raise ApiError(400, "BadArgument", "The recipient of a targeted message cannot be changed.")
        _writable(room)
        activities.check(self.world, room, activity)
        if len(activities.parts_of(activity)) > 1:
            raise ApiError(400, "BadSyntax", "Activity resulted into multiple skype activities.")
        _put(message, activity)
        message.modified, message.edited = self.world.clock(), True
        # Everybody sees the message again, also who pressed a button and saw a card of her own.
        self.world.views = {key: card for key, card in self.world.views.items() if key[1] != message.id}
        self.world.tell(room, message)
        return web.json_response({"id": message.id})

    def _delete(self, call: Call) -> web.StreamResponse:
        room, message = self._own(call)
        _writable(room)
        message.deleted, message.modified = True, self.world.clock()
        self.world.tell(room, message)
        return web.Response()

    def _react(self, call: Call) -> web.StreamResponse:
        room, message, kind = self._reacted(call)
        users = message.reactions.setdefault(kind, [])
        if self.world.bot_id not in users:
            users.append(self.world.bot_id)
            self.world.tell(room, message)
        return web.Response()

    def _unreact(self, call: Call) -> web.StreamResponse:
        room, message, kind = self._reacted(call)
        users = message.reactions.get(kind, [])
        if self.world.bot_id not in users:
            raise ApiError(404, "ReactionNotFound", "The bot has not reacted so.")
        users.remove(self.world.bot_id)
        self.world.tell(room, message)
        return web.Response()

    def _reacted(self, call: Call) -> tuple[Room, Message, str]:
        room, root = self._place(call.part("conversation"))
        kind = call.part("kind")
        if not activities.known_reaction(kind):
            raise ApiError(400, "BadArgument", f"The reaction type {kind!r} is not known.")
        if call.part("activity") in self.world.targeted:
            raise ApiError(400, "BadArgument", "Targeted messages take no reactions.")
        return room, _standing(room, root, room.messages.get(call.part("activity"))), kind

    def _place(self, conversation: str) -> tuple[Room, str | None]:
        base, root = split(conversation)
        room = self.world.place(base)
        if root is None:
            return room, None
        if room.kind == "personal":
            raise ApiError(400, "BadArgument", "Threads in personal chats are not supported.")
        if not root.isascii() or not root.isdigit() or int(root) == 0:
            raise ApiError(400, "BadArgument", f"Invalid thread message id {root!r}.")
        first = room.messages.get(root)
        if first is None or first.root != root:
            raise ApiError(400, "BadArgument", f"The thread {root} is not known in this conversation.")
        return room, root

    def _own(self, call: Call) -> tuple[Room, Message]:
        room, root = self._place(call.part("conversation"))
        activity = call.part("activity")
        if _is_targeted(call):
            found = self.world.targeted.get(activity)
            message = found[1] if found is not None and found[0] is room else None
        else:
            message = room.messages.get(activity)
        message = _standing(room, root, message)
        if message.sender is not None:
            raise ApiError(403, "Forbidden", "The bot may change its own messages only.")
        return room, message

    def _sent(self, room: Room, root: str | None, activity: Json) -> Message:
        self.world.typing.pop((room.id, root or ""), None)
        return self.world.keep(room, self._message(room, root, activity))

    def _message(self, room: Room, root: str | None, activity: Json, to: User | None = None) -> Message:
        number, now = self.world.new_id(), self.world.clock()
        message = Message(
            id=number, root=root or number, sender=None, created=now, modified=now, to=to.id if to is not None else ""
        )
        _put(message, activity)
        return message


def _put(message: Message, activity: Mapping[str, Any]) -> None:
    """The whole activity replaces what the message was."""
    message.text = str(activity.get("text") or "")
    message.attachments = list(activity.get("attachments") or [])
    message.summary = str(activity.get("summary") or "")
    message.importance = str(activity.get("importance") or "normal")
    entities = list(activity.get("entities") or [])
    for attachment in message.attachments:
        entities += object_of(object_of(attachment.get("content")).get("msteams")).get("entities") or []
    mentioned = [entity["mentioned"] for entity in entities if object_of(entity).get("type") == "mention"]
    message.mentions = [(str(who["id"]), str(who["name"])) for who in mentioned]


def _standing(room: Room, root: str | None, message: Message | None) -> Message:
    if message is None or message.deleted or (root is not None and message.root != root):
        raise ApiError(404, "ActivityNotFoundInConversation", f"The activity is not found in {room.id}.")
    return message


def _writable(room: Room) -> None:
    if room.team is not None and room.team.archived:
        raise ApiError(403, "MessageWritesBlocked", "The team is archived: message writes are blocked.")
    if room.user is not None and room.user.blocks:
        raise ApiError(403, "MessageWritesBlocked", "The user blocked the conversation with the bot.")


def _is_targeted(call: Call) -> bool:
    return call.request.query.get("isTargetedActivity", "").lower() == "true"


def _posting(call: Call) -> str:
    if isinstance(call.body, dict) and call.body.get("type") == "typing":
        return "typing"
    if _is_targeted(call):
        return "targeted"
    return "post" if split(call.part("conversation"))[1] is None else "reply"


def _creating(call: Call) -> str:
    return "post" if isinstance(call.body, dict) and call.body.get("isGroup") else "direct"


def _aimed(name: str) -> Any:
    return lambda call: "targeted" if _is_targeted(call) else name


def _sends(call: Call) -> tuple[str, Windows]:
    return split(call.part("conversation"))[0], SEND


def _reacts(call: Call) -> tuple[str, Windows]:
    return split(call.part("conversation"))[0], REACT


def _creates(call: Call) -> tuple[str, Windows]:
    body = object_of(call.body)
    channel = object_of(object_of(body.get("channelData")).get("channel")).get("id")
    return str(channel or body.get("members")), SEND
