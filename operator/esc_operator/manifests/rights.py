"""The operator's RBAC: one list, from which both ways to install it are generated into `deploy/`.

Pure data. A new kind of request to the API server has to be added here first: tests run the operator with exactly
these rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from esc_operator.resources import GROUP

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "esc-operator"
"""The name of the operator's ServiceAccount, and of the roles that are bound to it."""

NAMESPACE = "esc-system"
"""The operator's own namespace."""

TOKENS = "esc-operator-tokens"
"""In namespaced mode, the Role of each namespace whose one rule names the ServiceAccounts."""

OWN = "esc-operator-own"
"""The role in the operator's own namespace, in both modes."""

LEASE = "esc-operator"
"""The default name of the Lease that all replicas share."""

_RBAC = "rbac.authorization.k8s.io"


class Scope(Enum):
    """Where a right is needed. In cluster mode the first three are one ClusterRole."""

    ENVIRONMENTS = auto()
    """In every namespace whose environments the operator works on."""
    TOKENS = auto()
    """As ENVIRONMENTS; in namespaced mode only for ServiceAccounts that are named."""
    CLUSTER = auto()
    """In the whole cluster, so only in cluster mode."""
    OWN = auto()
    """In the operator's own namespace, in both modes."""


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on resources of an API group, or only on the objects with these `names`. `why` becomes a comment in the
    manifest."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str = ""
    scope: Scope = Scope.ENVIRONMENTS
    names: tuple[str, ...] = ()

    def rule(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """The rule of a role; with `names` only for objects with these names."""
        rule = {"apiGroups": [self.group], "resources": list(self.resources), "verbs": list(self.verbs)}
        limits = names or self.names
        return rule | ({"resourceNames": list(limits)} if limits else {})


RIGHTS: tuple[Right, ...] = (
    Right(GROUP, ("escenvironments",), ("get", "list", "watch")),
    Right(GROUP, ("escenvironments/status",), ("patch",)),
    Right(
        GROUP,
        ("escrotations",),
        ("get", "list", "watch", "delete"),
        why="delete is for old ones that `esc rotate` made.",
        scope=Scope.CLUSTER,
    ),
    Right(GROUP, ("escrotations/status",), ("patch",), scope=Scope.CLUSTER),
    Right(GROUP, ("clusterescenvironments",), ("get", "list", "watch"), scope=Scope.CLUSTER),
    Right(GROUP, ("clusterescenvironments/status",), ("patch",), scope=Scope.CLUSTER),
    Right(
        "",
        ("secrets",),
        ("get", "list", "watch", "create", "patch", "delete"),
        why="list and watch see only metadata of Secrets that carry the operator's label; RBAC cannot say so.",
    ),
    Right(
        "",
        ("configmaps",),
        ("get", "list", "watch"),
        why="What environments refer to or read, by name; list and watch see only metadata.",
    ),
    Right(
        "authorization.k8s.io",
        ("localsubjectaccessreviews",),
        ("create",),
        why="Whether a ServiceAccount may read what its environment asks for.",
    ),
    Right("", ("serviceaccounts/token",), ("create",), scope=Scope.TOKENS),
    Right("", ("events",), ("create",)),
    Right("", ("namespaces",), ("get",), why="A namespace's annotations limit what its environments may do."),
    Right("", ("namespaces",), ("list", "watch"), scope=Scope.CLUSTER),
    Right(
        "apps",
        ("deployments", "statefulsets", "daemonsets"),
        ("list", "patch"),
        why="Only for environments with rollout.policy OnChange.",
    ),
    Right("argoproj.io", ("rollouts",), ("list", "patch")),
    Right(
        "",
        ("pods",),
        ("list",),
        why="Whether one still uses what a deleted environment's providers can revoke.",
    ),
    Right(
        "authentication.k8s.io",
        ("tokenreviews",),
        ("create",),
        why="Authenticates and authorizes requests for /metrics.",
        scope=Scope.CLUSTER,
    ),
    Right("authorization.k8s.io", ("subjectaccessreviews",), ("create",), scope=Scope.CLUSTER),
    Right(
        "admissionregistration.k8s.io",
        ("validatingadmissionpolicies",),
        ("get",),
        why="What a policy says to a Secret is reported only if it stands in the policy itself.",
        scope=Scope.CLUSTER,
    ),
    Right(
        "coordination.k8s.io",
        ("leases",),
        ("get", "patch"),
        why="Leader election.",
        scope=Scope.OWN,
        names=(LEASE,),
    ),
    Right(
        "coordination.k8s.io",
        ("leases",),
        ("create",),
        why="RBAC cannot limit this to a name.",
        scope=Scope.OWN,
    ),
)


def rights(*scopes: Scope) -> tuple[Right, ...]:
    return tuple(right for right in RIGHTS if right.scope in scopes)


CLUSTER_MODE = rights(Scope.ENVIRONMENTS, Scope.TOKENS, Scope.CLUSTER)
NAMESPACED_MODE = rights(Scope.ENVIRONMENTS)
NAMESPACED_TOKENS = rights(Scope.TOKENS)
OWN_NAMESPACE = rights(Scope.OWN)


def role(name: str, granted: Sequence[Right], *, kind: str = "Role", names: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name},
        "rules": [right.rule(names) for right in granted],
    }


def binding(name: str, *, kind: str = "Role") -> dict[str, Any]:
    """The binding of a role to the operator's ServiceAccount."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }
