"""Objects as large as the API server takes them: what is kept of them, and what their authors read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.process_usage import read_usage
from cluster.harness import variables, wait_until
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS
from esc_operator.resources import MANAGED_BY, MANAGED_BY_LABEL, ROTATE_REQUESTED_AT
from tenants.attempt import NOBODY, THEMSELVES, Verdict, attempt
from tenants.judging import applied, settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.stage import Stage

MANY = 12
MOST_MB = 64.0
"""An operator may have so much more than before, whatever a tenant makes."""


def filled(size: int, **named: Any) -> dict[str, Any]:
    """A definition of about so many bytes that fills a Secret."""
    made = variables(A="1")
    made["values"] |= {"unused": [f"value {index:06}" for index in range(size // 15)], **named}
    return made


def grows(stage: Stage, make: Callable[[], object]) -> Verdict:
    """How much more memory the operator takes for what a tenant makes."""
    before = read_usage(stage.operator.pid).peak_rss_mb
    make()
    grown = read_usage(stage.operator.pid).peak_rss_mb - before
    return Verdict("operator" if grown < MOST_MB else NOBODY, f"takes {grown:.0f} MB more", good=grown < MOST_MB)


@attempt("an environment of 1.3 MB")
def too_large(stage: Stage) -> Verdict:
    verdict = applied(stage.attacker, stage.fresh(), filled(1_300_000))
    told = all(part in verdict.told for part in ("LimitExceeded", "at most 1,048,576 are allowed", "split it"))
    return Verdict(verdict.by, verdict.told, good=verdict.good and told)


@attempt("import an environment of 1.3 MB")
def too_large_to_import(stage: Stage) -> Verdict:
    big, name = stage.fresh(), stage.fresh()
    stage.attacker.apply(big, filled(1_300_000), suspend=True)
    verdict = applied(stage.attacker, name, {"imports": [big], **variables(A="1")})
    return Verdict(verdict.by, verdict.told, good=verdict.good and "cannot be imported" in verdict.told)


@attempt("twelve suspended environments of 1.3 MB at once")
def suspended(stage: Stage) -> Verdict:
    names = [stage.fresh() for _ in range(MANY)]

    def make() -> None:
        for name in names:
            stage.attacker.apply(name, filled(1_300_000), suspend=True)
        for name in names:
            settled(stage.attacker, name)

    return grows(stage, make)


@attempt("forty Secrets with the operator's label and 250 KB of annotations")
def labelled_secrets(stage: Stage) -> Verdict:
    names = [f"{stage.fresh()}-labelled" for _ in range(40)]
    metadata = {"labels": {MANAGED_BY_LABEL: MANAGED_BY}, "annotations": {"big": "x" * 250_000}}

    def make() -> None:
        for name in names:
            body = {"metadata": {"name": name, **metadata}, "stringData": {"A": "1"}}
            stage.attacker.cluster.must("POST", SECRETS.path(stage.attacker.namespace), body)
        stage.attacker.apply(stage.fresh(), variables(A="1"))

    try:
        return grows(stage, make)
    finally:
        for name in names:
            stage.administrator.request("DELETE", SECRETS.path(stage.attacker.namespace, name))


@attempt("ask for new credentials by a value of 200 KB")
def long_request(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, variables(A="1"))
    settled(stage.attacker, name)
    stage.attacker.cluster.must(
        "PATCH",
        ENVIRONMENTS.path(stage.attacker.namespace, name),
        {"metadata": {"annotations": {ROTATE_REQUESTED_AT: "x" * 200_000}}},
        content_type="application/merge-patch+json",
    )
    wait_until(lambda: observed(stage, name), "the request is honoured")
    kept = len(observed(stage, name))
    return Verdict(THEMSELVES, f"{kept} characters stand for it", good=kept < 300)


def observed(stage: Stage, name: str) -> str:
    return str(stage.attacker.status(name).get("observedRotateRequest") or "")
