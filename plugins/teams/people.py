"""Who somebody in the tenant is: asked of the team's roster, remembered for a while, never for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.contracts.errors import PermanentFailure
from core.contracts.remembered import Remembered
from core.contracts.text import line
from core.contracts.workplace import AgentProfile, Standing
from plugins.teams.directory import Directory
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport

Json = Mapping[str, Any]

MAX_NAME = 80
#: Ids of bots; people's begin with "29:".
MACHINE = "28:"


class People:
    """The people of the teams that have the app."""

    def __init__(
        self,
        workspace: str,
        settings: TeamsSettings,
        transport: Transport,
        directory: Directory,
        now: Callable[[], datetime],
    ) -> None:
        self._workspace = workspace
        self._settings = settings
        self._transport = transport
        self._directory = directory
        self._profiles: Remembered[AgentProfile] = Remembered(now)
        #: What only her own client tells: (time zone, language).
        self._clients: Remembered[tuple[str, str]] = Remembered(now)
        #: The team whose roster knows her.
        self._teams: Remembered[str] = Remembered(now)

    async def author(self, activity: Json) -> AgentProfile:
        """Who made this gesture. Raises as `Bridge.send`."""
        sender = activity.get("from") or {}
        agent_id = str(sender.get("id") or "")
        data = activity.get("channelData") or {}
        self._hear_client(agent_id, activity)
        if team := str((data.get("team") or {}).get("id") or ""):
            self._teams.put(agent_id, team)
        found = await self.profile(agent_id)
        tenant = str((data.get("tenant") or {}).get("id") or "")
        if found.standing in {Standing.MEMBER, Standing.GUEST} and not self._is_ours(tenant):
            return replace(found, standing=Standing.OUTSIDER)
        return found

    async def profile(self, agent_id: str) -> AgentProfile:
        """Who this is; somebody whom no roster knows is an outsider. Raises as `Bridge.send`."""
        known = self._profiles.get(agent_id)
        if known is None:
            known = await self._ask(agent_id)
            self._profiles.put(agent_id, known)
        timezone, language = self._clients.get(agent_id) or ("UTC", "")
        return replace(known, timezone=timezone, language=language)

    async def read_roster(self, team_id: str) -> None:
        """Learns everybody of a team at once. Raises as `Bridge.send`."""
        team = (await self._directory.teams()).get(team_id)
        if team is None:
            return
        for member in await self._transport.members(team["service_url"], team_id):
            agent_id = str(member.get("id") or "")
            self._teams.put(agent_id, team_id)
            self._profiles.put(agent_id, self._read(member, agent_id))

    def forget(self, agent_id: str) -> None:
        """What is known of her may have changed."""
        self._profiles.drop(agent_id)

    async def _ask(self, agent_id: str) -> AgentProfile:
        if agent_id.startswith(MACHINE):
            return self._nobody(agent_id, Standing.MACHINE)
        teams = await self._directory.teams()
        first = self._teams.get(agent_id)
        for team_id in sorted(teams, key=lambda one: one != first):
            try:
                member = await self._transport.member(teams[team_id]["service_url"], team_id, agent_id)
            except PermanentFailure:
                continue
            self._teams.put(agent_id, team_id)
            return self._read(member, agent_id)
        return self._nobody(agent_id, Standing.OUTSIDER)

    def _nobody(self, agent_id: str, standing: Standing) -> AgentProfile:
        return AgentProfile(workspace=self._workspace, agent_id=agent_id, name="Somebody", standing=standing)

    def _read(self, member: Json, agent_id: str) -> AgentProfile:
        return AgentProfile(
            workspace=self._workspace,
            agent_id=agent_id,
            name=line(str(member.get("name") or member.get("givenName") or ""), limit=MAX_NAME) or "Somebody",
            standing=self._standing(member),
            email=str(member.get("email") or member.get("userPrincipalName") or ""),
            directory_id=str(member.get("aadObjectId") or member.get("objectId") or ""),
        )

    def _standing(self, member: Json) -> Standing:
        role = str(member.get("userRole") or "").lower()
        if role == "anonymous" or not self._is_ours(str(member.get("tenantId") or "")):
            return Standing.OUTSIDER
        if role == "guest":
            return Standing.MEMBER if self._settings.allow_guests else Standing.GUEST
        return Standing.MEMBER

    def _is_ours(self, tenant: str) -> bool:
        """Only people of the installed tenant answer customers; a stand-in for Teams has no tenants."""
        return self._settings.development or tenant.casefold() == self._settings.tenant_id.casefold()

    def _hear_client(self, agent_id: str, activity: Json) -> None:
        """The time zone and language that a client sends along."""
        for entity in activity.get("entities") or ():
            if isinstance(entity, dict) and entity.get("type") == "clientInfo":
                timezone = _zone(str(entity.get("timezone") or activity.get("localTimezone") or ""))
                self._clients.put(agent_id, (timezone, str(entity.get("locale") or "")[:35]))


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ValueError, OSError):
        return "UTC"
