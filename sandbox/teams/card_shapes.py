"""What each element and action of an Adaptive Card must and may hold, as Teams renders version 1.5.

https://adaptivecards.io/explorer/ and https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Required properties with their types, and the lists in which more elements stand."""

    needs: dict[str, type | tuple[type, ...]] = field(default_factory=dict)
    #: Property to the kind of what it lists: "element", "action", or one type in particular.
    lists: dict[str, str] = field(default_factory=dict)


_CHART = Shape(needs={"data": list})
_INPUT = Shape(needs={"id": str})

ELEMENTS: dict[str, Shape] = {
    "TextBlock": Shape(needs={"text": str}),
    "RichTextBlock": Shape(needs={"inlines": list}, lists={"inlines": "inline"}),
    "Image": Shape(needs={"url": str}),
    "ImageSet": Shape(needs={"images": list}, lists={"images": "Image"}),
    "Media": Shape(needs={"sources": list}),
    "Container": Shape(needs={"items": list}, lists={"items": "element"}),
    "ColumnSet": Shape(lists={"columns": "Column"}),
    "Column": Shape(lists={"items": "element"}),
    "FactSet": Shape(needs={"facts": list}),
    "Table": Shape(lists={"rows": "TableRow"}),
    "TableRow": Shape(lists={"cells": "TableCell"}),
    "TableCell": Shape(needs={"items": list}, lists={"items": "element"}),
    "ActionSet": Shape(needs={"actions": list}, lists={"actions": "action"}),
    "Input.Text": _INPUT,
    "Input.Number": _INPUT,
    "Input.Date": _INPUT,
    "Input.Time": _INPUT,
    "Input.Toggle": Shape(needs={"id": str, "title": str}),
    "Input.ChoiceSet": _INPUT,
    "Input.Rating": _INPUT,
    # Teams' own, beyond 1.5.
    "Badge": Shape(),
    "Carousel": Shape(needs={"pages": list}, lists={"pages": "CarouselPage"}),
    "CarouselPage": Shape(needs={"items": list}, lists={"items": "element"}),
    "CodeBlock": Shape(),
    "CompoundButton": Shape(),
    "Component": Shape(needs={"name": str}),
    "Icon": Shape(needs={"name": str}),
    "ProgressBar": Shape(),
    "ProgressRing": Shape(),
    "Rating": Shape(),
    "Chart.Donut": _CHART,
    "Chart.Pie": _CHART,
    "Chart.VerticalBar": _CHART,
    "Chart.HorizontalBar": _CHART,
    "Chart.VerticalBar.Grouped": _CHART,
    "Chart.HorizontalBar.Stacked": _CHART,
    "Chart.Line": _CHART,
    "Chart.Gauge": Shape(needs={"value": (int, float)}),
}
#: They stand only in the list of their parent.
PARTS = frozenset({"Column", "TableRow", "TableCell", "CarouselPage"})
INLINES: dict[str, Shape] = {
    "TextRun": Shape(needs={"text": str}),
    "IconRun": Shape(needs={"name": str}),
    "ImageRun": Shape(needs={"url": str}),
}
ACTIONS: dict[str, Shape] = {
    "Action.Execute": Shape(),
    "Action.Submit": Shape(),
    "Action.OpenUrl": Shape(needs={"url": str}),
    "Action.ShowCard": Shape(needs={"card": dict}),
    "Action.ToggleVisibility": Shape(needs={"targetElements": list}),
    "Action.Popover": Shape(needs={"content": dict}),
    "Action.ResetInputs": Shape(),
}
#: Small letters; clients take them in any case.
VALUES: dict[str, frozenset[str]] = {
    "size": frozenset("auto stretch small default medium large extralarge".split()),
    "weight": frozenset("lighter default bolder".split()),
    "color": frozenset("default dark light accent good warning attention".split()),
    "spacing": frozenset("none extrasmall small default medium large extralarge padding".split()),
    "fontType": frozenset("default monospace".split()),
    "horizontalAlignment": frozenset("left center right".split()),
    "mode": frozenset("primary secondary".split()),
    "associatedInputs": frozenset("auto none ignorestale".split()),
}
STYLES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("Container", "Column", "ColumnSet", "TableCell", "TableRow"),
        frozenset("default emphasis good attention warning accent".split()),
    ),
    "TextBlock": frozenset("default heading columnheader".split()),
    "Image": frozenset("default person roundedcorners".split()),
    "Input.Text": frozenset("text tel url email password".split()),
    "Input.ChoiceSet": frozenset("compact expanded filtered".split()),
    **dict.fromkeys(ACTIONS, frozenset("default positive destructive".split())),
}
#: Values that mean another set for these elements.
OTHER_VALUES: frozenset[tuple[str, str]] = frozenset(
    {("Badge", "size"), ("Icon", "size"), ("ProgressRing", "size"), ("Rating", "size"), ("Rating", "color")}
    | {("Icon", "color"), ("ProgressBar", "color"), ("Input.Rating", "size"), ("Input.Rating", "color")}
    | {(name, "color") for name in ELEMENTS if name.startswith("Chart.")}
)


def fits(value: Any, wanted: type | tuple[type, ...]) -> bool:
    """Whether a property has its type; a truth value is no number."""
    return isinstance(value, wanted) and not isinstance(value, bool)
