"""What people in Teams write, as the tree: from the HTML of an activity, from its text where there is none."""

import json
from typing import Any

from core.contracts.content import MediaKind
from core.contracts.richtext import (
    CodeBlock,
    Heading,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
    document,
)
from core.contracts.text import plain
from plugins.teams.compose import payload_activity
from plugins.teams.parse import said
from tests.plugins import teams_cases
from tests.plugins.teams_cases import ROOM
from tests.plugins.teams_said import BOT, TEAM, activity, at, mention, read


def words(page: str) -> str:
    return plain(read(page).content.body)


def paragraph(*inlines: Any) -> Paragraph:
    return Paragraph(inlines=inlines)


def test_lines_paragraphs_and_blanks_are_what_the_agent_saw() -> None:
    page = "<div><p>One</p>\n<p>two&nbsp; &nbsp;three<br>four</p><p>&nbsp;</p><p>Five\n six</p><p></p></div>"
    assert words(page) == "One\ntwo   three\nfour\n\nFive six"
    assert read(page).content.body.blocks[1] == paragraph(Text(text="Five six"))


def test_marks_nest_and_end() -> None:
    page = "<p>a<b>b<i>c</i></b><u>d</u><s>e</s><del>f</del> <code>g</code></b>h</p>"
    (read_paragraph,) = read(page).content.body.blocks
    assert read_paragraph == paragraph(
        Text(text="a"),
        Text(text="b", marks=frozenset({Mark.BOLD})),
        Text(text="c", marks=frozenset({Mark.BOLD, Mark.ITALIC})),
        Text(text="d", marks=frozenset({Mark.UNDERLINE})),
        Text(text="ef", marks=frozenset({Mark.STRIKE})),
        Text(text=" "),
        Text(text="g", marks=frozenset({Mark.CODE})),
        Text(text="h"),
    )


def test_only_our_own_mention_is_taken_off() -> None:
    page = f"<p>{at(0, 'Threadbridge')}&nbsp;Threadbridge asks {at(1, 'Bea Jones')} and {at(2, 'Sales')}</p>"
    heard = read(page)
    assert heard.mentions_bot
    assert heard.content.body == document(
        [
            paragraph(
                Text(text="Threadbridge asks "),
                Mention(kind="user", id="29:bea", label="@Bea Jones"),
                Text(text=" and "),
                Mention(kind="room", id="19:sales@thread.tacv2", label="@Sales"),
            )
        ]
    )


def test_our_own_mention_leaves_no_gap_and_nobody_elses_place() -> None:
    assert words(f"<p>Hello {at(0, 'Threadbridge')} there</p>") == "Hello there"
    assert words(f"<p>{at(0, 'Threadbridge')} {at(1, 'Bea Jones')} look</p>") == "@Bea Jones look"
    assert words(f"<p>{at(0, 'Threadbridge')}&nbsp;</p>") == ""


def test_a_team_is_everyone_a_tag_is_a_group_and_a_name_without_id_is_a_name() -> None:
    (block,) = read(f"<p>{at(3, 'Support Team')}{at(4, 'On call')}{at(9, 'Nobody')}</p>").content.body.blocks
    assert block == paragraph(
        Mention(kind="everyone", id=TEAM, label="@Support Team"),
        Mention(kind="group", id="MjNkYw==", label="@On call"),
        Text(text="Nobody"),
    )


def test_a_mention_of_another_bot_of_the_same_name_stays() -> None:
    other = mention("28:other", "Threadbridge")
    heard = said(activity(f"<p>{at(0, 'Threadbridge')} hi</p>", entities=[other]), BOT)
    assert not heard.mentions_bot
    assert heard.content.body.blocks == (
        paragraph(Mention(kind="user", id="28:other", label="@Threadbridge"), Text(text=" hi")),
    )


def test_lists_keep_their_depth_kind_and_numbers() -> None:
    page = (
        "<ul><li>a<ol start='3'><li><p>b</p></li><li>c<br>d</li></ol></li><li><b>e</b></li></ul>"
        "<ol><li>f</li><li></li></ol><p>end</p>"
    )
    blocks = read(page).content.body.blocks
    assert blocks == (
        ListBlock(
            items=(
                ListItem(inlines=(Text(text="a"),)),
                ListItem(inlines=(Text(text="b"),), depth=1, ordered=True, number=3),
                ListItem(inlines=(Text(text="c\nd"),), depth=1, ordered=True, number=4),
                ListItem(inlines=(Text(text="e", marks=frozenset({Mark.BOLD})),)),
            )
        ),
        ListBlock(
            items=(
                ListItem(inlines=(Text(text="f"),), ordered=True, number=1),
                ListItem(inlines=(), ordered=True, number=2),
            )
        ),
        paragraph(Text(text="end")),
    )


