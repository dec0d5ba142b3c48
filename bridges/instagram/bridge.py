"""Carries messages between customers on Instagram and the core."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bridges._meta.pages import FIELDS, PageBridge, PageSettings, Product
from bridges.instagram.tokens import Tokens
from core.contracts.bridge import ExternalId, Recipient, Runtime
from core.contracts.content import Attachment, TextUnit
from core.contracts.errors import FailureReason, PermanentFailure

Json = Mapping[str, Any]
MAX_TEXT = 1000
OWN_API = "https://graph.instagram.com"
PRODUCT = Product(
    title="Instagram",
    object="instagram",
    profile="name,username,profile_pic",
    max_text=MAX_TEXT,
    unit=TextUnit.BYTE,
    # https://developers.facebook.com/docs/messenger-platform/instagram/features/upload-attachment
    kinds={
        **dict.fromkeys(["image/jpeg", "image/png", "image/gif"], "image"),
        **dict.fromkeys(["video/mp4", "video/ogg", "video/x-msvideo", "video/quicktime", "video/webm"], "video"),
        **dict.fromkeys(["audio/aac", "audio/mp4", "audio/wav"], "audio"),
        "application/pdf": "file",
    },
    buttons=False,
    cards_in_text=True,
)
#: Of a login with Instagram alone; echoes come with `messages`: https://developers.facebook.com/docs/instagram-platform/webhooks
OWN_FIELDS = (
    "messages",
    "message_reactions",
    "messaging_handover",
    "messaging_optins",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_seen",
    "standby",
)


class InstagramSettings(PageSettings):
    #: Of the professional account, as webhooks name it; `threadbridge check` compares it.
    instagram_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]
    #: How the token was made: with a Facebook Page that the account is linked to, or with Instagram alone.
    login: Literal["facebook", "instagram"] = "facebook"
    #: The linked Page, for "facebook".
    page_id: Annotated[str, Field(pattern=r"^(\d{5,25})?$")] = ""

    @model_validator(mode="before")
    @classmethod
    def _own_server(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("login") == "instagram":
            return {"api_url": OWN_API, **given}
        return given

    @model_validator(mode="after")
    def _page_is_named(self) -> InstagramSettings:
        if (self.login == "facebook") != bool(self.page_id):
            raise ValueError("page_id must name the linked Page when login is 'facebook', and only then")
        return self


class InstagramBridge(PageBridge):
    """One account."""

    def __init__(self, settings: InstagramSettings, runtime: Runtime) -> None:
        self._own = settings.login == "instagram"
        self._id = settings.instagram_id
        node = self._id if self._own else settings.page_id
        self._tokens = Tokens(settings.access_token, runtime) if self._own else None
        super().__init__(
            settings,
            runtime,
            PRODUCT,
            node=node,
            ids=[self._id, *filter(None, [settings.page_id])],
            token=self._tokens.current if self._tokens else None,
            fields=OWN_FIELDS if self._own else FIELDS,
        )

    async def _look_after(self) -> str | None:
        ends = await self._tokens.renew(self._graph) if self._tokens else None
        return ends or await super()._look_after()

    async def check(self) -> str:
        fields = "user_id,username" if self._own else "username"
        account = await self._graph.get("me" if self._own else self._id, fields=fields)
        if self._own and str(account.get("user_id")) != self._id:
            raise PermanentFailure(
                f"The access token is of @{account.get('username')} with the id {account.get('user_id')}, and "
                f"instagram_id is {self._id}; one of them is wrong.",
                reason=FailureReason.MISCONFIGURED,
            )
        return f"@{account['username']} (Instagram {self._id})"

    async def invitation(self, token: str) -> str:
        account = await self._graph.get("me" if self._own else self._id, fields="username")
        return f"https://ig.me/m/{account['username']}?ref={token}"

    async def react(self, external_id: ExternalId, recipient: Recipient, emoji: str | None) -> None:
        try:
            await super().react(external_id, recipient, emoji)
        except PermanentFailure as problem:
            if problem.reason is not FailureReason.BAD_CONTENT:
                raise
            raise PermanentFailure(
                f"Instagram does not take {emoji or 'that'} as a reaction from a business; a heart works.",
                reason=FailureReason.UNSUPPORTED,
            ) from None

    def _reaction(self, emoji: str) -> str:
        # The only one that Instagram's reference names.
        return "love" if emoji.rstrip("\ufe0f") == "❤" else emoji

    async def _payload(self, attachment: Attachment, kind: str, upload: str) -> Json:
        """With a login of its own there are no uploads: Instagram fetches the file from us."""
        if not self._own:
            return await super()._payload(attachment, kind, upload)
        assert attachment.file is not None
        link = self._runtime.file_link(attachment.file, attachment.name)
        if link is None:
            raise PermanentFailure(
                f"{attachment.name}: Instagram fetches files from us, and there is no public address; an admin has to "
                "set `public_url`.",
                reason=FailureReason.MISCONFIGURED,
            )
        return {"url": link}

    def _upload_fields(self) -> Mapping[str, str]:
        return {"platform": "instagram"}

    def _file_name(self, name: str) -> str:
        """Instagram takes no other letters in the name of an upload."""
        flat = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        stem, dot, ending = flat.rpartition(".")
        return flat if stem.strip(" .") else f"file{dot}{ending}"
