"""Entra ID without Azure: federated credentials that refuse what Entra refuses, in Entra's words, and an API to call.

It has a token endpoint for client assertions and for client secrets, and three APIs that take what was granted: one of
its own, Key Vault, and the client secrets of Microsoft Graph. Each checks to whom a token was granted, and for what.
The order of the checks of logins is Entra's: tenant, application, the assertion's form and issuer, then subject and
audience.
"""

from local_azure.entra import API, AUDIENCE, LocalAzure

__all__ = ["API", "AUDIENCE", "LocalAzure"]
