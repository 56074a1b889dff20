"""What stands behind an import that is shared: values, names, and logins in somebody else's name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cluster.harness import variables, wait_until
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.judging import applied, settled
from tenants.stage import NEIGHBOURS_SECRET

if TYPE_CHECKING:
    from tenants.stage import Stage

STOLEN = "environmentVariables.STOLEN"
BY_NAME = {
    "two names": "${environments.blue.closed.%s}",
    "brackets": '${environments["blue"]["closed"].%s}',
    "the kind of the cluster's": "${environments.ClusterEscEnvironment.private.%s}",
    "a path in the first name": '${environments["x/blue"].closed.%s}',
    "its place among the imports of the sharer": '${imports["blue/sharer"].imports.closed.%s}',
    "the imports of the own scope": "${imports.closed.%s}",
}
BY_IMPORT: dict[str, list[Any]] = {
    "its name, after the sharer": ["blue/sharer", "blue/closed"],
    "its name, before the sharer": ["blue/closed", "blue/sharer"],
    "its name, unmerged": ["blue/sharer", {"blue/closed": {"merge": False}}],
    "the name of the cluster's": ["blue/sharer", "ClusterEscEnvironment/private"],
    "the bare name of the cluster's": ["blue/sharer", "private"],
}


def _taking(reference: str) -> dict[str, Any]:
    return {"imports": ["blue/sharer"], **variables(MINE=reference % STOLEN)}


def _by_name(what: str, reference: str) -> None:
    @attempt(f"read what a shared environment imports, by {what}")
    def named(stage: Stage) -> Verdict:
        return _kept(stage, applied(stage.attacker, stage.fresh(), _taking(reference)))

    @attempt(f"the same over an environment of the own, by {what}")
    def over_the_own(stage: Stage) -> Verdict:
        middle = stage.fresh()
        stage.attacker.apply(middle, _taking(reference))
        return _kept(stage, applied(stage.attacker, stage.fresh(), {"imports": [middle, "blue/sharer"]}))


def _by_import(what: str, imports: list[Any]) -> None:
    @attempt(f"import what a shared environment imports, by {what}")
    def imported(stage: Stage) -> Verdict:
        verdict = _kept(stage, applied(stage.attacker, stage.fresh(), {"imports": imports}))
        # It is the attacker's own import that fails, and not that of the sharer as well.
        return Verdict(verdict.by, verdict.told, good=verdict.good and " more;" not in verdict.told)


def _kept(stage: Stage, verdict: Verdict) -> Verdict:
    found = stage.found(NEIGHBOURS_SECRET)
    return Verdict(verdict.by, verdict.told, good=verdict.good and not found)


for _what, _reference in BY_NAME.items():
    _by_name(_what, _reference)
for _what, _imports in BY_IMPORT.items():
    _by_import(_what, _imports)


@attempt("import an environment that imports what is not shared", allowed=True)
def sharer(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, {"imports": ["blue/sharer"]})
    stage.attacker.until_ready(name)
    values = stage.attacker.values(name)
    return Verdict(NOBODY, f"Ready, with {', '.join(values)}", good=values == {"SHARED": "1"})


@attempt("find out from the own status and Secret what a shared environment imports")
def names_behind(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, {"imports": ["blue/sharer"]})
    stage.attacker.until_ready(name)
    uid = stage.administrator.must("GET", ENVIRONMENTS.path("blue", "closed"))["metadata"]["uid"]
    body = stage.attacker.cluster.must("GET", SECRETS.path("red", name))
    seen = json.dumps([stage.attacker.status(name), body["metadata"]])
    told = [word for word in ("blue/closed", "private", uid) if word in seen]
    return Verdict("operator", f"imports: {stage.attacker.status(name)['imports']}", good=not told)


@attempt("tell by the error what a shared environment imports")
def errors_behind(stage: Stage) -> Verdict:
    """The neighbour's own import is broken for a moment."""
    stage.neighbour.apply("guest", {"imports": ["not-there"]}, sharing={"namespaces": ["red"]})
    try:
        verdict = applied(stage.attacker, stage.fresh(), {"imports": ["blue/guest"]})
        own = settled(stage.neighbour, "guest")["message"]
        return Verdict(verdict.by, verdict.told, good="not-there" not in verdict.told and "not-there" in own)
    finally:
        stage.neighbour.delete("guest")


