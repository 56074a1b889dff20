"""The cluster fails: its API server, its etcd, its watches, or it has enough of us; and people delete what is used."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cluster.harness import wait_until
from esc_operator.kube.paths import ENVIRONMENTS, NAMESPACES, SERVICE_ACCOUNTS
from faults.front import Drop, Phase, Reaction, Reply, Rule, drop
from faults.requests import EXCHANGE, SECRET, STATUS, TOKEN, WATCHES
from faults.scenario import fault
from local_cluster import interruptions
from local_cluster.interruptions import ETCD

if TYPE_CHECKING:
    from faults.run import Run, Subject

LIFETIMES = (24, 36)
NOTICED = 2.0
"""Seconds. What has as much left when the API server is ready is renewed in time: attempts come at each quarter of the
life that is left, and at least a second apart."""

PLACES = [(write, phase) for write in (TOKEN, SECRET, STATUS) for phase in (Phase.BEFORE, Phase.UNANSWERED)]


@fault("API server killed and restarted during a rotation", runs=12)
def api_server_killed(run: Run) -> None:
    write, phase = PLACES[run.number % len(PLACES)]
    stage, subject = run.stage, run.fill()

    def kill() -> Reaction:
        stage.kill_api_server()
        return Drop()

    with run.rule(write, phase, kill, subject) as rule:
        subject.rotate("now")
        assert rule.hit.wait(20), f"no request came to {write}"
    stage.start_api_server()
    subject.judge(mints=2, writes=2, patience=45)


@fault("API server killed and restarted while credentials come due", runs=6)
def api_server_away(run: Run) -> None:
    stage, lifetime = run.stage, LIFETIMES[run.number % len(LIFETIMES)]
    stage.aws.settings(lifetime=lifetime)
    subjects = run.fill_some(4)
    stage.aws.settings(lifetime=3600)
    stage.kill_api_server()
    # They come due when about a third of their lives is left, and there is nobody to store new ones.
    time.sleep(max(subject.remaining() for subject in subjects) - lifetime / 3 + 1)
    asked = sum(len(subject.exchanges()) for subject in subjects)
    run.doubled(asked - len(subjects), "AWS was asked for what nobody could store")
    stage.start_api_server()
    back = datetime.now(UTC)
    for subject in subjects:
        subject.judge(mints=2, writes=2, patience=45)
        first, second = subject.mints()[:2]
        left = (datetime.fromisoformat(first.expires_at) - back).total_seconds()
        if second.issued_at > first.expires_at and left > NOTICED:
            run.lost(f"{subject.namespace}: the Secret expired {left:.1f} s after the API server was back")


@fault("etcd paused for 3 to 10 s during a rotation", runs=8)
def etcd_paused(run: Run) -> None:
    write, phase = PLACES[run.number % len(PLACES)]
    stage, subject = run.stage, run.fill()

    def pause() -> Reaction:
        interruptions.pause(stage.local, ETCD)
        return None

    with run.rule(write, phase, pause, subject) as rule:
        subject.rotate("now")
        try:
            assert rule.hit.wait(20), f"no request came to {write}"
            time.sleep(3 + run.number % 8)  # as long as it is paused
        finally:
            interruptions.resume(stage.local, ETCD)
    subject.judge(mints=2, writes=2, patience=60)


@fault("watches cut for longer than their history", runs=6)
def watches_cut(run: Run) -> None:
    stage = run.stage
    # It remembers for a while by itself what etcd has forgotten, unless it is told not to.
    stage.restart_api_server("--watch-cache=false")
    edited, deleted, rotated, removed = (run.fill() for _ in range(4))
    importer = _import_of(removed)
    stage.until_quiet()
    wait_until(lambda: stage.fronts.watched >= set(WATCHES), "both watches are open")
    expired = stage.fronts.expired_watches
    cuts = [Rule(name, Phase.BEFORE, drop, count=None) for name in WATCHES]
    with stage.fronts.rules(*cuts):
        stage.fronts.cut_watches(WATCHES)
        edited.tenant.write_secret(edited.name, {"AWS_ACCESS_KEY_ID": "mine"})
        deleted.tenant.delete_secret(deleted.name)
        rotated.rotate("now")
        removed.tenant.delete(removed.name)
        new = run.subject()
        new.apply()
        interruptions.compact(stage.local)
    wait_until(lambda: stage.fronts.expired_watches >= expired + 2, "both watches are told that their history is gone")
    edited.judge(mints=1, writes=2)
    deleted.judge(mints=1, writes=2)
    rotated.judge(mints=2, writes=2)
    new.judge(mints=1, writes=1)
    removed.judge_count(1)
    removed.tenant.until_refused(importer, "ImportNotFound", kind="Refreshed")
    stage.restart_api_server()


def _import_of(subject: Subject) -> str:
    """An environment that imports the subject's: it has to be told when that is gone, whoever saw it go."""
    subject.tenant.apply("importer", {"imports": [subject.name]}, serviceAccountName=subject.service_account)
    subject.tenant.until_ready("importer")
    return "importer"


