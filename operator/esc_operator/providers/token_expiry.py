"""When an identity token that is output expires. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons
from esc_operator.providers.claims import unverified_expiry

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.providers.port import IdentityToken


def expiry_of(token: IdentityToken, now: datetime) -> datetime:
    """The expiry, which is later than now. Raises ProviderError."""
    expires_at = token.expires_at or unverified_expiry(token)
    if expires_at is None or expires_at <= now:
        raise ProviderError(
            "the identity token has expired, or does not say when it will: renew the file that it comes from",
            reason=login_reasons.TOKEN_EXPIRED,
        )
    return expires_at
