"""Environments in Pulumi Cloud: others' tokens, hosts of one's own, and what an import may have others open."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cluster.harness import variables, wait_until
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.resources import ROTATE_REQUESTED_AT
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.judging import asked, settled
from tenants.stage import APPLY, ATTACKER, NEIGHBOUR, PULSE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.harness import Tenant
    from tenants.stage import Stage

ORGANIZATION = "blue-org"
PROD = "values: {password: {fn::secret: given-on-purpose}, environmentVariables: {GIVEN: one}}"
BASE = f"{PULSE}of-pulumi"
"""The neighbour's environment, which is in Pulumi Cloud, and the Secret with its access token."""


def environment(namespace: str, name: str, source: Mapping[str, Any], **spec: Any) -> tuple[str, dict[str, Any]]:
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"environmentFrom": {"pulumi": source}, **spec},
    }
    return ENVIRONMENTS.path(namespace, name), body


def source_of(stage: Stage, secret: str = BASE, **more: Any) -> dict[str, Any]:
    named = {"organization": ORGANIZATION, "project": "shop", "environment": "prod", "apiUrl": stage.pulumi.url}
    return {**named, **({} if "oidc" in more else {"accessTokenSecretRef": {"name": secret, "key": "token"}}), **more}


def refer(tenant: Tenant, name: str, source: Mapping[str, Any], **spec: Any) -> None:
    path, body = environment(tenant.namespace, name, source, **spec)
    tenant.cluster.must("PATCH", path, body, content_type=APPLY, fieldManager="tenant", force="true")


def furnish(stage: Stage, *shared: str) -> None:
    """The neighbour's environment in Pulumi Cloud, shared with some."""
    if ORGANIZATION not in stage.pulumi.cloud.organizations:
        stage.pulumi.create_organization(ORGANIZATION, members=["ada"])
        stage.pulumi.put(ORGANIZATION, "shop/prod", PROD)
    token = stage.pulumi.create_token(ORGANIZATION, user="ada")
    stage.neighbour.write_secret(BASE, {"token": token})
    sharing = {"sharing": {"namespaces": list(shared)}} if shared else {}
    refer(stage.neighbour, BASE, source_of(stage, lifetime="1h"), target={"name": f"{BASE}-values"}, **sharing)
    stage.neighbour.until_ready(BASE)


def remove(stage: Stage) -> None:
    stage.neighbour.delete(BASE)
    stage.neighbour.delete_secret(BASE)
    wait_until(lambda: stage.neighbour.secret(f"{BASE}-values") is None, "the values of the neighbour's are gone")


def opens(stage: Stage) -> int:
    lines = stage.pulumi.counts().items()
    return sum(number for line, number in lines if line.startswith("POST") and line.endswith("/open"))


@attempt("name a Secret of the neighbour's as an access token")
def of_the_neighbour(stage: Stage) -> Verdict:
    path, body = environment(ATTACKER, stage.fresh(), source_of(stage, f"{NEIGHBOUR}/{BASE}"))
    cluster = stage.attacker.cluster
    verdict = asked(cluster, "PATCH", path, body, content_type=APPLY, fieldManager="attacker", force="true")
    return Verdict(verdict.by, verdict.told, good=verdict.good and "another namespace cannot be named" in verdict.told)


@attempt("open an environment in Pulumi Cloud with the access token of a Secret of the neighbour's name")
def of_the_same_name(stage: Stage) -> Verdict:
    furnish(stage)
    try:
        name = stage.fresh()
        refer(stage.attacker, name, source_of(stage))
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        return Verdict("operator", told, good=f"Secret {ATTACKER}/{BASE} does not exist: create it" in told)
    finally:
        remove(stage)


@attempt("read an access token in what the operator tells of its refusal")
def of_a_refusal(stage: Stage) -> Verdict:
    canary, name = stage.canary(), stage.fresh()
    stage.attacker.write_secret(f"of-{name}", {"token": f"pul-{canary}"})
    try:
        refer(stage.attacker, name, source_of(stage, f"of-{name}"))
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        if found := stage.found(canary):
            return Verdict("operator", f"tells it in {', '.join(found)}", good=False)
        return Verdict("operator", told, good=ready["status"] == "False" and "does not accept the access token" in told)
    finally:
        stage.attacker.delete_secret(f"of-{name}")


@attempt("have a password of the namespace sent to a host of one's own as an access token")
def of_a_password(stage: Stage) -> Verdict:
    before, canary, name = len(stage.pulumi.requests()), stage.canary(), stage.fresh()
    stage.attacker.write_secret(f"of-{name}", {"token": canary})
    try:
        refer(stage.attacker, name, source_of(stage, f"of-{name}"))
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        nothing_came = len(stage.pulumi.requests()) == before
        return Verdict("operator", told, good="what is no access token" in told and nothing_came)
    finally:
        stage.attacker.delete_secret(f"of-{name}")


