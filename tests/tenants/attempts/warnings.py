"""Reading by warnings what is not shared: a status tells its owner what is theirs, and only the kind of what is behind
it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cluster.harness import variables, wait_until
from esc_operator.resources.applied import LAST_APPLIED
from tenants.attempt import NOBODY, THEMSELVES, Verdict, attempt

if TYPE_CHECKING:
    from tenants.stage import Stage

CANARY = "canary_of_blue"


def _warned(stage: Stage, name: str) -> str:
    """The warning, which the attacker reads."""
    wait_until(lambda: bool(stage.attacker.condition(name)), "it is worked on")
    return str(stage.attacker.condition(name, "Warnings").get("message", "no warning"))


@attempt("read the names in what a shared environment imports, by its warnings", allowed=True)
def behind(stage: Stage) -> Verdict:
    closed, shared, name = stage.fresh(), stage.fresh(), stage.fresh()
    try:
        stage.neighbour.apply(closed, {**variables(A="1"), CANARY: 1})
        stage.neighbour.apply(shared, {"imports": [closed]}, sharing={"namespaces": ["red"]})
        stage.neighbour.until_ready(shared)
        stage.attacker.apply(name, {"imports": [f"blue/{shared}"]})
        stage.attacker.until_ready(name)
        told, status = _warned(stage, name), json.dumps(stage.attacker.status(name))
        good = CANARY not in status and closed not in status and "an environment that it imports has a warning" in told
        return Verdict(NOBODY, told, good=good)
    finally:
        for one in (shared, closed):
            stage.neighbour.delete(one)
        wait_until(lambda: not any(map(stage.neighbour.secret, (shared, closed))), "what was shared is gone")


@attempt("make the operator's status as large as an object may be, by warnings", allowed=True)
def large(stage: Stage) -> Verdict:
    name, long = stage.fresh(), "x" * 200
    many: dict[str, Any] = {f"{long}{number}": [] for number in range(300)}
    definition: dict[str, Any] = {"values": {"environmentVariables": {**many, "A": "1"}}}
    stage.attacker.apply(name, {**definition, **{f"odd{number}{long}": 1 for number in range(300)}})
    stage.attacker.until_ready(name)
    size = len(json.dumps(stage.attacker.status(name)))
    return Verdict(THEMSELVES, f"a status of {size} bytes: {_warned(stage, name)[:200]}", good=size < 16_000)


@attempt("stop the operator by what stands where kubectl keeps the manifest", allowed=True)
def manifest(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, variables(A="1"))
    stage.attacker.until_ready(name)
    for text in ("[" * 100_000 + "null", '{"spec":null}', json.dumps({"spec": {"environment": {"a": {"\n": None}}}})):
        stage.attacker.annotate(name, annotations={LAST_APPLIED: text})
    stage.attacker.apply(name, variables(A="2"))
    wait_until(lambda: stage.attacker.values(name) == {"A": "2"}, "it is worked on all the same")
    told = f"the environment is filled; {_warned(stage, name)}"
    return Verdict(NOBODY, told, good="\n" not in told)
