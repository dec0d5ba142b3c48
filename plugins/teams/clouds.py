"""Where Microsoft's services are, in each of its clouds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from yarl import URL

from plugins.teams.settings import TeamsSettings, is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsCloud:
    """One of Microsoft's clouds, or one address that stands in for it."""

    #: Entra: tokens for us.
    login_url: str
    bot_scope: str
    #: Who signs what comes in, and where its keys are announced.
    issuer: str
    metadata_url: str
    #: Hosts that may get our token; "*." in front stands for any host below.
    service_hosts: tuple[str, ...]
    graph_url: str
    graph_scope: str
    #: Where people open Teams.
    web_url: str = "https://teams.microsoft.com"
    #: Bases in place of the hosts above, which may use http.
    base: str = ""

    def trusts(self, address: str) -> bool:
        """Whether our token may be sent there."""
        try:
            url = URL(address)
        except ValueError:
            return False
        if self.base:
            base = URL(self.base)
            return (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port) and not url.user
        host = (url.host or "").lower()
        if url.scheme != "https" or url.user or url.explicit_port not in (None, 443):
            return False
        return any(
            host.endswith(known[1:]) if known.startswith("*.") else host == known for known in self.service_hosts
        )


# teams.md lists what the SDKs know: https://learn.microsoft.com/microsoftteams/platform/concepts/app-fundamentals-overview
_PUBLIC = TeamsCloud(
    login_url="https://login.microsoftonline.com",
    bot_scope="https://api.botframework.com/.default",
    issuer="https://api.botframework.com",
    metadata_url="https://login.botframework.com/v1/.well-known/openidconfiguration",
    service_hosts=("smba.trafficmanager.net", "*.botframework.com"),
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
        service_hosts=("*.botframework.azure.cn", "*.teams.microsoftonline.cn"),
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


def is_development_host(address: str) -> bool:
    """Whether an address is one of this machine, for a developer's tool."""
    try:
        return is_loopback(URL(address).host or "")
    except ValueError:
        return False
