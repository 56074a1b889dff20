"""What a tenant gains by writing, again and again, to Secrets in its namespace that the operator fills."""

from __future__ import annotations

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from cluster.harness import stays, variables, wait_until
from esc_operator.kube.paths import SECRETS
from tenants.attempt import THEMSELVES, Verdict, attempt
from tenants.stage import ATTACKER, NEIGHBOUR

if TYPE_CHECKING:
    from tenants.stage import Stage

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
FORGED = 'nobody" keeps it in order\nReady'


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _add(stage: Stage, name: str, key: str, value: str, manager: str) -> None:
    path = SECRETS.path(ATTACKER, name)
    body = {"data": {key: _encoded(value)}}
    stage.attacker.cluster.must("PATCH", path, body, content_type=MERGE, fieldManager=manager)


def _fight(stage: Stage, name: str, key: str, value: str, manager: str) -> dict[str, Any]:
    """Add a key until that is reported; answers the condition."""

    def is_reported() -> bool:
        _add(stage, name, key, value, manager)
        return stage.attacker.condition(name).get("reason") == "SecretContested"

    wait_until(is_reported, "the fight is reported", lambda: stage.attacker.status(name))
    return stage.attacker.condition(name)


@attempt("have the value of a key that one adds oneself shown where more people read")
def value_is_told(stage: Stage) -> Verdict:
    name, canary = stage.fresh(), stage.canary()
    stage.attacker.apply(name, variables(A="1"))
    stage.attacker.until_ready(name)
    told = _fight(stage, name, "EXTRA", canary, "kubectl-patch")
    found = [place for form in (canary, _encoded(canary)) for place in stage.found(form)]
    named = 'field manager "kubectl-patch" keeps changing it (key "EXTRA")' in told["message"]
    return Verdict("operator", f"{told['reason']}: {told['message']}", good=named and not found)


@attempt("write the operator's messages by the name of a field manager")
def message_is_forged(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, variables(A="1"))
    stage.attacker.until_ready(name)
    path, body = SECRETS.path(ATTACKER, name), {"data": {"EXTRA": "eA=="}}
    status, answer = stage.attacker.cluster.request("PATCH", path, body, content_type=MERGE, fieldManager=FORGED)
    if status >= 400:  # it takes printable names only
        forged = FORGED.replace("\n", " ")
        told = _fight(stage, name, "EXTRA", "x", forged)
        shown = forged.replace('"', "?")
        return Verdict(
            "operator", told["message"], good=f'field manager "{shown}" keeps changing it' in told["message"]
        )
    return Verdict("API server", str(answer.get("message")), good=False)


@attempt("spread a key to other namespaces by the Secret of a ClusterEscEnvironment")
def spread(stage: Stage) -> Verdict:
    canary = stage.canary()
    genuine = stage.attacker.values("wide")
    _add(stage, "wide", "SPREAD", canary, "kubectl-patch")
    wait_until(lambda: stage.attacker.values("wide") == genuine, "the key is taken off")
    stays(lambda: "SPREAD" not in stage.neighbour.values("wide"), 1.0)
    return Verdict("operator", "the key is taken off, and nobody else has it")


@attempt("spread a key to other namespaces as the operator's own field manager")
def spread_as_the_operator(stage: Stage) -> Verdict:
    """The operator believes its own entry in managedFields as far as the record's digest goes, which is sealed."""
    canary, genuine = stage.canary(), stage.attacker.values("wide")
    found = stage.attacker.secret("wide") or {}
    kept = {part: found["metadata"][part] for part in ("name", "labels", "annotations", "ownerReferences")}
    data = {**found["data"], "SPREAD": _encoded(canary)}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": kept, "data": data, "type": found["type"]}
    path = SECRETS.path(ATTACKER, "wide")
    forging = {"content_type": APPLY, "fieldManager": "esc-operator", "force": "true"}
    stage.attacker.cluster.must("PATCH", path, body, **forging)
    wait_until(lambda: stage.attacker.values("wide") == genuine, "the key is taken off")
    stays(lambda: "SPREAD" not in stage.neighbour.values("wide"), 1.0)
    return Verdict("operator", "the key is taken off, and nobody else has it")


@attempt("keep the operator at work by changing one's Secrets without end")
def without_end(stage: Stage) -> Verdict:
    names, over = [stage.fresh() for _ in range(8)], threading.Event()
    for name in names:
        stage.attacker.apply(name, variables(A="1"))
    for name in names:
        stage.attacker.until_ready(name)

    def change(name: str) -> None:
        while not over.is_set():
            _add(stage, name, "EXTRA", "x", "kubectl-patch")
            time.sleep(0.02)

    with ThreadPoolExecutor(len(names)) as pool:
        fights = [pool.submit(change, name) for name in names]
        try:
            waits = [stage.take_pulse(variables(BEAT="1")) for _ in range(5)]
        finally:
            over.set()
    for fight in fights:
        fight.result()
    longest = max(waits)
    told = f"the neighbour waits {longest:.1f} s at most"
    assert stage.neighbour.namespace == NEIGHBOUR
    return Verdict(THEMSELVES, told, good=longest < 5)
