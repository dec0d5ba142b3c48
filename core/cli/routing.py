"""`route --dry-run`: which rule would take a message, and why not the others."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.opening import DEFAULT, SettingsFile, settings_from
from core.cli.terminal import Exit, Json, fail, out, out_json, table
from core.contracts.bridge import Proof
from core.routing.rules import Arrival, router_for


def route(
    account: Annotated[str, typer.Option(help="The account that the message comes in on.")],
    settings_file: SettingsFile = DEFAULT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only explain; the one thing this command does.")] = False,
    language: Annotated[str, typer.Option(help="The customer's, such as de-AT.")] = "",
    proof: Annotated[Proof, typer.Option(help="How well she is identified.")] = Proof.CHANNEL,
    text: Annotated[str, typer.Option(help="The first message.")] = "",
    as_json: Json = False,
) -> None:
    """Explain where a new conversation would go."""
    if not dry_run:
        fail("`route` only explains; add --dry-run.", code=Exit.USAGE)
    settings = settings_from(settings_file)
    channels = {item.name: item.channel for item in settings.accounts}
    if account not in channels:
        fail(f'--account = "{account}": there is none; the accounts there are: {", ".join(channels)}', code=Exit.USAGE)
    router = router_for(settings)
    arrival = Arrival(account=account, channel=channels[account], language=language, proof=proof, text=text)
    steps = router.explain(arrival)
    rule = router.place(arrival)
    rooms = [f"{room.workspace}/{room.room}" for room in rule.rooms]
    if as_json:
        out_json(
            {
                "route": rule.name,
                "rooms": rooms,
                "reply_mode": rule.reply_mode.value,
                "steps": [{"rule": s.rule, "matched": s.matched, "why_not": s.why_not} for s in steps],
            }
        )
        return
    table(["", "rule", "why not"], [("✓" if s.matched else "✗", s.rule, s.why_not) for s in steps], empty="")
    out("", f"Goes to {', '.join(rooms)}; replies: {rule.reply_mode.value}.")
