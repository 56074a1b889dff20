"""The definitions of our kinds on a real API server: taken away, brought back, and as an older version had them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from cluster.harness import wait_until
from local_cluster import places

if TYPE_CHECKING:
    from cluster.harness import Cluster
    from esc_operator.kube.paths import Resource

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def delete_kind(cluster: Cluster, resource: Resource) -> None:
    """With all its objects."""
    cluster.must("DELETE", _path(resource))
    wait_until(lambda: cluster.request("GET", _path(resource))[0] == 404, f"{resource.kind} is gone")


def create_kind(cluster: Cluster, resource: Resource) -> None:
    cluster.must("POST", DEFINITIONS, definition(resource))
    wait_until(lambda: is_served(cluster, resource), f"{resource.kind} is served")


def is_served(cluster: Cluster, resource: Resource) -> bool:
    try:
        return cluster.request("GET", resource.path())[0] == 200
    except ValueError:  # of a group that is not there at all it says so in plain text
        return False


def replace_kind(cluster: Cluster, resource: Resource, *without: str) -> None:
    """Its definition without these fields, as an older version had it, or as it is now."""
    body = definition(resource)
    schema = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path in without:
        *parents, last = path.split(".")
        place = schema
        for name in parents:
            place = place["properties"][name]
        del place["properties"][last]
        rules = place.get("x-kubernetes-validations", [])
        place["x-kubernetes-validations"] = [rule for rule in rules if last not in json.dumps(rule)]
    body["metadata"]["resourceVersion"] = cluster.must("GET", _path(resource))["metadata"]["resourceVersion"]
    cluster.must("PUT", _path(resource), body)


def definition(resource: Resource) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((places.REPOSITORY / "crds" / f"{resource.plural}.yaml").read_text())
    return body


def _path(resource: Resource) -> str:
    return f"{DEFINITIONS}/{resource.plural}.esc-operator.dev"
