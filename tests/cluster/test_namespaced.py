"""The operator for some namespaces only: it needs no right beyond them, and what is amiss in one is its own trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from cluster.harness import Cluster, Tenant, create_tenant, stays, variables, wait_until
from cluster.rights import RBAC, flat, rights_of, rights_of_anybody
from cluster.test_referenced_definitions import SOON, apply_spec, put, reference, text, within
from esc_operator.kube.paths import CONFIG_MAPS, ENVIRONMENTS, NAMESPACES, SECRETS, Resource
from esc_operator.manifests import rights
from esc_operator.resources import ROTATE_REQUESTED_AT
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_aws import LocalAws

ROLE_BINDINGS = Resource(f"/apis/{RBAC}/v1", "rolebindings", "RoleBinding")
OWN_NAMESPACE = "esc-namespaced"


class Tenants(NamedTuple):
    """The operator works for all but the stranger. Environments may act as `default`, and in `two` as `apps` as well.
    `doomed` is there to be deleted."""

    one: Tenant
    two: Tenant
    doomed: Tenant
    stranger: Tenant


@pytest.fixture(scope="module")
def all_tenants(cluster: Cluster, aws: LocalAws) -> Iterator[Tenants]:
    tenants = Tenants(*(create_tenant(cluster, aws, f"some-{name}") for name in Tenants._fields))
    yield tenants
    for tenant in tenants:
        tenant.give_up()


@pytest.fixture
def tenants(all_tenants: Tenants) -> Iterator[Tenants]:
    """Tests share them: each names its environments otherwise."""
    yield all_tenants
    for tenant in all_tenants:
        tenant.cluster.request("DELETE", ENVIRONMENTS.path(tenant.namespace))
    all_tenants.one.allow(roles=None)


@pytest.fixture(scope="module", autouse=True)
def alone(operator: LocalOperator) -> Iterator[None]:
    """The operator of all namespaces, which other tests share, rests meanwhile."""
    operator.stop()
    yield
    operator.install()  # the policies belong to both installations
    operator.start()


@pytest.fixture(scope="module")
def namespaced(
    cluster: Cluster, aws: LocalAws, alone: None, all_tenants: Tenants, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalOperator]:
    one, two, doomed, _ = all_tenants
    operator = LocalOperator(
        cluster.kubeconfig,
        cluster.context,
        tmp_path_factory.mktemp("namespaced"),
        settings=aws.environment,
        namespaces={one.namespace: ["default"], two.namespace: ["default", "apps"], doomed.namespace: ["default"]},
        own_namespace=OWN_NAMESPACE,
    )
    with operator:
        yield operator


@pytest.fixture
def log(namespaced: LocalOperator) -> Callable[[], str]:
    """What the operator has logged since the test began."""
    begins = namespaced.log.stat().st_size

    def written() -> str:
        return namespaced.log.read_bytes()[begins:].decode()

    return written


@pytest.fixture(scope="module")
def account(namespaced: LocalOperator) -> Iterator[Cluster]:
    """The cluster as the operator's own account sees it."""
    account = Cluster(namespaced.log.parent / "operator.kubeconfig", "esc-operator")
    yield account
    account.close()


def test_the_account_can_do_its_work_in_its_namespaces_and_nothing_anywhere_else(
    cluster: Cluster, account: Cluster, tenants: Tenants
) -> None:
    anybody = rights_of_anybody(cluster)
    work = flat([right.rule() for right in rights.NAMESPACED_MODE])
    for tenant, names in ((tenants.one, ["default"]), (tenants.two, ["default", "apps"])):
        tokens = flat([right.rule(names) for right in rights.NAMESPACED_TOKENS])
        assert rights_of(account, tenant.namespace) - anybody == work | tokens
    for namespace in (tenants.stranger.namespace, "default", "kube-system"):
        assert rights_of(account, namespace) <= anybody
    own = flat([right.rule() for right in rights.OWN_NAMESPACE])
    assert rights_of(account, OWN_NAMESPACE) - anybody == own


@pytest.mark.parametrize("resource", [SECRETS, NAMESPACES, ENVIRONMENTS], ids=lambda resource: resource.plural)
def test_the_account_is_refused_the_whole_cluster(account: Cluster, resource: Resource) -> None:
    assert account.request("GET", resource.path())[0] == 403


