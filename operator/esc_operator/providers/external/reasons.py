"""Reasons of failures that only an adapter has: keys of conditions, metrics and alerts, stable across releases."""

TOKEN_REFUSED = "AdapterTokenRefused"  # noqa: S105 - a reason, not a password
"""The adapter does not accept the identity token."""

ACCESS_DENIED = "AdapterAccessDenied"
"""The adapter knows the identity, and does not serve it."""

MISSING = "AdapterMissing"
"""There is no adapter at the URL."""

REQUEST_REFUSED = "AdapterRequestRefused"
"""The adapter refuses the request itself."""
