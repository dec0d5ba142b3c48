"""Activities as Microsoft would bring them, also such as the sandbox never makes."""

from typing import Any

from tests.plugins.teams_peer import Json, Peer


async def deliver(here: Peer, activity: Json, **claims: Any) -> int:
    """One activity as Microsoft would bring it; the status of our answer."""
    token = here.teams.mint(serviceurl=activity.get("serviceUrl"), **claims)
    headers = {"Authorization": f"Bearer {token}"}
    async with here.session.post(f"{here.url}/messages", json=activity, headers=headers) as answer:
        return answer.status


def changed(here: Peer, event: str, room: str | None = None, **more: Any) -> Json:
    """A conversationUpdate with that eventType."""
    teams = here.teams
    place = teams.room(room) if room else None
    return {**teams.events.changed(teams.person(here.bea), teams.team(here.team), event, place), **more}
