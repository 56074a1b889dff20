"""Objects read by providers: of other namespaces, without a right, by a right of others, and to act at the API
server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import Tenant, wait_until
from cluster.test_kubernetes_readers import ROLE_BINDINGS, ROLES, grant, reading
from esc_operator.kube.paths import SECRETS
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.judging import applied, settled
from tenants.stage import ATTACKER, NEIGHBOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.stage import Stage


def _told(stage: Stage, definition: dict[str, Any], canary: str, says: str, **spec: Any) -> Verdict:
    """A refusal that says what to do, shows nothing, and fills nothing."""
    verdict = applied(stage.attacker, stage.fresh(), definition, **spec)
    if found := stage.found(canary):
        return Verdict("operator", f"tells it in {', '.join(found)}", good=False)
    return Verdict(verdict.by, verdict.told, good=verdict.good and says in verdict.told)


def _names(what: str, name: str, says: str, **more: str) -> None:
    @attempt(f"read a Secret of the neighbour's by {what}")
    def named(stage: Stage) -> Verdict:
        return _told(stage, reading(STOLEN={"name": name, **more}), stage.canaries[0], says)


_names("its full name", f"{NEIGHBOUR}/theirs", "leave the namespace out")
_names("a path", f"../../{NEIGHBOUR}/secrets/theirs", "leave the namespace out")
_names("an encoded path", "..%2F..%2Fblue%2Fsecrets%2Ftheirs", "write lower-case letters")
_names("its name alone", "theirs", "may not get Secret red/theirs")


@attempt("read a Secret with a ServiceAccount that has no right to it")
def without_right(stage: Stage) -> Verdict:
    canary, name = stage.canary(), f"of-{stage.fresh()}"
    stage.attacker.write_secret(name, {"password": canary})
    try:
        return _told(stage, reading(STOLEN={"name": name}), canary, "by a Role and a RoleBinding")
    finally:
        stage.attacker.delete_secret(name)


@attempt("read a Secret by a right that the neighbour gave to its own ServiceAccount")
def by_a_right_of_the_neighbour(stage: Stage) -> Verdict:
    neighbour = Tenant(stage.administrator, stage.aws, NEIGHBOUR, "")
    grant(stage.administrator, NEIGHBOUR, "default", "secrets", "theirs")
    try:
        return _told(stage, reading(STOLEN={"name": "theirs"}), stage.canaries[0], "may not get Secret red/theirs")
    finally:
        for resource in (ROLES, ROLE_BINDINGS):
            neighbour.cluster.must("DELETE", resource.path(NEIGHBOUR, "default-reads-secrets"))


@attempt("have the token of a ServiceAccount read as a value")
def of_an_account(stage: Stage) -> Verdict:
    body: Mapping[str, Any] = {
        "metadata": {"name": "reader-token", "annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    }
    stage.attacker.cluster.must("POST", SECRETS.path(ATTACKER), body)
    grant(stage.administrator, ATTACKER, "default", "secrets", "reader-token", "wide")
    try:
        name = stage.fresh()
        stage.attacker.apply(name, reading(A={"name": "reader-token"}, B={"name": "wide"}))
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        good = "no tokens for the API server" in told and "is one that esc-operator fills" in told
        return Verdict("operator", told, good=good and stage.attacker.secret(name) is None)
    finally:
        stage.attacker.delete_secret("reader-token")
        for resource in (ROLES, ROLE_BINDINGS):
            stage.administrator.must("DELETE", resource.path(ATTACKER, "default-reads-secrets"))


@attempt("read a file of the operator's")
def of_the_operator(stage: Stage) -> Verdict:
    call = {"fn::open::file": {"path": "var/run/secrets/kubernetes.io/serviceaccount/token"}}
    definition = {"values": {"t": call, "environmentVariables": {"T": "${t}"}}}
    return _told(stage, definition, "eyJhbGci", "files are read only at a terminal")


@attempt("hold up others with a Secret that changes without end and is followed", allowed=True)
def churned(stage: Stage) -> Verdict:
    """The environment is looked at with pauses, and the last value arrives."""
    own, name = f"of-{stage.fresh()}", stage.fresh()
    stage.attacker.write_secret(own, {"n": "0"})
    grant(stage.administrator, ATTACKER, "default", "secrets", own)
    try:
        stage.attacker.apply(name, reading(N={"name": own, "key": "n"}))
        stage.attacker.until_ready(name)
        for number in range(1, 51):
            stage.attacker.write_secret(own, {"n": str(number)})
        wait_until(lambda: stage.attacker.values(name) == {"N": "50"}, "the last value arrives")
        return Verdict(NOBODY, "the last of 50 values arrives", good=True)
    finally:
        stage.attacker.delete_secret(own)
        for resource in (ROLES, ROLE_BINDINGS):
            stage.administrator.must("DELETE", resource.path(ATTACKER, "default-reads-secrets"))
