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
