"""The one translator of Google's errors: from what its endpoints answer to a reason and what to fix.

The token exchange has only OAuth's few error codes, so its text decides if the code does not; an API has a status. A
message repeats Google's words only after everything that could be a token or a key is removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons, refusals
from esc_operator.providers.answers import without_secrets
from esc_operator.providers.claims import forgotten_account, trusted_subject
from esc_operator.providers.google import reasons as gcp_reasons
from esc_operator.providers.refusals import (
    Refusal,
    Rule,
    advise_outage,
    advise_throttled,
    explain,
    explained_by_status,
    is_any,
    is_outage,
    is_throttled,
    says,
)

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.providers.claims import Claims
    from esc_operator.providers.token_endpoints import Reply, Unreachable


@dataclass(frozen=True, slots=True)
class Exchange:
    """One login, as messages describe it. With a given access token, `claims` is None and `provider` is empty."""

    provider: str
    account: str
    lifetime: str
    host: str
    claims: Claims | None

    @property
    def principal(self) -> str:
        """The caller, as IAM policies spell it."""
        return self._principal(self.claims.subject if self.claims else "")

    @property
    def trusted(self) -> str:
        """The caller that should have rights; see `trusted_subject`."""
        return self._principal(trusted_subject(self.claims) if self.claims else "")

    @property
    def forgotten(self) -> str:
        return forgotten_account(self.claims) if self.claims else ""

    def _principal(self, subject: str) -> str:
        if not subject:
            return "the principal of `accessToken`"
        pool = self.provider.removeprefix("//").partition("/providers/")[0]
        return f"principal://{pool}/subject/{subject}"


def translate(reply: Reply, exchange: Exchange, now: datetime) -> ProviderError:
    """The error for an answer that is not a token."""
    refusal = _read(reply)
    if reply.content is None and not explained_by_status(refusal):
        return malformed_answer(exchange, "it is not a JSON object")
    return explain(_RULES, refusal, exchange, reply.headers, now)


def unreachable(exchange: Exchange, failure: Unreachable) -> ProviderError:
    return ProviderError(
        f"{exchange.host} could not be reached ({failure.kind}): check the network and a proxy",
        reason=gcp_reasons.GCP_UNAVAILABLE,
        outage=True,
    )


def malformed_answer(exchange: Exchange, why: str) -> ProviderError:
    return refusals.malformed_answer(f"{exchange.host} sent an answer", why)


def _read(reply: Reply) -> Refusal:
    """The code is OAuth's error, or the status of an API."""
    match (reply.content or {}).get("error"):
        case {"status": status, "message": message}:
            return Refusal(without_secrets(status), without_secrets(message), reply.status)
        case str() as code:
            description = (reply.content or {}).get("error_description")
            return Refusal(without_secrets(code), without_secrets(description), reply.status)
        case _:
            return Refusal("", "", reply.status)


def _advise_pool(exchange: Exchange, _: Refusal) -> str:
    return (
        f"there is no workload identity provider {exchange.provider}, or it or its pool is disabled: check `project`,"
        " `workloadPoolId` and `providerId`"
    )


def _advise_names(exchange: Exchange, _: Refusal) -> str:
    return (
        f"{exchange.provider} cannot be a workload identity provider: write the project's number, not its name, in"
        " `project`, and global in `region`"
    )


def _advise_audience(exchange: Exchange, refusal: Refusal) -> str:
    audiences = ", ".join(exchange.claims.audiences) if exchange.claims else ""
    return (
        f"the workload identity provider {exchange.provider} does not accept the audience {audiences}: allow it there,"
        f" or set `audience` to one that is allowed (Google says: {refusal.text})"
    )


def _advise_issuer(exchange: Exchange, _: Refusal) -> str:
    issuer = exchange.claims.issuer if exchange.claims else "the issuer"
    return (
        f"Google could not get the signing keys of the issuer {issuer}: make them readable from the internet over"
        f" https, or upload them to {exchange.provider} whenever they change"
    )


