"""Reasons that a login at any cloud may fail for: what conditions, metrics and alerts are keyed by.

Stable across releases. What only one cloud refuses stands in that cloud's own module.
"""

ISSUER_UNREACHABLE = "IssuerUnreachable"
"""The cloud could not fetch the issuer's discovery document or signing keys."""

AUDIENCE_REFUSED = "AudienceRefused"
"""The token's audience is not one that the cloud was told to accept."""

TOKEN_EXPIRED = "TokenExpired"  # noqa: S105 - a reason, not a password
"""The identity token had expired when it reached the cloud."""

IDENTITY_TOKEN_REFUSED = "IdentityTokenRefused"  # noqa: S105 - a reason, not a password
"""The cloud could not validate the identity token, for a cause without a reason of its own."""

DURATION_TOO_LONG = "DurationTooLong"
"""Credentials that last so long are not given to this role, or to nobody."""

INVALID_DURATION = "InvalidDuration"
"""The duration is not one, or shorter than the cloud allows."""

INVALID_ENDPOINT = "InvalidEndpoint"
"""The endpoint that the settings name is not an URL."""

SUBJECT_ATTRIBUTES_UNSUPPORTED = "SubjectAttributesUnsupported"
"""The environment wants to shape the token's subject, which a cluster's token does not allow."""

THROTTLED = "Throttled"
"""The cloud limits the rate of calls; the error carries how long it asks to wait, where it says so."""
