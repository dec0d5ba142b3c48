"""Twilio's two signatures of a webhook: HMAC-SHA1 with the auth token, HMAC-SHA256 with a shared key."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator, Sequence

Fields = Sequence[tuple[str, str]]
HEADER = "x-twilio-signature"
#: There with a shared key only: `key=<its id>,algorithm=HMAC_SHA256`.
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"


def algorithm(settings: str) -> str:
    """What the settings header names; without one it is the old way."""
    found = re.search(r"(?:^|,)\s*algorithm\s*=\s*([A-Za-z0-9_]+)", settings)
    return found[1].upper() if found else "HMAC_SHA1"


def is_signed(url: str, fields: Fields, given: str, hash_name: str, secrets: Sequence[bytes]) -> bool:
    """Whether one of `secrets` signed this call; takes the same time for every wrong signature."""
    # A name that comes twice counts with each of its values once.
    said = "".join(name + value for name, value in sorted(set(fields)))
    claim, right = given.encode(errors="replace"), False
    for spelling in _spellings(url):
        text = (spelling + said).encode("utf-8", "surrogateescape")
        for secret in secrets:
            right |= hmac.compare_digest(claim, base64.b64encode(hmac.digest(secret, text, hash_name)))
    return right


def _spellings(url: str) -> Iterator[str]:
    """With and without the port: which of them Twilio signs depends on its version."""
    yield url
    bare = re.sub(r"^(https?://[^/?#@]*?):\d+(?=[/?#]|$)", r"\1", url)
    if bare != url:
        yield bare
    elif found := re.match(r"(https?)://[^/?#@]+", url):
        yield f"{found[0]}:{443 if found[1] == 'https' else 80}{url[found.end() :]}"
