"""Rotators of environments in Pulumi Cloud: a rotation there ends secrets of everyone who opens the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.harness import variables, wait_until
from esc_operator.resources import ROTATE_PULUMI_ROTATORS, ROTATE_REQUESTED_AT
from tenants.attempt import Verdict, attempt
from tenants.attempts.pulumi import BASE, ORGANIZATION, furnish, refer, remove, source_of
from tenants.stage import NEIGHBOUR

if TYPE_CHECKING:
    from tenants.stage import Stage

NUMBERED = (
    "values: {key: {fn::rotate::numbered: {inputs: {prefix: key-}}}, environmentVariables: {KEY: '${key.current}'}}"
)


def rotations(stage: Stage) -> int:
    lines = stage.pulumi.counts().items()
    return sum(number for line, number in lines if line.startswith("POST") and line.endswith("/rotate"))


@attempt("rotate the rotators of the neighbour's environment in Pulumi Cloud by importing it")
def by_import(stage: Stage) -> Verdict:
    furnish(stage, stage.attacker.namespace)
    try:
        stage.pulumi.put(ORGANIZATION, "shop/rotating", NUMBERED)
        rotating = source_of(stage, environment="rotating", lifetime="1h")
        sharing = {"namespaces": [stage.attacker.namespace]}
        refer(stage.neighbour, BASE, rotating, target={"name": f"{BASE}-values"}, sharing=sharing)
        stage.neighbour.until_ready(BASE)
        before, name = rotations(stage), stage.fresh()
        stage.attacker.apply(name, {"imports": [f"{NEIGHBOUR}/{BASE}"], **variables(KEY="${key.current}")})
        stage.attacker.until_ready(name)
        now = {ROTATE_REQUESTED_AT: "now", ROTATE_PULUMI_ROTATORS: "now"}
        stage.attacker.annotate(name, annotations=now)
        wait_until(lambda: stage.attacker.status(name).get("observedRotateRequest") == "now", "the request is met")
        values = stage.attacker.values(name)
        told = f"it was opened anew, and not rotated: {values}"
        return Verdict("operator", told, good=rotations(stage) == before and values == {"KEY": "key-0"})
    finally:
        remove(stage)


@attempt("stop the operator by what is said to have rotated in Pulumi Cloud")
def by_state(stage: Stage) -> Verdict:
    furnish(stage)
    name = stage.fresh()
    stage.attacker.write_secret(f"of-{name}", {"token": stage.pulumi.create_token(ORGANIZATION, user="ada")})
    try:
        stage.pulumi.put(ORGANIZATION, "shop/rotating", NUMBERED)
        refer(stage.attacker, name, source_of(stage, f"of-{name}", environment="rotating", lifetime="1h"))
        stage.attacker.until_ready(name)
        for number, state in enumerate(
            ['{"failed": 1}', '{"tries": true, "before": []}', '{"failed": {"a": {}}}', "[]"]
        ):
            now = {ROTATE_REQUESTED_AT: str(number), ROTATE_PULUMI_ROTATORS: str(number)}
            stage.attacker.annotate(name, annotations=now)
            wait_until(
                lambda met=str(number): stage.attacker.status(name).get("observedRotateRequest") == met,  # type: ignore[misc]
                "the request is met",
                lambda: stage.attacker.status(name),
            )
            entry = f'{{"spec.environmentFrom": {{"state": {state}, "request": ["{number + 1}", ""]}}}}'
            stage.attacker.write_secret(f"{name}-rotators", {"states": entry})
        values = stage.attacker.values(name)
        return Verdict("operator", f"it goes on: {values}", good=values["KEY"].startswith("key-"))
    finally:
        stage.attacker.delete_secret(f"of-{name}")
        remove(stage)
