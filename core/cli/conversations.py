"""`conversations list|show`: what customers and agents said, read from the database."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from core.cli.opening import DEFAULT, SettingsFile, database, run, settings_from
from core.cli.terminal import Json, ago, fail, out, out_json, table
from core.contacts import repository as contacts
from core.contracts.text import from_json, plain
from core.conversations import events, repository, threads
from core.conversations.models import Conversation, Direction, Message
from core.settings import Settings

app = typer.Typer(no_args_is_help=True, help="What was said, by whom, and where it is shown.")

MARKS = {Direction.IN: "→", Direction.OUT: "←", Direction.NOTE: "✎", Direction.DRAFT: "…"}


class StateFilter(StrEnum):
    OPEN = "open"
    SNOOZED = "snoozed"
    CLOSED = "closed"


@app.command("list")
def list_conversations(
    settings_file: SettingsFile = DEFAULT,
    state: Annotated[StateFilter | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """Show conversations, the latest activity first."""

    def read(connection: Connection) -> list[dict[str, Any]]:
        found = repository.listed(connection, state=state.value if state else None, limit=limit)
        return [_summary(connection, conversation) for conversation in found]

    rows = run(_read(settings_from(settings_file), read))
    if as_json:
        out_json(rows)
        return
    table(
        ["#", "customer", "account", "state", "owner", "last message", "subject"],
        [
            (
                row["number"],
                row["customer"],
                row["account"],
                row["state"],
                row["owner"],
                ago(row["last_in_at"]),
                row["subject"],
            )
            for row in rows
        ],
        empty="There are no conversations yet.",
    )


@app.command()
def show(
    number: Annotated[int, typer.Argument(help="As agents see it: 1042 for #1042.", metavar="NUMBER")],
    settings_file: SettingsFile = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show one conversation: messages, threads and what happened."""

    def read(connection: Connection) -> dict[str, Any] | None:
        conversation = repository.conversation_by_number(connection, number)
        if conversation is None:
            return None
        return _summary(connection, conversation) | {
            "messages": [_message(connection, item) for item in repository.messages_of(connection, conversation.id)],
            "threads": [
                {"workspace": link.workspace, "room": link.room, "thread": link.thread}
                for link in threads.links_of(connection, conversation.id)
            ],
            "events": [
                {"at": item.at, "kind": item.kind, "actor": item.actor, "data": item.data}
                for item in events.history(connection, conversation.id)
            ],
        }

    found = run(_read(settings_from(settings_file), read))
    if found is None:
        fail(f"There is no conversation #{number}; see: threadbridge conversations list")
    if as_json:
        out_json(found)
        return
    owner = found["owner"] or "nobody"
    out(f"#{found['number']} {found['customer']} ({found['account']}), {found['state']}, owner: {owner}")
    for thread in found["threads"]:
        out(f"shown in {thread['workspace']}/{thread['room']}, thread {thread['thread'] or 'not opened yet'}")
    out("")
    for message in found["messages"]:
        marks = [word for word in ("edited", "deleted") if message[word]]
        marks += (
            [] if message["direction"] in (Direction.NOTE, Direction.DRAFT) else [message["status"], message["problem"]]
        )
        what = f" [{', '.join(filter(None, marks))}]" if any(marks) else ""
        out(f"{MARKS[message['direction']]} {message['at']:%Y-%m-%d %H:%M:%S} {message['author']}{what}")
        for line in message["text"].splitlines():
            out(f"    {line}")
        for attachment in message["attachments"]:
            out(f"    [{attachment['kind']}] {attachment['name']} {attachment['problem'] or ''}")


async def _read(settings: Settings, read: Any) -> Any:
    async with database(settings) as storage:
        return await storage.read(read)


def _summary(connection: Connection, conversation: Conversation) -> dict[str, Any]:
    contact = contacts.contact(connection, conversation.contact_id)
    address = contacts.address_by_id(connection, conversation.address_id)
    return {
        "number": conversation.number,
        "customer": contact.name or address.external_id,
        "account": address.account,
        "state": conversation.state.value,
        "holder": conversation.holder.value,
        "owner": conversation.owner_name or conversation.owner,
        "route": conversation.route,
        "subject": conversation.subject,
        "created_at": conversation.created_at,
        "last_in_at": conversation.last_in_at,
        "last_out_at": conversation.last_out_at,
    }


def _message(connection: Connection, message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "at": message.at,
        "direction": message.direction,
        "author": message.author_name or message.author,
        "text": plain(from_json(message.body)),
        "status": message.status.value,
        "problem": message.problem,
        "edited": message.edited_at is not None,
        "deleted": message.deleted_at is not None,
        "attachments": [
            {"kind": item.kind, "name": item.name, "mime": item.mime, "size": item.size, "problem": item.problem}
            for item in repository.attachments_of(connection, message.id)
        ],
    }
