"""Logins at Azure and Google with tokens of a real API server, exchanged by the operator and at a terminal.

The clouds verify each token against the cluster's own keys, and refuse what the real ones refuse.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, wait_until
from local.asking import ask
from local_azure import API as AZURE_API
from local_google import API as GOOGLE_API
from local_google import principal
from local_https import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_azure import LocalAzure
    from local_google import LocalGoogle
    from local_operator import LocalOperator

TENANT, SCOPE = "tenant", "https://vault.azure.net/.default"
POOL = "iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters"
PROVIDER = f"//{POOL}/providers/apps"


@pytest.fixture(autouse=True)
def ordinary(azure: LocalAzure, google: LocalGoogle) -> Iterator[None]:
    """Ordinary lifetimes, and nothing counted yet."""
    lifetimes = azure.lifetime, google.lifetime
    for cloud in (azure, google):
        cloud.refusals.clear()
        cloud.calls.clear()
    yield
    azure.lifetime, google.lifetime = lifetimes


def subject(tenant: Tenant) -> str:
    return f"system:serviceaccount:{tenant.namespace}:default"


def named(tenant: Tenant) -> str:
    """The subject that a message advises to trust, in place of that of the namespace's default ServiceAccount."""
    return f"system:serviceaccount:{tenant.namespace}:NAME"


def forgotten(tenant: Tenant) -> str:
    return f"this environment logs in as {subject(tenant)}, because its spec.serviceAccountName names no other"


def azure_login(tenant: Tenant, azure: LocalAzure, **more: Any) -> dict[str, Any]:
    """The inputs for an application of the namespace's own, which nobody may speak for yet."""
    azure.create_application(TENANT, tenant.namespace, secret="correct-secret")
    return {"clientId": tenant.namespace, "tenantId": TENANT, **more}


def defined(provider: str, inputs: dict[str, Any], **variables: str) -> dict[str, Any]:
    return {"values": {"login": {f"fn::open::{provider}": inputs}, "environmentVariables": variables}}


def google_login(tenant: Tenant, google: LocalGoogle, **more: Any) -> tuple[dict[str, Any], str]:
    """A definition for a service account of the namespace's own, and the account."""
    account = f"{tenant.namespace}@my-project.iam.gserviceaccount.com"
    google.create_provider(PROVIDER, tenant.cluster.issuer())
    oidc = {"workloadPoolId": "clusters", "providerId": "apps", "serviceAccount": account, **more}
    inputs = {"project": 123456789012, "oidc": oidc}
    return defined("gcp-login", inputs, GOOGLE_OAUTH_ACCESS_TOKEN="${login.accessToken}"), account


def expiry(tenant: Tenant, name: str) -> datetime:
    return datetime.fromisoformat(tenant.status(name)["expiresAt"])


def test_an_environment_has_an_access_token_of_azure(
    tenant: Tenant, azure: LocalAzure, operator: LocalOperator
) -> None:
    inputs = azure_login(tenant, azure, oidc=True, scope=SCOPE)
    azure.federate(tenant.namespace, tenant.cluster.issuer(), subject(tenant))
    tenant.apply("azure", defined("azure-login", inputs, TOKEN="${login.accessToken}"))
    tenant.until_ready("azure")
    token = tenant.values("azure")["TOKEN"]
    assert ask(azure, AZURE_API, bearer=token) == (200, {"client": tenant.namespace})
    assert timedelta(minutes=55) < expiry(tenant, "azure") - datetime.now(UTC) <= timedelta(seconds=3599)
    assert tenant.status("azure")["logins"] == [{"provider": "azure-login", "role": tenant.namespace}]
    assert token not in operator.log.read_text()


