"""What an agent is asked, and what her answer in a form becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from core.cards import words
from core.cards.card import ChannelInfo
from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.content import Content
from core.contracts.posts import Form
from core.contracts.richtext import Document, document
from core.contracts.text import from_plain
from core.conversations import reaching
from core.desk import forms
from core.desk.identity import Identities
from core.desk.mirroring import Mirrors
from core.desk.permissions import MEMBERS_ONLY, Permissions
from core.desk.replies import Replies, Where
from core.desk.templates import Chosen
from core.settings.models import CannedReply


class Asking:
    """Forms, and the replies and notes that are written in them."""

    def __init__(
        self,
        permissions: Permissions,
        replies: Replies,
        mirrors: Mirrors,
        identities: Identities,
        channels: Mapping[str, ChannelInfo],
        canned: Sequence[CannedReply],
    ) -> None:
        self._permissions = permissions
        self._replies = replies
        self._mirrors = mirrors
        self._identities = identities
        self._channels = channels
        self._canned = canned

    def form(self, connection: Connection, where: Where, action: str) -> Form | Chosen | None:
        """What is asked before that action; None: it was refused and the agent told."""
        if not self._permissions.may_answer(where.agent):
            self._replies.tell(connection, where, MEMBERS_ONLY)
            return None
        match action:
            case ActionId.NOTE:
                return forms.note()
            case ActionId.SNOOZE:
                return forms.snooze()
            case ActionId.MIRROR:
                rooms = self._mirrors.rooms(connection, where)
                if not rooms:
                    self._replies.tell(connection, where, "Every room that I can post in shows it already.")
                return forms.mirror(rooms) if rooms else None
            case ActionId.VERIFY | ActionId.MERGE:
                return self._identities.form(connection, where, action)
        address = contacts.address_by_id(connection, where.conversation.address_id)
        who = words.name_of(contacts.contact(connection, where.conversation.contact_id), address)
        if action == ActionId.CORRECT:
            return forms.correction(who)
        refusal = self._permissions.refusal(where, explicit=True)
        if refusal:
            self._replies.tell(connection, where, refusal)
            return None
        info = self._channels.get(address.account)
        channel = info.title if info else address.account
        if action == ActionId.TEMPLATE:
            return Chosen(account=address.account, channel=channel, who=who)
        form = forms.reply(who, channel, self._canned, self._identities.by(connection, where))
        closed = reaching.reach(address, info.capabilities, where.now).sentence if info else ""
        # Said before she writes it, not after.
        return replace(form, text=f"{form.text} Nothing leaves that way now: {closed}") if closed else form

    def reply(
        self, connection: Connection, where: Where, fields: Mapping[str, str], text: Document | None, refusal: str
    ) -> None:
        """Sends what was chosen and written; what may not leave is kept, for nobody types it twice."""
        body, title = text or Document(), fields.get("canned", "")
        chosen = next((one for one in self._canned if one.title == title), None)
        if title and chosen is None:
            refusal = refusal or f"Not sent: there is no canned reply “{title[:80]}” any more."
        if chosen is not None:
            body = document([*from_plain(chosen.text).blocks, *body.blocks])
        content = Content(body=body, choices=forms.choices(fields.get("choices", "")))
        turned = where if refusal else self._identities.turn_to(connection, where, fields.get("by", ""))
        if turned is None:
            refusal = "Not sent: that address cannot be written to any more. Press Reply for what there is now."
        where = turned or where
        if not refusal:
            self._replies.reply(connection, where, content, at=where.now, post=None, hold=False)
            return
        if body:
            self._replies.note(connection, where, content, at=where.now, post=None)
        self._replies.tell(connection, where, refusal)
