"""What the sandbox's Teams brings to a bot, and when: shapes, consent, redelivery, order."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from botbuilder.schema import Activity

from sandbox.faults import Fault
from sandbox.teams import NotPossible, TeamsSandbox
from tests.sandbox.teams_peer import Body, Bot, card, post, words, working

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False, patience=0.5, retry_delays=(0.0, 0.0)) as server:
        yield server


@pytest.fixture
async def bot(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    async with working(teams) as listening:
        yield listening


@pytest.fixture
def bea(teams: TeamsSandbox) -> str:
    return teams.add_user("Bea Novak", tz="Europe/Prague")


@pytest.fixture
def omar(teams: TeamsSandbox) -> str:
    return teams.add_user("Omar Haddad")


@pytest.fixture
async def team(teams: TeamsSandbox, bot: Bot, bea: str, omar: str) -> str:
    return teams.add_team("Support", [bea, omar])


@pytest.fixture
async def room(teams: TeamsSandbox, bot: Bot, team: str) -> str:
    made = teams.add_channel(team, "customers")
    await teams.install(team)
    await teams.idle()
    bot.heard.clear()
    return made


def object_id(teams: TeamsSandbox, user: str) -> str:
    return teams.world.users[user].aad_id


async def test_a_message_in_a_channel(teams: TeamsSandbox, bot: Bot, bea: str, omar: str, team: str, room: str) -> None:
    root = await teams.person_posts(bea, room, "@Omar Haddad **look**", mentions=[(omar, "Omar Haddad")])
    said = await bot.until(lambda one: one["id"] == root)
    assert said["type"] == "message"
    assert (said["channelId"], said["serviceUrl"]) == ("msteams", f"{teams.url}/")
    assert said["from"] == {"id": bea, "name": "Bea Novak", "aadObjectId": object_id(teams, bea)}
    assert said["recipient"] == {"id": teams.bot_id, "name": "Threadbridge"}
    assert said["conversation"] == {
        "id": f"{room};messageid={root}",
        "conversationType": "channel",
        "isGroup": True,
        "tenantId": teams.tenant_id,
    }
    data = said["channelData"]
    assert (data["team"], data["channel"], data["tenant"]) == ({"id": team}, {"id": room}, {"id": teams.tenant_id})
    assert (said["text"], said["textFormat"]) == ("<at>Omar Haddad</at> look", "plain")
    html = '<p><at id="0">Omar Haddad</at>&nbsp;<strong>look</strong></p>'
    assert said["attachments"] == [{"contentType": "text/html", "content": html}]
    mention = {"type": "mention", "mentioned": {"id": omar, "name": "Omar Haddad"}, "text": "<at>Omar Haddad</at>"}
    assert said["entities"][0] == mention
    assert said["entities"][1]["type"] == "clientInfo"
    assert (said["locale"], said["localTimezone"]) == ("en-US", "Europe/Prague")
    assert said["timestamp"].endswith("Z")
    assert said["localTimestamp"][-6:] in {"+01:00", "+02:00"}
    read = Activity().deserialize(said)
    assert (read.id, read.from_property.aad_object_id) == (root, object_id(teams, bea))


async def test_a_reply_names_its_root_and_only_sometimes_what_it_answers(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    root = await teams.person_posts(bea, room, "root")
    replies = [await teams.person_posts(bea, room, f"{number}", root) for number in range(4)]
    await teams.idle()
    heard = {one["id"]: one for one in bot.heard}
    assert {heard[id]["conversation"]["id"] for id in replies} == {f"{room};messageid={root}"}
    assert [heard[id].get("replyToId") for id in replies] == [root, None, root, None]
    with pytest.raises(NotPossible, match="not the first message"):
        await teams.person_posts(bea, room, "deeper", replies[0])


async def test_mentions_as_older_clients_write_them(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    teams.events.markup = "span"
    id = await teams.person_posts(bea, room, "help", mention_bot=True)
    said = await bot.until(lambda one: one["id"] == id)
    assert said["attachments"][0]["content"] == (
        '<p><span itemscope itemtype="http://schema.skype.com/Mention" itemid="0">Threadbridge</span>&nbsp;help</p>'
    )


async def test_a_message_without_html_has_its_text(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    teams.events.html_attachment = False
    id = await teams.person_posts(bea, room, "- one\n- two")
    said = await bot.until(lambda one: one["id"] == id)
    assert (said["text"], said["attachments"]) == ("one\ntwo", [])


async def test_a_channel_can_be_mentioned(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    id = await teams.person_posts(bea, room, "@customers hi", mentions=[(room, "customers")])
    said = await bot.until(lambda one: one["id"] == id)
    assert said["entities"][0]["mentioned"] == {"id": room, "name": "customers"}
    assert said["text"] == "<at>customers</at> hi"


async def test_edits_deletes_and_restores(teams: TeamsSandbox, bot: Bot, bea: str, omar: str, room: str) -> None:
    id = await teams.person_posts(bea, room, "one")
    await teams.person_edits(bea, room, id, "two")
    edited = await bot.event("messageUpdate", "editMessage")
    assert (edited["id"], edited["text"]) == (id, "two")
    await teams.person_deletes(bea, room, id)
    deleted = await bot.event("messageDelete", "softDeleteMessage")
    assert deleted["id"] == id
    assert "text" not in deleted
    assert teams.messages(room) == []
    await teams.person_restores(bea, room, id)
    assert (await bot.event("messageUpdate", "undeleteMessage"))["text"] == "two"
    for wrong in (
        teams.person_edits(omar, room, id, "x"),
        teams.person_deletes(omar, room, id),
        teams.person_restores(bea, room, id),
        teams.person_posts(bea, room, "  "),
        teams.person_posts(teams.add_user("Zoe"), room, "x"),
    ):
        with pytest.raises(NotPossible):
            await wrong


async def test_reactions_are_told_on_the_bots_messages_alone(
    teams: TeamsSandbox, bot: Bot, bea: str, omar: str, room: str
) -> None:
    hers = await teams.person_posts(bea, room, "mine")
    await teams.person_reacts(omar, room, hers, "like")
    ours = await bot.posts(room, post(card(words())))
    await teams.person_reacts(omar, room, ours, "heart")
    told = await bot.event("messageReaction")
    assert (told["replyToId"], told["reactionsAdded"]) == (ours, [{"type": "heart"}])
    assert told["conversation"]["id"] == f"{room};messageid={ours}"
    await teams.person_unreacts(omar, room, ours, "heart")
    await bot.until(lambda one: one.get("reactionsRemoved") == [{"type": "heart"}])
    await teams.idle()
    assert sum(one["type"] == "messageReaction" for one in bot.heard) == 2
    with pytest.raises(NotPossible, match="no reaction"):
        await teams.person_reacts(omar, room, ours, "thumbsup")


async def test_without_consent_only_what_names_the_bot_is_told(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    teams.world.rsc = False
    unheard = await teams.person_posts(bea, room, "among us")
    heard = await teams.person_posts(bea, room, "help", mention_bot=True)
    await teams.idle()
    assert [one["id"] for one in bot.heard] == [heard]
    assert unheard in {message["id"] for message in teams.messages(room)}


async def test_installing_renaming_and_leaving(
    teams: TeamsSandbox, bot: Bot, bea: str, omar: str, team: str, room: str
) -> None:
    await teams.uninstall(team)
    removed = await bot.event("installationUpdate")
    assert removed["action"] == "remove"
    await teams.person_posts(bea, room, "alone")
    await teams.install(team, room)
    await teams.idle()
    assert not any(one["type"] == "message" for one in bot.heard)
    added = await bot.until(lambda one: one.get("action") == "add")
    group = teams.world.teams[team].aad_group
    assert added["channelData"]["team"] == {"id": team, "name": "Support", "aadGroupId": group}
    assert added["channelData"]["settings"]["selectedChannel"] == {"id": room}
    came = await bot.until(lambda one: bool(one.get("membersAdded")))
    assert (came["membersAdded"], came["conversation"]["id"]) == ([{"id": teams.bot_id}], room)
    await teams.rename_channel(room, "clients")
    renamed = await bot.event("conversationUpdate", "channelRenamed")
    assert renamed["channelData"]["channel"] == {"id": room, "name": "clients"}
    assert renamed["conversation"]["id"] == team
    await teams.delete_channel(room)
    await bot.event("conversationUpdate", "channelDeleted")
    await teams.restore_channel(room)
    await bot.event("conversationUpdate", "channelRestored")
    await teams.rename_team(team, "Care")
    assert (await bot.event("conversationUpdate", "teamRenamed"))["channelData"]["team"]["name"] == "Care"
    await teams.archive_team(team)
    await bot.event("conversationUpdate", "teamArchived")
    await teams.remove_member(team, omar)
    left = [{"id": omar, "aadObjectId": object_id(teams, omar)}]
    gone = await bot.until(lambda one: one.get("membersRemoved") == left)
    assert gone["channelData"]["eventType"] == "teamMemberRemoved"
    with pytest.raises(NotPossible, match="archived"):
        await teams.person_posts(bea, room, "x")


async def test_a_personal_chat(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    id = await teams.person_messages_bot(bea, "queue", files=[("a.txt", "text/plain", b"hi")])
    said = await bot.until(lambda one: one["id"] == id)
    assert said["conversation"] == {
        "conversationType": "personal",
        "tenantId": teams.tenant_id,
        "id": teams.chat_id(bea),
    }
    assert said["channelData"] == {"tenant": {"id": teams.tenant_id}}
    file = said["attachments"][0]
    assert (file["contentType"], file["name"]) == ("application/vnd.microsoft.teams.file.download.info", "a.txt")
    bot.token = ""
    assert (await bot.call("GET", file["content"]["downloadUrl"])) == (200, b"hi")
    assert (await bot.call("GET", f"/download/{file['content']['uniqueId']}"))[0] == 401
    zoe = teams.add_user("Zoe")
    with pytest.raises(NotPossible, match="no chat with the app"):
        await teams.person_messages_bot(zoe, "hello")
    await teams.install_for(zoe)
    added = await bot.until(lambda one: one["type"] == "installationUpdate")
    assert added["conversation"]["id"] == teams.chat_id(zoe)
    came = await bot.until(lambda one: bool(one.get("membersAdded")))
    assert came["conversation"]["conversationType"] == "personal"


async def test_pictures_come_with_a_token_and_other_files_not_at_all(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    files = [("shot.png", "image/png", PNG), ("list.pdf", "application/pdf", b"%PDF")]
    id = await teams.person_posts(bea, room, "see", files=files)
    said = await bot.until(lambda one: one["id"] == id)
    picture, page = said["attachments"]
    assert picture["contentType"] == "image/*"
    assert await bot.call("GET", picture["contentUrl"]) == (200, PNG)
    bot.token = ""
    assert (await bot.call("GET", picture["contentUrl"]))[0] == 401
    assert '<attachment id="' in page["content"]
    assert "%PDF" not in str(said)
    teams.events.picture_attachments = False
    id = await teams.person_posts(bea, room, "see", files=files)
    said = await bot.until(lambda one: one["id"] == id)
    assert [one["contentType"] for one in said["attachments"]] == ["text/html"]
    assert "/hostedContents/" in said["attachments"][0]["content"]


async def test_a_quote_names_what_it_answers(teams: TeamsSandbox, bot: Bot, bea: str, omar: str, room: str) -> None:
    root = await teams.person_posts(bea, room, "When do you open?")
    id = await teams.person_posts(omar, room, "At nine", root, quote=root)
    said = await bot.until(lambda one: one["id"] == id)
    html = said["attachments"][0]["content"]
    assert f'itemtype="http://schema.skype.com/Reply" itemid="{root}"' in html
    assert "When do you open?" in html
    assert said["text"] == "At nine"


async def test_what_is_not_taken_comes_again_and_is_lost_in_the_end(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    teams.faults.order("event", Fault(status=500))
    first = await teams.person_posts(bea, room, "once more")
    await bot.until(lambda one: one["id"] == first)
    await teams.idle()
    attempts = [(one.attempt, one.status, one.reason) for one in teams.deliveries if one.id == first]
    assert attempts == [(0, 500, "http_error"), (1, 200, "")]
    bot.status = 503
    second = await teams.person_posts(bea, room, "never")
    await teams.idle()
    assert [one["id"] for one in teams.lost] == [second]
    assert sum(one["id"] == second for one in bot.heard) == 3


async def test_an_answer_that_comes_too_late_counts_as_none(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    bot.delay = 0.7
    root = await bot.posts(room, post(card(words(), actions=[{"type": "Action.Execute", "title": "Go"}])))
    pressed = await teams.person_presses(bea, room, root, "Go")
    assert pressed.error == "Unable to reach app. Please try again."
    assert pressed.seconds >= 1.5


async def test_order_and_repetition_can_be_chosen(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    teams.hold_events()
    ids = [await teams.person_posts(bea, room, f"{number}") for number in range(3)]
    await teams.idle()
    assert bot.heard == []
    teams.deliver_twice = True
    teams.release_events("reversed")
    await teams.idle()
    assert [one["id"] for one in bot.heard] == [id for id in reversed(ids) for _copy in range(2)]


async def test_a_page_follows_what_happens(teams: TeamsSandbox, bot: Bot, bea: str, team: str, room: str) -> None:
    changes = teams.watch()
    id = await teams.person_posts(bea, room, "hi")
    aimed = post(card(words("psst")), recipient={"id": bea, "isTargeted": True})
    await bot.posts(f"{room};messageid={id}", aimed, isTargetedActivity="true")
    await bot.posts(f"{room};messageid={id}", post(card(words("answer"))))
    await teams.rename_team(team, "Care")
    seen: list[Body] = []
    async with asyncio.timeout(5):
        async for change in changes:
            seen.append(change)
            if change["type"] == "team":
                break
    await changes.aclose()
    assert [change["type"] for change in seen] == ["message", "targeted", "message", "team"]
    snapshot = teams.snapshot()
    channel = next(one for one in snapshot["channels"] if one["id"] == room)
    assert [message["id"] for message in channel["messages"]] == [message["id"] for message in teams.messages(room)]
    assert seen[0]["message"]["html"] == "<p>hi</p>"
    assert snapshot["targeted"][bea][0]["to"] == bea
    assert snapshot["teams"][0]["name"] == "Care"
