"""What each refusal of AWS means, and how to fix it.

Pure: it takes a refusal and the refused exchange, and returns a text that names roles, subjects, issuers and audiences
and never holds a token or a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.providers import login_reasons, reasons, refusals
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.claims import forgotten_account, trusted_subject
from esc_operator.providers.refusals import Refusal, Rule, is_any, says

if TYPE_CHECKING:
    from esc_operator.providers.claims import Claims

_THROTTLING = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
     "RequestLimitExceeded", "TooManyRequestsException", "BandwidthLimitExceeded", "SlowDown", "429"}
)  # fmt: skip
_OUTAGES = frozenset(
    {"InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "RequestTimeout",
     "RequestTimeoutException", "PriorRequestNotComplete"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange of an identity token for a role, as messages describe it."""

    role: str
    session_name: str
    audience: str
    duration: str
    region: str
    host: str
    claims: Claims

    @property
    def account(self) -> str:
        parts = self.role.split(":")
        return parts[4] if len(parts) > 4 and parts[4] else "[unknown]"

    @property
    def issuer_key(self) -> str:
        """The issuer as the condition keys of a trust policy spell it."""
        return self.claims.issuer.removeprefix("https://")


def is_throttled(refusal: Refusal) -> bool:
    return refusal.code in _THROTTLING or refusals.is_throttled(refusal)


def is_outage(refusal: Refusal) -> bool:
    return refusal.code in _OUTAGES or refusals.is_outage(refusal)


def advise_role(exchange: Exchange, _: Refusal | None = None) -> str:
    return f'"{exchange.role}" is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/name'


def advise_session(exchange: Exchange, _: Refusal | None = None) -> str:
    return f'AWS does not accept the session name "{exchange.session_name}": use 2 to 64 letters, digits or +=,.@-_'


def _advise_trust(exchange: Exchange, refusal: Refusal) -> str:
    claims, key = exchange.claims, exchange.issuer_key
    # AWS has one sentence for everything that a trust policy can refuse; anything else it says is worth repeating.
    more = "" if refusal.text.startswith("Not authorized to perform sts:AssumeRole") else f"; AWS says: {refusal.text}"
    return (
        f"{forgotten_account(claims)}AWS refused {exchange.role} to {claims.subject}: in the role's trust policy, the"
        f" statement that allows sts:AssumeRoleWithWebIdentity must name the provider {key} of account"
        f' {exchange.account}, and its conditions must accept "{key}:sub" = "{trusted_subject(claims)}" and'
        f' "{key}:aud" = "{_audiences(exchange)}" (AWS refuses a role that does not exist in the same way){more}'
    )


def _advise_provider(exchange: Exchange, _: Refusal) -> str:
    return (
        f"account {exchange.account} of {exchange.role} has no IAM OpenID Connect provider for the issuer"
        f" {exchange.claims.issuer}: create one with exactly that URL and the audience {exchange.audience}"
    )


def _advise_issuer(exchange: Exchange, _: Refusal) -> str:
    issuer = exchange.claims.issuer
    return (
        f"AWS could not fetch the signing keys of the issuer {issuer}:"
        f" {issuer.rstrip('/')}/.well-known/openid-configuration and the key set that it names must be readable from"
        " the internet over https, within 5 s, with a `kid` for each key"
    )


def _advise_certificate(exchange: Exchange, _: Refusal) -> str:
    return (
        f"the https certificate of the issuer {exchange.claims.issuer} does not match the thumbprint of the IAM OpenID"
        f" Connect provider in account {exchange.account}: update the thumbprint"
    )


def _advise_audience(exchange: Exchange, _: Refusal) -> str:
    return (
        f"the IAM OpenID Connect provider of {exchange.claims.issuer} in account {exchange.account} does not know the"
        f" audience '{_audiences(exchange)}': add it to the provider's client IDs, or set `audience` to one of them"
    )