@fault("API server answers 429 with Retry-After", runs=12, at_once=6)
def api_server_throttles(run: Run) -> None:
    wait, write = 3, (TOKEN, SECRET, STATUS)[run.number % 3]
    told: list[float] = []

    def throttle() -> Reaction:
        told.append(time.monotonic())
        body = '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too many requests","code":429}'
        return Reply(429, body, {"Retry-After": f"{wait}", "Content-Type": "application/json"})

    def note() -> Reaction:
        told.append(time.monotonic())
        return None

    subject = run.fill()
    with run.rule(write, Phase.BEFORE, throttle, subject, count=2), run.rule(write, Phase.BEFORE, note, subject):
        subject.rotate("now")
        subject.judge(mints=2, writes=2, patience=60)
    gaps = [later - earlier for earlier, later in itertools.pairwise(told)]
    if len(told) != 3 or min(gaps) < wait - 0.05:
        run.wrong(f"{subject.namespace}: {write} came again after {gaps} s, and was told to wait {wait} s")


@fault("ServiceAccount deleted and recreated", runs=12, at_once=6, lifetime=18)
def service_account_deleted(run: Run) -> None:
    subject = run.subject(service_account="robot")
    subject.tenant.create_service_account("robot")
    subject.apply()
    subject.until_settled(mints=1)
    with subject.kept():
        run.stage.cluster.must("DELETE", SERVICE_ACCOUNTS.path(subject.namespace, "robot"))
        subject.until_told("ServiceAccountMissing", ready="True")
        if run.number % 2:
            subject.until_told("ServiceAccountMissing", ready="False")
    run.stage.aws.settings(lifetime=3600)
    subject.tenant.create_service_account("robot")
    subject.judge(mints=2, writes=2)


@fault("namespace deleted during a sync", runs=16, at_once=8)
def namespace_deleted(run: Run) -> None:
    write = (TOKEN, EXCHANGE, SECRET, STATUS)[run.number % 4]
    again = run.number % 8 >= 4
    stage, neighbour, subject = run.stage, run.fill(), run.fill() if again else run.subject()
    path = f"{NAMESPACES.path()}/{subject.namespace}"

    def delete() -> Reaction:
        stage.cluster.must("DELETE", path)
        return None

    with run.rule(write, Phase.BEFORE, delete, subject) as rule:
        subject.rotate("now") if again else subject.apply()
        assert rule.hit.wait(20), f"no request came to {write}"
    wait_until(lambda: stage.cluster.request("GET", path)[0] == 404, "the namespace is gone", patience=60)
    stage.until_quiet()
    made = len(subject.mints())
    if made > 2 if again else made > 1:
        run.doubled(1, f"{subject.namespace}: {made} mints for what was deleted")
    neighbour.rotate("now")
    neighbour.judge(mints=2, writes=2)
    _bring_back(run, subject, made)


def _bring_back(run: Run, subject: Subject, made: int) -> None:
    """The same names anew: nothing of the former ones may be in the way."""
    cluster = run.stage.cluster
    cluster.create_namespace(subject.namespace)
    subject.apply()
    wait_until(lambda: cluster.find(ENVIRONMENTS, subject.namespace, subject.name), "the environment is there")
    # Credentials that are still good enough may be used again: they are of the same identity.
    subject.until_settled(mints=1)
    run.stage.until_quiet()
    subject.judge(mints=max(made, 1) if len(subject.mints()) == made else made + 1)
