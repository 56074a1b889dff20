"""Secrets that are somebody else's, or nobody's, and what the operator believes of those that are one's own."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cluster.harness import Tenant, variables, wait_until
from esc_operator.kube.paths import NAMESPACES, SECRETS
from esc_operator.resources import (
    ENVIRONMENT,
    HOLDS,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    ROTATE_REQUESTED_AT,
    ROTATOR_STATES,
    SYNC_RECORD,
)
from esc_operator.resources.sync_record import digest_data
from tenants.attempt import NOBODY, THEMSELVES, Verdict, attempt
from tenants.attempts.identities import creating
from tenants.judging import applied, asked, settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.stage import Stage

MINE = {MANAGED_BY_LABEL: MANAGED_BY}


def kept(stage: Stage, secret: str, **target: Any) -> Verdict:
    """Whether a Secret stays as it is when an environment wants it."""
    before = stage.attacker.secret(secret)
    name = stage.fresh()
    stage.attacker.apply(name, variables(A="taken over"), target={"name": secret, **target})
    ready = settled(stage.attacker, name)
    same = stage.attacker.secret(secret) == before
    return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=same and ready["status"] == "False")


@attempt("take over the Secret of another environment of the own")
def of_another(stage: Stage) -> Verdict:
    return kept(stage, "own")


@attempt("take over a Secret of nobody")
def of_nobody(stage: Stage) -> Verdict:
    stage.attacker.write_secret("nobodys", {"A": "theirs"})
    return kept(stage, "nobodys")


@attempt("take over the Secret that a ClusterEscEnvironment fills")
def of_the_cluster(stage: Stage) -> Verdict:
    return kept(stage, "wide")


@attempt("an environment that is called as a foreign Secret is")
def called_so(stage: Stage) -> Verdict:
    stage.attacker.write_secret("named", {"A": "theirs"})
    stage.note("named")
    return applied_and_kept(stage, "named")


def applied_and_kept(stage: Stage, name: str) -> Verdict:
    before = stage.attacker.secret(name)
    stage.attacker.apply(name, variables(A="taken over"))
    ready = settled(stage.attacker, name)
    return Verdict(
        "operator", f"{ready['reason']}: {ready['message']}", good=stage.attacker.secret(name) == before is not None
    )


@attempt("take over a Secret of the own by forging label and annotation")
def forged(stage: Stage) -> Verdict:
    """Whoever may write the label on a Secret may write all of it."""
    name = stage.fresh()
    metadata = {"name": f"{name}-s", "labels": MINE, "annotations": {ENVIRONMENT: name}}
    stage.attacker.write_secret(f"{name}-s", {"A": "1"}, metadata=metadata)
    stage.attacker.apply(name, variables(A="2"), target={"name": f"{name}-s"})
    stage.attacker.until_ready(name)
    return Verdict(THEMSELVES, "their own Secret is filled, as they may do anyway")


def _claims(what: str, reference: str) -> None:
    @attempt(f"forge a Secret of the own that claims to be {what}")
    def claims(stage: Stage) -> Verdict:
        genuine = stage.administrator.find(SECRETS, "blue", "wide") or {}
        record = genuine["metadata"]["annotations"][SYNC_RECORD]
        name = stage.fresh()
        metadata = {"name": f"{name}-s", "labels": MINE, "annotations": {ENVIRONMENT: reference, SYNC_RECORD: record}}
        stage.attacker.write_secret(f"{name}-s", {"WIDE": "poisoned"}, metadata=metadata)
        stage.serve_the_neighbour()
        return Verdict(THEMSELVES, "nothing changes elsewhere")


_claims("the neighbour's", "blue/closed")
_claims("one of a ClusterEscEnvironment", "ClusterEscEnvironment/wide")
_claims("one of a ClusterEscEnvironment that is not for them", "ClusterEscEnvironment/private")
_claims("of a path", "../blue/closed")


# Records.


def _written(stage: Stage, secret: str, record: str, data: Mapping[str, str] | None = None) -> None:
    body: dict[str, Any] = {"metadata": {"annotations": {SYNC_RECORD: record}}}
    if data is not None:
        body["data"] = dict(data)
    stage.attacker.cluster.must("PATCH", SECRETS.path("red", secret), body, content_type="application/merge-patch+json")


def _record(stage: Stage, secret: str) -> dict[str, Any]:
    found = stage.attacker.secret(secret)
    assert found is not None, f"there is no Secret {secret}"
    record: dict[str, Any] = json.loads(found["metadata"]["annotations"][SYNC_RECORD])
    return record


DAMAGES: dict[str, Any] = {
    "numbers without end": lambda record: json.dumps(record | {"imports": {"base": 1}}).replace(": 1}", ": 1e999}"),
    "a generation without end": lambda record: json.dumps(record | {"generation": float("inf")}),
    "lists 100,000 deep": lambda _: "[" * 100_000,
    "half a character as its salt": lambda record: json.dumps(record | {"salt": "\ud800"}),
    "half a character as its rotation": lambda record: json.dumps(record | {"rotation": "\udfff"}),
    "lists for texts": lambda record: json.dumps(record | {"digest": [], "uid": {}, "salt": []}),
    "times at the end of time": lambda record: json.dumps(
        record | {"issuedAt": "0001-01-01T00:00:00+14:00", "expiresAt": "9999-12-31T23:59:59-14:00"}
    ),
    "times without a zone": lambda record: json.dumps(
        record | {"refreshedAt": "9999-12-31", "changedAt": "0001-01-01"}
    ),
}


def _damaged(secret: str, whose: str, what: str, damage: Any) -> None:
    @attempt(f"a sync record on {whose} Secret with {what}")
    def damaged(stage: Stage) -> Verdict:
        _written(stage, secret, damage(_record(stage, secret)))
        stage.serve_the_neighbour()
        if secret == "wide":
            _until_wide(stage, "blue")
        stage.rotate_the_marked()
        stage.attacker.until_ready("own")
        wait_until(lambda: SYNC_RECORD in str(stage.attacker.secret(secret)), "the Secret has a record")
        wait_until(lambda: _is_sound(stage, secret), "the record is put right", lambda: stage.attacker.secret(secret))
        return Verdict(THEMSELVES, "everybody is served; it is put right")


def _is_sound(stage: Stage, secret: str) -> bool:
    try:
        return isinstance(_record(stage, secret)["digest"], str) and len(_record(stage, secret)["salt"]) >= 16
    except (ValueError, RecursionError):
        return False


def _until_wide(stage: Stage, namespace: str) -> None:
    there = Tenant(stage.administrator, stage.aws, namespace, "")
    wait_until(
        lambda: there.secret("wide") and there.values("wide") == {"WIDE": "wide-and-true"},
        f"{namespace} has the true values",
        patience=15,
    )


for _what, _damage in DAMAGES.items():
    _damaged("own", "the own", _what, _damage)
    _damaged("wide", "the cluster's", _what, _damage)


@attempt("forge the record of a login, to have it renewed without end or never")
def forged_record(stage: Stage) -> Verdict:
    before = stage.aws.mints().total
    record = _record(stage, "own") | {"uid": stage.neighbour.environment("aws")["metadata"]["uid"]}
    _written(stage, "own", json.dumps(record))
    stage.serve_the_neighbour()
    wait_until(lambda: _record(stage, "own")["uid"] != record["uid"], "it is put right")
    stage.attacker.until_ready("own")
    minted = stage.aws.mints().total - before
    return Verdict(THEMSELVES, f"{minted} mint of their own role; it is put right", good=minted <= 1)


@attempt("poison a ClusterEscEnvironment's Secret for the namespaces to come")
def poisoned(stage: Stage) -> Verdict:
    """With a digest that fits; and a namespace appears at that moment, which is filled from another one's."""
    data = {"WIDE": base64.b64encode(b"poisoned").decode()}
    record = _record(stage, "wide") | {"digest": digest_data(data)}
    late = stage.fresh().replace("try", "late")
    _written(stage, "wide", json.dumps(record), data)
    stage.administrator.must("POST", NAMESPACES.path(), {"metadata": {"name": late, "labels": {"wide": "yes"}}})
    stage.allow_change(f"Namespace {late}")
    _until_wide(stage, late)
    _until_wide(stage, "red")
    return Verdict("operator", "its seal is not in the status: the new namespace has the true values")


