"""Secrets and dynamic database credentials of a real Vault (OpenBao), with tokens of a real API server.

Vault verifies each token with the cluster's own keys, and its database engine creates roles in a real PostgreSQL.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.harness import Tenant, wait_until
from cluster.rights import RBAC
from esc_operator.kube.paths import PODS, SERVICE_ACCOUNTS, Resource
from local_cluster import places
from local_cluster.failures import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_operator import LocalOperator
    from local_postgres import LocalPostgres
    from local_vault import LocalVault

POLICY = """
path "kv/TEAM/*" { capabilities = ["read"] }
path "secret/data/TEAM/*" { capabilities = ["read"] }
path "secret/TEAM/*" { capabilities = ["read"] }
path "database/creds/TEAM" { capabilities = ["read"] }
"""
CLUSTER_ROLE_BINDINGS = Resource(f"/apis/{RBAC}/v1", "clusterrolebindings", "ClusterRoleBinding")


class Team:
    """A namespace with a role, a policy and secrets of its own in Vault."""

    def __init__(self, tenant: Tenant, vault: LocalVault) -> None:
        self.tenant = tenant
        self.vault = vault
        self.name = tenant.namespace
        self.subject = f"system:serviceaccount:{tenant.namespace}:default"
        self.policy = POLICY.replace("TEAM", self.name)
        tenant.allow(urls=vault.url)
        self.trust()
        vault.call("POST", f"kv/{self.name}/web", {"token": "from-kv-1"})
        vault.call("POST", f"secret/data/{self.name}/web/api", {"data": {"key": "from-kv-2", "port": 5432}})

    def trust(self, **settings: Any) -> None:
        self.vault.create_role(self.name, self.subject, self.policy, token_ttl="1h", **settings)

    def login(self, method: str = "jwt", **more: Any) -> dict[str, Any]:
        return {"fn::open::vault-login": {"address": self.vault.url, method: {"role": self.name, **more}}}

    def reading(self, variables: dict[str, str], login: dict[str, Any] | None = None, **read: str) -> dict[str, Any]:
        """A definition that reads these paths."""
        paths = {name: {"path": path} for name, path in read.items()}
        call = {"login": "${login}", "read": paths}
        return {
            "values": {
                "login": login or self.login(),
                "vault": {"fn::open::vault-secrets": call},
                "environmentVariables": variables,
            }
        }

    def database(self) -> dict[str, Any]:
        variables = {"PGUSER": "${vault.db.username}", "PGPASSWORD": "${vault.db.password}"}
        return self.reading(variables, db=f"database/creds/{self.name}")


@pytest.fixture
def team(tenant: Tenant, vault: LocalVault) -> Team:
    return Team(tenant, vault)


def test_the_example_works_with_the_address_of_a_vault_that_is_here(
    team: Team, vault: LocalVault, postgres: LocalPostgres
) -> None:
    text = (places.REPOSITORY / "deploy" / "examples" / "vault.yaml").read_text()
    assert "allowed-urls=https://vault.vault.svc:8200" in text
    mine = (
        text.replace("https://vault.vault.svc:8200", vault.url)
        .replace("{role: web}", f"{{role: {team.name}}}")
        .replace("secret/data/web/", f"secret/data/{team.name}/web/")
        .replace("kv/web", f"kv/{team.name}/web")
        .replace("database/creds/web", f"database/creds/{team.name}")
    )
    spec = yaml.safe_load(mine)["spec"]
    vault.create_database_role(team.name, "1h", "2h")
    team.tenant.apply("vault", spec["environment"], rollout=spec["rollout"])
    status = team.tenant.until_ready("vault")
    values = team.tenant.values("vault")
    assert (values["API_KEY"], values["LEGACY_TOKEN"]) == ("from-kv-2", "from-kv-1")
    assert postgres.run("SELECT current_user", values["PGUSER"], values["PGPASSWORD"]) == [values["PGUSER"]]
    logins = {one["provider"]: one.get("role", "") for one in status["logins"]}
    assert logins == {"vault-login": f"{vault.url}/v1/auth/jwt/role/{team.name}", "vault-secrets": ""}
    assert values["PGPASSWORD"] not in json.dumps(team.tenant.environment("vault"))


class Client(threading.Thread):
    """Runs statements without a pause, each with what a pod that starts then finds in the Secret."""

    def __init__(self, team: Team, postgres: LocalPostgres) -> None:
        super().__init__(daemon=True)
        self.team, self.postgres = team, postgres
        self.users: list[str] = []
        self.ends: list[str] = []
        self.statements = 0
        self.refused: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(0.2):
            values = self.team.tenant.values("db")
            end = self.team.tenant.status("db").get("expiresAt", "")
            try:
                self.postgres.run("SELECT 1", values["PGUSER"], values["PGPASSWORD"])
                self.statements += 1
            except ClusterError as refusal:
                self.refused.append(str(refusal))
            for seen, now in ((self.users, values["PGUSER"]), (self.ends, end)):
                if now not in seen:
                    seen.append(now)

    @property
    def renewals(self) -> int:
        """How often the end of the same values was put off."""
        return len(self.ends) - len(self.users)


@pytest.fixture
def client(team: Team, postgres: LocalPostgres) -> Iterator[Client]:
    client = Client(team, postgres)
    yield client
    client.stopping.set()
    client.join(30)


def test_dynamic_credentials_are_renewed_then_taken_anew_and_no_statement_is_refused(
    team: Team, client: Client, vault: LocalVault, postgres: LocalPostgres
) -> None:
    vault.create_database_role(team.name, "12s", "30s")
    team.tenant.apply("db", team.database())
    team.tenant.until_ready("db")
    client.start()
    wait_until(
        lambda: client.renewals >= 3 and len(client.users) >= 2,
        "leases are renewed three times, and once credentials are new",
        lambda: (client.users, client.ends, client.refused, team.tenant.status("db")),
        120,
    )
    client.stopping.set()
    client.join(30)
    assert client.refused == []
    assert client.statements > 20
    # Each of the leases that there were was used: nothing was taken that no pod has seen.
    assert len(vault.leases(team.name)) <= 2
    team.tenant.delete("db")
    wait_until(lambda: not _roles(postgres, team), "no role is left behind", postgres.roles, 60)


def test_a_killed_operator_leaves_leases_that_end_by_themselves_and_the_next_one_takes_new_ones_in_time(
    team: Team, client: Client, vault: LocalVault, operator: LocalOperator
) -> None:
    vault.create_database_role(team.name, "30s", "10m")
    team.tenant.apply("db", team.database())
    team.tenant.until_ready("db")
    first, lease = team.tenant.values("db")["PGUSER"], vault.leases(team.name)
    client.start()
    operator.kill()
    operator.start()
    wait_until(
        lambda: team.tenant.values("db")["PGUSER"] != first,
        "the next operator takes new credentials",
        lambda: team.tenant.status("db"),
        90,
    )
    wait_until(lambda: not set(lease) & set(vault.leases(team.name)), "the former lease has ended", lambda: lease, 60)
    client.stopping.set()
    client.join(30)
    assert client.refused == []
    assert len(vault.leases(team.name)) == 1


def _roles(postgres: LocalPostgres, team: Team) -> list[str]:
    """The roles of a team in the database: Vault puts the name of its own role into theirs."""
    return [role for role in postgres.roles() if f"-{team.name[:8]}-" in role]


def test_a_deleted_environments_credentials_are_revoked_once_no_pod_names_its_secret(
    team: Team, vault: LocalVault, postgres: LocalPostgres
) -> None:
    vault.create_database_role(team.name, "1h", "2h")
    team.tenant.apply("db", team.database())
    team.tenant.until_ready("db")
    values = team.tenant.values("db")
    container = {"name": "main", "image": "none", "envFrom": [{"secretRef": {"name": "db"}}]}
    path = PODS.path(team.tenant.namespace)
    # No node runs it, but it waits to be run, and it names the Secret.
    team.tenant.cluster.must("POST", path, {"metadata": {"name": "web"}, "spec": {"containers": [container]}})
    team.tenant.delete("db")
    time.sleep(4)
    assert postgres.run("SELECT 1", values["PGUSER"], values["PGPASSWORD"]) == ["1"]
    assert vault.leases(team.name)
    team.tenant.cluster.must("DELETE", f"{path}/web", gracePeriodSeconds="0")
    wait_until(lambda: not vault.leases(team.name), "the lease is revoked", lambda: vault.leases(team.name))
    with pytest.raises(ClusterError):
        postgres.run("SELECT 1", values["PGUSER"], values["PGPASSWORD"])


def test_a_retained_secret_keeps_its_credentials(team: Team, vault: LocalVault, postgres: LocalPostgres) -> None:
    vault.create_database_role(team.name, "1h", "2h")
    team.tenant.apply("db", team.database(), target={"deletionPolicy": "Retain"})
    team.tenant.until_ready("db")
    values = team.tenant.values("db")
    team.tenant.delete("db")
    time.sleep(4)
    assert postgres.run("SELECT 1", values["PGUSER"], values["PGPASSWORD"]) == ["1"]


def test_a_token_that_was_revoked_in_vault_is_replaced(team: Team, vault: LocalVault) -> None:
    team.tenant.apply("kv", team.reading({"TOKEN": "${vault.x.token}"}, x=f"kv/{team.name}/web"))
    team.tenant.until_ready("kv")
    vault.call("POST", f"kv/{team.name}/web", {"token": "rewritten"})
    for accessor in vault.call("LIST", "auth/token/accessors")["data"]["keys"]:
        found = vault.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]
        if found["path"] == "auth/jwt/login" and found["meta"].get("role") == team.name:
            vault.call("POST", "auth/token/revoke-accessor", {"accessor": accessor})
    # Its next reading finds out, and the one after that has logged in anew.
    team.tenant.apply("kv", team.reading({"TOKEN": "${vault.x.token}", "B": "1"}, x=f"kv/{team.name}/web"))
    wait_until(
        lambda: team.tenant.values("kv").get("TOKEN") == "rewritten",
        "it is read with a new token",
        lambda: team.tenant.status("kv"),
    )


def test_the_kubernetes_method_logs_in_as_well(team: Team, vault: LocalVault) -> None:
    cluster = team.tenant.cluster
    reviewer = SERVICE_ACCOUNTS.path("kube-system", "default", "token")
    binding = {
        "metadata": {"name": f"reviews-{team.name}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "kube-system", "name": "default"}],
    }
    cluster.must("POST", CLUSTER_ROLE_BINDINGS.path(), binding)
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    server = next(one["cluster"]["server"] for one in config["clusters"])
    vault.call("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    vault.call(
        "POST",
        "auth/kubernetes/config",
        {
            "kubernetes_host": server,
            "kubernetes_ca_cert": cluster.authority().decode(),
            "token_reviewer_jwt": cluster.must("POST", reviewer, {"spec": {}})["status"]["token"],
        },
    )
    role = {
        "bound_service_account_names": ["default"],
        "bound_service_account_namespaces": [team.name],
        "audience": vault.url,
        "token_policies": [team.name],
    }
    vault.call("POST", f"auth/kubernetes/role/{team.name}", role)
    definition = team.reading({"TOKEN": "${vault.x.token}"}, login=team.login("kubernetes"), x=f"kv/{team.name}/web")
    team.tenant.apply("kv", definition)
    team.tenant.until_ready("kv")
    assert team.tenant.values("kv") == {"TOKEN": "from-kv-1"}
    vault.call("POST", f"auth/kubernetes/role/{team.name}", {**role, "bound_service_account_names": ["other"]})
    # With other inputs: the same would share the token.
    audience = {"audience": f"{vault.url}/"}
    refusing = team.reading({"A": "${vault.x}"}, login=team.login("kubernetes", **audience), x=f"kv/{team.name}/web")
    assert "does not accept the audience" in refused(team, "AudienceRefused", refusing)
    vault.call(
        "POST",
        f"auth/kubernetes/role/{team.name}",
        {**role, "audience": f"{vault.url}/", "bound_service_account_names": ["other"]},
    )
    message = refused(team, "VaultRoleRefused", refusing | {"imports": []})
    assert "in its bound_service_account_names and bound_service_account_namespaces" in message
    cluster.must("DELETE", CLUSTER_ROLE_BINDINGS.path(name=f"reviews-{team.name}"))


# Refusals, in Vault's own words and ours.


def refused(team: Team, reason: str, definition: dict[str, Any]) -> str:
    team.tenant.apply("no", definition)
    return team.tenant.until_refused("no", reason)


def test_each_refusal_of_a_real_vault_says_what_to_do(team: Team, vault: LocalVault) -> None:
    host, name = vault.url.removeprefix("https://"), team.name
    kv = {"A": "${vault.x.token}"}

    def logging_in(**more: Any) -> dict[str, Any]:
        return team.reading(kv, login=team.login(**more), x=f"kv/{name}/web")

    message = refused(team, "VaultRoleMissing", logging_in(role="nobody"))
    assert f'the auth method auth/jwt at {host} has no role "nobody": correct `jwt.role`' in message
    message = refused(team, "AudienceRefused", logging_in(audience="vault"))
    assert "does not accept the audience vault: set its bound_audiences to that" in message
    message = refused(team, "VaultAuthMethodMissing", logging_in(mount="nothing"))
    assert f"{host} has no auth method at auth/nothing: correct `jwt.mount`" in message
    vault.create_role(f"{name}-other", "system:serviceaccount:elsewhere:default", team.policy)
    message = refused(team, "VaultRoleRefused", logging_in(role=f"{name}-other"))
    assert f"this environment logs in as {team.subject}, because its spec.serviceAccountName names no other" in message
    assert f"auth/jwt/role/{name}-other at {host} does not admit {team.subject}" in message
    message = refused(team, "VaultKVVersion", team.reading(kv, x=f"secret/{name}/web/api"))
    assert f"KV version 2, whose secrets are below data/: write secret/data/{name}/web/api" in message
    message = refused(team, "VaultPathMissing", team.reading(kv, x=f"kv/{name}/nothing"))
    assert f"there is nothing at kv/{name}/nothing at {host}: correct `read.x.path`" in message
    message = refused(team, "VaultPermissionDenied", team.reading(kv, x="kv/another/team"))
    assert 'add path "kv/another/team" { capabilities = ["read"] } to one of them' in message
    token = {"address": vault.url, "token": {"fn::secret": "s.wrong"}}
    message = refused(team, "VaultTokenRefused", team.reading(kv, login=token, x=f"kv/{name}/web"))
    assert f"{host} does not know the token in `login.token`" in message


def test_a_sealed_vault_is_waited_for_and_values_stay(team: Team, vault: LocalVault) -> None:
    definition = team.reading({"TOKEN": "${vault.x.token}"}, x=f"kv/{team.name}/web")
    team.tenant.apply("kv", definition)
    team.tenant.until_ready("kv")
    vault.seal()
    try:
        message = refused(team, "VaultSealed", team.reading({"A": "${vault.x.token}"}, x=f"kv/{team.name}/web"))
        assert "is sealed or not initialized: unseal it; this is tried again later" in message
        assert team.tenant.values("kv") == {"TOKEN": "from-kv-1"}
    finally:
        vault.unseal()
    team.tenant.until_ready("no")


def test_without_an_administrators_word_a_vault_in_the_network_is_not_asked(team: Team, vault: LocalVault) -> None:
    team.tenant.allow(urls=None)
    message = refused(team, "URLNotAllowed", team.reading({"A": "${vault.x.token}"}, x="kv/a"))
    assert f"{vault.url} is not allowed: it is not at a public address; an administrator may allow it" in message
