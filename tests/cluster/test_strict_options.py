"""`--require-allow-lists` and `--api-audience`, as a person meets them who works with kubectl."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from cluster.harness import create_tenant, stays, variables, wait_until
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS
from esc_operator.resources.allowances import ALLOWED_AUDIENCES, ALLOWED_ROLES
from local_cluster.tools import find_kubectl
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.harness import Cluster, Tenant
    from local_aws import LocalAws

OWN_AUDIENCE = "https://api.of-this-cluster.example"
STS = "sts.amazonaws.com"
WHERE = "spec.environment.values.aws.login"


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def strict(
    cluster: Cluster, aws: LocalAws, operator: LocalOperator, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalOperator]:
    """In place of the operator that serves the other tests; that one is back at the end."""
    own = tmp_path_factory.mktemp("strict")
    shutil.copy(folder / "operator.kubeconfig", own)  # everything is installed already
    arguments = ("--require-allow-lists", f"--api-audience={OWN_AUDIENCE}", "--api-audience=another")
    strict = LocalOperator(cluster.kubeconfig, cluster.context, own, settings=aws.environment, arguments=arguments)
    operator.stop()
    try:
        with strict:
            yield strict
    finally:
        operator.start()


@pytest.fixture
def tenant(cluster: Cluster, aws: LocalAws, strict: LocalOperator) -> Iterator[Tenant]:
    """As the one of all tests, and served by this operator."""
    aws.clear_faults()
    aws.settings(lifetime=None)
    tenant = create_tenant(cluster, aws, f"strict-{next(_numbers)}")
    yield tenant
    assert strict.is_running(), f"the operator has ended; see {strict.log}"
    tenant.give_up()


def kubectl(cluster: Cluster, *arguments: str) -> str:
    command = [str(find_kubectl()), "--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seen(tenant: Tenant, name: str = "aws") -> str:
    """What kubectl shows of an environment, its events included."""
    columns = kubectl(tenant.cluster, "get", "escenv", name, "-n", tenant.namespace)
    return columns + kubectl(tenant.cluster, "describe", "escenv", name, "-n", tenant.namespace)


def test_without_a_list_nothing_is_allowed_and_a_person_is_told_what_to_do(
    tenant: Tenant, strict: LocalOperator
) -> None:
    tenant.apply("aws", tenant.login())
    message = tenant.until_refused("aws", "RoleNotAllowed")
    assert message.startswith(f'{WHERE}: the role "{tenant.role}" is not allowed in namespace {tenant.namespace}')
    assert ALLOWED_ROLES in message
    told = seen(tenant)
    print(told)
    row = dict(zip(told.splitlines()[0].split(), told.splitlines()[1].split(), strict=False))
    assert (row["NAME"], row["READY"], row["REASON"]) == ("aws", "False", "RoleNotAllowed")
    assert message in told
    assert "Warning  RoleNotAllowed" in told
    # What logs in nowhere needs no list.
    tenant.apply("plain", variables(A="1"))
    tenant.until_ready("plain")
    assert tenant.secret("aws") is None
    stays(lambda: tenant.mints() == 0, 1)


def test_each_list_is_asked_for_and_with_both_it_is_ready_at_once(tenant: Tenant, strict: LocalOperator) -> None:
    tenant.allow(roles=tenant.role)
    tenant.apply("aws", tenant.login())
    message = tenant.until_refused("aws", "AudienceNotAllowed")
    assert f'the audience "{STS}" is not allowed in namespace {tenant.namespace}' in message
    assert ALLOWED_AUDIENCES in message
    assert message in seen(tenant)
    tenant.allow(audiences=STS)
    tenant.until_ready("aws")
    assert tenant.mints() == 1
    row = seen(tenant).splitlines()[1].split()
    assert row[:3] == ["aws", "True", "Synced"]


def test_a_list_that_is_taken_away_is_noticed_and_what_is_held_stays_until_it_expires(
    tenant: Tenant, strict: LocalOperator
) -> None:
    tenant.allow(roles=tenant.role, audiences=STS)
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    before = tenant.secret("aws")
    tenant.allow(roles=None)
    tenant.until_refused("aws", "RoleNotAllowed", "Refreshed")
    assert tenant.condition("aws")["status"] == "True"
    assert tenant.secret("aws") == before
    strict.stop()
    strict.start()
    stays(lambda: tenant.condition("aws", "Refreshed")["reason"] == "RoleNotAllowed", 1)
    assert (tenant.secret("aws"), tenant.mints()) == (before, 1)
    tenant.allow(roles=tenant.role)
    wait_until(lambda: tenant.condition("aws", "Refreshed")["status"] == "True", "it is allowed again")


def test_one_of_the_cluster_needs_the_lists_of_its_accounts_namespace(tenant: Tenant, strict: LocalOperator) -> None:
    cluster, path = tenant.cluster, CLUSTER_ENVIRONMENTS.path(None, tenant.namespace)
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "ClusterEscEnvironment",
        "metadata": {"name": tenant.namespace},
        "spec": {
            "environment": tenant.login(),
            "serviceAccount": {"namespace": tenant.namespace, "name": "default"},
            "target": {
                "name": "wide",
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}},
            },
        },
    }

    def ready() -> dict[str, str]:
        conditions = cluster.must("GET", path).get("status", {}).get("conditions") or ()
        return next((one for one in conditions if one["type"] == "Ready"), {})

    cluster.must("POST", CLUSTER_ENVIRONMENTS.path(), body)
    try:
        wait_until(lambda: ready().get("reason") == "RoleNotAllowed", "it is refused", ready)
        assert f"in namespace {tenant.namespace}" in ready()["message"]
        table = kubectl(cluster, "get", "clusterescenvironments", tenant.namespace)
        assert "RoleNotAllowed" in table
        tenant.allow(roles=tenant.role, audiences=STS)
        wait_until(lambda: ready().get("status") == "True", "it is ready", ready)
        assert tenant.mints() == 1
    finally:
        cluster.must("DELETE", path)


@pytest.mark.parametrize("audience", [OWN_AUDIENCE, "another"])
def test_no_token_is_asked_for_an_audience_that_is_said_to_be_the_api_servers(
    tenant: Tenant, strict: LocalOperator, audience: str
) -> None:
    tenant.allow(roles=tenant.role, audiences="**")
    tenant.apply("aws", tenant.login(audience=audience))
    message = tenant.until_refused("aws", "AudienceNotAllowed")
    assert f'the audience "{audience}" is one of the API server\'s own' in message
    assert message in seen(tenant)
    # A list of their own does not help, and nothing has reached AWS.
    tenant.allow(audiences=audience)
    stays(lambda: tenant.condition("aws")["reason"] == "AudienceNotAllowed", 1)
    assert tenant.aws.mints().by_role.get(tenant.role) is None
    assert not [one for one in tenant.aws.mints().refused if one.role == tenant.role]


def test_the_audiences_that_are_given_stand_in_place_of_those_found_out_but_the_policy_still_refuses(
    tenant: Tenant, strict: LocalOperator
) -> None:
    issuer = tenant.cluster.issuer()
    tenant.allow(roles=tenant.role, audiences="**")
    tenant.apply("aws", tenant.login(audience=issuer))
    message = tenant.until_refused("aws", "TokenRefused")
    assert "esc-operator" in message
    assert message in seen(tenant)
    # What the API server always takes is refused whatever is told.
    tenant.apply("known", tenant.login(audience="https://kubernetes.default.svc"))
    assert "one of the API server's own" in tenant.until_refused("known", "AudienceNotAllowed")
    assert tenant.mints() == 0
