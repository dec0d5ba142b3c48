"""Choices and templates in the whole product: what the customer sees, what she answers, and what the agents read."""

from __future__ import annotations

from typing import Any

from sandbox.play.agents import SlackAgent
from sandbox.slack.composer import compose
from sandbox.stage import Stage
from sandbox.visitor import Visitor
from tests.flows.conftest import Opens, until
from tests.flows.reading import find, threads
from tests.flows.telling import talk


async def _fills_in(stage: Stage, agent: SlackAgent, thread: str, label: str, *steps: dict[str, Any]) -> None:
    """Presses a button that asks, and fills in one form after the other."""
    await agent.presses(thread, label)
    for number, values in enumerate(steps):
        (view,) = await until(lambda: stage.slack.views_open(agent.user), f"the form of {label}, number {number}")
        ack = await stage.slack.person_submits_view(agent.user, view["id"], values)
        assert ack.ok, ack


def _asked(text: str, *choices: str) -> dict[str, Any]:
    return {"text": compose(text)[1][0], "choices": "\n".join(choices)}


async def test_a_visitor_of_the_website_presses_a_button(set_stage: Opens) -> None:
    async with set_stage() as stage, Visitor(stage.website, about={"name": "Wilma"}) as visitor:
        here = await talk(stage, visitor, "Wilma", "I want a cup", stage.support)
        await _fills_in(stage, here.agent, here.thread, "Reply", _asked("Which colour?", "Red", "Blue"))
        await here.arrives("Which colour?")
        [item] = [one for one in visitor.items.values() if not one["me"]]
        assert [choice["label"] for choice in item["choices"]] == ["Red", "Blue"]
        chosen = {"id": item["id"], **item["choices"][1]}
        await visitor.frame({"type": "send", "client_id": visitor.client_id(), "choice": chosen})
        await here.stands("Blue")
        await visitor.send("red")
        await here.stands("red")


async def test_whatsapp_shows_buttons_a_list_or_numbers(set_stage: Opens) -> None:
    async with set_stage(channels=("whatsapp",)) as stage:
        phone = stage.graph.whatsapp
        ada = phone.add_customer("Ada")
        await phone.customer_writes(ada, "I want a cup")
        (opening,) = await until(lambda: threads(stage), "her thread")
        agent = SlackAgent(stage.slack, stage.bea, stage.support)

        async def ask(question: str, *choices: str) -> Any:
            await _fills_in(stage, agent, opening["ts"], "Reply", _asked(question, *choices))
            shown = lambda: [one for one in phone.chat(ada) if one.ours and question in one.text]  # noqa: E731
            return (await until(shown, question))[-1]

        buttons = await ask("Which colour?", "Red", "A very long name of a colour")
        assert [label for _, label in buttons.buttons] == ["Red", "A very long name of…"]
        assert "2. A very long name of a colour" in buttons.text
        await phone.customer_presses(ada, buttons.id, buttons.buttons[1][0])
        await until(lambda: find(stage, opening, "A very long name of a colour"), "the whole of her choice")
        sizes = [f"Size {number}" for number in range(1, 11)]
        listed = await ask("Which size?", *sizes)
        assert [label for _, label in listed.buttons] == sizes
        await phone.customer_presses(ada, listed.id, listed.buttons[6][0])
        await until(lambda: find(stage, opening, "Size 7"), "her choice")
        numbered = await ask("Which town?", *(f"Town {number}" for number in range(1, 12)))
        assert not numbered.buttons
        assert "11. Town 11" in numbered.text
        await phone.customer_writes(ada, "11")
        await until(lambda: find(stage, opening, "Town 11 (“11”)"), "her choice")


async def test_after_a_day_a_template_opens_the_conversation_again(set_stage: Opens) -> None:
    async with set_stage(channels=("whatsapp",)) as stage:
        phone = stage.graph.whatsapp
        phone.add_template("ready", "Hello {{1}}, your {{2}} is ready.", header="Order {{1}}", footer="Lamp & Co")
        ada = phone.add_customer("Ada")
        await phone.customer_writes(ada, "Where is my lamp?")
        (opening,) = await until(lambda: threads(stage), "her thread")
        # Meta counts otherwise than we do, and is right.
        phone.person(ada).wrote_at -= 90_000
        agent = SlackAgent(stage.slack, stage.bea, stage.support)
        await agent.replies(opening["ts"], "It is on its way.")
        await until(lambda: find(stage, opening, "Send a template"), "the next step")
        await until(lambda: find(stage, opening, "Closed: send a template"), "a closed window on the card")
        filled = {"header.1": "#12", "body.1": "Ada", "body.2": "lamp"}
        await _fills_in(stage, agent, opening["ts"], "Send a template", {"template": "ready/en"}, filled)
        bubble = await until(lambda: next((one for one in phone.chat(ada) if one.ours), None), "the template")
        assert bubble.kind == "template"
        assert "Hello Ada, your lamp is ready." in bubble.text
        await until(lambda: find(stage, opening, "Hello Ada, your lamp is ready."), "what she reads, in the thread")
        await phone.customer_writes(ada, "Great")
        await until(lambda: find(stage, opening, "Great"), "her answer")
        await agent.replies(opening["ts"], "See you soon.")
        await until(lambda: [one for one in phone.chat(ada) if one.text == "See you soon."], "the reply")
