"""Names of others, by misspelling them: a suggestion must name nothing that its reader may not import."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cluster.harness import variables
from tenants.attempt import NOBODY, THEMSELVES, Verdict, attempt
from tenants.judging import applied, settled

if TYPE_CHECKING:
    from tenants.stage import Stage

MISSPELLED = {
    "blue/closde": "another namespace, one letter off",
    "bleu/closed": "another namespace that is one letter off itself",
    "blue/shraed/closed": "another namespace, with a path",
    "ClusterEscEnvironment/privat": "the cluster's, one letter off",
}


def _importing(name: str) -> dict[str, Any]:
    return {"imports": [name], **variables(A="1")}


def _by_name(name: str, what: str) -> None:
    @attempt(f"learn a name from a suggestion: {what}")
    def suggested(stage: Stage) -> Verdict:
        verdict = applied(stage.attacker, stage.fresh(), _importing(name))
        told = verdict.told.replace(name, "").replace("".join(name.rpartition("/")[2]), "")
        names_one = any(hidden in told for hidden in ("closed", "private"))
        return Verdict(verdict.by, verdict.told, good=verdict.good and not names_one)


for _name, _what in MISSPELLED.items():
    _by_name(_name, _what)


@attempt("learn the keys of a secret from a suggestion")
def keys_of_a_secret(stage: Stage) -> Verdict:
    values = {
        "secret": {"fn::fromJSON": {"fn::secret": '{"hidden-key": 1}'}},
        **variables(A="${secret.hiden-key}")["values"],
    }
    verdict = applied(stage.attacker, stage.fresh(), {"values": values})
    return Verdict(verdict.by, verdict.told, good=verdict.good and "hidden-key" not in verdict.told)


@attempt("be told what is shared and near", allowed=True)
def near(stage: Stage) -> Verdict:
    verdict = applied(stage.attacker, stage.fresh(), _importing("blue/shraed"))
    return Verdict(NOBODY, verdict.told, good='did you mean "blue/shared"?' in verdict.told)


@attempt("hold up the operator with ten thousand properties that are all misspelled")
def many_names(stage: Stage) -> Verdict:
    name = stage.fresh()
    known = {f"property-{number:05}": 1 for number in range(5_000)}
    wrong = {f"v{number:05}": f"${{proprety-{number:05}}}" for number in range(5_000)}
    stage.attacker.apply(name, {"values": {**known, **wrong}})
    started = time.monotonic()
    ready = settled(stage.attacker, name)
    took = time.monotonic() - started
    return Verdict(THEMSELVES, f"{ready['reason']} after {took:.1f} s", good=ready["status"] == "False" and took < 20)
