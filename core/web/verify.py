"""The page behind a link that asks whether an address is somebody's: `/verify/<token>`."""

from __future__ import annotations

import base64
import hashlib
import html

from aiohttp import web

from core.contracts.errors import RequestRejected
from core.identity.confirming import Confirmation, Confirmations
from core.web.parts import PARTS, REASON

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color:#1b1b1f;"
    "background:#fff}button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;color:#fff;"
    "background:#1f5f3a}b{overflow-wrap:anywhere}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_UNKNOWN = "This link is not complete. Copy the whole link from the message and try again."
#: What a browser may send with the button: nothing that is read.
_MOST = 1024


async def show(request: web.Request) -> web.Response:
    """Asks, and changes nothing: mail programs and previews open links by themselves."""
    found = _known(request, await _confirmations(request).look(request.match_info["token"]))
    if not found.good:
        return _page(410, "This link has ended", "It was used already, or its time is over. Ask for a new one.")
    address = html.escape(found.address)
    return _page(
        200,
        "Is this your address?",
        f"Somebody who writes to us says that <b>{address}</b> is hers. If that is you, confirm it: then we know that "
        "both are you, and can go on with you by mail. If it is not you, close this page.",
        '<form method="post"><button>Yes, this is my address</button></form>',
    )


async def confirm(request: web.Request) -> web.Response:
    """The button was pressed."""
    if (request.content_length or 0) > _MOST:
        raise web.HTTPRequestEntityTooLarge(max_size=_MOST, actual_size=request.content_length or 0)
    found = _known(request, await _confirmations(request).confirm(request.match_info["token"]))
    if not found.good:
        return _page(410, "This link has ended", "It was used already, or its time is over. Ask for a new one.")
    address = html.escape(found.address)
    return _page(200, "Thank you", f"<b>{address}</b> is confirmed. You can close this page and go on where you wrote.")


def _confirmations(request: web.Request) -> Confirmations:
    found = request.app[PARTS].confirmations
    if found is None:
        raise web.HTTPNotFound
    return found


def _known(request: web.Request, found: Confirmation | None) -> Confirmation:
    if found is None:
        request[REASON] = "link"
        raise RequestRejected(_UNKNOWN, status=404)
    return found


def _page(status: int, title: str, text: str, more: str = "") -> web.Response:
    """`text` and `more` are HTML."""
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="robots" content="noindex"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{text}</p>{more}</html>"
    )
    return web.Response(
        status=status,
        text=page,
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": _POLICY, "X-Robots-Tag": "noindex"},
    )
