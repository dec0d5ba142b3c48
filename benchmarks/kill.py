"""Kills `threadbridge serve` at random moments under traffic, again and again, and counts what became of every message.

`python -m benchmarks.kill --rounds 100`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import percentile
from benchmarks.people import MailPerson, Person, TelegramPerson, WebPerson
from benchmarks.served import ServedStage
from core import discovery
from sandbox.faults import Fault
from sandbox.stage import Options

_MESSAGE = re.compile(r"message-(\w+)-(\d+)\.")
_ASKED = re.compile(r"It is not known whether “reply-(\w+)-(\d+)\.")
_ANSWER_LOST = Fault(drop="after")
#: Calls whose answers get lost, and how likely in each round.
_LOSSES = {"chat.postMessage": 0.5, "chat.update": 0.2, "reactions.add": 0.2, "chat.postEphemeral": 0.1}
#: One kill in so many hits the process while it starts.
_EARLY = 8
#: Seconds without any progress.
_PATIENCE = 60.0
_LOOK_EVERY = 0.02


@dataclass(slots=True, kw_only=True)
class Report:
    rounds: int = 0
    #: Customers' messages that were taken: acknowledged to a browser, or at the vendor.
    accepted: int = 0
    shown_once: int = 0
    missing: int = 0
    doubled: int = 0
    out_of_order: int = 0
    #: What agents wrote in threads.
    replies: int = 0
    delivered_once: int = 0
    replies_missing: int = 0
    replies_doubled: int = 0
    #: Put before the agents because nobody can know.
    asked_about: int = 0
    #: Asked about although the channel can tell.
    asked_needlessly: int = 0
    #: Seconds from the start of a process until something moved again: an acknowledgement, a post, a reply.
    resume_p50: float = 0.0
    resume_max: float = 0.0
    seconds: float = 0.0
    #: What is wrong, message by message.
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        wrong = (self.missing, self.doubled, self.out_of_order, self.replies_missing, self.replies_doubled)
        return not any(wrong) and not self.asked_needlessly and self.accepted > 0 and self.replies > 0


class Killing:
    """One run: people write, agents answer, and the process between them is killed."""

    def __init__(self, stage: ServedStage, *, seed: int, longest: float) -> None:
        self.stage = stage
        self._chance = random.Random(seed)
        self._longest = longest
        self._enough = asyncio.Event()
        self._resumed: list[float] = []
        self.people: list[Person] = []

    async def run(self, rounds: int) -> Report:
        started = time.perf_counter()
        report = Report(rounds=rounds)
        self._invite()
        async with AsyncExitStack() as stack:
            for person in self.people:
                await person.begin()
                stack.push_async_callback(person.end)
            # In a group, a customer or agent who fails is not mistaken for a quiet one.
            async with asyncio.TaskGroup() as group:
                for person in self.people:
                    group.create_task(self._writes(person))
                group.create_task(self._answers())
                group.create_task(self._kills(rounds))
            self.stage.slack.faults.clear()
            self.stage.telegram.faults.clear()
            await self._quiet(report)
        self._judge(report)
        if self._resumed:
            report.resume_p50 = round(percentile(self._resumed, 50), 2)
            report.resume_max = round(max(self._resumed), 2)
        report.seconds = round(time.perf_counter() - started, 1)
        return report

    def _invite(self) -> None:
        rooms = len(self.stage.rooms)
        kinds: list[tuple[str, type[Person], int]] = [("webchat", WebPerson, 4), ("telegram", TelegramPerson, 3)]
        kinds.append(("email", MailPerson, 2))
        for channel, kind, count in kinds:
            if channel in self.stage.options.channels:
                for _ in range(count):
                    number = len(self.people)
                    self.people.append(kind(self.stage, f"{channel[0]}{number}", number % rooms))

    async def _writes(self, person: Person) -> None:
        while not self._enough.is_set():
            await person.write(self._chance.choice((1, 1, 1, 2, 3)))
            await self._pause(self._chance.uniform(0.1, 1.2) * person.leisure)

    async def _answers(self) -> None:
        """Two agents answer, wherever a thread stands."""
        slack = self.stage.slack
        while not self._enough.is_set():
            person = self._chance.choice(self.people)
            thread = self._thread(person)
            if thread:
                agent = self._chance.choice((self.stage.bea, self.stage.omar))
                text = f"reply-{person.tag}-{person.answered}."
                await slack.person_posts(agent, person.room, text, thread_ts=thread)
                person.answered += 1
            await self._pause(self._chance.uniform(0.05, 0.5))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._enough.wait(), seconds)

    async def _kills(self, rounds: int) -> None:
        for _ in range(rounds):
            for method, likely in _LOSSES.items():
                if self._chance.random() < likely:
                    self.stage.slack.faults.order(method, _ANSWER_LOST)
            if "telegram" in self.stage.options.channels and self._chance.random() < 0.1:
                self.stage.telegram.faults.order("sendMessage", _ANSWER_LOST)
            await asyncio.sleep(self._chance.uniform(0, self._longest))
            await self.stage.kill()
            if self._chance.random() < 1 / _EARLY:
                await self.stage.launch()
                await asyncio.sleep(self._chance.uniform(0, 1.5))
                await self.stage.kill()
            started, before = time.perf_counter(), self._moved()
            await self.stage.start()
            await self._until(lambda before=before: self._moved() > before, "something to move after a restart")
            self._resumed.append(time.perf_counter() - started)
        self._enough.set()

    def _moved(self) -> int:
        posts = sum(call.method == "chat.postMessage" for call in self.stage.slack.calls)
        sent = sum(call.method == "sendMessage" for call in self.stage.telegram.calls)
        return posts + sent + sum(person.written for person in self.people if isinstance(person, WebPerson))

    async def _until(self, seen: Any, what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not seen():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {_PATIENCE:.0f} s for {what}")
            await asyncio.sleep(_LOOK_EVERY)

    async def _quiet(self, report: Report) -> None:
        """Until everything accepted has arrived and nothing is on its way; what never comes is judged as missing."""
        deadline = time.monotonic() + _PATIENCE
        calm = moved = 0
        while time.monotonic() < deadline:
            if self._moved() > moved:
                moved, deadline = self._moved(), time.monotonic() + _PATIENCE
            for person in self.people:
                await person.stay()
            # Vendors, too, may still have something for us.
            with contextlib.suppress(OSError, KeyError, TimeoutError):
                still = await self.stage.waiting() or self.stage.telegram.world.delivery.pending
                calm = 0 if still else calm + 1
            if calm >= 3 and self._complete():
                return
            if calm >= 50:
                return
            await asyncio.sleep(0.1)
        report.notes.append(
            f"{await self.stage.waiting()} jobs were still queued, and nothing moved for {_PATIENCE:.0f} s"
        )

    def _complete(self) -> bool:
        for person in self.people:
            shown, asked = self._shown(person)
            if len(set(shown)) < person.written:
                return False
            if len(person.has().keys() | asked) < person.answered:
                return False
        return True

    def _thread(self, person: Person) -> str:
        if not person.thread:
            for post in self.stage.slack.messages(person.room):
                if post.get("bot_id") and any(tag == person.tag for tag, _ in _MESSAGE.findall(_shown_words(post))):
                    person.thread = str(post["ts"])
                    break
        return person.thread

    def _shown(self, person: Person) -> tuple[list[int], set[int]]:
        """Her messages in the order in which the thread shows them, and the replies that it asks about."""
        shown: list[int] = []
        asked: set[int] = set()
        if not self._thread(person):
            return shown, asked
        for post in self.stage.slack.thread(person.room, person.thread):
            if not post.get("bot_id"):
                continue
            text = _shown_words(post)
            found = [int(number) for tag, number in _ASKED.findall(text) if tag == person.tag]
            asked.update(found)
            shown.extend(int(number) for tag, number in _MESSAGE.findall(text) if tag == person.tag)
        return shown, asked

    def _judge(self, report: Report) -> None:
        for person in self.people:
            shown, asked = self._shown(person)
            times = Counter(shown)
            report.accepted += person.written
            report.shown_once += sum(count == 1 for count in times.values())
            report.doubled += self._note(report, person, "shown twice", [n for n, c in times.items() if c > 1])
            missing = [number for number in range(person.written) if number not in times]
            report.missing += self._note(report, person, "missing", missing)
            first = list(dict.fromkeys(shown))
            late = [after for before, after in itertools.pairwise(first) if after < before]
            report.out_of_order += self._note(report, person, "out of order", late)
            has = person.has()
            report.replies += person.answered
            report.delivered_once += sum(count == 1 for count in has.values())
            report.asked_about += len(asked)
            twice = [number for number, count in has.items() if count > 1]
            report.replies_doubled += self._note(report, person, "reply came twice", twice)
            lost = [number for number in range(person.answered) if number not in has and number not in asked]
            report.replies_missing += self._note(report, person, "reply missing", lost)
            if person.certain:
                report.asked_needlessly += self._note(report, person, "reply asked about", sorted(asked))
            openings = [
                post
                for post in self.stage.slack.messages(person.room)
                if post.get("bot_id") and f"message-{person.tag}-" in _shown_words(post)
            ]
            if len(openings) > 1:
                report.doubled += self._note(report, person, "a second thread", [len(openings)])

    def _note(self, report: Report, person: Person, what: str, numbers: list[int]) -> int:
        if numbers:
            report.notes.append(f"{person.tag}: {what}: {', '.join(map(str, numbers[:20]))}")
        return len(numbers)


def _shown_words(post: dict[str, Any]) -> str:
    """The words of its blocks; the text beside them is for notifications and says the same again."""
    return " ".join(_strings(post["blocks"])) if post.get("blocks") else str(post.get("text", ""))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        if value.get("type") == "rich_text_quote":
            # What she answers, shown once more.
            return []
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for inner in value.values() for text in _strings(inner)]
    return [text for inner in value for text in _strings(inner)] if isinstance(value, list) else []


async def kill(folder: Path, *, rounds: int, seed: int = 1, longest: float = 1.0, socket_mode: bool = False) -> Report:
    """Every process lives at most `longest` seconds after it began to work again."""
    channels = tuple(name for name in ("webchat", "telegram", "email") if name in discovery.bridges())
    options = Options(hold_seconds=0.0, limits=False, socket_mode=socket_mode, channels=channels)
    async with ServedStage(folder, options) as stage:
        return await Killing(stage, seed=seed, longest=longest).run(rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=1.0, help="seconds a process lives at most")
    parser.add_argument("--socket-mode", action="store_true", help="Slack's events by socket, not by HTTP")
    parser.add_argument("--keep", type=Path, help="a folder for the database and the log, kept afterwards")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    # Ended from outside, it takes the served process along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        where = given.keep or Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(
            kill(where, rounds=given.rounds, seed=given.seed, longest=given.longest, socket_mode=given.socket_mode)
        )
    if given.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        _print(report)
    return 0 if report.ok else 1


def _print(report: Report) -> None:
    console = Console()
    table = Table("what", "count", box=None, pad_edge=False)
    for name, value in asdict(report).items():
        if name != "notes":
            table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    for note in report.notes:
        console.print(f"✗ {note}", highlight=False)
    console.print("Nothing lost, repeated or out of order." if report.ok else "Something is wrong.")


if __name__ == "__main__":
    sys.exit(main())
