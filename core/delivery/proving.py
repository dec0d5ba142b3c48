"""Carries to customers what asks them for proof: a link or a code to the address, an invitation in the chat."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from core.contacts.naming import plain_key
from core.contracts.bridge import Bridge, Invites, OutboundMessage, Recipient
from core.contracts.content import Content
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.text import from_plain
from core.contracts.workplace import AgentProfile
from core.conversations import repository
from core.delivery.handler import Context, JobHandler
from core.identity import proofs
from core.identity.proofs import Asked, ProofKind, Signer
from core.identity.proving import Proving
from core.outbox.jobs import Done, Job

_WHEN = "%d %B %Y, %H:%M UTC"


class ProveHandler(JobHandler):
    """One thing to prove. What is sent holds nothing that the claimant wrote: its reader may be somebody else."""

    def __init__(self, context: Context, proving: Proving, signer: Signer, public_url: str) -> None:
        super().__init__(context)
        self._proving = proving
        self._signer = signer
        self._public_url = public_url

    async def deliver(self, job: Job) -> Done:
        asked = await self._context.storage.read(partial(self._open, job=job))
        if asked is None:
            return Done()
        bridge = self._bridge(asked.account)
        if asked.kind is ProofKind.INVITATION:
            if not isinstance(bridge, Invites):
                raise PermanentFailure("The channel makes no invitations.", reason=FailureReason.UNSUPPORTED)
            url = await bridge.invitation(self._signer.token(asked))
            return Done(work=partial(self._invite, asked=asked, url=url))
        await bridge.send(self._outbound(job.key, asked))
        return Done()

    def _open(self, connection: Connection, job: Job) -> Asked | None:
        asked = proofs.find(connection, UUID(job.payload["proof"]))
        return asked if asked is not None and asked.open(self._context.storage.now(connection)) else None

    def _bridge(self, account: str) -> Bridge:
        bridge = self._context.bridges.get(account)
        if bridge is None:
            raise PermanentFailure(
                f"The account {account} is no longer in the settings.", reason=FailureReason.MISCONFIGURED
            )
        return bridge

    def _outbound(self, key: str, asked: Asked) -> OutboundMessage:
        until = f"{asked.expires_at:{_WHEN}}"
        if asked.kind is ProofKind.LINK:
            text = (
                "Somebody who writes to us says that this is her address, too.\n\n"
                f"If that was you, confirm it here: {self._public_url}/verify/{self._signer.token(asked)}\n\n"
                f"The link works once, until {until}. If it was not you, do nothing: nothing happens without you."
            )
        else:
            text = (
                f"Your code is {self._signer.code(asked)}. Write it in the chat with us, and tell it nobody else. "
                f"It works until {until}."
            )
        return OutboundMessage(
            key=key,
            recipient=Recipient(external_id=plain_key(asked.target), name=""),
            content=Content(body=from_plain(text)),
            text=text,
            subject="Is this your address?",
            automated=True,
        )

    def _invite(self, connection: Connection, *, asked: Asked, url: str) -> None:
        """The invitation is a reply like any other, to the address that it was made for and to no other."""
        conversation = repository.conversation(connection, asked.conversation_id)
        if conversation.address_id != asked.address_id:
            self._proving.failed(connection, asked, "she writes on another channel by now.")
            return
        info = self._context.channels.get(asked.account)
        text = f"To go on by {info.title if info else asked.account}, open {url} and send what it suggests."
        workspace, _, agent_id = asked.actor.partition("/")
        now = self._context.storage.now(connection)
        message = self._context.messages.replied(
            connection,
            conversation,
            AgentProfile(workspace=workspace, agent_id=agent_id, name=asked.actor_name),
            Content(body=from_plain(text)),
            quote_id=None,
            hold_until=None,
            at=now,
            now=now,
        )
        dispatcher = self._context.dispatcher
        dispatcher.show(connection, message, now=now, settle=now - now, waiting=False)
        dispatcher.send(connection, message, now)

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        asked = proofs.find(connection, UUID(job.payload["proof"]))
        if asked is not None:
            self._proving.failed(connection, asked, sentence)
