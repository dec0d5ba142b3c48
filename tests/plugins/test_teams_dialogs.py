"""Forms, the queue and what a search found: drawn, filled in, sent back and read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contracts.posts import FieldKind, Finding, Form, FormField, Option, Queue, QueueItem
from core.contracts.richtext import Document, ListBlock, Mark, Paragraph, Text
from core.contracts.text import from_plain, normalise, plain
from plugins.teams import compose, dialogs
from plugins.teams.dialogs import Asked
from plugins.teams.elements import written
from plugins.teams.sizes import CUT, fits
from tests.judges.adaptivecards import check_types
from tests.plugins import teams_cases
from tests.plugins.teams_cases import ACTIONS, ASKED, FORMS, HOSTILE, THREAD, TO, answers, cards_in

Json = dict[str, Any]


def card_of(answer: Json) -> Json:
    (card,) = cards_in(answer)
    assert check_types(card) == []
    return card


def inputs(answer: Json) -> dict[str, Json]:
    return {element["id"]: element for element in card_of(answer)["body"] if element["type"].startswith("Input.")}


def submitted(answer: Json, typed: dict[str, str]) -> Json:
    """What Teams sends: the button's data, and what stands in each input."""
    (button,) = card_of(answer)["actions"]
    started = {name: element.get("value", "") for name, element in inputs(answer).items()}
    assert set(typed) <= set(started)
    return {**button["data"], **started, **typed}


def test_a_form_comes_back_with_what_it_was_opened_for_and_what_was_typed() -> None:
    data = submitted(dialogs.dialog(FORMS["reply"], ASKED), {"rich_text": "Dear **Jane**\n\n- one\n- two"})
    assert dialogs.asked_for("contoso", data) == ASKED
    fields, text = dialogs.filled_in(data)
    assert fields == [("channel", "w"), ("subject", "")]
    assert text is not None
    first, second = text.blocks
    assert first == Paragraph(inlines=(Text(text="Dear "), Text(text="Jane", marks=frozenset({Mark.BOLD}))))
    assert isinstance(second, ListBlock)


def test_a_form_without_rich_text_has_none_and_an_empty_one_is_empty() -> None:
    assert dialogs.filled_in(submitted(dialogs.dialog(FORMS["mirror"], ASKED), {"field_room": "r3"})) == (
        [("room", "r3")],
        None,
    )
    assert dialogs.filled_in(submitted(dialogs.dialog(FORMS["reply"], ASKED), {"rich_text": ""}))[1] == Document()


def test_fields_say_what_they_take() -> None:
    drawn = inputs(dialogs.dialog(FORMS["reply"], ASKED))
    text, channel, subject = drawn["rich_text"], drawn["field_channel"], drawn["field_subject"]
    assert (text["isMultiline"], text["isRequired"], text["value"]) == (True, True, "Dear Jane,")
    assert text["errorMessage"] == "Message is missing."
    assert (channel["style"], channel["value"]) == ("compact", "w")
    assert "isRequired" not in subject
    assert inputs(dialogs.dialog(FORMS["mirror"], ASKED))["field_room"]["style"] == "filtered"


def test_a_field_called_like_what_travels_with_the_form_is_its_own() -> None:
    names = ("action", "value", "room", "thread", "tb", "key")
    form = Form(title="t", submit="s", fields=tuple(FormField(id=n, label=n, kind=FieldKind.TEXT) for n in names))
    data = submitted(dialogs.dialog(form, ASKED), {f"field_{name}": "mine" for name in names})
    assert dialogs.asked_for("contoso", data) == ASKED
    assert dialogs.filled_in(data)[0] == [(name, "mine") for name in names]


def test_a_refused_form_keeps_every_word_and_says_why() -> None:
    typed = {"rich_text": "Dear Jane,\n\n  **wait** <b>", "field_channel": "e", "field_subject": "Your *order*"}
    data = submitted(dialogs.dialog(FORMS["reply"], ASKED), typed)
    again = dialogs.with_error(FORMS["reply"], ASKED, data, "Email wants a subject.")
    assert submitted(again, {}) == data
    assert "Email wants a subject." in json.dumps(card_of(again)["body"][0])
    assert FORMS["reply"].fields[0].initial == "Dear Jane,"


def test_something_to_read_has_no_button_and_is_all_there() -> None:
    answer = dialogs.dialog(FORMS["to_read"], ASKED)
    card = card_of(answer)
    assert "actions" not in card
    shown = "\n".join(run["text"] for block in card["body"] for run in block["inlines"])
    assert shown.splitlines() == ["A line of a long mail."] * 400
    long = Form(title="Full message", submit="", text="é" * 100_000, fields=())
    cut = dialogs.dialog(long, ASKED)
    assert fits(cut)
    assert CUT in json.dumps(card_of(cut), ensure_ascii=False)


def test_a_form_that_another_follows_says_so_and_that_one_has_its_own_value() -> None:
    first = Form(title="t", submit="Next", fields=FORMS["mirror"].fields, continues=True)
    asked = dialogs.asked_for("contoso", submitted(dialogs.dialog(first, ASKED), {"field_room": "r3"}))
    assert asked is not None
    assert (asked.continues, asked.value) == (True, ASKED.value)
    second = Form(title="t", submit="Send", text="Hello.", fields=(), value="a/en")
    again = dialogs.asked_for("contoso", submitted(dialogs.dialog(second, asked), {}))
    assert again is not None
    assert (again.continues, again.value, again.key) == (False, "a/en", ASKED.key)


def test_lines_are_typed_in_a_large_box() -> None:
    field = FormField(id="choices", label="Choices", kind=FieldKind.LINES)
    answer = dialogs.dialog(Form(title="t", submit="s", fields=(field,)), ASKED)
    assert inputs(answer)["field_choices"]["isMultiline"]
    assert dialogs.filled_in(submitted(answer, {"field_choices": "Red\nBlue"}))[0] == [("choices", "Red\nBlue")]


