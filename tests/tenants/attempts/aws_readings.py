"""Readers of AWS: regions that lead elsewhere, names that are secrets, and an account that is throttled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import wait_until
from tenants.attempt import NOBODY, THEMSELVES, Verdict, attempt
from tenants.judging import applied, secret_kept, settled
from tenants.stage import NEIGHBOUR

if TYPE_CHECKING:
    from cluster.harness import Tenant
    from tenants.stage import Stage

REGION = "us-east-1"
PROVIDERS = {"aws-secrets": "secretsmanager", "aws-parameter-store": "ssm"}
GIVEN = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": {"fn::secret": "a-given-secret-key"}}


def reading(secret: Any, login: Any = None, provider: str = "aws-secrets", **more: Any) -> dict[str, Any]:
    item = {"secretId": secret} if provider == "aws-secrets" else {"name": secret}
    call = {"region": REGION, "login": login or GIVEN, "get": {"x": item}, **more}
    return {"values": {"aws": {f"fn::open::{provider}": call}, "environmentVariables": {"READ": "${aws.x}"}}}


def login(tenant: Tenant) -> dict[str, Any]:
    return {"fn::open::aws-login": {"oidc": {"roleArn": tenant.role, "sessionName": "reader"}}}


def _elsewhere(provider: str, field: str, region: str) -> None:
    @attempt(f"lead {provider} to a host of the own by {field} {region}")
    def another_host(stage: Stage) -> Verdict:
        verdict = applied(stage.attacker, stage.fresh(), reading("own", provider=provider, **{field: region}))
        good = verdict.good and "is not an AWS region: set" in verdict.told and f"set `{field}`" in verdict.told
        return Verdict(verdict.by, verdict.told, good=good)


for _provider in PROVIDERS:
    for _field in ("region", "failoverRegion"):
        _elsewhere(_provider, _field, "x.attacker.example.com/")
        _elsewhere(_provider, _field, "169.254.169.254#")


@attempt("look a secret up in DNS as the region of a reader")
def secret_region(stage: Stage) -> Verdict:
    canary = stage.canary()
    verdict = secret_kept(stage, reading("own", region={"fn::secret": canary}), canary)
    return Verdict(verdict.by, verdict.told, good=verdict.good and "SecretHost" in verdict.told)


@attempt("have the name of a secret told that is a secret itself, because it does not exist")
def secret_name_missing(stage: Stage) -> Verdict:
    canary = stage.canary()
    verdict = secret_kept(stage, reading({"fn::secret": canary}, login(stage.attacker)), canary)
    return Verdict(verdict.by, verdict.told, good=verdict.good and 'the secret "[secret]" does not' in verdict.told)


@attempt("have the name of a secret told that is a secret itself, in the list of what was read")
def secret_name_read(stage: Stage) -> Verdict:
    canary, name = stage.canary(), stage.fresh()
    stage.aws.client("secretsmanager").create_secret(Name=canary, SecretString="a-value-that-was-read")
    stage.attacker.apply(name, reading({"fn::secret": canary}, login(stage.attacker)))
    stage.attacker.until_ready(name)
    told = stage.attacker.status(name)["secretVersions"]
    found = stage.found(canary)
    return Verdict("operator", f"{told}; found in {found}", good=not found and "name" not in told[0])


@attempt("have an account throttled, and others wait for their secrets")
def throttled_account(stage: Stage) -> Verdict:
    """The neighbour's reading is served while the attacker's is refused again and again."""
    name = stage.fresh()
    stage.aws.client("secretsmanager").create_secret(Name=f"blue/{name}", SecretString="for-the-neighbour")
    stage.aws.inject(service="secretsmanager", code="ThrottlingException", message="Rate exceeded", retry_after="300")
    try:
        stage.attacker.apply(name, reading("own", login(stage.attacker)))
        ready = settled(stage.attacker, name)
    finally:
        stage.aws.clear_faults()
    stage.neighbour.apply(name, reading(f"blue/{name}", login(stage.neighbour)))
    wait_until(lambda: stage.neighbour.secret(name) is not None, "the neighbour has its secret", patience=10)
    stage.neighbour.delete(name)
    # The next attempt would be blamed for a Secret that goes later.
    wait_until(lambda: stage.neighbour.secret(name) is None, "the neighbour's Secret is gone", patience=60)
    for what in (f"Secret {NEIGHBOUR}/{name}", f"environment {name}", f"mints of {stage.neighbour.role}"):
        stage.allow_change(what)
    by = THEMSELVES if ready["reason"] == "Throttled" else NOBODY
    return Verdict(by, f"{ready['reason']}: {ready['message']}", good=ready["reason"] == "Throttled")
