"""Which form opens before an action, and which one follows it; channels are asked outside of transactions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.errors import AdapterError
from core.contracts.places import PostRef, ThreadRef
from core.contracts.posts import Form
from core.contracts.templates import Template
from core.contracts.text import from_json, plain
from core.contracts.workplace import AgentProfile
from core.conversations import repository, threads
from core.desk import forms
from core.desk.asking import Asking
from core.desk.finding import message_in
from core.desk.replies import Replies, Where
from core.desk.templates import Chosen, TemplateShelf
from core.storage.storage import Storage

Finder = Callable[[Connection, PostRef | ThreadRef, AgentProfile], Where | None]


class Dialogs:
    """Forms, from wherever what stands in them has to be fetched."""

    def __init__(
        self,
        storage: Storage,
        where: Finder,
        asking: Asking,
        replies: Replies,
        shelf: TemplateShelf,
        text_link: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._storage = storage
        self._where = where
        self._asking = asking
        self._replies = replies
        self._shelf = shelf
        self._text_link = text_link

    async def form(
        self, thread: ThreadRef, agent: AgentProfile, action: str, value: str, fields: Mapping[str, str]
    ) -> Form | None:
        """As `Desk.form`."""
        asked = await self._storage.write(partial(self._form, thread=thread, agent=agent, action=action, value=value))
        if isinstance(asked, str):
            link = await self._text_link(asked) if len(asked) > forms.FULL_TEXT else None
            return forms.full_text(asked, link)
        if not isinstance(asked, Chosen):
            return asked
        try:
            return await self._shelf.form(asked, fields.get("template") or value)
        except AdapterError as problem:
            sentence = f"There is no template to choose from now: {problem}"
            await self._storage.write(partial(self._tell, thread=thread, agent=agent, sentence=sentence))
            return None

    async def template(self, thread: ThreadRef, template_id: str) -> Template | None:
        """The template of that id on the account that a reply goes out by; None: there is none any more."""
        account = await self._storage.read(partial(_account, thread=thread))
        return await self._shelf.find(account, template_id) if account else None

    def _form(
        self, connection: Connection, thread: ThreadRef, agent: AgentProfile, action: str, value: str
    ) -> Form | Chosen | str | None:
        """A form, the text of a message to be read whole, or for whom a template is chosen."""
        where = self._where(connection, thread, agent)
        if where is None or action not in forms.ASKING:
            return None
        if action == ActionId.FULL_TEXT:
            message = message_in(connection, where, value)
            if message is None or message.deleted_at is not None:
                return None
            body = plain(from_json(message.body))
            return message.full_text if len(message.full_text) > len(body) else body
        return self._asking.form(connection, where, action)

    def _tell(self, connection: Connection, thread: ThreadRef, agent: AgentProfile, sentence: str) -> None:
        where = self._where(connection, thread, agent)
        if where is not None:
            self._replies.tell(connection, where, sentence)


def _account(connection: Connection, thread: ThreadRef) -> str:
    link = threads.link_at(connection, thread.workspace, thread.room, thread.thread)
    if link is None:
        return ""
    address_id = repository.conversation(connection, link.conversation_id).address_id
    return contacts.address_by_id(connection, address_id).account
