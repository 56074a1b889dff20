"""Around a rotation, in its way, and too many of one's own; turns that are never given back."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from cluster.harness import Tenant, variables, wait_until
from esc_operator.kube.paths import ENVIRONMENTS, EVENTS, ROTATIONS, WORKLOADS
from esc_operator.resources import GROUP, ROTATE_REQUESTED_AT
from esc_operator.resources.workloads import REVISIONS
from tenants.attempt import ADMINISTRATOR, NOBODY, Verdict, attempt
from tenants.judging import asked
from tenants.stage import ATTACKER, NEIGHBOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenants.stage import Stage

DEPLOYMENTS = WORKLOADS[0]
DEAD = 20
"""As many Deployments as there are turns."""


@contextlib.contextmanager
def rotation(stage: Stage, name: str, **spec: Any) -> Iterator[dict[str, Any]]:
    """The status of an EscRotation of an administrator that has come to its end."""
    body = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "EscRotation",
        "metadata": {"name": name},
        "spec": {"reason": "a leak", **spec},
    }
    path = ROTATIONS.path(None, name)
    stage.administrator.must("POST", ROTATIONS.path(), body)

    def status() -> dict[str, Any]:
        found: dict[str, Any] = stage.administrator.must("GET", path).get("status") or {}
        return found

    try:
        wait_until(lambda: status().get("completedAt"), "the rotation is over", status, patience=60)
        yield status()
    finally:
        stage.administrator.request("DELETE", path)


def complete(status: dict[str, Any]) -> str:
    told = next(one for one in status["conditions"] if one["type"] == "Complete")
    return f"{told['reason']}: {told['message']}"


def secretly(stage: Stage) -> str:
    """An environment of the attacker's whose role is a secret, with a label of its own."""
    name = stage.fresh()
    definition = stage.attacker.login(sessionName=name)
    definition["values"]["role"] = {"fn::secret": stage.attacker.role}
    definition["values"]["aws"]["login"]["fn::open::aws-login"]["oidc"]["roleArn"] = "${role}"
    stage.attacker.apply(name, definition)
    stage.attacker.annotate(name, labels={"attempt": name})
    stage.attacker.until_ready(name)
    return name


def found_and_rotated(stage: Stage, name: str) -> Verdict:
    """What a rotation of the role makes of it."""
    before = stage.attacker.values(name)["AWS_ACCESS_KEY_ID"]
    selector = {"role": stage.attacker.role, "matchLabels": {"attempt": name}}
    with rotation(stage, f"{name}-plan", selector=selector, dryRun=True) as plan:
        planned = plan.get("planned") or []
    with rotation(stage, f"{name}-leak", selector=selector) as status:
        told = complete(status)
    after = stage.attacker.values(name)["AWS_ACCESS_KEY_ID"]
    is_planned = [(one["name"], one.get("roleHidden")) for one in planned] == [(name, True)]
    if before == after or not is_planned:
        return Verdict(NOBODY, f"it was not found: {complete(plan)}; {told}", good=False)
    if leaks := [place for place in stage.found(f'"role": "{stage.attacker.role}"') if place != "a status"]:
        return Verdict("operator", f"tells the role in {', '.join(leaks)}", good=False)
    return Verdict("operator", complete(plan))


@attempt("hide from a rotation of its role: the role is a secret")
def secret_role(stage: Stage) -> Verdict:
    return found_and_rotated(stage, secretly(stage))


@attempt("hide from a rotation of its role: the role is a secret, and the operator is another one since")
def secret_role_after_a_restart(stage: Stage) -> Verdict:
    name = secretly(stage)
    stage.operator.kill()
    stage.operator.start()
    return found_and_rotated(stage, name)


@attempt("hide from a rotation of its role: write another role into the status")
def forged_status(stage: Stage) -> Verdict:
    forged = {"status": {"logins": [{"provider": "aws-login", "role": "arn:aws:iam::1:role/other"}]}}
    path = f"{ENVIRONMENTS.path(ATTACKER, 'own')}/status"
    return asked(stage.attacker.cluster, "PATCH", path, forged, content_type="application/merge-patch+json")


@attempt("keep a role that the namespace is not allowed any more: the role is a secret")
def secret_role_off_the_list(stage: Stage) -> Verdict:
    stage.allow_change(f"Namespace {ATTACKER}")
    name = secretly(stage)
    namespace = Tenant(stage.administrator, stage.aws, ATTACKER, "")
    before = f"{stage.attacker.role}, {stage.neighbour.role}"
    try:
        namespace.allow(roles=stage.neighbour.role)
        told = stage.attacker.until_refused(name, "RoleNotAllowed", "Refreshed")
    finally:
        namespace.allow(roles=before)
    wait_until(
        lambda: stage.attacker.condition(name, "Refreshed").get("status") == "True",
        "it is allowed again",
        lambda: stage.attacker.status(name),
    )
    wait_until(
        lambda: stage.attacker.condition("own", "Refreshed").get("status") == "True",
        "and so is the other",
        lambda: stage.attacker.status("own"),
    )
    return Verdict("operator", f"RoleNotAllowed: {told}", good="(which is a secret)" in told)


def failing_first(stage: Stage, many: int) -> None:
    """So many environments of the attacker's that hold what expires first, and whose logins fail by now."""
    names = [stage.fresh() for _ in range(many)]
    for name in names:
        stage.attacker.apply(name, stage.attacker.login(duration="15m", sessionName=name))
    for name in names:
        stage.attacker.until_ready(name)
        broken = stage.attacker.login(duration="15m", sessionName=name)
        broken["values"]["aws"]["login"]["fn::open::aws-login"]["oidc"]["roleArn"] = stage.neighbour.role
        stage.attacker.apply(name, broken)
        stage.attacker.annotate(name, labels={"attempt": "failing"})
    for name in names:
        stage.attacker.until_refused(name, "RoleTrustRefused", "Refreshed")


