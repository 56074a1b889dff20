"""Entra ID without Azure: federated credentials that refuse what Entra refuses, in Entra's words, and an API to call.

It has a token endpoint for client assertions and for client secrets, and one API that takes what was granted. The
order of its checks is Entra's: tenant, application, the assertion's form and issuer, then subject and audience.
"""

from local_azure.entra import API, AUDIENCE, LocalAzure

__all__ = ["API", "AUDIENCE", "LocalAzure"]
