"""Azure's clouds: what its services are called in each. The authority at which one logs in decides. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons
from esc_operator.providers.token_endpoints import host_of, is_https

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_AUTHORITY = "https://login.microsoftonline.com"


class Cloud(NamedTuple):
    """One cloud. `vault` has {vault} in the place of a Key Vault's name; the scopes are those of tokens for the two."""

    authority: str
    vault: str
    vault_scope: str
    graph: str
    graph_scope: str

    def vault_url(self, name: str) -> str:
        return self.vault.replace("{vault}", name)


def _cloud(suffix: str, graph: str) -> Cloud:
    return Cloud(
        authority="",
        vault=f"https://{{vault}}.{suffix}",
        vault_scope=f"https://{suffix}/.default",
        graph=f"https://{graph}",
        graph_scope=f"https://{graph}/.default",
    )


_PUBLIC = _cloud("vault.azure.net", "graph.microsoft.com")
_CHINA = _cloud("vault.azure.cn", "microsoftgraph.chinacloudapi.cn")
_GOVERNMENT = _cloud("vault.usgovcloudapi.net", "graph.microsoft.us")
_BY_AUTHORITY: Mapping[str, Cloud] = {
    "login.chinacloudapi.cn": _CHINA,
    "login.partner.microsoftonline.cn": _CHINA,
    "login.microsoftonline.us": _GOVERNMENT,
}


def authority_of(settings: Mapping[str, str]) -> str:
    """The URL at which one logs in. Raises ProviderError."""
    return _url(settings, "AZURE_AUTHORITY_HOST", DEFAULT_AUTHORITY)


def cloud_of(settings: Mapping[str, str]) -> Cloud:
    """The cloud that the process's settings name. AZURE_KEYVAULT_URL and AZURE_GRAPH_URL lead elsewhere, such as to a
    gateway. Raises ProviderError."""
    authority = authority_of(settings)
    cloud = _BY_AUTHORITY.get(host_of(authority).lower(), _PUBLIC)
    return cloud._replace(
        authority=authority,
        vault=_url(settings, "AZURE_KEYVAULT_URL", cloud.vault),
        graph=_url(settings, "AZURE_GRAPH_URL", cloud.graph),
    )


def _url(settings: Mapping[str, str], setting: str, usual: str) -> str:
    url = (settings.get(setting) or usual).rstrip("/")
    if not is_https(url.replace("{vault}", "vault")) or ("{vault}" in usual) != ("{vault}" in url):
        raise ProviderError(f"{setting} must be a URL such as {usual}", reason=login_reasons.INVALID_ENDPOINT)
    return url
