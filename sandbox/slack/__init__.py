"""Slack's Web API, Events API and Socket Mode on loopback, as strict as Slack."""

from sandbox.slack.delivery import Ack
from sandbox.slack.server import SlackSandbox
from sandbox.slack.wire import NotPossible

__all__ = ["Ack", "NotPossible", "SlackSandbox"]
