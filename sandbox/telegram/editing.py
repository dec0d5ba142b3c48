"""The methods that change what a chat already shows."""

from __future__ import annotations

from sandbox.telegram.arguments import Arguments
from sandbox.telegram.entities import Entity
from sandbox.telegram.errors import bad_request
from sandbox.telegram.keyboards import read_keyboard
from sandbox.telegram.messages import Json, Message, Person
from sandbox.telegram.reactions import REACTIONS
from sandbox.telegram.sending import read_caption, read_text
from sandbox.telegram.world import CALLBACK_LIFETIME, World

#: https://core.telegram.org/bots/api#deletemessage
DELETABLE_FOR = 48 * 3600
ACTION_LIFETIME = 5.0
MAX_CALLBACK_ANSWER = 200
_ACTIONS = frozenset(
    "typing record_video upload_video record_audio record_voice upload_audio upload_voice upload_photo upload_document"
    " choose_sticker pick_up_location find_location record_video_note upload_video_note cancel".split()
)


async def edit_message_text(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#editmessagetext"""
    text, entities = read_text(arguments)
    return _edit(world, arguments, text, entities, "text")


async def edit_message_caption(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#editmessagecaption"""
    text, entities = read_caption(arguments)
    return _edit(world, arguments, text, entities, "caption")


async def edit_message_reply_markup(world: World, arguments: Arguments) -> Json:
    """https://core.telegram.org/bots/api#editmessagereplymarkup"""
    return _edit(world, arguments, None, [], "reply markup")


def _edit(world: World, arguments: Arguments, text: str | None, entities: list[Entity], what: str) -> Json:
    keyboard = read_keyboard(arguments)
    person, message = _find(world, arguments, "message to edit", world.writable(arguments))
    if not message.from_bot:
        raise bad_request("message can't be edited")
    if what == "text" and message.kind != "text":
        raise bad_request("there is no text in the message to edit")
    if what == "caption" and (message.kind == "text" or message.file is None):
        raise bad_request("there is no caption in the message to edit")
    if text is None:
        text, entities = message.text, message.entities
    if (text, entities, keyboard) == message.content():
        raise bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a current"
            " content and reply markup of the message"
        )
    world.limits.spend(person.id)
    only_markup = (text, entities) == (message.text, message.entities)
    message.text, message.entities, message.keyboard = text, entities, keyboard
    if not only_markup:
        message.edited = world.clock()
    world.changed("edited", message)
    return world.as_api(message)


async def delete_message(world: World, arguments: Arguments) -> bool:
    """https://core.telegram.org/bots/api#deletemessage"""
    if not arguments.text("chat_id"):
        raise bad_request("Chat identifier is not specified")
    if not arguments.integer("message_id"):
        raise bad_request("Message identifier is not specified")
    _, message = _find(world, arguments, "message to delete")
    if world.clock() - message.date > DELETABLE_FOR:
        raise bad_request("message can't be deleted")
    message.deleted = True
    world.changed("deleted", message)
    return True


async def set_message_reaction(world: World, arguments: Arguments) -> bool:
    """https://core.telegram.org/bots/api#setmessagereaction"""
    given = arguments.structure("reaction", "reaction types")
    if given is None:
        given = []
    if not isinstance(given, list):
        raise bad_request("Expected an Array of ReactionType")
    for item in given:
        if not isinstance(item, dict):
            raise bad_request("can't parse ReactionType: expected an Object")
        if item.get("type") not in ("emoji", "custom_emoji"):
            raise bad_request("can't parse ReactionType: invalid reaction type specified")
    _, message = _find(world, arguments, "message to react", world.writable(arguments))
    # A bot is no premium user: one reaction, and only of the free ones.
    if len(given) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if any(item["type"] == "custom_emoji" or item.get("emoji") not in REACTIONS for item in given):
        raise bad_request("REACTION_INVALID")
    message.bot_reaction = given[0]["emoji"] if given else None
    world.changed("reaction", message)
    return True


async def send_chat_action(world: World, arguments: Arguments) -> bool:
    """https://core.telegram.org/bots/api#sendchataction"""
    action = arguments.text("action").lower()
    if action not in _ACTIONS:
        raise bad_request("Wrong parameter action in request")
    person = world.writable(arguments)
    if action == "cancel":
        world.actions.pop(person.id, None)
    else:
        world.actions[person.id] = action, world.clock() + ACTION_LIFETIME
    world.watches.tell({"kind": "action", "user": person.id, "action": action, "seconds": ACTION_LIFETIME})
    return True


async def answer_callback_query(world: World, arguments: Arguments) -> bool:
    """https://core.telegram.org/bots/api#answercallbackquery"""
    press = world.presses.get(arguments.text("callback_query_id"))
    if press is None or press.answer is not None or world.clock() - press.pressed_at > CALLBACK_LIFETIME:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    text = arguments.text("text")
    if len(text) > MAX_CALLBACK_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    press.answer = {"text": text, "show_alert": arguments.flag("show_alert")}
    world.watches.tell({"kind": "callback_answer", "user": press.user, **press.answer})
    return True


def _find(world: World, arguments: Arguments, what: str, person: Person | None = None) -> tuple[Person, Message]:
    person = person or world.reachable(arguments)
    message = world.message(person, arguments.integer("message_id"))
    if message is None:
        raise bad_request(f"{what} not found")
    return person, message
