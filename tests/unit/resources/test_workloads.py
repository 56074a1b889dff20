"""Which Secrets a workload's pods take, how far its pods are, and what its template says of revisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.resources.workloads import (
    REVISIONS,
    Progress,
    Stamp,
    format_stamps,
    parse_stamps,
    parse_workload,
    secrets_of,
)

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def body(spec: dict[str, Any], status: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """As an API server stores it, with a controller that has seen generation 4."""
    return {
        "metadata": {"name": "web", "uid": "u-1", "resourceVersion": "77", "generation": 4, **metadata},
        "spec": {"template": {"spec": {"containers": []}}, **spec},
        "status": {"observedGeneration": 4, **(status or {})},
    }


def progress(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> tuple[Progress, str]:
    workload = parse_workload(kind, body(spec, status))
    return workload.progress, workload.message


COMPLETE = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
MOVING = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
EXCEEDED = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


@pytest.mark.parametrize(
    ("status", "expected", "message"),
    [
        pytest.param(
            {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3, "conditions": [COMPLETE]},
            Progress.DONE,
            "",
            id="all new and available",
        ),
        pytest.param(
            {"replicas": 4, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3, "conditions": [MOVING]},
            Progress.RUNNING,
            "1 of 3 pods are new",
            id="maxSurge: one more than wanted",
        ),
        pytest.param(
            {"replicas": 4, "updatedReplicas": 3, "readyReplicas": 4, "availableReplicas": 4, "conditions": [MOVING]},
            Progress.RUNNING,
            "3 of 3 pods are new",
            id="the last old pod still runs",
        ),
        pytest.param(
            {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 2, "availableReplicas": 2, "conditions": [MOVING]},
            Progress.RUNNING,
            "3 of 3 pods are new",
            id="a new pod is not available",
        ),
        pytest.param(
            {"replicas": 2, "updatedReplicas": 2, "unavailableReplicas": 2, "conditions": [MOVING]},
            Progress.RUNNING,
            "2 of 3 pods are new",
            id="the API server leaves zeros out",
        ),
        pytest.param(
            {"replicas": 4, "updatedReplicas": 1, "availableReplicas": 3, "conditions": [EXCEEDED]},
            Progress.STUCK,
            "it exceeded its progress deadline",
            id="past its progress deadline",
        ),
        pytest.param({}, Progress.RUNNING, "0 of 3 pods are new", id="no counts yet"),
    ],
)
def test_a_deployment_is_done_when_all_its_pods_are_new_and_available(
    status: dict[str, Any], expected: Progress, message: str
) -> None:
    assert progress("Deployment", {"replicas": 3}, status) == (expected, message)


def test_a_deployment_of_no_replicas_is_done_at_once() -> None:
    assert progress("Deployment", {"replicas": 0}, {})[0] is Progress.DONE
    assert progress("Deployment", {"replicas": 0}, {"replicas": 1})[0] is Progress.RUNNING


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Rollout"])
def test_a_template_that_its_controller_has_not_seen_yet_is_not_done_whatever_the_counts_say(kind: str) -> None:
    status = {
        "observedGeneration": 3,
        "replicas": 1,
        "updatedReplicas": 1,
        "availableReplicas": 1,
        "readyReplicas": 1,
        "desiredNumberScheduled": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "currentRevision": "web-1",
        "updateRevision": "web-1",
        "phase": "Healthy",
    }
    assert progress(kind, {"replicas": 1}, status) == (Progress.RUNNING, "its controller has not observed it yet")
    assert progress(kind, {"replicas": 1}, {**status, "observedGeneration": 4})[0] is Progress.DONE


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Rollout"])
def test_a_workload_without_a_status_has_not_been_looked_at(kind: str) -> None:
    bare = {key: value for key, value in body({}).items() if key != "status"}
    assert parse_workload(kind, bare).progress is Progress.RUNNING


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
def test_a_paused_workload_is_paused_even_where_its_controller_has_not_seen_its_template(kind: str) -> None:
    assert progress(kind, {"replicas": 1, "paused": True}, {"observedGeneration": 1})[0] is Progress.PAUSED


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_workload_whose_pods_are_deleted_by_hand_says_so(kind: str) -> None:
    assert progress(kind, {"updateStrategy": {"type": "OnDelete"}}, {})[0] is Progress.ON_DELETE


@pytest.mark.parametrize(
    ("partition", "status", "expected", "message"),
    [
        pytest.param(
            0,
            {"updatedReplicas": 3, "readyReplicas": 3, "currentRevision": "w-2", "updateRevision": "w-2"},
            Progress.DONE,
            "",
            id="all new and ready",
        ),
        pytest.param(
            0,
            {"updatedReplicas": 1, "readyReplicas": 2, "currentRevision": "w-1", "updateRevision": "w-2"},
            Progress.RUNNING,
            "1 of 3 pods are new",
            id="one after the other",
        ),
        pytest.param(
            0,
            {"updatedReplicas": 3, "readyReplicas": 2, "currentRevision": "w-1", "updateRevision": "w-2"},
            Progress.RUNNING,
            "3 of 3 pods are new",
            id="the last one is not ready",
        ),
        pytest.param(
            0,
            {"updatedReplicas": 3, "readyReplicas": 3, "currentRevision": "w-1", "updateRevision": "w-2"},
            Progress.RUNNING,
            "3 of 3 pods are new",
            id="its controller has not called it complete",
        ),
        pytest.param(
            2,
            {"updatedReplicas": 0, "readyReplicas": 3, "currentRevision": "w-1", "updateRevision": "w-2"},
            Progress.RUNNING,
            "0 of 1 pods are new",
            id="a partition lets one through",
        ),
        pytest.param(
            2,
            {"updatedReplicas": 1, "readyReplicas": 3, "currentRevision": "w-1", "updateRevision": "w-2"},
            Progress.PARTITIONED,
            "its partition keeps 2 of 3 pods as they are",
            id="a partition keeps the others",
        ),
        pytest.param(
            7,
            {"readyReplicas": 3, "currentRevision": "w-1", "updateRevision": "w-2"},
            Progress.PARTITIONED,
            "its partition keeps 3 of 3 pods as they are",
            id="a partition beyond the replicas",
        ),
        pytest.param(
            2,
            {"updatedReplicas": 3, "readyReplicas": 3, "currentRevision": "w-2", "updateRevision": "w-2"},
            Progress.DONE,
            "",
            id="a partition that has nothing to keep",
        ),
    ],
)
def test_a_stateful_set_is_done_when_no_pod_is_left_behind(
    partition: int, status: dict[str, Any], expected: Progress, message: str
) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    assert progress("StatefulSet", {"replicas": 3, "updateStrategy": strategy}, status) == (expected, message)


def test_a_stateful_set_of_no_replicas_is_done_at_once() -> None:
    same = {"currentRevision": "w-2", "updateRevision": "w-2"}
    assert progress("StatefulSet", {"replicas": 0}, same)[0] is Progress.DONE


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}, Progress.DONE),
        ({"desiredNumberScheduled": 3, "updatedNumberScheduled": 2, "numberAvailable": 3}, Progress.RUNNING),
        ({"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}, Progress.RUNNING),
        ({"desiredNumberScheduled": 0}, Progress.DONE),
    ],
)
def test_a_daemon_set_is_done_when_every_node_has_a_new_pod(status: dict[str, Any], expected: Progress) -> None:
    assert progress("DaemonSet", {}, status)[0] is expected


CANARY = {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "30s"}}]}}


@pytest.mark.parametrize(
    ("status", "expected", "message"),
    [
        ({"phase": "Healthy"}, Progress.DONE, ""),
        ({"phase": "Progressing"}, Progress.RUNNING, "it is progressing"),
        ({}, Progress.RUNNING, "it is progressing"),
        ({"phase": "Degraded", "message": "ProgressDeadlineExceeded"}, Progress.STUCK, "ProgressDeadlineExceeded"),
        ({"phase": "Degraded"}, Progress.STUCK, "it is degraded"),
        ({"phase": "Paused", "currentStepIndex": 1}, Progress.PAUSED, "it is paused until someone promotes it"),
        ({"phase": "Paused", "currentStepIndex": 3}, Progress.RUNNING, "it is paused"),
        ({"phase": "Paused", "currentStepIndex": 9}, Progress.PAUSED, "it is paused until someone promotes it"),
        ({"phase": "Paused"}, Progress.PAUSED, "it is paused until someone promotes it"),
    ],
)
def test_an_argo_rollout_is_as_far_as_its_phase_says(status: dict[str, Any], expected: Progress, message: str) -> None:
    # Argo Rollouts keeps the generation as a text.
    whole = {"observedGeneration": "4", **status}
    assert progress("Rollout", {"strategy": CANARY}, whole) == (expected, message)


def test_a_blue_green_rollout_that_waits_for_its_promotion_waits_for_somebody() -> None:
    status = {"observedGeneration": "4", "phase": "Paused", "message": "BlueGreenPause"}
    assert progress("Rollout", {"strategy": {"blueGreen": {}}}, status)[0] is Progress.PAUSED


def test_every_way_in_which_a_pod_takes_a_secret_counts() -> None:
    pod = {
        "initContainers": [{"envFrom": [{"secretRef": {"name": "init"}}]}],
        "containers": [
            {"envFrom": [{"secretRef": {"name": "env-from"}}, {"configMapRef": {"name": "a-map"}}]},
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "env", "key": "a"}}}, {"name": "B"}]},
        ],
        "volumes": [
            {"name": "v", "secret": {"secretName": "volume"}},
            {
                "name": "p",
                "projected": {"sources": [{"secret": {"name": "projected"}}, {"serviceAccountToken": {"path": "t"}}]},
            },
            {"name": "e", "emptyDir": {}},
        ],
    }
    assert sorted(secrets_of(pod)) == ["env", "env-from", "init", "projected", "volume"]


def test_what_pods_do_not_read_values_from_does_not_count() -> None:
    pod = {
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [{"name": "c", "env": [{"name": "A", "value": "app"}], "envFrom": [{"prefix": "X_"}]}],
        "volumes": [{"name": "app", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}}],
    }
    assert list(secrets_of(pod)) == []


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"containers": None, "initContainers": None, "volumes": None},
        {"containers": [{"env": None, "envFrom": None}], "volumes": [{"secret": None, "projected": None}]},
        {"containers": [{"env": [{"valueFrom": None}], "envFrom": [{"secretRef": None}, {"secretRef": {}}]}]},
        {"volumes": [{"projected": {"sources": None}}, {"projected": {"sources": [{"secret": {}}]}}, {"secret": {}}]},
        {"ephemeralContainers": [{"envFrom": [{"secretRef": {"name": "debug"}}]}], "tomorrow": {"secret": "x"}},
    ],
)
def test_a_pod_that_leaves_things_out_takes_nothing(pod: dict[str, Any]) -> None:
    assert list(secrets_of(pod)) == []


def test_a_workload_without_template_annotations_or_labels_is_read() -> None:
    workload = parse_workload("Rollout", {**body({}), "spec": {"workloadRef": {"kind": "Deployment", "name": "web"}}})
    assert (workload.secrets, workload.labels, workload.stamps, workload.created_at) == (frozenset(), {}, {}, None)
    assert str(workload) == "Rollout web"


names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,30}[a-z0-9])?", fullmatch=True)
revisions = st.text("0123456789abcdef", min_size=1, max_size=12)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2400, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)


@given(st.dictionaries(names, st.builds(Stamp, revisions, st.none() | moments), max_size=5))
def test_stamps_survive_their_way_through_the_annotation(stamps: dict[str, Stamp]) -> None:
    text = format_stamps(stamps)
    assert parse_stamps(text) == stamps
    assert format_stamps(parse_stamps(text)) == text


def test_the_annotation_names_secrets_revisions_and_times() -> None:
    text = "aws=0011aabbccdd@2026-05-01T12:00:00Z,db=ffee"
    template = {"metadata": {"annotations": {REVISIONS: text}}, "spec": {}}
    stamps = parse_workload("Deployment", body({"template": template})).stamps
    assert stamps == {"aws": Stamp("0011aabbccdd", START), "db": Stamp("ffee", None)}


@given(st.text("=@,ab0123456789-:TZ+", max_size=60) | st.text(max_size=60))
def test_a_damaged_annotation_is_read_as_far_as_it_can_be_and_can_be_written_again(text: str) -> None:
    format_stamps(parse_stamps(text))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "soon", "", "2026-13-01"])
def test_a_time_that_nobody_can_reckon_with_is_none(time: str) -> None:
    stamp = parse_stamps(f"aws=abc@{time}")["aws"]
    assert stamp == Stamp("abc", None)


@given(moments)
def test_a_local_time_is_read_as_the_moment_that_it_is(moment: datetime) -> None:
    shifted = (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00")
    assert parse_stamps(f"aws=abc@{shifted}")["aws"].at == moment
