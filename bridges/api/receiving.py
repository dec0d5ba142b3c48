"""One call of a connector: each event is taken, or answered with what is wrong in it."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from bridges.api import events
from bridges.api.media import Downloads, Uploads
from bridges.api.refusals import Mistake, Taken, mistake, mistakes, problem
from bridges.api.settings import ApiSettings
from core.contracts.bridge import Proof, Received, Runtime
from core.contracts.http import WebhookReply

log = logging.getLogger(__name__)

#: How far a connector's clock, or its idea of a time zone, may be ahead.
AHEAD = timedelta(days=1)


class Reader:
    """Reads calls for one account."""

    def __init__(self, settings: ApiSettings, downloads: Downloads, uploads: Uploads, runtime: Runtime) -> None:
        self._settings, self._downloads, self._uploads, self._runtime = settings, downloads, uploads, runtime

    def read(self, body: Any) -> Received:
        """The events of the call that can be taken, and the answer to it."""
        body = events.clean(body)
        batch = body if isinstance(body, list) else [body]
        if not 1 <= len(batch) <= events.MOST_EVENTS:
            sentence = f"A call holds 1 to {events.MOST_EVENTS} events, and this one holds {len(batch)}; send several."
            return _refused(422, "Not that many events", sentence)
        items: list[bytes] = []
        taken: list[str] = []
        errors: list[Mistake] = []
        for index, value in enumerate(batch):
            try:
                event = events.read(value)
            except ValidationError as error:
                errors += mistakes(index, value, error)
                continue
            if found := self._check(index, value, event):
                errors += found
                continue
            items.append(json.dumps(value).encode())
            taken.append(event.event_id)
        if errors:
            wrong = {"refused": len(batch) - len(items), "account": self._runtime.account}
            log.info("A connector sent events that are not taken", extra={"action": "events_refused", **wrong})
        if not items:
            sentence = (
                "Nothing was taken; `errors` says what is wrong with each event. Sent again as it is, it fails again."
            )
            return _refused(422, "No valid event", sentence, errors)
        answer = Taken(taken=tuple(taken), errors=tuple(errors)).model_dump_json().encode()
        status = 207 if errors else 200
        return Received(items=items, reply=WebhookReply(status=status, body=answer, content_type="application/json"))

    def _check(self, index: int, value: Any, event: events.Incoming) -> list[Mistake]:
        """What only this account knows to be wrong."""
        found: list[Mistake] = []
        if event.at > self._runtime.now() + AHEAD:
            # It would stand behind all that is said until then, and keep a reply window open for as long.
            found.append(mistake(index, value, ["at"], "It lies in the future; compare the clocks, and send UTC."))
        if isinstance(event, events.Message | events.ChoiceMade) and not self._settings.verifies:
            sender = event.sender
            claims = {"proof": sender.proof is Proof.VERIFIED, "user": sender.user, "email_proven": sender.email_proven}
            sentence = (
                "Only an account with `verifies = true` may say this; leave it out, or ask the operator to set it."
            )
            found += [mistake(index, value, ["sender", name], sentence) for name, said in claims.items() if said]
        if isinstance(event, events.Utterance):
            for number, file in enumerate(event.attachments):
                place: list[str | int] = ["attachments", number]
                if file.url and not self._downloads.allows(file.url):
                    hosts = ", ".join(self._settings.media_hosts) or "none"
                    sentence = (
                        f"Files are fetched by https from `media_hosts` ({hosts}); add the host, or upload the file."
                    )
                    found.append(mistake(index, value, [*place, "url"], sentence))
                elif file.upload and not self._is_here(file.upload):
                    sentence = "No file was uploaded to this account under this token in the last day; upload it again."
                    found.append(mistake(index, value, [*place, "upload"], sentence))
        return found

    def _is_here(self, token: str) -> bool:
        known = self._uploads.read(token)
        if known is None or known["until"] < self._runtime.now().timestamp():
            return False
        return self._runtime.files.find(known["sha256"]) is not None


def _refused(status: int, title: str, sentence: str, errors: list[Mistake] | None = None) -> Received:
    body = problem(status, title, sentence, errors or ())
    return Received(items=[], reply=WebhookReply(status=status, body=body, content_type="application/problem+json"))
