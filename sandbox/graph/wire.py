"""What the Graph API speaks of on the wire: JSON, its error object, ids."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

Json = dict[str, Any]
#: Those that still answer: https://developers.facebook.com/docs/graph-api/changelog/versions
VERSIONS = frozenset(f"v{number}.0" for number in range(21, 27))


class NotPossible(Exception):
    """A customer's app would not let her do this."""


class GraphError(Exception):
    """An answer of the Graph API that is an error."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        subcode: int | None = None,
        details: str = "",
        product: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} ({code}): {message}")
        self.status, self.code, self.message, self.subcode = status, code, message, subcode
        self.details, self.product, self.headers = details, product, dict(headers or {})

    def body(self) -> Json:
        """As Meta words it."""
        error: Json = {"message": self.message, "type": "OAuthException", "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.details:
            error["error_data"] = {"messaging_product": self.product or "whatsapp", "details": self.details}
        error["fbtrace_id"] = secrets.token_urlsafe(8)
        return {"error": error}

    def answer(self) -> web.Response:
        """The HTTP answer."""
        return web.json_response(self.body(), status=self.status, headers=self.headers)


def bad(message: str, *, code: int = 100, details: str = "", subcode: int | None = None) -> GraphError:
    """A request that is wrong in itself."""
    return GraphError(400, code, f"(#{code}) {message}", details=details, subcode=subcode)


def status_error(code: int, title: str, details: str) -> Json:
    """An entry of a status' `errors`."""
    href = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes/"
    return {"code": code, "title": title, "message": title, "error_data": {"details": details}, "href": href}


def object_of(value: Any) -> Json:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str:
    """`value` if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def wamid(phone: str) -> str:
    """A message id as WhatsApp makes them: opaque, and long."""
    raw = b"\x1d\x14\x12" + phone.encode()[:16] + secrets.token_bytes(16)
    return f"wamid.{base64.b64encode(raw).decode()}"


def digits(number: str) -> str:
    """A phone number as WhatsApp keys it."""
    return re.sub(r"\D", "", number)


def number_id(length: int = 15) -> str:
    """An id of a node."""
    return str(secrets.choice(range(1, 10))) + "".join(str(secrets.randbelow(10)) for _ in range(length - 1))
