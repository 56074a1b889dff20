"""Other tenants' identities, roles and places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import Tenant, variables
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS, SERVICE_ACCOUNTS
from esc_operator.resources import GROUP
from tenants.attempt import ADMINISTRATOR, NOBODY, Verdict, attempt
from tenants.judging import applied, asked, settled

if TYPE_CHECKING:
    from tenants.stage import Stage

PLACES = {
    "blue/default": "a slash",
    "../blue/default": "a path upwards",
    "blue%2fdefault": "an encoded slash",
    "d\u0435fault": "another e of Unicode",
    "DEFAULT": "capitals",
    "system:serviceaccount:blue:default": "a full subject",
    "a" * 254: "254 letters",
    "": "nothing",
}


def creating(stage: Stage, **spec: Any) -> Verdict:
    """An environment as the API server takes it, or not."""
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": stage.fresh()},
        "spec": {"environment": variables(A="1"), **spec},
    }
    verdict = asked(stage.attacker.cluster, "POST", ENVIRONMENTS.path("red"), body)
    return Verdict(verdict.by, verdict.told.replace("a" * 200, ""), verdict.good)


def _account(name: str, what: str) -> None:
    @attempt(f"serviceAccountName with {what}")
    def named(stage: Stage) -> Verdict:
        return creating(stage, serviceAccountName=name)


def _target(name: str, what: str) -> None:
    @attempt(f"target.name with {what}")
    def named(stage: Stage) -> Verdict:
        return creating(stage, target={"name": name})


for _name, _what in PLACES.items():
    _account(_name, _what)
    _target(_name, _what)


@attempt("act as a ServiceAccount of the neighbour, by a field for it")
def foreign_account(stage: Stage) -> Verdict:
    return _without(stage, "serviceAccount", serviceAccount={"namespace": "blue", "name": "default"})


@attempt("fill a Secret of the neighbour, by a field for it")
def foreign_target(stage: Stage) -> Verdict:
    target = {"namespace": "blue", "namespaces": ["blue"], "name": "reached"}
    verdict = _without(stage, "target.namespace", target=target)
    reached = stage.administrator.find(SECRETS, "blue", "reached")
    return verdict if reached is None else Verdict(NOBODY, "it was filled", good=False)


def _without(stage: Stage, field: str, **spec: Any) -> Verdict:
    """There is no such field: it is dropped, and the environment fills a Secret of its own."""
    name = stage.fresh()
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": name},
        "spec": {"environment": variables(A="1"), **spec},
    }
    made = stage.attacker.cluster.must("POST", ENVIRONMENTS.path("red"), body)
    stage.attacker.until_ready(name)
    return Verdict("schema", f"there is no field spec.{field}: it is dropped", good="blue" not in str(made["spec"]))


@attempt("assume the neighbour's role, which the own list allows")
def foreign_role(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), stage.attacker.login(roleArn=stage.neighbour.role))


@attempt("have a token of the neighbour's ServiceAccount")
def foreign_token(stage: Stage) -> Verdict:
    body = {"spec": {"audiences": ["sts.amazonaws.com"]}}
    return asked(stage.attacker.cluster, "POST", SERVICE_ACCOUNTS.path("blue", "default", "token"), body)


@attempt("assume a role of the own", allowed=True)
def own_role(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, stage.attacker.login(sessionName="another"))
    stage.attacker.until_ready(name)
    return Verdict(NOBODY, "Ready", good="AWS_SESSION_TOKEN" in stage.attacker.values(name))


# Lists.


@attempt("a role outside of the list, which would trust them")
def outside(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), stage.attacker.login(roleArn=stage.lax))


@attempt("the same by an import")
def imported(stage: Stage) -> Verdict:
    base = stage.fresh()
    stage.attacker.apply(base, stage.attacker.login(roleArn=stage.lax))
    return applied(stage.attacker, stage.fresh(), {"imports": [base], "values": {}})


@attempt("the same by interpolation")
def interpolated(stage: Stage) -> Verdict:
    account, _, name = stage.lax.rpartition("/")
    definition = stage.attacker.login(roleArn="${account}/${name}")
    definition["values"] |= {"account": account, "name": name}
    return applied(stage.attacker, stage.fresh(), definition)


def _spelled(what: str, spell: Any) -> None:
    @attempt(f"the same by {what}")
    def spelled(stage: Stage) -> Verdict:
        return applied(stage.attacker, stage.fresh(), stage.attacker.login(roleArn=spell(stage)))


_spelled("capitals", lambda stage: stage.lax.replace("role/lax", "role/LAX"))
_spelled("the own role before it", lambda stage: f"{stage.attacker.role}/../lax")
_spelled("both roles with a comma", lambda stage: f"{stage.attacker.role},{stage.lax}")
_spelled("a newline", lambda stage: f"{stage.attacker.role}\n{stage.lax}")
_spelled("a letter of Unicode", lambda stage: stage.attacker.role.replace("red", "r\u0435d"))


@attempt("an audience outside of the list")
def other_audience(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), stage.attacker.login(audience="vault.example.com"))


@attempt("the audience of the API server")
def own_audience(stage: Stage) -> Verdict:
    issuer = stage.administrator.issuer()
    return applied(stage.attacker, stage.fresh(), stage.attacker.login(audience=issuer))


@attempt("the same where the list allows all audiences", ADMINISTRATOR)
def own_audience_allowed(stage: Stage) -> Verdict:
    namespace = Tenant(stage.administrator, stage.aws, "blue", "")
    namespace.allow(audiences="**")
    name = "try-audience"
    try:
        namespace.apply(name, stage.neighbour.login(audience="https://kubernetes.default.svc"))
        ready = settled(namespace, name)
        return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=namespace.secret(name) is None)
    finally:
        namespace.delete(name)
        namespace.allow(audiences=None)
