"""What people do with what the app shows them: press, select, submit, close, run shortcuts and commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.slack import choices
from sandbox.slack.blocks import check_view
from sandbox.slack.core import Core
from sandbox.slack.delivery import Ack
from sandbox.slack.responses import Responses
from sandbox.slack.views import Views
from sandbox.slack.wire import Json, NotPossible, SlackError
from sandbox.slack.world import Channel, View


class Interactions(Core):
    """Each call brings one payload to the app and returns what it answered within its three seconds."""

    views: Views
    responses: Responses

    async def person_presses(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        block_id: str | None = None,
        value: str | None = None,
    ) -> Ack:
        """A person presses a button of a message; `value` tells buttons with the same action_id apart."""
        place, message = self._seen(user, channel, ts)
        block, element = choices.find(message.get("blocks", []), action_id, block_id, value)
        if element["type"] != "button":
            raise NotPossible(f"{action_id!r} is a {element['type']}: use person_selects")
        return await self._act(user, place, message, block, element, _pressed(element))

    async def person_selects(
        self, user: str, channel: str, ts: str, action_id: str, selection: Any, block_id: str | None = None
    ) -> Ack:
        """A person chooses in a message: an option's value, a user id, a date, or a list of these."""
        place, message = self._seen(user, channel, ts)
        block, element = choices.find(message.get("blocks", []), action_id, block_id)
        return await self._act(user, place, message, block, element, choices.chosen(element, selection))

    async def person_presses_in_view(
        self, user: str, view_id: str, action_id: str, selection: Any = None, block_id: str | None = None
    ) -> Ack:
        """A person presses or chooses in a modal or in her App Home."""
        view = self._view(user, view_id)
        block, element = choices.find(view.body["blocks"], action_id, block_id)
        choice = _pressed(element) if element["type"] == "button" else choices.chosen(element, selection)
        if block["type"] == "input" and not block.get("dispatch_action"):
            raise NotPossible(f"{action_id!r} tells the app only when the view is submitted")
        payload = self._payload("block_actions", user, view=view.id if view.body["type"] == "modal" else None)
        payload |= {
            "container": {"type": "view", "view_id": view.id},
            "view": self.views.render(view),
            "actions": [self._action(block, element, choice)],
        }
        return await self.delivery.interact("interactive", payload)

    async def person_searches(
        self, user: str, action_id: str, query: str, *, view_id: str | None = None, channel: str = "", ts: str = ""
    ) -> Ack:
        """A person types into an external_select; the answer's `options` are what she may choose."""
        payload = self._payload("block_suggestion", user)
        del payload["trigger_id"]
        if view_id is not None:
            view = self._view(user, view_id)
            blocks = view.body["blocks"]
            payload |= {"container": {"type": "view", "view_id": view.id}, "view": self.views.render(view)}
        else:
            place, message = self._seen(user, channel, ts)
            blocks = message.get("blocks", [])
            payload |= self._where(place, message)
        block, element = choices.find(blocks, action_id, None)
        if "external" not in element["type"]:
            raise NotPossible(f"{action_id!r} is a {element['type']}, which asks nobody for options")
        payload |= {"action_id": action_id, "block_id": block["block_id"], "value": query}
        return await self.delivery.interact("interactive", payload)

    async def person_runs_shortcut(
        self, user: str, callback_id: str, channel: str | None = None, ts: str | None = None
    ) -> Ack:
        """A message shortcut on this message, or a global shortcut without channel and ts."""
        self.person(user)
        if channel is None or ts is None:
            payload = self._payload("shortcut", user)
            return await self.delivery.interact("interactive", payload | self._called(callback_id))
        place, message = self._seen(user, channel, ts)
        payload = self._payload("message_action", user) | self._called(callback_id)
        payload |= {
            "channel": {"id": place.id, "name": place.name or "directmessage"},
            "message_ts": ts,
            "message": self.conversation.render(place, message),
            "response_url": self.responses.new(user=user, channel=place.id, message_ts=ts),
        }
        return await self.delivery.interact("interactive", payload)

    async def person_slash(self, user: str, command: str, text: str, channel: str) -> Ack:
        """A person types a command in a channel; threads offer none. An answer in the body is shown."""
        person, place = self.person(user), self.place(channel)
        if user not in place.members:
            raise NotPossible(f"{user} is not a member of channel {channel}")
        payload = {
            "token": "verification",
            "team_id": self.world.team_id,
            "team_domain": self.world.domain,
            "channel_id": place.id,
            "channel_name": {"group": "privategroup", "im": "directmessage"}.get(place.kind, place.name),
            "user_id": user,
            "user_name": person.name,
            "command": command if command.startswith("/") else f"/{command}",
            "text": text,
            "api_app_id": self.world.app_id,
            "is_enterprise_install": "false",
            "response_url": self.responses.new(user=user, channel=place.id),
            "trigger_id": self.views.trigger(user),
        }
        ack = await self.delivery.interact("slash_commands", payload)
        if ack.ok:
            try:
                self.responses.answer_command(user=user, channel=channel, body=ack.body)
            except SlackError as error:
                return Ack(ok=False, status=ack.status, body=ack.body, error=error.code, seconds=ack.seconds)
        return ack

    async def person_submits_view(self, user: str, view_id: str, values: Mapping[str, Any] | None = None) -> Ack:
        """A person submits the modal on top; `values` by block_id or action_id, else what was there stays.

        Raises: NotPossible when a required field is empty, as Slack's client asks for it first.
        """
        view = self._view(user, view_id)
        if self.views.stack(user)[-1:] != [view]:
            raise NotPossible(f"view {view_id} is not the one on top")
        state = self._filled(view, dict(values or {}))
        payload = self._payload("view_submission", user, view=view.id)
        payload |= {"view": self.views.render(view, state), "response_urls": []}
        ack = await self.delivery.interact("interactive", payload)
        if not ack.ok:
            return ack
        try:
            self._submitted(view, ack.body)
        except SlackError as error:
            return Ack(ok=False, status=ack.status, body=ack.body, error=error.code, seconds=ack.seconds)
        return ack

    async def person_closes_view(self, user: str, view_id: str, *, all_of_them: bool = False) -> Ack | None:
        """A person closes a modal; the app hears of it only if it asked to (notify_on_close)."""
        view = self._view(user, view_id)
        self.views.close(view, all_of_them=all_of_them)
        if not view.body.get("notify_on_close"):
            return None
        payload = self._payload("view_closed", user) | {"view": self.views.render(view), "is_cleared": all_of_them}
        del payload["trigger_id"]
        return await self.delivery.interact("interactive", payload)

    async def person_opens_home(self, user: str, tab: str = "home") -> None:
        """A person opens the app's home or messages tab: app_home_opened."""
        self.person(user)
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": self.world.direct(user).id,
            "tab": tab,
            "event_ts": self.world.new_ts(),
        }
        home = self.world.homes.get(user)
        if home is not None and tab == "home":
            event["view"] = self.views.render(home)
        self.world.emit(event, actor=user)

    async def _act(self, user: str, place: Channel, message: Json, block: Json, element: Json, choice: Json) -> Ack:
        payload = self._payload("block_actions", user) | self._where(place, message)
        state: Json = {}
        for other_block, other in choices.elements(message.get("blocks", [])):
            if other["type"] != "button" and other["type"] != "overflow":
                mine = other is element
                state.setdefault(other_block["block_id"], {})[other["action_id"]] = (
                    choice if mine else choices.initial(other)
                )
        payload |= {
            "state": {"values": state},
            "response_url": self.responses.new(user=user, channel=place.id, message_ts=message["ts"]),
            "actions": [self._action(block, element, choice)],
        }
        return await self.delivery.interact("interactive", payload)

    def _action(self, block: Json, element: Json, choice: Json) -> Json:
        return {
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            **choice,
            "action_ts": self.world.new_ts(),
        }

    def _payload(self, kind: str, user: str, *, view: str | None = None) -> Json:
        person = self.person(user)
        return {
            "type": kind,
            "team": {"id": person.team_id, "domain": self.world.domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "user": {"id": user, "username": person.name, "name": person.name, "team_id": person.team_id},
            "api_app_id": self.world.app_id,
            "token": "verification",
            "trigger_id": self.views.trigger(user, view=view),
        }

    def _called(self, callback_id: str) -> Json:
        return {"callback_id": callback_id, "action_ts": self.world.new_ts()}

    def _where(self, place: Channel, message: Json) -> Json:
        ephemeral = bool(message.get("is_ephemeral"))
        container: Json = {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": place.id,
            "is_ephemeral": ephemeral,
        }
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        where: Json = {
            "container": container,
            "channel": {"id": place.id, "name": place.name or "directmessage"},
        }
        if not ephemeral:
            where["message"] = self.conversation.render(place, message)
        return where

    def _seen(self, user: str, channel: str, ts: str) -> tuple[Channel, Json]:
        """A message this person can see, an ephemeral one included."""
        self.person(user)
        place = self.place(channel)
        for entry in self.world.ephemerals:
            if entry["to"] == user and entry["ts"] == ts and entry["channel"] == channel:
                return place, {name: value for name, value in entry.items() if name != "to"}
        if user not in place.members:
            raise NotPossible(f"{user} is not a member of channel {channel}")
        return place, self.message(place, ts)

    def _view(self, user: str, view_id: str) -> View:
        view = self.world.views.get(view_id)
        home = self.world.homes.get(user)
        if home is not None and home.id == view_id:
            return home
        if view is None or not view.is_open or view.user != user:
            raise NotPossible(f"{user} does not see a view {view_id!r}")
        return view

    def _filled(self, view: View, values: dict[str, Any]) -> Json:
        state: Json = {}
        for block, element in choices.elements(view.body["blocks"]):
            if element["type"] in {"button", "overflow"}:
                continue
            given = [name for name in (block["block_id"], element["action_id"]) if name in values]
            choice = choices.chosen(element, values.pop(given[0])) if given else choices.initial(element)
            state.setdefault(block["block_id"], {})[element["action_id"]] = choice
            if block["type"] == "input" and not block.get("optional") and choices.is_empty(choice):
                raise NotPossible(f"block {block['block_id']!r} must be filled in")
        if values:
            raise NotPossible(f"the view has no field {', '.join(sorted(values))}")
        return state

    def _submitted(self, view: View, answer: Any) -> None:
        action = answer.get("response_action") if isinstance(answer, dict) else None
        match action:
            case None:
                self.views.close(view)
            case "clear":
                self.views.close(view, all_of_them=True)
            case "update":
                self.views.replace(view, check_view(answer.get("view"), kinds=("modal",)))
            case "push":
                self.views.push_on(view.user, check_view(answer.get("view"), kinds=("modal",)))
            case "errors":
                inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
                errors = answer.get("errors")
                if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
                    raise SlackError("invalid_response_errors")
                change = {"type": "view_errors", "user": view.user, "view_id": view.id, "errors": errors}
                self.world.watchers.tell(change)
            case _:
                raise SlackError("invalid_response_action")


def _pressed(element: Json) -> Json:
    return {name: element[name] for name in ("type", "text", "value", "style") if name in element}
