"""Standard Webhooks: who calls is shown by a signature over id, time and body."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence

from core.contracts.errors import RequestRejected

#: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
TOLERANCE_S = 5 * 60
MOST_SIGNATURES = 20
#: No full stop, so that no other division of "id.timestamp.body" signs the same bytes.
CALL_ID = re.compile(r"[A-Za-z0-9_:-]{1,200}")


class Check:
    """One call whose body still comes."""

    def __init__(self, keys: Sequence[bytes], name: str, at: str, given: Sequence[bytes]) -> None:
        self._given = given
        self._macs = [hmac.new(key, f"{name}.{at}.".encode(), "sha256") for key in keys]

    def update(self, chunk: bytes) -> None:
        for mac in self._macs:
            mac.update(chunk)

    def finish(self) -> None:
        """Raises RequestRejected unless one of the signatures is right."""
        right = [b"v1," + base64.b64encode(mac.digest()) for mac in self._macs]
        # Every pair is compared, so that the time tells nothing.
        fits = [hmac.compare_digest(given, one) for given in self._given for one in right]
        if not any(fits):
            raise RequestRejected(
                "webhook-signature fits none of this account's secrets. It is `v1,` and the base64 of HMAC-SHA256 over "
                "`<webhook-id>.<webhook-timestamp>.<body>`, with the bytes that stand in base64 behind `whsec_`."
            )


def begin(keys: Sequence[bytes], headers: Mapping[str, str], now: float) -> Check:
    """Looks at the headers (names in lower case). Raises RequestRejected."""
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()
    if not CALL_ID.fullmatch(name):
        raise RequestRejected("webhook-id must be there, with 1 to 200 characters of A-Z, a-z, 0-9, _, : and -.")
    if not re.fullmatch(r"[0-9]{1,12}", at):
        raise RequestRejected("webhook-timestamp must be there, in seconds since 1970.")
    if abs(now - int(at)) > TOLERANCE_S:
        raise RequestRejected(
            f"webhook-timestamp is {abs(now - int(at)):.0f} seconds off; at most {TOLERANCE_S} are allowed. "
            "Sign each try anew, and compare the clocks."
        )
    if not given or len(given) > MOST_SIGNATURES:
        raise RequestRejected(f"webhook-signature must hold 1 to {MOST_SIGNATURES} signatures, parted by spaces.")
    return Check(keys, name, at, [one.encode(errors="replace") for one in given])


def signed(keys: Sequence[bytes], name: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a call of ours, signed with every key."""
    text = f"{name}.{at}.".encode() + body
    signatures = [f"v1,{base64.b64encode(hmac.digest(one, text, 'sha256')).decode()}" for one in keys]
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": " ".join(signatures)}
