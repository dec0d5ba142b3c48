"""Meta's webhooks: the handshake, the signature, and a batch cut into items that fail each on its own."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridges._meta.settings import MetaSettings
from core.contracts.bridge import Received
from core.contracts.errors import RequestRejected
from core.contracts.http import WebhookReply, WebhookRequest
from core.contracts.json import loads

Json = Mapping[str, Any]
#: https://developers.facebook.com/docs/graph-api/webhooks/getting-started: up to 1000 updates, and up to 3 MB.
LARGEST_BODY = 3 * 1024 * 1024 + 64 * 1024
#: Lists in `value` of a change of which each entry is an event of its own; `contacts` go with the messages.
_WHATSAPP = ("messages", "message_echoes", "statuses", "errors", "user_id_update")
_PAGES = ("messaging", "standby")


def receive(request: WebhookRequest, settings: MetaSettings, kind: str) -> Received:
    """Answers the handshake, or checks a call of this `object` and cuts it into items. Raises RequestRejected."""
    if request.method == "GET":
        return Received(items=[], reply=WebhookReply(body=_challenge(request, settings)))
    check_signature(request, settings.app_secrets)
    body = loads(request.body)
    if not isinstance(body, dict) or not isinstance(body.get("entry"), list):
        raise RequestRejected("The body is no webhook of Meta's: it has no list of entries.", status=400)
    if body.get("object") != kind:
        # One app may be subscribed to several products at one address; asking for it again would not help.
        return Received(items=[])
    return Received(items=[json.dumps(item, separators=(",", ":")).encode() for item in cut(body)])


def check_signature(request: WebhookRequest, secrets: Sequence[bytes]) -> None:
    """The bytes as they came, under any of the secrets. Raises RequestRejected.

    Meta signs no time: what keeps a recorded call from counting twice is that its events were seen before.
    """
    given = request.headers.get("x-hub-signature-256", "").encode(errors="replace")
    fits = [
        hmac.compare_digest(given, b"sha256=" + hmac.new(secret, request.body, "sha256").hexdigest().encode())
        for secret in secrets
    ]
    if not any(fits):
        raise RequestRejected("The call is not signed with this account's app secret.")


def _challenge(request: WebhookRequest, settings: MetaSettings) -> bytes:
    given = request.query.get("hub.verify_token", "").encode(errors="replace")
    known = hmac.compare_digest(given, settings.verify_token.get_secret_value().encode())
    challenge = request.query.get("hub.challenge", "")
    if not known or request.query.get("hub.mode") != "subscribe" or not re.fullmatch(r"[\w.-]{1,256}", challenge, re.A):
        raise RequestRejected("The handshake does not carry this account's verify token.", status=403)
    return challenge.encode()


def cut(body: Json) -> Iterator[Json]:
    """The same body once for each event in it; what has another shape than expected is an item as it is."""
    for entry in body["entry"]:
        for one in _cut_entry(entry):
            yield {"object": body["object"], "entry": [one]}


def _cut_entry(entry: Any) -> Iterator[Any]:
    if not isinstance(entry, dict):
        yield entry
        return
    frame = {key: value for key, value in entry.items() if key not in (*_PAGES, "changes")}
    found = False
    for name in _PAGES:
        for event in _listed(entry.get(name)):
            found = True
            yield frame | {name: [event]}
    for change in _listed(entry.get("changes")):
        found = True
        for one in _cut_change(change):
            yield frame | {"changes": [one]}
    if not found:
        yield entry


def _cut_change(change: Any) -> Iterator[Any]:
    value = change.get("value") if isinstance(change, dict) else None
    lists = [name for name in _WHATSAPP if isinstance(value, dict) and isinstance(value.get(name), list)]
    if not isinstance(value, dict) or not lists:
        yield change
        return
    contacts = _by_id(value.get("contacts"))
    frame = {key: one for key, one in value.items() if key not in (*_WHATSAPP, "contacts")}
    for name in lists:
        for event in value[name]:
            hers = next((contacts[who] for who in _people(event) if who in contacts), None)
            yield {**change, "value": frame | ({"contacts": [hers]} if hers else {}) | {name: [event]}}


def _by_id(contacts: Any) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for one in _listed(contacts):
        if isinstance(one, dict):
            found |= {one[key]: one for key in ("wa_id", "user_id") if isinstance(one.get(key), str)}
    return found


def _people(event: Any) -> list[str]:
    names = ("from_user_id", "from", "recipient_user_id", "recipient_id", "to_user_id", "to", "user_id", "wa_id")
    given = [event.get(name) for name in names] if isinstance(event, dict) else []
    return [one for one in given if isinstance(one, str)]


def _listed(value: Any) -> list[Any]:
    """`value` if it is a list; a single thing counts as a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]
