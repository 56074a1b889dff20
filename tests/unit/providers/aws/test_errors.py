"""Each AWS failure has one reason, and says what to fix; none repeats a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.providers.answers import retry_after
from esc_operator.providers.aws.advice import Exchange
from esc_operator.providers.aws.errors import translate
from esc_operator.providers.claims import UNREADABLE, Claims, unverified_claims
from esc_operator.providers.port import IdentityToken

if TYPE_CHECKING:
    from esc_operator.errors import ProviderError

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
EXCHANGE = Exchange(
    role="arn:aws:iam::123456789012:role/apps",
    session_name="apps",
    audience="sts.amazonaws.com",
    duration="2h",
    region="eu-west-1",
    host="sts.eu-west-1",
    claims=Claims("https://oidc.example.com/id/1", "system:serviceaccount:apps:web", ("sts.amazonaws.com",)),
)


def refuse(code: str, message: str, status: int = 400, headers: dict[str, str] | None = None) -> ProviderError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    error = translate(ClientError(response, "AssumeRoleWithWebIdentity"), EXCHANGE, NOW)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("code", "message", "reason", "words"),
    [
        (
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            "RoleTrustRefused",
            '"oidc.example.com/id/1:sub" = "system:serviceaccount:apps:web"',
        ),
        (
            "AccessDenied",
            "explicit deny in a service control policy",
            "RoleTrustRefused",
            "AWS says: explicit deny in a service control policy",
        ),
        (
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://oidc.example.com/id/1",
            "IdentityProviderMissing",
            "role/apps has no IAM OpenID Connect provider for the issuer https://oidc.example.com/id/1",
        ),
        (
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider,  please reference the documentation",
            "IssuerUnreachable",
            "https://oidc.example.com/id/1/.well-known/openid-configuration",
        ),
        (
            "InvalidIdentityToken",
            "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
            "IssuerCertificateRefused",
            "thumbprint",
        ),
        ("InvalidIdentityToken", "Incorrect token audience", "AudienceRefused", "'sts.amazonaws.com': add it"),
        (
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT.",
            "IdentityTokenRefused",
            "not a valid JWT",
        ),
        (
            "ExpiredTokenException",
            "Token expired: current date/time 1606846010 must be before the expiration date/time1606845978",
            "TokenExpired",
            "compare the clocks",
        ),
        (
            "ValidationError",
            "1 validation error detected: Value 'a/b' at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]*",
            "InvalidSessionName",
            'the session name "apps"',
        ),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "DurationTooLong",
            "does not allow sessions of 2h",
        ),
        ("ValidationError", "Request ARN is invalid", "InvalidRoleArn", "is not the ARN of a role"),
        ("IDPCommunicationError", "try later", "IDPCommunicationError", "https://oidc.example.com/id/1"),
        ("IDPRejectedClaim", "revoked", "IdentityTokenRefused", "revoked"),
        ("PackedPolicyTooLarge", "117% of the limit", "SessionPolicyRefused", "117%"),
        ("RegionDisabledException", "no", "RegionDisabled", "not active in eu-west-1"),
        ("Throttling", "Rate exceeded", "Throttled", "limits the rate"),
        ("InternalFailure", "oops", "AWSUnavailable", "InternalFailure"),
        ("SomethingNew", "hello", "AWSRefused", "SomethingNew: hello"),
        ("X", "", "AWSRefused", "no message"),
    ],
)
def test_each_refusal_has_its_reason_and_says_what_to_fix(code: str, message: str, reason: str, words: str) -> None:
    error = refuse(code, message)
    assert error.reason == reason
    assert words in error.message


def test_a_status_speaks_where_the_code_is_unknown() -> None:
    assert refuse("X", "", 429).reason == "Throttled"
    assert refuse("X", "", 503).reason == "AWSUnavailable"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), (" 1.5 ", 1.5), ("Fri, 01 May 2026 12:01:00 GMT", 60.0)]
    + [(text, None) for text in ("", "-3", "nan", "inf", "soon", "1e9", "Fri, 01 May 2026 11:00:00 GMT")],
)
def test_retry_after_is_a_number_or_a_date_to_come(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}, NOW) == seconds


@given(st.text())
def test_retry_after_never_fails(header: str) -> None:
    seconds = retry_after({"retry-after": header}, NOW)
    assert seconds is None or 0 <= seconds <= timedelta(days=10**6).total_seconds() * 10**4


@given(
    code=st.sampled_from(["ValidationError", "InvalidIdentityToken", "AccessDenied", "X"]),
    before=st.text(),
    secret=st.from_regex(r"eyJ[A-Za-z0-9_-]{20,40}\.eyJ[A-Za-z0-9_-]{20,40}|[A-Za-z0-9+/]{40,80}", fullmatch=True),
    after=st.text(),
)
def test_whatever_aws_quotes_a_token_or_key_is_never_repeated(code: str, before: str, secret: str, after: str) -> None:
    error = refuse(code, f"{before} '{secret}' {after}")
    assert secret not in error.message


def test_a_refused_parameter_is_named_and_never_quoted() -> None:
    report = "Invalid type for parameter WebIdentityToken, value: eyJsecret, type: <class 'int'>, valid types: str"
    error = translate(ParamValidationError(report=report), EXCHANGE, NOW)
    assert error is not None
    assert "check WebIdentityToken" in error.message
    assert "eyJsecret" not in error.message


def test_errors_of_others_are_not_translated() -> None:
    assert translate(KeyError("x"), EXCHANGE, NOW) is None


@given(st.text() | st.text(alphabet="abc.-_=", min_size=3))
def test_claims_of_anything_can_be_read(text: str) -> None:
    claims = unverified_claims(IdentityToken(text, None))
    assert claims.issuer == UNREADABLE


def test_a_claim_that_is_not_a_short_printable_text_is_not_shown() -> None:
    import base64
    import json

    payload = base64.urlsafe_b64encode(json.dumps({"iss": "a\nb", "sub": "x" * 400, "aud": 7}).encode()).decode()
    assert unverified_claims(IdentityToken(f"e30.{payload}.x", None)) == (UNREADABLE, UNREADABLE, (UNREADABLE,))
