"""Secrets of Key Vault and of Secret Manager, read with tokens of a real API server.

Both stores take only tokens that the same cloud has granted, for them and to whom they let read.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.harness import Tenant, wait_until
from cluster.test_cloud_logins import PROVIDER, TENANT, azure_login, google_login, subject
from local_cluster import places
from local_cluster.tools import find_kubectl
from local_google import principal
from local_google.secret_manager import State
from local_https import Answer

if TYPE_CHECKING:
    from local_azure import LocalAzure
    from local_google import LocalGoogle
    from local_operator import LocalOperator

PROJECT = "123456789012"
AGAIN = "esc-operator.dev/rotate-requested-at"


def described(tenant: Tenant, name: str) -> str:
    """`kubectl describe`, on one line: it breaks none, but indents."""
    command = [find_kubectl(), "--kubeconfig", tenant.cluster.kubeconfig, "--context", tenant.cluster.context]
    command += ["-n", tenant.namespace, "describe", "escenvironment", name]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=True)
    return " ".join(done.stdout.split())


class KeyVault:
    """A vault of the namespace's own, which its application may read."""

    def __init__(self, tenant: Tenant, azure: LocalAzure) -> None:
        self.tenant, self.azure, self.name = tenant, azure, f"kv-{tenant.namespace}"
        self.login = azure_login(tenant, azure, oidc=True)
        azure.federate(tenant.namespace, tenant.cluster.issuer(), subject(tenant))
        self.vault = azure.vaults.create(self.name, TENANT)
        azure.vaults.let_read(self.name, tenant.namespace)
        self.first = azure.vaults.write(self.name, "api-key", "key-of-the-first-version")
        azure.vaults.write(self.name, "password", "password-in-key-vault")
        tenant.allow(urls=azure.url)

    def defined(self, **items: dict[str, str]) -> dict[str, Any]:
        call = {"login": "${login}", "vault": self.name, "get": items}
        return {
            "values": {
                "login": {"fn::open::azure-login": self.login},
                "vault": {"fn::open::azure-secrets": call},
                "environmentVariables": {name.upper(): f"${{vault.{name}}}" for name in items},
            }
        }


class Manager:
    """A service account of the namespace's own, which may read two secrets of the project."""

    def __init__(self, tenant: Tenant, google: LocalGoogle) -> None:
        self.tenant, self.google, self.prefix = tenant, google, tenant.namespace
        self.login, self.account = google_login(tenant, google)
        google.let_impersonate(principal(PROVIDER, subject(tenant)), self.account)
        self.project = google.secrets.create_project(PROJECT)
        google.secrets.write(PROJECT, "api-key", b"key-of-the-first-version")
        google.secrets.write(PROJECT, "password", b"password-in-secret-manager")
        for secret in ("api-key", "password", "nothing"):
            google.secrets.let_read(PROJECT, secret, self.account)
        tenant.allow(urls=google.url)

    def defined(self, **items: dict[str, Any]) -> dict[str, Any]:
        values = {
            "login": self.login["values"]["login"],
            "store": {"fn::open::gcp-secrets": {"login": "${login}", "access": items}},
            "environmentVariables": {name.upper(): f"${{store.{name}}}" for name in items},
        }
        return {"values": values}


@pytest.fixture
def vault(tenant: Tenant, azure: LocalAzure) -> KeyVault:
    return KeyVault(tenant, azure)


@pytest.fixture
def manager(tenant: Tenant, google: LocalGoogle) -> Manager:
    return Manager(tenant, google)


