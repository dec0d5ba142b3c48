"""The Bot Framework's own client against the sandbox's Teams: Microsoft's software reads what we answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from botbuilder.schema import Activity, Attachment, ChannelAccount, ConversationParameters, ErrorResponseException
from botframework.connector.aio import ConnectorClient
from botframework.connector.teams import TeamsConnectorClient
from msrest.authentication import BasicTokenAuthentication

from sandbox.teams import TeamsSandbox
from tests.sandbox.teams_peer import CARD, Bot, card, words, working


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False, retry_delays=()) as server:
        yield server


@pytest.fixture
async def bot(teams: TeamsSandbox) -> AsyncIterator[Bot]:
    async with working(teams) as listening:
        teams.connect(None)
        yield listening


@pytest.fixture
async def team(teams: TeamsSandbox) -> str:
    made = teams.add_team("Support", [teams.add_user(name) for name in ("Bea Novak", "Omar Haddad")])
    await teams.install(made)
    return made


def drawn(text: str) -> Activity:
    return Activity(type="message", attachments=[Attachment(content_type=CARD, content=card(words(text))["content"])])


async def test_the_sdk_posts_replies_edits_and_deletes(teams: TeamsSandbox, bot: Bot, team: str) -> None:
    client = ConnectorClient(BasicTokenAuthentication({"access_token": bot.token}), base_url=f"{teams.url}/")
    conversations = client.conversations
    root = (await conversations.send_to_conversation(team, drawn("root"))).id
    thread = f"{team};messageid={root}"
    reply = (await conversations.send_to_conversation(thread, drawn("reply"))).id
    again = (await conversations.reply_to_activity(thread, reply, drawn("again"))).id
    assert [message["id"] for message in teams.thread(team, root)] == [root, reply, again]
    assert (await conversations.update_activity(thread, reply, drawn("edited"))).id == reply
    await conversations.delete_activity(thread, again)
    shown = [message["attachments"][0]["content"] for message in teams.thread(team, root)]
    assert shown == [card(words("root"))["content"], card(words("edited"))["content"]]
    with pytest.raises(ErrorResponseException) as refused:
        await conversations.send_to_conversation("19:nowhere@thread.tacv2", drawn("lost"))
    assert refused.value.error.error.code == "ConversationNotFound"
    assert refused.value.response.status_code == 404


async def test_the_sdk_reads_the_roster_and_opens_a_chat(teams: TeamsSandbox, bot: Bot, team: str) -> None:
    client = ConnectorClient(BasicTokenAuthentication({"access_token": bot.token}), base_url=f"{teams.url}/")
    page = await client.conversations.get_conversation_paged_members(team, page_size=100)
    assert sorted(member.name for member in page.members) == ["Bea Novak", "Omar Haddad"]
    bea = next(member for member in page.members if member.name == "Bea Novak")
    wanted = ConversationParameters(
        is_group=False,
        bot=ChannelAccount(id=teams.bot_id),
        members=[ChannelAccount(id=bea.id)],
        tenant_id=teams.tenant_id,
        channel_data={"tenant": {"id": teams.tenant_id}},
    )
    chat = (await client.conversations.create_conversation(wanted)).id
    assert chat == teams.chat_id(bea.id)


async def test_the_sdk_reads_the_team(teams: TeamsSandbox, bot: Bot, team: str) -> None:
    room = teams.add_channel(team, "customers")
    # This part of the SDK blocks the loop on which the sandbox answers.
    client = TeamsConnectorClient(BasicTokenAuthentication({"access_token": bot.token}), base_url=f"{teams.url}/")
    details = await asyncio.to_thread(client.teams.get_team_details, team)
    assert (details.name, details.aad_group_id) == ("Support", teams.world.teams[team].aad_group)
    channels = await asyncio.to_thread(client.teams.get_teams_channels, team)
    assert [(one.id, one.name) for one in channels.conversations] == [(team, None), (room, "customers")]
