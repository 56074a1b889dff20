"""What this Google says when it says no, in Google's words. Nothing here decides whether to refuse."""

from local_https import Answer
from local_identity import Doubt, TokenError, WebIdentity
from local_identity.granting import RefusedError

NO_TARGET = (
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or'
    " provider is disabled or deleted or because it doesn't exist."
)


def oauth_error(error: str, description: str) -> RefusedError:
    return RefusedError(error, description, Answer({"error": error, "error_description": description}, 400))


def api_error(code: int, status: str, message: str) -> RefusedError:
    content = {"error": {"code": code, "message": message, "status": status}}
    return RefusedError(status, message, Answer(content, code))


def may_not_impersonate() -> RefusedError:
    return api_error(
        403,
        "PERMISSION_DENIED",
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
    )


def not_authenticated() -> RefusedError:
    return api_error(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
        " authentication credential.",
    )


def wrong_audience(identity: WebIdentity) -> RefusedError:
    audiences = ", ".join(identity.audiences)
    return oauth_error("invalid_grant", f"The audience in ID Token [{audiences}] does not match the expected audience.")


def wrong_issuer(identity: WebIdentity, expected: str) -> RefusedError:
    return oauth_error(
        "invalid_grant", f"The issuer in ID Token {identity.issuer} does not match the expected ones: [{expected}]."
    )


def doubtful(error: TokenError, identity: WebIdentity | None) -> RefusedError:
    if error.doubt is Doubt.EXPIRED and identity is not None:
        return oauth_error("invalid_grant", f"ID Token issued at {identity.issued_at} is stale to sign-in.")
    if error.doubt is Doubt.NO_KEY:
        return oauth_error("invalid_grant", "Error connecting to the given credential's issuer.")
    if error.doubt is Doubt.NOT_SIGNED:
        return oauth_error("invalid_grant", "Invalid ID Token signature.")
    return oauth_error("invalid_request", "Unable to parse the ID Token.")
