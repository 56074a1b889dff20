"""Doppler's HTTP API, as far as it is used: where it is, and the words of a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons
from esc_operator.providers.token_endpoints import is_https

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.json_api import Reply

API = "https://api.doppler.com"
SETTING = "DOPPLER_API_HOST"


def api_url(settings: Mapping[str, str]) -> str:
    """The URL of the API, which Doppler's own command takes from the same setting. Raises ProviderError."""
    url = (settings.get(SETTING) or API).rstrip("/")
    if not is_https(url):
        raise ProviderError(f"{SETTING} must be a URL such as {API}", reason=login_reasons.INVALID_ENDPOINT)
    return url


def words_of(reply: Reply) -> str:
    """What Doppler says of a refusal."""
    messages = (reply.content or {}).get("messages")
    return "; ".join(str(one) for one in messages) if isinstance(messages, list) else ""
