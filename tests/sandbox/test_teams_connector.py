"""The sandbox's Bot Connector over real HTTP: what it takes, what it refuses, and how fast."""

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.teams import NotPossible, TeamsSandbox
from tests.sandbox.teams_peer import Body, Bot, card, post, there, words, working

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


def picture(content: bytes = PNG, kind: str = "image/png", data: str = "image/png") -> Body:
    return {"contentType": kind, "contentUrl": f"data:{data};base64,{base64.b64encode(content).decode()}", "name": "x"}


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def bot(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    async with working(teams) as listening:
        teams.connect(None)
        yield listening


@pytest.fixture
def bea(teams: TeamsSandbox) -> str:
    return teams.add_user("Bea Novak", email="bea@sandbox.example")


@pytest.fixture
async def team(teams: TeamsSandbox, bea: str) -> str:
    made = teams.add_team("Support", [bea])
    await teams.install(made)
    return made


@pytest.fixture
def room(teams: TeamsSandbox, team: str) -> str:
    return teams.add_channel(team, "customers")


async def code(bot: Bot, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str]:
    status, answer = await bot.call(method, path, body, **options)
    return status, answer["error"]["code"] if isinstance(answer, dict) and "error" in answer else ""


async def test_posts_and_replies_get_ids_of_digits_that_grow(teams: TeamsSandbox, bot: Bot, room: str) -> None:
    root = await bot.posts(room, post(card(words("root"))))
    first = await bot.posts(f"{room};messageid={root}", post(card(words("one"))))
    second = await bot.posts(f"{room};messageid={root}", post(card(words("two"))))
    assert root.isdigit()
    assert int(root) < int(first) < int(second)
    assert [message["id"] for message in teams.thread(room, root)] == [root, first, second]
    status, answer = await bot.call(
        "POST",
        "/v3/conversations",
        {"isGroup": True, "channelData": {"channel": {"id": room}}, "activity": post(card(words("other")))},
    )
    assert (status, answer["id"]) == (201, f"{room};messageid={answer['activityId']}")
    assert teams.messages(room)[-1]["root"] == answer["activityId"]


async def test_reply_to_id_does_not_route(teams: TeamsSandbox, bot: Bot, room: str) -> None:
    root = await bot.posts(room, post(card(words())))
    lost = await bot.posts(room, post(card(words()), replyToId=root))
    assert teams.messages(room)[-1] | {"id": lost, "root": lost} == teams.messages(room)[-1]


@pytest.mark.parametrize("suffix", ["abc", "0", "", "12345", "-1"])
async def test_a_root_that_is_no_root_is_400(teams: TeamsSandbox, bot: Bot, room: str, suffix: str) -> None:
    assert await code(bot, "POST", there(f"{room};messageid={suffix}"), post(card())) == (400, "BadArgument")


async def test_there_are_two_levels_only(teams: TeamsSandbox, bot: Bot, room: str) -> None:
    root = await bot.posts(room, post(card(words())))
    reply = await bot.posts(f"{room};messageid={root}", post(card(words())))
    assert (await code(bot, "POST", there(f"{room};messageid={reply}"), post(card())))[0] == 400


async def test_where_the_app_is_not_nothing_can_be_done(teams: TeamsSandbox, bot: Bot, team: str, room: str) -> None:
    id = await bot.posts(room, post(card(words())))
    assert await code(bot, "POST", there("19:nowhere@thread.tacv2"), post(card())) == (404, "ConversationNotFound")
    await teams.archive_team(team)
    assert await code(bot, "POST", there(room), post(card())) == (403, "MessageWritesBlocked")
    await teams.unarchive_team(team)
    await teams.uninstall(team)
    refused = (403, "BotNotInConversationRoster")
    assert await code(bot, "POST", there(room), post(card())) == refused
    assert await code(bot, "PUT", there(room, id), post(card())) == refused
    assert await code(bot, "GET", f"/v3/teams/{team}") == refused
    await teams.install(team)
    await teams.delete_channel(room)
    assert await code(bot, "DELETE", there(room, id)) == (404, "ConversationNotFound")
    await teams.restore_channel(room)
    assert (await bot.call("DELETE", there(room, id)))[0] == 200
    assert teams.messages(room) == []


async def test_a_private_channel_needs_the_app_of_its_own(teams: TeamsSandbox, bot: Bot, team: str, bea: str) -> None:
    secret = teams.add_channel(team, "secret", kind="private", members=[bea])
    assert (await code(bot, "POST", there(secret), post(card())))[0] == 403
    teams.add_app_to_channel(secret)
    await bot.posts(secret, post(card(words())))


@pytest.mark.parametrize(
    ("activity", "refused"),
    [
        ({"type": "message"}, (400, "BadSyntax")),
        ({"type": "message", "text": "  "}, (400, "BadSyntax")),
        ({"type": "event", "name": "x"}, (400, "BadSyntax")),
        ([1], (400, "BadSyntax")),
        (post(card({"type": "Hologram"})), (400, "BadSyntax")),
        (post({"contentType": "application/pdf", "contentUrl": "https://example.com/a.pdf"}), (400, "BadArgument")),
        (post(*[card()] * 11), (400, "BadSyntax")),
        (post(card(), textFormat="html"), (400, "BadArgument")),
        (post(card(), suggestedActions={"actions": [{}]}, text=""), (400, "BadArgument")),
        (post(picture(b"no picture")), (400, "BadArgument")),
        (post(picture(data="image/gif")), (400, "BadArgument")),
        (post(picture(PNG + b"\0" * 1024 * 1024)), (413, "MessageSizeTooBig")),
        (post({"contentType": "image/png", "contentUrl": "http://example.com/a.png"}), (400, "BadArgument")),
        (post(card(words()), picture(PNG + b"\0" * 900_000)), (201, "")),
        (post(card(words("x" * 51_300))), (413, "MessageSizeTooBig")),
        (post(card(words("x" * 50_900))), (201, "")),
        (post(card(words("😀" * 25_700))), (413, "MessageSizeTooBig")),
        (
            post({"contentType": "application/vnd.microsoft.teams.card.file.consent", "content": {}}),
            (400, "BadArgument"),
        ),
    ],
)
async def test_what_teams_refuses(bot: Bot, room: str, activity: Any, refused: tuple[int, str]) -> None:
    assert await code(bot, "POST", there(room), activity) == refused


async def test_a_mention_must_stand_in_the_text_and_name_somebody(bot: Bot, bea: str, room: str) -> None:
    def mention(words: str, who: str) -> Body:
        return {"type": "mention", "text": words, "mentioned": {"id": who, "name": "Bea"}}

    def said(words: str, who: str) -> Body:
        return {"type": "message", "text": "<at>Bea</at> hi", "textFormat": "xml", "entities": [mention(words, who)]}

    assert (await code(bot, "POST", there(room), said("<at>Bea</at>", bea)))[0] == 201
    assert (await code(bot, "POST", there(room), said("<at>Bob</at>", bea)))[0] == 400
    assert (await code(bot, "POST", there(room), said("<at>Bea</at>", "29:1nobody")))[0] == 400
    inside = card(words("<at>Bea</at> look"), msteams={"entities": [mention("<at>Bea</at>", bea)]})
    assert (await code(bot, "POST", there(room), post(inside)))[0] == 201
    lost = card(words("look"), msteams={"entities": [mention("<at>Bea</at>", bea)]})
    assert (await code(bot, "POST", there(room), post(lost)))[0] == 400


async def test_text_and_a_card_become_two_messages_without_an_id(teams: TeamsSandbox, bot: Bot, room: str) -> None:
    status, answer = await bot.call("POST", there(room), post(card(words()), text="look"))
    assert (status, answer) == (201, {})
    assert [message["text"] for message in teams.messages(room)] == ["look", ""]
    id = teams.messages(room)[1]["id"]
    assert (await code(bot, "PUT", there(room, id), post(card(words()), text="look")))[0] == 400


async def test_several_attachments_become_several_messages_without_an_id(
    teams: TeamsSandbox, bot: Bot, room: str
) -> None:
    status, answer = await bot.call("POST", there(room), post(card(words()), picture()))
    assert (status, answer) == (201, {})
    assert [len(message["attachments"]) for message in teams.messages(room)] == [1, 1]
    id = teams.messages(room)[0]["id"]
    assert (await code(bot, "PUT", there(room, id), post(card(words()), picture())))[0] == 400
    assert await bot.posts(room, post(card(words()), card(words()), attachmentLayout="carousel"))


async def test_an_edit_replaces_the_whole_message_and_only_ones_own(
    teams: TeamsSandbox, bot: Bot, bea: str, room: str
) -> None:
    root = await bot.posts(room, post(card(words("old")), picture(), attachmentLayout="carousel", summary="old"))
    assert (await bot.call("PUT", there(room, root), post(card(words("new")))))[0] == 200
    edited = teams.messages(room)[0]
    assert (len(edited["attachments"]), edited["summary"], edited["edited"]) == (1, "", True)
    hers = await teams.person_posts(bea, room, "hers", root)
    assert (await code(bot, "PUT", there(room, hers), post(card())))[0] == 403
    assert (await code(bot, "DELETE", there(room, hers)))[0] == 403
    assert (await code(bot, "PUT", there(f"{room};messageid={root}", root), post(card())))[0] == 200
    other = await bot.posts(room, post(card(words())))
    assert (await code(bot, "PUT", there(f"{room};messageid={other}", root), post(card())))[0] == 404
    assert (await bot.call("DELETE", there(room, root)))[0] == 200
    assert (await code(bot, "DELETE", there(room, root))) == (404, "ActivityNotFoundInConversation")
    assert (await code(bot, "PUT", there(room, "1"), post(card())))[0] == 404


async def test_a_targeted_message_is_for_one_person(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    root = await bot.posts(room, post(card(words())))
    thread = f"{room};messageid={root}"
    aimed = post(card(words("psst")), recipient={"id": bea, "isTargeted": True})
    flag = {"isTargetedActivity": "true"}
    assert (await code(bot, "POST", there(thread), aimed))[0] == 400
    stranger = {**aimed, "recipient": {"id": teams.add_user("Zoe"), "isTargeted": True}}
    assert (await code(bot, "POST", there(thread), stranger, params=flag))[0] == 400
    id = await bot.posts(thread, aimed, **flag)
    assert [message["id"] for message in teams.targeted(bea)] == [id]
    assert len(teams.thread(room, root)) == 1
    assert (await code(bot, "PUT", there(thread, id), aimed, params=flag))[0] == 400
    assert (await code(bot, "PUT", there(thread, id), post(card(words("new")))))[0] == 404
    assert (await code(bot, "PUT", there(thread, id), post(card(words("new"))), params=flag))[0] == 200
    assert (await code(bot, "PUT", there(thread, id, "/reactions/like")))[0] == 400
    with pytest.raises(NotPossible):
        await teams.person_reacts(bea, room, id, "like")
    assert (await bot.call("DELETE", there(thread, id), params=flag))[0] == 200
    assert teams.targeted(bea) == []


async def test_reactions_have_known_types(teams: TeamsSandbox, bot: Bot, bea: str, room: str) -> None:
    id = await teams.person_posts(bea, room, "hi")
    for kind in ("like", "2705_whiteheavycheckmark", "1f440_eyes"):
        assert (await bot.call("PUT", there(room, id, f"/reactions/{kind}")))[0] == 200
    for kind in ("thumbsup", "2705_tick", "61_latinsmalllettera", "ffffff_x", quote("✅")):
        assert (await code(bot, "PUT", there(room, id, f"/reactions/{kind}"))) == (400, "BadArgument")
    assert teams.messages(room)[0]["reactions"]["1f440_eyes"] == [teams.bot_id]
    assert (await bot.call("DELETE", there(room, id, "/reactions/1f440_eyes")))[0] == 200
    assert (await code(bot, "DELETE", there(room, id, "/reactions/1f440_eyes")))[0] == 404
    assert (await code(bot, "PUT", there(room, "1", "/reactions/like")))[0] == 404


async def test_a_direct_chat_needs_the_app_near_the_person(teams: TeamsSandbox, bot: Bot, bea: str, team: str) -> None:
    async def opened(who: str, tenant: str | None = None) -> tuple[int, Any]:
        body = {"isGroup": False, "bot": {"id": teams.bot_id}, "members": [{"id": who}]}
        return await bot.call("POST", "/v3/conversations", {**body, "tenantId": tenant or teams.tenant_id})

    status, answer = await opened(bea)
    assert (status, answer["id"]) == (201, teams.chat_id(bea))
    assert (await opened(bea))[1] == answer
    await bot.posts(answer["id"], post(card(words("hello"))))
    assert len(teams.chat(bea)) == 1
    assert (await code(bot, "POST", there(f"{answer['id']};messageid=1"), post(card())))[0] == 400
    assert (await opened(teams.add_user("Zoe")))[0] == 403
    assert (await opened(bea, "other"))[0] == 403
    assert (await opened("29:1nobody"))[1]["error"]["message"] == "Failed to decrypt pairwise id"
    teams.person_blocks_bot(bea)
    assert await code(bot, "POST", there(answer["id"]), post(card())) == (403, "MessageWritesBlocked")


async def test_typing_shows_until_the_next_message(teams: TeamsSandbox, bot: Bot, room: str) -> None:
    root = await bot.posts(room, post(card(words())))
    thread = f"{room};messageid={root}"
    assert await bot.call("POST", there(thread), {"type": "typing"}) == (202, b"")
    assert teams.typing(room, root)
    await bot.posts(thread, post(card(words())))
    assert not teams.typing(room, root)
    assert [call.name for call in teams.calls] == ["post", "typing", "reply"]


async def test_members_come_in_pages(teams: TeamsSandbox, bot: Bot, bea: str, team: str, room: str) -> None:
    guest = teams.add_user("Gil Guest", guest=True, email="gil@elsewhere.example")
    for user in (guest, *(teams.add_user(f"User {number}") for number in range(60))):
        await teams.add_member(team, user)
    found: list[Body] = []
    query = {"pageSize": "10"}
    while True:
        _status, page = await bot.call("GET", f"/v3/conversations/{quote(room)}/pagedmembers", params=query)
        assert len(page["members"]) <= 50
        found += page["members"]
        if "continuationToken" not in page:
            break
        query["continuationToken"] = page["continuationToken"]
    assert len({member["id"] for member in found}) == 62
    _status, member = await bot.call("GET", f"/v3/conversations/{quote(room)}/members/{quote(guest)}")
    assert (member["userRole"], member["tenantId"], member["givenName"]) == ("guest", teams.tenant_id, "Gil")
    _status, member = await bot.call("GET", f"/v3/conversations/{quote(team)}/members/{quote(bea)}")
    assert (member["email"], member["userRole"]) == ("bea@sandbox.example", "user")
    assert len(member["aadObjectId"]) == 36
    missing = f"/v3/conversations/{quote(team)}/members/{quote(teams.add_user('Zoe'))}"
    assert await code(bot, "GET", missing) == (404, "MemberNotFoundInConversation")


async def test_general_has_no_name(teams: TeamsSandbox, bot: Bot, team: str, room: str) -> None:
    _status, details = await bot.call("GET", f"/v3/teams/{quote(team)}")
    assert (details["name"], details["id"], len(details["aadGroupId"])) == ("Support", team, 36)
    _status, answer = await bot.call("GET", f"/v3/teams/{quote(team)}/conversations")
    assert answer["conversations"] == [
        {"id": team, "type": "standard"},
        {"id": room, "name": "customers", "type": "standard"},
    ]
    assert (await bot.call("GET", "/v3/teams/19:none@thread.tacv2"))[0] == 404


ODD: tuple[Any, ...] = (None, "x", 5, [], {}, [5], {"a": []}, True)


@pytest.mark.parametrize(
    "field", ["recipient", "attachments", "entities", "channelData", "text", "members", "activity", "textFormat"]
)
async def test_odd_bodies_break_nothing(bot: Bot, room: str, field: str) -> None:
    bodies = (post(card(words())), {"isGroup": True}, {"isGroup": False})
    for body in ({**body, field: odd} for body in bodies for odd in ODD):
        for method, path in (("POST", there(room)), ("POST", "/v3/conversations"), ("PUT", there(room, "1"))):
            status, answer = await bot.call(method, path, body)
            assert status < 500, (body, answer)


@pytest.mark.parametrize("field", ["body", "actions", "msteams", "refresh", "selectAction", "version", "fallback"])
async def test_odd_cards_break_nothing(bot: Bot, room: str, field: str) -> None:
    for odd in ODD:
        for attachment in (card(words(), **{field: odd}), card({"type": "Container", "items": [words()], field: odd})):
            status, answer = await bot.call("POST", there(room), post(attachment))
            assert status < 500, (attachment, answer)
