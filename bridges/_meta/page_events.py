"""Reads webhooks of Messenger and Instagram as events."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bridges._meta.page_content import HOSTS, described, read
from bridges._meta.sent import Sent
from core.contracts.bridge import (
    ChoiceMade,
    DeliveryStatus,
    Event,
    ExternalId,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    OptOut,
    ReachabilityChanged,
    ReactionChanged,
    ReadUpTo,
    Sender,
    StatusChanged,
    WindowChanged,
)
from core.contracts.content import Content
from core.contracts.text import from_plain, line, normalise, safe_url

log = logging.getLogger(__name__)
Json = Mapping[str, Any]

#: Begins the `metadata` of what we send; it comes back with the echo.
MARK = "tb:"
#: What is answered in Meta Business Suite: https://developers.facebook.com/docs/messenger-platform/handover-protocol
INBOX_APP = "263902037430900"
#: For apps that send names only: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/message-reactions
_REACTIONS = {
    "love": "❤",
    "smile": "😆",
    "haha": "😆",
    "wow": "😮",
    "sad": "😢",
    "angry": "😠",
    "like": "👍",
    "dislike": "👎",
}
#: https://developers.facebook.com/docs/messenger-platform/policy/policy-overview#standard_messaging
REPLY_WINDOW = timedelta(hours=24)
_LAST_RECEIPTS = 20
_LONGEST_ID = 300
_ANSWERED = "another app, such as Meta's AI; a reply takes over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose webhooks are read."""

    #: "Messenger" or "Instagram".
    title: str
    #: Under which it is named in webhooks.
    ids: Collection[str]
    sent: Sent


async def events(body: Json, account: Account) -> AsyncIterator[Event]:
    """What happened at our account; what happened at others of the same app means nothing to us."""
    profile = body.get("profile") or {}
    for entry in body["entry"]:
        if str(entry.get("id")) not in account.ids:
            log.warning(
                "Something for another account came here; give that account an app of its own",
                extra={"action": "other_account"},
            )
            continue
        for field in ("messaging", "standby"):
            for event in entry.get(field) or ():
                async for one in _Reader(account, event, profile, standby=field == "standby").events():
                    yield one
        for change in entry.get("changes") or ():
            kind = line(str(change.get("field")), limit=60)
            log.info("A change of the account is left aside", extra={"action": "change_ignored", "field": kind})


def customer_of(event: Json, ids: Collection[str]) -> str:
    """Who it is about: the one of the two who is not the business."""
    message = event.get("message")
    # The business may go by another id than we know in what it wrote itself.
    echo = isinstance(message, dict) and message.get("is_echo")
    people = [(event.get(one) or {}).get("id") for one in (("recipient",) if echo else ("sender", "recipient"))]
    return next((_id(one) for one in people if one and str(one) not in ids), "")


