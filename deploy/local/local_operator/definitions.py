"""Writes `crds/` and the operator's rights in `deploy/` from the code: `python -m local_operator.definitions`, or
`make crds`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from esc_operator.manifests import people, policies, rights
from esc_operator.manifests.crds import definitions
from local_cluster import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from esc_operator.manifests.rights import Right

CRD_HEADER = "# Made from operator/esc_operator/manifests/crds.py; `make crds` writes it again.\n"
RIGHTS_HEADER = "# Made from operator/esc_operator/manifests/rights.py; `make crds` writes it again.\n"
CLUSTER_MODE = """\
# Exactly what the operator does, in the whole cluster. Two of these rights are large, and both are its very work:
# writing Secrets, and asking for tokens of the ServiceAccounts that environments act as. The role at the end is for its
# own namespace.
"""
PEOPLE_HEADER = "# Made from operator/esc_operator/manifests/people.py; `make crds` writes it again.\n"
PEOPLE = """\
# For people. Nothing is bound here; two of the roles become a part of built-in ones.
"""
POLICIES_HEADER = "# Made from operator/esc_operator/manifests/policies.py; `make crds` writes it again.\n"
POLICIES = """\
# What the operator's own account is refused although its roles would allow it: tokens that the API server accepts, and
# Secrets that are not its own. The ConfigMap is for an administrator: its keys `api-audiences` (what else the API
# server calls itself; the cluster's issuer above all) and `service-accounts` (the only ones, as namespace/name), one a
# line.
"""
NAMESPACED_MODE = """\
# Exactly what the operator does in one namespace. The last role names the ServiceAccounts whose tokens it may ask for.
"""


class _WithoutAliases(yaml.SafeDumper):
    """What stands in several places is written out in each: people read these files."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def made() -> dict[Path, str]:
    """Every file that is made, and what has to be in it."""
    return {
        **{_crd_file(body): CRD_HEADER + _long(body) for body in definitions()},
        places.REPOSITORY / "deploy" / "base" / "rbac.yaml": RIGHTS_HEADER + CLUSTER_MODE + _documents(_cluster_mode()),
        places.REPOSITORY / "deploy" / "base" / "people.yaml": PEOPLE_HEADER + PEOPLE + _documents(_people()),
        places.REPOSITORY / "deploy" / "base" / "policies.yaml": (POLICIES_HEADER + POLICIES + _documents(_policies())),
        places.REPOSITORY / "deploy" / "namespaced" / "rights" / "rbac.yaml": (
            RIGHTS_HEADER + NAMESPACED_MODE + _documents(_namespaced_mode())
        ),
    }


def _crd_file(body: dict[str, Any]) -> Path:
    return places.REPOSITORY / "crds" / f"{body['spec']['names']['plural']}.yaml"


def _long(body: dict[str, Any]) -> str:
    text: str = yaml.dump(body, Dumper=_WithoutAliases, sort_keys=False, width=120)
    return text


def _cluster_mode() -> Iterator[str]:
    yield _role(rights.NAME, rights.CLUSTER_MODE, kind="ClusterRole")
    yield _plain(rights.binding(rights.NAME, kind="ClusterRole"))
    yield _role(rights.OWN, rights.OWN_NAMESPACE)
    yield _plain(rights.binding(rights.OWN))


def _people() -> Iterator[str]:
    for one in people.peoples_roles():
        why = "".join(f"# {line}\n" for line in one.why.splitlines())
        yield why + _with_reasons(one.body(), one.rights)


def _policies() -> Iterator[str]:
    for body in (policies.token_policy(), policies.secret_policy(), *policies.bindings(), policies.parameters()):
        yield _long(body)


def _namespaced_mode() -> Iterator[str]:
    yield _role(rights.NAME, rights.NAMESPACED_MODE)
    yield _plain(rights.binding(rights.NAME))
    yield _role(rights.TOKENS, rights.NAMESPACED_TOKENS, names=("default",))
    yield _plain(rights.binding(rights.TOKENS))


def _role(name: str, granted: Sequence[Right], *, kind: str = "Role", names: Sequence[str] = ()) -> str:
    return _with_reasons(rights.role(name, granted, kind=kind, names=names), granted)


def _with_reasons(body: dict[str, Any], granted: Sequence[Right]) -> str:
    """A role as text, with the reason of each right above its rule."""
    reasons = iter(granted)
    lines = []
    for line in _plain(body).splitlines(keepends=True):
        if line.startswith("- apiGroups:") and (why := next(reasons).why):
            lines.append(f"# {why}\n")
        lines.append(line)
    return "".join(lines)


def _plain(body: dict[str, Any]) -> str:
    text: str = yaml.dump(body, Dumper=_WithoutAliases, sort_keys=False, default_flow_style=None, width=120)
    return text


def _documents(texts: Iterator[str]) -> str:
    return "---\n".join(texts)


def main() -> None:
    for path, text in made().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
