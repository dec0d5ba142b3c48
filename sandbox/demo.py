"""The demo: Threadbridge as it is, between sandbox vendors on loopback, and one page to try it on."""

from __future__ import annotations

import asyncio
import signal
import socket
import tempfile
from pathlib import Path

from rich.console import Console

from sandbox.page import Page
from sandbox.play.script import ROUTES
from sandbox.play.script import play as play_script
from sandbox.stage import SUPPORT, Options, Stage

#: Short, so that an answer is seen at once; an operator's default is 4 s.
HOLD_SECONDS = 0.4
#: Every conversation is shown in both workspaces, so that it can be answered in either.
ROOMS = ("shop/#support", "care/#customers")
#: Every one that has a phone, a window or a mail program on the page.
CHANNELS = ("webchat", "telegram", "whatsapp", "sms", "messenger", "instagram", "line", "email")


async def run(*, play: bool, as_json: bool, port: int) -> int:
    """Serves the page until interrupted, or plays the script; the exit code."""
    with tempfile.TemporaryDirectory(prefix="threadbridge-demo-") as folder:
        options = Options(hold_seconds=HOLD_SECONDS, channels=CHANNELS, teams=True, rooms=ROOMS, extra=ROUTES)
        async with Stage(Path(folder), options) as stage:
            if play:
                return await play_script(stage, as_json=as_json)
            return await _serve(stage, port)


async def _serve(stage: Stage, port: int) -> int:
    console = Console()
    tariq = stage.telegram.add_customer("Tariq", username="tariq")
    emma = ("Emma Lindqvist", "emma@customer.test")
    stage.mail.add_mailbox(emma[1], "customer")
    page = Page(
        slack=stage.slack,
        telegram=stage.telegram,
        mail=stage.mail,
        widget_url=f"{stage.website}/widget.js",
        agents=[stage.bea, stage.omar],
        rooms=[stage.support, stage.vip],
        teams=stage.teams,
        teams_agents=[stage.care_bea, stage.care_omar],
        teams_rooms=[stage.customers, stage.care_vip],
        phones=[tariq],
        graph=stage.graph,
        twilio=stage.twilio,
        line=stage.line,
        people=_people(stage),
        correspondents=[emma],
        support_address=SUPPORT,
        port=port if _is_free(port) else 0,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with page:
        console.print(f"\n  Threadbridge runs: [bold link={page.url}]{page.url}[/]\n")
        console.print("  Write as the customer on the left; answer in Slack or Teams on the right. Ctrl+C ends it.\n")
        await stop.wait()
    return 0


def _people(stage: Stage) -> dict[str, list[str]]:
    """Somebody with a phone on each of the other channels."""
    stage.line.world.bot["displayName"] = stage.graph.whatsapp.verified_name
    return {
        "whatsapp": [stage.graph.whatsapp.add_customer("Amara Okafor", username="amara", phone="+4915110000077")],
        "sms": [stage.twilio.add_customer("Sam Rivera", "+12025550177", city="Washington", state="DC", country="US")],
        "messenger": [stage.graph.messenger.add_customer("Lucía Fernández")],
        "instagram": [stage.graph.instagram.add_customer("Noor Haddad", username="noor.h")],
        "line": [stage.line.add_customer("Haruka Sato", language="ja")],
    }


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
