"""Reasons for which a login at any cloud may fail: keys of conditions, metrics and alerts, stable across releases.

Reasons that only one cloud has are in that cloud's own module.
"""

ISSUER_UNREACHABLE = "IssuerUnreachable"
"""The cloud could not fetch the issuer's discovery document or signing keys."""

AUDIENCE_REFUSED = "AudienceRefused"
"""The cloud is not configured to accept the token's audience."""

TOKEN_EXPIRED = "TokenExpired"  # noqa: S105 - a reason, not a password
"""The identity token had expired when it reached the cloud."""

IDENTITY_TOKEN_REFUSED = "IdentityTokenRefused"  # noqa: S105 - a reason, not a password
"""The cloud could not validate the identity token, for a cause without a reason of its own."""

DURATION_TOO_LONG = "DurationTooLong"
"""Neither this role nor any other may have credentials with such a lifetime."""

INVALID_DURATION = "InvalidDuration"
"""The duration is not one, or shorter than the cloud allows."""

INVALID_ENDPOINT = "InvalidEndpoint"
"""The endpoint in the settings is not a URL."""

SUBJECT_ATTRIBUTES_UNSUPPORTED = "SubjectAttributesUnsupported"
"""The environment asks to change the token's subject, which a cluster's token does not allow."""

THROTTLED = "Throttled"
"""The cloud limits the rate of calls; the error has its `Retry-After`, if it sends one."""

IDENTITY_MISSING = "IdentityMissing"
"""The service knows no such identity, or none that logs in with a token."""

ISSUER_REFUSED = "IssuerRefused"
"""The identity is for another issuer than that of the token."""

SUBJECT_REFUSED = "SubjectRefused"
"""The identity is for another subject than that of the token."""