def test_headings_quotes_code_rules_and_tables() -> None:
    page = (
        "<h2>Head</h2><blockquote><p>you</p><p><i>said</i></p><ul><li>so</li></ul></blockquote><hr>"
        "<pre class='language-python'><code>a  = 1\n<br>  &lt;b&gt;</code></pre>"
        "<codeblock class='Bash'><code>ls</code></codeblock>"
        "<p>Prices</p><table><tbody><tr><td><p>Cat</p></td><td>12</td></tr><tr><td>Dog</td><td>99</td></tr></table><p>x</p>"
    )
    assert read(page).content.body.blocks == (
        Heading(level=2, inlines=(Text(text="Head"),)),
        Quote(inlines=(Text(text="you\n"), Text(text="said", marks=frozenset({Mark.ITALIC})), Text(text="\n- so"))),
        paragraph(Text(text="---")),
        CodeBlock(text="a  = 1\n\n  <b>"),
        CodeBlock(text="ls"),
        paragraph(Text(text="Prices")),
        paragraph(Text(text="Cat | 12\nDog | 99")),
        paragraph(Text(text="x")),
    )


def test_links_are_links_only_where_people_may_be_led() -> None:
    page = (
        '<p><a href="https://a.example/?x=1&amp;y=2" title="t">he<b>re</b></a> <a href="javascript:alert(1)">there</a> '
        '<a href="mailto:a@b.example">a@b.example</a><a href="https://c.example"><img src="https://c.example/i.png"></a></p>'
    )
    (block,) = read(page).content.body.blocks
    assert block == paragraph(
        Link(url="https://a.example/?x=1&y=2", label="here"),
        Text(text=" there "),
        Link(url="mailto:a@b.example", label="a@b.example"),
    )


def test_emoji_of_every_make_are_the_emoji() -> None:
    page = (
        '<p><emoji id="smile" alt="🙂" title="Smile"></emoji><customemoji id="x" alt="our-logo"></customemoji>'
        '<img itemscope itemtype="http://schema.skype.com/Emoji" itemid="1f44b" src="https://x/e.png" alt="👋🏽">'
        '<span class="animated-emoticon-20-cool"><img class="emoticon-cool" alt="😎" src="https://x/c.png"></span></p>'
    )
    heard = read(page)
    assert plain(heard.content.body) == "🙂our-logo👋🏽😎"
    assert heard.content.attachments == ()


def test_a_quoted_message_is_known_by_its_id_and_not_repeated() -> None:
    page = (
        '<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1711111111222"><strong itemprop="mri">'
        'Bea</strong><blockquote>x</blockquote><p itemprop="preview">The red one?</p></blockquote><p>Yes</p>'
    )
    assert (read(page).quote, words(page)) == ("1711111111222", "Yes")
    assert read('<attachment id="1711111111222"></attachment><p>Yes</p>').quote == "1711111111222"
    assert read("<blockquote>no reply</blockquote>").quote == ""


def test_pictures_come_by_the_service_by_graph_or_as_a_link() -> None:
    image = {"contentType": "image/*", "contentUrl": "https://smba.trafficmanager.net/v3/attachments/1/views/original"}
    inline = '<p>Look<img itemtype="http://schema.skype.com/AMSImage" alt="A cat" src="https://asm.skype.com/1"></p>'
    (along,) = said(activity(inline, "", image), BOT).content.attachments
    assert (along.kind, along.source, along.alt) == (MediaKind.IMAGE, f"image:{image['contentUrl']}", "A cat")
    (service,) = read(inline).content.attachments
    assert service.source == "image:https://asm.skype.com/1"
    graph = "https://graph.microsoft.com/v1.0/teams/t/channels/c/messages/1/hostedContents/aWQ9/$value"
    (pasted,) = read(f'<img alt="cup.png" src="{graph}">').content.attachments
    assert (pasted.name, pasted.kind) == ("cup.png", MediaKind.IMAGE)
    (hosted,) = read(f'<img alt="image" src="{graph}">').content.attachments
    assert (hosted.source, hosted.alt) == (f"hosted:{ROOM}|1711111111111|1711111111333|aWQ9", "")
    gif = read('<img itemtype="http://schema.skype.com/Giphy" alt="Wave" src="https://media.giphy.com/w.gif">')
    assert gif.content.body.blocks == (paragraph(Link(url="https://media.giphy.com/w.gif", label="Wave")),)
    (huge,) = read(f'<img src="data:image/png;base64,{"A" * 7_000}">').content.attachments
    assert huge.problem == "Its address in Teams is too long."


