"""JSON Schema as our description uses it: what a value violates, and values that violate nothing.

Whatever keyword is not known here fails, so that nothing is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

Json = Mapping[str, Any]
#: Say nothing about what is valid.
SILENT = {"title", "description", "default", "discriminator"}
LINKS = ("https://example.com/a?b=c", "http://example.org", "mailto:ada@example.com", "tel:+15550100")
#: Letters of several scripts, what looks like markup, and nothing that a server may leave out.
LETTERS = "abcXYZ 019äßéشلم您🙂👩‍👩‍👧<>&*_`!@#/\\\"'\n"
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def resolve(schema: Json, root: Json) -> Json:
    """What a reference stands for, with what is said beside it."""
    if "$ref" not in schema:
        return schema
    found: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def violations(schema: Json, value: Any, root: Json, place: str = "") -> list[str]:
    """Where `value` is not what the schema says."""
    schema = resolve(schema, root)
    found: list[str] = []
    for keyword, said in schema.items():
        found += [f"{place}: {keyword}" for _ in [0] if not _holds(keyword, said, value, root)]
        match keyword:
            case "properties" if isinstance(value, dict):
                for name, inner in said.items():
                    if name in value:
                        found += violations(inner, value[name], root, f"{place}/{name}")
            case "items" if isinstance(value, list):
                for number, one in enumerate(value):
                    found += violations(said, one, root, f"{place}/{number}")
            case "additionalProperties" if isinstance(value, dict):
                for name in set(value) - set(schema.get("properties", {})):
                    if said is False:
                        found.append(f"{place}/{name}: additionalProperties")
                    else:
                        found += violations(said, value[name], root, f"{place}/{name}")
    return found


def _holds(keyword: str, said: Any, value: Any, root: Json) -> bool:
    if keyword in SILENT | {"properties", "items", "additionalProperties"}:
        return True
    match keyword:
        case "type":
            return isinstance(value, TYPES[said]) and (said == "boolean" or not isinstance(value, bool))
        case "const":
            return bool(value == said)
        case "enum":
            return value in said
        case "anyOf":
            return any(not violations(one, value, root) for one in said)
        case "oneOf":
            return sum(not violations(one, value, root) for one in said) == 1
        case "not":
            return bool(violations(said, value, root))
        case "required":
            return not isinstance(value, dict) or set(said) <= set(value)
        case "propertyNames":
            return not isinstance(value, dict) or not any(violations(said, name, root) for name in value)
        case "minItems" | "maxItems" if isinstance(value, list):
            return len(value) >= said if keyword == "minItems" else len(value) <= said
        case "maxProperties" if isinstance(value, dict):
            return len(value) <= said
        case "minLength" | "maxLength" if isinstance(value, str):
            return len(value) >= said if keyword == "minLength" else len(value) <= said
        case "pattern" if isinstance(value, str):
            return re.search(said, value) is not None
        case "format" if isinstance(value, str):
            return _is_moment(value) if said == "date-time" else said == "uri"
        case "minimum" | "maximum" | "exclusiveMaximum" if isinstance(value, int):
            return {"minimum": value >= said, "maximum": value <= said, "exclusiveMaximum": value < said}[keyword]
        case "minItems" | "maxItems" | "maxProperties" | "minLength" | "maxLength" | "pattern" | "format":
            return True
        case "minimum" | "maximum" | "exclusiveMaximum":
            return True
    raise AssertionError(f"{keyword} is no keyword that is known here")


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def values(schema: Json, root: Json, made: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Values that the schema allows; `made` by name where chance would not find any."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in made:
        return made[name]
    schema = resolve(schema, root)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "type" not in schema:
        branches = schema.get("oneOf") or schema.get("anyOf")
        if branches is None:
            return st.none() | st.booleans() | st.integers(-5, 5) | st.text(LETTERS, max_size=10)
        return st.one_of([values(one, root, made) for one in branches])
    match schema["type"]:
        case "object":
            return _objects(schema, root, made)
        case "array":
            inner = values(schema["items"], root, made)
            if inner.is_empty:
                return inner
            return st.lists(inner, min_size=schema.get("minItems", 0), max_size=min(4, schema.get("maxItems", 4)))
        case "integer":
            top = schema.get("maximum", schema.get("exclusiveMaximum", 1000) - 1)
            return st.integers(schema.get("minimum", 0), top)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return _strings(schema)


def _strings(schema: Json) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        zones = st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])
        low, high = datetime(2000, 1, 2), datetime(2026, 1, 1)  # noqa: DTZ001
        return st.datetimes(low, high, timezones=zones).map(lambda at: at.isoformat())
    if schema.get("format") == "uri":
        return st.sampled_from(LINKS)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    most = min(40, schema.get("maxLength", 40))
    # Something that is seen, wherever something must be.
    return st.text(LETTERS, min_size=0, max_size=most - 1).map(
        lambda text: text + "x" if schema.get("minLength") else text
    )


def _objects(schema: Json, root: Json, made: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        names = _strings(schema.get("propertyNames", {}))
        return st.dictionaries(names, values(schema["additionalProperties"], root, made), max_size=3)
    fields = {name: values(one, root, made) for name, one in schema["properties"].items()}
    # Of fields that stand for one another, one is there.
    ways = [set(one["required"]) for one in schema.get("anyOf", ())]
    ways = [names for names in ways if not any(fields[name].is_empty for name in names)] or [set()]
    others: set[str] = set().union(*ways)
    return st.one_of([_object(fields, {*schema.get("required", ()), *names}, others - names) for names in ways])


def _object(fields: Mapping[str, Any], required: set[str], without: set[str]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {name: one for name, one in fields.items() if name in required},
        optional={name: one for name, one in fields.items() if name not in required | without},
    )