def test_secrets_of_a_key_vault_are_read_and_a_new_version_arrives_at_the_next_refresh(
    vault: KeyVault, operator: LocalOperator
) -> None:
    tenant = vault.tenant
    definition = vault.defined(
        key={"name": "api-key"}, pinned={"name": "api-key", "version": vault.first}, password={"name": "password"}
    )
    tenant.apply("vault", definition, refresh={"interval": "30s"})
    tenant.until_ready("vault")
    first = {
        "KEY": "key-of-the-first-version",
        "PINNED": "key-of-the-first-version",
        "PASSWORD": "password-in-key-vault",
    }
    assert tenant.values("vault") == first
    told = {one["input"]: (one["name"], one["version"]) for one in tenant.status("vault")["secretVersions"]}
    assert told["get.key"] == told["get.pinned"] == ("api-key", vault.first)
    vault.azure.vaults.write(vault.name, "api-key", "key-of-the-second-version")
    second = first | {"KEY": "key-of-the-second-version"}
    wait_until(lambda: tenant.values("vault") == second, "the new version", lambda: tenant.status("vault"), 90)
    seen = operator.log.read_text() + json.dumps(tenant.environment("vault"))
    canaries = [*first.values(), *second.values(), *vault.azure.granted_secrets()]
    assert not [canary for canary in canaries if canary in seen]


def test_each_refusal_of_a_key_vault_is_told_where_people_look(vault: KeyVault) -> None:
    tenant, azure = vault.tenant, vault.azure
    azure.vaults.switch(vault.name, "api-key", vault.first, enabled=False)
    tenant.apply(
        "vault", vault.defined(key={"name": "api-key"}, other={"name": "nothing"}, password={"name": "password"})
    )
    wait_until(lambda: tenant.condition("vault").get("status") == "False", "it is refused")
    page = described(tenant, "vault")
    assert f'the secret "api-key" in the Key Vault {vault.name} is disabled: enable it, or correct `get.key`' in page
    assert f'the Key Vault {vault.name} does not have the secret "nothing": correct `get.other`' in page
    assert tenant.secret("vault") is None
    vault.vault.readers.clear()
    tenant.annotate("vault", annotations={AGAIN: "1"})
    message = tenant.until_refused("vault", "AzureAccessDenied")
    assert "give it the role Key Vault Secrets User there" in message
    vault.vault.has_firewall = True
    tenant.annotate("vault", annotations={AGAIN: "2"})
    assert "the firewall of the Key Vault" in tenant.until_refused("vault", "KeyVaultNetworkRefused")
    vault.vault.has_firewall = False
    vault.vault.tenant = "elsewhere"
    tenant.annotate("vault", annotations={AGAIN: "3"})
    assert "belongs to another tenant than tenant" in tenant.until_refused("vault", "KeyVaultOfAnotherTenant")
    vault.vault.tenant = TENANT
    azure.vaults.let_read(vault.name, tenant.namespace)
    azure.vaults.switch(vault.name, "api-key", vault.first, enabled=True)
    azure.vaults.write(vault.name, "nothing", "something-at-last")
    tenant.annotate("vault", annotations={AGAIN: "4"})
    tenant.until_ready("vault")
    assert tenant.values("vault")["OTHER"] == "something-at-last"


def test_a_throttled_vault_and_one_that_is_not_allowed_are_told(vault: KeyVault) -> None:
    tenant = vault.tenant
    vault.vault.fault = Answer({"error": {"code": "Throttled", "message": "x"}}, 429, {"Retry-After": "1"})
    tenant.apply("vault", vault.defined(key={"name": "api-key"}))
    assert "limits the rate of calls" in tenant.until_refused("vault", "Throttled")
    vault.vault.fault = None
    wait_until(lambda: tenant.is_ready("vault"), "it is read", lambda: tenant.status("vault"), 90)
    tenant.allow(urls=None)
    tenant.apply("fenced", vault.defined(key={"name": "password"}))
    assert "is not at a public address" in tenant.until_refused("fenced", "URLNotAllowed")


