"""Imports across namespaces and from the cluster, on a real API server: what is shared follows, nothing else tells."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Cluster, Tenant, stays, variables, wait_until
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local_operator import LocalOperator

_numbers = itertools.count(1)

CREATE = "application/apply-patch+yaml"


@pytest.fixture
def neighbour(tenant: Tenant) -> Iterator[Tenant]:
    """Another namespace."""
    namespace = f"{tenant.namespace}-next"
    tenant.cluster.create_namespace(namespace)
    neighbour = Tenant(tenant.cluster, tenant.aws, namespace, tenant.role)
    yield neighbour
    neighbour.give_up()


@pytest.fixture
def wide(tenant: Tenant) -> Iterator[Callable[..., str]]:
    """Applies a ClusterEscEnvironment under a name of this test's own, and answers the name."""
    number, made = next(_numbers), set()

    def apply(name: str, environment: Mapping[str, Any], **spec: Any) -> str:
        full = f"{name}-{number}"
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "ClusterEscEnvironment",
            "metadata": {"name": full},
            "spec": {"environment": environment, **spec},
        }
        path = CLUSTER_ENVIRONMENTS.path(None, full)
        tenant.cluster.must("PATCH", path, body, content_type=CREATE, fieldManager="test", force="true")
        made.add(path)
        return full

    yield apply
    for path in made:
        tenant.cluster.request("DELETE", path)


def until_values(tenant: Tenant, name: str, **values: str) -> None:
    wait_until(
        lambda: tenant.secret(name) and tenant.values(name) == values,
        f"{name} has {values}",
        lambda: tenant.status(name),
    )


@pytest.mark.parametrize("runs", [False, True], ids=["while no operator runs", "while it runs"])
def test_an_import_that_is_created_anew_is_noticed(tenant: Tenant, operator: LocalOperator, runs: bool) -> None:
    tenant.apply("base", variables(COLOUR="blue"))
    tenant.apply("app", {"imports": ["base"]})
    tenant.until_ready("app")
    (used,) = tenant.status("app")["imports"]
    assert used["uid"] == tenant.environment("base")["metadata"]["uid"]
    if not runs:
        operator.stop()
    tenant.delete("base")  # as kubectl replace --force does
    made = tenant.apply("base", variables(COLOUR="green"))
    assert made["metadata"]["generation"] == used["generation"]
    if not runs:
        operator.start()
    until_values(tenant, "app", COLOUR="green")
    expected = [{**used, "uid": made["metadata"]["uid"]}]
    wait_until(lambda: tenant.status("app").get("imports") == expected, "it is told", lambda: tenant.status("app"))


def test_what_a_neighbour_shares_is_imported_and_followed(tenant: Tenant, neighbour: Tenant) -> None:
    sharing = {"namespaces": [tenant.namespace]}
    neighbour.apply("base", variables(COLOUR="blue"), sharing=sharing)
    tenant.apply("app", {"imports": [f"{neighbour.namespace}/base"]})
    until_values(tenant, "app", COLOUR="blue")
    neighbour.apply("base", variables(COLOUR="green"), sharing=sharing)
    until_values(tenant, "app", COLOUR="green")
    neighbour.apply("base", variables(COLOUR="red"), sharing={"namespaces": []})
    tenant.until_refused("app", "ImportNotAllowed", "Refreshed")
    assert tenant.values("app") == {"COLOUR": "green"}


def test_what_is_not_shared_is_refused_as_what_is_not_there(tenant: Tenant, neighbour: Tenant) -> None:
    neighbour.apply("hidden", variables(COLOUR="blue"))
    for name, imported in (("app", "hidden"), ("twin", "absent")):
        tenant.apply(name, {"imports": [f"{neighbour.namespace}/{imported}"]})
    told = [tenant.until_refused(name, "ImportNotAllowed") for name in ("app", "twin")]
    assert told[0].replace("hidden", "absent") == told[1]
    assert tenant.status("app")["imports"] == [{"name": f"{neighbour.namespace}/hidden", "generation": 0}]

    before = tenant.status("app")["failures"]
    neighbour.apply("hidden", variables(COLOUR="green"), sharing={"namespaces": ["somebody-else"]})
    stays(lambda: tenant.status("app")["failures"] == before, 1)  # its own next attempt is seconds away
    neighbour.apply("hidden", variables(COLOUR="green"), sharing={"namespaces": ["*"]})
    until_values(tenant, "app", COLOUR="green")


def test_a_bare_name_falls_to_the_clusters_and_comes_back(tenant: Tenant, wide: Callable[..., str]) -> None:
    deep = wide("deep", variables(SHAPE="round"))
    base = wide("base", {"imports": [deep], **variables(COLOUR="cluster")})
    tenant.apply(deep, variables(SHAPE="own, and not meant by the base"))
    tenant.apply("app", {"imports": [base]})
    until_values(tenant, "app", COLOUR="cluster", SHAPE="round")
    tenant.apply(base, variables(COLOUR="own"))
    until_values(tenant, "app", COLOUR="own")
    tenant.delete(base)
    until_values(tenant, "app", COLOUR="cluster", SHAPE="round")
    wide("deep", variables(SHAPE="square"))
    until_values(tenant, "app", COLOUR="cluster", SHAPE="square")
    wide("base", variables(COLOUR="narrow"), sharing={"namespaces": ["somebody-else"]})
    message = tenant.until_refused("app", "ImportNotFound", "Refreshed")
    assert f'no ClusterEscEnvironment "{base}" is shared with namespace "{tenant.namespace}"' in message


def test_the_schema_refuses_what_is_no_namespace(tenant: Tenant) -> None:
    for wrong in ("Team", "a/b", "**", "a" * 64):
        with pytest.raises(AssertionError, match=r"spec.sharing.namespaces\[0\]"):
            tenant.apply("app", variables(A="1"), sharing={"namespaces": [wrong]})


def test_a_person_opens_what_belongs_to_the_cluster(
    tenant: Tenant, neighbour: Tenant, wide: Callable[..., str], tmp_path: Path
) -> None:
    base = wide("base", variables(COLOUR="cluster"))
    neighbour.apply("closed", variables(COLOUR="closed"))
    tenant.apply("app", {"imports": [base]})
    tenant.apply("bold", {"imports": [f"{neighbour.namespace}/closed"]})
    opened = esc(
        tenant.cluster, tmp_path, "open", f"{tenant.cluster.context}/ClusterEscEnvironment/{base}", "-f", "dotenv"
    )
    assert opened.stdout == 'COLOUR="cluster"\n'
    opened = esc(tenant.cluster, tmp_path, "open", f"{tenant.cluster.context}/{tenant.namespace}/app", "-f", "dotenv")
    assert opened.stdout == 'COLOUR="cluster"\n'
    refused = esc(tenant.cluster, tmp_path, "open", f"{tenant.cluster.context}/{tenant.namespace}/bold")
    assert "either it does not exist, or its spec.sharing.namespaces does not name" in refused.stderr
    direct = esc(
        tenant.cluster, tmp_path, "open", f"{tenant.cluster.context}/{neighbour.namespace}/closed", "-f", "dotenv"
    )
    assert direct.stdout == 'COLOUR="closed"\n'


def esc(cluster: Cluster, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, run by the administrator."""
    settings = {"PATH": os.environ["PATH"], "KUBECONFIG": str(cluster.kubeconfig), "ESC_HOME": str(home)}
    command = [str(Path(sys.executable).parent / "esc"), *arguments]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