def test_a_token_of_azure_is_renewed_ahead_of_its_end(tenant: Tenant, azure: LocalAzure) -> None:
    azure.lifetime = 12
    inputs = azure_login(tenant, azure, oidc=True, scope=SCOPE)
    azure.federate(tenant.namespace, tenant.cluster.issuer(), subject(tenant))
    tenant.apply("azure", defined("azure-login", inputs, TOKEN="${login.accessToken}"))
    tenant.until_ready("azure")
    first, end = tenant.values("azure")["TOKEN"], expiry(tenant, "azure")
    wait_until(lambda: tenant.values("azure")["TOKEN"] != first, "another token")
    assert datetime.now(UTC) < end
    assert ask(azure, AZURE_API, bearer=tenant.values("azure")["TOKEN"])[0] == 200


def test_an_identity_token_can_be_exchanged_by_whoever_is_given_it(tenant: Tenant, azure: LocalAzure) -> None:
    inputs = azure_login(tenant, azure, oidc=True)
    azure.federate(tenant.namespace, tenant.cluster.issuer(), subject(tenant))
    tenant.apply("azure", defined("azure-login", inputs, ARM_OIDC_TOKEN="${login.oidc.token}"))
    tenant.until_ready("azure")
    form = {
        "client_id": tenant.namespace,
        "grant_type": "client_credentials",
        "scope": SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": tenant.values("azure")["ARM_OIDC_TOKEN"],
    }
    assert ask(azure, f"/{TENANT}/oauth2/v2.0/token", form)[0] == 200
    assert timedelta(minutes=8) < expiry(tenant, "azure") - datetime.now(UTC) <= timedelta(minutes=10)


def test_azures_refusals_are_reported_and_mended(tenant: Tenant, azure: LocalAzure) -> None:
    issuer = tenant.cluster.issuer()
    inputs = azure_login(tenant, azure, oidc=True, scope=SCOPE)
    azure.federate(tenant.namespace, issuer, "system:serviceaccount:apps:other")
    tenant.apply("azure", defined("azure-login", inputs, TOKEN="${login.accessToken}"))
    message = tenant.until_refused("azure", "FederatedCredentialMissing")
    assert forgotten(tenant) in message
    assert f"exactly the issuer {issuer}, the subject {named(tenant)} and the audience" in message
    azure.federate(tenant.namespace, issuer, subject(tenant), audience="api://other")
    tenant.annotate("azure", annotations={"esc-operator.dev/rotate-requested-at": "1"})
    tenant.until_refused("azure", "AudienceRefused")
    azure.federate(tenant.namespace, issuer, subject(tenant))
    tenant.annotate("azure", annotations={"esc-operator.dev/rotate-requested-at": "2"})
    tenant.until_ready("azure")


def test_a_wrong_client_secret_is_reported(tenant: Tenant, azure: LocalAzure, operator: LocalOperator) -> None:
    inputs = azure_login(tenant, azure, clientSecret={"fn::secret": "wrong-client-secret"}, scope=SCOPE)
    tenant.apply("azure", defined("azure-login", inputs, TOKEN="${login.accessToken}"))
    assert "is wrong or has expired" in tenant.until_refused("azure", "ClientSecretRefused")
    assert "wrong-client-secret" not in operator.log.read_text()


def test_an_environment_has_an_access_token_of_google(
    tenant: Tenant, google: LocalGoogle, operator: LocalOperator
) -> None:
    definition, account = google_login(tenant, google, tokenLifetime="30m")
    google.let_impersonate(principal(PROVIDER, subject(tenant)), account)
    tenant.apply("google", definition)
    tenant.until_ready("google")
    token = tenant.values("google")["GOOGLE_OAUTH_ACCESS_TOKEN"]
    assert ask(google, GOOGLE_API, bearer=token) == (200, {"principal": account})
    assert timedelta(minutes=29) < expiry(tenant, "google") - datetime.now(UTC) <= timedelta(minutes=30)
    assert tenant.status("google")["logins"] == [{"provider": "gcp-login", "role": account}]
    log = operator.log.read_text()
    assert not [secret for secret in google.granted_secrets() if secret in log]


