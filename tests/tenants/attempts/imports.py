"""Other tenants' values, by importing their environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import variables
from esc_operator.kube.paths import ENVIRONMENTS
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.judging import applied, asked
from tenants.stage import MERGE

if TYPE_CHECKING:
    from tenants.stage import Stage

NAMES = {
    "../blue/closed": "a path upwards",
    "red/../blue/closed": "a path up and down",
    "blue%2fclosed": "an encoded slash",
    "blue%2Fclosed?x=1": "an encoded slash and a query",
    "blue/closed/status": "a path below",
    "blue\u2215closed": "another slash of Unicode",
    "\uff42lue/closed": "another b of Unicode",
    "BLUE/CLOSED": "capitals",
    " blue/closed": "a blank before",
    "blue/closed\n": "a newline behind",
    "blue/closed@latest": "a version",
    "default/blue/closed": "an organization before",
    "ClusterEscEnvironment/../blue/closed": "a path from the cluster's",
    "x" * 4000: "a name of 4000 letters",
    "*": "a star",
    ".": "a dot",
}


def stealing(name: str) -> dict[str, Any]:
    return {"imports": [name], "values": {"environmentVariables": {"MINE": "${environmentVariables.STOLEN}"}}}


@attempt("import an environment that is not shared")
def unshared(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), stealing("blue/closed"))


@attempt("tell one that is not shared from one that does not exist")
def same_words(stage: Stage) -> Verdict:
    hidden = applied(stage.attacker, stage.fresh(), stealing("blue/closed"))
    absent = applied(stage.attacker, stage.fresh(), stealing("blue/absent"))
    same = hidden.told == absent.told.replace("blue/absent", "blue/closed").replace('"absent"', '"closed"')
    return Verdict("operator", f"the same words: {absent.told}", good=same and hidden.good and absent.good)


@attempt("import one that is shared", allowed=True)
def shared(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, {"imports": ["blue/shared"]})
    stage.attacker.until_ready(name)
    given = stage.attacker.values(name)
    return Verdict(NOBODY, f"Ready, with {', '.join(given)}", good=given == {"GIVEN": "1"})


@attempt("import a ClusterEscEnvironment that is not shared")
def unshared_of_the_cluster(stage: Stage) -> Verdict:
    return applied(stage.attacker, stage.fresh(), stealing("ClusterEscEnvironment/private"))


@attempt("let the neighbour share it")
def sharing(stage: Stage) -> Verdict:
    path = ENVIRONMENTS.path("blue", "closed")
    body = {"spec": {"sharing": {"namespaces": ["red"]}}}
    return asked(stage.attacker.cluster, "PATCH", path, body, content_type=MERGE)


@attempt("read the neighbour's environment at the API server")
def reading(stage: Stage) -> Verdict:
    return asked(stage.attacker.cluster, "GET", ENVIRONMENTS.path("blue", "closed"))


def _by_name(imported: str, what: str) -> None:
    @attempt(f"import by {what}")
    def by_name(stage: Stage) -> Verdict:
        verdict = applied(stage.attacker, stage.fresh(), stealing(imported))
        return Verdict(verdict.by, verdict.told.replace("x" * 100, ""), verdict.good)


for _imported, _what in NAMES.items():
    _by_name(_imported, _what)


@attempt("import what an own environment of the same name hides", allowed=True)
def own_name(stage: Stage) -> Verdict:
    """`private` is of the cluster; one of the own namespace comes first, and is one's own."""
    stage.note("private")
    stage.attacker.apply("private", variables(STOLEN="mine anyway"))
    name = stage.fresh()
    stage.attacker.apply(name, {"imports": ["private"]})
    stage.attacker.until_ready(name)
    values = stage.attacker.values(name)
    return Verdict(NOBODY, "Ready, with the own one", good=values == {"STOLEN": "mine anyway"})
