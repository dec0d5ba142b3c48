"""Where the app is: teams and their channels, agents' personal chats, and where Microsoft wants to be called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.contracts.errors import DestinationUnavailable, PermanentFailure
from core.contracts.remembered import Remembered
from core.contracts.workplace import WorkplaceRuntime
from plugins.teams.transport import Transport

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

#: What the channel that every team has is called where Teams gives it no name.
GENERAL = "General"
#: Several replicas may learn; each looks again at what the others wrote after this time.
BELIEVED = timedelta(seconds=15)
#: How long channels are believed when one of them is posted in; an error or an event tells sooner.
CHANNELS_LAST = timedelta(hours=1)
#: The core asks for all rooms again and again while one is closed.
ROOMS_LAST = timedelta(seconds=20)
MOST_CHATS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What must be known to call Teams about a room."""

    service_url: str
    team: str
    tenant: str
    #: The team's id in Microsoft Graph, or "" while it is not known.
    group: str
    team_name: str
    room_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One agent's personal chat with the app."""

    service_url: str
    conversation: str
    #: The activity that shows her queue, or "".
    queue: str = ""


class Directory:
    """Learns from every activity, and remembers across restarts."""

    def __init__(self, runtime: WorkplaceRuntime, transport: Transport, tenant: str) -> None:
        self._runtime = runtime
        self._transport = transport
        self._tenant = tenant
        self._lock = asyncio.Lock()
        self._kept: Remembered[dict[str, Any]] = Remembered(runtime.now, lasts=BELIEVED)
        self._channels: Remembered[dict[str, str]] = Remembered(runtime.now, lasts=CHANNELS_LAST)
        self._listed: Remembered[bool] = Remembered(runtime.now, lasts=ROOMS_LAST)

    async def learn(self, activity: Json) -> None:
        """Takes in what an activity tells of its team: where to call about it. Raises as `Bridge.send`."""
        service_url = str(activity.get("serviceUrl") or "")
        data = activity.get("channelData") or {}
        team = data.get("team") or {}
        team_id = str(team.get("id") or "")
        if not service_url or not team_id:
            return
        known = (await self._all())["teams"].get(team_id, {})
        group = str(team.get("aadGroupId") or known.get("group") or "")
        name = str(team.get("name") or known.get("name") or "")
        if not group or not name:
            details = await self._transport.team(service_url, team_id)
            group = group or str(details.get("aadGroupId") or "")
            name = name or str(details.get("name") or "")
        tenant = str((data.get("tenant") or {}).get("id") or known.get("tenant") or self._tenant)
        news = {"service_url": service_url, "group": group, "name": name, "tenant": tenant}
        if any(known.get(key) != value for key, value in news.items()):
            await self._change("teams", team_id, news)
            self.forget_channels(team_id)

    async def renamed(self, team_id: str, name: str) -> None:
        """The team has another name."""
        await self._change("teams", team_id, {"name": name})

    async def archived(self, team_id: str, *, now: bool) -> None:
        """Whether nothing can be written in the team."""
        await self._change("teams", team_id, {"archived": now})

    async def left(self, team_id: str) -> None:
        """The app was taken out of the team, or the team is gone."""
        await self._drop("teams", team_id)
        self.forget_channels(team_id)

    def forget_channels(self, team_id: str) -> None:
        """The team's channels may have changed."""
        self._channels.drop(team_id)
        self._listed.drop(team_id)

    async def teams(self) -> Mapping[str, Json]:
        """By id: where the app is installed."""
        found: Mapping[str, Json] = (await self._all())["teams"]
        return found

    async def channels(self, team_id: str, *, lately: bool = False) -> Mapping[str, str]:
        """The channels of a team, id to name; `lately`: as Teams lists them now. Raises as `Bridge.send`."""
        known = self._channels.get(team_id)
        if known is None or (lately and self._listed.get(team_id) is None):
            team = (await self.teams())[team_id]
            listed = await self._transport.channels(team["service_url"], team_id)
            known = {str(one["id"]): str(one.get("name") or GENERAL) for one in listed}
            self._channels.put(team_id, known)
            self._listed.put(team_id, True)
            if known != team.get("channels"):
                await self._change("teams", team_id, {"channels": known})
        return known

    async def last_channels(self, team_id: str) -> Mapping[str, str]:
        """The channels of a team as it was listed last, also when it is gone."""
        found: Mapping[str, str] = (await self.teams()).get(team_id, {}).get("channels") or {}
        return found

    async def rooms(self) -> Sequence[tuple[str, str]]:
        """Every channel that we can post in; where two have one name, the team's stands before it."""
        found: list[tuple[str, str, str]] = []
        for team_id, team in (await self.teams()).items():
            if team.get("archived"):
                continue
            try:
                channels = await self.channels(team_id, lately=True)
            except PermanentFailure as gone:
                logger.info("A team cannot be read", extra={"action": "team_unreadable", "reason": str(gone)})
                continue
            found += [(room, name, str(team["name"])) for room, name in channels.items()]
        names = [name for _, name, _ in found]
        return [(room, name if names.count(name) == 1 else f"{team}/{name}") for room, name, team in found]

    async def place(self, room: str) -> Place:
        """Where a room is. Raises DestinationUnavailable for one in no team that has the app, else as `Bridge.send`."""
        for lately in (False, True):
            for team_id, team in (await self.teams()).items():
                try:
                    channels = await self.channels(team_id, lately=lately)
                except PermanentFailure:
                    continue
                if room in channels:
                    return Place(
                        service_url=team["service_url"],
                        team=team_id,
                        tenant=team["tenant"],
                        group=team["group"],
                        team_name=team["name"],
                        room_name=channels[room],
                    )
        raise DestinationUnavailable(
            f"The channel {room} is in no team that has the app: it was deleted, or the app was removed. "
            "In Teams: Manage team > Apps > Add, or choose another channel for the route."
        )

    async def chat(self, agent_id: str) -> Chat:
        """An agent's personal chat, made if there is none. Raises as `Bridge.send`."""
        known = (await self._all())["chats"].get(agent_id)
        if known is not None:
            return Chat(**known)
        # The chat is the app's with her, whichever team they met in.
        team = next(iter((await self.teams()).values()), None)
        if team is None:
            raise DestinationUnavailable("The app is in no team yet, so nobody can be written to.")
        conversation = await self._transport.create_direct(team["service_url"], agent_id, team["tenant"])
        await self.keep_chat(agent_id, team["service_url"], conversation)
        return Chat(service_url=team["service_url"], conversation=conversation)

    async def keep_chat(self, agent_id: str, service_url: str, conversation: str) -> None:
        """An agent's chat is there, or has moved."""
        known = (await self._all())["chats"].get(agent_id) or {}
        news = {"service_url": service_url, "conversation": conversation}
        if any(known.get(key) != value for key, value in news.items()):
            # A card of another chat is no longer hers.
            queue = known.get("queue", "") if known.get("conversation") == conversation else ""
            await self._change("chats", agent_id, {**news, "queue": queue})

    async def keep_queue(self, agent_id: str, activity_id: str) -> None:
        """That activity of her chat shows her queue; "": none does any more."""
        await self._change("chats", agent_id, {"queue": activity_id})

    async def _all(self) -> dict[str, Any]:
        kept = self._kept.get("")
        if kept is None:
            kept = _shaped(await self._runtime.memory.load())
            self._kept.put("", kept)
        return kept

    async def _change(self, kind: str, key: str, news: Json) -> None:
        async with self._lock:
            # Read afresh: another replica may have learnt meanwhile.
            kept = _shaped(await self._runtime.memory.load())
            entry = {**kept[kind].pop(key, {}), **news}
            kept[kind] = {**dict(list(kept[kind].items())[-MOST_CHATS:]), key: entry}
            await self._runtime.memory.save(kept)
            self._kept.put("", kept)

    async def _drop(self, kind: str, key: str) -> None:
        async with self._lock:
            kept = _shaped(await self._runtime.memory.load())
            if kept[kind].pop(key, None) is not None:
                await self._runtime.memory.save(kept)
            self._kept.put("", kept)


def _shaped(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"teams": dict(value.get("teams") or {}), "chats": dict(value.get("chats") or {})}
