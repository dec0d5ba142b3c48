"""One conversation in a Slack thread and a Teams thread at once: one state, everything once, no echo."""

from __future__ import annotations

from sandbox.play.agents import Agent
from sandbox.play.customers import Customer
from sandbox.play.steps import Step, Steps, nothing


class Mirror:
    """One customer, an agent in each workspace."""

    def __init__(self, customer: Customer, slack: Agent, teams: Agent) -> None:
        self._customer = customer
        self._slack, self._teams = slack, teams
        self._step = Steps("both", customer.channel)

    async def play(self) -> list[Step]:
        customer, slack, teams, step = self._customer, self._slack, self._teams, self._step
        hello = f"Good morning, this is {customer.name}"
        threads = await step(
            "first message opens a thread in each", lambda: customer.writes(hello), lambda: self._threads()
        )
        if not threads:
            return step.done
        there, here = threads

        def once(text: str) -> bool:
            """It stands once in each thread, and the customer has it once."""
            mine = sum(text in words for words in customer.texts())
            return (slack.times(there, text), teams.times(here, text), mine) == (1, 1, 1)

        await step(
            "a reply from Teams: once in Slack, once at the customer",
            lambda: teams.replies(here, "Good morning from Teams"),
            lambda: once("Good morning from Teams"),
        )
        await step(
            "a reply from Slack: once in Teams, once at the customer",
            lambda: slack.replies(there, "Good morning from Slack"),
            lambda: once("Good morning from Slack"),
        )
        await step(
            "the answer stands in both",
            lambda: customer.writes("Which of you is it?"),
            lambda: slack.find(there, "Which of you is it?") and teams.find(here, "Which of you is it?"),
        )
        await step(
            "a note of one is the other's to read, not the customer's",
            lambda: teams.replies(here, "// she orders every spring"),
            lambda: slack.times(there, "she orders every spring") == 1,
        )
        await step(
            "one owner on both cards",
            nothing,
            lambda: slack.find(there, "Claimed by Omar Haddad") and teams.find(here, "Claimed by Omar Haddad"),
        )
        await step(
            "resolved in one, resolved in both",
            lambda: slack.presses(there, "Resolve"),
            lambda: slack.find(there, "✅ Resolved") and teams.find(here, "✅ Resolved"),
        )
        await step(
            "nothing came twice, and no note left",
            nothing,
            lambda: (
                once("Good morning from Teams")
                and once("Good morning from Slack")
                and not any("every spring" in words for words in customer.texts())
            ),
        )
        return step.done

    def _threads(self) -> tuple[str, str] | None:
        there, here = (agent.thread_of(self._customer.name) for agent in (self._slack, self._teams))
        return (there, here) if there and here else None
