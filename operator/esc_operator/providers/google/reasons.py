"""Reasons of failures that only Google has: keys of conditions, metrics and alerts, stable across releases."""

IDENTITY_POOL_MISSING = "IdentityPoolMissing"
"""The workload identity pool or its provider does not exist, is disabled or was deleted."""

ISSUER_REFUSED = "IssuerRefused"
"""The provider was made for another issuer than that of the token."""

INVALID_IDENTITY_POOL = "InvalidIdentityPool"
"""The names of project, location, pool and provider make no provider: the project is not a number, for instance."""

ATTRIBUTE_CONDITION_REFUSED = "AttributeConditionRefused"
"""The provider's attribute condition does not admit the token."""

SERVICE_ACCOUNT_REFUSED = "ServiceAccountRefused"
"""The principal may not impersonate the service account, or there is no such account."""

API_DISABLED = "APIDisabled"
"""The IAM Service Account Credentials API is switched off in the service account's project."""

ACCESS_TOKEN_REFUSED = "AccessTokenRefused"  # noqa: S105 - a reason, not a password
"""The given access token is not valid, or no longer valid."""

GCP_UNAVAILABLE = "GCPUnavailable"
"""Google could not be reached, did not answer in time, or failed itself."""

GCP_REFUSED = "GCPRefused"
"""Google refused the call for a cause without a reason of its own."""

PROJECT_MISSING = "GCPProjectMissing"
"""There is no such project, or it was deleted."""

SECRET_MISSING = "GCPSecretMissing"  # noqa: S105 - a reason, not a password
"""The project has no such secret, or none with a version."""

SECRET_VERSION_MISSING = "GCPSecretVersionMissing"  # noqa: S105
"""The secret has no such version."""

SECRET_VERSION_DISABLED = "GCPSecretVersionDisabled"  # noqa: S105
"""The version of the secret is disabled."""

SECRET_VERSION_DESTROYED = "GCPSecretVersionDestroyed"  # noqa: S105
"""The version of the secret was destroyed."""

ACCESS_DENIED = "GCPAccessDenied"
"""The service account may not do this, or what it asks for does not exist."""

PERIMETER_REFUSED = "GCPPerimeterRefused"
"""A perimeter of VPC Service Controls does not admit the request."""
