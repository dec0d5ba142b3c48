"""The Bot Connector's roster and teams, and the pictures of its messages."""

from __future__ import annotations

from aiohttp import web

from sandbox.teams.limits import READ, Windows
from sandbox.teams.web import Call, FrontDoor
from sandbox.teams.wire import ApiError, Json, split
from sandbox.teams.world import Room, Team, World

#: A page of members has at least and at most so many, whatever was asked for.
LEAST_PAGE, MOST_PAGE = 50, 500


class Roster:
    """Members, teams, channels, pictures."""

    def __init__(self, world: World, door: FrontDoor) -> None:
        self.world, self.door = world, door

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        door, there = self.door, "/v3/conversations/{conversation}"
        return [
            web.get(f"{there}/pagedmembers", door.connector("members", self._paged, _reads)),
            web.get(f"{there}/members", door.connector("members", self._members, _reads)),
            web.get(f"{there}/members/{{member}}", door.connector("members", self._member, _reads)),
            web.get("/v3/teams/{team}", door.connector("teams", self._team, _reads_team)),
            web.get("/v3/teams/{team}/conversations", door.connector("teams", self._channels, _reads_team)),
            web.get("/v3/attachments/{file}/views/{view}", door.connector("image", self._picture, _views)),
        ]

    def _room(self, call: Call) -> Room:
        return self.world.place(split(call.part("conversation"))[0])

    def _paged(self, call: Call) -> web.StreamResponse:
        members = self.world.members(self._room(call))
        query = call.request.query
        try:
            size = min(MOST_PAGE, max(LEAST_PAGE, int(query.get("pageSize", str(MOST_PAGE)))))
            start = int(query.get("continuationToken") or "0")
        except ValueError:
            raise ApiError(400, "BadArgument", "pageSize or continuationToken is invalid.") from None
        page: Json = {"members": [self.world.user_json(user) for user in members[start : start + size]]}
        if start + size < len(members):
            page["continuationToken"] = str(start + size)
        return web.json_response(page)

    def _members(self, call: Call) -> web.StreamResponse:
        return web.json_response([self.world.user_json(user) for user in self.world.members(self._room(call))])

    def _member(self, call: Call) -> web.StreamResponse:
        wanted = call.part("member")
        for user in self.world.members(self._room(call)):
            if wanted in {user.id, user.aad_id}:
                return web.json_response(self.world.user_json(user))
        raise ApiError(404, "MemberNotFoundInConversation", "The member is not part of the conversation.")

    def _known(self, call: Call) -> Team:
        team = self.world.teams.get(call.part("team"))
        if team is None or team.deleted:
            raise ApiError(404, "TeamNotFound", "The team was not found.")
        if not team.installed:
            raise ApiError(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.")
        return team

    def _team(self, call: Call) -> web.StreamResponse:
        team = self._known(call)
        rooms = list(self.world.team_rooms(team))
        details = {"id": team.id, "name": team.name, "aadGroupId": team.aad_group, "type": "standard"}
        counts = {"channelCount": len(rooms), "memberCount": len(team.members)}
        return web.json_response({**details, "tenantId": self.world.tenant, **counts})

    def _channels(self, call: Call) -> web.StreamResponse:
        rooms = [room for room in self.world.team_rooms(self._known(call)) if room.kind == "standard" or room.has_app]
        listed = [
            {"id": room.id, "type": room.kind}
            if room.is_general
            else {"id": room.id, "name": room.name, "type": room.kind}
            for room in rooms
        ]
        return web.json_response({"conversations": listed})

    def _picture(self, call: Call) -> web.StreamResponse:
        file = self.world.files.get(call.part("file"))
        if file is None or not file.inline:
            raise ApiError(404, "AttachmentNotFound", "The attachment was not found.")
        return web.Response(body=file.content, content_type=file.mime)


def _reads(call: Call) -> tuple[str, Windows]:
    return split(call.part("conversation"))[0], READ


def _reads_team(call: Call) -> tuple[str, Windows]:
    return call.part("team"), READ


def _views(call: Call) -> tuple[str, Windows]:
    return "attachments", READ