def test_googles_refusals_are_reported_and_mended(tenant: Tenant, google: LocalGoogle) -> None:
    definition, account = google_login(tenant, google)
    google.create_provider(PROVIDER, "https://another.example")
    tenant.apply("google", definition)
    tenant.until_refused("google", "IssuerRefused")
    google.create_provider(PROVIDER, tenant.cluster.issuer(), ("another.example",))
    tenant.annotate("google", annotations={"esc-operator.dev/rotate-requested-at": "1"})
    tenant.until_refused("google", "AudienceRefused")
    google.create_provider(PROVIDER, tenant.cluster.issuer())
    tenant.annotate("google", annotations={"esc-operator.dev/rotate-requested-at": "2"})
    message = tenant.until_refused("google", "ServiceAccountRefused")
    assert forgotten(tenant) in message
    assert f"to principal://{POOL}/subject/{named(tenant)}" in message
    google.let_impersonate(principal(PROVIDER, subject(tenant)), account)
    tenant.annotate("google", annotations={"esc-operator.dev/rotate-requested-at": "3"})
    tenant.until_ready("google")


def test_a_pool_that_is_gone_is_reported(tenant: Tenant, google: LocalGoogle) -> None:
    definition, _ = google_login(tenant, google, workloadPoolId="gone")
    tenant.apply("google", definition)
    assert "workloadIdentityPools/gone/providers/apps" in tenant.until_refused("google", "IdentityPoolMissing")


def test_a_person_logs_in_at_both_from_a_terminal(
    tenant: Tenant, azure: LocalAzure, google: LocalGoogle, clouds: dict[str, str], tmp_path: Path
) -> None:
    inputs = azure_login(tenant, azure, oidc=True, scope=SCOPE)
    azure.federate(tenant.namespace, tenant.cluster.issuer(), subject(tenant))
    tenant.apply("azure", defined("azure-login", inputs, TOKEN="${login.accessToken}"))
    definition, account = google_login(tenant, google)
    google.let_impersonate(principal(PROVIDER, subject(tenant)), account)
    tenant.apply("google", definition)
    azure_token = opened(tenant, "azure", clouds, tmp_path)["accessToken"]
    google_token = opened(tenant, "google", clouds, tmp_path)["accessToken"]
    assert ask(azure, AZURE_API, bearer=azure_token) == (200, {"client": tenant.namespace})
    assert ask(google, GOOGLE_API, bearer=google_token) == (200, {"principal": account})


def opened(tenant: Tenant, name: str, clouds: dict[str, str], home: Path) -> dict[str, str]:
    """What `esc open` shows of the environment's login."""
    command = [str(Path(sys.executable).parent / "esc"), "open"]
    reference = f"{tenant.cluster.context}/{tenant.namespace}/{name}"
    settings = {"KUBECONFIG": str(tenant.cluster.kubeconfig), "ESC_HOME": str(home), "HOME": str(home)}
    done = subprocess.run(
        [*command, reference, "login", "-f", "json"],
        env={"PATH": os.environ["PATH"], **clouds, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    login: dict[str, str] = json.loads(done.stdout)
    return login


def test_an_outage_is_reported_and_passes_by_itself(tenant: Tenant, azure: LocalAzure, google: LocalGoogle) -> None:
    inputs = azure_login(tenant, azure, oidc=True, scope=SCOPE)
    azure.federate(tenant.namespace, tenant.cluster.issuer(), subject(tenant))
    definition, account = google_login(tenant, google)
    google.let_impersonate(principal(PROVIDER, subject(tenant)), account)
    azure.fail_with(Answer("<html>", 503))
    google.fail_with("/v1/projects", Answer({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, 429))
    try:
        tenant.apply("azure", defined("azure-login", inputs, TOKEN="${login.accessToken}"))
        tenant.apply("google", definition)
        tenant.until_refused("azure", "AzureUnavailable")
        tenant.until_refused("google", "Throttled")
    finally:
        azure.fail_with(None)
        google.fail_with("/v1/projects", None)
    wait_until(lambda: tenant.is_ready("azure"), "azure is ready", lambda: tenant.status("azure"), 90)
    wait_until(lambda: tenant.is_ready("google"), "google is ready", lambda: tenant.status("google"), 90)
