"""What people in the workspace do with messages: write, edit, delete, react."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sandbox.slack import composer, emoji, membership
from sandbox.slack.core import Core
from sandbox.slack.wire import Json, NotPossible, SlackError
from sandbox.slack.world import Channel, File


class Gestures(Core):
    """Every gesture makes the events that Slack makes of it."""

    #: Whether events from shared channels carry files as stubs that files.info must resolve.
    stub_files: bool = False

    async def person_posts(
        self,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        *,
        files: Sequence[tuple[str, str, bytes]] = (),
        broadcast: bool = False,
        blocks: list[Json] | None = None,
    ) -> str:
        """A person writes in a channel or a thread; files are (name, mime type, bytes). Returns the ts.

        Mentions are typed as `<@U...>`, channels as `<#C...>`; everything else is what the keyboard gives.
        """
        place = self._writable(user, channel)
        if thread_ts is not None:
            root = self.message(place, thread_ts) if thread_ts not in place.replies else place.messages.get(thread_ts)
            if root is None or root.get("thread_ts", thread_ts) != thread_ts:
                raise NotPossible(f"{thread_ts} is not the first message of a thread")
        typed, composed = composer.compose(text, knows=self._known)
        if not typed and not files and not blocks:
            raise NotPossible("an empty message cannot be sent")
        message: Json = {
            "user": user,
            "text": typed,
            "team": self.world.users[user].team_id,
            "client_msg_id": str(uuid.uuid4()),
        }
        if blocks or composed:
            message["blocks"] = blocks or composed
        if thread_ts is not None:
            message["thread_ts"] = thread_ts
            if broadcast:
                message["subtype"] = "thread_broadcast"
        if files:
            message |= {"subtype": "file_share", "upload": False, "display_as_bot": False}
            stored = [self._stored(user, entry) for entry in files]
            # The shares of a person's own upload are known at once; only an app's fill in late.
            message["files"] = [self.world.file_json(file) for file in stored]
        more: Json = {}
        if place.external:
            team = self.world.users[user].team_id
            more = {"user_team": team, "source_team": team}
            if files and self.stub_files:
                stub = {"mode": "file_access", "file_access": "check_file_info"}
                more["files"] = [{"id": file.id, **stub} for file in stored]
        ts = str(self.conversation.post(place, message, event=more)["ts"])
        for file in stored if files else []:
            file.shares.setdefault(place.id, []).append({"ts": ts, "thread_ts": thread_ts or ts})
        return ts

    async def person_edits(self, user: str, channel: str, ts: str, text: str) -> None:
        """A person changes her own message; her files stay."""
        place = self._writable(user, channel)
        self._own(place, user, ts)
        typed, composed = composer.compose(text, knows=self._known)
        changes: Json = {"text": typed, "blocks": composed or None}
        self.conversation.edit(place, ts, changes, by=user, edited=True)

    async def person_deletes(self, user: str, channel: str, ts: str) -> None:
        """A person deletes her own message; its files go with it."""
        place = self._writable(user, channel)
        message = self._own(place, user, ts)
        files = [self.world.files[entry["id"]] for entry in message.get("files", []) if entry["id"] in self.world.files]
        self.conversation.delete(place, ts, by=user)
        for file in files:
            self.conversation.delete_file(file)

    async def person_reacts(self, user: str, channel: str, ts: str, name: str) -> None:
        """A person puts an emoji under a message."""
        place = self._member(user, channel)
        self.message(place, ts)
        if not emoji.known(name):
            raise NotPossible(f"there is no emoji {name!r}")
        try:
            self.conversation.react(place, ts, name, user)
        except SlackError as error:
            raise NotPossible(f"{user} has already reacted with {name!r}") from error

    async def person_unreacts(self, user: str, channel: str, ts: str, name: str) -> None:
        """A person takes her emoji back."""
        place = self._member(user, channel)
        self.message(place, ts)
        try:
            self.conversation.unreact(place, ts, name, user)
        except SlackError as error:
            raise NotPossible(f"{user} has not reacted with {name!r}") from error

    def unfurl(self, channel: str, ts: str, title: str = "A page", link: str = "https://example.com/") -> None:
        """A link preview arrives: message_changed, hidden, text and blocks unchanged."""
        place = self.place(channel)
        attachment = {"from_url": link, "title": title, "title_link": link, "fallback": title, "id": 1}
        message = self.message(place, ts)
        self.conversation.edit(place, ts, {"attachments": [attachment]}, by=str(message.get("user")), edited=False)

    def _stored(self, user: str, entry: tuple[str, str, bytes]) -> File:
        name, mimetype, content = entry
        file = File(
            id=self.world.new_id("F"),
            name=name,
            title=name,
            mimetype=mimetype,
            user=user,
            created=self.world.now(),
            content=content,
            length=len(content),
            completed=True,
        )
        self.world.files[file.id] = file
        return file

    def _member(self, user: str, channel: str) -> Channel:
        """The channel with this person in it; she joins a public one by opening it."""
        person, place = self.person(user), self.place(channel)
        if user in place.members:
            return place
        if place.kind != "channel" or person.guest or place.archived:
            raise NotPossible(f"{user} is not a member of channel {channel} and cannot join it")
        membership.enter(self.world, self.conversation, place, user)
        return place

    def _writable(self, user: str, channel: str) -> Channel:
        place = self._member(user, channel)
        if place.archived:
            raise NotPossible(f"channel {channel} is archived")
        return place

    def _own(self, place: Channel, user: str, ts: str) -> Json:
        message = self.message(place, ts)
        if message.get("user") != user or message.get("bot_id"):
            raise NotPossible(f"message {ts} is not by {user}")
        return message

    def _known(self, mentioned: str) -> bool:
        return mentioned in self.world.users or mentioned in self.world.channels
