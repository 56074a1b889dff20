"""Reasons that only Snowflake's failures have: keys of conditions, metrics and alerts, stable across releases."""

ACCOUNT_MISSING = "SnowflakeAccountMissing"
"""There is no such account."""

LOGIN_REFUSED = "SnowflakeLoginRefused"
"""Snowflake does not accept the key or the token of the login."""

NETWORK_REFUSED = "SnowflakeNetworkRefused"
"""A network policy of Snowflake does not admit the operator's address."""

USER_MISSING = "SnowflakeUserMissing"
"""There is no such user, or the login may not see it."""

PERMISSION_DENIED = "SnowflakePermissionDenied"
"""The role of the login may not change the user's keys."""

UNKNOWN_KEYS = "SnowflakeUnknownKeys"
"""Both keys of the user are ones that the environment did not make."""

INVALID_KEY = "SnowflakeInvalidKey"
"""The private key of the login is none that can be used."""
