"""Reasons that only 1Password's failures have: keys of conditions, metrics and alerts, stable across releases."""

TOKEN_REFUSED = "OnePasswordTokenRefused"  # noqa: S105 - a reason, not a password
"""The service account token is none, or 1Password does not accept it any more."""

VAULT_MISSING = "OnePasswordVaultMissing"
"""The service account sees no vault of that name."""

ITEM_MISSING = "OnePasswordItemMissing"
"""The vault has no item of that name."""

FIELD_MISSING = "OnePasswordFieldMissing"
"""The item has no field or no section of that name."""

AMBIGUOUS = "OnePasswordAmbiguous"
"""Several vaults, items or fields have the name."""

ATTRIBUTE_REFUSED = "OnePasswordAttributeRefused"
"""The field has no one-time password, or is no SSH key that can be converted, or is no text."""

ACCESS_DENIED = "OnePasswordAccessDenied"
"""The service account may not read what the reference names."""

UNAVAILABLE = "OnePasswordUnavailable"
"""1Password cannot be reached, or does not serve."""

REFUSED = "OnePasswordRefused"
"""1Password, or its SDK, refused the request for a cause without a reason of its own."""
