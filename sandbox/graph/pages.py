"""The Send API of a Page and of an Instagram account: what the business may call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.graph.account import DAY
from sandbox.graph.limits import PAGE_MEDIA, PAGE_TEXT
from sandbox.graph.media import MEGABYTE
from sandbox.graph.page_customers import PageCustomers
from sandbox.graph.page_templates import read_template
from sandbox.graph.shapes import Media, Message, Person
from sandbox.graph.wire import GraphError, Json, bad, object_of, text_of

TYPING_S = 20.0
HUMAN_AGENT = 7 * DAY
_ACTIONS = ("typing_on", "typing_off", "mark_seen", "react", "unreact")
_FILES = ("image", "video", "audio", "file")
#: Reactions may be named, too.
_NAMED = {"love": "❤"}


class Page(PageCustomers):
    """A Facebook Page's Messenger."""

    #: Largest upload by kind, and the types that are taken ("": all).
    files: Mapping[str, tuple[int, tuple[str, ...]]] = {
        "image": (8 * MEGABYTE, ("image/",)),
        "video": (25 * MEGABYTE, ("video/",)),
        "audio": (25 * MEGABYTE, ("audio/",)),
        "file": (25 * MEGABYTE, ("",)),
    }
    #: Whether the app may use the tag HUMAN_AGENT.
    human_agent = True
    templates: tuple[str, ...] = ("button", "generic")

    def node(self) -> Json:
        """GET of the account."""
        return {"id": self.id, "name": self.name, "username": self.username}

    def profile(self, person: Person) -> Json:
        """GET of a person who wrote."""
        first, _, last = person.name.partition(" ")
        found: Json = {"id": person.id, "first_name": first, "last_name": last, "name": person.name}
        return found | ({"profile_pic": self.shared.media.cdn(person.photo)} if person.photo else {})

    def too_long(self, text: str) -> str:
        """Why a text cannot be sent, or nothing."""
        return "Length of param message[text] must be less than or equal to 2000" if len(text) > 2000 else ""

    def upload(self, kind: str, name: str, mime: str, data: bytes) -> Media:
        """Takes a file. Raises: GraphError."""
        if kind not in self.files:
            raise bad(f'Param message[attachment][type] must be one of {{{", ".join(self.files)}}} - got "{kind}".')
        most, types = self.files[kind]
        if not data or len(data) > most or not mime.startswith(types):
            raise bad("Upload attachment failure.", subcode=2018047)
        return self.shared.media.add(name, mime, data)

    def subscribe(self, given: Json) -> Json:
        """POST of `/subscribed_apps`. Raises: GraphError."""
        wanted = text_of(given.get("subscribed_fields")).split(",")
        if wrong := sorted(set(wanted) - self.fields):
            raise bad(f"Param subscribed_fields must be one of {sorted(self.fields)} - got {wrong}.")
        self.disabled = False
        return {"success": True}

    def message_attachments(self, given: Json, upload: tuple[str, str, bytes] | None) -> Json:
        """POST of `/message_attachments`: a file for later. Raises: GraphError."""
        media = self._attachment(object_of(object_of(given.get("message")).get("attachment")), upload)[1]
        return {"attachment_id": media.id if media else ""}

    def send(self, given: Json, upload: tuple[str, str, bytes] | None = None) -> Json:
        """POST of `/messages`: a message or a sender action. Raises: GraphError."""
        user = object_of(given.get("recipient")).get("id")
        person = self.people.get(str(user))
        if person is None or person.wrote_at is None:
            raise bad("No matching user found", subcode=2018001)
        if "sender_action" in given:
            self._act(person, given)
            return {"recipient_id": person.id}
        message = self._read(person, given, upload)
        if person.owner and self.locks:
            words = "(#10) Message failed to send because another app is controlling this thread now."
            raise GraphError(400, 10, words, subcode=2018300)
        self._check_window(person, given)
        kind = PAGE_MEDIA if message.kind in ("audio", "video") else PAGE_TEXT
        if self.shared.limits.spend((self.product, self.id, kind), kind):
            raise bad("Calls to this api have exceeded the rate limit.", code=613)
        self.keep(message)
        person.owner = ""
        self.echo(message, self.app_id)
        if self.watermarks:
            mids = {"mids": [message.id]} if self.names_deliveries else {}
            watermark = mids | {"watermark": int(message.at * 1000)}
            self.tell({"delivery": watermark}, user=person.id, field="message_deliveries")
        return {"recipient_id": person.id, "message_id": message.id}

    def _check_window(self, person: Person, given: Json) -> None:
        kind, tag = given.get("messaging_type"), given.get("tag")
        if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            raise bad("Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}.")
        if person.blocked:
            raise GraphError(400, 551, "(#551) This person isn't available right now.", subcode=1545041)
        lasts = DAY
        if kind == "MESSAGE_TAG":
            if tag != "HUMAN_AGENT":
                raise bad("Invalid parameter", subcode=2018340)
            if not self.human_agent:
                raise GraphError(403, 10, "(#10) This app is not approved for the tag HUMAN_AGENT.", subcode=2018108)
            lasts = HUMAN_AGENT
        elif tag is not None:
            raise bad("A tag needs messaging_type MESSAGE_TAG.")
        if not self.in_window(person, lasts):
            raise GraphError(400, 10, "(#10) This message is sent outside of allowed window.", subcode=2018278)

    def _read(self, person: Person, given: Json, upload: tuple[str, str, bytes] | None) -> Message:
        message = object_of(given.get("message"))
        if unknown := sorted(set(message) - {"text", "attachment", "quick_replies", "metadata"}):
            raise bad(f'Invalid keys "{", ".join(unknown)}" were found in param "message".')
        text = text_of(message.get("text"))
        kind, media, details, buttons = "text", None, None, self._quick_replies(message)
        if "attachment" in message:
            if text:
                raise bad("Message cannot be empty, must provide valid attachment or text, but not both.")
            kind, media, details, more = self._attachment_of(object_of(message["attachment"]), upload)
            text, buttons = text_of(details.get("text")) if kind == "template" else "", more or buttons
        elif not text.strip():
            raise bad("Message cannot be empty, must provide valid attachment or text.")
        if problem := self.too_long(text):
            raise bad(problem)
        tag = message.get("metadata", "")
        if not isinstance(tag, str) or len(tag) > 1000:
            raise bad("Param message[metadata] must be text of at most 1000 characters.")
        reply_to = text_of(object_of(given.get("reply_to")).get("mid"))
        if reply_to and (reply_to not in self.messages or self.messages[reply_to].person != person.id):
            raise bad("Invalid parameter: reply_to.mid is not a message of this conversation.")
        return Message(
            id=self.mid(),
            person=person.id,
            ours=True,
            at=self.now,
            kind=kind,
            text=text,
            media=media,
            details=details,
            buttons=buttons,
            reply_to=reply_to,
            tag=tag,
            status="delivered",
        )

    def _attachment_of(
        self, given: Json, upload: tuple[str, str, bytes] | None
    ) -> tuple[str, Media | None, Json, tuple[tuple[str, str], ...]]:
        if given.get("type") != "template":
            kind, media = self._attachment(given, upload)
            return kind, media, {}, ()
        payload = object_of(given.get("payload"))
        if payload.get("template_type") not in self.templates:
            raise bad(f"The sandbox knows the templates {', '.join(self.templates)} only.")
        return "template", None, payload, read_template(payload)

    def _attachment(self, given: Json, upload: tuple[str, str, bytes] | None) -> tuple[str, Media | None]:
        kind, payload = text_of(given.get("type")), object_of(given.get("payload"))
        if kind not in _FILES:
            raise bad(f"Param attachment[type] must be one of {{{', '.join(_FILES)}}}.")
        if upload is not None:
            return kind, self.upload(kind, *upload)
        media = self.shared.media.find(str(payload.get("attachment_id", "")))
        if media is None:
            raise bad("The sandbox fetches nothing; upload the file, or give a known attachment_id.", subcode=2018008)
        return kind, media

    def _quick_replies(self, message: Json) -> tuple[tuple[str, str], ...]:
        given = message.get("quick_replies") or []
        if not isinstance(given, list) or len(given) > 13:
            raise bad("Param message[quick_replies] has too many elements.")
        found = []
        for one in map(object_of, given):
            title, payload = text_of(one.get("title")), text_of(one.get("payload"))
            if one.get("content_type") != "text" or not 1 <= len(title) <= 20 or not 1 <= len(payload) <= 1000:
                raise bad("A quick reply has a title of at most 20 and a payload of at most 1000 characters.")
            found.append((payload, title))
        return tuple(found)

    def _act(self, person: Person, given: Json) -> None:
        action, payload = given["sender_action"], object_of(given.get("payload"))
        if action not in _ACTIONS:
            raise bad(f'Param sender_action must be one of {{{", ".join(_ACTIONS).upper()}}} - got "{action}".')
        if "message" in given:
            raise bad("A sender action cannot come with a message.")
        if action in ("react", "unreact"):
            target = self.messages.get(text_of(payload.get("message_id")))
            if target is None or target.person != person.id:
                raise bad("Invalid parameter: the message to react to is not known.")
            if action == "react" and not text_of(payload.get("reaction")):
                raise bad("Param payload[reaction] is required.")
            reaction = text_of(payload.get("reaction"))
            target.our_reaction = _NAMED.get(reaction, reaction) if action == "react" else ""
            self.changed("reaction", target)
        elif action == "mark_seen":
            for one in self.messages.values():
                if one.person == person.id and not one.ours and not one.seen:
                    one.seen = True
                    self.changed("seen", one)
        else:
            person.typing_until = self.now + TYPING_S if action == "typing_on" else 0.0
            self.shared.watchers.tell({"kind": "typing", "product": self.product, "user": person.id})

    def thread_control(self, edge: str, given: Json) -> Json:
        """POST of `/take_thread_control`, `/pass_thread_control` and `/release_thread_control`. Raises: GraphError."""
        person = self.people.get(str(object_of(given.get("recipient")).get("id")))
        if person is None:
            raise bad("No matching user found", subcode=2018001)
        target: Any = given.get("target_app_id")
        person.owner = "" if edge == "take_thread_control" else str(target or "")
        return {"success": True}


