"""Switches with which a visitor makes the vendors misbehave, to see what the product says then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.faults import Fault, Faults
from sandbox.mail import MailSandbox, reply
from sandbox.page.uploads import Asked, BadRequest
from sandbox.slack import SlackSandbox
from sandbox.teams import TeamsSandbox
from sandbox.telegram import TelegramSandbox

#: What the product calls to bring a customer's words into a thread.
_POSTING = ("chat.postMessage", "chat.update", "files.completeUploadExternal")
_IN_TEAMS = ("post", "reply", "edit", "targeted")
_SENDING = ("sendMessage", "sendPhoto", "sendDocument", "sendMediaGroup", "sendVoice", "sendVideo", "sendAudio")


def _refused(code: str, message: str) -> dict[str, Any]:
    """As the Bot Connector words it."""
    return {"error": {"code": code, "message": message}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One kind of trouble."""

    id: str
    vendor: str
    title: str
    detail: str
    methods: tuple[str, ...] = ()
    fault: Fault | None = None


SWITCHES: tuple[Switch, ...] = (
    Switch(
        id="slack_429",
        vendor="slack",
        title="Too many requests",
        detail="Every post is answered 429 with Retry-After: 5. Messages wait, in order.",
        methods=_POSTING,
        fault=Fault(status=429, body={"ok": False, "error": "ratelimited"}, headers={"Retry-After": "5"}),
    ),
    Switch(
        id="slack_500",
        vendor="slack",
        title="Server errors",
        detail="Every post is answered 500. Nobody knows whether it stands.",
        methods=_POSTING,
        fault=Fault(status=500, body={"ok": False, "error": "internal_error"}),
    ),
    Switch(
        id="slack_lost",
        vendor="slack",
        title="Answers get lost",
        detail="Posts arrive, then the connection is cut after three seconds.",
        methods=("chat.postMessage",),
        fault=Fault(delay=3.0, drop="after"),
    ),
    Switch(
        id="slack_token",
        vendor="slack",
        title="Token revoked",
        detail="An administrator takes the app's token away. Switching off installs it again.",
    ),
    Switch(
        id="slack_archive",
        vendor="slack",
        title="Room archived",
        detail="The first room is archived. Switching off opens it again.",
    ),
    Switch(
        id="teams_429",
        vendor="teams",
        title="Too many requests",
        detail="Every post is answered 429 with Retry-After: 5. Messages wait, in order.",
        methods=_IN_TEAMS,
        fault=Fault(status=429, body=_refused("TooManyRequests", "Quota exceeded."), headers={"Retry-After": "5"}),
    ),
    Switch(
        id="teams_500",
        vendor="teams",
        title="Server errors",
        detail="Every post is answered 500. Nobody knows whether it stands.",
        methods=_IN_TEAMS,
        fault=Fault(status=500, body=_refused("InternalServerError", "Something went wrong.")),
    ),
    Switch(
        id="teams_lost",
        vendor="teams",
        title="Answers get lost",
        detail="Posts arrive, then the connection is cut after three seconds.",
        methods=("post", "reply"),
        fault=Fault(delay=3.0, drop="after"),
    ),
    Switch(
        id="teams_413",
        vendor="teams",
        title="Message too large",
        detail="Every reply is answered 413, as if it were above Teams' limit of 100 KB.",
        methods=("reply",),
        fault=Fault(status=413, body=_refused("MessageSizeTooBig", "Message size too large.")),
    ),
    Switch(
        id="teams_secret",
        vendor="teams",
        title="Secret revoked",
        detail="An administrator deletes the app's secret. Switching off restores it.",
    ),
    Switch(
        id="teams_app",
        vendor="teams",
        title="App removed",
        detail="An owner removes the app from the team. Switching off installs it again.",
    ),
    Switch(
        id="teams_channel",
        vendor="teams",
        title="Channel deleted",
        detail="The first channel is deleted. Switching off restores it.",
    ),
    Switch(
        id="telegram_429",
        vendor="telegram",
        title="Flood control",
        detail="Every send is answered 429, retry after 5 seconds.",
        methods=_SENDING,
        fault=Fault(
            status=429,
            body={
                "ok": False,
                "error_code": 429,
                "description": "Too Many Requests: retry after 5",
                "parameters": {"retry_after": 5},
            },
            headers={"Retry-After": "5"},
        ),
    ),
    Switch(
        id="telegram_lost",
        vendor="telegram",
        title="Answers get lost",
        detail="Messages reach the phone, then the connection is cut.",
        methods=_SENDING,
        fault=Fault(delay=1.0, drop="after"),
    ),
    Switch(
        id="telegram_blocked",
        vendor="telegram",
        title="Customer blocks the bot",
        detail="Replies are answered 403. Switching off unblocks it.",
    ),
    Switch(
        id="smtp_451",
        vendor="mail",
        title="Try again later",
        detail="The mail server answers 451 to every recipient, as greylisting does.",
        methods=("smtp.rcpt",),
        fault=reply(451, "4.7.1 Greylisted, try again later"),
    ),
    Switch(
        id="smtp_550",
        vendor="mail",
        title="No such mailbox",
        detail="The mail server refuses every recipient with 550.",
        methods=("smtp.rcpt",),
        fault=reply(550, "5.1.1 No such user here"),
    ),
    Switch(
        id="smtp_down",
        vendor="mail",
        title="Server gone",
        detail="Connections to the SMTP server are cut at once.",
        methods=("smtp.connect",),
        fault=Fault(drop="before"),
    ),
)


