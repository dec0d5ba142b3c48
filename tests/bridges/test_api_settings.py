"""A mistake in the settings is named at the start, and no secret is shown by it."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from bridges.api import BRIDGE
from tests.bridges.api_accounts import OLD_SECRET

GOOD: dict[str, Any] = {"deliver_url": "https://connector.example.com/deliveries", "secrets": [OLD_SECRET]}


def spelled(size: int) -> str:
    return "whsec_" + base64.b64encode(b"k" * size).decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"secrets": []}, "at least 1 item"),
        ({"secrets": [""]}, "openssl rand"),
        ({"secrets": ["   "]}, "openssl rand"),
        ({"secrets": ["whsec_"]}, "24 to 64 bytes"),
        ({"secrets": [spelled(23)]}, "24 to 64 bytes"),
        ({"secrets": [spelled(65)]}, "24 to 64 bytes"),
        ({"secrets": ["correct horse battery staple correct horse"]}, "whsec_"),
        ({"secrets": ["whsec_ümlaut" + "a" * 40]}, "base64"),
        ({"secrets": [spelled(32)] * 5}, "at most 4 items"),
        ({"deliver_url": ""}, "web address"),
        ({"deliver_url": "connector.example.com"}, "web address"),
        ({"deliver_url": "http://connector.example.com/"}, "https://"),
        ({"deliver_url": "http://10.0.0.1/"}, "https://"),
        ({"deliver_url": "http://localhost.evil.example/"}, "https://"),
        ({"deliver_url": "https://user:pass@connector.example.com/"}, "no user name"),
        ({"deliver_url": "https://connector.example.com/\n"}, "web address"),
        ({"deliver_url": "https://connector.example.com:port/"}, "web address"),
        ({"media_hosts": ["https://files.example.com"]}, "no name of a host"),
        ({"media_hosts": ["127.0.0.1"]}, "no name of a host"),
        ({"media_hosts": ["files.example.com/a"]}, "no name of a host"),
        ({"media_hosts": ["*"]}, "no name of a host"),
        ({"media_hosts": ["."]}, "no name of a host"),
        ({"media_hosts": ["0x7f.1"]}, "no name of a host"),
        ({"max_file": "2 TiB"}, "less than"),
        ({"can": {"fly": True}}, "fly"),
        ({"can": {"max_text": 0}}, "greater than"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        BRIDGE.settings.model_validate(GOOD | given)
    sentences = str([one["msg"] for one in refused.value.errors()]) + str(
        [one["loc"] for one in refused.value.errors()]
    )
    assert words in sentences
    for secret in given.get("secrets", []):
        assert len(secret) < 10 or secret not in sentences


@pytest.mark.parametrize("url", ["http://127.0.0.1:8701/", "http://localhost:1/x?y=1", "http://[::1]:8701/"])
def test_this_machine_needs_no_encryption(url: str) -> None:
    assert BRIDGE.settings.model_validate(GOOD | {"deliver_url": url}).deliver_url == url


@pytest.mark.parametrize("size", [24, 32, 64])
def test_keys_of_every_size_that_the_specification_allows(size: int) -> None:
    BRIDGE.settings.model_validate(GOOD | {"secrets": [spelled(size)]})
