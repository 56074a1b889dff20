"""The claims of an identity token, for messages only.

They are not verified here, so no decision may depend on them. The token's own text is never shown: a claim that is not
a short printable string is reported as unreadable.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from esc_operator.providers.port import IdentityToken

UNREADABLE = "[unreadable]"
_LONGEST = 300


class Claims(NamedTuple):
    """The `iss`, `sub` and `aud` of a token, fit to be shown."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]


_USUAL_ACCOUNT = re.compile(r"system:serviceaccount:([a-z0-9-]{1,63}):default")


def forgotten_account(claims: Claims) -> str:
    """The first advice if a cloud refuses the subject of environments that name no ServiceAccount; "" for any other
    subject. Trusting that one would mean trusting every pod of the namespace that names none."""
    if not _USUAL_ACCOUNT.fullmatch(claims.subject):
        return ""
    return (
        f"this environment logs in as {claims.subject}, because its spec.serviceAccountName names no other "
        "ServiceAccount: set it to the one that is trusted; "
    )


def trusted_subject(claims: Claims) -> str:
    """The subject to trust: that of the token, or, if that is of a namespace's default ServiceAccount, the form of
    another one."""
    found = _USUAL_ACCOUNT.fullmatch(claims.subject)
    return f"system:serviceaccount:{found[1]}:NAME" if found else claims.subject


def unverified_claims(token: IdentityToken) -> Claims:
    payload = _payload(token.reveal())
    audience = payload.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    return Claims(_shown(payload.get("iss")), _shown(payload.get("sub")), tuple(_shown(each) for each in audiences))


def unverified_expiry(token: IdentityToken) -> datetime | None:
    """When the token says that it expires."""
    expires = _payload(token.reveal()).get("exp")
    try:
        return datetime.fromtimestamp(expires, UTC) if isinstance(expires, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None


def _payload(text: str) -> dict[str, Any]:
    parts = text.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _shown(claim: object) -> str:
    if not isinstance(claim, str) or not claim or len(claim) > _LONGEST or not claim.isprintable():
        return UNREADABLE
    return claim
