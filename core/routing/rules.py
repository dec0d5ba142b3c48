"""Ordered rules: the first that matches decides the rooms of a new conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.contracts.bridge import Proof
from core.contracts.places import RoomRef
from core.settings.models import ReplyMode, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known when a conversation opens."""

    account: str
    channel: str
    language: str
    proof: Proof
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One route; an empty condition matches everything."""

    name: str
    rooms: tuple[RoomRef, ...]
    reply_mode: ReplyMode = ReplyMode.ALL
    #: Only the owner of a conversation may reply in it.
    lock_to_owner: bool = False
    accounts: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    proofs: frozenset[Proof] = frozenset()
    #: Any of these, case-folded, as part of the first message.
    words: tuple[str, ...] = ()

    def why_not(self, arrival: Arrival) -> str:
        """Why the rule does not match, in words; "" when it does."""
        if self.accounts and arrival.account not in self.accounts:
            return f"account is {arrival.account}"
        if self.channels and arrival.channel not in self.channels:
            return f"channel is {arrival.channel}"
        language = arrival.language.casefold().split("-")[0]
        if self.languages and language not in self.languages:
            return f"language is {arrival.language or 'unknown'}"
        if self.proofs and arrival.proof not in self.proofs:
            return f"proof is {arrival.proof.value}"
        if self.words and not any(word in arrival.text.casefold() for word in self.words):
            return "none of its words is in the message"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a dry run."""

    rule: str
    matched: bool
    why_not: str


class Router:
    """Places new conversations; the last rule is the default room, so a place is always found."""

    def __init__(self, rules: Sequence[Rule], default: RoomRef) -> None:
        self._rules = (*rules, Rule(name="default", rooms=(default,)))
        self._by_name = {rule.name: rule for rule in self._rules}
        #: Where a conversation goes that no other rule takes.
        self.default = default

    def place(self, arrival: Arrival) -> Rule:
        return next(rule for rule in self._rules if not rule.why_not(arrival))

    def rule(self, name: str) -> Rule:
        """The rule a conversation was placed by; the default one if it has left the settings."""
        return self._by_name.get(name, self._rules[-1])

    def explain(self, arrival: Arrival) -> list[Step]:
        """Every rule up to the one that matches."""
        steps = []
        for rule in self._rules:
            why_not = rule.why_not(arrival)
            steps.append(Step(rule=rule.name, matched=not why_not, why_not=why_not))
            if not why_not:
                break
        return steps


def room_named(name: str) -> RoomRef:
    """A room as the settings write it: "workspace/room"."""
    workspace, _, room = name.partition("/")
    return RoomRef(workspace=workspace, room=room)


def rooms_of(settings: Settings) -> frozenset[RoomRef]:
    """Every room that the settings name."""
    names = {settings.default_room, *(name for route in settings.routes for name in route.rooms)}
    if settings.operators_room:
        names.add(settings.operators_room)
    return frozenset(room_named(name) for name in names)


def router_for(settings: Settings) -> Router:
    """The rules of the settings, in their order."""
    rules = [
        Rule(
            name=route.name,
            rooms=tuple(room_named(name) for name in route.rooms),
            reply_mode=route.reply_mode,
            lock_to_owner=route.lock_to_owner,
            accounts=frozenset(route.when.accounts),
            channels=frozenset(route.when.channels),
            languages=frozenset(language.casefold().split("-")[0] for language in route.when.languages),
            proofs=frozenset(route.when.proofs),
            words=tuple(word.casefold() for word in route.when.words),
        )
        for route in settings.routes
    ]
    return Router(rules, room_named(settings.default_room))
