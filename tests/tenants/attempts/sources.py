"""Definitions in other objects: Secrets named as definitions, by an author who reads no more than statuses, and many
references."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cluster.harness import wait_until
from esc_operator.kube.paths import CONFIG_MAPS, ENVIRONMENTS, SECRETS
from tenants.attempt import NOBODY, THEMSELVES, Verdict, attempt
from tenants.judging import asked, settled
from tenants.stage import APPLY, ATTACKER, NEIGHBOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.stage import Stage

KEY = "held"
CONTENTS = {
    "a password": "{canary}",
    "a password that begins with a star": "*{canary}",
    "a user and a password": "{canary}: {canary}",
    "a JSON object": '{{"auths": {{"{canary}": {{"auth": "{canary}"}}}}}}',
    "what looks like an access": "values: {{a: '${{{canary}.{canary}}}'}}",
    "what looks like a provider": "values: {{a: {{fn::open::{canary}: {{}}}}}}",
    "a text with a tab": "values:\n\t{canary}: 1",
    "a tag": "!{canary} {canary}",
}


def environment(own: str, kind: str, **reference: str) -> tuple[str, dict[str, Any]]:
    """The path and the body of an environment of the attacker's that refers to an object."""
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": own, "namespace": ATTACKER},
        "spec": {"environmentFrom": {kind: reference}},
    }
    return ENVIRONMENTS.path(ATTACKER, own), body


def refer(stage: Stage, own: str, kind: str = "secretKeyRef", **reference: str) -> None:
    path, body = environment(own, kind, **reference)
    stage.attacker.cluster.must("PATCH", path, body, content_type=APPLY, fieldManager="attacker", force="true")


def write_map(stage: Stage, name: str, data: Mapping[str, str]) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": ATTACKER}, "data": data}
    path = CONFIG_MAPS.path(ATTACKER, name)
    stage.attacker.cluster.must("PATCH", path, body, content_type=APPLY, fieldManager="attacker", force="true")


def _named(what: str, content: str) -> None:
    @attempt(f"name a Secret as a definition that holds {what}")
    def named(stage: Stage) -> Verdict:
        canary, name = stage.canary(), stage.fresh()
        stage.attacker.write_secret(f"of-{name}", {KEY: content.format(canary=canary)})
        try:
            refer(stage, name, name=f"of-{name}", key=KEY)
            ready = settled(stage.attacker, name)
            told = f"{ready['reason']}: {ready['message']}"
            if found := stage.found(canary):
                return Verdict("operator", f"tells it in {', '.join(found)}", good=False)
            helps = f"Secret {ATTACKER}/of-{name}, key {KEY}: " in told and "a Secret holds the text" in told
            is_object = ready["reason"] == "NoVariables"  # what is in it is not even named as unknown
            return Verdict("operator", told, good=is_object or (ready["status"] == "False" and helps))
        finally:
            stage.attacker.delete_secret(f"of-{name}")


for _what, _content in CONTENTS.items():
    _named(_what, _content)


@attempt("name a Secret of the neighbour's as a definition")
def of_the_neighbour(stage: Stage) -> Verdict:
    path, body = environment(stage.fresh(), "secretKeyRef", name=f"{NEIGHBOUR}/theirs", key="PASSWORD")
    cluster = stage.attacker.cluster
    verdict = asked(cluster, "PATCH", path, body, content_type=APPLY, fieldManager="attacker", force="true")
    return Verdict(verdict.by, verdict.told, good=verdict.good and "another namespace cannot be named" in verdict.told)


@attempt("name a Secret that the operator fills as a definition")
def of_the_operator(stage: Stage) -> Verdict:
    name = stage.fresh()
    refer(stage, name, name="wide", key="WIDE")
    ready = settled(stage.attacker, name)
    good = ready["reason"] == "DefinitionNotUsable" and "import its environment" in ready["message"]
    return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=good)


@attempt("name the token of a ServiceAccount as a definition")
def of_an_account(stage: Stage) -> Verdict:
    name = stage.fresh()
    body = {
        "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    }
    stage.attacker.cluster.must("POST", SECRETS.path(ATTACKER), body)
    try:
        refer(stage, name, name="token", key="token")
        ready = settled(stage.attacker, name)
        good = ready["reason"] == "DefinitionNotUsable" and "one of type Opaque" in ready["message"]
        return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=good)
    finally:
        stage.attacker.delete_secret("token")


@attempt("learn from an import which ConfigMap the neighbour does not have")
def of_an_import(stage: Stage) -> Verdict:
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": "pulse-of-sources", "namespace": NEIGHBOUR},
        "spec": {
            "environmentFrom": {"configMapKeyRef": {"name": "their-own-map", "key": KEY}},
            "sharing": {"namespaces": [ATTACKER]},
        },
    }
    path = ENVIRONMENTS.path(NEIGHBOUR, "pulse-of-sources")
    stage.neighbour.cluster.must("PATCH", path, body, content_type=APPLY, fieldManager="neighbour", force="true")
    try:
        name = stage.fresh()
        stage.attacker.apply(name, {"imports": [f"{NEIGHBOUR}/pulse-of-sources"]})
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        return Verdict("operator", told, good="their-own-map" not in told and "ask its owner" in told)
    finally:
        stage.neighbour.delete("pulse-of-sources")


@attempt("refer to 200 ConfigMaps that do not exist")
def many(stage: Stage) -> Verdict:
    names = [stage.fresh() for _ in range(200)]
    for name in names:
        refer(stage, name, "configMapKeyRef", name=f"missing-{name}", key=KEY)
    served = stage.take_pulse({"values": {"environmentVariables": {"BEAT": "1"}}})
    return Verdict(THEMSELVES, f"the neighbour is served after {served:.1f} s", good=served < 15)


@attempt("change a ConfigMap again and again to which 20 environments refer")
def changing(stage: Stage) -> Verdict:
    names = [stage.fresh() for _ in range(20)]
    write_map(stage, "changing", {KEY: "values: {environmentVariables: {A: 0}}"})
    for name in names:
        refer(stage, name, "configMapKeyRef", name="changing", key=KEY)
    slowest, end, number = 0.0, time.monotonic() + 6, 0
    while time.monotonic() < end:
        for _ in range(5):
            number += 1
            write_map(stage, "changing", {KEY: f"values: {{environmentVariables: {{A: {number}}}}}"})
        slowest = max(slowest, stage.take_pulse({"values": {"environmentVariables": {"BEAT": "1"}}}))
    last = {"A": str(number)}
    wait_until(lambda: all(stage.attacker.values(name) == last for name in names), "all have the last one")
    stage.attacker.cluster.must("DELETE", CONFIG_MAPS.path(ATTACKER, "changing"))
    return Verdict(THEMSELVES, f"the neighbour is served after {slowest:.1f} s at most", good=slowest < 15)


@attempt("refer to a ConfigMap of the own namespace", allowed=True)
def own(stage: Stage) -> Verdict:
    name = stage.fresh()
    write_map(stage, "own-definitions", {KEY: "values: {environmentVariables: {A: on}}"})
    refer(stage, name, "configMapKeyRef", name="own-definitions", key=KEY)
    stage.attacker.until_ready(name)
    given = stage.attacker.values(name)
    stage.attacker.cluster.must("DELETE", CONFIG_MAPS.path(ATTACKER, "own-definitions"))
    return Verdict(NOBODY, f"Ready, with {given}", good=given == {"A": "on"})
