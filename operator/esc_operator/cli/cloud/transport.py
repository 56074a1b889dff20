"""The connections of a terminal to Pulumi Cloud: its user's own network, proxies and authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.cli.outside import utc_now
from esc_operator.driver.outbound import Outbound
from esc_operator.stores.pulumi import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final = 60.0
"""The time limit of one request: an environment with many logins takes a while to open."""


def open_api(url: str, settings: Mapping[str, str], *, insecure: bool) -> Api:
    """HTTPS as the settings say (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE); `insecure` accepts any certificate. Raises
    ProviderError for a URL that is not one."""
    return Api(url, Outbound(None, settings, seconds=SECONDS, verifies=not insecure).send, utc_now)