def test_a_sentence_instead_of_a_form() -> None:
    assert dialogs.message("Taken.") == {"task": {"type": "message", "value": "Taken."}}


@pytest.mark.parametrize("data", [{}, {"tb": 1, "action": "x"}, {"tb": "act"}, {"action": "claim"}], ids=str)
def test_what_is_not_ours_asks_for_nothing(data: Any) -> None:
    assert dialogs.asked_for("contoso", data) is None


def test_a_button_in_its_own_thread_names_none() -> None:
    asked = dialogs.asked_for("contoso", {"tb": "act", "action": "retry", "value": "m1"})
    assert asked is not None
    assert (asked.action, asked.value, asked.thread.room, asked.thread.thread) == ("retry", "m1", "", "")


words = st.one_of(st.text(max_size=60), st.just(HOSTILE), st.text(alphabet="<>&*_`[]()#{}\n- ab", max_size=40))
fields_of = st.builds(
    FormField,
    id=st.text(alphabet="abc_", min_size=1, max_size=5),
    label=words,
    kind=st.sampled_from(FieldKind),
    options=st.lists(st.builds(Option, value=words, label=words), max_size=9).map(tuple),
    optional=st.booleans(),
    initial=words,
    hint=words,
)


@given(st.builds(Form, title=words, submit=words, text=words, fields=st.lists(fields_of, max_size=4).map(tuple)), words)
def test_no_words_break_a_form(form: Form, value: str) -> None:
    asked = Asked(thread=THREAD, action="reply", value=value)
    answer = dialogs.dialog(form, asked)
    assert fits(answer)
    card = card_of(answer)
    shown = answer["task"]["value"]["title"]
    assert shown.strip()
    assert "\n" not in shown
    if form.fields:
        data = card["actions"][0]["data"]
        assert dialogs.asked_for("contoso", json.loads(json.dumps(data))) == asked
    dialogs.filled_in({name: element.get("value") for name, element in inputs(answer).items()})


@given(st.dictionaries(st.sampled_from(["field_a", "rich_b", "tb", "x"]), st.none() | st.integers() | st.text()))
def test_whatever_is_submitted_is_read(data: dict[str, Any]) -> None:
    fields, text = dialogs.filled_in(data)
    assert all(value == normalise(value) for _, value in fields)
    assert (text is not None) is ("rich_b" in data)


def test_a_queue_that_is_long_says_what_it_leaves_out() -> None:
    item = QueueItem(title="é" * 150, status="é" * 200, text="é" * 400, thread=THREAD, actions=ACTIONS)
    drawn = dialogs.queue(Queue(mine=(item,) * 40, waiting=(item,) * 40, snoozed=(item,) * 40), TO)
    assert fits(drawn)
    assert check_types(cards_in(drawn)[0]) == []
    assert "more" in json.dumps(drawn, ensure_ascii=False)
    assert drawn["summary"] == "Your queue: 40 yours, 40 waiting for anybody"
    one = dialogs.queue(Queue(waiting=(teams_cases.ITEM,) * 13), TO)
    assert "… and 1 more" in json.dumps(one, ensure_ascii=False)


def test_buttons_of_a_queue_name_the_thread_that_they_belong_to() -> None:
    drawn = dialogs.queue(teams_cases.QUEUES["full"], TO)
    found = json.dumps(drawn).split('"data": ')[1:]
    assert found
    assert all(THREAD.thread in one.split("}")[0] for one in found)


def test_what_was_found_is_a_card_for_each_with_a_preview() -> None:
    answer = answers()["found_canned"]["composeExtension"]
    assert (answer["type"], answer["attachmentLayout"]) == ("result", "list")
    first = answer["attachments"][0]
    assert first["preview"]["content"] == {
        "title": "Greeting",
        "text": "Dear customer, thank you for writing. We look into it.",
    }
    assert compose.inserted(first["content"]) == ("Dear customer,\n\nthank you for writing.\nWe look into it.", False)
    told = answers()["found_conversations"]["composeExtension"]["attachments"][0]
    assert compose.inserted(told["content"]) == ("", True)
    assert "Where is it?" not in json.dumps(told["content"])
    assert answers()["found_nothing"]["composeExtension"]["type"] == "message"


@given(words)
def test_a_canned_reply_is_inserted_as_it_was_prepared(text: str) -> None:
    prepared = normalise(text)
    answer = compose.results([Finding(id="f", title="t", text=prepared)], TO)
    read, internal = compose.inserted(json.dumps(card_of(answer)))
    assert not internal
    if from_plain(prepared):
        assert plain(from_plain(read)).split() == plain(from_plain(written(prepared))).split()


@given(st.lists(st.builds(Finding, id=words, title=words, text=words, status=words), min_size=1, max_size=25))
def test_no_words_break_what_was_found(findings: list[Finding]) -> None:
    answer = compose.results(findings, TO)
    for one in answer["composeExtension"]["attachments"]:
        assert check_types(one["content"]) == []
        assert not set(one["preview"]["content"]["title"] + one["preview"]["content"]["text"]) & set("<>")


def test_many_long_findings_fit_into_one_answer() -> None:
    findings = [Finding(id=str(number), title="t", text="é" * 20_000) for number in range(25)]
    assert fits(compose.results(findings, TO))


@pytest.mark.parametrize("card", [None, 1, "", "{", [], {"body": []}, {"body": [{"id": "tb-canned:x"}]}], ids=str)
def test_a_card_of_others_holds_nothing_for_the_customer(card: Any) -> None:
    assert compose.inserted(card) == ("", False)
