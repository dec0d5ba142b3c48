"""Refusals as LINE words them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A call that LINE refuses; https://developers.line.biz/en/reference/messaging-api/#error-responses."""

    def __init__(self, status: int, message: str, details: list[Json] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        #: For 409: the request that was carried out.
        self.accepted_request_id = ""
        self.body: Json = {"message": message, **({"details": details} if details else {}), **more}


def invalid(problems: list[tuple[str, str]]) -> ApiError:
    """400 with one detail for each (property, what is wrong with it)."""
    details = [{"message": message, "property": name} for name, message in problems]
    return ApiError(400, f"The request body has {len(details)} error(s)", details)
