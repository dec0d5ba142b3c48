"""Carries messages between customers on Messenger and the core."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bridges._meta.pages import PageBridge, PageSettings, Product
from core.contracts.bridge import Runtime
from core.contracts.content import TextUnit

MAX_TEXT = 2000
PRODUCT = Product(
    title="Messenger",
    object="page",
    profile="first_name,last_name,profile_pic",
    max_text=MAX_TEXT,
    unit=TextUnit.CHARACTER,
    # https://developers.facebook.com/docs/messenger-platform/send-messages#sending_attachments
    kinds={
        **dict.fromkeys(["image/jpeg", "image/png", "image/gif"], "image"),
        **dict.fromkeys(["video/mp4", "video/ogg", "video/x-msvideo", "video/quicktime", "video/webm"], "video"),
        **dict.fromkeys(["audio/aac", "audio/mp4", "audio/wav", "audio/mpeg"], "audio"),
        "": "file",
    },
    buttons=True,
)


class MessengerSettings(PageSettings):
    #: Of the Page: its About section shows it, and so does `threadbridge check`.
    page_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]


class MessengerBridge(PageBridge):
    """One Page."""

    def __init__(self, settings: MessengerSettings, runtime: Runtime) -> None:
        super().__init__(settings, runtime, PRODUCT, node=settings.page_id, ids=[settings.page_id])

    async def check(self) -> str:
        page = await self._graph.get(self._node, fields="name")
        return f"{page['name']} (Page {self._node})"

    async def invitation(self, token: str) -> str:
        return f"https://m.me/{self._node}?ref={token}"
