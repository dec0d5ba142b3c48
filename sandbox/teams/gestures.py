"""What people do with messages: write, edit, delete, restore, react."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from urllib.parse import quote as percent

from sandbox.teams import composer
from sandbox.teams.activities import known_reaction
from sandbox.teams.core import Core
from sandbox.teams.wire import ADAPTIVE_CARD, Json, NotPossible
from sandbox.teams.world import File, Message, Room, User

Upload = tuple[str, str, bytes]

_PREVIEW = 200


class Gestures(Core):
    """Every gesture makes the activities that Teams makes of it."""

    async def person_posts(
        self,
        user: str,
        room: str,
        text: str,
        root: str | None = None,
        *,
        mentions: Sequence[tuple[str, str]] = (),
        mention_bot: bool = False,
        files: Sequence[Upload] = (),
        quote: str | None = None,
    ) -> str:
        """A person writes in a channel, a thread or a chat; files are (name, mime type, bytes). Returns the id.

        `text` is light markup (`**bold**`, `_italic_`, lists, `>`) or HTML. `@Name` stands for the mention of that
        name; mentions that do not stand in it come first. Pictures go into the text, other files beside it.
        """
        person, place = self._writable(user, room)
        if root is not None and place.kind != "personal":
            first = place.messages.get(root)
            if first is None or first.root != root:
                raise NotPossible(f"{root} is not the first message of a thread")
        named = [*mentions]
        if mention_bot:
            named.insert(0, (self.world.bot_id, self.world.bot_name))
        if not text.strip() and not files:
            raise NotPossible("an empty message cannot be sent")
        message = self._new(person, root if place.kind != "personal" else None)
        message.mentions = named
        message.html = composer.compose(text, named) if text.strip() else ("<p></p>" if not files else "")
        if quote is not None:
            message.quote = quote
            message.html = self._quoted(place, quote) + message.html
        for upload in files:
            message.html += self._attach(place, message, upload)
        return self._said(place, message)

    async def person_messages_bot(self, user: str, text: str, *, files: Sequence[Upload] = ()) -> str:
        """A person writes to the bot in her chat with it. Returns the id."""
        return await self.person_posts(user, self.world.chat(self.person(user)).id, text, files=files)

    async def person_inserts(
        self, user: str, room: str, attachment: Json, root: str | None = None, text: str = ""
    ) -> str:
        """A person sends what she chose in a message extension: its card becomes her message. Returns the id."""
        person, place = self._writable(user, room)
        if attachment.get("contentType") != ADAPTIVE_CARD:
            raise NotPossible(f"a {attachment.get('contentType')} cannot be sent")
        message = self._new(person, root if place.kind != "personal" else None)
        name = self.world.new_guid("card")
        card = {"contentType": ADAPTIVE_CARD, "content": attachment["content"], "id": name}
        message.attachments = [card]
        message.html = f'{composer.compose(text) if text else ""}<attachment id="{name}"></attachment>'
        return self._said(place, message)

    async def person_edits(
        self, user: str, room: str, id: str, text: str, *, mentions: Sequence[tuple[str, str]] | None = None
    ) -> None:
        """A person changes her own message; her files, and mentions that still stand in it, stay."""
        _person, place, message = self._own(user, room, id)
        kept = [(who, name) for who, name in message.mentions if f"@{name}" in text or f">{name}</at>" in text]
        message.mentions = kept if mentions is None else list(mentions)
        files = "".join(self._shown(place, message, file) for file in message.files)
        quoted = self._quoted(place, message.quote) if message.quote else ""
        message.html = quoted + composer.compose(text, message.mentions) + files
        message.text = composer.plain(message.html)
        message.edited, message.modified = True, self.world.clock()
        self.world.tell(place, message)
        if self.hears(place, message):
            self.delivery.send(self.events.message(place, message, "messageUpdate", "editMessage"))

    async def person_deletes(self, user: str, room: str, id: str) -> None:
        """A person deletes her own message; she can take that back."""
        _person, place, message = self._own(user, room, id)
        message.deleted, message.modified = True, self.world.clock()
        self.world.tell(place, message)
        if self.hears(place, message):
            self.delivery.send(self.events.deleted(place, message))

    async def person_restores(self, user: str, room: str, id: str) -> None:
        """A person takes her delete back: undeleteMessage."""
        _person, place = self.member(user, room)
        message = place.messages.get(id)
        if message is None or not message.deleted or message.sender is None or message.sender.id != user:
            raise NotPossible(f"{id} is no deleted message of {user}")
        message.deleted, message.modified = False, self.world.clock()
        self.world.tell(place, message)
        if self.hears(place, message):
            self.delivery.send(self.events.message(place, message, "messageUpdate", "undeleteMessage"))

    async def person_reacts(self, user: str, room: str, id: str, type: str) -> None:
        """A person reacts; the bot hears of it only on messages of its own."""
        person, place, message = self._reacted(user, room, id, type)
        users = message.reactions.setdefault(type, [])
        if user in users:
            raise NotPossible(f"{person.name} has already reacted with {type!r}")
        users.append(user)
        self._tell_reaction(person, place, message, type, added=True)

    async def person_unreacts(self, user: str, room: str, id: str, type: str) -> None:
        """A person takes her reaction back."""
        person, place, message = self._reacted(user, room, id, type)
        if user not in message.reactions.get(type, []):
            raise NotPossible(f"{person.name} has not reacted with {type!r}")
        message.reactions[type].remove(user)
        self._tell_reaction(person, place, message, type, added=False)

    def _said(self, place: Room, message: Message) -> str:
        message.text = composer.plain(message.html)
        self.world.keep(place, message)
        if self.hears(place, message):
            self.delivery.send(self.events.message(place, message))
        return message.id

    def _new(self, person: User, root: str | None) -> Message:
        number, now = self.world.new_id(), self.world.clock()
        return Message(id=number, root=root or number, sender=person, created=int(number) / 1000, modified=now)

    def _writable(self, user: str, room: str) -> tuple[User, Room]:
        person, place = self.member(user, room)
        if place.team is not None and place.team.archived:
            raise NotPossible(f"the team {place.team.name} is archived")
        if place.kind == "personal" and not self.world.reachable(person):
            raise NotPossible(f"{person.name} has no chat with the app: it is neither hers nor in a team of hers")
        return person, place

    def _own(self, user: str, room: str, id: str) -> tuple[User, Room, Message]:
        person, place = self._writable(user, room)
        message = place.messages.get(id)
        if message is None or message.deleted or message.sender is not person:
            raise NotPossible(f"{id} is no message of {person.name}'s")
        return person, place, message

    def _reacted(self, user: str, room: str, id: str, type: str) -> tuple[User, Room, Message]:
        person, place, message = self.seen(user, room, id)
        if message.to:
            raise NotPossible("a message that only she sees takes no reactions")
        if not known_reaction(type):
            raise NotPossible(f"there is no reaction {type!r}")
        return person, place, message

    def _tell_reaction(self, person: User, place: Room, message: Message, type: str, *, added: bool) -> None:
        self.world.tell(place, message)
        if message.sender is None:
            self.tell_bot(place, self.events.reaction(person, place, message, type, added=added))

    def _attach(self, place: Room, message: Message, upload: Upload) -> str:
        name, mime, content = upload
        inline = mime.startswith("image/")
        site = f"sites/{percent(place.team.name)}/Shared Documents/{percent(place.name)}" if place.team else "personal"
        file = File(
            id=self.world.new_guid("file"),
            name=name,
            mime=mime,
            content=content,
            owner=message.sender.id if message.sender else "",
            inline=inline,
            url="" if inline else f"https://sandbox.sharepoint.example/{site.replace(' ', '%20')}/{percent(name)}",
        )
        self.world.files[file.id] = file
        message.files.append(file)
        return self._shown(place, message, file)

    def _shown(self, place: Room, message: Message, file: File) -> str:
        if not file.inline:
            return f'<attachment id="{file.id}"></attachment>'
        source = self.events.picture_url(place, message, file)
        return f'<p><img src="{source}" alt="{html.escape(file.name)}" itemid="{file.id}"></p>'

    def _quoted(self, place: Room, quote: str) -> str:
        """What "Reply with quote" puts before the answer."""
        quoted = place.messages.get(quote)
        if quoted is None or quoted.deleted:
            raise NotPossible(f"there is no message {quote!r} to quote")
        author = quoted.sender
        name = author.name if author else self.world.bot_name
        mri = f"8:orgid:{author.aad_id}" if author else self.world.bot_id
        shown = re.sub(r"\s+", " ", re.sub("<[^>]*>", "", quoted.text) or quoted.summary)[:_PREVIEW]
        return (
            f'<blockquote itemscope="" itemtype="http://schema.skype.com/Reply" itemid="{quote}">'
            f'<strong itemprop="mri" itemid="{mri}">{html.escape(name)}</strong>'
            f'<span itemprop="time" itemid="{quote}"></span>'
            f'<p itemprop="preview">{html.escape(shown, quote=False)}</p></blockquote>'
        )
