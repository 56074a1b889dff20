"""Reasons of failures that only Doppler has: keys of conditions, metrics and alerts, stable across releases."""

TOKEN_REFUSED = "DopplerTokenRefused"  # noqa: S105 - a reason, not a password
"""Doppler does not know the given access token: it is wrong, has expired or was revoked."""

ACCESS_DENIED = "DopplerAccessDenied"
"""The service account has no access to the project or config."""

PROJECT_MISSING = "DopplerProjectMissing"
"""There is no such project."""

CONFIG_MISSING = "DopplerConfigMissing"
"""The project has no such config."""

SECRET_MISSING = "DopplerSecretMissing"  # noqa: S105 - a reason, not a password
"""The config has no such secret."""

SECRET_RESTRICTED = "DopplerSecretRestricted"  # noqa: S105 - a reason, not a password
"""The secret's visibility hides its value from this service account."""