class _Reader:
    """One messaging event."""

    def __init__(self, account: Account, event: Json, profile: Json, *, standby: bool) -> None:
        self._account, self._event, self._profile, self._standby = account, event, profile, standby
        self._title = account.title
        self._customer = customer_of(event, account.ids)
        self._ours = str((event.get("sender") or {}).get("id")) in account.ids
        self._ms = int(event.get("timestamp") or 0)
        self._at = datetime.fromtimestamp(self._ms / 1000, UTC)

    async def events(self) -> AsyncIterator[Event]:
        match self._event:
            case {"policy_enforcement": dict(policy)}:
                words = line(f"{policy.get('action')}: {policy.get('reason') or 'no reason given'}", limit=500)
                log.warning(f"{self._title} enforces its policy on this account ({words})", extra={"action": "policy"})
            case _ if not self._customer:
                log.info("An event that is from no customer is left aside", extra={"action": "event_ignored"})
            case {"message": dict(message)} if self._ours or message.get("is_echo"):
                async for one in self._echo(message):
                    yield one
            case {"message_edit": dict(edit)} if self._ours:
                # Of a message of ours it changes nothing; of somebody else's it must not become her words.
                yield self._edit(edit, self._answered("another tool", str(edit["text"])))
            case {"reaction": _} if self._ours:
                log.info("A reaction of the business itself is left aside", extra={"action": "reaction_ignored"})
            case {"message": dict(message)}:
                for one in self._message(message):
                    yield one
            case {"message_edit": dict(edit)}:
                yield self._edit(edit, str(edit["text"]))
            case {"reaction": dict(reaction)}:
                yield self._reaction(reaction)
            case {"read": dict(read_)}:
                async for one in self._read(read_):
                    yield one
            case {"delivery": dict(delivery)}:
                async for one in self._delivered(delivery):
                    yield one
            case _:
                for one in self._other():
                    yield one

    def _other(self) -> Iterator[Event]:
        match self._event:
            case {"postback": dict(postback)}:
                yield from self._postback(postback)
            case {"referral": dict(referral)}:
                yield self._referred(referral)
                yield self._opened()
            case {"optin": dict(optin)}:
                yield self._opted_in(optin)
            case {"pass_thread_control": _}:
                yield self._placeholder("control", "(Meta gave this conversation to us.)")
            case {"take_thread_control": _}:
                words = "(Another app, such as Meta's AI, answers from now on; a reply takes the conversation over.)"
                yield self._placeholder("control", words)
            case {"request_thread_control": _}:
                yield self._placeholder("control", "(Another app asks to answer this customer.)")
            case _:
                kinds = ", ".join(sorted(set(self._event) - {"sender", "recipient", "timestamp"}))
                log.info(
                    "An event of an unknown kind is left aside",
                    extra={"action": "event_ignored", "kind": line(kinds, limit=200)},
                )

    def _message(self, message: Json) -> Iterator[Event]:
        mid = _id(message["mid"])
        quick = normalise(str((message.get("quick_reply") or {}).get("payload") or ""), limit=1000)
        if message.get("is_deleted"):
            yield MessageDeleted(event_id=f"{mid}:deleted", at=self._at, external_id=mid)
        elif quick:
            label = line(str(message.get("text") or quick), limit=200) or quick
            yield ChoiceMade(
                event_id=mid,
                at=self._at,
                sender=self._sender(mid),
                external_id=ExternalId(""),
                value=quick,
                label=label,
                answer_id=mid,
            )
        else:
            referral = message.get("referral") or {}
            quoted = (message.get("reply_to") or {}).get("mid")
            yield MessageReceived(
                event_id=mid,
                at=self._at,
                sender=self._sender(mid, referral),
                external_id=mid,
                content=read(message, self._title),
                quote=_id(quoted) if quoted else None,
                proof_token=_ref(referral),
                # What another app answers is not answered by ours.
                automated=self._standby,
            )
            if self._standby:
                yield self._opened()

    def _postback(self, postback: Json) -> Iterator[Event]:
        referral = postback.get("referral") or {}
        if _ref(referral):
            yield self._referred(referral)
        # While another app has the conversation there is no payload; the words are what she pressed.
        label = line(str(postback.get("title") or postback.get("payload") or "(A button)"), limit=200) or "(A button)"
        offered = postback.get("mid")
        yield ChoiceMade(
            # The id is that of the message with the button, of which another may be pressed later.
            event_id=self._key("postback", str(offered), str(postback.get("payload"))),
            at=self._at,
            sender=self._sender("", referral),
            external_id=_id(offered) if offered else ExternalId(""),
            value=normalise(str(postback.get("payload") or ""), limit=1000) or label,
            label=label,
        )

    def _referred(self, referral: Json) -> MessageReceived:
        """She followed a link or an ad, and has written nothing yet."""
        facts = "; ".join(f"{label.lower()}: {value}" for label, value in _facts(referral).items())
        return self._placeholder("referral", f"(Opened the chat; {facts}.)", referral)

    def _opened(self) -> WindowChanged:
        """She did what lets us answer, other than by a message to us: she came by a link, or wrote to another app."""
        return WindowChanged(
            event_id=self._key("window"), at=self._at, sender_id=self._customer, until=self._at + REPLY_WINDOW
        )

    def _opted_in(self, optin: Json) -> Event:
        status = str(optin.get("notification_messages_status") or "")
        if status in ("STOP_NOTIFICATIONS", "RESUME_NOTIFICATIONS"):
            wants = status == "RESUME_NOTIFICATIONS"
            name = line(str(self._profile.get("name") or ""), limit=200) or "The customer"
            return ReachabilityChanged(
                event_id=self._key("optin", status),
                at=self._at,
                sender_id=self._customer,
                reachable=wants,
                sentence=f"{name} {'wants' if wants else 'stopped'} marketing messages "
                f"{'again ' if wants else ''}on {self._title}.",
                kind=OptOut.MARKETING,
            )
        about = line(str(optin.get("title") or optin.get("ref") or optin.get("payload") or ""), limit=200)
        return self._placeholder("optin", f"(Agreed to be written to{f': {about}' if about else ''}.)")

    def _edit(self, edit: Json, text: str) -> MessageEdited:
        mid = _id(edit["mid"])
        content = Content(body=from_plain(normalise(text)))
        # The number comes as a number or as text.
        number = int(edit.get("num_edit") or self._ms)
        return MessageEdited(event_id=f"{mid}:edit:{number}", at=self._at, external_id=mid, content=content)

    def _reaction(self, reaction: Json) -> ReactionChanged:
        mid, action = _id(reaction["mid"]), str(reaction["action"])
        emoji = str(reaction.get("emoji") or _REACTIONS.get(str(reaction.get("reaction")), "👍"))
        return ReactionChanged(
            event_id=f"{mid}:{self._key('reaction', action, emoji)}",
            at=self._at,
            external_id=mid,
            emoji=normalise(emoji, limit=20) if action == "react" else None,
        )

    async def _read(self, read_: Json) -> AsyncIterator[Event]:
        """Instagram names a message; Messenger says up to when."""
        if read_.get("mid"):
            last = _id(read_["mid"])
        else:
            known = await self._account.sent.until(self._customer, int(read_["watermark"]))
            if not known:
                return
            last = known[-1]
        yield ReadUpTo(
            event_id=self._key("read", str(read_.get("watermark") or last)),
            at=self._at,
            sender_id=self._customer,
            external_id=last,
        )

    async def _delivered(self, delivery: Json) -> AsyncIterator[Event]:
        mids = [_id(one) for one in delivery.get("mids") or ()]
        if not mids:
            mids = list(await self._account.sent.until(self._customer, int(delivery["watermark"])))[-_LAST_RECEIPTS:]
        for mid in mids:
            yield StatusChanged(
                event_id=f"{mid}:delivered", at=self._at, external_id=mid, status=DeliveryStatus.DELIVERED
            )

    async def _echo(self, message: Json) -> AsyncIterator[Event]:
        """What the business wrote: we did, or somebody with another tool."""
        mid, mark = _id(message["mid"]), str(message.get("metadata") or "")
        if message.get("is_deleted"):
            yield MessageDeleted(event_id=f"{mid}:deleted", at=self._at, external_id=mid)
        elif mark.startswith(MARK):
            self._account.sent.note(self._customer, mid, self._ms, key=mark.removeprefix(MARK))
        elif await self._account.sent.is_ours(self._customer, mid):
            self._account.sent.note(self._customer, mid, self._ms)
        else:
            app = str(message.get("app_id") or "")
            tool = "Meta Business Suite" if app == INBOX_APP else "another app" if app else f"{self._title} itself"
            said = read(message, self._title)
            words = self._answered(tool, described(message, self._title))
            yield MessageReceived(
                event_id=mid,
                at=self._at,
                sender=self._sender(""),
                external_id=mid,
                content=Content(body=from_plain(words), attachments=said.attachments),
                automated=True,
            )

    def _answered(self, tool: str, text: str) -> str:
        return f"(Answered with {tool}: {line(text, limit=1000)})"

    def _placeholder(self, kind: str, text: str, referral: Json | None = None) -> MessageReceived:
        key = self._key(kind, text, _ref(referral or {}))
        return MessageReceived(
            event_id=key,
            at=self._at,
            sender=self._sender("", referral or {}),
            external_id=ExternalId(key),
            content=Content(body=from_plain(text)),
            proof_token=_ref(referral or {}),
            automated=True,
        )

    def _sender(self, mid: str, referral: Json | None = None) -> Sender:
        facts = _facts(referral or {}) | ({"Answered by": _ANSWERED} if self._standby else {})
        avatar = safe_url(str(self._profile.get("profile_pic") or "")) or ""
        name = self._profile.get("name") or " ".join(
            filter(None, (self._profile.get("first_name"), self._profile.get("last_name")))
        )
        return Sender(
            external_id=self._customer,
            name=line(str(name), limit=200),
            username=line(str(self._profile.get("username") or ""), limit=200),
            avatar_url=avatar if _hosted(avatar) else "",
            language=line(str(self._profile.get("locale") or "").replace("_", "-"), limit=40),
            facts=facts,
            # So that she is shown that it was seen, once.
            metadata={"last": mid} if mid else {},
        )

    def _key(self, kind: str, *parts: str) -> str:
        """For events that Meta does not number: the same event twice has the same."""
        told = "\n".join((self._customer, str(self._ms), *parts))
        return f"{kind}:{hashlib.sha256(told.encode(errors='replace')).hexdigest()[:32]}"


def _id(value: Any) -> ExternalId:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        raise ValueError(f"An id of Meta's is a text of at most {_LONGEST_ID} characters.")
    return ExternalId(value)


def _ref(referral: Json) -> str:
    """What a link of ours carried: m.me/…?ref=…; links of others carry anything."""
    ref = str(referral.get("ref") or "")
    return ref if re.fullmatch(r"[\w-]{1,64}", ref, re.ASCII) else ""


def _facts(referral: Json) -> dict[str, str]:
    """Where she came from, for the card: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messaging_referrals"""
    ad = referral.get("ads_context_data") or {}
    source = str(referral.get("source") or "").lower()
    came = {"ads": f"ad {referral.get('ad_id') or ''}".strip(), "shortlink": "a link"}.get(source, source or "a link")
    facts = {
        "Came from": came if referral else "",
        "Ad": ad.get("ad_title") or "",
        "Product": (referral.get("product") or {}).get("id") or "",
        "Page": referral.get("referer_uri") or "",
    }
    return {label: line(str(value), limit=200) for label, value in facts.items() if value}


def _hosted(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    return url.startswith("https://") and any(host.endswith(one) for one in HOSTS)
