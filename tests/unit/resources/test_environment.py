"""What an owner writes of an environment, and what is assumed where nothing is written."""

from __future__ import annotations

from datetime import timedelta

from esc_operator.resources import GROUP
from esc_operator.resources.definition_source import ObjectSource
from esc_operator.resources.environment import Key, parse_environment


def test_an_environment_has_its_defaults() -> None:
    environment = parse_environment({"metadata": {"namespace": "apps", "name": "aws", "uid": "u"}, "spec": {}})
    assert environment.key == Key("apps", "aws")
    assert str(environment.key) == "apps/aws"
    assert environment.target_key == Key("apps", "aws")
    assert (environment.target.type, environment.target.deletion_policy) == ("Opaque", "Delete")
    assert environment.account == Key("apps", "default")
    assert environment.refresh.interval == timedelta(hours=1)
    assert (environment.refresh.before, environment.rotate_request, environment.suspend) == (None, ("", ""), False)


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