# Names and types.


@attempt("name an environment as another's rotator states are named")
def rotators(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.note(f"{name}-rotators")
    stage.attacker.apply(f"{name}-rotators", variables(A="1"))
    stage.attacker.until_ready(f"{name}-rotators")
    before = stage.attacker.secret(f"{name}-rotators")
    login = stage.attacker.login()["values"]["aws"]["login"]
    inputs = {"login": login, "userArn": "arn:aws:iam::123456789012:user/legacy"}
    stage.attacker.apply(name, {"values": {"iam": {"fn::rotate::aws-iam": {"inputs": inputs}}}})
    settled(stage.attacker, name)
    stage.attacker.annotate(name, annotations={ROTATE_REQUESTED_AT: "1"})
    message = stage.attacker.until_refused(name, "RotatorStatesNotOwned")
    same = stage.attacker.secret(f"{name}-rotators") == before
    return Verdict("operator", f"RotatorStatesNotOwned: {message}", good=same)


@attempt("take over another's rotator states as a target")
def rotators_as_target(stage: Stage) -> Verdict:
    metadata = {
        "name": "states-rotators",
        "labels": MINE,
        "annotations": {ENVIRONMENT: "states", HOLDS: ROTATOR_STATES},
    }
    stage.attacker.write_secret("states-rotators", {"states": "{}"}, metadata=metadata)
    return kept(stage, "states-rotators")


def _type(kind: str) -> None:
    @attempt(f"a target of type {kind}")
    def minting(stage: Stage) -> Verdict:
        return creating(stage, target={"type": kind})


_type("kubernetes.io/service-account-token")
_type("bootstrap.kubernetes.io/token")


@attempt("have the operator fill a Secret that mints tokens, made before")
def minted_before(stage: Stage) -> Verdict:
    name = stage.fresh()
    body = {
        "metadata": {
            "name": name,
            "labels": MINE,
            "annotations": {ENVIRONMENT: name, "kubernetes.io/service-account.name": "default"},
        },
        "type": "kubernetes.io/service-account-token",
    }
    stage.attacker.cluster.must("POST", SECRETS.path("red"), body)
    stage.attacker.apply(name, variables(A="1"))
    ready = settled(stage.attacker, name)
    return Verdict("operator", f"{ready['reason']}: {ready['message']}", good=ready["status"] == "False")


@attempt("write the operator's own annotations by target.annotations")
def own_annotations(stage: Stage) -> Verdict:
    return creating(stage, target={"annotations": {ENVIRONMENT: "blue/closed"}})


@attempt("read a Secret of the neighbour at the API server")
def reading(stage: Stage) -> Verdict:
    return asked(stage.attacker.cluster, "GET", SECRETS.path("blue", "theirs"))


@attempt("fill a Secret of the own", allowed=True)
def filling(stage: Stage) -> Verdict:
    verdict = applied(stage.attacker, stage.fresh(), variables(A="1"))
    return Verdict(NOBODY, verdict.told, good=verdict.told == "Ready")
