"""What this Entra says when it says no, in Entra's words. Nothing here decides whether to refuse."""

import uuid
from datetime import UTC, datetime

from local_https import Answer
from local_identity import Doubt, WebIdentity

_SEE = (
    "Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
    " https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)
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


class EntraError(Exception):
    """A request that Entra would refuse. `code` is the number behind AADSTS."""

    def __init__(self, code: int, error: str, message: str, status: int = 0) -> None:
        super().__init__(f"AADSTS{code}: {message}")
        self.code = code
        self._error = error
        self._status = status or (401 if error in ("invalid_client", "unauthorized_client") else 400)

    @property
    def name(self) -> str:
        return f"AADSTS{self.code}"

    def answer(self) -> Answer:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
        return Answer(
            {
                "error": self._error,
                "error_description": f"{self} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}",
                "error_codes": [self.code],
                "timestamp": at,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
            },
            self._status,
        )


def no_tenant(tenant: str) -> EntraError:
    return EntraError(
        90002,
        "invalid_request",
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the"
        " correct cloud. Check with your subscription administrator, this may happen if there are no active"
        " subscriptions for the tenant.",
    )


def no_application(client: str, tenant: str) -> EntraError:
    return EntraError(
        700016,
        "unauthorized_client",
        f"Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the"
        " application has not been installed by the administrator of the tenant or consented to by any user in the"
        " tenant. You may have sent your authentication request to the wrong tenant.",
        400,
    )


def no_credential(client: str) -> EntraError:
    return EntraError(
        70025, "invalid_client", f"The client '{client}' has no configured federated identity credentials."
    )


def wrong_secret(client: str) -> EntraError:
    return EntraError(
        7000215,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not"
        f" the client secret ID, for a secret added to app '{client}'.",
    )


def no_match(code: int, claim: str, value: str) -> EntraError:
    return EntraError(
        code,
        "invalid_client",
        f"No matching federated identity record found for presented assertion {claim} '{value}'. {_SEE}",
    )


def doubtful(doubt: Doubt, identity: WebIdentity | None) -> EntraError:
    if doubt in (Doubt.EXPIRED, Doubt.TOO_EARLY) and identity is not None:
        begin = int(identity.claims.get("nbf", 0))
        return EntraError(
            700024,
            "invalid_client",
            f"Client assertion is not within its valid time range. Current time: {_stamp(None)}, assertion valid from"
            f" {_stamp(begin)}, expiry time of assertion {_stamp(identity.expires_at)}. Review the documentation at"
            " https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        )
    return EntraError(*_DOUBTS[doubt])


def _stamp(seconds: int | None) -> str:
    at = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z"
