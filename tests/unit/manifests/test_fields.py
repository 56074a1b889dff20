"""What a definition of an older version lacks is found by its path."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from esc_operator.manifests.crds import definitions
from esc_operator.manifests.fields import unknown_fields

SCHEMAS: dict[str, dict[str, Any]] = {
    body["spec"]["names"]["kind"]: body["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for body in definitions()
}


def without(kind: str, *paths: str) -> dict[str, Any]:
    schema = copy.deepcopy(SCHEMAS[kind])
    for path in paths:
        *parents, last = path.split(".")
        place = schema
        for name in parents:
            place = place["properties"][name]
            place = place.get("items", place)
        del place["properties"][last]
    return schema


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_own_definitions_lack_nothing(kind: str) -> None:
    assert unknown_fields(kind, SCHEMAS[kind]) == []


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        ("EscEnvironment", ["spec.trustedNamespaces"]),
        ("EscEnvironment", ["spec.rollout.minInterval", "status.logins.roleHidden"]),
        ("ClusterEscEnvironment", ["spec.target.namespaceSelector.matchExpressions.operator", "status.seals"]),
        ("EscRotation", ["spec.selector", "spec.allowNone", "status.planned"]),
    ],
)
def test_each_field_that_is_missing_is_named_once(kind: str, paths: list[str]) -> None:
    assert sorted(unknown_fields(kind, without(kind, *paths))) == sorted(paths)


def test_a_newer_definition_lacks_nothing() -> None:
    newer = copy.deepcopy(SCHEMAS["EscRotation"])
    newer["properties"]["spec"]["properties"]["comesLater"] = {"type": "string"}
    assert unknown_fields("EscRotation", newer) == []


def test_a_part_that_keeps_every_field_lacks_none() -> None:
    loose = copy.deepcopy(SCHEMAS["EscRotation"])
    loose["properties"]["status"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert unknown_fields("EscRotation", loose) == []


def test_a_definition_without_a_schema_lacks_its_parts() -> None:
    assert unknown_fields("EscRotation", {}) == ["apiVersion", "kind", "metadata", "spec", "status"]
