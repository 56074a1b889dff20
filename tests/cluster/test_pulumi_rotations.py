"""Rotations of environments from Pulumi Cloud: by organization, opened anew, and their rotators there if asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import wait_until
from cluster.pulumi import join
from esc_operator.kube.paths import ROTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.harness import Cluster, Tenant
    from cluster.pulumi import Organization
    from local_pulumi import LocalPulumi

ROTATE = "POST /api/esc/environments/{org}/{project}/{env}/rotate"
EXCHANGE = "POST /api/oauth/token"
TEXT = """
values:
  key:
    fn::rotate::numbered: {{inputs: {{prefix: key-{more}}}}}
  environmentVariables:
    KEY: ${{key.current}}
"""


@pytest.fixture
def organization(tenant: Tenant, pulumi: LocalPulumi, folder: Path) -> Iterator[Organization]:
    joined = join(tenant, pulumi, str(tenant.cluster.write_authority(folder)))
    joined.put(TEXT.format(more=""))
    pulumi.forget_requests()
    yield joined
    for rotation in tenant.cluster.must("GET", ROTATIONS.path())["items"]:
        tenant.cluster.request("DELETE", ROTATIONS.path(name=rotation["metadata"]["name"]))


def rotate(cluster: Cluster, name: str, **spec: Any) -> dict[str, Any]:
    """Create an EscRotation; its status at its end."""
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscRotation",
        "metadata": {"name": name},
        "spec": spec,
    }
    cluster.must("POST", ROTATIONS.path(), body)
    path = ROTATIONS.path(name=name)

    def status() -> dict[str, Any]:
        found: dict[str, Any] = cluster.must("GET", path).get("status") or {}
        return found

    wait_until(lambda: status().get("completedAt"), f"{name} is over", status)
    return status()


def test_an_organization_is_rotated_and_its_rotators_only_on_request(organization: Organization) -> None:
    tenant, cloud = organization.tenant, organization.cloud
    organization.apply("shop", organization.source())
    tenant.until_ready("shop")
    assert tenant.values("shop") == {"KEY": "key-0"}
    role = f"urn:pulumi:org:{organization.name}"
    assert tenant.status("shop")["logins"] == [{"provider": "pulumi", "role": role, "organization": organization.name}]
    cloud.forget_requests()

    selector = {"organization": organization.name.upper()}
    assert rotate(tenant.cluster, f"{organization.name}-1", selector=selector)["phase"] == "Succeeded"
    counts = cloud.counts()
    assert (counts[EXCHANGE], counts[ROTATE]) == (1, 0)
    assert tenant.values("shop") == {"KEY": "key-0"}

    status = rotate(tenant.cluster, f"{organization.name}-2", selector=selector, pulumiRotators=True)
    assert (status["phase"], status["progress"]) == ("Succeeded", "1/1")
    assert tenant.values("shop") == {"KEY": "key-1"}
    assert cloud.counts()[ROTATE] == 1

    now = {"esc-operator.dev/rotate-requested-at": "now", "esc-operator.dev/rotate-pulumi-rotators": "now"}
    tenant.annotate("shop", annotations=now)
    wait_until(lambda: tenant.values("shop") == {"KEY": "key-2"}, "it has rotated", lambda: tenant.status("shop"))
    tenant.annotate("shop", annotations={"esc-operator.dev/rotate-requested-at": "again"})
    wait_until(lambda: tenant.status("shop").get("observedRotateRequest") == "again", "it is opened anew", cloud.counts)
    assert (cloud.counts()[ROTATE], tenant.values("shop")) == (2, {"KEY": "key-2"})


TOLD = "rotators of {origin} have not rotated in Pulumi Cloud, as was requested: "
FAILING = {
    "a path that failed": (TEXT.format(more=", failing: the database is away"), {}, f"some {TOLD}key"),
    "a token that may only open": (
        TEXT.format(more=""),
        {"accessTokenSecretRef": {"name": "pulumi", "key": "token"}},
        TOLD,
    ),
    "a version that stays": (
        TEXT.format(more=""),
        {"version": "stable"},
        f"{TOLD}spec.environmentFrom.pulumi.version is stable, which stays as it is, and a rotation makes another",
    ),
}


@pytest.mark.parametrize(("text", "source", "told"), FAILING.values(), ids=FAILING)
def test_rotators_that_do_not_rotate_fail_the_rotation_and_nothing_else(
    organization: Organization, text: str, source: dict[str, Any], told: str
) -> None:
    tenant, cloud, name = organization.tenant, organization.cloud, organization.name
    cloud.tag(name, "shop/prod", "stable", organization.put(text))
    tenant.write_secret("pulumi", {"token": cloud.create_token(name, user="ada", permissions=["open", "read"])})
    organization.apply("shop", organization.source(**source))
    tenant.until_ready("shop")
    selector = {"provider": "pulumi", "organization": name}
    status = rotate(tenant.cluster, f"{name}-1", selector=selector, pulumiRotators=True)
    assert status["phase"] == "Failed", status
    (failure,) = status["failures"]
    origin = f"{name}/shop/prod" + ("@stable" if "version" in source else "")
    assert (failure["name"], failure["reason"]) == ("shop", "RotatorsNotRotated")
    assert failure["message"].startswith(told.format(origin=origin)), failure
    (warning,) = tenant.status("shop")["warnings"]
    assert warning["reason"] == "RotatorsNotRotated"
    assert f"request it again: esc rotate {tenant.namespace}/shop --pulumi-rotators" in warning["message"]
    assert tenant.condition("shop")["status"] == tenant.condition("shop", "Refreshed")["status"] == "True"
    assert tenant.status("shop")["observedRotation"]
    print(warning["message"])
