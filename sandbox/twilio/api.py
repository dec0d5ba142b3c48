"""The API's calls: send, fetch, list, and the files of a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from multidict import MultiMapping

from sandbox.twilio.carrier import Carrier
from sandbox.twilio.errors import ApiError
from sandbox.twilio.limits import Limits
from sandbox.twilio.messages import CHANNELS, Json, Message, bare, channel_of, rfc2822
from sandbox.twilio.segments import segments
from sandbox.twilio.world import Line, Service, World

MOST_CHARACTERS, MOST_MEDIA, MOST_ON_A_PAGE = 1600, 10, 1000
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
#: Typographic signs that Smart Encoding exchanges.
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\xa0": " "})


class Api:
    """What the account's own programs may do."""

    def __init__(self, world: World, carrier: Carrier, limits: Limits) -> None:
        self._world, self._carrier, self._limits = world, carrier, limits

    def account(self) -> Json:
        """https://www.twilio.com/docs/iam/api/account"""
        return {
            "sid": self._world.account_sid,
            "friendly_name": "Lumen & Loom",
            "status": self._world.account_status,
            "type": "Full",
        }

    def create(self, form: MultiMapping[str]) -> Json:
        """https://www.twilio.com/docs/messaging/api/message-resource#create-a-message. Raises: ApiError."""
        to, body, urls = form.get("To", ""), form.get("Body", ""), form.getall("MediaUrl", [])
        number = self._check(to, body, urls, form.get("StatusCallback", ""))
        line, service = self._sender(form, to, number)
        if channel_of(line.address) != channel_of(to) and not (service and channel_of(line.address) == "rcs"):
            raise ApiError(21910)
        if self._world.opt_out_key(line, number) in self._world.opted_out:
            raise ApiError(21610)
        if channel_of(line.address) == "sms":
            self._check_number(number, urls)
        if service is not None and service.smart_encoding:
            body = body.translate(_PLAIN)
        wait = self._limits.wait(line, segments(body))
        message = self._world.keep(
            direction="outbound-api",
            sender=line.address,
            to=f"rcs:{number}" if channel_of(line.address) == "rcs" else to,
            body=body,
            number=number,
            service=service.sid if service else "",
            callback=form.get("StatusCallback", ""),
            status="accepted" if service else "queued",
        )
        if service is not None:
            self._world.sticky[service.sid, number] = line.address
        answer = message.as_api(self._world.account_sid)
        self._carrier.take(message, urls, wait)
        return answer

    def _check(self, to: str, body: str, urls: list[str], callback: str) -> str:
        """The number or id that a call writes to. Raises: ApiError."""
        if not to:
            raise ApiError(21604)
        name, channel = bare(to), channel_of(to)
        if channel not in ("sms", *CHANNELS) or not (
            _NUMBER.fullmatch(name) or (channel == "whatsapp" and _USER_ID.fullmatch(name))
        ):
            raise ApiError(21211, f"The 'To' number {to} is not a valid phone number.")
        if not body and not urls:
            raise ApiError(21602)
        if len(body.encode("utf-16-le", "surrogatepass")) // 2 > MOST_CHARACTERS:
            raise ApiError(21617)
        if len(urls) > MOST_MEDIA:
            raise ApiError(21623)
        if not all(_is_address(url) for url in urls):
            raise ApiError(21620)
        if callback and not _is_address(callback):
            raise ApiError(21609)
        if any(name.startswith(code) for code in self._world.closed_countries):
            raise ApiError(21408)
        owner = self._world.owner(to)
        return owner.number if owner else name

    def _check_number(self, number: str, urls: list[str]) -> None:
        phone = self._world.phones.get(number)
        if phone is not None and phone.landline:
            raise ApiError(21614)
        if urls and not number.startswith("+1"):
            raise ApiError(21211, "MMS is not carried to this country.")

    def _sender(self, form: MultiMapping[str], to: str, number: str) -> tuple[Line, Service | None]:
        wanted, name = form.get("From", ""), form.get("MessagingServiceSid", "")
        service = self._world.services.get(name)
        if name and service is None:
            raise ApiError(21701)
        if not wanted and service is not None:
            line = self._world.line_for(service, to, number)
            if line is None:
                raise ApiError(21703)
            return line, service
        if not wanted:
            raise ApiError(21603)
        if wanted not in self._world.lines:
            raise ApiError(21606 if channel_of(wanted) == "sms" else 63007)
        return self._world.lines[wanted], service

    def fetch(self, sid: str) -> Json:
        """One message. Raises: ApiError."""
        return self._message(sid).as_api(self._world.account_sid)

    def messages(self, query: Mapping[str, str]) -> Json:
        """https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources"""
        found = [one for one in reversed(self._world.messages.values()) if self._is_asked_for(one, query)]
        path = f"/2010-04-01/Accounts/{self._world.account_sid}/Messages.json"
        return _page("messages", [one.as_api(self._world.account_sid) for one in found], path, query)

    def media(self, sid: str, query: Mapping[str, str]) -> Json:
        """The files of a message. Raises: ApiError."""
        message = self._message(sid)
        path = f"/2010-04-01/Accounts/{self._world.account_sid}/Messages/{sid}/Media"
        items = [
            {
                "sid": one.sid,
                "account_sid": self._world.account_sid,
                "parent_sid": sid,
                "content_type": one.mime,
                "date_created": rfc2822(message.made_at),
                "uri": f"{path}/{one.sid}.json",
            }
            for one in message.media
        ]
        return _page("media_list", items, f"{path}.json", query)

    def _message(self, sid: str) -> Message:
        if sid not in self._world.messages:
            raise ApiError(20404)
        return self._world.messages[sid]

    def _is_asked_for(self, message: Message, query: Mapping[str, str]) -> bool:
        day = datetime.fromtimestamp(int(message.sent_at or message.made_at), UTC)
        if "To" in query and message.to != query["To"]:
            return False
        if "From" in query and message.sender != query["From"]:
            return False
        if "DateSent" in query and day.date() != _moment(query["DateSent"]).date():
            return False
        if "DateSent>" in query and day < _moment(query["DateSent>"]):
            return False
        return not ("DateSent<" in query and day > _moment(query["DateSent<"]))


def _page(name: str, items: list[Json], path: str, query: Mapping[str, str]) -> Json:
    size = min(max(_number(query.get("PageSize"), 50), 1), MOST_ON_A_PAGE)
    page = max(_number(query.get("Page"), 0), 0)
    following: Any = None
    if len(items) > (page + 1) * size:
        token = f"PA{items[page * size]['sid']}"
        following = f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page + 1, 'PageToken': token})}"
    return {
        name: items[page * size : (page + 1) * size],
        "page": page,
        "page_size": size,
        "next_page_uri": following,
        "uri": f"{path}?{urlencode(query)}",
    }


def _number(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"\d{1,6}", text, re.ASCII) else default


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(20404, f"Date filter {text!r} is no date.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        return False
