"""Proves that the app works in a tenant, and names what is missing and where to click."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

import aiohttp

from core.contracts.errors import AdapterError, CredentialsRejected, PermanentFailure
from core.contracts.workplace import WorkplaceRuntime
from plugins.teams.directory import Directory
from plugins.teams.settings import TeamsSettings
from plugins.teams.transport import Transport

#: Seconds for our own address to answer.
PATIENCE = 5.0
NO_TEAM = (
    "The app is in no team yet. Upload the package of `threadbridge manifest teams` (Teams > Apps > Manage your apps > "
    "Upload), add it to a team, and mention it there once if Threadbridge was not running at the time."
)


class Checking:
    """Asks Microsoft, and our own address."""

    def __init__(
        self, settings: TeamsSettings, runtime: WorkplaceRuntime, transport: Transport, directory: Directory
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._transport = transport
        self._directory = directory

    async def check(self) -> str:
        """As `Workplace.check`: the credentials work."""
        if self._settings.development:
            return "Microsoft Teams, stood in for by a developer's tool: nothing is signed"
        await self._transport.check_token()
        teams = await self._directory.teams()
        names = ", ".join(sorted(str(team["name"]) for team in teams.values())) or "no team yet"
        return f"Microsoft Teams tenant {self._settings.tenant_id}, app {self._settings.app_id}, in {names}"

    async def lacking(self) -> Sequence[str]:
        """As `Inspects.lacking`."""
        found = [await self._endpoint()]
        teams = await self._directory.teams()
        if not teams:
            found.append(NO_TEAM)
        for team_id, team in teams.items():
            found.append(await self._team(team_id, str(team["name"]), str(team["group"])))
        return [sentence for sentence in found if sentence]

    async def _endpoint(self) -> str:
        """Our own address, asked as a stranger would: it must be there and refuse."""
        if not self._runtime.url:
            return "public_url is not set: Microsoft must be told where to call us."
        address = f"{self._runtime.url}/messages"
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._runtime.session.post(address, json={"type": "message"}, allow_redirects=False) as answer,
            ):
                # A developer's tool signs nothing, but names the address to answer at, which this does not.
                if answer.status == 401:
                    return ""
                return (
                    f"{address} answers {answer.status} where Threadbridge answers 401: something else listens there, "
                    "or a proxy in front of it does not pass the path on."
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as problem:
            return (
                f"{address} cannot be reached ({type(problem).__name__}): is `threadbridge serve` running, and does "
                "the address lead to it? It is the messaging endpoint in Azure Bot > Settings > Configuration."
            )

    async def _team(self, team_id: str, name: str, group: str) -> str:
        try:
            channels = await self._directory.channels(team_id, lately=True)
        except CredentialsRejected:
            raise
        except AdapterError as problem:
            return f"The team {name} cannot be read: {problem}"
        if not self._settings.asks_graph:
            return ""
        if not group:
            return f"Teams has not told the Graph id of the team {name}: mention the app there once."
        try:
            room = quote(next(iter(channels), team_id), safe="")
            await self._transport.graph(f"/teams/{quote(group, safe='')}/channels/{room}/messages?$top=1")
        except PermanentFailure as refused:
            return (
                f"In the team {name} the permission ChannelMessage.Read.Group is not granted ({refused}): agents would "
                "have to mention the app in every reply. In Teams: Manage team > Apps > Threadbridge > Permissions, or "
                "remove the app and add it again as an owner of the team."
            )
        except AdapterError as problem:
            return f"Microsoft Graph could not be asked about the team {name}: {problem}"
        return ""
