"""Who may answer customers, where, and why something that was written stays among agents."""

from __future__ import annotations

from core.contracts.workplace import AgentProfile, Standing
from core.conversations.service import owns
from core.desk.commands import Intent, Reading
from core.desk.replies import Where
from core.routing.rules import Router
from core.settings.models import ReplyMode

MEMBERS_ONLY = "Only members of the organisation can do that."


class Permissions:
    """Decided anew for every gesture: neither rooms nor people stay what they were."""

    def __init__(self, router: Router, *, guests_may_reply: bool) -> None:
        self._router = router
        self._guests_may_reply = guests_may_reply

    def may_answer(self, agent: AgentProfile) -> bool:
        return agent.standing is Standing.MEMBER or (agent.standing is Standing.GUEST and self._guests_may_reply)

    def why_note(self, where: Where, reading: Reading) -> str | None:
        """Why a message stays among agents: a sentence to tell its author, or "" if she knows; None: it is a reply."""
        if not self.may_answer(where.agent):
            return "Your message stayed in this thread: only members of the organisation answer customers."
        if reading.intent is Intent.NOTE:
            return ""
        if reading.intent is Intent.MISTYPED:
            return (
                f"There is no command {reading.argument}, so your message was kept as a note. "
                "Type !help for the commands, or choose “Send to customer” in the message's menu."
            )
        return self.refusal(where, explicit=reading.intent is Intent.EXPLICIT)

    def refusal(self, where: Where, *, explicit: bool) -> str | None:
        """Why nothing goes to the customer from there: a sentence, or "" if the agent knows; None: it may."""
        mode = ReplyMode(where.conversation.reply_mode)
        if mode is ReplyMode.NONE:
            return "Kept as a note: this room is for information, replies from it reach nobody."
        if mode is ReplyMode.EXPLICIT and not explicit:
            return ""
        locked = self._router.rule(where.conversation.route).lock_to_owner
        if locked and where.conversation.owner and not owns(where.conversation, where.agent):
            return (
                f"Kept as a note: {where.conversation.owner_name} answers this customer. "
                "Type !claim to take over, then send it again."
            )
        return None
