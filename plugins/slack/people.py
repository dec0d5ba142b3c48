"""Who somebody in the workspace is: asked of Slack, remembered for a while, never for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.contracts.errors import CredentialsRejected, PermanentFailure, TemporaryFailure
from core.contracts.remembered import Remembered
from core.contracts.text import line
from core.contracts.workplace import AgentProfile, Standing
from plugins.slack.api import Identity, SlackApi
from plugins.slack.parse import Names

MAX_NAME = 80
#: More people than one message names; the rest stay "@someone".
MOST_NAMED = 20


class People:
    """The workspace's people and the names of its rooms."""

    def __init__(self, workspace: str, api: SlackApi, now: Callable[[], datetime], *, allow_guests: bool) -> None:
        self._workspace = workspace
        self._api = api
        self._allow_guests = allow_guests
        self._profiles: Remembered[AgentProfile] = Remembered(now)
        self._rooms: Remembered[str] = Remembered(now)

    async def profile(self, user_id: str, *, team: str = "") -> AgentProfile:
        """Who this is. `team` is the workspace that an event says she writes from. Raises as `Bridge.send`."""
        found = await self._profile(user_id)
        if team and found.standing in {Standing.MEMBER, Standing.GUEST}:
            us = await self._api.identity()
            # On Grid one person's events may name any workspace of the organisation; users.info decides there.
            if not us.enterprise_id and team != us.team_id:
                return replace(found, standing=Standing.OUTSIDER)
        return found

    async def names(self, mentioned: Iterable[tuple[str, str]]) -> Names:
        """Labels for what a message mentions; what cannot be found out is left out."""
        labels: dict[tuple[str, str], str] = {}
        for kind, id_ in sorted(mentioned)[:MOST_NAMED]:
            try:
                if kind == "user":
                    labels[kind, id_] = f"@{(await self._profile(id_)).name}"
                elif kind == "room":
                    labels[kind, id_] = f"#{await self.room(id_)}"
            except (PermanentFailure, TemporaryFailure, CredentialsRejected):
                continue
        return labels

    async def room(self, room: str) -> str:
        """A room's name. Raises as `Bridge.send`."""
        known = self._rooms.get(room)
        if known is None:
            answer = await self._api.call("conversations.info", channel=room)
            known = str((answer.get("channel") or {}).get("name") or "a-channel")
            self._rooms.put(room, known)
        return known

    def forget(self, user_id: str) -> None:
        """What is known of her may have changed."""
        self._profiles.drop(user_id)

    async def _profile(self, user_id: str) -> AgentProfile:
        known = self._profiles.get(user_id)
        if known is not None:
            return known
        us = await self._api.identity()
        try:
            answer = await self._api.call("users.info", user=user_id, include_locale=True)
        except PermanentFailure:
            # Slack shows us nothing of people whom we share no channel with any more.
            found = AgentProfile(
                workspace=self._workspace, agent_id=user_id, name="Somebody", standing=Standing.OUTSIDER
            )
        else:
            found = self._read(answer.get("user") or {}, user_id, us)
        self._profiles.put(user_id, found)
        return found

    def _read(self, user: Mapping[str, Any], user_id: str, us: Identity) -> AgentProfile:
        profile = user.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or user.get("real_name") or user.get("name")
        picture = str(profile.get("image_192") or profile.get("image_72") or "")
        return AgentProfile(
            workspace=self._workspace,
            agent_id=user_id,
            name=line(str(name or ""), limit=MAX_NAME) or user_id,
            standing=self._standing(user, us),
            email=str(profile.get("email") or ""),
            timezone=_zone(str(user.get("tz") or "")),
            avatar_url=picture if picture.startswith("https://") else "",
            language=str(user.get("locale") or ""),
        )

    def _standing(self, user: Mapping[str, Any], us: Identity) -> Standing:
        if user.get("is_bot") or user.get("id") == "USLACKBOT":
            return Standing.MACHINE
        team = str(user.get("team_id") or "")
        enterprise = str((user.get("enterprise_user") or {}).get("enterprise_id") or "")
        at_home = team == us.team_id or bool(us.enterprise_id and enterprise == us.enterprise_id)
        if user.get("is_stranger") or user.get("deleted") or not at_home:
            return Standing.OUTSIDER
        if user.get("is_restricted") or user.get("is_ultra_restricted"):
            return Standing.MEMBER if self._allow_guests else Standing.GUEST
        return Standing.MEMBER


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ValueError, OSError):
        return "UTC"
