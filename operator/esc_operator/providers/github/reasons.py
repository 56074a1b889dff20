"""Reasons of failures that only GitHub has: keys of conditions, metrics and alerts, stable across releases."""

KEY_REFUSED = "GitHubKeyRefused"
"""GitHub does not accept the App's private key: it is of another App, or was deleted."""

INVALID_KEY = "GitHubInvalidKey"
"""The private key is no RSA key in PEM."""

NOT_INSTALLED = "GitHubAppNotInstalled"
"""The App is not installed on the owner, or there is no such owner."""

SUSPENDED = "GitHubInstallationSuspended"
"""The installation of the App was suspended."""

REPOSITORY_MISSING = "GitHubRepositoryMissing"
"""The installation does not have one of the repositories."""

PERMISSION_MISSING = "GitHubPermissionMissing"
"""The installation does not have one of the permissions."""