def test_the_whole_life_of_environments_in_several_namespaces(log: Callable[[], str], tenants: Tenants) -> None:
    one, two, _, stranger = tenants
    for tenant in (one, two, stranger):
        tenant.apply("life", tenant.login())
    for tenant in (one, two):
        tenant.until_ready("life")
        first = tenant.values("life")["AWS_ACCESS_KEY_ID"]
        tenant.annotate("life", annotations={ROTATE_REQUESTED_AT: "now"})
        wait_until(lambda: tenant.values("life")["AWS_ACCESS_KEY_ID"] != first, "it is rotated")  # noqa: B023
        tenant.write_secret("life", {"AWS_SESSION_TOKEN": "edited"})
        wait_until(lambda: tenant.values("life")["AWS_SESSION_TOKEN"] != "edited", "it is put back")  # noqa: B023
        wait_until(lambda: tenant.events("life"), "it is said who had edited it")  # noqa: B023
        assert [event["reason"] for event in tenant.events("life")] == ["SecretRestored"]
    one.delete("life")
    wait_until(lambda: one.secret("life") is None, "the Secret is collected", patience=90)
    assert not stranger.status("life")
    assert stranger.secret("life") is None
    assert stranger.mints() == 0
    assert "forbidden" not in log().lower()
    assert "permissions" not in log()


def test_only_named_accounts_are_acted_as(tenants: Tenants, namespaced: LocalOperator) -> None:
    one, two, *_ = tenants
    mints = one.mints()
    one.create_service_account("apps")
    one.apply("acting", one.login(), serviceAccountName="apps")
    message = one.until_refused("acting", "TokenRefused")
    assert f'ServiceAccount {one.namespace}/apps: serviceaccounts "apps" is forbidden' in message
    assert one.mints() == mints
    # Without a login nobody is acted as.
    one.apply("plain", variables(A="1"), serviceAccountName="apps")
    one.until_ready("plain")
    two.create_service_account("apps")
    two.apply("acting", two.login(), serviceAccountName="apps")
    two.until_refused("acting", "RoleTrustRefused")


def test_the_allow_lists_of_the_own_namespaces_are_looked_at_again_and_again(
    tenants: Tenants, log: Callable[[], str]
) -> None:
    one, two, *_ = tenants
    one.apply("listed", one.login())
    one.until_ready("listed")
    one.allow(roles=two.role)
    assert f'the role "{one.role}" is not allowed' in one.until_refused("listed", "RoleNotAllowed", "Refreshed")
    one.allow(roles=one.role)
    one.until_ready("listed")
    wait_until(lambda: one.condition("listed", "Refreshed")["status"] == "True", "it is allowed again")
    assert "not known" not in log()


def test_a_role_that_is_taken_away_and_given_back_concerns_its_namespace_alone(
    tenants: Tenants, namespaced: LocalOperator, log: Callable[[], str], cluster: Cluster
) -> None:
    one, two, *_ = tenants
    path = ROLE_BINDINGS.path(one.namespace, "esc-operator")
    binding = cluster.must("GET", path)
    cluster.must("DELETE", path)
    namespaced.stop()
    namespaced.start()
    two.apply("watched", two.login())
    two.until_ready("watched")
    one.apply("watched", one.login())
    stays(lambda: not one.status("watched"), 1)
    assert f"Namespace {one.namespace} cannot be watched" in log()
    del binding["metadata"]["resourceVersion"], binding["metadata"]["uid"]
    cluster.must("POST", ROLE_BINDINGS.path(one.namespace), binding)
    one.until_ready("watched")
    one.write_secret("watched", {"AWS_SESSION_TOKEN": "edited"})
    wait_until(lambda: one.values("watched")["AWS_SESSION_TOKEN"] != "edited", "its Secrets are watched again")
    assert namespaced.is_running()


def test_a_namespace_that_is_deleted_is_forgotten_and_the_others_are_kept(
    tenants: Tenants, namespaced: LocalOperator, cluster: Cluster
) -> None:
    _, two, doomed, _ = tenants
    doomed.apply("kept", doomed.login())
    two.apply("kept", two.login())
    doomed.until_ready("kept")
    two.until_ready("kept")
    namespace = f"{NAMESPACES.path()}/{doomed.namespace}"
    cluster.must("DELETE", namespace)
    wait_until(lambda: cluster.request("GET", namespace)[0] == 404, "the namespace is gone")
    for request in ("1", "2"):
        two.annotate("kept", annotations={ROTATE_REQUESTED_AT: request})
        wait_until(lambda: two.status("kept").get("observedRotateRequest") == request, "it is rotated")  # noqa: B023
        namespaced.stop()
        namespaced.start()
    lines = namespaced.log.read_text().splitlines()
    assert len([line for line in lines if f"{doomed.namespace}/kept: could not read" in line]) <= 2


def test_definitions_in_config_maps_and_secrets_are_followed_in_its_namespaces(
    namespaced: LocalOperator, tenants: Tenants
) -> None:
    for tenant, kind, resource in (
        (tenants.one, "configMapKeyRef", CONFIG_MAPS),
        (tenants.two, "secretKeyRef", SECRETS),
    ):
        put(tenant.cluster, resource, tenant.namespace, "defs", text(A="on"))
        apply_spec(tenant, reference(kind))
        tenant.until_ready("app")
        assert tenant.values("app") == {"A": "on"}
        put(tenant.cluster, resource, tenant.namespace, "defs", text(A="off"))
        within(SOON, lambda: tenant.values("app") == {"A": "off"}, "a change is followed")  # noqa: B023 - called here