@attempt("import the neighbour's environment in Pulumi Cloud, which is not shared")
def unshared(stage: Stage) -> Verdict:
    furnish(stage)
    try:
        before, name = opens(stage), stage.fresh()
        stage.attacker.apply(name, {"imports": [f"{NEIGHBOUR}/{BASE}"], **variables(STOLEN="${password}")})
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        good = ready["reason"] == "ImportNotAllowed" and ORGANIZATION not in told and opens(stage) == before
        return Verdict("operator", told, good=good)
    finally:
        remove(stage)


@attempt("learn from a shared import why the neighbour's environment in Pulumi Cloud cannot be opened")
def causes(stage: Stage) -> Verdict:
    furnish(stage, ATTACKER)
    try:
        name, gone = stage.fresh(), source_of(stage, environment="gone")
        refer(stage.neighbour, BASE, gone, target={"name": f"{BASE}-values"}, sharing={"namespaces": [ATTACKER]})
        stage.neighbour.until_refused(BASE, "EnvironmentNotFound", "Refreshed")
        stage.attacker.apply(name, {"imports": [f"{NEIGHBOUR}/{BASE}"], **variables(A="1")})
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        hides = ORGANIZATION not in str(stage.attacker.status(name)) and stage.pulumi.url not in told
        return Verdict("operator", told, good=hides and "ask its owner, who sees the cause" in told)
    finally:
        remove(stage)


def _host(what: str, url: str, words: str) -> None:
    @attempt(f"have the operator ask {what} as Pulumi Cloud")
    def host(stage: Stage) -> Verdict:
        name = stage.fresh()
        stage.attacker.write_secret(f"of-{name}", {"token": "pul-0123456789"})
        try:
            refer(stage.attacker, name, source_of(stage, f"of-{name}", apiUrl=url))
            ready = settled(stage.attacker, name)
            told = f"{ready['reason']}: {ready['message']}"
            return Verdict("operator", told, good=ready["reason"] == "URLNotAllowed" and words in told)
        finally:
            stage.attacker.delete_secret(f"of-{name}")


_host("the metadata of its machine", "http://169.254.169.254", "it is not https://")
_host("the metadata of its machine over TLS", "https://169.254.169.254", "it is not at a public address")
_host("an address within the cluster", "https://10.96.0.1", "it is not at a public address")


@attempt("harvest identity tokens for Pulumi Cloud by an apiUrl of one's own")
def harvest(stage: Stage) -> Verdict:
    before, name = len(stage.pulumi.requests()), stage.fresh()
    refer(stage.attacker, name, source_of(stage, oidc={}))
    ready = settled(stage.attacker, name)
    told = f"{ready['reason']}: {ready['message']}"
    helps = "ask an administrator to add it" in told
    nothing_came = len(stage.pulumi.requests()) == before
    return Verdict("operator", told, good=ready["status"] == "False" and helps and nothing_came)


@attempt("use up the rate limit of the neighbour's organization by rotations of 20 importers")
def throttle(stage: Stage) -> Verdict:
    furnish(stage, ATTACKER)
    try:
        names = [stage.fresh() for _ in range(20)]
        for name in names:
            stage.attacker.apply(name, {"imports": [f"{NEIGHBOUR}/{BASE}"], **variables(GIVEN="${password}")})
        for name in names:
            stage.attacker.until_ready(name)
        before, began, number = opens(stage), time.monotonic(), 0
        while time.monotonic() - began < 25:
            number += 1
            for name in names:
                stage.attacker.annotate(name, annotations={ROTATE_REQUESTED_AT: str(number)})
        many = opens(stage) - before
        stage.neighbour.annotate(BASE, annotations={ROTATE_REQUESTED_AT: "served"})
        wait_until(
            lambda: stage.neighbour.status(BASE).get("observedRotateRequest") == "served", "the neighbour is served"
        )
        told = f"{number * len(names)} requests for rotations had it opened {many} times"
        return Verdict("operator", told, good=many <= 4 and number > 1)
    finally:
        remove(stage)


@attempt("import the neighbour's environment in Pulumi Cloud, which is shared", allowed=True)
def shared(stage: Stage) -> Verdict:
    furnish(stage, ATTACKER)
    try:
        name = stage.fresh()
        stage.attacker.apply(
            name, {"imports": [f"{NEIGHBOUR}/{BASE}"], **variables(PICKED="${environmentVariables.GIVEN}")}
        )
        stage.attacker.until_ready(name)
        given = stage.attacker.values(name)
        return Verdict(NOBODY, f"Ready, with {given}", good=given == {"PICKED": "one", "GIVEN": "one"})
    finally:
        remove(stage)
