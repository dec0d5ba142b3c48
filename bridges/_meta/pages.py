"""Carries messages between customers and a Page or an Instagram account: the Send API, which both speak."""

from __future__ import annotations

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bridges._meta import page_compose as compose
from bridges._meta.graph import Graph
from bridges._meta.page_content import HOSTS
from bridges._meta.page_events import MARK, Account, customer_of, events
from bridges._meta.sent import Sent
from bridges._meta.settings import MetaSettings
from bridges._meta.uploads import Uploads
from bridges._meta.webhooks import receive
from core.contracts.bridge import Event, ExternalId, OutboundMessage, Received, Recipient, Runtime
from core.contracts.content import Attachment, TextUnit
from core.contracts.errors import AdapterError, FailureReason, OutcomeUnknown, PermanentFailure, TemporaryFailure
from core.contracts.http import WebhookRequest
from core.contracts.json import loads
from core.contracts.remembered import Remembered
from core.contracts.text import cut

Json = Mapping[str, Any]

HUMAN_WINDOW = timedelta(days=7)
#: Meta waits five seconds for the answer to its call, of which profiles may take these.
PROFILES_S = 1.5
MOST_PROFILES = 50
PROFILES_KEPT = timedelta(hours=6)
#: What a Page tells the app, its linked Instagram account included:
#: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
FIELDS = (
    "messages",
    "message_deliveries",
    "message_echoes",
    "message_edits",
    "message_reactions",
    "message_reads",
    "messaging_handovers",
    "messaging_optins",
    "messaging_policy_enforcement",
    "messaging_postbacks",
    "messaging_referrals",
    "standby",
)
#: Between two looks after the subscription, and after one that failed.
LOOK_S, AGAIN_S = 6 * 3600.0, 300.0


class PageSettings(MetaSettings):
    """Base of the settings of a Page and of an Instagram account."""

    #: Meta has granted the app Human Agent: people may answer for 7 days.
    human_agent: bool = False
    #: Customers see that their messages were read, once an agent answers.
    read_receipts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """In what the two differ."""

    title: str
    #: `object` of its webhooks.
    object: str
    #: Fields of a customer's profile.
    profile: str
    #: Longest text, and in what it is counted.
    max_text: int
    unit: TextUnit
    #: Which files are shown as what; "" takes all others.
    kinds: Mapping[str, str]
    #: It has buttons that stay.
    buttons: bool
    #: Some of its clients show no cards, so what they offer goes before them as text.
    cards_in_text: bool = False


