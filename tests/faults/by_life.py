"""What the operator stands on changes while it runs: the API server's certificate, its own credentials, the kinds."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cluster.harness import wait_until
from cluster.kinds import create_kind, delete_kind
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, ROTATIONS, Resource
from faults.front import Phase, Rule, drop
from faults.own_credentials import OwnCredentials
from faults.scenario import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.run import Run, Subject

SOON = 10.0
"""Seconds within which it has to be noticed that a kind is there, on a machine that does much else."""


# Credentials.


@fault("CA bundle replaced, before the API server's certificate or after it", runs=4)
def authority_changed(run: Run) -> None:
    with OwnCredentials(run.stage) as own:
        subject = run.fill()
        own.issue_new_certificate()
        if run.number % 2:
            own.write_bundle()
            own.show_certificate()
        else:
            own.show_certificate()
            wait_until(lambda: "not trusted" in run.stage.log_of_operator(), "the operator tells of the certificate")
            time.sleep(1)  # a lease of six seconds is not lost by that
            own.write_bundle()
        subject.rotate("now")
        subject.judge(mints=2, writes=2, patience=45)


@fault("the operator's token expired, and replaced on disk later", runs=4)
def token_expired(run: Run) -> None:
    stage = run.stage
    with OwnCredentials(stage) as own:
        subject = run.fill()
        own.refuse_token()
        subject.rotate("now")
        asked = stage.fronts.unauthorized
        time.sleep(5)
        # Three watches, leases and what is due, each with pauses.
        if (count := stage.fronts.unauthorized - asked) > 100:
            run.wrong(f"{count} requests with a token that is refused in 5 s")
        own.write_new_token()
        subject.judge(mints=2, writes=2, patience=60)


@fault("client certificate expired, and replaced on disk before", runs=2)
def certificate_changed(run: Run) -> None:
    with OwnCredentials(run.stage, lives=timedelta(seconds=25)) as own:
        subject = run.fill()
        own.write_new_certificate()
        own.until_expired()
        subject.rotate("now")
        subject.judge(mints=2, patience=45)


@fault("a standby that cannot look at the lease", runs=2)
def lease_unreadable(run: Run) -> None:
    stage = run.stage
    arguments = ("--leader-election", "--lease-duration=4")
    with stage.replaced_by(stage.make_operator(arguments=arguments)) as leader:
        wait_until(leader.leads, "one leads")
        standby = stage.make_operator(arguments=arguments)
        try:
            standby.start()
            subject = run.fill()
            # Only one that stands by reads it; the leader writes.
            with stage.fronts.rules(Rule("read-leases", Phase.BEFORE, drop, count=None)):
                wait_until(lambda: standby.readiness()[0] == 503, "the standby is not ready")
                told = standby.readiness()[1]["state"]
                if not told.startswith("could not read the lease for "):
                    run.wrong(f"it says {told!r}")
                if leader.readiness()[0] != 200:
                    run.wrong("the leader is not ready")
            wait_until(lambda: standby.readiness()[0] == 200, "the standby is ready again")
            leader.kill()
            subject.rotate("now")
            subject.judge(mints=2, writes=2)
        finally:
            standby.kill()


# Kinds.


@contextlib.contextmanager
def without(run: Run, resource: Resource) -> Iterator[None]:
    """A kind is deleted with all its objects, and is back at the end."""
    delete_kind(run.stage.cluster, resource)
    try:
        yield
    finally:
        create_kind(run.stage.cluster, resource)


def until_missed(run: Run, resource: Resource) -> None:
    told = f'esc_operator_kind_missing{{kind="{resource.kind}"}} 1.0'
    wait_until(lambda: told in run.stage.operator.scrape(), "it is told that the kind is missing")


@fault("CustomResourceDefinition of EscEnvironment deleted and created", runs=3)
def environments_gone(run: Run) -> None:
    stage, subject = run.stage, run.fill()
    with without(run, ENVIRONMENTS):
        until_missed(run, ENVIRONMENTS)
        wait_until(lambda: "\nesc_operator_environments 0.0\n" in stage.operator.scrape(), "nothing is remembered")
    made = len(subject.mints())
    subject.apply()
    back = time.monotonic()
    subject.until_settled(mints=made, patience=30)
    if time.monotonic() - back > SOON:
        run.wrong(f"{subject.namespace}: it was worked on after {time.monotonic() - back:.1f} s")
    made = len(subject.mints())
    if made > 2:
        run.doubled(made - 2, f"{subject.namespace}: {made} mints")
    subject.rotate("now")
    subject.judge(mints=made + 1)


@fault("CustomResourceDefinition of ClusterEscEnvironment deleted and created", runs=3)
def cluster_environments_gone(run: Run) -> None:
    subject = run.fill()
    _apply_wide(run, subject, "before")
    _until_filled(run, subject, "before")
    with without(run, CLUSTER_ENVIRONMENTS):
        until_missed(run, CLUSTER_ENVIRONMENTS)
        subject.rotate("now")
        subject.judge(mints=2, writes=3)  # one of them is that of the other kind's Secret
    _apply_wide(run, subject, "after")
    _until_filled(run, subject, "after")
    run.stage.cluster.must("DELETE", CLUSTER_ENVIRONMENTS.path(None, f"wide-{subject.namespace}"))


def _apply_wide(run: Run, subject: Subject, value: str) -> None:
    spec: dict[str, Any] = {
        "environment": {"values": {"environmentVariables": {"A": value}}},
        "target": {"namespaces": [subject.namespace]},
    }
    name = f"wide-{subject.namespace}"
    body = {"apiVersion": "esc-operator.dev/v1alpha1", "kind": "ClusterEscEnvironment", "metadata": {"name": name}}
    run.stage.cluster.must("POST", CLUSTER_ENVIRONMENTS.path(), body | {"spec": spec})


def _until_filled(run: Run, subject: Subject, value: str) -> None:
    name = f"wide-{subject.namespace}"
    wait_until(
        lambda: subject.tenant.secret(name) and subject.tenant.values(name) == {"A": value},
        f"{name} is filled with {value}",
        lambda: run.stage.cluster.find(CLUSTER_ENVIRONMENTS, "", name),
    )


@fault("CustomResourceDefinition of EscRotation deleted during a rotation, and created", runs=3)
def rotations_gone(run: Run) -> None:
    subject = run.fill()
    with without(run, ROTATIONS):
        until_missed(run, ROTATIONS)
        subject.rotate("now")
        subject.judge(mints=2, writes=2)
    _rotate_all(run, subject)
    subject.judge(mints=3, writes=3)


@fault("CustomResourceDefinition of EscRotation missing at the start, and created", runs=2)
def rotations_come(run: Run) -> None:
    subject = run.fill()
    with without(run, ROTATIONS):
        run.stage.operator.stop()
        run.stage.restart_operator()
        until_missed(run, ROTATIONS)
    _rotate_all(run, subject)
    subject.judge(mints=2, writes=2)


def _rotate_all(run: Run, subject: Subject) -> None:
    cluster, name = run.stage.cluster, f"all-{subject.namespace}"
    cluster.must(
        "POST",
        ROTATIONS.path(),
        {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscRotation",
            "metadata": {"name": name},
            "spec": {"selector": {"namespaces": [subject.namespace]}},
        },
    )
    began = time.monotonic()

    def phase() -> str:
        return str(((cluster.find(ROTATIONS, "", name) or {}).get("status") or {}).get("phase"))

    wait_until(lambda: phase() == "Succeeded", f"{name} has succeeded", phase)
    if time.monotonic() - began > SOON:
        run.wrong(f"{name} took {time.monotonic() - began:.1f} s")