def test_secrets_of_secret_manager_are_read_and_a_new_version_arrives_at_the_next_refresh(
    manager: Manager, operator: LocalOperator
) -> None:
    tenant = manager.tenant
    full = f"projects/{PROJECT}/secrets/password"
    definition = manager.defined(key={"name": "api-key"}, pinned={"name": "api-key", "version": 1}, full={"name": full})
    tenant.apply("google", definition, refresh={"interval": "30s"})
    tenant.until_ready("google")
    first = {
        "KEY": "key-of-the-first-version",
        "PINNED": "key-of-the-first-version",
        "FULL": "password-in-secret-manager",
    }
    assert tenant.values("google") == first
    told = {one["input"]: (one["name"], one["version"]) for one in tenant.status("google")["secretVersions"]}
    assert told == {"access.key": ("api-key", "1"), "access.pinned": ("api-key", "1"), "access.full": (full, "1")}
    manager.google.secrets.write(PROJECT, "api-key", b"key-of-the-second-version")
    second = first | {"KEY": "key-of-the-second-version"}
    wait_until(lambda: tenant.values("google") == second, "the new version", lambda: tenant.status("google"), 90)
    seen = operator.log.read_text() + json.dumps(tenant.environment("google"))
    canaries = [*first.values(), *second.values(), *manager.google.granted_secrets()]
    assert not [canary for canary in canaries if canary in seen]


def test_each_refusal_of_secret_manager_is_told_where_people_look(manager: Manager) -> None:
    tenant, secrets = manager.tenant, manager.google.secrets
    secrets.set_state(PROJECT, "api-key", 1, State.DESTROYED)
    items: dict[str, Any] = {
        "key": {"name": "api-key"},
        "other": {"name": "nothing"},
        "more": {"name": "password", "version": 9},
    }
    tenant.apply("google", manager.defined(**items, denied={"name": "of-another-team"}))
    wait_until(lambda: tenant.condition("google").get("status") == "False", "it is refused")
    page, name = described(tenant, "google"), f"projects/{PROJECT}/secrets"
    assert f"version latest of {name}/api-key was destroyed, for good: add a new one" in page
    assert f"{name}/nothing does not exist, or has no version: correct `access.other.name`" in page
    assert f"{name}/password has no version 9: correct `access.more.version`" in page
    assert f"the login may not read {name}/of-another-team, or it does not exist" in page
    manager.project.has_api = False
    tenant.annotate("google", annotations={AGAIN: "1"})
    assert f"not enabled in project {PROJECT}" in tenant.until_refused("google", "APIDisabled")
    manager.project.has_api = True
    tenant.apply("google", manager.defined(key={"name": "projects/gone/secrets/api-key"}))
    assert "there is no project gone" in tenant.until_refused("google", "GCPProjectMissing")
    secrets.write(PROJECT, "api-key", b"new-key-at-last")
    manager.project.is_damaging = True
    tenant.apply("google", manager.defined(key={"name": "api-key"}))
    assert "does not have the checksum" in tenant.until_refused("google", "MalformedAnswer")
    manager.project.is_damaging = False
    wait_until(lambda: tenant.is_ready("google"), "it is read", lambda: tenant.status("google"), 90)
    assert tenant.values("google") == {"KEY": "new-key-at-last"}


def test_the_examples_read_their_secrets(vault: KeyVault, manager: Manager) -> None:
    examples = places.REPOSITORY / "deploy" / "examples"
    text = (examples / "azure-secrets.yaml").read_text()
    (azure,) = yaml.safe_load_all(
        text.replace("11111111-1111-1111-1111-111111111111", vault.tenant.namespace)
        .replace("22222222-2222-2222-2222-222222222222", TENANT)
        .replace("vault: my-vault", f"vault: {vault.name}")
    )
    vault.azure.vaults.write(vault.name, "database-password", "password-of-the-example")
    tenant = vault.tenant
    tenant.allow(urls=f"{vault.azure.url},{manager.google.url}")
    tenant.apply("azure", azure["spec"]["environment"])
    tenant.until_ready("azure")
    assert tenant.values("azure")["DATABASE_PASSWORD"] == "password-of-the-example"
    text = (examples / "google-secrets.yaml").read_text()
    (google,) = yaml.safe_load_all(text.replace("apps@my-project.iam.gserviceaccount.com", manager.account))
    manager.google.secrets.write(PROJECT, "database-password", b"password-of-the-example")
    manager.google.secrets.let_read(PROJECT, "database-password", manager.account)
    tenant.apply("google", google["spec"]["environment"])
    tenant.until_ready("google")
    assert tenant.values("google")["DATABASE_PASSWORD"] == "password-of-the-example"
