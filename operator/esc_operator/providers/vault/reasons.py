"""Reasons that only Vault's failures have: keys of conditions, metrics and alerts, stable across releases."""

ROLE_MISSING = "VaultRoleMissing"
"""The auth method has no role of that name."""

ROLE_REFUSED = "VaultRoleRefused"
"""The role does not admit the subject or another claim of the identity token."""

ISSUER_REFUSED = "IssuerRefused"
"""The auth method is for another issuer than that of the identity token."""

AUTH_METHOD_MISSING = "VaultAuthMethodMissing"
"""There is no auth method at the mount, or it is not configured."""

NAMESPACE_MISSING = "VaultNamespaceMissing"
"""There is no such namespace in Vault."""

TOKEN_REFUSED = "VaultTokenRefused"  # noqa: S105 - a reason, not a password
"""Vault does not know the token: it is wrong, has expired or was revoked."""

PERMISSION_DENIED = "VaultPermissionDenied"
"""The policies of the token do not allow the request."""

PATH_MISSING = "VaultPathMissing"
"""There is nothing at the path."""

KV_VERSION = "VaultKVVersion"
"""The path is that of the other version of the KV engine."""

SECRET_DELETED = "VaultSecretDeleted"  # noqa: S105 - a reason, not a password
"""The version of the secret was deleted or destroyed."""

FIELD_MISSING = "VaultFieldMissing"
"""What was read has no such field."""

SEALED = "VaultSealed"
"""Vault is sealed or not initialized."""

STANDBY = "VaultStandby"
"""The node is a standby that does not serve the request."""

UNAVAILABLE = "VaultUnavailable"
"""Vault, or a proxy before it, does not serve."""

ENGINE_FAILED = "VaultEngineFailed"
"""The secrets engine failed, for example because its database cannot be reached."""

REDIRECTED = "VaultRedirected"
"""The address redirects to another one."""

REFUSED = "VaultRefused"
"""Vault refused the request for a cause without a reason of its own."""
