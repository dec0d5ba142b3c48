"""What an agent can look up while she writes: canned replies and conversations."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from core.cards import words
from core.cards.card import status_of
from core.contacts import repository as contacts
from core.contracts.posts import Finding, FindingKind
from core.contracts.text import from_json, line, preview
from core.contracts.workplace import AgentProfile
from core.conversations import finding, repository, threads
from core.conversations.models import Conversation
from core.settings.models import CannedReply

#: Of what is asked: more words make no search better, and more findings nobody reads.
_QUERY, _MOST, _DEEPEST = 200, 50, 1_000


class Searches:
    """Reads, and changes nothing."""

    def __init__(self, canned: Sequence[CannedReply]) -> None:
        self._canned = canned

    def find(
        self,
        connection: Connection,
        agent: AgentProfile,
        kind: FindingKind,
        query: str,
        *,
        offset: int,
        limit: int,
    ) -> list[Finding]:
        asked = line(query, limit=_QUERY).split()[: finding.MOST_WORDS]
        offset, limit = min(max(offset, 0), _DEEPEST), min(max(limit, 0), _MOST)
        match kind:
            case FindingKind.CANNED_REPLY:
                return self._replies(asked)[offset : offset + limit]
            case FindingKind.CONVERSATION:
                found = finding.conversations_with(connection, asked, offset=offset, limit=limit)
                return [_conversation(connection, one, agent) for one in found]

    def _replies(self, asked: Sequence[str]) -> list[Finding]:
        """Those with every word, the title's before the text's, else in the operator's order."""
        folded = [word.casefold() for word in asked]
        fitting = []
        for reply in self._canned:
            title = reply.title.casefold()
            whole = f"{title}\n{reply.text.casefold()}"
            if all(word in whole for word in folded):
                in_title = all(word in title for word in folded)
                fitting.append((not in_title, Finding(id=f"canned:{reply.title}", title=reply.title, text=reply.text)))
        return [found for _, found in sorted(fitting, key=lambda pair: pair[0])]


def _conversation(connection: Connection, found: Conversation, agent: AgentProfile) -> Finding:
    contact = contacts.contact(connection, found.contact_id)
    address = contacts.address_by_id(connection, found.address_id)
    last = repository.last_message(connection, found.id)
    links = threads.links_of(connection, found.id)
    subject = f" · {found.subject}" if found.subject else ""
    return Finding(
        id=f"conversation:{found.id}",
        title=f"{words.name_of(contact, address)} · #{found.number}{subject}",
        text=preview(from_json(last.body), 200) if last and last.deleted_at is None else "",
        status=f"{status_of(found)[1]}, {words.clock(found.last_in_at, agent.timezone)}",
        thread=next((link.ref for link in links if link.workspace == agent.workspace and link.thread), None),
    )
