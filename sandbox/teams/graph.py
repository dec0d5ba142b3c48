"""Microsoft Graph, as far as an app with resource-specific consent gets: messages, pictures, and files."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterable
from urllib.parse import quote

from aiohttp import web

from sandbox.faults import Faults
from sandbox.teams.graph_shapes import GraphShapes
from sandbox.teams.web import Call, FrontDoor
from sandbox.teams.wire import ApiError, Json
from sandbox.teams.world import File, Message, Room, World

#: https://learn.microsoft.com/graph/api/channel-list-messages: 20 a page unless asked, at most 50.
PAGE, LARGEST_PAGE = 20, 50
#: Seconds for which an address that needs no token holds.
DOWNLOAD_LASTS = 3600.0


class Graph:
    """`/v1.0/...`, and the addresses without a token to which it leads."""

    def __init__(self, world: World, door: FrontDoor, shapes: GraphShapes, faults: Faults) -> None:
        self.world, self.door, self.shapes, self.faults = world, door, shapes, faults

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        there = "/v1.0/teams/{team}/channels/{channel}/messages"
        messages, file = self.door.graph, "graph.file"
        return [
            web.get(there, messages("graph.messages", self._roots)),
            web.get(f"{there}/{{root}}", messages("graph.messages", self._one)),
            web.get(f"{there}/{{root}}/replies", messages("graph.messages", self._replies)),
            web.get(f"{there}/{{root}}/replies/{{id}}", messages("graph.messages", self._one)),
            web.get(f"{there}/{{root}}/hostedContents/{{file}}/$value", messages(file, self._picture)),
            web.get(f"{there}/{{root}}/replies/{{id}}/hostedContents/{{file}}/$value", messages(file, self._picture)),
            web.get("/v1.0/shares/{share}/driveItem/content", messages(file, self._content)),
            web.get("/v1.0/shares/{share}/driveItem", messages(file, self._item)),
            web.get("/download/{file}", self._download),
        ]

    def _channel(self, call: Call) -> Room:
        group = call.part("team")
        try:
            uuid.UUID(group)
        except ValueError:
            raise ApiError(400, "BadRequest", f"teamId '{group}' needs to be a valid GUID.") from None
        team = self.world.by_group(group)
        room = self.world.rooms.get(call.part("channel"))
        if team is None or team.deleted:
            raise ApiError(404, "NotFound", f"No team found with Group Id {group}")
        if not self.world.rsc or not team.installed:
            needed = "ChannelMessage.Read.All, ChannelMessage.Read.Group, Group.Read.All"
            words = f"Missing role permissions on the request. API requires one of '{needed}'. Roles on the request ''."
            raise ApiError(403, "Forbidden", words)
        if room is None or room.team is not team or room.deleted:
            raise ApiError(404, "NotFound", "NotFound: the channel does not exist in the team.")
        return room

    def _roots(self, call: Call) -> web.StreamResponse:
        room = self._channel(call)
        # Threads with a new reply come first: https://learn.microsoft.com/graph/api/channel-list-messages
        latest: dict[str, str] = {}
        for message in room.messages.values():
            latest[message.root] = message.id
        newest = sorted(latest, key=lambda root: int(latest[root]), reverse=True)
        return self._page(call, room, (room.messages[root] for root in newest if root in room.messages))

    def _replies(self, call: Call) -> web.StreamResponse:
        room = self._channel(call)
        root = self._message(room, call.part("root"))
        replies = [message for message in reversed(room.thread(root.id)) if message is not root]
        return self._page(call, room, replies)

    def _one(self, call: Call) -> web.StreamResponse:
        room, message = self._meant(call)
        return web.json_response(self.shapes.message(room, message))

    def _meant(self, call: Call) -> tuple[Room, Message]:
        room = self._channel(call)
        root = self._message(room, call.part("root"))
        if "id" not in call.request.match_info:
            if root.root != root.id:
                raise ApiError(404, "NotFound", "NotFound: a reply is read under its root.")
            return room, root
        message = self._message(room, call.part("id"))
        if message.root != root.id:
            raise ApiError(404, "NotFound", "NotFound: the reply is of another thread.")
        return room, message

    def _message(self, room: Room, id: str) -> Message:
        message = room.messages.get(id)
        if message is None:
            raise ApiError(404, "NotFound", "NotFound: the message does not exist.")
        return message

    def _page(self, call: Call, room: Room, found: Iterable[Message]) -> web.StreamResponse:
        query = call.request.query
        try:
            size = int(query.get("$top", str(PAGE)))
            start = int(query.get("$skiptoken", "0"))
        except ValueError:
            raise ApiError(400, "BadRequest", "Invalid $top or $skiptoken.") from None
        if not 1 <= size <= LARGEST_PAGE:
            raise ApiError(400, "BadRequest", f"Invalid page size: $top must be between 1 and {LARGEST_PAGE}.")
        if unknown := set(query) - {"$top", "$skiptoken", "$expand"}:
            raise ApiError(400, "BadRequest", f"The query option {sorted(unknown)[0]} is not supported.")
        latest = self.world.clock() - self.world.graph_lag
        listed = [message for message in found if message.created <= latest]
        answer: Json = {
            "@odata.context": f"{self.world.url}/v1.0/$metadata#chatMessages",
            "@odata.count": len(listed[start : start + size]),
            "value": [self.shapes.message(room, message) for message in listed[start : start + size]],
        }
        if start + size < len(listed):
            path = quote(call.request.path, safe="/:@$;")
            answer["@odata.nextLink"] = f"{self.world.url}{path}?$top={size}&$skiptoken={start + size}"
        return web.json_response(answer)

    def _picture(self, call: Call) -> web.StreamResponse:
        _room, message = self._meant(call)
        file = next((file for file in message.files if file.id == call.part("file") and file.inline), None)
        if file is None or message.deleted:
            raise ApiError(404, "NotFound", "NotFound: the hosted content does not exist.")
        return web.Response(body=file.content, content_type=file.mime)

    def _item(self, call: Call) -> web.StreamResponse:
        file = self._shared(call)
        return web.json_response(
            {"id": file.id, "name": file.name, "size": len(file.content), "file": {"mimeType": file.mime}}
            | {"webUrl": file.url, "@microsoft.graph.downloadUrl": self._address(file)}
        )

    def _content(self, call: Call) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": self._address(self._shared(call))})

    def _shared(self, call: Call) -> File:
        """https://learn.microsoft.com/graph/api/shares-get: `u!` and the address in base64 for URLs, without `=`."""
        if not self.world.files_permission:
            raise ApiError(403, "accessDenied", "Either scp or roles claim need to be present in the token.")
        share = call.part("share")
        if re.fullmatch(r"u![A-Za-z0-9_-]+", share) is None:
            raise ApiError(400, "invalidRequest", "The sharing token is invalid.")
        encoded = share.removeprefix("u!")
        try:
            url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ApiError(400, "invalidRequest", "The sharing token is invalid.") from None
        file = next((file for file in self.world.files.values() if file.url and file.url == url), None)
        if file is None:
            raise ApiError(404, "itemNotFound", "The sharing link no longer exists.")
        return file

    def _address(self, file: File) -> str:
        return f"{self.world.url}/download/{file.id}?tempauth={self.world.ticket(file.id, DOWNLOAD_LASTS)}"

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Without a token; the ticket in the address ends soon."""

        async def answer() -> web.StreamResponse:
            file = self.world.files.get(request.match_info["file"])
            if file is None or not self.world.opens(request.query.get("tempauth", ""), file.id):
                return web.Response(status=401, text="The ticket is over.")
            return web.Response(body=file.content, content_type=file.mime)

        return await self.faults.around("download", request, answer)
