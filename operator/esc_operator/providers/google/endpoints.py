"""The hosts of Google's APIs, which the settings of gcloud lead elsewhere. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons
from esc_operator.providers.token_endpoints import is_https

if TYPE_CHECKING:
    from collections.abc import Mapping


def endpoint_of(service: str, settings: Mapping[str, str]) -> str:
    """The URL of a service such as `sts`, without a slash at its end. Networks that reach Google by addresses of their
    own set CLOUDSDK_API_ENDPOINT_OVERRIDES_STS and its like. Raises ProviderError."""
    setting, usual = f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service.upper()}", f"https://{service}.googleapis.com"
    endpoint = (settings.get(setting) or usual).rstrip("/")
    if not is_https(endpoint):
        raise ProviderError(f"{setting} must be a URL such as {usual}/", reason=login_reasons.INVALID_ENDPOINT)
    return endpoint
