"""views.* and blocks.validate."""

from __future__ import annotations

from typing import Any

from sandbox.slack.blocks import check_message_blocks, check_view
from sandbox.slack.web import Call, Method
from sandbox.slack.wire import Json, SlackError


def views_open(call: Call) -> Json:
    """views.open."""
    return {"view": call.views.render(call.views.open(_trigger(call), _view(call)))}


def views_push(call: Call) -> Json:
    """views.push."""
    return {"view": call.views.render(call.views.push(_trigger(call), _view(call)))}


def views_update(call: Call) -> Json:
    """views.update, by view_id or external_id."""
    arguments = call.arguments
    view_id, external_id = arguments.text("view_id"), arguments.text("external_id")
    if not view_id and not external_id:
        raise SlackError("invalid_arguments", "missing required field: view_id")
    view = call.views.update(
        view_id=view_id, external_id=external_id, given_hash=arguments.text("hash"), body=_view(call)
    )
    return {"view": call.views.render(view)}


def views_publish(call: Call) -> Json:
    """views.publish."""
    user = call.arguments.required("user_id")
    view = call.views.publish(user=user, given_hash=call.arguments.text("hash"), body=_view(call))
    return {"view": call.views.render(view)}


def blocks_validate(call: Call) -> Json:
    """blocks.validate: blocks, a view or a whole message."""
    message = call.arguments.structure("message", "invalid_arguments")
    blocks = call.arguments.structure("blocks", "invalid_blocks_format")
    view = call.arguments.structure("view", "invalid_arguments")
    if isinstance(message, dict):
        blocks = message.get("blocks", [])
    if view is not None:
        check_view(view)
    elif blocks is not None:
        check_message_blocks(blocks)
    else:
        raise SlackError("invalid_arguments", "missing required field: blocks")
    return {}


def _trigger(call: Call) -> str:
    return call.arguments.text("trigger_id") or call.arguments.required("interactivity_pointer")


def _view(call: Call) -> Any:
    call.arguments.required("view")
    return call.arguments.structure("view", "invalid_arguments")


METHODS = {
    "views.open": Method(handle=views_open, tier=4),
    "views.push": Method(handle=views_push, tier=4),
    "views.update": Method(handle=views_update, tier=4),
    "views.publish": Method(handle=views_publish, tier=4),
    "blocks.validate": Method(handle=blocks_validate, tier=4, token="none"),
}
