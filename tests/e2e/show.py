"""The long show: three kinds of workloads call S3 without a pause while their keys are renewed again and again.

Owns the course of it and the counting; what the counts have to be is in `findings`.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cluster.harness import Tenant, wait_until
from demo.calling import calling_pod
from e2e.findings import Findings, Member, Rotation
from e2e.pods import taking, workload
from e2e.stage import BUCKET
from e2e.watching import PodWatch
from esc_operator.kube.paths import WORKLOADS, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from e2e.stage import Stage
    from e2e.watching import Pod
    from local_aws import Mint

DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, _ = WORKLOADS
REPLICA_SETS = Resource("/apis/apps/v1", "replicasets", "ReplicaSet")
CONTROLLER_REVISIONS = Resource("/apis/apps/v1", "controllerrevisions", "ControllerRevision")
ENVIRONMENT = "aws"
PATIENCE = 180.0
PAST_EXPIRY = 3.0
"""Seconds that the show goes on after the last old key has expired: whoever still held it would be refused."""


@dataclass(frozen=True)
class Role:
    """A workload of the show. `allowed`: of its pods so many serve at any moment, by what `spec` says."""

    resource: Resource
    name: str
    pods: int
    allowed: int
    spec: Mapping[str, Any]
    revisions: Resource = CONTROLLER_REVISIONS
    """Where the cluster keeps one object for each template that there was."""

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.name}"


_ONE_MORE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
ROLES = (
    Role(DEPLOYMENTS, "web", 3, 3, {"replicas": 3, "strategy": _ONE_MORE}, REPLICA_SETS),
    # Without the alpha field maxUnavailable: one pod after the other is replaced in its place.
    Role(STATEFUL_SETS, "store", 3, 2, {"replicas": 3, "serviceName": "store"}),
    Role(DAEMON_SETS, "agent", 1, 1, {"updateStrategy": _ONE_MORE}),
)


def play(stage: Stage, *, lifetime: float, rotations: int) -> Findings:
    tenant = stage.tenant("e2e")
    stage.aws.settings(lifetime=lifetime)
    tenant.apply(ENVIRONMENT, tenant.login(), rollout={"policy": "OnChange", "minInterval": "10s"})
    tenant.until_ready(ENVIRONMENT)
    with PodWatch(stage.cluster, tenant.namespace) as watch:
        pod = calling_pod(stage.endpoint, BUCKET, **taking(ENVIRONMENT))
        for role in ROLES:
            tenant.cluster.must("POST", role.resource.path(tenant.namespace), workload(role.name, pod, **role.spec))
        wait_until(
            lambda: all(_serving(watch, role) == role.pods for role in ROLES),
            "all pods have called S3",
            lambda: watch.failure or watch.pods(),
            PATIENCE,
        )
        watch.count_from_now()
        say(f"{sum(role.pods for role in ROLES)} pods call S3; each key lives {lifetime:.0f} s")
        trouble = _watch_rotations(tenant, watch, rotations, lifetime)
        return _count(tenant, watch, rotations, lifetime, trouble)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _serving(watch: PodWatch, role: Role) -> int:
    return sum(pod.serves for pod in watch.pods(role.name))


def _watch_rotations(tenant: Tenant, watch: PodWatch, rotations: int, lifetime: float) -> list[str]:
    """Wait for the rotations, and past the end of the last key that was replaced; answers why that did not happen."""
    deadline = time.monotonic() + (rotations + 2) * lifetime
    told = 0
    while time.monotonic() < deadline and not watch.failure:
        mints = tenant.aws.mints().mints
        replaced = _replaced(watch.pods())
        if told < len(replaced):
            told = len(replaced)
            rotation = _rotations(mints, replaced)[told - 1]
            say(f"rotation {told}: all pods new after {rotation.rollout:.1f} s, the old key had {rotation.left:.1f} s")
        settled = len(mints) == 1 + told and tenant.condition(ENVIRONMENT, "RolledOut").get("status") == "True"
        if settled and told >= rotations and time.time() > _seconds(mints[-2].expires_at) + PAST_EXPIRY:
            return []
        time.sleep(1)
    return [watch.failure or f"not settled in time: {tenant.status(ENVIRONMENT).get('conditions')}"]


def _replaced(pods: Sequence[Pod]) -> list[float]:
    """For each revision that was replaced, in order: when its last pod was gone."""
    gone: dict[str, float | None] = {}
    for pod in pods:
        known = gone.get(_revision(pod), 0.0)
        gone[_revision(pod)] = None if known is None or pod.gone is None else max(known, pod.gone)
    ends = list(gone.values())[:-1]
    return [end for end in ends if end is not None]


def _revision(pod: Pod) -> str:
    return pod.mark.partition("@")[0]


def _rotations(mints: Sequence[Mint], replaced: Sequence[float]) -> list[Rotation]:
    return [
        Rotation(
            key_age=_seconds(new.issued_at) - _seconds(old.issued_at),
            rollout=end - _seconds(new.issued_at),
            left=_seconds(old.expires_at) - end,
        )
        for old, new, end in zip(mints, mints[1:], replaced, strict=False)
    ]


def _count(tenant: Tenant, watch: PodWatch, wanted: int, lifetime: float, troubles: Sequence[str]) -> Findings:
    mints, calls = tenant.aws.mints(), tenant.aws.calls()
    minted = {mint.access_key_id for mint in mints.mints}
    on_s3 = {key: services["s3"] for key, services in calls.items() if "s3" in services and key in minted}
    # What was refused counts with whatever key: one that nobody minted, or none at all.
    refused = {key: Counter(used["s3"].refused) for key, used in calls.items() if "s3" in used and used["s3"].refused}
    pods = watch.pods()
    return Findings(
        lifetime=lifetime,
        wanted_rotations=wanted,
        mints=mints.total,
        rotations=_rotations(mints.mints, _replaced(pods)),
        members=[_member(tenant, watch, role) for role in ROLES],
        accepted={key: used.accepted for key, used in on_s3.items()},
        refused=refused,
        start_seconds=[pod.first_ready - pod.created for pod in pods if pod.first_ready is not None],
        troubles=[*troubles, *([watch.failure] if watch.failure and watch.failure not in troubles else [])],
    )


def _member(tenant: Tenant, watch: PodWatch, role: Role) -> Member:
    pods = watch.pods(role.name)
    kept = tenant.cluster.must("GET", role.revisions.path(tenant.namespace), labelSelector=f"app={role.name}")["items"]
    return Member(
        name=str(role),
        pods=role.pods,
        allowed=role.allowed,
        least=watch.least_serving(role.name),
        templates=len(kept),
        pods_made=len(pods),
        restarts=sum(pod.restarts for pod in pods),
        bad_exits=frozenset(code for pod in pods for code in pod.bad_exits),
    )


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
