"""A stage with rooms enough: Slack takes one post a second in each, and stories shall not wait for each other."""

from __future__ import annotations

import itertools

from sandbox.stage import Stage

ROOMS = 12
#: Lines of `threadbridge.toml`: a first message with `room-<number>.` opens its thread in a room of its own.
ROUTES = "\n".join(
    f'[[routes]]\nname = "r{number}"\nrooms = ["shop/#r{number}"]\nwhen = {{ words = ["room-{number}."] }}'
    for number in range(ROOMS)
)


class RoomyStage(Stage):
    """Set it with `extra=ROUTES`."""

    def _furnish(self) -> None:
        super()._furnish()
        self.rooms = [self.slack.add_channel(f"r{number}", members=[self.bea, self.omar]) for number in range(ROOMS)]
        for room in self.rooms:
            self.slack.invite_bot(room)
        self._turns = itertools.cycle(range(ROOMS))

    def turn(self) -> tuple[str, str]:
        """Words that open a thread where there is room, and that room."""
        number = next(self._turns)
        return f"room-{number}.", self.rooms[number]
