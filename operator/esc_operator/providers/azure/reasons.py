"""Reasons of failures that only Azure has: keys of conditions, metrics and alerts, stable across releases."""

FEDERATED_CREDENTIAL_MISSING = "FederatedCredentialMissing"
"""The application has no federated identity credential with the token's issuer, or none with its subject."""

APPLICATION_MISSING = "ApplicationMissing"
"""There is no application or identity with this client ID in the tenant."""

TENANT_MISSING = "TenantMissing"
"""There is no such tenant at this authority."""

CLIENT_SECRET_REFUSED = "ClientSecretRefused"  # noqa: S105 - a reason, not a password
"""The client secret is wrong, or has expired."""

INVALID_SCOPE = "InvalidScope"
"""The scope is not one, or its resource is unknown in the tenant."""

AZURE_UNAVAILABLE = "AzureUnavailable"
"""Azure could not be reached, did not answer in time, or failed itself."""

AZURE_REFUSED = "AzureRefused"
"""Azure refused the call for a cause without a reason of its own."""

TOKEN_REFUSED = "AzureTokenRefused"  # noqa: S105
"""A service of Azure does not accept the access token: it has expired, or is for another service."""

VAULT_MISSING = "KeyVaultMissing"
"""There is no Key Vault of this name."""

VAULT_OF_ANOTHER_TENANT = "KeyVaultOfAnotherTenant"
"""The Key Vault belongs to another tenant than the application."""

VAULT_NETWORK_REFUSED = "KeyVaultNetworkRefused"
"""The Key Vault's firewall does not admit the network that the operator asks from."""

SECRET_MISSING = "AzureSecretMissing"  # noqa: S105
"""The Key Vault has no such secret, or no such version of it."""

SECRET_DISABLED = "AzureSecretDisabled"  # noqa: S105
"""The secret, or this version of it, is disabled."""

ACCESS_DENIED = "AzureAccessDenied"
"""The application may not do this."""

SECRET_LIFETIME_REFUSED = "ClientSecretLifetimeRefused"  # noqa: S105
"""A policy of the tenant allows no client secret that lasts so long."""

CLIENT_SECRETS_FORBIDDEN = "ClientSecretsForbidden"
"""A policy of the tenant allows the application no client secrets."""