def _audiences(exchange: Exchange) -> str:
    return ", ".join(exchange.claims.audiences)


def _advise_expired(exchange: Exchange, _: Refusal) -> str:
    return (
        f"the identity token of {exchange.claims.subject} had expired when it reached AWS: compare the clocks, and"
        " if the token comes from a file, renew the file"
    )


def _advise_duration(exchange: Exchange, _: Refusal) -> str:
    return (
        f"{exchange.role} does not allow sessions of {exchange.duration}: lower `duration`, or raise the role's maximum"
        " session duration (1h unless it was raised)"
    )


def _advise_throttled(exchange: Exchange, refusal: Refusal) -> str:
    return f"AWS STS at {exchange.host} limits the rate of calls ({refusal.code}); this is tried again later"


def _advise_outage(exchange: Exchange, refusal: Refusal) -> str:
    return f"AWS STS at {exchange.host} failed ({refusal.status} {refusal.code}); this is tried again later"


def _advise_idp(exchange: Exchange, _: Refusal) -> str:
    return f"AWS could not reach the issuer {exchange.claims.issuer} at the moment; this is tried again later"


def _advise_region(exchange: Exchange, _: Refusal) -> str:
    return (
        f"AWS STS is not active in {exchange.region} for account {exchange.account}: activate it in the IAM console, or"
        " set `region` to an active one"
    )


def _repeat(exchange: Exchange, refusal: Refusal) -> str:
    return f"AWS refused {exchange.role} to {exchange.claims.subject}: {refusal.code}: {refusal.text or 'no message'}"


RULES: tuple[Rule[Exchange], ...] = (
    Rule(says("AccessDenied", "AccessDeniedException"), aws_reasons.ROLE_TRUST_REFUSED, _advise_trust),
    Rule(
        says("InvalidIdentityToken", words="No OpenIDConnect provider"),
        aws_reasons.IDENTITY_PROVIDER_MISSING,
        _advise_provider,
    ),
    Rule(says("InvalidIdentityToken", words="verification key"), login_reasons.ISSUER_UNREACHABLE, _advise_issuer),
    Rule(says("InvalidIdentityToken", words="thumbprint"), aws_reasons.ISSUER_CERTIFICATE_REFUSED, _advise_certificate),
    Rule(says("InvalidIdentityToken", words="audience"), login_reasons.AUDIENCE_REFUSED, _advise_audience),
    Rule(says("InvalidIdentityToken", words="expired"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(says("ExpiredTokenException", "ExpiredToken"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(says("InvalidIdentityToken", "IDPRejectedClaim"), login_reasons.IDENTITY_TOKEN_REFUSED, _repeat),
    Rule(says("IDPCommunicationError"), aws_reasons.IDP_COMMUNICATION_ERROR, _advise_idp, outage=True),
    Rule(says("ValidationError", words="roleSessionName"), aws_reasons.INVALID_SESSION_NAME, advise_session),
    Rule(says("ValidationError", words="Duration"), login_reasons.DURATION_TOO_LONG, _advise_duration),
    Rule(says("ValidationError", words="policyArns"), aws_reasons.SESSION_POLICY_REFUSED, _repeat),
    Rule(says("ValidationError", words="arn"), aws_reasons.INVALID_ROLE_ARN, advise_role),
    Rule(says("ValidationError"), reasons.INVALID_INPUTS, _repeat),
    Rule(says("MalformedPolicyDocument", "PackedPolicyTooLarge"), aws_reasons.SESSION_POLICY_REFUSED, _repeat),
    Rule(says("RegionDisabledException"), aws_reasons.REGION_DISABLED, _advise_region),
    Rule(is_throttled, login_reasons.THROTTLED, _advise_throttled, throttled=True),
    Rule(is_outage, aws_reasons.AWS_UNAVAILABLE, _advise_outage, outage=True),
    Rule(is_any, aws_reasons.AWS_REFUSED, _repeat),
)
