"""Sends replies, edits, deletes and reactions to customers."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from core.cards.drawing import Drawer
from core.contacts import repository as contacts
from core.contacts.models import Address
from core.contracts.bridge import (
    Bridge,
    Deletes,
    DeliveryStatus,
    Edits,
    ExternalId,
    OutboundMessage,
    Reacts,
    Recipient,
    Reconciles,
)
from core.contracts.content import Attachment, Content
from core.contracts.errors import FailureReason, OutcomeUnknown, PermanentFailure, TemporaryFailure
from core.contracts.posts import Tone
from core.contracts.richtext import Document, document
from core.contracts.templates import TemplateUse
from core.contracts.text import from_json, from_plain, plain, preview
from core.contracts.workplace import Sign
from core.conversations import failures, repository
from core.conversations.cutting import Piece, pieces_of
from core.conversations.models import Message
from core.conversations.reaching import Reach, reach
from core.conversations.service import automated
from core.delivery.handler import Context, JobHandler, message_id
from core.outbox.jobs import Done, Job


class CustomerHandler(JobHandler):
    """Base of what goes to a customer."""

    def __init__(self, context: Context, drawer: Drawer) -> None:
        super().__init__(context)
        self._drawer = drawer

    def bridge(self, account: str) -> Bridge:
        bridge = self._context.bridges.get(account)
        if bridge is None:
            raise PermanentFailure(
                f"The account {account} is no longer in the settings.", reason=FailureReason.MISCONFIGURED
            )
        return bridge

    def reach(self, connection: Connection, message: Message, address: Address) -> Reach | None:
        """None: the account has left the settings."""
        info = self._context.channels.get(message.account)
        if info is None:
            return None
        now = self._context.storage.now(connection)
        category = message.template["category"] if message.template else None
        return reach(address, info.capabilities, now, person=not automated(message), template=category)

    def outbound(
        self, connection: Connection, message: Message, piece: Piece, number: int, key: str
    ) -> OutboundMessage:
        """One piece of a message as the bridge gets it."""
        conversation = repository.conversation(connection, message.conversation_id)
        address = contacts.address_by_id(connection, message.address_id)
        body, files = self._carried(connection, message, piece)
        quoted = repository.find_message(connection, message.quote_id) if message.quote_id and number == 0 else None
        if quoted is not None and not _may_read(quoted, message):
            quoted = None
        external = quoted.external_id if quoted and quoted.account == message.account else None
        allowed = self.reach(connection, message, address)
        human = allowed is not None and allowed.human
        history = repository.vendor_history(connection, message.conversation_id, message.account)
        return OutboundMessage(
            key=key,
            recipient=_recipient(connection, address),
            content=Content(body=body, attachments=files, choices=piece.choices, cards=piece.cards),
            text=plain(body),
            quote=ExternalId(external) if external else None,
            quote_text=preview(from_json(quoted.body), 200) if quoted else "",
            history=tuple(ExternalId(value) for value in history),
            token=conversation.token,
            subject=conversation.subject,
            agent_name=message.author_name,
            agent_avatar_url=message.author_avatar_url,
            message_id=str(message.id),
            automated=automated(message),
            human=human,
            template=TemplateUse(**message.template) if message.template else None,
        )

    def _carried(
        self, connection: Connection, message: Message, piece: Piece
    ) -> tuple[Document, tuple[Attachment, ...]]:
        """Text and file of a piece; a file that the channel cannot carry becomes a link."""
        body = piece.text or Document()
        if piece.attachment is None:
            return body, ()
        stored = repository.attachments_of(connection, message.id)[piece.attachment]
        attachment = self._drawer.attachment(stored)
        if attachment.file is None:
            raise PermanentFailure(f"{attachment.name}: {attachment.problem}", reason=FailureReason.BAD_CONTENT)
        capabilities = self._context.channels[message.account].capabilities
        limit = capabilities.media.get(attachment.kind)
        if limit is not None and attachment.file.size <= limit:
            return body, (attachment,)
        link = self._context.file_link(attachment.file, attachment.name)
        if link is None:
            raise PermanentFailure(
                f"{attachment.name} ({attachment.file.size:,} bytes) is more than this channel carries, and there is "
                "no public address to link it from.",
                reason=FailureReason.TOO_LARGE,
            )
        return document([*body.blocks, *from_plain(f"{attachment.name}: {link}").blocks]), ()


class SendHandler(CustomerHandler):
    """One piece of a reply."""

    async def deliver(self, job: Job) -> Done:
        message, outbound = await self._context.storage.read(partial(self._load, job=job, asking=False))
        if outbound is None:
            return Done(work=partial(self._taken_back, message_id=message.id))
        external_id = await self.bridge(message.account).send(outbound)
        return self._done(job, message, external_id)

    def _done(self, job: Job, message: Message, external_id: ExternalId) -> Done:
        work = partial(self._sent, message_id=message.id, number=job.payload["piece"], external_id=external_id)
        return Done(ref=external_id, work=work)

    def _load(self, connection: Connection, job: Job, *, asking: bool) -> tuple[Message, OutboundMessage | None]:
        """None: it has no such piece any more, or must not leave because its author deleted it."""
        message = repository.message(connection, message_id(job))
        number = job.payload["piece"]
        pieces = self._pieces(connection, message)
        if number >= len(pieces) or (message.deleted_at is not None and not asking):
            return message, None
        if not asking:
            self._may_send(connection, message)
        # The key is the job's own: after an edit the vendor must still be asked about what was sent before it.
        return message, self.outbound(connection, message, pieces[number], number, job.key)

    def _taken_back(self, connection: Connection, message_id: UUID) -> None:
        message = repository.message(connection, message_id)
        if not repository.pieces(connection, message.id):
            now = self._context.storage.now(connection)
            self._context.messages.advance(connection, message, DeliveryStatus.CANCELLED, now)

    def _pieces(self, connection: Connection, message: Message) -> list[Piece]:
        info = self._context.channels.get(message.account)
        if info is None:
            raise PermanentFailure(
                f"The account {message.account} is no longer in the settings.", reason=FailureReason.MISCONFIGURED
            )
        attachments = repository.attachments_of(connection, message.id)
        return pieces_of(message, attachments, info.capabilities)

    def _may_send(self, connection: Connection, message: Message) -> None:
        """Checked again at the last moment: she may have opted out, the window closed, or contacts been split."""
        conversation = repository.conversation(connection, message.conversation_id)
        address = contacts.address_by_id(connection, message.address_id)
        if not contacts.same_person(connection, address.contact_id, conversation.contact_id):
            raise PermanentFailure(
                "It was written to somebody who turned out to be another customer.", reason=FailureReason.POLICY
            )
        found = self.reach(connection, message, contacts.address_by_id(connection, message.address_id))
        if found is not None and found.reason is not None:
            raise PermanentFailure(found.sentence, reason=found.reason)

    def _sent(self, connection: Connection, message_id: UUID, number: int, external_id: ExternalId) -> None:
        message = repository.message(connection, message_id)
        repository.add_piece(connection, message.id, number, message.account, external_id)
        # A vendor may report on a message before it has answered the call that sent it.
        self._context.dispatcher.take_early(connection, message.account, external_id)
        if message.external_id is None:
            # It stands in the transcript where it left, not where it was written.
            position = contacts.next_cursor(connection, message.address_id)
            repository.change_message(connection, message.id, external_id=external_id, position=position)
        if len(repository.pieces(connection, message.id)) < len(self._pieces(connection, message)):
            return
        now = self._context.storage.now(connection)
        self._context.messages.advance(connection, message, DeliveryStatus.SENT, now)
        if not self._context.channels[message.account].capabilities.delivered:
            self._context.dispatcher.sign(connection, message, Sign.DELIVERED)

    async def reconcile(self, job: Job) -> Done | None:
        message, outbound = await self._context.storage.read(partial(self._load, job=job, asking=True))
        bridge = self.bridge(message.account)
        if self._context.channels[message.account].capabilities.idempotent:
            return None
        if outbound is None or not isinstance(bridge, Reconciles):
            raise OutcomeUnknown("The channel cannot be asked what became of it.")
        found = await bridge.find(outbound)
        return None if found is None else self._done(job, message, found)

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        message = repository.message(connection, message_id(job))
        context = self._context
        now = context.storage.now(connection)
        failures.report(connection, context.messages, context.dispatcher, message, reason, sentence, now)


class ChangeHandler(CustomerHandler):
    """Base of what changes a message that the customer has."""

    #: For the sentence when it fails: "The edit".
    what = ""

    async def deliver(self, job: Job) -> Done:
        message, sent, outbound = await self._context.storage.read(partial(self._load, job=job))
        if not sent:
            if message.status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED):
                return Done()
            if message.status is not DeliveryStatus.QUEUED:
                raise PermanentFailure("The channel never told us under which name it keeps that message.")
            raise TemporaryFailure("The message it changes has not left yet.")
        await self.change(job, message, sent, outbound)
        return Done()

    @abstractmethod
    async def change(self, job: Job, message: Message, sent: dict[int, str], outbound: list[OutboundMessage]) -> None:
        """Carries the change out on every piece that was sent."""

    def _load(self, connection: Connection, job: Job) -> tuple[Message, dict[int, str], list[OutboundMessage]]:
        message = repository.message(connection, message_id(job))
        sent = repository.pieces(connection, message.id)
        if not sent and message.external_id:
            sent = {0: message.external_id}
        capabilities = self._context.channels[message.account].capabilities
        attachments = repository.attachments_of(connection, message.id)
        parts = pieces_of(message, attachments, capabilities)
        outbound = [
            self.outbound(connection, message, piece, number, f"{job.key}:{number}")
            for number, piece in enumerate(parts)
        ]
        return message, sent, outbound

    def buried(self, connection: Connection, job: Job, reason: FailureReason, sentence: str) -> None:
        message = repository.message(connection, message_id(job))
        self._context.dispatcher.notice(
            connection,
            message.conversation_id,
            from_plain(f"{self.what} did not reach the customer: {sentence}"),
            key=f"unchanged:{job.key}",
            tone=Tone.FAILURE,
        )


class SendEditHandler(ChangeHandler):
    what = "The edit"

    async def change(self, job: Job, message: Message, sent: dict[int, str], outbound: list[OutboundMessage]) -> None:
        bridge = self.bridge(message.account)
        assert isinstance(bridge, Edits)
        for number, external_id in sent.items():
            if number < len(outbound) and outbound[number].text:
                await bridge.edit(ExternalId(external_id), outbound[number])


class SendDeleteHandler(ChangeHandler):
    what = "The delete"

    async def change(self, job: Job, message: Message, sent: dict[int, str], outbound: list[OutboundMessage]) -> None:
        if message.deleted_at is None:
            return  # Its author brought it back meanwhile.
        bridge = self.bridge(message.account)
        assert isinstance(bridge, Deletes)
        recipient = await self._context.storage.read(partial(_recipient_of, address_id=message.address_id))
        for external_id in sent.values():
            await bridge.delete(ExternalId(external_id), recipient)


class SendReactionHandler(ChangeHandler):
    what = "The reaction"

    async def change(self, job: Job, message: Message, sent: dict[int, str], outbound: list[OutboundMessage]) -> None:
        bridge = self.bridge(message.account)
        assert isinstance(bridge, Reacts)
        recipient = await self._context.storage.read(partial(_recipient_of, address_id=message.address_id))
        await bridge.react(ExternalId(sent[min(sent)]), recipient, job.payload["emoji"])


def _may_read(quoted: Message, message: Message) -> bool:
    """Only what the customer has is quoted to her: never a note, never words of another conversation."""
    return quoted.conversation_id == message.conversation_id and quoted.external_id is not None


def _recipient(connection: Connection, address: Address) -> Recipient:
    contact = contacts.contact(connection, address.contact_id)
    return Recipient(external_id=address.external_id, name=contact.name, metadata=address.metadata)


def _recipient_of(connection: Connection, address_id: UUID) -> Recipient:
    return _recipient(connection, contacts.address_by_id(connection, address_id))
