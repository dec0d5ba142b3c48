"""Two agents press one button at the same moment: one owner, two truthful cards, and the slower one is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox.stage import Options, Stage
from sandbox.teams import cards
from sandbox.teams.wire import NotPossible
from sandbox.visitor import Visitor
from tests.flows.conftest import settled, until
from tests.flows.reading_teams import Json, card_words, find, installed, said, threads, told


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    options = Options(hold_seconds=0.0, limits=False, teams=True, rooms=("care/#customers",), channels=("webchat",))
    async with Stage(tmp_path_factory.mktemp("at_once"), options) as stage:
        await installed(stage)
        yield stage


async def _opening(stage: Stage, visitor: Visitor, text: str) -> Json:
    await visitor.send(text)

    def mine() -> Json | None:
        return next((one for one in threads(stage) if find(stage, one, text)), None)

    opening: Json = await until(mine, "the thread")
    return opening


def _words(stage: Stage, user: str, opening: Json) -> str:
    """The card as this person sees it."""
    return "\n".join(card_words(stage.teams.card(user, stage.customers, opening["id"])))


async def test_two_claim_at_once(stage: Stage) -> None:
    teams, people = stage.teams, (stage.care_bea, stage.care_omar)
    async with Visitor(stage.website, about={"name": "Wilma"}) as visitor:
        opening = await _opening(stage, visitor, "Who is it?")
        pressed = await asyncio.gather(
            *(teams.person_presses(user, stage.customers, opening["id"], "Claim") for user in people)
        )
        assert [one.ok for one in pressed] == [True, True], pressed
        names = {user: teams.person(user).name for user in people}
        shown = ["\n".join(card_words(one.card)) for one in pressed]
        # Both see at once who it is, and neither can claim it again.
        [owner] = [user for user in people if all(f"Claimed by {names[user]}" in card for card in shown)]
        for one in pressed:
            assert "Claim" not in [button.get("title") for button in cards.buttons(one.card)]
        [loser] = [user for user in people if user != owner]
        await until(lambda: any(f"{names[owner]} was quicker" in words for words in told(stage, loser)), "she is told")
        assert not told(stage, owner)

        def redrawn() -> bool:
            card = next(one for one in teams.messages(stage.customers) if one["id"] == opening["id"])
            return f"Claimed by {names[owner]}" in str(card["attachments"])

        await until(redrawn, "the card for everybody")
        await settled(stage)
        for user in people:
            assert f"Claimed by {names[owner]}" in _words(stage, user, opening)
        # Nothing was said in the thread, and nothing to the customer.
        assert len(said(stage, opening)) == 1
        assert visitor.texts(mine=False) == []


async def test_two_resolve_at_once(stage: Stage) -> None:
    teams, people = stage.teams, (stage.care_bea, stage.care_omar)
    async with Visitor(stage.website, about={"name": "Nora"}) as visitor:
        opening = await _opening(stage, visitor, "Nothing more")
        before = [told(stage, user) for user in people]
        pressed = await asyncio.gather(
            *(teams.person_presses(user, stage.customers, opening["id"], "Resolve") for user in people)
        )
        assert all("Resolved" in "\n".join(card_words(one.card)) for one in pressed), pressed
        await until(lambda: find(stage, opening, "resolved this conversation"), "the sentence")
        await until(lambda: [told(stage, user) for user in people] != before, "the slower one is told")
        await settled(stage)
        assert sum("resolved this conversation" in words for words in said(stage, opening)) == 1


async def test_guests_and_strangers_change_nothing(stage: Stage) -> None:
    teams = stage.teams
    guest = teams.add_user("Gil Guest", guest=True)
    stranger = teams.add_user("Olga Other", tenant="99999999-51a4-4d3c-8f6e-0f9b3a5d7e02")
    for user in (guest, stranger):
        await teams.add_member(stage.team, user)
    async with Visitor(stage.website, about={"name": "Vera"}) as visitor:
        opening = await _opening(stage, visitor, "Are you there?")
        for user in (guest, stranger):
            pressed = await teams.person_presses(user, stage.customers, opening["id"], "Resolve")
            assert "Resolved" not in "\n".join(card_words(pressed.card or {}))
            await teams.person_posts(user, stage.customers, "hello from outside", opening["id"])
            asked = await teams.person_presses(user, stage.customers, opening["id"], "Reply")
            if asked.dialog is not None:
                await teams.person_submits_dialog(user, {"rich_text": "hello from a form"})
            sent = await teams.person_posts(user, stage.customers, "// for the menu", opening["id"])
            await teams.idle()
            await teams.person_message_action(user, stage.customers, sent, "send_to_customer")
            await until(lambda user=user: told(stage, user), "a private word")
            with pytest.raises(NotPossible, match="Nothing was found"):
                await teams.person_searches(user, "conversations", "Vera", room=stage.customers)
        await teams.person_posts(stage.care_bea, stage.customers, "from us", opening["id"])
        await visitor.until(lambda: visitor.texts(mine=False))
        await settled(stage)
        assert visitor.texts(mine=False) == ["from us"]
