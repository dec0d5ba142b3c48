"""The OpenAPI description of one account, made from the models that check what comes and say what goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from bridges.api.deliveries import OUTGOING, Answer, Refusal
from bridges.api.events import INCOMING, MOST_EVENTS
from bridges.api.refusals import Problem, Taken
from bridges.api.settings import ApiSettings
from bridges.api.signing import TOLERANCE_S
from bridges.api.uploading import Uploaded

Json = dict[str, Any]
_TEMPLATE = "#/components/schemas/{model}"
_HEADERS = {
    "webhook-id": "Unique to this call; the same when it is tried again.",
    "webhook-timestamp": f"Seconds since 1970, at most {TOLERANCE_S} off.",
    "webhook-signature": (
        "`v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`; several, parted by spaces."
    ),
}


def describe(settings: ApiSettings) -> Mapping[str, Any]:
    """OpenAPI 3.1, its paths relative to `/bridges/<account>`."""
    event, delivery, schemas = _schemas()
    one_or_more = {
        "anyOf": [event, {"type": "array", "items": event, "minItems": 1, "maxItems": MOST_EVENTS}],
    }
    return {
        "paths": {
            "": {
                "post": {
                    "summary": "Tell what customers did",
                    "description": "One event, or a list of them; each is taken or refused by itself.",
                    "parameters": _parameters(),
                    "requestBody": _body(one_or_more),
                    "responses": {
                        "200": _response("All were taken, or had been before.", "Taken"),
                        "207": _response("Some were taken; `errors` says what is wrong with the others.", "Taken"),
                        "422": _problem("None was taken."),
                        **_refusals("400", "401", "413", "503"),
                    },
                }
            },
            "/files": {
                "post": {
                    "summary": "Upload a file for a message to come",
                    "description": f"The file as it is, at most {int(settings.max_file):,} bytes.",
                    "parameters": [
                        *_parameters(),
                        {"name": "name", "in": "query", "required": True, "schema": {"type": "string"}},
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {"application/octet-stream": {"schema": {}}},
                    },
                    "responses": {
                        "201": _response("It is here for a day.", "Uploaded"),
                        "415": _problem("Files of this kind are not taken."),
                        **_refusals("401", "413", "429", "503"),
                    },
                }
            },
        },
        "webhooks": {
            "delivery": {
                "post": {
                    "summary": "Told to your `deliver_url`: what agents do",
                    "parameters": _parameters(),
                    "requestBody": _body(delivery),
                    "responses": {
                        "2XX": _response("Done.", "Answer"),
                        "409": _response("Done before, under this `webhook-id`.", "Answer"),
                        "410": _response(
                            "The customer is gone; the agent is told.", "Refusal", "application/problem+json"
                        ),
                        "422": _response(
                            "It can never be sent; the agent is told.", "Refusal", "application/problem+json"
                        ),
                        "429": {"description": "Slow down; `Retry-After` says for how many seconds."},
                        "5XX": {"description": "Try again later."},
                    },
                }
            }
        },
        "components": {"schemas": schemas},
    }


def _schemas() -> tuple[Json, Json, Json]:
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        ("event", "validation", INCOMING),
        ("delivery", "serialization", OUTGOING),
    ]
    found, shared = TypeAdapter.json_schemas(adapters, ref_template=_TEMPLATE)
    models: list[tuple[type[BaseModel], Any]] = [(model, "serialization") for model in (Taken, Problem, Uploaded)] + [
        (model, "validation") for model in (Answer, Refusal)
    ]
    _, others = models_json_schema(models, ref_template=_TEMPLATE)
    return found["event", "validation"], found["delivery", "serialization"], shared["$defs"] | others["$defs"]


def _parameters() -> list[Json]:
    return [
        {"name": name, "in": "header", "required": True, "description": says, "schema": {"type": "string"}}
        for name, says in _HEADERS.items()
    ]


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _response(says: str, model: str, kind: str = "application/json") -> Json:
    return {"description": says, "content": {kind: {"schema": {"$ref": _TEMPLATE.format(model=model)}}}}


def _problem(says: str) -> Json:
    return _response(says, "Problem", "application/problem+json")


def _refusals(*statuses: str) -> Json:
    """Refusals of the whole call: a sentence, or a problem for who accepts JSON."""
    says = {
        "400": "The body is no JSON.",
        "401": "The signature does not fit, or is too old.",
        "413": "It is too large.",
        "429": "Too much at once.",
        "503": "Not now; come again after `Retry-After` seconds.",
    }
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {one: {**(found := _problem(says[one])), "content": {**found["content"], **text}} for one in statuses}
