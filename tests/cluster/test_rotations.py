"""Rotations of the cluster on a real API server: one mint an environment and run, whatever happens to the operator."""

from __future__ import annotations

import itertools
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, stays, variables, wait_until
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, NAMESPACES, ROTATIONS, SECRETS
from esc_operator.resources.sync_record import parse_sync_record
from local_cluster.tools import find_kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws import LocalAws
    from local_operator import LocalOperator

COUNT = 30

_numbers = itertools.count(1)


class Fleet:
    """Environments of one namespace, each with a login of its own, that EscRotations of a test are about."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.names = [f"e{number:02}" for number in range(COUNT)]
        self.rotations: list[str] = []

    def start(self) -> None:
        for number, name in enumerate(self.names):
            # A session of its own each: nobody shares a mint.
            definition = self.tenant.login(duration=f"{60 + number}m", sessionName=f"{self.tenant.namespace}-{name}")
            self.tenant.apply(name, definition)
        for name in self.names:
            self.tenant.until_ready(name)

    def rotate(self, **spec: Any) -> str:
        name = f"{self.tenant.namespace}-{next(_numbers)}"
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscRotation",
            "metadata": {"name": name},
            "spec": {"selector": {"namespaces": [self.tenant.namespace]}, **spec},
        }
        self.tenant.cluster.must("POST", ROTATIONS.path(), body)
        self.rotations.append(name)
        return name

    def patch(self, name: str, **spec: Any) -> tuple[int, dict[str, Any]]:
        path, merge = ROTATIONS.path(None, name), "application/merge-patch+json"
        return self.tenant.cluster.request("PATCH", path, {"spec": spec}, content_type=merge)

    def status(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.tenant.cluster.must("GET", ROTATIONS.path(None, name)).get("status") or {}
        return status

    def until(self, name: str, phase: str, patience: float = 60) -> dict[str, Any]:
        wait_until(lambda: self.status(name).get("phase") == phase, phase, lambda: self.status(name), patience)
        wait_until(lambda: self.status(name).get("completedAt"), "it is over", lambda: self.status(name), patience)
        return self.status(name)

    def under_way(self) -> int:
        """How many were asked whose Secret does not honour it yet, as an onlooker sees it: Secrets are read last."""
        found = self.tenant.cluster.must("GET", ENVIRONMENTS.path(self.tenant.namespace))["items"]
        asked = {one["metadata"]["name"]: one.get("status", {}).get("rotation", {}).get("id") for one in found}
        return sum(request is not None and self.honoured(name) != request for name, request in asked.items())

    def honoured(self, name: str) -> str:
        secret = self.tenant.secret(name)
        record = parse_sync_record(secret["metadata"]["annotations"]) if secret else None
        return record.rotation if record else ""

    def renewed(self) -> int:
        """How many Secrets honour a rotation."""
        return sum(bool(self.honoured(name)) for name in self.names)

    def settle(self) -> None:
        """Wait until what a process that is gone had asked for is answered: AWS mints for it all the same."""
        before, since = (-1, -1), time.monotonic()
        while time.monotonic() < since + 0.5:
            now = self.tenant.mints(), self.renewed()
            if now != before:
                before, since = now, time.monotonic()

    def given_up(self, operator: LocalOperator) -> list[str]:
        """What the log tells of calls that nobody heard the answer of: AWS may have minted for them."""
        place = f"{self.tenant.namespace}/"
        return [line for line in operator.log.read_text().splitlines() if place in line and "AWSUnavailable" in line]

    def kubectl(self, *arguments: str) -> str:
        cluster = self.tenant.cluster
        command = [str(find_kubectl()), "--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def fleet(tenant: Tenant) -> Iterator[Fleet]:
    fleet = Fleet(tenant)
    yield fleet
    for name in fleet.rotations:
        tenant.cluster.request("DELETE", ROTATIONS.path(None, name))


def test_each_environment_is_minted_for_once_in_order_and_so_many_at_a_time(fleet: Fleet, tenant: Tenant) -> None:
    fleet.start()
    assert tenant.mints() == COUNT
    name = fleet.rotate(maxConcurrent=3, reason="a laptop was stolen")
    most = 0
    while not fleet.status(name).get("completedAt"):
        most = max(most, fleet.under_way())
    status = fleet.until(name, "Succeeded")
    assert most <= 3
    assert (status["progress"], status["succeeded"], status["failed"]) == (f"{COUNT}/{COUNT}", COUNT, 0)
    assert tenant.mints() == 2 * COUNT
    uid = tenant.cluster.must("GET", ROTATIONS.path(None, name))["metadata"]["uid"]
    assert {fleet.honoured(one) for one in fleet.names} == {uid}
    filled = [tenant.status(one)["refreshedAt"] for one in fleet.names]
    # Of three that are under way any may be the first to be done; all others have gone before.
    overtaken = [sum(other > one for other in filled[:place]) for place, one in enumerate(filled)]
    assert max(overtaken) < 3, "those whose keys lived longer went first"
    stays(lambda: tenant.mints() == 2 * COUNT, 2)
    table = fleet.kubectl("get", "escrot", name)
    columns = ["NAME", "PHASE", "REASON", "PROGRESS", "RUNNING", "FAILED", "SKIPPED", "STARTED", "NEXT"]
    assert table.split()[:9] == columns
    assert "Succeeded" in table
    assert "a laptop was stolen" in fleet.kubectl("get", "escrot", name, "-o", "wide")
    described = fleet.kubectl("describe", "escrot", name)
    assert f"{COUNT} of {COUNT} environments have new values" in described
    print(table, described, sep="\n")


def test_an_operator_that_is_killed_in_the_middle_goes_on_and_mints_for_nobody_twice(
    fleet: Fleet, tenant: Tenant, operator: LocalOperator
) -> None:
    fleet.start()
    assert tenant.mints() == COUNT
    name = fleet.rotate(maxConcurrent=2)
    lost = 0
    for share in (COUNT // 4, COUNT // 2, 3 * COUNT // 4):
        wait_until(lambda: fleet.status(name).get("succeeded", 0) >= share, "a part is done")  # noqa: B023
        operator.kill()
        fleet.settle()
        # Minted and not written is what a kill may cost, of those that were under way.
        under_way, given_up = fleet.under_way(), fleet.given_up(operator)
        assert under_way <= 2
        lost_then = tenant.mints() - COUNT - fleet.renewed()
        assert lost <= lost_then <= lost + under_way + len(given_up), given_up
        lost = lost_then
        operator.start()
    status = fleet.until(name, "Succeeded")
    assert status["succeeded"] == COUNT
    given_up = fleet.given_up(operator)
    assert lost <= tenant.mints() - 2 * COUNT <= lost + len(given_up), given_up
    lost = tenant.mints() - 2 * COUNT
    assert len({fleet.honoured(one) for one in fleet.names}) == 1
    # What is over is not begun again by another start.
    operator.stop()
    operator.start()
    tenant.apply("marker", variables(A="1"))
    tenant.until_ready("marker")
    stays(lambda: tenant.mints() == 2 * COUNT + lost, 1)
    print(f"{lost} mints were lost to three kills")


def test_a_dry_run_mints_nothing_and_tells_the_order(fleet: Fleet, tenant: Tenant) -> None:
    fleet.start()
    tenant.apply("off", tenant.login(sessionName="off"), suspend=True)
    name = fleet.rotate(dryRun=True)
    status = fleet.until(name, "DryRun")
    assert [one["name"] for one in status["planned"]] == fleet.names
    assert (status["selected"], status["skipped"]) == (COUNT + 1, 1)
    stays(lambda: tenant.mints() == COUNT, 1)


def test_it_stops_after_failures_and_names_them(fleet: Fleet, tenant: Tenant) -> None:
    fleet.start()
    for one in ("e01", "e03", "e04"):
        broken = tenant.login(duration="1h", sessionName=one)
        broken["values"]["aws"]["login"]["fn::open::aws-login"]["oidc"]["roleArn"] += "-of-nobody"
        tenant.apply(one, broken)
        tenant.until_refused(one, "RoleTrustRefused")
    mints = tenant.mints()
    name = fleet.rotate(maxConcurrent=1, stopAfterFailures=2)
    status = fleet.until(name, "Stopped")
    assert [one["name"] for one in status["failures"]] == ["e01", "e03"]
    assert {one["reason"] for one in status["failures"]} == {"RoleTrustRefused"}
    assert (status["succeeded"], status["failed"], status["waiting"]) == (2, 2, COUNT - 4)
    assert tenant.mints() == mints + 2


def test_labels_of_namespaces_choose_whom_and_kubectl_describe_tells_the_story(fleet: Fleet, tenant: Tenant) -> None:
    for name in ("e00", "e01", "e02"):
        tenant.apply(name, tenant.login(duration="1h", sessionName=f"{tenant.namespace}-{name}"))
        tenant.until_ready(name)
    broken = tenant.login(duration="1h", sessionName="broken")
    broken["values"]["aws"]["login"]["fn::open::aws-login"]["oidc"]["roleArn"] += "-of-nobody"
    tenant.apply("e02", broken)
    tenant.until_refused("e02", "RoleTrustRefused")
    label = {"metadata": {"labels": {"rotated-by": tenant.namespace}}}
    path, merge = NAMESPACES.path(name=tenant.namespace), "application/merge-patch+json"
    tenant.cluster.must("PATCH", path, label, content_type=merge)
    wanted = {"matchLabels": {"rotated-by": tenant.namespace}}

    # The operator's own watch may bring the label a moment later.
    def planned() -> int:
        looked = fleet.rotate(selector={"namespaceSelector": wanted}, dryRun=True, allowNone=True)
        selected: int = fleet.until(looked, "DryRun")["selected"]
        return selected

    wait_until(planned, "the label is known")
    name = fleet.rotate(selector={"namespaceSelector": wanted})
    status = fleet.until(name, "Failed")
    assert (status["selected"], status["succeeded"], status["failed"]) == (3, 2, 1)
    nobody = {"namespaceSelector": {"matchLabels": {"no": "such"}}}
    assert fleet.until(fleet.rotate(selector=nobody), "Failed")["selected"] == 0
    assert fleet.until(fleet.rotate(selector=nobody, allowNone=True), "Succeeded")["selected"] == 0

    def described() -> list[str]:
        _, _, events = fleet.kubectl("describe", "escrotation", name).partition("Events:")
        return [line.split()[1] for line in events.splitlines()[3:]]

    wait_until(lambda: len(described()) == 3, "its events are there", lambda: fleet.kubectl("describe", "escrot", name))
    assert sorted(described()) == ["EnvironmentFailed", "EnvironmentsFailed", "Rotating"]
    print(fleet.kubectl("describe", "escrotation", name))


def test_the_role_and_the_provider_choose_whom(fleet: Fleet, tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.apply("plain", variables(A="1"))
    tenant.until_ready("aws")
    tenant.until_ready("plain")
    assert tenant.status("aws")["logins"] == [{"provider": "aws-login", "role": tenant.role}]
    name = fleet.rotate(selector={"role": f"{tenant.role[:-2]}*{tenant.role[-1]}", "provider": "aws-login"})
    assert fleet.until(name, "Succeeded")["selected"] >= 1
    assert tenant.mints() == 2
    assert not fleet.honoured("plain")


@pytest.fixture
def wide(tenant: Tenant) -> Iterator[str]:
    """A ClusterEscEnvironment that fills a Secret in three namespaces."""
    name = f"wide-{tenant.namespace}"
    namespaces = [f"{tenant.namespace}-{number}" for number in range(3)]
    for namespace in namespaces:
        tenant.cluster.must("POST", NAMESPACES.path(), {"metadata": {"name": namespace}})
    spec = {
        "environment": tenant.login(sessionName="wide"),
        "serviceAccount": {"namespace": tenant.namespace, "name": "default"},
        "target": {"namespaces": namespaces},
    }
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "ClusterEscEnvironment",
        "metadata": {"name": name},
        "spec": spec,
    }
    tenant.cluster.must("POST", CLUSTER_ENVIRONMENTS.path(), body)
    yield name
    tenant.cluster.request("DELETE", CLUSTER_ENVIRONMENTS.path(None, name))
    tenant.cluster.give_up_namespaces(*namespaces)


def test_one_of_the_cluster_is_rotated_with_the_others_by_one_mint_for_all_its_namespaces(
    fleet: Fleet, tenant: Tenant, wide: str
) -> None:
    def status() -> dict[str, Any]:
        found: dict[str, Any] = tenant.cluster.must("GET", CLUSTER_ENVIRONMENTS.path(None, wide)).get("status") or {}
        return found

    def held() -> dict[str, Any]:
        """The runs that its Secrets honour, by their values."""
        found = tenant.cluster.must("GET", SECRETS.path(), fieldSelector=f"metadata.name={wide}")["items"]
        records = {one["data"]["AWS_SESSION_TOKEN"]: parse_sync_record(one["metadata"]["annotations"]) for one in found}
        assert len(found) == 3
        return {value: record.rotation for value, record in records.items() if record}

    tenant.apply("aws", tenant.login(duration="2h"))
    tenant.until_ready("aws")
    wait_until(lambda: (status().get("namespaces") or {}).get("synced") == 3, "three are filled", status)
    assert tenant.mints() == 2
    before = held()
    planned = fleet.until(fleet.rotate(selector={"role": tenant.role}, dryRun=True), "DryRun")["planned"]
    assert [one["name"] for one in planned] == [f"ClusterEscEnvironment/{wide}", "aws"]

    name = fleet.rotate(selector={"role": tenant.role})
    told = fleet.until(name, "Succeeded")
    assert told["progress"] == "2/2"
    uid = tenant.cluster.must("GET", ROTATIONS.path(None, name))["metadata"]["uid"]
    after = held()
    assert (list(after.values()), fleet.honoured("aws")) == ([uid], uid)
    assert not before.keys() & after.keys()
    assert status()["rotation"]["name"] == name
    stays(lambda: tenant.mints() == 4, 2)

    assert fleet.until(fleet.rotate(), "Succeeded")["progress"] == "1/1", "none of the cluster is in a namespace"
    assert held() == after


def test_a_schedule_runs_each_minute_and_each_run_mints_once(fleet: Fleet, tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    # With a schedule of minutes the test would have to wait for one; it begins so that one is near.
    name = fleet.rotate(schedule="* * * * *")
    wait_until(lambda: fleet.status(name).get("nextScheduleTime"), "it is scheduled")
    assert fleet.status(name)["phase"] == "Pending"
    wait_until(lambda: fleet.status(name).get("run") == 1, "it runs", lambda: fleet.status(name), 70)
    status = fleet.until(name, "Succeeded")
    assert status["lastScheduleTime"] < status["nextScheduleTime"]
    assert tenant.mints() == 2
    fleet.patch(name, suspend=True)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"maxConcurrent": 0}, "spec.maxConcurrent"),
        ({"stopAfterFailures": 0}, "spec.stopAfterFailures"),
        ({"schedule": "often"}, "this is not a schedule: write minute, hour, day of month, month and day of week"),
        ({"schedule": "@dayly"}, "or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"),
        ({"schedule": "0 3 * * * *"}, "spec.schedule"),
        ({"timeZone": "Europe/Berlin"}, "timeZone is for a schedule"),
        ({"schedule": "0 3 * * *", "dryRun": True}, "a dry run has no schedule"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "In and NotIn require values"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}, "forbid them"),
        ({"selector": None}, "spec.selector"),
    ],
)
def test_what_makes_no_sense_is_refused(tenant: Tenant, spec: dict[str, Any], told: str) -> None:
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscRotation",
        "metadata": {"name": "refused"},
        "spec": {"selector": {}, **spec},
    }
    status, answer = tenant.cluster.request("POST", ROTATIONS.path(), body, dryRun="All")
    assert status == 422
    assert told in answer["message"]


def test_whom_a_single_run_is_about_cannot_be_changed(fleet: Fleet, tenant: Tenant) -> None:
    name = fleet.rotate(dryRun=True)
    for change, told in (
        ({"selector": {"namespaces": ["other"]}}, "cannot be changed"),
        ({"dryRun": False}, "dryRun cannot be changed"),
        ({"schedule": "0 3 * * *"}, "schedule cannot be added or removed"),
    ):
        status, answer = fleet.patch(name, **change)
        assert status == 422
        assert told in answer["message"]
    assert fleet.patch(name, maxConcurrent=5)[0] == 200


def test_what_a_rotation_costs_is_reported(fleet: Fleet, tenant: Tenant, aws: LocalAws) -> None:
    fleet.start()
    begun = time.monotonic()
    name = fleet.rotate(maxConcurrent=10)
    fleet.until(name, "Succeeded")
    print(f"{COUNT} environments in {time.monotonic() - begun:.1f} s, 10 at a time")
    assert tenant.mints() == 2 * COUNT


def test_old_ones_of_the_command_are_deleted_and_those_of_people_are_kept(
    tenant: Tenant, operator: LocalOperator
) -> None:
    cluster, names = tenant.cluster, [f"{tenant.namespace}-old-{number:02}" for number in range(13)]
    by_person = names[0]
    for number, name in enumerate(names):
        labels = {} if name == by_person else {"esc-operator.dev/made-by": "esc-rotate"}
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscRotation",
            "metadata": {"name": name, "labels": labels},
            "spec": {"selector": {"namespaces": ["of-nobody"]}, "allowNone": True},
        }
        cluster.must("POST", ROTATIONS.path(), body)
        path = ROTATIONS.path(None, name)
        wait_until(lambda: cluster.must("GET", path).get("status", {}).get("completedAt"), "it has ended")  # noqa: B023
        ended = {"status": {"completedAt": f"2026-01-01T00:00:{number:02}Z"}}
        cluster.must("PATCH", f"{path}/status", ended, content_type="application/merge-patch+json")

    def left() -> list[str]:
        items = cluster.must("GET", ROTATIONS.path())["items"]
        return sorted(name for one in items if (name := one["metadata"]["name"]) in names)

    try:
        wait_until(lambda: left() == [by_person, *names[3:]], "the newest ten are kept", left)
        stays(lambda: left() == [by_person, *names[3:]], 0.5)
    finally:
        for name in left():
            cluster.must("DELETE", ROTATIONS.path(None, name))
