"""WhatsApp Cloud API of one number: what the business may call, and the statuses that follow."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.graph.limits import WHATSAPP_NUMBER, WHATSAPP_PAIR
from sandbox.graph.markup import shown
from sandbox.graph.media import check_upload
from sandbox.graph.shapes import Message, Person
from sandbox.graph.whatsapp_checks import Read, invalid, missing, read_message
from sandbox.graph.whatsapp_customers import WhatsAppCustomers
from sandbox.graph.wire import GraphError, Json, digits, object_of, status_error, text_of, wamid

TYPING_S = 25.0
#: Statuses only move forward.
_ORDER = ("accepted", "sent", "delivered", "read", "played")


class WhatsApp(WhatsAppCustomers):
    """One number: its `/messages`, `/media` and `/message_templates`."""

    #: Errors that Meta gives later, with a status, are given to the call itself (Meta does either).
    refuses_at_once = False
    #: Whether `sent` and `delivered` follow by themselves.
    reports = True

    def shown(self, text: str) -> str:
        return shown(text)

    def number_node(self) -> Json:
        """GET of the number."""
        return {
            "id": self.phone_number_id,
            "display_phone_number": self.display_number,
            "verified_name": self.verified_name,
            "quality_rating": "GREEN",
            "code_verification_status": "VERIFIED",
            "platform_type": "CLOUD_API",
        }

    def template_list(self, query: Mapping[str, str]) -> Json:
        """GET of `/message_templates`, page by page."""
        wanted = [one for one in self.templates.values() if one["status"] == query.get("status", one["status"])]
        start, limit = int(query.get("after") or 0), int(query.get("limit") or 25)
        page: Json = {"data": wanted[start : start + limit], "paging": {"cursors": {"after": str(start + limit)}}}
        if start + limit < len(wanted):
            page["paging"]["next"] = "https://graph.facebook.com/the-same-with-after"
        return page

    def add_template(
        self,
        name: str,
        text: str,
        *,
        header: str = "",
        footer: str = "",
        buttons: tuple[str, ...] = (),
        link: tuple[str, str] | None = None,
        language: str = "en",
        category: str = "UTILITY",
    ) -> None:
        """An approved template; `{{1}}` or `{{name}}` stands for a value, also at the end of the address of `link`."""
        components: list[Json] = [{"type": "BODY", "text": text}]
        if header:
            components.insert(0, {"type": "HEADER", "format": "TEXT", "text": header})
        if footer:
            components.append({"type": "FOOTER", "text": footer})
        made: list[Json] = [{"type": "QUICK_REPLY", "text": label} for label in buttons]
        made += [{"type": "URL", "text": link[0], "url": link[1]}] if link else []
        if made:
            components.append({"type": "BUTTONS", "buttons": made})
        self.templates[f"{name}:{language}"] = {
            "id": str(len(self.templates) + 594425479261596),
            "name": name,
            "language": language,
            "status": "APPROVED",
            "category": category,
            "components": components,
        }

    def upload(self, fields: dict[str, str], name: str, mime: str, data: bytes) -> Json:
        """POST of `/media`. Raises: GraphError."""
        if fields.get("messaging_product") != "whatsapp":
            raise missing("messaging_product")
        mime = (fields.get("type") or mime).partition(";")[0].strip()
        check_upload(mime, data)
        return {"id": self.shared.media.add(name, mime, data).id}

    def mark(self, given: Json) -> Json:
        """POST of `/messages` with a `status`: read, perhaps with typing. Raises: GraphError."""
        if given.get("messaging_product") != "whatsapp":
            raise missing("messaging_product")
        if given.get("status") != "read":
            raise invalid("status must be read.")
        message = self.messages.get(text_of(given.get("message_id")))
        if message is None or message.ours:
            raise invalid("message_id is not the id of a message that was received.")
        indicator = given.get("typing_indicator")
        if indicator is not None and object_of(indicator).get("type") != "text":
            raise invalid("typing_indicator.type must be text.")
        for one in self.messages.values():
            if one.person == message.person and not one.ours and one.at <= message.at and not one.seen:
                one.seen = True
                self.changed("seen", one)
        if indicator is not None:
            self.people[message.person].typing_until = self.now + TYPING_S
            self.shared.watchers.tell({"kind": "typing", "product": self.product, "user": message.person})
        return {"success": True}

    def send(self, given: Json) -> Json:
        """POST of `/messages`. Raises: GraphError."""
        if given.get("messaging_product") != "whatsapp":
            raise missing("messaging_product")
        if given.get("recipient_type", "individual") != "individual":
            raise invalid("The sandbox has individual recipients only.")
        person, contact = self._recipient(given)
        read = read_message(given, self.shared.media, self.templates)
        if wait := self.shared.limits.spend(("whatsapp", self.phone_number_id), WHATSAPP_NUMBER):
            raise GraphError(400, 130429, "(#130429) Rate limit hit", details=f"Try again in {wait:.1f} seconds.")
        key = person.id if person else contact["input"]
        if self.shared.limits.spend(("whatsapp", key), WHATSAPP_PAIR):
            raise GraphError(
                400,
                131056,
                "(#131056) (Business Account, Consumer Account) pair rate limit hit",
                details="Message failed to send because there were too many messages sent from this phone number to "
                "the same phone number in a short period of time.",
            )
        problem = self._problem(person, read)
        if problem is not None and self.refuses_at_once:
            code, title, details = problem
            raise GraphError(400, code, f"(#{code}) {title}", details=details)
        message_id = wamid(person.phone if person else digits(str(contact["input"])))
        answer: Json = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": message_id}]}
        if read.kind == "template":
            answer["messages"][0]["message_status"] = "accepted"
        if problem is None and person is not None:
            self._carry_out(person, read, message_id)
        elif person is not None:
            self.keep(self._message(person, read, message_id, status="failed"))
        if problem is not None:
            self._status(person, message_id, "failed", read.tag, errors=[status_error(*problem)], contact=contact)
        return answer

    def _recipient(self, given: Json) -> tuple[Person | None, Json]:
        """The customer, and the `contacts` entry of the answer; a phone wins over a BSUID."""
        to, user = given.get("to"), given.get("recipient")
        if to is not None:
            number = digits(str(to))
            if not 5 <= len(number) <= 15:
                raise invalid(f"to is not a phone number: {str(to)[:40]!r}")
            person = next((one for one in self.people.values() if one.phone == number), None)
            contact: Json = {"input": str(to), "wa_id": number}
            return person, contact | ({"user_id": person.id} if person else {})
        if not isinstance(user, str) or not user:
            raise missing("to")
        if "." not in user:
            raise invalid("recipient is not a business-scoped user id.")
        person = self.people.get(user)
        return person, {"input": user, "user_id": user}

    def _problem(self, person: Person | None, read: Read) -> tuple[int, str, str] | None:
        if person is None or person.blocked:
            details = "Message Undeliverable."
            return 131026, "Message undeliverable", details
        if read.later is not None:
            return read.later
        if read.kind != "template" and not self.in_window(person):
            details = "Message failed to send because more than 24 hours have passed since the customer last replied."
            return 131047, "Re-engagement message", details
        if read.kind == "reaction":
            target = self.messages.get(object_of(read.details)["message_id"])
            if target is None or target.person != person.id:
                return 131009, "Parameter value is not valid", "The message to react to is not known."
        return None

    def _carry_out(self, person: Person, read: Read, message_id: str) -> None:
        if read.kind == "reaction":
            details = object_of(read.details)
            target = self.messages[details["message_id"]]
            target.our_reaction = details["emoji"]
            self.changed("reaction", target)
        else:
            message = self._message(person, read, message_id, status="accepted")
            if read.reply_to in self.messages and self.messages[read.reply_to].person == person.id:
                message.reply_to = read.reply_to
            self.keep(message)
        # A service message takes the conversation over; whoever had it is told, and we are not.
        person.owner = ""
        if self.reports:
            self._status(person, message_id, "sent", read.tag)
            if not person.offline:
                self._status(person, message_id, "delivered", read.tag)

    def _message(self, person: Person, read: Read, message_id: str, *, status: str) -> Message:
        return Message(
            id=message_id,
            person=person.id,
            ours=True,
            at=self.now,
            kind=read.kind,
            text=read.text,
            media=read.media,
            details=read.details,
            buttons=read.buttons,
            tag=read.tag,
            status=status,
        )

    def report(self, message: Message, status: str, errors: list[Json] | None = None) -> None:
        """A status of a message of ours, where it is news."""
        if status in _ORDER and message.status in _ORDER and _ORDER.index(status) <= _ORDER.index(message.status):
            return
        self._status(self.people[message.person], message.id, status, message.tag, errors=errors)

    def fail(self, message_id: str, code: int, title: str, details: str) -> None:
        """Tells later that a message of ours did not arrive."""
        self.report(self.message(message_id), "failed", [status_error(code, title, details)])

    def _status(
        self,
        person: Person | None,
        message_id: str,
        status: str,
        tag: str,
        *,
        errors: list[Json] | None = None,
        contact: Json | None = None,
    ) -> None:
        message = self.messages.get(message_id)
        if message is not None:
            message.status = status
            self.changed("status", message)
        told: Json = {"id": message_id, "status": status, "timestamp": str(int(self.now))}
        phone = person.phone if person else text_of(object_of(contact).get("wa_id"))
        user = person.id if person else text_of(object_of(contact).get("user_id"))
        told |= ({"recipient_id": phone} if phone else {}) | ({"recipient_user_id": user} if user else {})
        if tag:
            told["biz_opaque_callback_data"] = tag
        if status in {"sent", "delivered"}:
            told["pricing"] = {"billable": True, "pricing_model": "PMP", "category": "service", "type": "regular"}
        if errors:
            told["errors"] = errors
        value: Json = {"statuses": [told]}
        if person is not None:
            value["contacts"] = [self.contact(person)]
        self.tell("messages", value, lane=user or phone)
