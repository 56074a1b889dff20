"""Reasons of failures that only databases have: keys of conditions, metrics and alerts, stable across releases."""

LOGIN_REFUSED = "DatabaseLoginRefused"
"""The database does not accept the managing user's password, or does not let it in from where the operator is."""

DATABASE_MISSING = "DatabaseMissing"
"""The server has no database of that name, or the managing user may not connect to it."""

USER_MISSING = "DatabaseUserMissing"
"""The database has no user of the name whose password is to be changed."""

USER_CANNOT_LOG_IN = "DatabaseUserCannotLogIn"
"""The user whose password is to be changed may not log in, whatever its password is."""

RIGHT_MISSING = "DatabaseRightMissing"
"""The managing user may not change the password of that user."""

PASSWORD_REFUSED = "DatabasePasswordRefused"  # noqa: S105  (a reason)
"""A policy of the database refuses the new password."""

READ_ONLY = "DatabaseReadOnly"
"""The server is a replica, or was made read-only, so nothing can be changed there."""

TOO_MANY_CONNECTIONS = "TooManyConnections"
"""The server has no connection to spare, for anybody or for the managing user."""

TLS_MISSING = "TLSMissing"
"""The server does not offer TLS, and the inputs do not say that it may go without."""

CERTIFICATE_REFUSED = "CertificateRefused"
"""The server's certificate is not of a trusted authority, or not for the host of the inputs."""

DATABASE_UNAVAILABLE = "DatabaseUnavailable"
"""The server is starting, stopping or recovering, or ended the connection."""

DATABASE_REFUSED = "DatabaseRefused"
"""The database refused for a cause without a reason of its own."""

CONNECTOR_UNSUPPORTED = "ConnectorUnsupported"
"""The inputs name a function that stands between Pulumi's service and the database; the operator connects itself."""
