"""The trials of Azure's plug-ins, on a server that answers as Entra does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.providers.azure.app_secret import AzureAppSecret
from esc_operator.providers.azure.login import AzureLogin
from esc_operator.providers.azure.secrets import AzureSecrets
from esc_operator.providers.token_endpoints import TokenEndpoints
from esc_operator.testing import Failure, Trial, identity_token, json_answer, text_answer

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

SECRET = "secret-value-of-a-key-vault"
IDENTITY = identity_token("api://AzureADTokenExchange")
LOGIN = {"clientId": "application", "tenantId": "contoso.example.com", "oidc": {"token": IDENTITY}}
VERSION = "5a0ff1bd2e4c4b6d8f0a1b2c3d4e5f60"
READING = {"login": LOGIN, "vault": "my-vault", "get": {"key": {"name": "api-key", "version": VERSION}}}
STAND_IN = "stand-in of Entra and Key Vault, which verifies tokens"


def vault_refused(status: int, code: str, message: str = "Words.", inner: str = "") -> HttpAnswer:
    error = {"code": code, "message": message, **({"innererror": {"code": inner}} if inner else {})}
    return json_answer({"error": error}, status)


def value(text: str = SECRET) -> HttpAnswer:
    return json_answer({"value": text, "id": f"https://my-vault.vault.azure.net/secrets/api-key/{VERSION}"})


def reading(name: str, answer: HttpAnswer, reason: str, *says: str, outage: bool = False) -> Failure:
    return Failure(name=name, answer=answer, at=1, reason=reason, says=says, outage=outage)


READ_FAILURES = [
    reading(
        "no such secret, or no such version (SecretNotFound)",
        vault_refused(404, "SecretNotFound"),
        "AzureSecretMissing",
        f'the Key Vault my-vault does not have version {VERSION} of the secret "api-key": correct `get.key`',
    ),
    reading(
        "a disabled secret (SecretDisabled)",
        vault_refused(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled"),
        "AzureSecretDisabled",
        "is disabled: enable it",
    ),
    reading(
        "no role (ForbiddenByRbac)",
        vault_refused(403, "Forbidden", "Caller is not authorized.", "ForbiddenByRbac"),
        "AzureAccessDenied",
        "the application application may not read",
        "give it the role Key Vault Secrets User",
    ),
    reading(
        "no access policy (AccessDenied)",
        vault_refused(403, "Forbidden", "does not have secrets get permission", "AccessDenied"),
        "AzureAccessDenied",
        "the secret permission get in the vault's access policies",
    ),
    reading(
        "the vault's firewall (ForbiddenByFirewall)",
        vault_refused(403, "Forbidden", "Client address is not authorized.", "ForbiddenByFirewall"),
        "KeyVaultNetworkRefused",
        "add the address from which this cluster reaches the internet",
    ),
    reading(
        "no public access (ForbiddenByConnection)",
        vault_refused(403, "Forbidden", "Public network access is disabled.", "ForbiddenByConnection"),
        "KeyVaultNetworkRefused",
        "give the cluster a private endpoint",
    ),
    reading(
        "a vault of another tenant (AKV10032)",
        vault_refused(401, "Unauthorized", "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/1/"),
        "KeyVaultOfAnotherTenant",
        "belongs to another tenant than contoso.example.com",
    ),
    reading(
        "a token that is not accepted",
        vault_refused(401, "Unauthorized", "[TokenExpired] Error validating token."),
        "AzureTokenRefused",
        "compare the clocks",
    ),
    reading(
        "the service fails", vault_refused(500, "InternalError"), "AzureUnavailable", "tried again later", outage=True
    ),
    Failure(
        name="the identity token has expired (AADSTS700024)",
        answer=refused(700024),
        reason="TokenExpired",
        says=["compare the clocks"],
    ),
    Failure(
        name="a host in place of a vault's name",
        inputs={**READING, "vault": "my-vault.vault.azure.net"},
        reason="InvalidInputs",
        says=["write it alone, such as my-vault"],
    ),
    Failure(
        name="a name that is none",
        inputs={**READING, "get": {"key": {"name": "../api-key"}}},
        reason="InvalidInputs",
        says=["`get.key.name` is not the name of a secret"],
    ),
    Failure(
        name="a version that is none",
        inputs={**READING, "get": {"key": {"name": "api-key", "version": "1/2"}}},
        reason="InvalidInputs",
        says=["`get.key.version` is not the version"],
    ),
    Failure(
        name="a login without a proof",
        inputs={**READING, "login": APPLICATION},
        reason="InvalidInputs",
        says=["give it the outputs of an azure-login"],
    ),
]

TARGET = "33333333-3333-3333-3333-333333333333"
ROTATION = {"login": LOGIN, "clientId": TARGET, "lifetimeInDays": 90}
OLD, CURRENT, NEW = "8Q~previous-client-secret", "8Q~current-client-secret", "8Q~new-client-secret"
STATE = {
    "current": {"secretId": "id-current", "secretValue": CURRENT, "createdAt": "2026-04-01T12:00:00Z"},
    "previous": {"secretId": "id-previous", "secretValue": OLD},
}


def listed(*passwords: tuple[str, str]) -> HttpAnswer:
    """A list of secrets, by ID and name."""
    return json_answer({"passwordCredentials": [{"keyId": key, "displayName": name} for key, name in passwords]})


ADDED = json_answer(
    {
        "keyId": "id-new",
        "secretText": NEW,
        "startDateTime": "2026-05-01T12:00:03Z",
        "endDateTime": "2026-07-30T12:00:03Z",
    }
)
REMOVED = text_answer("", 204)


def rotating(name: str, answer: HttpAnswer, reason: str, *says: str, at: int = 1, outage: bool = False) -> Failure:
    return Failure(name=name, answer=answer, at=at, reason=reason, says=says, outage=outage)


ROTATE_FAILURES = [
    rotating(
        "no such application (Request_ResourceNotFound)",
        vault_refused(404, "Request_ResourceNotFound"),
        "ApplicationMissing",
        f"has no application with the client ID {TARGET}",
    ),
    rotating(
        "no permission (Authorization_RequestDenied)",
        vault_refused(403, "Authorization_RequestDenied"),
        "AzureAccessDenied",
        "Application.ReadWrite.OwnedBy",
    ),
    rotating(
        "no permission to add one",
        vault_refused(403, "Authorization_RequestDenied"),
        "AzureAccessDenied",
        "make it an owner",
        at=3,
    ),
    rotating(
        "a policy limits the lifetime (CredentialInvalidLifetimeAsPerAppPolicy)",
        vault_refused(400, "CredentialInvalidLifetimeAsPerAppPolicy"),
        "ClientSecretLifetimeRefused",
        "allows no client secret that lasts 90 days: lower `lifetimeInDays`",
        at=3,
    ),
    rotating(
        "a policy forbids client secrets (CredentialTypeNotAllowedAsPerAppPolicy)",
        vault_refused(400, "CredentialTypeNotAllowedAsPerAppPolicy"),
        "ClientSecretsForbidden",
        "have it excepted",
        at=3,
    ),
    rotating(
        "a token that is not accepted (InvalidAuthenticationToken)",
        vault_refused(401, "InvalidAuthenticationToken"),
        "AzureTokenRefused",
        "compare the clocks",
    ),
    rotating(
        "the service fails", vault_refused(500, "InternalError"), "AzureUnavailable", "tried again later", outage=True
    ),
    Failure(
        name="the identity token has expired (AADSTS700024)",
        answer=refused(700024),
        reason="TokenExpired",
        says=["compare the clocks"],
    ),
    Failure(
        name="a lifetime that is none",
        inputs={**ROTATION, "lifetimeInDays": 731},
        reason="InvalidInputs",
        says=["a client secret lasts 1 to 730 days"],
    ),
    Failure(
        name="a client ID that is none",
        inputs={**ROTATION, "clientId": "a')/owners"},
        reason="InvalidInputs",
        says=["`clientId` is not an application's client ID"],
    ),
]

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
    Trial(
        plugin=AzureSecrets,
        inputs=READING,
        answers=[GRANTED, value()],
        secrets=[SECRET, IDENTITY, ACCESS_TOKEN],
        failures=READ_FAILURES,
        quotes=lambda text: vault_refused(400, "BadParameter", text),
        counterpart=STAND_IN,
    ),
    Trial(
        title="a client secret",
        plugin=AzureSecrets,
        inputs={**READING, "login": {**APPLICATION, "clientSecret": CLIENT_SECRET}},
        answers=[GRANTED, value()],
        secrets=[SECRET, CLIENT_SECRET, ACCESS_TOKEN],
        failures=[
            Failure(
                name="the client secret is wrong or has expired (AADSTS7000215)",
                answer=refused(7000215),
                reason="ClientSecretRefused",
                says=["is wrong or has expired"],
            )
        ],
    ),
    Trial(
        title="an access token that azure-login has taken",
        plugin=AzureSecrets,
        inputs={**READING, "login": {**APPLICATION, "accessToken": ACCESS_TOKEN}},
        answers=[value()],
        secrets=[SECRET, ACCESS_TOKEN],
        quotes=lambda text: vault_refused(400, "BadParameter", text),
        failures=[
            Failure(
                name="a token for another service, or an expired one",
                answer=vault_refused(401, "Unauthorized", "AKV10022: Invalid audience."),
                reason="AzureTokenRefused",
                says=["does not accept `login.accessToken`", "another `scope`"],
            )
        ],
    ),
    Trial(
        plugin=AzureAppSecret,
        inputs=ROTATION,
        state=STATE,
        answers=[GRANTED, listed(("id-current", "x"), ("id-previous", "y"), ("id-of-others", "z")), REMOVED, ADDED],
        secrets=[OLD, CURRENT, NEW, IDENTITY, ACCESS_TOKEN],
        failures=ROTATE_FAILURES,
        quotes=lambda text: vault_refused(400, "Request_BadRequest", text),
        counterpart="stand-in of Entra and Microsoft Graph, which verifies tokens",
    ),
]
