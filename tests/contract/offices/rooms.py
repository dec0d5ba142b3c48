"""The offices of all workplaces on one stage, with rooms enough that no story waits for another."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

from core.contracts.templates import Template, TemplateCategory
from core.testing.fakes import EVERYTHING, FakeChannel
from sandbox.stage import Stage
from tests.contract.offices.office import Office
from tests.contract.offices.slack import SlackOffice
from tests.contract.offices.teams import TeamsOffice

ROOMS = 8
OFFICES: dict[str, type[SlackOffice] | type[TeamsOffice]] = {"slack": SlackOffice, "teams": TeamsOffice}
#: Name of the workspace on the stage, by workplace.
WORKSPACES = {name: office.workspace for name, office in OFFICES.items()}


def _words(workspace: str, number: int) -> str:
    """A first message with these words opens its thread in that room."""
    return f"{workspace}-{number}."


ROUTES = "\n".join(
    f'[[routes]]\nname = "{workspace}{number}"\nrooms = ["{workspace}/#r{number}"]\n'
    f'when = {{ words = ["{_words(workspace, number)}"] }}'
    for workspace in WORKSPACES.values()
    for number in range(ROOMS)
)


#: A channel with a reply window and templates, whose vendor does what a story orders; connected by these lines.
LETTERS = "letters"
ACCOUNT = f'[[accounts]]\nname = "{LETTERS}"\nchannel = "{LETTERS}"\n'


def letters() -> FakeChannel:
    window = replace(EVERYTHING, reply_window=timedelta(hours=24), templates=True)
    channel = FakeChannel(LETTERS, capabilities=window)
    channel.templates = [
        Template(
            name="ready",
            language="en",
            category=TemplateCategory.UTILITY,
            body="Hello {{1}}, your {{2}} is ready.",
        ),
        Template(name="hello", language="en", category=TemplateCategory.UTILITY, body="We are here."),
    ]
    return channel


class Offices(Stage):
    """Set it with `teams=True` and `extra=ACCOUNT + ROUTES`, while `letters` is installed."""

    letters: FakeChannel

    def _furnish(self) -> None:
        super()._furnish()
        self._turns = itertools.cycle(range(ROOMS))
        rooms = [self.slack.add_channel(f"r{number}", members=[self.bea, self.omar]) for number in range(ROOMS)]
        for room in rooms:
            self.slack.invite_bot(room)
        self._rooms = {"slack": rooms}

    def _furnish_teams(self) -> None:
        super()._furnish_teams()
        self._rooms["teams"] = [self.teams.add_channel(self.team, f"r{number}") for number in range(ROOMS)]

    def open_office(self, workplace: str) -> tuple[Office, str]:
        """An agent in a room that nobody has used for a while, and words that open a thread there."""
        number = next(self._turns)
        office = OFFICES[workplace](self, self._rooms[workplace][number])
        return office, f"Hello from {_words(WORKSPACES[workplace], number)}"
