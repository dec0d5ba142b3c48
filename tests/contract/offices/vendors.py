"""What people of each vendor can do with their own client, so that a claim that they cannot is checked."""

from __future__ import annotations

from core.contracts.gestures import Gesture
from sandbox.slack import SlackSandbox
from sandbox.teams import TeamsSandbox

#: The people of each workplace's sandbox, which offers what the vendor's client offers.
PERSONS: dict[str, type] = {"slack": SlackSandbox, "teams": TeamsSandbox}
#: By which gesture of theirs people do what not every vendor has.
WAYS_OF_VENDORS = {
    Gesture.RESTORE: "person_restores",
    Gesture.INSERT_CANNED: "person_inserts",
    Gesture.INSERT_CONVERSATION: "person_inserts",
}
