"""Modals and App Homes: trigger ids that open them once and soon, hashes that guard updates, and who looks at what."""

from __future__ import annotations

import copy
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.slack.blocks import check_view
from sandbox.slack.wire import Json, SlackError, without
from sandbox.slack.world import View, World

#: Seconds that a trigger id lives.
TRIGGER_LIFE = 3.0
#: Views that may lie on top of each other.
MOST_STACKED = 3
MOST_TRIGGERS = 1_000


@dataclass(slots=True, kw_only=True)
class Trigger:
    """What a trigger id stands for."""

    user: str
    born: float
    #: The modal it was made in, if any.
    view: str | None
    used: bool = False


class Views:
    """Every view that people look at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._triggers: dict[str, Trigger] = {}

    def trigger(self, user: str, *, view: str | None = None) -> str:
        """A trigger id for something that this person just did."""
        trigger_id = f"{self._world.new_ts()}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(user=user, born=self._world.clock(), view=view)
        while len(self._triggers) > MOST_TRIGGERS:
            del self._triggers[next(iter(self._triggers))]
        return trigger_id

    def open(self, trigger_id: str, body: Any) -> View:
        """views.open."""
        checked = self._checked(body, "modal")
        trigger = self._spend(trigger_id)
        for view in self.stack(trigger.user):
            view.is_open = False
        return self._show(trigger.user, checked, previous=None)

    def push(self, trigger_id: str, body: Any) -> View:
        """views.push: only from inside a modal, three deep at most."""
        checked = self._checked(body, "modal")
        trigger = self._spend(trigger_id)
        if trigger.view is None:
            raise SlackError("invalid_trigger_id")
        return self.push_on(trigger.user, checked)

    def push_on(self, user: str, checked: Json) -> View:
        """Lays a view on the ones this person sees."""
        stack = self.stack(user)
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= MOST_STACKED:
            raise SlackError("push_limit_reached")
        return self._show(user, checked, previous=stack[-1])

    def update(self, *, view_id: str, external_id: str, given_hash: str, body: Any) -> View:
        """views.update."""
        view = self._world.views.get(view_id) if view_id else self._by_external_id(external_id)
        if view is None or not view.is_open:
            raise SlackError("not_found")
        if given_hash and given_hash != view.hash:
            raise SlackError("hash_conflict")
        checked = self._checked(body, str(view.body["type"]), but=view)
        self.replace(view, checked)
        return view

    def replace(self, view: View, checked: Json) -> None:
        """Shows another body in a view."""
        view.body = checked
        view.hash = self._new_hash()
        self._tell("view_updated" if checked["type"] == "modal" else "home", view)

    def publish(self, *, user: str, given_hash: str, body: Any) -> View:
        """views.publish."""
        if user not in self._world.users:
            raise SlackError("invalid_arguments", "invalid `user_id` [json-pointer:/user_id]")
        view = self._world.homes.get(user)
        if given_hash and (view is None or view.hash != given_hash):
            raise SlackError("hash_conflict")
        checked = self._checked(body, "home", but=view)
        if view is None:
            view = self._new(user, checked)
            self._world.homes[user] = view
        self.replace(view, checked)
        return view

    def close(self, view: View, *, all_of_them: bool = False) -> None:
        """Takes a view away, or the whole stack."""
        for entry in self.stack(view.user):
            if all_of_them or entry is view:
                entry.is_open = False
                self._tell("view_closed", entry)

    def stack(self, user: str) -> list[View]:
        """The modals this person sees, the lowest first."""
        return [view for view in self._world.views.values() if view.user == user and view.is_open]

    def render(self, view: View, state: Json | None = None) -> Json:
        """The view as payloads and answers show it."""
        body = view.body
        shown: Json = {
            "id": view.id,
            "team_id": self._world.team_id,
            "type": body["type"],
            "blocks": copy.deepcopy(body["blocks"]),
            "private_metadata": body.get("private_metadata", ""),
            "callback_id": body.get("callback_id", ""),
            "state": {"values": state or {}},
            "hash": view.hash,
            "title": body.get("title"),
            "clear_on_close": body.get("clear_on_close", False),
            "notify_on_close": body.get("notify_on_close", False),
            "close": body.get("close"),
            "submit": body.get("submit"),
            "previous_view_id": view.previous,
            "root_view_id": view.root,
            "app_id": self._world.app_id,
            "external_id": body.get("external_id", ""),
            "app_installed_team_id": self._world.team_id,
            "bot_id": self._world.bot_id,
        }
        return shown if body["type"] == "modal" else without(shown, {"submit", "notify_on_close"})

    def _checked(self, body: Any, kind: str, *, but: View | None = None) -> Json:
        checked = check_view(body, kinds=(kind,))
        external_id = checked.get("external_id")
        if external_id:
            other = self._by_external_id(external_id)
            if other is not None and other is not but:
                raise SlackError("duplicate_external_id")
        return checked

    def _by_external_id(self, external_id: str) -> View | None:
        views = [*self._world.views.values(), *self._world.homes.values()]
        matching = [view for view in views if external_id and view.body.get("external_id") == external_id]
        return next((view for view in matching if view.is_open), None)

    def _spend(self, trigger_id: str) -> Trigger:
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._world.clock() - trigger.born > TRIGGER_LIFE:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def _show(self, user: str, checked: Json, *, previous: View | None) -> View:
        view = self._new(user, checked)
        if previous is not None:
            view.root, view.previous = previous.root, previous.id
        self._world.views[view.id] = view
        closed = [entry.id for entry in self._world.views.values() if not entry.is_open]
        for view_id in closed[:-MOST_TRIGGERS]:
            del self._world.views[view_id]
        self._tell("view_opened", view)
        return view

    def _new(self, user: str, checked: Json) -> View:
        view_id = self._world.new_id("V")
        return View(id=view_id, user=user, body=checked, root=view_id, hash=self._new_hash())

    def _new_hash(self) -> str:
        return f"{self._world.now()}.{secrets.token_hex(4)}"

    def _tell(self, kind: str, view: View) -> None:
        self._world.watchers.tell({"type": kind, "user": view.user, "view": self.render(view)})
