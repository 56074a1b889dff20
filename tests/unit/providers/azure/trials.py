"""The trials of Azure's plug-ins, on a server that answers as Entra does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.providers.azure.login import AzureLogin
from esc_operator.providers.token_endpoints import TokenEndpoints
from esc_operator.testing import Failure, Trial, json_answer

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

APPLICATION = {"clientId": "application", "tenantId": "contoso.example.com", "subscriptionId": "subscription"}
SCOPE = "https://vault.azure.net/.default"
FEDERATED = {**APPLICATION, "oidc": True, "scope": SCOPE, "audience": "api://AzureADTokenExchange"}
ACCESS_TOKEN, CLIENT_SECRET = "granted-access-token", "Q8~client-secret-of-forty-characters-abcd"
GRANTED = json_answer({"token_type": "Bearer", "expires_in": 3600, "access_token": ACCESS_TOKEN})


def refused(code: int, words: str = "Words.") -> HttpAnswer:
    description = f"AADSTS{code}: {words} Trace ID: 1 Correlation ID: 2 Timestamp: 3"
    return json_answer({"error": "invalid_client", "error_description": description}, 401)


# For all checks: what keeps connections is not thrown away with one open.
_ENDPOINTS, _HASTY_ENDPOINTS = TokenEndpoints(), TokenEndpoints(attempts=2, read_timeout=0.2)


def new_login() -> AzureLogin:
    return AzureLogin(_ENDPOINTS)


def hasty_login() -> AzureLogin:
    return AzureLogin(_HASTY_ENDPOINTS)


FAILURES = [
    Failure(
        name="no federated credential for issuer and subject (AADSTS700213)",
        answer=refused(700213),
        reason="FederatedCredentialMissing",
        says=["exactly the issuer", "system:serviceaccount:apps:web"],
    ),
    Failure(
        name="the federated credential has another audience (AADSTS700212)",
        answer=refused(700212),
        reason="AudienceRefused",
        says=["for another audience than api://AzureADTokenExchange"],
    ),
    Failure(
        name="the identity token has expired (AADSTS700024)",
        answer=refused(700024),
        reason="TokenExpired",
        says=["compare the clocks"],
    ),
    Failure(
        name="no such application (AADSTS700016)",
        answer=refused(700016),
        reason="ApplicationMissing",
        says=["not its object ID"],
    ),
    Failure(
        name="no such tenant (AADSTS90002)", answer=refused(90002), reason="TenantMissing", says=["check `tenantId`"]
    ),
    Failure(
        name="a transient error (AADSTS90033)",
        answer=refused(90033),
        reason="AzureUnavailable",
        says=["tried again later"],
        outage=True,
    ),
    Failure(
        name="a tenant that is none",
        inputs={**FEDERATED, "tenantId": "a/b"},
        reason="InvalidInputs",
        says=["`tenantId` is not a tenant"],
    ),
    Failure(
        name="a scope without /.default",
        inputs={**FEDERATED, "scope": "https://vault.azure.net"},
        reason="InvalidScope",
        says=["does not end with /.default"],
    ),
]

DIFFERS = {"inputs.oidc": "the default is stated"}

TRIALS = [
    Trial(
        plugin=new_login,
        inputs=FEDERATED,
        answers=[GRANTED],
        secrets=[ACCESS_TOKEN],
        lease=timedelta(hours=1),
        failures=FAILURES,
        quotes=lambda text: refused(50013, text),
        settings=lambda url: {"AZURE_AUTHORITY_HOST": url},
        tls=True,
        hasty=hasty_login,
        differs=DIFFERS,
        counterpart="stand-in of Entra, which verifies tokens",
    ),
    Trial(
        title="a client secret",
        plugin=new_login,
        inputs={**APPLICATION, "clientSecret": CLIENT_SECRET, "scope": SCOPE},
        answers=[GRANTED],
        secrets=[ACCESS_TOKEN, CLIENT_SECRET],
        lease=timedelta(hours=1),
        quotes=lambda text: refused(7000215, text),
        settings=lambda url: {"AZURE_AUTHORITY_HOST": url},
        tls=True,
        hasty=hasty_login,
        failures=[
            Failure(
                name="the client secret is wrong or has expired (AADSTS7000215)",
                answer=refused(7000215),
                reason="ClientSecretRefused",
                says=["use `oidc: true`"],
            )
        ],
    ),
    Trial(
        title="the identity token itself",
        plugin=new_login,
        inputs={**APPLICATION, "oidc": True},
        lease=timedelta(hours=1),
    ),
]