def test_files_come_with_an_address_or_as_something_that_graph_knows() -> None:
    offered = {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "name": "../a\u202einvoice.pdf",
        "content": {"downloadUrl": "https://contoso.sharepoint.com/d?x=1", "uniqueId": "u", "fileType": "pdf"},
    }
    card = {"contentType": "application/vnd.microsoft.card.hero", "content": {}}
    page = '<p>See</p><attachment id="card-1"></attachment><attachment id="aa-bb"></attachment>'
    first, second = said(activity(page, "", offered, card), BOT).content.attachments
    assert first.source == "download:https://contoso.sharepoint.com/d?x=1"
    assert not set(first.name) & set("/\u202e")
    assert (first.mime, first.kind) == ("application/pdf", MediaKind.FILE)
    assert second.source == f"file:{ROOM}|1711111111111|1711111111333|aa-bb"


def test_an_inserted_reply_is_relayed_and_an_inserted_conversation_is_for_colleagues() -> None:
    found = teams_cases.answers()["found_canned"]["composeExtension"]["attachments"][0]
    card = {"contentType": found["contentType"], "content": found["content"]}
    for along in (card, {**card, "content": json.dumps(found["content"])}):
        heard = said(activity('<p>Hello Jane</p><attachment id="x1"></attachment>', "", along), BOT)
        assert plain(heard.content.body) == ("Hello Jane\n\nDear customer,\n\nthank you for writing.\nWe look into it.")
        assert heard.content.attachments == ()
        assert not heard.internal
    told = teams_cases.answers()["found_conversations"]["composeExtension"]["attachments"][0]
    heard = said(activity("", "", {"contentType": told["contentType"], "content": told["content"]}), BOT)
    assert heard.internal
    assert plain(heard.content.body) == ""


def test_text_is_read_where_there_is_no_html() -> None:
    heard = said(activity(None, "<at>Threadbridge</at> &lt;b&gt; **x** <at>Bea Jones</at>,\n\n<at>Me</at>\n"), BOT)
    assert heard.mentions_bot
    assert heard.content.body.blocks == (
        paragraph(
            Text(text="&lt;b&gt; **x** "),
            Mention(kind="user", id="29:bea", label="@Bea Jones"),
            Text(text=",\n\n<at>Me</at>"),
        ),
    )
    assert (
        plain(said(activity(None, "One\n\nTwo https://a.example"), BOT).content.body) == "One\n\nTwo https://a.example"
    )
    assert plain(said(activity(None, "<b>One</b>", textFormat="xml"), BOT).content.body) == "One"


def test_the_message_of_a_menu_is_read_like_any_other() -> None:
    payload = {
        "id": "1711111111333",
        "replyToId": "1711111111111",
        "body": {"contentType": "html", "content": '<p><at id="0">Threadbridge</at> ask <at id="1">Bea</at></p>'},
        "mentions": [
            {"id": 0, "mentionText": "Threadbridge", "mentioned": {"application": {"id": BOT.removeprefix("28:")}}},
            {"id": 1, "mentionText": "Bea", "mentioned": {"user": {"id": "22222222-3333-4444-5555-666666666666"}}},
        ],
        "attachments": [{"id": "f-1", "contentType": "reference", "contentUrl": "https://x/a.pdf", "name": "a.pdf"}],
        "linkToMessage": f"https://teams.microsoft.com/l/message/{ROOM}/1711111111333?x=1",
    }
    heard = said(payload_activity(payload), BOT)
    assert heard.mentions_bot
    assert plain(heard.content.body) == "ask @Bea"
    (file,) = heard.content.attachments
    assert (file.name, file.source) == ("a.pdf", f"file:{ROOM}|1711111111111|1711111111333|f-1")
    bare = said(payload_activity({"id": "1", "body": {"contentType": "text", "content": "<b>"}}), BOT)
    assert plain(bare.content.body) == "<b>"
