"""Reasons of failures that only Infisical has: keys of conditions, metrics and alerts, stable across releases."""

CLIENT_REFUSED = "InfisicalClientRefused"
"""Infisical does not know the client ID, or the client secret is wrong or has expired."""

TOKEN_REFUSED = "InfisicalTokenRefused"  # noqa: S105 - a reason, not a password
"""Infisical does not know the given access token: it is wrong, has expired or was revoked."""

ACCESS_DENIED = "InfisicalAccessDenied"
"""The identity may not read the secret's value."""

PROJECT_MISSING = "InfisicalProjectMissing"
"""There is no such project."""

PATH_MISSING = "InfisicalPathMissing"
"""The project has no such environment, or the environment no such folder."""

SECRET_MISSING = "InfisicalSecretMissing"  # noqa: S105 - a reason, not a password
"""The folder has no such secret."""
