"""The description and the server are of one mind: what it allows is taken, and what is refused it forbids."""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bridges.api import BRIDGE
from bridges.api.description import describe
from core.contracts.content import CardButton, Choice, Content, OfferedCard, Question
from core.contracts.text import markdown
from core.testing.examples import read_examples
from core.testing.hostile import PARTS
from core.testing.scenarios import PNG
from tests.bridges.api_accounts import OLD_SECRET, Account, api_account
from tests.bridges.runtime import outbound
from tests.bridges.schemas import resolve, values, violations

SETTINGS = {"deliver_url": "https://connector.example.com/", "secrets": [OLD_SECRET], "verifies": True}
DOCUMENT: Any = json.loads(json.dumps(describe(BRIDGE.settings.model_validate(SETTINGS))))
CALL = DOCUMENT["paths"][""]["post"]
EVENTS = CALL["requestBody"]["content"]["application/json"]["schema"]
DELIVERY = DOCUMENT["webhooks"]["delivery"]["post"]["requestBody"]["content"]["application/json"]["schema"]
EVENT = EVENTS["anyOf"][0]
#: Chance knows no files, which are tried by themselves, nor that something of a message must be seen.
DRAWN = values(EVENT, DOCUMENT, {"File": st.nothing()}).map(
    lambda event: {**event, "body": [*event["body"], ["x"]]} if "body" in event else event
)
RELAXED = settings(
    max_examples=100,
    deadline=None,
    # Saying why something failed takes longer than all the rest.
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    async with api_account(tmp_path, verifies=True) as one:
        yield one


def nodes(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    yield place, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from nodes(one, f"{place}/{key}")


def test_it_is_whole() -> None:
    """Every reference leads somewhere, every component is used, and every operation says what it must."""
    references = {value["$ref"] for _, value in nodes(DOCUMENT) if isinstance(value, dict) and "$ref" in value}
    for one in references:
        # Any JSON at all is described by nothing.
        assert resolve({"$ref": one}, DOCUMENT) or one.endswith("/JsonValue"), one
    assert references == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    operations = [DOCUMENT["paths"][path]["post"] for path in ("", "/files")]
    for operation in (*operations, DOCUMENT["webhooks"]["delivery"]["post"]):
        assert operation["summary"]
        assert operation["requestBody"]["content"]
        assert {one["name"] for one in operation["parameters"]} >= {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }
        assert all({"name", "in", "required", "schema"} <= set(one) for one in operation["parameters"])
        assert all(response["description"] for response in operation["responses"].values())


def test_what_is_left_out_could_have_been_sent() -> None:
    defaults = [(place, one) for place, one in nodes(DOCUMENT) if isinstance(one, dict) and "default" in one]
    assert len(defaults) > 50
    for place, one in defaults:
        assert not violations(one, one["default"], DOCUMENT), place


def test_every_model_says_what_it_is() -> None:
    silent = [name for name, one in DOCUMENT["components"]["schemas"].items() if not one.get("description")]
    assert silent == ["JsonValue"]


def test_the_recorded_examples_are_what_it_says() -> None:
    examples = read_examples(Path("bridges/api/examples").resolve())
    kinds = set()
    for example in examples:
        assert not violations(EVENTS, json.loads(example.raw), DOCUMENT), example.name
        kinds.add(json.loads(example.raw)["type"])
    assert kinds == set(EVENT["discriminator"]["mapping"])


@given(event=DRAWN)
@RELAXED
async def test_what_it_allows_is_taken(account: Account, event: Any) -> None:
    before = len(account.core.raws)
    status, answer = await account.api.post(json.dumps(event).encode())
    assert status == 200, (event, answer)
    assert answer["taken"] == [event["event_id"]]
    assert len(account.core.raws) == before + 1
    assert not violations(_schema("200"), answer, DOCUMENT)


@given(batch=st.lists(DRAWN, min_size=2, max_size=3), data=st.data())
@RELAXED
async def test_what_it_forbids_is_refused(account: Account, batch: list[Any], data: st.DataObject) -> None:
    """Something in one event of the batch is gone, new, or something else."""
    index = data.draw(st.integers(0, len(batch) - 1))
    batch = copy.deepcopy(batch)
    path = data.draw(st.sampled_from([one for one, _ in nodes(batch[index]) if one]))
    *above, last = path.split("/")[1:]
    holder = batch[index]
    for part in above:
        holder = holder[int(part) if isinstance(holder, list) else part]
    key: Any = int(last) if isinstance(holder, list) else last
    match data.draw(st.sampled_from(["gone", "other", "new"])):
        case "gone":
            del holder[key]
        case "new" if isinstance(holder, dict):
            holder["invented"] = 1
        case _:
            holder[key] = data.draw(st.sampled_from(PARTS))
    status, answer = await account.api.post(json.dumps(batch).encode())
    assert status in (200, 207, 422), answer
    assert not violations(_schema(str(status)), answer, DOCUMENT)
    refused = {one["index"] for one in answer["errors"]}
    forbidden = {index} if violations(EVENT, json.loads(json.dumps(batch[index])), DOCUMENT) else set()
    assert forbidden <= refused <= {index}
    assert refused != {index} or status == 207


@pytest.mark.parametrize("way", ["url", "upload"])
async def test_files_are_what_it_says(account: Account, way: str) -> None:
    answer = await account.api.upload("lamp.png", PNG)
    uploaded = DOCUMENT["paths"]["/files"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert not violations(uploaded, answer, DOCUMENT)
    place = {"url": account.api.host_file("image/png", PNG)} if way == "url" else {"upload": answer["upload"]}
    file = {"name": "lamp.png", "kind": "image", "mime": "image/png", "alt": "A lamp", **place}
    event = {"type": "message", "sender": {"external_id": "ada"}, "external_id": "m1", "attachments": [file]}
    whole = {"event_id": "e1", "at": "2026-11-01T12:00:00Z", **event}
    assert not violations(EVENTS, whole, DOCUMENT)
    assert (await account.api.post(json.dumps(whole).encode()))[0] == 200
    both = {**whole, "attachments": [{**file, "url": "https://a.example/", "upload": "AAAA"}]}
    assert violations(EVENTS, both, DOCUMENT)
    assert (await account.api.post(json.dumps(both).encode()))[0] == 422


async def test_deliveries_are_what_it_says(account: Account) -> None:
    attachment = await account.core.stored(PNG, "lamp.png")
    card = OfferedCard(title="Lamp", links=(CardButton(label="See", url="https://example.com"),))
    content = Content(
        body=markdown("# Hi\n\n- **one**\n- [two](https://example.com)\n\n> three\n\n```py\nfour\n```"),
        attachments=(attachment,),
        choices=(Choice(value="y", label="Yes", description="Please"),),
        cards=(card,),
        form=(Question(label="Street", hint="and number"),),
    )
    sent = await account.bridge.send(outbound(account.recipient, content))
    await account.bridge.edit(sent, outbound(account.recipient, content, key="k1:edit"))
    await account.bridge.react(sent, account.recipient, "👍")
    await account.bridge.react(sent, account.recipient, None)
    await account.bridge.show_typing(account.recipient)
    await account.bridge.delete(sent, account.recipient)
    await account.bridge.check()
    for one in account.api.deliveries:
        assert not violations(DELIVERY, one.body, DOCUMENT), one.body
    assert {one.body["type"] for one in account.api.deliveries} == set(DELIVERY["discriminator"]["mapping"])


def _schema(status: str) -> Any:
    (content,) = CALL["responses"][status]["content"].values()
    return content["schema"]
