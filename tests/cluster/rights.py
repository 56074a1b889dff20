"""What an account may do, as the API server says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster.harness import Cluster

RBAC = "rbac.authorization.k8s.io"


def rights_of(account: Cluster, namespace: str) -> set[tuple[str, ...]]:
    answer = account.must(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": namespace}}
    )
    assert not answer["status"]["incomplete"]
    return flat(answer["status"]["resourceRules"])


def rights_of_anybody(cluster: Cluster) -> set[tuple[str, ...]]:
    """What Kubernetes lets every authenticated user do: ask about themselves."""
    role = cluster.must("GET", f"/apis/{RBAC}/v1/clusterroles/system:basic-user")
    return flat(role["rules"])


def flat(rules: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Rules one by one: group, resource, verb, and the names they are limited to."""
    return {
        (group, resource, verb, *rule.get("resourceNames", ()))
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