class Instagram(Page):
    """An Instagram business account's direct messages."""

    product = "instagram"
    watermarks = False
    unsends = True
    longest = 1000
    templates = ("generic",)
    called: ClassVar[Mapping[str, str]] = {
        # Echoes come with the messages.
        "message_echoes": "messages",
        "message_edits": "message_edit",
        "messaging_handovers": "messaging_handover",
        "messaging_referrals": "messaging_referral",
    }
    fields = frozenset(
        "messages message_edit message_reactions messaging_handover messaging_optins messaging_postbacks "
        "messaging_referral messaging_seen standby comments".split()
    )
    files: Mapping[str, tuple[int, tuple[str, ...]]] = {
        "image": (8 * MEGABYTE, ("image/jpeg", "image/png", "image/gif")),
        "audio": (25 * MEGABYTE, ("audio/aac", "audio/mp4", "audio/x-m4a", "audio/wav", "audio/x-wav")),
        "video": (
            25 * MEGABYTE,
            ("video/mp4", "video/ogg", "video/x-msvideo", "video/quicktime", "video/webm"),
        ),
        "file": (25 * MEGABYTE, ("application/pdf",)),
    }

    def mid(self) -> str:
        return "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE" + super().mid()[2:]

    def profile(self, person: Person) -> Json:
        found: Json = {"id": person.id, "name": person.name, "username": person.username}
        return found | ({"profile_pic": self.shared.media.cdn(person.photo)} if person.photo else {})

    def node(self) -> Json:
        return super().node() | {"user_id": self.id}

    def upload(self, kind: str, name: str, mime: str, data: bytes) -> Media:
        if not name.isascii():
            raise bad("Upload attachment failure: the file name has letters that are not supported.", subcode=2018047)
        return super().upload(kind, name, mime, data)

    def too_long(self, text: str) -> str:
        many = len(text.encode("utf-8", "surrogatepass"))
        return "Length of param message[text] must be less than or equal to 1000 bytes" if many > 1000 else ""
