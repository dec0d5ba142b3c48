"""Activities with a part that is missing or wrong: refused, or taken, and never a 500 that Microsoft answers anew."""

import contextlib
import itertools
import json
import random

from core.testing.hostile import variants
from sandbox.teams.wire import NotPossible
from tests.plugins.slack_peer import post
from tests.plugins.teams_invoking import FORM, SHOWN
from tests.plugins.teams_peer import Json, Peer, peer

#: Of all variants of an activity every so manieth is brought.
STRIDE = 9


async def _recorded(here: Peer) -> list[Json]:
    """One of every kind, as Teams brought it."""
    teams, bea, room = here.teams, here.bea, here.room
    here.desk.forms["reply"] = FORM
    thread = await here.open()
    await here.workplace.update_opening(thread, SHOWN, post())
    await teams.person_presses(bea, room, thread.thread, "Claim")
    await teams.person_presses(bea, room, thread.thread, "Reply")
    await teams.person_submits_dialog(bea, {"rich_text": "x"})
    files = [("c.png", "image/png", b"x"), ("c.pdf", "application/pdf", b"x")]
    named = [(bea, "Bea Baker")]
    said = await teams.person_posts(bea, room, "a **b**", thread.thread, mentions=named, files=files, mention_bot=True)
    await here.settle()
    await teams.person_message_action(bea, room, said, "send_to_customer")
    # Nothing is found, which is an answer as well.
    with contextlib.suppress(NotPossible):
        await teams.person_searches(bea, "canned", "x", room=room)
    await teams.person_edits(bea, room, said, "b")
    await teams.person_deletes(bea, room, said)
    await teams.person_reacts(bea, room, thread.thread, "like")
    await teams.person_messages_bot(bea, "queue")
    await teams.install(here.team, room)
    await here.settle()
    return [*{(one.type, one.name): one.activity for one in teams.deliveries}.values()]


async def test_activities_with_one_part_broken() -> None:
    async with peer() as here:
        recorded = await _recorded(here)
        assert len(recorded) >= 10
        wrong: list[str] = []
        start = random.randrange(STRIDE)
        for activity in recorded:
            broken = variants(json.dumps(activity).encode(), most=10_000)
            for what, body in itertools.islice(broken, start, None, STRIDE):
                headers = {"Authorization": f"Bearer {here.teams.mint()}", "Content-Type": "application/json"}
                async with here.session.post(f"{here.url}/messages", data=body, headers=headers) as answer:
                    if answer.status not in (200, 400, 401, 501):
                        wrong.append(f"{activity['type']} {activity.get('name', '')} {what}: {answer.status}")
        assert not wrong, "\n".join(wrong)
        # What was taken and cannot be understood is set aside; what comes next is handled all the same.
        await here.inbox.idle()
        here.desk.calls.clear()
        await here.teams.person_posts(here.bea, here.room, "still there?", mention_bot=True)
        await here.teams.idle()
        await here.desk.wait("said")
