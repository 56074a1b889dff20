"""What people may do with the operator's kinds: roles to bind, made of the same parts as the operator's own rights.

Pure data. RBAC decides by object and never by field: whoever may get an environment reads its spec, in which a
plaintext secret may stand. So none of these is added to the built-in `view`, which leaves out Secrets for that reason.
`edit` and `admin` may read Secrets and act as any ServiceAccount of the namespace already; an environment gives no
more.
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
    """A ClusterRole. `joins` names the built-in roles that it becomes a part of; `why` is for whoever reads the
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
    why="Reads definitions, plaintext secrets in them included: grant it like the right to read Secrets.",
)

EDIT = PeoplesRole(
    f"{NAME}-edit",
    (Right(GROUP, ("escenvironments",), (*_READ, *_WRITE)),),
    why="Acts, through logins, as any ServiceAccount of the namespace. A part of the built-in edit and admin, who do\n"
    "so already by their pods. The status is the operator's alone.",
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
            why="What an environment may import of the cluster; only a ClusterRoleBinding gives it.",
        ),
        Right("", ("serviceaccounts/token",), ("create",)),
        Right("", ("secrets",), ("get",), why="The states of rotators, ENVIRONMENT-rotators; RBAC knows no patterns."),
    ),
    why="`esc open` and `esc run` at a terminal. Is any ServiceAccount of the namespace, at the API server too, and\n"
    "reads its Secrets: bind it on purpose, or write a Role with resourceNames.",
)

ADMIN = PeoplesRole(
    f"{NAME}-admin",
    (Right(GROUP, ("clusterescenvironments", "escrotations"), (*_READ, *_WRITE)),),
    why="Acts as any ServiceAccount of the cluster, writes Secrets to any namespace, and rotates all: for\n"
    "administrators of the cluster.",
)


def peoples_roles() -> Iterator[PeoplesRole]:
    yield from (VIEW, EDIT, OPEN, ADMIN)
