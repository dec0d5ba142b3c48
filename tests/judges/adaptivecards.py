"""Asks Microsoft's own software about the cards we send: its renderer for web pages, and its types of what Teams knows.

The renderer finds wrong values and whatever the schema's version does not have; the types find fields that are none. A
card is drawn by the same renderer, in the colours of Teams, for a browser to look at.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from microsoft_teams.cards import core
from pydantic import ValidationError

from tests.fixtures.tools import missing

HERE = Path(__file__).parent
PACKAGE = HERE / "node_modules" / "adaptivecards"
DEADLINE_S = 50

Card = Mapping[str, Any]
#: What the schema has and the types do not: where the schema itself stands.
UNTYPED = frozenset({"$schema"})
#: Ours, and handed back to us as it is.
OPAQUE = frozenset({"data"})


def check_cards(cards: Mapping[str, Card]) -> dict[str, list[str]]:
    """The renderer's objections to each named card, as version 1.5 has it."""
    node = shutil.which("node")
    if node is None or not PACKAGE.exists():
        missing("the Adaptive Cards renderer of tests/judges", "run: make test")
    if not cards:
        raise ValueError("no card to judge; a judge that is asked nothing finds nothing")
    run = subprocess.run(
        [node, str(HERE / "adaptivecards.mjs")],
        input=json.dumps(cards),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"the Adaptive Cards renderer failed: {run.stderr[-1500:]}")
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


def check_types(card: Card) -> list[str]:
    """The types' objections to a card: unknown elements, fields and values."""
    return [*_objections(card, "card")]


def draw_cards(cards: Mapping[str, Card], *, theme: str = "light") -> str:
    """A whole HTML page, each card in a `main` of its name; give it to `page.set_content`, read or photograph it."""
    if not PACKAGE.exists():
        missing("the Adaptive Cards renderer of tests/judges", "run: make test")
    library = (PACKAGE / "dist" / "adaptivecards.min.js").read_text(encoding="utf-8")
    look = json.loads((HERE / "teams_look.json").read_text(encoding="utf-8"))[theme]
    order = json.dumps({"cards": cards, "host": look["host"]}).replace("<", "\\u003c")
    return f"""<!doctype html><meta charset="utf-8"><style>{look["css"]}</style>
<body><script>{library}</script><script>{{
const {{ cards, host }} = {order};
for (const [name, sample] of Object.entries(cards)) {{
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = new AdaptiveCards.HostConfig(host);
  card.parse(sample);
  const frame = document.createElement("main");
  frame.id = name;
  frame.append(card.render());
  document.body.append(frame);
}}
}}</script></body>"""


def _objections(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(kind := value.get("type"), str):
            yield from _of_type(kind, value, place)
        for name, inner in value.items():
            if name not in OPAQUE:
                yield from _objections(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _objections(inner, f"{place}[{number}]")


def _of_type(kind: str, value: Card, place: str) -> Iterator[str]:
    known = _classes().get(kind)
    if known is None:
        yield f"{place}: there is no {kind}"
        return
    try:
        read = known.model_validate(_as_typed(value))
    except ValidationError as error:
        yield from (f"{place}.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return
    yield from (f"{place}: {kind} has no {name}" for name in sorted(set(read.model_extra or {}) - UNTYPED))


def _as_typed(card: Card) -> dict[str, Any]:
    """Microsoft's pages write the width "Full", its types "full"; Teams takes both."""
    teams = card.get("msteams")
    if isinstance(teams, Mapping) and teams.get("width") == "Full":
        return {**card, "msteams": {**teams, "width": "full"}}
    return dict(card)


def _classes() -> dict[str, type[core.SerializableObject]]:
    """The types by what their `type` says."""
    found: dict[str, type[core.SerializableObject]] = {}
    for one in vars(core).values():
        if isinstance(one, type) and issubclass(one, core.SerializableObject) and "type" in one.model_fields:
            found.update(dict.fromkeys(get_args(one.model_fields["type"].annotation), one))
    return found
