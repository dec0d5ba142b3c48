"""Switches with which a visitor makes the vendors misbehave, to see what the product says then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.faults import Fault, Faults
from sandbox.mail import MailSandbox, reply
from sandbox.page.uploads import Asked, BadRequest
from sandbox.slack import SlackSandbox
from sandbox.telegram import TelegramSandbox

#: What the product calls to bring a customer's words into a thread.
_POSTING = ("chat.postMessage", "chat.update", "files.completeUploadExternal")
_SENDING = ("sendMessage", "sendPhoto", "sendDocument", "sendMediaGroup", "sendVoice", "sendVideo", "sendAudio")


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
        *,
        rooms: Sequence[str],
        phones: Sequence[int],
    ) -> None:
        self._slack, self._telegram, self._mail = slack, telegram, mail
        self._rooms, self._phones = rooms, phones
        self._on: list[str] = []

    @property
    def on(self) -> list[str]:
        """The ids of those that are on, oldest first."""
        return list(self._on)

    def offered(self) -> list[dict[str, Any]]:
        """All of them, for the page."""
        return [{"id": s.id, "vendor": s.vendor, "title": s.title, "detail": s.detail} for s in SWITCHES]

    async def turn(self, asked: Asked) -> list[str]:
        """Turns one on or off. Raises: BadRequest."""
        name, wanted = asked.text("id"), asked.flag("on")
        switch = next((switch for switch in SWITCHES if switch.id == name), None)
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
