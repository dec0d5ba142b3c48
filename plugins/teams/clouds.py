"""Where Microsoft's services are, in each of its clouds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from yarl import URL

from plugins.teams.settings import TeamsSettings, is_loopback

#: An address as it goes over the wire: no spaces, line ends or letters that somebody would have to translate first.
_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_HOST = re.compile(r"[0-9a-z.:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsCloud:
    """One of Microsoft's clouds, or one address that stands in for it."""

    #: Entra: tokens for us.
    login_url: str
    bot_scope: str
    #: Who signs what comes in, and where its keys are announced.
    issuer: str
    metadata_url: str
    #: Hosts that may get the Bot Connector's token; "*." in front stands for any host below.
    service_hosts: tuple[str, ...]
    graph_url: str
    graph_scope: str
    #: Where people open Teams.
    web_url: str = "https://teams.microsoft.com"
    #: One address in place of all hosts above, which may use http.
    base: str = ""

    def trusts(self, url: URL) -> bool:
        """Whether the Bot Connector is there, so that its token may be sent."""
        if self.base and url.origin() == URL(self.base).origin():
            return True
        host = url.raw_host or ""
        if url.scheme != "https" or url.explicit_port not in (None, 443):
            return False
        return any(
            host.endswith(known[1:]) if known.startswith("*.") else host == known for known in self.service_hosts
        )

    def is_graph(self, url: URL) -> bool:
        """Whether Microsoft Graph is there, so that its token may be sent."""
        return url.origin() == URL(self.graph_url).origin()


def parsed(address: str) -> URL | None:
    """An address exactly as it is written, or None for what is no plain web address.

    Whoever checks an address must send to this very value: two readings of one address could name two hosts.
    """
    if _PLAIN.fullmatch(address) is None:
        return None
    try:
        url = URL(address, encoded=True)
        host = (url.raw_host or "").lower()
        plain = url.scheme in {"http", "https"} and "@" not in url.raw_authority and _HOST.fullmatch(host)
        return url.with_host(host) if plain else None
    except ValueError:
        # A port that is none shows only when the host is asked for.
        return None


# https://learn.microsoft.com/microsoftteams/platform/concepts/cloud-overview, and what Microsoft's own library lists:
# https://github.com/microsoft/teams.ts/blob/main/packages/api/src/auth/cloud-environment.ts
_PUBLIC = TeamsCloud(
    login_url="https://login.microsoftonline.com",
    bot_scope="https://api.botframework.com/.default",
    issuer="https://api.botframework.com",
    metadata_url="https://login.botframework.com/v1/.well-known/openidconfiguration",
    service_hosts=("smba.trafficmanager.net", "smba.onyx.prod.teams.trafficmanager.net", "*.botframework.com"),
    graph_url="https://graph.microsoft.com/v1.0",
    graph_scope="https://graph.microsoft.com/.default",
)
_GOVERNMENT = TeamsCloud(
    login_url="https://login.microsoftonline.us",
    bot_scope="https://api.botframework.us/.default",
    issuer="https://api.botframework.us",
    metadata_url="https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
    service_hosts=("smba.infra.gov.teams.microsoft.us", "*.botframework.azure.us"),
    graph_url="https://graph.microsoft.us/v1.0",
    graph_scope="https://graph.microsoft.us/.default",
    web_url="https://gov.teams.microsoft.us",
)
CLOUDS: Mapping[str, TeamsCloud] = {
    "public": _PUBLIC,
    "gcc": replace(_PUBLIC, service_hosts=(*_PUBLIC.service_hosts, "smba.infra.gcc.teams.microsoft.com")),
    "gcch": _GOVERNMENT,
    "dod": replace(
        _GOVERNMENT,
        service_hosts=("smba.infra.dod.teams.microsoft.us", "*.botframework.azure.us"),
        graph_url="https://dod-graph.microsoft.us/v1.0",
        graph_scope="https://dod-graph.microsoft.us/.default",
        web_url="https://dod.teams.microsoft.us",
    ),
    "china": TeamsCloud(
        login_url="https://login.partner.microsoftonline.cn",
        bot_scope="https://api.botframework.azure.cn/.default",
        issuer="https://api.botframework.azure.cn",
        metadata_url="https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
        service_hosts=("frontend.botapi.msg.infra.teams.microsoftonline.cn", "*.botframework.azure.cn"),
        graph_url="https://microsoftgraph.chinacloudapi.cn/v1.0",
        graph_scope="https://microsoftgraph.chinacloudapi.cn/.default",
        web_url="https://teams.microsoftonline.cn",
    ),
}


def cloud_of(settings: TeamsSettings) -> TeamsCloud:
    """The cloud that a tenant lives in, or what stands in for it."""
    cloud = CLOUDS[settings.cloud]
    if not settings.api_url:
        return replace(cloud, service_hosts=(*cloud.service_hosts, *settings.service_hosts))
    base = settings.api_url
    return replace(
        cloud,
        login_url=base,
        metadata_url=f"{base}/v1/.well-known/openidconfiguration",
        graph_url=f"{base}/v1.0",
        service_hosts=settings.service_hosts,
        web_url=base,
        base=base,
    )


def is_here(url: URL) -> bool:
    """Whether an address is one of this machine, for a developer's tool."""
    return is_loopback(url.raw_host or "")