# Logins in somebody else's name.


def _lure(stage: Stage, library: dict[str, Any], *between: str, **spec: Any) -> Verdict:
    """The neighbour imports a library of the attacker's for a harmless value."""
    name = stage.fresh()
    stage.attacker.apply(name, library, sharing={"namespaces": ["blue"]})
    imports = f"red/{name}"
    made = []
    try:
        for one in (*between, "guest"):
            stage.neighbour.apply(one, {"imports": [{imports: {"merge": False}}], **variables(A="1")}, **spec)
            made.append(one)
            imports = one
        ready = settled(stage.neighbour, "guest")
        told = f"{ready['reason']}: {ready['message']}"
        good = ready["reason"] == "ImportNotTrusted" and 'add "red" to its spec.trustedNamespaces' in told
        return Verdict("operator", told, good=good and stage.neighbour.secret("guest") is None)
    finally:
        for one in reversed(made):
            stage.neighbour.delete(one)
        wait_until(lambda: stage.neighbour.secret("guest") is None, "the guest is gone")


def _login_of(stage: Stage) -> dict[str, Any]:
    return {"values": {"harmless": "1", **stage.neighbour.login(sessionName="stolen")["values"]}}


@attempt("log in as who imports a harmless value")
def borrowed(stage: Stage) -> Verdict:
    return _lure(stage, _login_of(stage))


@attempt("the same behind an import of the neighbour's own")
def borrowed_deep(stage: Stage) -> Verdict:
    return _lure(stage, _login_of(stage), "guest-of-guest")


@attempt("the same where the neighbour trusts somebody else")
def borrowed_of_others(stage: Stage) -> Verdict:
    return _lure(stage, _login_of(stage), trustedNamespaces=["green"])


@attempt("the same by a rotator")
def borrowed_rotator(stage: Stage) -> Verdict:
    inputs = {"userArn": "arn:aws:iam::123456789012:user/x", "login": {"accessKeyId": "a", "secretAccessKey": "b"}}
    state = {"current": {"accessKeyId": "a", "secretAccessKey": "b", "createdAt": "2026-01-01T00:00:00Z"}}
    rotator = {"fn::rotate::aws-iam": {"inputs": inputs, "state": state}}
    return _lure(stage, {"values": {"harmless": "1", "keys": rotator}})


@attempt("the same with given keys, which log in nowhere")
def handed(stage: Stage) -> Verdict:
    static = {"accessKeyId": "a", "secretAccessKey": "b"}
    return _lure(stage, {"values": {"harmless": "1", "keys": {"fn::open::aws-login": {"static": static}}}})


# The token itself.


def _raw(stage: Stage, **inputs: Any) -> dict[str, Any]:
    azure = {"oidc": True, "clientId": stage.attacker.role, "tenantId": "example.com", "audience": "sts.amazonaws.com"}
    login = {"fn::open::azure-login": {**azure, **inputs}}
    return {"values": {"azure": login, "environmentVariables": {"TOKEN": "${azure.oidc.token}"}}}


def _token(what: str, **inputs: Any) -> None:
    @attempt(f"have the identity token itself for an allowed audience{what}")
    def raw(stage: Stage) -> Verdict:
        verdict = applied(stage.attacker, stage.fresh(), _raw(stage, **inputs))
        good = "TokenNotAllowed" in verdict.told and "esc-operator.dev/allowed-token-audiences" in verdict.told
        return Verdict(verdict.by, verdict.told, good=verdict.good and good)


_token("")
_token(", which is a secret", audience={"fn::secret": "sts.amazonaws.com"})
_token(", with a client secret beside it", clientSecret="x")
