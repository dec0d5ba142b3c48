"""Begins a visitor's session, or takes up the one her browser kept."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridges.webchat.gate import Gate, Refused
from bridges.webchat.identity import Identities, Session, Visitor
from bridges.webchat.limits import Buckets
from bridges.webchat.polling import read_body
from bridges.webchat.protocol import SMALL_FRAME
from core.contracts.errors import RequestRejected


class Opening(BaseModel):
    model_config = ConfigDict(frozen=True)

    #: What an earlier answer called `resume`.
    resume: str = Field(default="", max_length=4096)
    #: The website's signed word about its user.
    jwt: str = Field(default="", max_length=8192)


class Sessions:
    def __init__(self, gate: Gate, identities: Identities) -> None:
        self._gate = gate
        self._identities = identities
        #: One address makes 20 new visitors at once, then one every 6 seconds: an office shares an address.
        self._new = Buckets(burst=20, gap=6.0)

    async def open(self, request: web.Request) -> web.Response:
        self._gate.check_origin(request)
        self._gate.check_arrival(request)
        try:
            opening = Opening.model_validate_json(await read_body(request, SMALL_FRAME))
        except ValidationError as error:
            raise Refused(400, "malformed", "The body is JSON with resume, jwt or nothing.") from error
        session = self._identities.resume(opening.resume) if opening.resume else None
        visitor, until = self._visitor(request, opening, session)
        token, resume, lasts = self._identities.tokens_for(visitor, until=until)
        answer = {
            "token": token,
            "resume": resume,
            "visitor": visitor.external_id,
            "verified": visitor.verified,
            "name": visitor.name,
            "lasts": lasts,
            "resumed": session is not None and session.visitor.external_id == visitor.external_id,
        }
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _visitor(
        self, request: web.Request, opening: Opening, session: Session | None
    ) -> tuple[Visitor, datetime | None]:
        """Who this is, and until when if that is settled already."""
        if opening.jwt:
            try:
                return self._identities.verify(opening.jwt, earlier=session.visitor if session else None), None
            except RequestRejected as rejected:
                raise Refused(rejected.status, "identity", str(rejected)) from rejected
        if session is not None:
            return session.visitor, session.ends
        if wait := self._new.wait(request.remote or ""):
            raise Refused(429, "rate_limited", "Too many new visitors from one address.", retry_after=wait)
        return self._identities.begin(), None
