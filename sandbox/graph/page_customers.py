"""What people do in Messenger and in Instagram's direct messages; where the two differ, the class says so."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from sandbox.graph.account import Account, Shared
from sandbox.graph.delivery import Delivery
from sandbox.graph.shapes import Message, Person
from sandbox.graph.wire import Json, NotPossible, number_id

Kind = Literal["image", "video", "audio", "file", "sticker"]
#: Names that webhooks give to reactions; everything else is "other".
_REACTIONS = {"❤": "love", "😂": "haha", "😮": "wow", "😢": "sad", "😡": "angry", "👍": "like", "👎": "dislike"}
#: Another app that may hold a conversation: the Page's own inbox.
INBOX_APP = "263902037430900"
#: Fields of webhooks, as a Page names them: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
_FIELDS = frozenset(
    "messages message_deliveries message_echoes message_edits message_reactions message_reads messaging_handovers "
    "messaging_optins messaging_policy_enforcement messaging_postbacks messaging_referrals standby feed".split()
)


class PageCustomers(Account):
    """The customers' half of one Page."""

    product = "messenger"
    #: Seen as watermarks with deliveries, or by message without.
    watermarks = True
    #: The person can take back what she wrote, and the business is told.
    unsends = False
    #: Longest text that her app sends, in characters.
    longest = 2000
    #: What an app can be subscribed to, and what this product calls some of it.
    fields = _FIELDS
    called: ClassVar[Mapping[str, str]] = {}

    def __init__(self, shared: Shared, delivery: Delivery, app_id: str) -> None:
        super().__init__(shared, delivery)
        self.app_id = app_id
        self.id = number_id()
        self.name = "Lumen & Loom"
        self.username = "lumenandloom"
        #: Meta has stopped calling, as after an hour without an answer, until the app subscribes anew.
        self.disabled = False
        #: Receipts name the messages, and echoes bring back what a send carried.
        self.names_deliveries = self.echoes_metadata = True
        #: What another app has cannot be answered without taking it.
        self.locks = False

    # What the business is told.

    def tell(self, body: Json, *, user: str, field: str = "messages", ours: bool = False) -> None:
        """One messaging event; while another app holds the conversation it comes on `standby`."""
        sender, recipient = (self.id, user) if ours else (user, self.id)
        event: Json = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": int(self.now * 1000)}
        event |= body
        on = "messaging"
        if self.people[user].owner and "pass_thread_control" not in body and "take_thread_control" not in body:
            on = "standby"
            if "postback" in event:
                event["postback"] = {key: one for key, one in event["postback"].items() if key != "payload"}
        field = "standby" if on == "standby" else self.called.get(field, field)
        if not self.disabled:
            self.delivery.add(self.id, event, lane=user, list=on, field=field)

    def mid(self) -> str:
        """A message id as Meta makes them."""
        return "m_" + base64.urlsafe_b64encode(secrets.token_bytes(48)).decode().rstrip("=")

    # Who she is.

    def add_customer(self, name: str, *, username: str = "", photo: bytes | None = None) -> str:
        """Somebody with an account; her id is scoped to this business."""
        user = number_id(16)
        person = Person(id=user, name=name, username=username)
        if photo is not None:
            person.photo = self.file("profile.jpg", "image/jpeg", photo)
        self.people[user] = person
        self.shared.watchers.tell({"kind": "customer", "product": self.product, "user": user, "name": name})
        return user

    # What she does.

    async def customer_writes(
        self, user: str, text: str, *, reply_to: str = "", referral: Json | None = None, story: Json | None = None
    ) -> str:
        """Writes a message and returns its id; her app cuts what is too long, and the first id is returned."""
        if not text.strip():
            raise ValueError("The app does not send an empty message; give customer_writes some text")
        pieces = [text[start : start + self.longest] for start in range(0, len(text), self.longest)]
        more: Json = {"referral": referral} if referral else {}
        more |= {"reply_to": {"story": story}} if story else {}
        ids = [self._send(user, {"text": piece} | more, reply_to=reply_to, text=piece) for piece in pieces]
        return ids[0]

    async def customer_sends(
        self,
        user: str,
        kind: Kind,
        name: str = "",
        mime: str = "",
        data: bytes = b"",
        *,
        text: str = "",
        reply_to: str = "",
    ) -> str:
        """Sends a file, perhaps with words in the same message; most apps send these on their own."""
        media = self.file(name, mime, data)
        payload: Json = {"url": self.shared.media.cdn(media)}
        attachment = {"type": kind, "payload": payload | ({"sticker_id": 369239263222822} if kind == "sticker" else {})}
        body = ({"text": text} if text else {}) | {"attachments": [attachment]}
        return self._send(user, body, reply_to=reply_to, kind=kind, media=media, text=text)

    async def customer_shares(self, user: str, kind: str, payload: Json | None = None) -> str:
        """Shares what is no file: `fallback`, `template`, `reel`, `story_mention`, `share`."""
        attachment = {"type": kind} | ({"payload": payload} if payload is not None else {})
        return self._send(user, {"attachments": [attachment]}, kind=kind, details=payload)

    async def customer_presses(self, user: str, message_id: str, value: str) -> str:
        """Presses a quick reply or a button of a message of ours."""
        offer = self.message(message_id, user)
        label = next((label for one, label in offer.buttons if one == value), None)
        if label is None:
            raise NotPossible(f"Message {message_id} offers {offer.buttons}, not {value!r}")
        if offer.kind == "template":
            person = self._awake(user)
            person.wrote_at = self.now
            mid = self.mid()
            body = {"postback": {"mid": mid, "title": label, "payload": value}}
            self.tell(body, user=user, field="messaging_postbacks")
            return mid
        return self._send(user, {"text": label, "quick_reply": {"payload": value}}, text=label)

    async def customer_reacts(self, user: str, message_id: str, emoji: str | None) -> None:
        """Sets or takes back a reaction."""
        target = self.message(message_id, user)
        self._awake(user)
        before, target.customer_reaction = target.customer_reaction, emoji or ""
        self.changed("reaction", target)
        body: Json = {"mid": message_id, "action": "react" if emoji else "unreact"}
        if emoji:
            body |= {"reaction": _REACTIONS.get(emoji.rstrip("\ufe0f"), "other"), "emoji": emoji}
        elif not before:
            raise NotPossible("There is no reaction to take back")
        self.tell({"reaction": body}, user=user, field="message_reactions")

    async def customer_edits(self, user: str, message_id: str, text: str) -> None:
        """Edits her own text, within 15 minutes and five times."""
        message = self.own(user, message_id)
        if self.now - message.at > 900 or message.edited >= 5 or message.kind != "text":
            raise NotPossible("The app offers no edit any more")
        message.text, message.edited = text, message.edited + 1
        self.changed("edited", message)
        body = {"message_edit": {"mid": message_id, "text": text, "num_edit": message.edited}}
        self.tell(body, user=user, field="message_edits")

    async def customer_deletes(self, user: str, message_id: str) -> None:
        """Takes her own message back; a Page is never told."""
        message = self.own(user, message_id)
        message.deleted = True
        self.changed("deleted", message)
        if self.unsends:
            self.tell({"message": {"mid": message_id, "is_deleted": True}}, user=user)

    async def customer_sends_unsupported(self, user: str) -> str:
        """Sends something that the API does not show."""
        return self._send(user, {"is_unsupported": True}, kind="unsupported")

    async def customer_reads(self, user: str) -> None:
        """Opens the chat: everything of ours there is read."""
        person = self._awake(user)
        person.read_at = self.now
        mine = [one for one in self.messages.values() if one.person == user and one.ours and one.status == "delivered"]
        for message in mine:
            message.status = "read"
            self.changed("status", message)
        if not mine:
            return
        body = {"watermark": int(mine[-1].at * 1000)} if self.watermarks else {"mid": mine[-1].id}
        self.tell({"read": body}, user=user, field="message_reads" if self.watermarks else "messaging_seen")

    async def customer_opts_in(self, user: str, ref: str, *, ad: Json | None = None) -> None:
        """Comes through a link or an ad: a referral without a message."""
        self._awake(user).wrote_at = self.now
        source = {"source": "ADS", **ad} if ad else {"source": "SHORTLINK"}
        self.tell({"referral": {"ref": ref, "type": "OPEN_THREAD"} | source}, user=user, field="messaging_referrals")

    async def customer_starts(self, user: str, ref: str = "") -> None:
        """Presses "Get started", perhaps at the end of a link to us."""
        self._awake(user).wrote_at = self.now
        link = {"referral": {"ref": ref, "source": "SHORTLINK", "type": "OPEN_THREAD"}} if ref else {}
        body = {"postback": {"mid": self.mid(), "title": "Get started", "payload": "GET_STARTED"} | link}
        self.tell(body, user=user, field="messaging_postbacks")

    def customer_blocks(self, user: str) -> None:
        """Blocks the business; the business learns it from its next message only."""
        self.person(user).blocked = True

    def customer_unblocks(self, user: str) -> None:
        """Lets the business write again."""
        self.person(user).blocked = False

    # What others at the business do.

    async def owner_writes(self, user: str, text: str, *, app: str = INBOX_APP) -> str:
        """Somebody answers in the Page's inbox, by another app, or ("") in Facebook or Instagram itself."""
        message = self.keep(
            Message(id=self.mid(), person=user, ours=True, at=self.now, text=text, status="delivered", app=app)
        )
        self.echo(message, app)
        return message.id

    def hand_over(self, user: str, app: str = INBOX_APP) -> None:
        """The conversation is another app's from now on; "": ours."""
        person = self.person(user)
        before, person.owner = person.owner, app
        if app:
            body: Json = {"take_thread_control": {"previous_owner_app_id": self.app_id, "new_owner_app_id": app}}
        else:
            body = {"pass_thread_control": {"previous_owner_app_id": before, "new_owner_app_id": self.app_id}}
        self.tell(body, user=user, field="messaging_handovers")

    def echo(self, message: Message, app: str) -> None:
        """Tells about a message of the business itself."""
        body: Json = {"mid": message.id, "is_echo": True} | ({"app_id": int(app)} if app else {})
        body |= {"text": message.text} if message.text else {}
        body |= {"metadata": message.tag} if message.tag and self.echoes_metadata else {}
        if message.media is not None:
            url = self.shared.media.cdn(message.media)
            body["attachments"] = [{"type": message.kind, "payload": {"url": url}}]
        self.tell({"message": body}, user=message.person, field="message_echoes", ours=True)

    def _send(self, user: str, body: Json, *, reply_to: str = "", **fields: Any) -> str:
        person = self._awake(user)
        if reply_to:
            self.message(reply_to, user)
            body = body | {"reply_to": {"mid": reply_to}}
        person.wrote_at = self.now
        message = Message(id=self.mid(), person=user, ours=False, at=self.now, reply_to=reply_to, **fields)
        self.keep(message)
        self.tell({"message": {"mid": message.id} | body}, user=user)
        return message.id

    def _awake(self, user: str) -> Person:
        person = self.person(user)
        if person.blocked:
            raise NotPossible(f"{person.name} has blocked the business; call customer_unblocks first")
        return person
