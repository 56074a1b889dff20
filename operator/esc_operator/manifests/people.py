"""What people may do with the operator's kinds: roles to bind, made of the same parts as the operator's own rights.

Pure data. RBAC does not limit fields: everyone who may get an environment can read its spec, which may hold plaintext
secrets. So no role here is aggregated to the built-in `view`, which leaves out Secrets for that reason. `edit` and
`admin` can already read Secrets and act as any ServiceAccount of the namespace; an environment gives no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.manifests.rights import NAME, Right, role
from esc_operator.resources import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, slots=True)
class PeoplesRole:
    """A ClusterRole. `joins` names the built-in roles that it is aggregated to; `why` becomes a comment in the
    manifest."""

    name: str
    rights: tuple[Right, ...]
    why: str
    joins: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        body = role(self.name, self.rights, kind="ClusterRole")
        if self.joins:
            body["metadata"]["labels"] = {
                f"rbac.authorization.k8s.io/aggregate-to-{built_in}": "true" for built_in in self.joins
            }
        return body


VIEW = PeoplesRole(
    f"{NAME}-view",
    (Right(GROUP, ("escenvironments",), _READ),),
    why="Reads definitions, including plaintext secrets in them: grant it like the right to read Secrets.",
)

EDIT = PeoplesRole(
    f"{NAME}-edit",
    (Right(GROUP, ("escenvironments",), (*_READ, *_WRITE)),),
    why="Acts, through logins, as any ServiceAccount of the namespace, and reads what these may get of its Secrets\n"
    "and ConfigMaps. Aggregated to the built-in edit and admin, which can do so already with pods. Only the operator\n"
    "writes the status.",
    joins=("edit", "admin"),
)

OPEN = PeoplesRole(
    f"{NAME}-open",
    (
        Right(GROUP, ("escenvironments",), ("get", "list")),
        Right(
            GROUP,
            ("clusterescenvironments",),
            ("get",),
            why="Cluster-wide imports; only a ClusterRoleBinding grants this.",
        ),
        Right("", ("serviceaccounts/token",), ("create",)),
        Right(
            "",
            ("secrets",),
            ("get",),
            why="States of rotators, ENVIRONMENT-rotators, definitions, what environments read; RBAC has no patterns.",
        ),
        Right("", ("configmaps",), ("get",), why="What environments refer to or read."),
    ),
    why="For `esc open` and `esc run`. Acts as any ServiceAccount of the namespace, at the API server too, and\n"
    "reads its Secrets: bind it deliberately, or write a Role with resourceNames.",
)

ADMIN = PeoplesRole(
    f"{NAME}-admin",
    (Right(GROUP, ("clusterescenvironments", "escrotations"), (*_READ, *_WRITE)),),
    why="Acts as any ServiceAccount of the cluster, writes Secrets to any namespace, and rotates everything: for\n"
    "cluster administrators.",
)


def peoples_roles() -> Iterator[PeoplesRole]:
    yield from (VIEW, EDIT, OPEN, ADMIN)
