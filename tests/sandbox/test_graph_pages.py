"""Pages and Instagram accounts at Meta's stand-in: what they share, and their own windows and limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.graph_business import Business, Clock, ada, clock, code, shop

__all__ = ["ada", "clock", "shop"]


@pytest.mark.parametrize("product", ["messenger", "instagram"])
async def test_pages_and_instagram_speak_the_same_family(shop: Business, product: str) -> None:
    page = shop.graph.messenger if product == "messenger" else shop.graph.instagram
    user = page.add_customer("Ada Moss", username="ada")
    hers = await page.customer_writes(user, "Hello")
    await shop.graph.idle()
    (body,) = shop.bodies
    assert body["object"] == ("page" if product == "messenger" else "instagram")
    (event,) = body["entry"][0]["messaging"]
    assert (event["sender"], event["message"]) == ({"id": user}, {"mid": hers, "text": "Hello"})
    given = {"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": {"text": "Hi", "metadata": "k-1"}}
    status, answer = await shop.post(f"{page.id}/messages", given)
    assert (status, answer["recipient_id"]) == (200, user)
    await shop.graph.idle()
    events = [one["messaging"][0] for body in shop.bodies[1:] for one in body["entry"]]
    echo = next(one["message"] for one in events if "message" in one)
    assert (echo["is_echo"], echo["metadata"], echo["mid"]) == (True, "k-1", answer["message_id"])
    assert any("delivery" in one for one in events) is (product == "messenger")


async def test_a_page_keeps_its_windows_and_limits(shop: Business, clock: Clock) -> None:
    page = shop.graph.messenger
    user = page.add_customer("Ada")
    await page.customer_writes(user, "Hello")

    async def sends(message: dict[str, Any], **more: Any) -> int:
        given = {"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": message, **more}
        status, answer = await shop.post(f"{page.id}/messages", given)
        return status if status == 200 else code(answer)

    assert await sends({"text": "x" * 2001}) == 100
    assert await sends({"text": "x"}, tag="HUMAN_AGENT") == 100
    quick = {"content_type": "text", "title": "Yes", "payload": "YES"}
    assert await sends({"text": "?", "quick_replies": [quick] * 14}) == 100
    assert await sends({"text": "?", "quick_replies": [quick]}) == 200
    clock.now += 90_000
    assert await sends({"text": "Late"}) == 10
    assert await sends({"text": "Late"}, messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT") == 200
    assert await sends({"text": "Late"}, messaging_type="MESSAGE_TAG", tag="ACCOUNT_UPDATE") == 100
    page.customer_blocks(user)
    assert await sends({"text": "Late"}, messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT") == 551


async def test_instagram_counts_bytes(shop: Business) -> None:
    user = shop.graph.instagram.add_customer("Ada")
    await shop.graph.instagram.customer_writes(user, "Hello")
    for words, expected in (("🙂" * 250, 200), ("🙂" * 251, 400)):
        given = {"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": {"text": words}}
        assert (await shop.post(f"{shop.graph.instagram.id}/messages", given))[0] == expected