class Switchboard:
    """Which troubles are on."""

    def __init__(
        self,
        slack: SlackSandbox,
        telegram: TelegramSandbox,
        mail: MailSandbox,
        teams: TeamsSandbox | None,
        *,
        rooms: Sequence[str],
        phones: Sequence[int],
        teams_rooms: Sequence[str],
    ) -> None:
        self._slack, self._telegram, self._mail, self._teams = slack, telegram, mail, teams
        self._rooms, self._phones, self._teams_rooms = rooms, phones, teams_rooms
        self._switches = tuple(switch for switch in SWITCHES if teams is not None or switch.vendor != "teams")
        self._on: list[str] = []

    @property
    def on(self) -> list[str]:
        """The ids of those that are on, oldest first."""
        return list(self._on)

    def offered(self) -> list[dict[str, Any]]:
        """All of them, for the page."""
        return [{"id": s.id, "vendor": s.vendor, "title": s.title, "detail": s.detail} for s in self._switches]

    async def turn(self, asked: Asked) -> list[str]:
        """Turns one on or off. Raises: BadRequest."""
        name, wanted = asked.text("id"), asked.flag("on")
        switch = next((switch for switch in self._switches if switch.id == name), None)
        if switch is None:
            raise BadRequest(f"There is no trouble called {name}")
        if wanted == (name in self._on):
            return self.on
        if wanted:
            self._on.append(name)
        else:
            self._on.remove(name)
        if switch.fault is not None:
            self._arrange(switch)
        elif switch.vendor == "teams" and self._teams is not None:
            await self._in_teams(self._teams, name, wanted)
        else:
            await self._carry_out(name, wanted)
        return self.on

    def _arrange(self, changed: Switch) -> None:
        """Several troubles may share a method: the one switched on last is met."""
        faults = self._faults(changed.vendor)
        for method in changed.methods:
            faults.clear(method)
        by_id = {switch.id: switch for switch in SWITCHES}
        for switch in (by_id[name] for name in self._on):
            for method in set(switch.methods) & set(changed.methods) if switch.vendor == changed.vendor else ():
                if switch.fault is not None:
                    faults.stand(method, switch.fault)

    def _faults(self, vendor: str) -> Faults:
        if vendor == "teams" and self._teams is not None:
            return self._teams.faults
        return {"slack": self._slack.faults, "telegram": self._telegram.faults, "mail": self._mail.faults}[vendor]

    async def _carry_out(self, name: str, wanted: bool) -> None:
        match name, wanted:
            case "slack_token", True:
                self._slack.revoke_token()
            case "slack_token", False:
                self._slack.restore_token()
            case "slack_archive", _ if self._rooms:
                change = self._slack.archive_channel if wanted else self._slack.unarchive_channel
                change(self._rooms[0])
            case "telegram_blocked", _:
                for user in self._phones:
                    await (self._telegram.customer_blocks if wanted else self._telegram.customer_unblocks)(user)

    async def _in_teams(self, teams: TeamsSandbox, name: str, wanted: bool) -> None:
        match name, wanted:
            case "teams_secret", True:
                teams.revoke_secret()
            case "teams_secret", False:
                teams.restore_secret()
            case "teams_app", _ if self._teams_rooms:
                room = teams.world.rooms[self._teams_rooms[0]]
                if room.team is not None:
                    await (teams.uninstall if wanted else teams.install)(room.team.id)
            case "teams_channel", _ if self._teams_rooms:
                await (teams.delete_channel if wanted else teams.restore_channel)(self._teams_rooms[0])
