from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError, NotFoundError
from esc_operator.stores.cluster import ClusterStore
from esc_operator.stores.port import Failed, Loaded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def environment(namespace: str, name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, "generation": 3}, "spec": spec}


class FakeCluster:
    """The API server of one user, who may list only some namespaces."""

    def __init__(self, *bodies: Mapping[str, Any], may_list: Sequence[str] | None = None) -> None:
        self.bodies = bodies
        self.may_list = may_list
        self.reads = 0

    def read_environment(self, namespace: str, name: str) -> Mapping[str, Any]:
        self.reads += 1
        if namespace == "secret":
            raise ForbiddenError(f"may not read {namespace}/{name}")
        for body in self.bodies:
            if (body["metadata"]["namespace"], body["metadata"]["name"]) == (namespace, name):
                return body
        raise NotFoundError("no")

    def list_environments(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        if self.may_list is not None and namespace not in self.may_list:
            raise ForbiddenError("may not list that")
        return [body for body in self.bodies if namespace in (None, body["metadata"]["namespace"])]


AWS = environment("apps", "aws", {"environment": {"values": {"a": 1}}, "serviceAccountName": "deployer"})
BASE = environment("apps", "base", {"environment": {"values": {}}})
OTHER = environment("other", "aws", {})


def test_the_definition_of_a_resource_is_loaded_with_its_place() -> None:
    assert ClusterStore(FakeCluster(AWS)).load("apps/aws", "") == Loaded(
        "apps/aws", definition={"values": {"a": 1}}, path_prefix="spec.environment", generation=3
    )


def test_a_name_without_a_namespace_is_in_the_contexts_namespace_or_the_importers() -> None:
    store = ClusterStore(FakeCluster(AWS, BASE), "apps")
    assert isinstance(store.load("aws", ""), Loaded)
    assert isinstance(ClusterStore(FakeCluster(AWS, BASE), "else").load("base", "apps/aws"), Loaded)


@pytest.mark.parametrize(
    ("name", "importer", "message", "reason"),
    [
        ("nope", "apps/aws", 'environment "apps/nope" not found in the cluster', "ImportNotFound"),
        ("other/aws", "apps/aws", 'imports stay within their namespace, which is "apps" here', "ImportNotAllowed"),
        ("c/apps/base", "apps/aws", "imports stay within their namespace", "ImportNotAllowed"),
        ("aws@2", "", "a cluster keeps no versions", "VersionNotSupported"),
        ("other/aws", "", 'environment "other/aws" has no spec.environment', "ImportUnreadable"),
        ("secret/aws", "", "may not read secret/aws", "ImportUnreadable"),
        ("a//b", "", "is not a reference", "InvalidReference"),
    ],
)
def test_what_cannot_be_loaded_says_why(name: str, importer: str, message: str, reason: str) -> None:
    failed = ClusterStore(FakeCluster(AWS, BASE, OTHER), "apps").load(name, importer)
    assert isinstance(failed, Failed)
    assert message in failed.message
    assert failed.reason == reason


def test_the_service_account_is_the_environments_or_default_and_costs_no_second_read() -> None:
    cluster = FakeCluster(AWS, BASE)
    store = ClusterStore(cluster, "apps")
    store.load("apps/aws", "")
    assert store.service_account("apps/aws") == ("apps", "deployer")
    assert cluster.reads == 1
    assert store.service_account("base") == ("apps", "default")


def test_who_may_not_list_the_cluster_sees_their_namespace() -> None:
    assert ClusterStore(FakeCluster(OTHER, AWS)).names() == ["apps/aws", "other/aws"]
    assert ClusterStore(FakeCluster(OTHER, AWS, may_list=["apps"]), "apps").names() == ["apps/aws"]
