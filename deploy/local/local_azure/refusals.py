"""What this Entra says when it says no, in Entra's words. Nothing here decides whether to refuse."""

import uuid
from datetime import UTC, datetime

from local_https import Answer
from local_identity import Doubt, WebIdentity
from local_identity.granting import RefusedError

_SEE = (
    "Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
    " https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)
_OF_CLIENTS = ("invalid_client", "unauthorized_client")
_NO_SIGNATURE = (
    50013,
    "invalid_client",
    "Assertion failed signature validation. [Reason - The key was not found.]",
)
_DOUBTS = {
    Doubt.NO_JWT: (50027, "invalid_request", "JWT token is invalid or malformed."),
    Doubt.NO_CLAIM: (50027, "invalid_request", "JWT token is invalid or malformed."),
    Doubt.NO_URL: (501661, "invalid_request", "Request to External OIDC endpoint failed."),
    Doubt.NO_KEY: (501661, "invalid_request", "Request to External OIDC endpoint failed."),
    Doubt.NOT_SIGNED: _NO_SIGNATURE,
}


def refused(code: int, error: str, message: str, status: int = 0) -> RefusedError:
    """A refusal by the number behind AADSTS."""
    name = f"AADSTS{code}"
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    content = {
        "error": error,
        "error_description": f"{name}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}",
        "error_codes": [code],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return RefusedError(name, message, Answer(content, status or (401 if error in _OF_CLIENTS else 400)))


def no_tenant(tenant: str) -> RefusedError:
    return refused(
        90002,
        "invalid_request",
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the"
        " correct cloud. Check with your subscription administrator, this may happen if there are no active"
        " subscriptions for the tenant.",
    )


def no_application(client: str, tenant: str) -> RefusedError:
    return refused(
        700016,
        "unauthorized_client",
        f"Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the"
        " application has not been installed by the administrator of the tenant or consented to by any user in the"
        " tenant. You may have sent your authentication request to the wrong tenant.",
        400,
    )


def no_credential(client: str) -> RefusedError:
    return refused(70025, "invalid_client", f"The client '{client}' has no configured federated identity credentials.")


def wrong_secret(client: str) -> RefusedError:
    return refused(
        7000215,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not"
        f" the client secret ID, for a secret added to app '{client}'.",
    )


def no_match(code: int, claim: str, value: str) -> RefusedError:
    return refused(
        code,
        "invalid_client",
        f"No matching federated identity record found for presented assertion {claim} '{value}'. {_SEE}",
    )


def doubtful(doubt: Doubt, identity: WebIdentity | None) -> RefusedError:
    if doubt in (Doubt.EXPIRED, Doubt.TOO_EARLY) and identity is not None:
        begin = int(identity.claims.get("nbf", 0))
        return refused(
            700024,
            "invalid_client",
            f"Client assertion is not within its valid time range. Current time: {_stamp(None)}, assertion valid from"
            f" {_stamp(begin)}, expiry time of assertion {_stamp(identity.expires_at)}. Review the documentation at"
            " https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        )
    return refused(*_DOUBTS[doubt])


def _stamp(seconds: int | None) -> str:
    at = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z"
