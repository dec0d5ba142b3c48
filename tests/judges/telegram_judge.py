"""Runs inside .venv-judges: reads samples of Telegram traffic as JSON and prints aiogram's objections by name."""

import json
import sys

from aiogram import Bot, methods
from aiogram.types import TelegramObject, Update
from pydantic import BaseModel, ValidationError

#: Never used to call anyone; aiogram wants the shape of a token before it lets a model be made.
BOT = Bot("1:judge")


def unknown_fields(value: object, path: str) -> list[str]:
    """aiogram keeps fields it does not know, so that a new one breaks nobody; a fake must not invent any."""
    if isinstance(value, BaseModel):
        found = [f"{path}.{name}: unknown field" for name in value.model_extra or {}]
        for name in value.model_fields_set:
            found += unknown_fields(getattr(value, name), f"{path}.{name}")
        return found
    if isinstance(value, list):
        return [line for position, item in enumerate(value) for line in unknown_fields(item, f"{path}[{position}]")]
    return []


def judge(model: type[BaseModel], data: object, path: str) -> list[str]:
    try:
        value = model.model_validate(data, context={"bot": BOT})
    except ValidationError as error:
        return [f"{path}.{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
    return unknown_fields(value, path)


def judge_call(method: str, params: object) -> list[str]:
    model = getattr(methods, method[:1].upper() + method[1:], None)
    if model is None:
        return [f"{method}: aiogram knows no such method"]
    return judge(model, params, method)


def judge_object(kind: str, data: object) -> list[str]:
    import aiogram.types

    model = getattr(aiogram.types, kind, None)
    if not (isinstance(model, type) and issubclass(model, TelegramObject)):
        return [f"{kind}: aiogram knows no such type"]
    return judge(model, data, kind)


def main() -> None:
    order = json.load(sys.stdin)
    answer = {
        "updates": {name: judge(Update, update, "update") for name, update in order["updates"].items()},
        "calls": {name: judge_call(method, params) for name, (method, params) in order["calls"].items()},
        "objects": {name: judge_object(kind, data) for name, (kind, data) in order["objects"].items()},
    }
    json.dump(answer, sys.stdout)


main()