def stopping(stage: Stage, limit: int) -> Verdict:
    """Whether the neighbour is rotated though as many of the attacker's have failed as may."""
    stage.allow_change(f"Secret {NEIGHBOUR}/aws")
    stage.allow_change(f"mints of {stage.neighbour.role}")
    failing_first(stage, limit + 1)
    stage.neighbour.annotate("aws", labels={"attempt": "failing"})
    before = stage.neighbour.values("aws")["AWS_ACCESS_KEY_ID"]
    selector = {"matchLabels": {"attempt": "failing"}}
    with rotation(stage, "stopping", selector=selector, maxConcurrent=1, stopAfterFailures=limit) as status:
        told = complete(status)
    stage.neighbour.annotate("aws", labels={"attempt": None})
    if stage.neighbour.values("aws")["AWS_ACCESS_KEY_ID"] == before:
        return Verdict(NOBODY, f"the neighbour was not rotated: {told}", good=False)
    return Verdict("operator", told, good=f"stopped in {ATTACKER} ({limit} failed)" in told)


@attempt("stop a rotation for the neighbour: fail first, once")
def failing_once(stage: Stage) -> Verdict:
    return stopping(stage, 1)


@attempt("stop a rotation for the neighbour: fail first, as often as may")
def failing_often(stage: Stage) -> Verdict:
    return stopping(stage, 3)


@attempt("rotate a role that nobody uses", ADMINISTRATOR)
def nobody_selected(stage: Stage) -> Verdict:
    with rotation(stage, "nobody", selector={"role": "arn:aws:iam::*:role/nobodys"}) as status:
        told, failed = complete(status), status["phase"] == "Failed"
    with rotation(stage, "nobody-is-fine", selector={"role": "arn:*:role/nobodys"}, allowNone=True) as status:
        fine = status["phase"] == "Succeeded"
    return Verdict(
        "operator", told, good=failed and fine and told.startswith("NothingSelected: no environment matches")
    )


@attempt("rotate one's own environment in a loop")
def rotating_in_a_loop(stage: Stage) -> Verdict:
    name = stage.fresh()
    stage.attacker.apply(name, stage.attacker.login(sessionName=name))
    stage.attacker.until_ready(name)
    before, deadline = stage.attacker.mints(), time.monotonic() + 8
    number = 0
    while time.monotonic() < deadline:
        number += 1
        stage.attacker.annotate(name, annotations={ROTATE_REQUESTED_AT: str(number)})
        time.sleep(0.1)
    minted = stage.attacker.mints() - before
    wait_until(lambda: stage.attacker.status(name).get("rotationDueAt"), "it is told when the next one is done")
    events = stage.administrator.must("GET", EVENTS.path(ATTACKER))["items"]
    told = [
        one["message"] for one in events if one["reason"] == "RotationDelayed" and one["involvedObject"]["name"] == name
    ]
    if minted > 3 or len(told) != 1:
        return Verdict(NOBODY, f"{minted} mints for {number} requests, told {len(told)} times", good=False)
    return Verdict("operator", f"RotationDelayed: {told[0]}")


def deploy(tenant: Tenant, name: str, secret: str, replicas: int) -> None:
    labels = {"app": name}
    pod = {"containers": [{"name": "c", "image": "none", "envFrom": [{"secretRef": {"name": secret}}]}]}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    tenant.cluster.must("POST", DEPLOYMENTS.path(tenant.namespace), body)


def mark(tenant: Tenant, name: str) -> str:
    found = tenant.cluster.find(DEPLOYMENTS, tenant.namespace, name) or {}
    annotations = found["spec"]["template"]["metadata"].get("annotations") or {}
    return str(annotations.get(REVISIONS, ""))


@attempt("hold all turns with rollouts that never come to an end")
def dead_deployments(stage: Stage) -> Verdict:
    on_change = {"policy": "OnChange", "minInterval": "1s"}
    for what in (f"Secret {NEIGHBOUR}/rolls", "environment rolls"):
        stage.allow_change(what)
    dead = stage.fresh()
    names = [f"{dead}-{number}" for number in range(DEAD)]
    try:
        for name in names:
            deploy(stage.attacker, name, dead, 1)
        deploy(stage.neighbour, "rolls", "rolls", 0)
        for tenant, name in ((stage.attacker, dead), (stage.neighbour, "rolls")):
            tenant.apply(name, variables(A="1"), rollout=on_change)
            tenant.until_ready(name)
        time.sleep(1)
        stage.attacker.apply(dead, variables(A="2"), rollout=on_change)
        wait_until(lambda: all(mark(stage.attacker, name) for name in names), "all of theirs are under way")
        began = time.monotonic()
        stage.neighbour.apply("rolls", variables(A="2"), rollout=on_change)
        wait_until(lambda: mark(stage.neighbour, "rolls"), "the neighbour's is rolled", patience=60)
        took = time.monotonic() - began
        theirs = stage.attacker.condition(dead, "RolledOut")
    finally:
        for tenant, name in [*((stage.attacker, name) for name in names), (stage.neighbour, "rolls")]:
            stage.administrator.request("DELETE", DEPLOYMENTS.path(tenant.namespace, name))
        stage.administrator.request("DELETE", ENVIRONMENTS.path(NEIGHBOUR, "rolls"))
    if took > 20:
        return Verdict(NOBODY, f"the neighbour waited for {took:.0f} s", good=False)
    return Verdict("operator", f"the neighbour's turn came within 20 s; {theirs['reason']} is told of theirs")
