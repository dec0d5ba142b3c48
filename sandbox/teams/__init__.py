"""Microsoft Teams on loopback, as strict as Microsoft: login, Bot Connector, Graph, and the people of a tenant."""

from sandbox.teams.delivery import Answer
from sandbox.teams.interactions import Pressed
from sandbox.teams.server import TeamsSandbox
from sandbox.teams.wire import NotPossible

__all__ = ["Answer", "NotPossible", "Pressed", "TeamsSandbox"]
