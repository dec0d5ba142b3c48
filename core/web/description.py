"""Serves /openapi.json: what programs of other people may call here, of all accounts as one document."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from aiohttp import web

from core.contracts.bridge import Describes
from core.web.parts import PARTS, Parts


async def describe(request: web.Request) -> web.Response:
    document = merged(request.app[PARTS])
    if not document["paths"]:
        raise web.HTTPNotFound(text="No account here is called by programs, so there is nothing to describe.")
    return web.json_response(document)


def merged(parts: Parts) -> dict[str, Any]:
    """OpenAPI 3.1; each operation is tagged with its account."""
    paths: dict[str, Any] = {}
    webhooks: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    for account, bridge in parts.bridges.items():
        if not isinstance(bridge, Describes):
            continue
        own = bridge.openapi()
        for path, operations in own["paths"].items():
            tagged = {verb: {**operation, "tags": [account]} for verb, operation in operations.items()}
            paths[f"/bridges/{account}{path}"] = tagged
        webhooks |= own.get("webhooks", {})
        for kind, named in own.get("components", {}).items():
            components[kind] = components.get(kind, {}) | named
    return {
        "openapi": "3.1.0",
        "info": {"title": "Threadbridge", "version": version("threadbridge")},
        "servers": [{"url": parts.settings.public_url or "/"}],
        "paths": paths,
        "webhooks": webhooks,
        "components": components,
    }
