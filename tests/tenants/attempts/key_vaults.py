"""Hosts and paths in the name of a Key Vault or of a secret, and secrets in the messages of readings that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenants.attempt import Verdict, attempt
from tenants.judging import applied, settled

if TYPE_CHECKING:
    from tenants.stage import Stage

TOKEN = {"fn::secret": "an-access-token-of-the-attacker"}
AZURE = {"clientId": "red", "tenantId": "red.example.com", "accessToken": TOKEN}
GOOGLE = {"project": 1, "accessToken": TOKEN, "tokenType": "Bearer"}


def of_vault(vault: Any, secret: Any = "key") -> dict[str, Any]:
    call = {"login": AZURE, "vault": vault, "get": {"x": {"name": secret}}}
    return defined({"fn::open::azure-secrets": call})


def of_google(secret: Any) -> dict[str, Any]:
    return defined({"fn::open::gcp-secrets": {"login": GOOGLE, "access": {"x": {"name": secret}}}})


def defined(call: dict[str, Any]) -> dict[str, Any]:
    return {"values": {"store": call, "environmentVariables": {"READ": "${store.x}"}}}


@attempt("name a host of the cluster as a Key Vault")
def host_as_vault(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), of_vault("kubernetes.default.svc/api?"))


@attempt("name another port and user as a Key Vault")
def user_as_vault(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), of_vault("red@10.0.0.1:6443#"))


@attempt("send a secret to the DNS as a Key Vault's name")
def secret_vault(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), of_vault({"fn::secret": "red-vault"}))


@attempt("leave the secrets of a Key Vault by a name upwards")
def vault_upwards(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), of_vault("red-vault", "../keys/key"))


@attempt("leave the secrets of Google by a name upwards")
def google_upwards(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), of_google("projects/1/secrets/../../../v1/token"))


@attempt("have a secret shown by the name of a secret that is not read")
def secret_name(stage: Stage) -> Verdict:
    canary, name = stage.canary(), stage.fresh()
    stage.attacker.apply(name, of_google({"fn::secret": f"{canary}/x"}))
    ready = settled(stage.attacker, name)
    return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=not stage.found(canary))
