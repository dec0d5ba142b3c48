"""Which handler carries out which kind of job."""

from __future__ import annotations

from core.cards.drawing import Drawer
from core.delivery.aside import AlertHandler, QueueHandler, ReactHandler, SignHandler, WhisperHandler
from core.delivery.fetching import FetchHandler
from core.delivery.gestures import EarlyHandler, EventHandler, WakeHandler, WindowHandler
from core.delivery.handler import Context, JobHandler
from core.delivery.posting import CardHandler, EditPostHandler, NoticeHandler, PostHandler
from core.delivery.proving import ProveHandler
from core.delivery.sending import SendDeleteHandler, SendEditHandler, SendHandler, SendReactionHandler
from core.identity.parts import Identity
from core.quarantine.repository import Quarantine


def handlers(
    context: Context, drawer: Drawer, quarantine: Quarantine, identity: Identity, public_url: str
) -> dict[str, JobHandler]:
    """Every kind of job there is."""
    return {
        "post": PostHandler(context, drawer),
        "edit_post": EditPostHandler(context, drawer),
        "notice": NoticeHandler(context, drawer),
        "card": CardHandler(context, drawer),
        "alert": AlertHandler(context),
        "react_post": ReactHandler(context),
        "sign": SignHandler(context),
        "queue": QueueHandler(context),
        "whisper": WhisperHandler(context),
        "send": SendHandler(context, drawer),
        "send_edit": SendEditHandler(context, drawer),
        "send_delete": SendDeleteHandler(context, drawer),
        "send_reaction": SendReactionHandler(context, drawer),
        "fetch": FetchHandler(context),
        "prove": ProveHandler(context, identity.proving, identity.signer, public_url),
        "event": EventHandler(context, quarantine),
        "early": EarlyHandler(context),
        "wake": WakeHandler(context),
        "window": WindowHandler(context),
    }
