"""The API paths of the kinds that the operator uses."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote


class Resource(NamedTuple):
    """A kind as the API server serves it. `root` is `/api/v1` or `/apis/GROUP/VERSION`."""

    root: str
    plural: str
    kind: str

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of one object, or of the list of them in a namespace or the whole cluster."""
        parts = [self.root]
        if namespace is not None:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        if subresource is not None:
            parts.append(subresource)
        return "/".join(parts)


ENVIRONMENTS = Resource("/apis/esc-operator.dev/v1alpha1", "escenvironments", "EscEnvironment")
ROTATIONS = Resource("/apis/esc-operator.dev/v1alpha1", "escrotations", "EscRotation")
CLUSTER_ENVIRONMENTS = Resource("/apis/esc-operator.dev/v1alpha1", "clusterescenvironments", "ClusterEscEnvironment")
SECRETS = Resource("/api/v1", "secrets", "Secret")
CONFIG_MAPS = Resource("/api/v1", "configmaps", "ConfigMap")
EVENTS = Resource("/api/v1", "events", "Event")
SERVICE_ACCOUNTS = Resource("/api/v1", "serviceaccounts", "ServiceAccount")
LEASES = Resource("/apis/coordination.k8s.io/v1", "leases", "Lease")
TOKEN_REVIEWS = Resource("/apis/authentication.k8s.io/v1", "tokenreviews", "TokenReview")
ACCESS_REVIEWS = Resource("/apis/authorization.k8s.io/v1", "subjectaccessreviews", "SubjectAccessReview")
LOCAL_ACCESS_REVIEWS = Resource(
    "/apis/authorization.k8s.io/v1", "localsubjectaccessreviews", "LocalSubjectAccessReview"
)
PODS = Resource("/api/v1", "pods", "Pod")
NAMESPACES = Resource("/api/v1", "namespaces", "Namespace")

WORKLOADS = (
    Resource("/apis/apps/v1", "deployments", "Deployment"),
    Resource("/apis/apps/v1", "statefulsets", "StatefulSet"),
    Resource("/apis/apps/v1", "daemonsets", "DaemonSet"),
    Resource("/apis/argoproj.io/v1alpha1", "rollouts", "Rollout"),
)
"""The kinds whose pods are replaced when their template changes."""


def environment_resource(namespace: str) -> Resource:
    """EscEnvironment, or ClusterEscEnvironment if the namespace is ""."""
    return ENVIRONMENTS if namespace else CLUSTER_ENVIRONMENTS
