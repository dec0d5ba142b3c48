"""Checks reply markup: inline keyboards, and what removes or forces a reply."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.arguments import Arguments
from sandbox.telegram.errors import bad_request

MAX_BUTTONS = 100
MAX_ROW = 8
_STYLES = {"danger", "success", "primary"}
_ACTIONS = ("callback_data", "url", "web_app", "login_url", "switch_inline_query", "copy_text", "pay")


def read_keyboard(arguments: Arguments) -> list[list[dict[str, Any]]] | None:
    """The inline keyboard of a call, None when it has none. Raises: ApiError."""
    markup = arguments.structure("reply_markup", "reply keyboard markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("Object expected as reply markup")
    if "inline_keyboard" not in markup:
        return None
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('Field "inline_keyboard" must be an Array of Arrays')
    keyboard = [[_read_button(button) for button in row] for row in rows if row]
    if sum(len(row) for row in keyboard) > MAX_BUTTONS or any(len(row) > MAX_ROW for row in keyboard):
        raise bad_request("reply markup is too long")
    return keyboard or None


def _read_button(button: Any) -> dict[str, Any]:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    text = button.get("text")
    if not isinstance(text, str) or not text.strip():
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be a non-empty String')
    if button.get("style") not in (None, "", *_STYLES):
        raise bad_request("can't parse inline keyboard button: invalid button style specified")
    present = [name for name in _ACTIONS if name in button]
    if not present:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if "callback_data" in button:
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button:
        url = button["url"]
        if not isinstance(url, str) or not url.lower().startswith(("http://", "https://", "tg://")):
            raise bad_request("BUTTON_URL_INVALID")
    kept = ("text", "style", *_ACTIONS)
    return {name: button[name] for name in kept if name in button}
