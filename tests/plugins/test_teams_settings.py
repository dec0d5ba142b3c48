"""A Teams workspace's settings: every mistake is a sentence, and nothing unsigned is ever believed by mistake."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from yarl import URL

from plugins.teams.clouds import CLOUDS, cloud_of, parsed
from plugins.teams.settings import TeamsSettings

APP = "11111111-2222-3333-4444-555555555555"
TENANT = "66666666-7777-8888-9999-000000000000"
GOOD: dict[str, Any] = {"app_id": APP, "tenant_id": TENANT, "app_secret": "secret"}


def test_an_app_a_tenant_and_a_secret_are_enough() -> None:
    settings = TeamsSettings(**GOOD)
    assert (settings.cloud, settings.marks, settings.graph, settings.graph_files) == ("public", True, True, False)
    assert settings.max_file == 100 * 1024 * 1024
    assert "secret'" not in repr(settings)


def test_ids_are_compared_in_one_case() -> None:
    assert TeamsSettings(**{**GOOD, "app_id": APP.replace("1", "A")}).app_id == APP.replace("1", "a")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"app_id": ""}, "copy the Application"),
        ({"app_id": "", "app_secret": ""}, "Only development = true"),
        ({"tenant_id": ""}, "copy the Directory"),
        ({"app_id": "threadbridge"}, "'threadbridge' is no id such as"),
        ({"tenant_id": "contoso.com"}, "'contoso.com' is no id such as"),
        ({"app_id": "{" + APP + "}"}, "is no id such as"),
        ({"app_secret": ""}, "set exactly one of app_secret, certificate and managed_identity; none of them is set"),
        ({"managed_identity": "system"}, "app_secret and managed_identity is set"),
        ({"app_secret": "", "managed_identity": "user"}, "'user' is no id such as"),
        ({"cloud": "mars"}, "'public', 'gcc', 'gcch', 'dod' or 'china'"),
        ({"max_file": 0}, "greater than 0"),
        ({"colour": "red"}, "not permitted"),
        ({"api_url": "http://teams.example.com"}, "must start with https://"),
        ({"api_url": "teams.example.com"}, "must start with https://"),
        ({"api_url": "http://x:99999"}, "is no web address"),
        ({"api_url": "https://user:word@teams.example.com"}, "no user"),
        ({"api_url": "https://teams.example.com/?a=b"}, "no user, password, query"),
        ({"service_hosts": ["https://smba.example.com"]}, "is no host such as"),
        ({"service_hosts": ["*"]}, "is no host such as"),
        ({"service_hosts": ["*.com"]}, "is no host such as"),
        ({"service_hosts": ["smba.*.com"]}, "is no host such as"),
        ({"service_hosts": ["smba.example.com/x"]}, "is no host such as"),
        ({"development": True}, "leave app_id and all credentials empty"),
        ({"development": True, "app_secret": ""}, "leave app_id and all credentials empty"),
        ({"development": True, "app_id": ""}, "leave app_id and all credentials empty"),
        (
            {"development": True, "app_id": "", "app_secret": "", "api_url": "https://teams.example.com"},
            "addresses of this machine only",
        ),
        (
            {"development": True, "app_id": "", "app_secret": "", "service_hosts": ["smba.example.com"]},
            "addresses of this machine only",
        ),
    ],
)
def test_every_mistake_is_a_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TeamsSettings(**{**GOOD, **changes})
    assert words in str(raised.value)


def test_development_needs_nothing_and_says_so_itself() -> None:
    assert TeamsSettings(development=True).app_id == ""


@pytest.mark.parametrize("host", ["http://127.0.0.1:8700", "http://localhost:8700/", "http://[::1]:8700"])
def test_one_address_stands_in_for_all_of_microsofts(host: str) -> None:
    cloud = cloud_of(TeamsSettings(**GOOD, api_url=host))
    base = host.rstrip("/")
    assert (cloud.login_url, cloud.graph_url) == (base, f"{base}/v1.0")
    assert cloud.trusts(URL(f"{base}/v3/x"))
    assert cloud.is_graph(URL(f"{base}/v1.0/x"))
    for other in ("http://127.0.0.1:8701/", "https://smba.trafficmanager.net/", "http://127.0.0.2:8700/"):
        assert not cloud.trusts(URL(other))


@pytest.mark.parametrize("name", CLOUDS)
def test_no_cloud_takes_another_ones_token(name: str) -> None:
    cloud = CLOUDS[name]
    assert cloud.trusts(URL(f"https://{cloud.service_hosts[0]}/amer/"))
    assert cloud.is_graph(URL(f"{cloud.graph_url}/teams"))
    assert not cloud.trusts(URL(f"{cloud.graph_url}/teams"))
    assert not cloud.is_graph(URL(f"https://{cloud.service_hosts[0]}/v1.0/"))
    assert cloud.graph_scope.removesuffix("/.default") in cloud.graph_url
    if name not in {"public", "gcc"}:
        assert not cloud.trusts(URL("https://smba.trafficmanager.net/amer/"))
        assert not any(host in CLOUDS["public"].service_hosts for host in cloud.service_hosts)


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("https://smba.trafficmanager.net/amer/", True),
        ("https://SMBA.TrafficManager.net/amer/", True),
        ("https://smba.trafficmanager.net:443/amer/", True),
        ("https://europe.api.botframework.com/", True),
        ("https://more.example.com/", True),
        ("https://a.below.example.net/", True),
        ("https://below.example.net/", False),
        ("https://smba.trafficmanager.net:8443/", False),
        ("http://smba.trafficmanager.net/", False),
        ("ftp://smba.trafficmanager.net/", False),
        ("//smba.trafficmanager.net/", False),
        ("https://smba.trafficmanager.net./", False),
        ("https://evil-smba.trafficmanager.net/", False),
        ("https://evil.trafficmanager.net/", False),
        ("https://botframework.com.example.org/", False),
        ("https://evilbotframework.com/", False),
        ("https://example.org/smba.trafficmanager.net/", False),
        ("https://smba.trafficmanager.net@example.org/", False),
        ("https://user@smba.trafficmanager.net/", False),
        ("https://example.org#.botframework.com/", False),
        ("https://example.org?.botframework.com/", False),
        ("https://example.org\\.botframework.com/", False),
        ("https://example.org%2f.botframework.com/", False),
        ("https://example.org%00.botframework.com/", False),
        ("https://example.org／.botframework.com/", False),
        ("https://smba.trafficmanager.net\r\nX-Header: 1/", False),
        ("https://smba.trafficmanager.net /", False),
        ("https://ⓢmba.trafficmanager.net/", False),
        ("https://127.0.0.1/", False),
        ("", False),
    ],
)
def test_a_token_goes_only_where_it_belongs(address: str, trusted: bool) -> None:
    cloud = cloud_of(TeamsSettings(**GOOD, service_hosts=("More.example.com", "*.below.example.net")))
    url = parsed(address)
    assert (url is not None and cloud.trusts(url)) is trusted
    assert not (url is not None and cloud.is_graph(url))


def test_a_secret_is_not_shown_by_mistakes() -> None:
    with pytest.raises(ValidationError) as raised:
        TeamsSettings(app_id=APP, tenant_id=TENANT, app_secret=SecretStr("hush"), managed_identity="system")
    assert "hush" not in str(raised.value)
