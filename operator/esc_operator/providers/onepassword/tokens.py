"""A service account token of 1Password: which host its owner signs in at, and that it is one of 1Password's. Pure.

The token names the host itself, and the SDK connects to it. So a token that somebody made up would lead a request from
the operator's network to any host: only 1Password's own are accepted, and the SDK gets the token as it was read here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field

from esc_operator.errors import ProviderError
from esc_operator.providers.answers import json_object
from esc_operator.providers.onepassword import reasons

PREFIX = "ops_"
_HOST = re.compile(r"(?:https://)?((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){0,4})(1password\.(?:com|ca|eu))/?")
_ENCODED = re.compile(r"[A-Za-z0-9_-]+={0,2}")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A token that was read. `region` is the domain of 1Password that it is for. Its text never shows."""

    region: str
    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text

    @property
    def fingerprint(self) -> str:
        """The same for the same token, and nothing that could be used in its place."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:8]


def read_token(text: str) -> ServiceAccount:
    """Raises ProviderError."""
    content = _content(text)
    match content:
        case {"signInAddress": str() as address} if found := _HOST.fullmatch(address):
            # Written anew: what the SDK reads is what was read here.
            encoded = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
            region = "ent.1password.com" if f".{found[1]}".endswith(".ent.") else found[2]
            return ServiceAccount(region, PREFIX + encoded)
        case {"signInAddress": _}:
            raise _refused(
                "`login.serviceAccountToken` is for a host that is not 1Password's (1password.com, 1password.eu or"
                " 1password.ca): nothing was sent there"
            )
    raise _refused(
        "`login.serviceAccountToken` is not the token of a service account, which starts with ops_: create one at"
        " 1Password under Developer, Service Accounts"
    )


def _content(text: str) -> object:
    if not text.startswith(PREFIX) or not _ENCODED.fullmatch(encoded := text.removeprefix(PREFIX)):
        return None
    try:
        return json_object(base64.urlsafe_b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)))
    except ValueError:
        return None


def _refused(message: str) -> ProviderError:
    return ProviderError(message, reason=reasons.TOKEN_REFUSED)