class PageBridge(ABC):
    """One Page or Instagram account. `node` is what is called, `ids` is how webhooks name it."""

    def __init__(
        self,
        settings: PageSettings,
        runtime: Runtime,
        product: Product,
        *,
        node: str,
        ids: Sequence[str],
        token: Callable[[], Awaitable[str]] | None = None,
        fields: Sequence[str] = FIELDS,
    ) -> None:
        self._settings, self._runtime, self._product, self._node = settings, runtime, product, node
        self._fields = fields
        self._graph = Graph(runtime.session, settings, title=product.title, hosts=HOSTS, token=token)
        self._sent = Sent(runtime)
        self._account = Account(title=product.title, ids=frozenset(ids), sent=self._sent)
        self._uploads = Uploads(runtime.now)
        self._profiles: Remembered[Json] = Remembered(runtime.now, lasts=PROFILES_KEPT)
        #: Keys of messages whose words have left before the rest.
        self._worded: Remembered[bool] = Remembered(runtime.now, lasts=timedelta(days=1))
        self._marked: Remembered[str] = Remembered(runtime.now, lasts=timedelta(days=1))
        self._marking: set[asyncio.Task[None]] = set()

    async def receive(self, request: WebhookRequest) -> Received:
        received = receive(request, self._settings, self._product.object)
        items = [loads(item) for item in received.items]
        customers = [self._customer(item) for item in items]
        profiles = await self._profiles_of(list(dict.fromkeys(filter(None, customers)))[:MOST_PROFILES])
        named = [
            raw if not profiles.get(who) else json.dumps(item | {"profile": profiles[who]}).encode()
            for raw, item, who in zip(received.items, items, customers, strict=True)
        ]
        return replace(received, items=named)

    def _customer(self, item: Json) -> str:
        """Whose profile an event needs; "" for receipts and the like, and for what has an unexpected shape."""
        match item["entry"]:
            case [{"messaging": [dict(event)]} | {"standby": [dict(event)]}] if {
                "message",
                "postback",
                "referral",
                "optin",
            } & event.keys():
                with suppress(ValueError, AttributeError, TypeError):
                    return customer_of(event, self._account.ids)
        return ""

    async def _profiles_of(self, customers: Sequence[str]) -> Mapping[str, Json]:
        """Names and pictures, which no event holds; those that Meta does not say in time are missing."""

        async def ask(customer: str) -> None:
            if self._profiles.get(customer) is None and customer.isdigit():
                with suppress(TemporaryFailure):
                    try:
                        found = await self._graph.get(customer, fields=self._product.profile)
                    except AdapterError as problem:
                        if isinstance(problem, TemporaryFailure):
                            raise
                        # She may not allow it, or the app may not ask.
                        found = {}
                    self._profiles.put(customer, found)

        with suppress(TimeoutError):
            async with asyncio.timeout(PROFILES_S):
                await asyncio.gather(*map(ask, customers))
        return {one: self._profiles.get(one) or {} for one in customers}

    async def listen(self) -> None:
        """Keeps Meta calling us: after an hour in which we did not answer, it stops for good."""
        while True:
            sentence = await self._look_after()
            self._runtime.trouble(sentence)
            await asyncio.sleep(LOOK_S if sentence is None else AGAIN_S)

    async def _look_after(self) -> str | None:
        """A sentence about what does not work."""
        try:
            fields = ",".join(self._fields)
            await self._graph.post(f"{self._node}/subscribed_apps", {"subscribed_fields": fields})
        except AdapterError as problem:
            return f"Meta could not be told to call us about {self._product.title}. {problem}"
        return None

    async def parse(self, raw: bytes) -> Sequence[Event]:
        return [event async for event in events(loads(raw), self._account)]

    async def send(self, message: OutboundMessage) -> ExternalId:
        self._mark_seen(message.recipient)
        content = message.content
        if content.cards:
            return await self._send_cards(message)
        if content.attachments:
            (attachment,) = content.attachments
            return await self._send_file(message, attachment)
        return await self._post(message, compose.words(message.text, content.choices, buttons=self._product.buttons))

    async def _send_cards(self, message: OutboundMessage) -> ExternalId:
        content, text = message.content, message.text
        if self._product.cards_in_text:
            text = "\n\n".join(filter(None, [text, compose.written(content.cards, content.choices)]))
        await self._send_words_first(message, text)
        return await self._post(message, compose.cards(content.cards) | compose.quick_replies(content.choices))

    async def _send_words_first(self, message: OutboundMessage, text: str) -> None:
        """Neither cards nor files have words beside them; a second try does not say them again."""
        if text and not self._worded.get(message.key):
            words = {"text": cut(text, self._product.max_text, self._product.unit)}
            await self._post(message, words, part=":words")
            self._worded.put(message.key, True)

    async def _post(self, message: OutboundMessage, body: Json, *, part: str = "") -> ExternalId:
        customer = message.recipient.external_id
        human = message.human and self._settings.human_agent
        values: dict[str, Any] = {
            "recipient": {"id": customer},
            **({"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"} if human else {"messaging_type": "RESPONSE"}),
            # Comes back with the echo: the only way to learn what became of a send whose answer was lost.
            "message": {**body, "metadata": f"{MARK}{message.key}{part}"},
        }
        if message.quote and not part and _is_mid(message.quote):
            values["reply_to"] = {"mid": message.quote}
        with self._sent.sending(customer):
            answer = await self._deliver(customer, values)
            match answer:
                case {"message_id": str(external_id)} if external_id:
                    self._sent.note(customer, external_id)
                    return ExternalId(external_id)
        raise OutcomeUnknown(f"{self._product.title} took the message but did not say under which id.")

    async def _deliver(self, customer: str, values: Json) -> Json:
        try:
            return await self._graph.post(f"{self._node}/messages", values, sends=True)
        except PermanentFailure as problem:
            if problem.reason is not FailureReason.OWNED_ELSEWHERE:
                raise
            # An agent who answers means to take the conversation over; if Meta does not let us, the first answer holds.
            try:
                await self._graph.post(f"{self._node}/take_thread_control", {"recipient": {"id": customer}})
            except AdapterError:
                raise problem from None
        return await self._graph.post(f"{self._node}/messages", values, sends=True)

    async def _send_file(self, message: OutboundMessage, attachment: Attachment) -> ExternalId:
        assert attachment.file is not None
        kinds = self._product.kinds
        kind = kinds.get(attachment.mime) or kinds.get("")
        if kind is None:
            return await self._send_link(message, attachment)
        await self._send_words_first(message, message.text)
        upload = f"{attachment.file.sha256}:{kind}"
        payload = await self._payload(attachment, kind, upload)
        try:
            return await self._post(message, compose.file(kind, payload))
        except PermanentFailure:
            # Perhaps the id is over; a retry by the agent uploads the file anew.
            self._uploads.forget(upload)
            raise

    async def _payload(self, attachment: Attachment, kind: str, upload: str) -> Json:
        """How a message names a file: by the id of an upload."""
        return {"attachment_id": await self._uploads.id_of(upload, lambda: self._upload(attachment, kind))}

    async def _upload(self, attachment: Attachment, kind: str) -> str:
        assert attachment.file is not None
        described = {"attachment": {"type": kind, "payload": {"is_reusable": True}}}
        fields = {"message": json.dumps(described), **self._upload_fields()}
        with await asyncio.to_thread(attachment.file.path.open, "rb") as file:
            answer = await self._graph.upload(
                f"{self._node}/message_attachments",
                fields,
                file,
                field="filedata",
                name=self._file_name(attachment.name),
                mime=attachment.mime,
            )
        return str(answer["attachment_id"])

    def _upload_fields(self) -> Mapping[str, str]:
        return {}

    def _file_name(self, name: str) -> str:
        return name

    async def _send_link(self, message: OutboundMessage, attachment: Attachment) -> ExternalId:
        """Files of other types are fetched from us by the customer."""
        assert attachment.file is not None
        link = self._runtime.file_link(attachment.file, attachment.name)
        if link is None:
            raise PermanentFailure(
                f"{self._product.title} takes no files like {attachment.name} ({attachment.mime}), and there is no "
                "public address to link it from. Send it as a PDF or a JPEG.",
                reason=FailureReason.UNSUPPORTED,
            )
        await self._send_words_first(message, message.text)
        return await self._post(message, {"text": f"{attachment.name}: {link}"})

    async def find(self, message: OutboundMessage) -> ExternalId | None:
        """What an echo told since. Silence proves nothing, so it is never said that it surely was not sent."""
        if found := self._sent.id_of(message.key):
            return found
        raise OutcomeUnknown(f"{self._product.title} has not told anything about it.")

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        if not _is_mid(external_id):
            raise PermanentFailure(f"{self._product.title} shows no such message.", reason=FailureReason.UNSUPPORTED)
        payload = {"message_id": external_id} | ({"reaction": self._reaction(emoji)} if emoji else {})
        await self._act(recipient, "react" if emoji else "unreact", payload=payload)

    def _reaction(self, emoji: str) -> str:
        return emoji

    async def show_typing(self, recipient: Recipient) -> None:
        """Lasts about 20 seconds, or until a message arrives."""
        await self._act(recipient, "typing_on")

    async def _act(self, recipient: Recipient, action: str, **more: Json) -> None:
        # Twice the same is one, so a lost answer is no reason to ask anybody.
        values = {"recipient": {"id": recipient.external_id}, "sender_action": action, **more}
        await self._graph.post(f"{self._node}/messages", values)

    def _mark_seen(self, recipient: Recipient) -> None:
        """Beside the send, which must not wait for it nor fail with it."""
        last = str(recipient.metadata.get("last") or "")
        if not self._settings.read_receipts or not last or self._marked.get(recipient.external_id) == last:
            return

        async def mark() -> None:
            with suppress(AdapterError):
                await self._act(recipient, "mark_seen")

        self._marked.put(recipient.external_id, last)
        task = asyncio.create_task(mark())
        self._marking.add(task)
        task.add_done_callback(self._marking.discard)

    @abstractmethod
    async def check(self) -> str: ...

    async def fetch(self, source: str) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._graph.download(source, token=False)) as file:
            async for chunk in file:
                yield chunk


def _is_mid(external_id: str) -> bool:
    """Presses, placeholders and the like have ids that only we know."""
    return not re.match(r"(choice|postback|referral|optin|control):", external_id)
