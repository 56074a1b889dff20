"""What an owner writes of an environment, and what is assumed where nothing is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from esc_operator.resources import GROUP
from esc_operator.resources.definition_source import ObjectSource
from esc_operator.resources.environment import Key, parse_environment
from esc_operator.resources.extent import without_definition


def test_an_environment_has_its_defaults() -> None:
    environment = parse_environment({"metadata": {"namespace": "apps", "name": "aws", "uid": "u"}, "spec": {}})
    assert environment.key == Key("apps", "aws")
    assert str(environment.key) == "apps/aws"
    assert environment.target_key == Key("apps", "aws")
    assert (environment.target.type, environment.target.deletion_policy) == ("Opaque", "Delete")
    assert environment.account == Key("apps", "default")
    assert environment.refresh.interval == timedelta(hours=1)
    assert (environment.refresh.before, environment.rotate_request, environment.suspend) == (None, ("", ""), False)


@pytest.mark.parametrize(
    ("annotations", "rotation", "expected"),
    [
        ({}, {}, ("", "")),
        ({"rotate-requested-at": "1"}, {"id": "a"}, ("", "")),
        ({"rotate-requested-at": "1", "rotate-pulumi-rotators": "1"}, {"id": "a"}, ("1", "")),
        # It was for another request.
        ({"rotate-requested-at": "2", "rotate-pulumi-rotators": "1"}, {}, ("", "")),
        ({"rotate-pulumi-rotators": "1"}, {}, ("", "")),
        ({"rotate-requested-at": "1"}, {"id": "a", "pulumiRotators": True}, ("", "a")),
        ({"rotate-requested-at": "1", "rotate-pulumi-rotators": "1"}, {"id": "a", "pulumiRotators": True}, ("1", "a")),
    ],
)
def test_rotators_in_pulumi_cloud_rotate_for_those_requests_alone_that_ask_for_it(
    annotations: dict[str, str], rotation: dict[str, Any], expected: tuple[str, str]
) -> None:
    metadata = {"namespace": "apps", "name": "shop", "uid": "u"}
    metadata["annotations"] = {f"{GROUP}/{name}": value for name, value in annotations.items()}  # type: ignore[assignment]
    status = {"rotation": {**rotation, "requestedAt": "2026-05-01T12:00:00Z"}} if rotation else {}
    environment = parse_environment({"metadata": metadata, "spec": {}, "status": status})
    assert environment.rotators_request == expected
    size = without_definition({"metadata": metadata, "spec": {"definition": "x" * 20_000}, "status": status}, 20_000)
    assert parse_environment(size).rotators_request == expected


def test_everything_an_owner_writes_is_read_and_the_definition_does_not_show() -> None:
    environment = parse_environment(
        {
            "metadata": {
                "namespace": "apps",
                "name": "aws",
                "uid": "u",
                "generation": 4,
                "annotations": {f"{GROUP}/rotate-requested-at": "now"},
            },
            "spec": {
                "environment": {"values": {"password": "hunter2"}},
                "serviceAccountName": "web",
                "refresh": {"interval": "10m", "before": "5m"},
                "target": {
                    "name": "creds",
                    "type": "kubernetes.io/basic-auth",
                    "labels": {"a": "b"},
                    "annotations": {"c": "d"},
                    "deletionPolicy": "Retain",
                },
                "suspend": True,
            },
        }
    )
    assert environment.source == ObjectSource({"values": {"password": "hunter2"}})
    assert "hunter2" not in repr(environment)
    assert environment.target_key == Key("apps", "creds")
    assert environment.refresh.before == timedelta(minutes=5)
    assert (environment.generation, environment.rotate_request, environment.suspend) == (4, ("now", ""), True)
    assert environment.target.deletion_policy == "Retain"