def _advise_other_issuer(exchange: Exchange, _: Refusal) -> str:
    issuer = exchange.claims.issuer if exchange.claims else "the token's"
    return f"the workload identity provider {exchange.provider} is not for exactly the issuer {issuer}: correct it"


def _advise_expired(exchange: Exchange, _: Refusal) -> str:
    subject = exchange.claims.subject if exchange.claims else "the caller"
    return (
        f"the identity token of {subject} had expired when it reached Google: compare the clocks, and if the token"
        " comes from a file, renew the file"
    )


def _advise_condition(exchange: Exchange, _: Refusal) -> str:
    subject = exchange.claims.subject if exchange.claims else "the caller"
    return (
        f"{exchange.forgotten}the attribute condition of the workload identity provider {exchange.provider} does not"
        f" admit {subject}: change the condition"
    )


def _advise_account(exchange: Exchange, _: Refusal) -> str:
    return (
        f"{exchange.forgotten}{exchange.account} may not be impersonated, or does not exist: grant"
        f" roles/iam.workloadIdentityUser on it to {exchange.trusted} (a new grant takes effect after minutes)"
    )


def _advise_api(exchange: Exchange, _: Refusal) -> str:
    return f"the IAM Service Account Credentials API is not enabled in the project of {exchange.account}: enable it"


def _advise_lifetime(exchange: Exchange, _: Refusal) -> str:
    return (
        f"{exchange.account} issues no token that lasts {exchange.lifetime}: lower `tokenLifetime` (1h unless an"
        " organization policy allows more)"
    )


def _advise_access_token(exchange: Exchange, _: Refusal) -> str:
    whose = "`accessToken`" if exchange.claims is None else f"the federated token of {exchange.principal}"
    return f"Google does not accept {whose}: it is wrong or has expired; replace it"


def _repeat(exchange: Exchange, refusal: Refusal) -> str:
    what = ": ".join(part for part in (refusal.code, refusal.text) if part) or str(refusal.status)
    return f"Google refused {exchange.principal}: {what}"


_RULES: tuple[Rule[Exchange], ...] = (
    Rule(says("invalid_target"), gcp_reasons.IDENTITY_POOL_MISSING, _advise_pool),
    Rule(says("invalid_request", words='"audience"'), gcp_reasons.INVALID_IDENTITY_POOL, _advise_names),
    Rule(
        says("unauthorized_client", "invalid_grant", words="attribute condition"),
        gcp_reasons.ATTRIBUTE_CONDITION_REFUSED,
        _advise_condition,
    ),
    Rule(says("invalid_grant", words="audience"), login_reasons.AUDIENCE_REFUSED, _advise_audience),
    Rule(says("invalid_grant", words="given credential's issuer"), login_reasons.ISSUER_UNREACHABLE, _advise_issuer),
    Rule(says("invalid_grant", words="issuer in ID Token"), gcp_reasons.ISSUER_REFUSED, _advise_other_issuer),
    Rule(says("invalid_grant", words="stale"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(says("invalid_grant", words="expired"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(says("invalid_grant"), login_reasons.IDENTITY_TOKEN_REFUSED, _repeat),
    Rule(says("PERMISSION_DENIED", words="has not been used"), gcp_reasons.API_DISABLED, _advise_api),
    Rule(says("PERMISSION_DENIED", words="is disabled"), gcp_reasons.API_DISABLED, _advise_api),
    Rule(says("PERMISSION_DENIED", "NOT_FOUND"), gcp_reasons.SERVICE_ACCOUNT_REFUSED, _advise_account),
    Rule(says("INVALID_ARGUMENT", words="lifetime"), login_reasons.DURATION_TOO_LONG, _advise_lifetime),
    Rule(says("UNAUTHENTICATED"), gcp_reasons.ACCESS_TOKEN_REFUSED, _advise_access_token),
    Rule(is_throttled, login_reasons.THROTTLED, advise_throttled, throttled=True),
    Rule(is_outage, gcp_reasons.GCP_UNAVAILABLE, advise_outage, outage=True),
    Rule(is_any, gcp_reasons.GCP_REFUSED, _repeat),
)
