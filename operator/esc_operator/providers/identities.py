"""Logins at services that know a workload as an `identity`: it trusts an issuer, a subject and an audience.

Owns what their refusals have in common: whose the token is, and which of the three to correct. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.evaluation import Lease
from esc_operator.providers import login_reasons
from esc_operator.providers.claims import Claims, forgotten_account, trusted_subject
from esc_operator.providers.json_api import Asked, has
from esc_operator.providers.refusals import Refusal, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIENCE: Mapping[str, Any] = {
    "type": "string",
    "minLength": 1,
    "added": True,
    "description": "The audience of the identity token; the service's address if left out.",
}

LONGEST = timedelta(days=3650)
NOBODY = Claims("", "", ())


@dataclass(frozen=True, slots=True)
class IdentityLogin(Asked):
    """A login with an identity token. `identity` is the service's ID of it."""

    identity: str = ""
    claims: Claims = NOBODY

    @property
    def at(self) -> str:
        return f"the identity {self.identity} at {self.host}"


def lease_until(expires_at: datetime | None, issued_at: datetime) -> Lease | None:
    """The lease of a credential that ends then; None if that is no time to come."""
    if expires_at is None or expires_at.tzinfo is None or expires_at <= issued_at:
        return None
    return Lease(issued_at, min(expires_at.astimezone(UTC), issued_at + LONGEST))


def _advise_missing(asked: IdentityLogin, _: Refusal) -> str:
    return (
        f"{asked.host} knows no identity {asked.identity} that logs in with OIDC: correct `oidc.identityId`, or"
        " configure OIDC for the identity there"
    )


def _advise_audience(asked: IdentityLogin, _: Refusal) -> str:
    return (
        f"{asked.at} does not accept the audience {', '.join(asked.claims.audiences)}: add it to the identity's"
        " audiences, or set `oidc.audience` to one that it has"
    )


def _advise_subject(asked: IdentityLogin, _: Refusal) -> str:
    return (
        f"{forgotten_account(asked.claims)}{asked.at} does not admit {asked.claims.subject}: set its subject to"
        f" {trusted_subject(asked.claims)}"
    )


def _advise_issuer(asked: IdentityLogin, _: Refusal) -> str:
    return f"{asked.at} is for another issuer: set its issuer and discovery URL to {asked.claims.issuer}"


def _advise_unreachable_issuer(asked: IdentityLogin, refusal: Refusal) -> str:
    return (
        f"{asked.host} cannot read the keys of {asked.claims.issuer}: make its discovery document and keys reachable"
        f" from there (it says: {refusal.text})"
    )


def _advise_expired(asked: IdentityLogin, _: Refusal) -> str:
    return f"the identity token of {asked.claims.subject} had expired when it reached {asked.host}: compare the clocks"


def _advise_token(asked: IdentityLogin, refusal: Refusal) -> str:
    claims = asked.claims
    return (
        f"{forgotten_account(claims)}{asked.at} does not accept the token: it has to trust the issuer {claims.issuer},"
        f" the subject {trusted_subject(claims)} and the audience {', '.join(claims.audiences)} (it says:"
        f" {refusal.text or refusal.status})"
    )


_REFUSED = (400, 401, 403, 404, 422)

IDENTITY_RULES: tuple[Rule[IdentityLogin], ...] = (
    Rule(has(*_REFUSED, words="discovery document"), login_reasons.ISSUER_UNREACHABLE, _advise_unreachable_issuer),
    Rule(has(*_REFUSED, words="jwks"), login_reasons.ISSUER_UNREACHABLE, _advise_unreachable_issuer),
    Rule(has(*_REFUSED, words="audience"), login_reasons.AUDIENCE_REFUSED, _advise_audience),
    Rule(has(*_REFUSED, words="subject"), login_reasons.SUBJECT_REFUSED, _advise_subject),
    Rule(has(*_REFUSED, words="issuer"), login_reasons.ISSUER_REFUSED, _advise_issuer),
    Rule(has(*_REFUSED, words="jwt expired"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(has(*_REFUSED, words="token has expired"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(has(*_REFUSED, words="not found"), login_reasons.IDENTITY_MISSING, _advise_missing),
    Rule(has(*_REFUSED, words="could not find"), login_reasons.IDENTITY_MISSING, _advise_missing),
    Rule(has(404), login_reasons.IDENTITY_MISSING, _advise_missing),
    Rule(has(*_REFUSED), login_reasons.IDENTITY_TOKEN_REFUSED, _advise_token),
)
"""For refusals of a login, before those that all services share. The statuses are those of Doppler and Infisical."""
