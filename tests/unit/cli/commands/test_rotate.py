from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.cli.label_selectors import parse_label_selector
from esc_operator.errors import ConfigurationError, ForbiddenError, NotFoundError
from esc_operator.resources import ROTATE_PULUMI_ROTATORS, ROTATE_REQUESTED_AT
from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from unit.cli.machine import Esc

RESULT = "1 of 2 environments have new values, and 1 open no provider; 1 suspended left out"
DONE = {
    "phase": "Succeeded",
    "run": 1,
    "selected": 3,
    "succeeded": 2,
    "skipped": 1,
    "startedAt": "2026-05-01T12:00:00Z",
    "completedAt": "2026-05-01T12:01:00Z",
    "conditions": [
        {
            "type": "Complete",
            "status": "True",
            "reason": "Rotated",
            "message": RESULT,
        }
    ],
}
HALF = {**DONE, "phase": "Running", "succeeded": 1, "running": 1, "completedAt": None}
FAILED = {
    **DONE,
    "phase": "Failed",
    "succeeded": 1,
    "failed": 1,
    "failures": [{"namespace": "apps", "name": "aws", "reason": "RoleTrustRefused", "message": "no trust"}],
    "conditions": [
        {
            "type": "Complete",
            "status": "False",
            "reason": "RotationFailed",
            "message": "1 of 2 have new values; 70 failed",
        }
    ],
}


@pytest.fixture
def cluster(esc: Esc) -> FakeSession:
    login = [{"provider": "aws-login", "role": "arn:aws:iam::1:role/apps"}]
    session = FakeSession(
        {
            ("apps", "late"): {},
            ("apps", "aws"): {},
            ("else", "other"): {},
            ("apps", "off"): {"suspend": True},
            ("", "base"): {},
            ("", "wide"): {"target": {"namespaceSelector": {}}},
        },
        metadata={("apps", "aws"): {"labels": {"team": "red"}}},
        statuses={
            ("apps", "late"): {"expiresAt": "2026-05-01T14:00:00Z", "logins": login},
            ("apps", "aws"): {"expiresAt": "2026-05-01T13:00:00Z", "logins": login},
            ("", "wide"): {"expiresAt": "2026-05-01T13:30:00Z"},
        },
    )
    esc.clusters["kind"] = session
    esc("login", "kubernetes://kind")
    return session


def test_one_environment_is_asked_by_its_annotation_and_each_time_anew(esc: Esc, cluster: FakeSession) -> None:
    for reference in ("apps/aws", "kind/apps/aws", "aws"):
        assert esc("rotate", reference).out == "apps/aws: requested new credentials\n"
    assert [(namespace, name) for namespace, name, _ in cluster.annotated] == [("apps", "aws")] * 3
    values = [annotations[ROTATE_REQUESTED_AT] for _, _, annotations in cluster.annotated]
    assert values == sorted(values)


def test_rotators_in_pulumi_cloud_rotate_where_that_is_asked_for(esc: Esc, cluster: FakeSession) -> None:
    cluster.environments["apps", "aws"] = {
        "environmentFrom": {"pulumi": {"organization": "acme", "environment": "prod"}}
    }
    assert esc("rotate", "apps/aws", "--pulumi-rotators").status == 0
    annotations = cluster.annotated[-1][2]
    assert annotations[ROTATE_PULUMI_ROTATORS] == annotations[ROTATE_REQUESTED_AT]
    assert esc("rotate", "apps/aws").status == 0
    assert set(cluster.annotated[-1][2]) == {ROTATE_REQUESTED_AT}
    answer = esc("rotate", "apps/late", "--pulumi-rotators")
    assert (answer.status, len(cluster.annotated)) == (1, 2)
    assert answer.err == (
        "Error: apps/late does not come from Pulumi Cloud (spec.environmentFrom.pulumi), so nothing was rotated: leave "
        "--pulumi-rotators out\n"
    )
    assert esc("rotate", "--organization", "acme", "--pulumi-rotators").status == 0
    assert cluster.created[-1]["spec"]["pulumiRotators"] is True
    assert esc("rotate", "--organization", "acme").status == 0
    assert "pulumiRotators" not in cluster.created[-1]["spec"]


def test_a_suspended_environment_is_reported_before_it_is_asked(esc: Esc, cluster: FakeSession) -> None:
    answer = esc("rotate", "apps/off", "--wait")
    assert (answer.status, cluster.annotated) == (1, [])
    assert "is suspended" in answer.err


def test_waiting_for_one_ends_when_it_is_honoured_or_has_failed(esc: Esc, cluster: FakeSession) -> None:
    refreshed = {"type": "Refreshed", "status": "True", "reason": "Refreshed", "message": ""}

    class Honouring(FakeSession):
        def annotate_environment(self, namespace: str, name: str, annotations: Any) -> None:
            status = {"observedRotateRequest": annotations[ROTATE_REQUESTED_AT], "conditions": [refreshed]}
            self.statuses[namespace, name] = status

    esc.clusters["kind"] = Honouring({("apps", "aws"): {}})
    assert esc("rotate", "apps/aws", "--wait").out == "apps/aws has new credentials\n"
    refreshed.update(status="False", reason="RoleTrustRefused", message="no trust")
    answer = esc("rotate", "apps/aws", "--wait")
    assert (answer.status, answer.err) == (1, "Error: apps/aws has no new credentials: RoleTrustRefused: no trust\n")
    trying: dict[str, Any] = {"nextRefreshAt": "2026-05-01T12:00:00Z", "failures": 1}

    class Passing(Honouring):
        def read_environment(self, namespace: str, name: str) -> Any:
            body = super().read_environment(namespace, name)
            answer = {**body, "status": {**body["status"], **trying}}
            trying["failures"] += 1
            return answer

    esc.clusters["kind"] = Passing({("apps", "aws"): {}})
    assert esc("rotate", "apps/aws", "--wait").status == 1
    assert trying["failures"] == 4, "it was told before it had failed three times"
    refreshed.update(status="True")
    esc.clusters["kind"] = Honouring({("apps", "aws"): {"rollout": {"policy": "OnChange"}}})
    answer = esc("rotate", "apps/aws", "--wait", "--timeout", "1")
    assert (answer.status, answer.out) == (1, "")
    assert "has not finished after 1 s" in answer.err


def test_one_of_the_cluster_is_asked_and_waited_for_until_all_its_namespaces_have_new_values(
    esc: Esc, cluster: FakeSession
) -> None:
    wide = "ClusterEscEnvironment/wide"
    assert esc("rotate", wide).out == f"{wide}: requested new credentials\n"
    assert [(namespace, name) for namespace, name, _ in cluster.annotated] == [("", "wide")]
    assert "fills no Secret" in esc("rotate", "ClusterEscEnvironment/base").err

    refreshed = {"type": "Refreshed", "status": "True", "reason": "Refreshed", "message": ""}
    failing = {"namespace": "two", "reason": "ServerTimeout", "message": "slow"}
    summary: dict[str, Any] = {"matched": 3, "synced": 1, "failing": 1, "failures": [failing]}

    class Filling(FakeSession):
        def annotate_environment(self, namespace: str, name: str, annotations: Any) -> None:
            self.asked = annotations[ROTATE_REQUESTED_AT]

        def read_environment(self, namespace: str, name: str) -> Any:
            if hasattr(self, "asked"):
                told = {**summary, "synced": min(summary["synced"], 3)}
                status = {"observedRotateRequest": self.asked, "conditions": [refreshed], "namespaces": told}
                self.statuses[namespace, name] = status
                summary["synced"] += 1
            return super().read_environment(namespace, name)

    esc.clusters["kind"] = Filling({("", "wide"): {"target": {}}})
    assert esc("rotate", wide, "--wait").out == f"{wide} has new credentials\n"
    assert summary["synced"] == 4
    summary["synced"], failing["reason"] = 1, "SecretNotOwned"
    esc.clusters["kind"] = Filling({("", "wide"): {"target": {}}})
    answer = esc("rotate", wide, "--wait")
    told = f"Error: {wide} has new credentials in 1 of 3 namespaces; two: SecretNotOwned: slow\n"
    assert (answer.status, answer.err) == (1, told)


def test_many_are_asked_by_a_rotation_with_what_the_options_say(esc: Esc, cluster: FakeSession) -> None:
    answer = esc(
        *("rotate", "-n", "apps", "-n", "else", "-l", "team=red,!old", "--role", "arn:*", "--provider", "aws-login"),
        *("--reason", "a laptop", "--max-concurrent", "3", "--stop-after", "2", "--no-rollout"),
    )
    assert (answer.status, answer.out) == (0, "Created EscRotation esc-rotate-x\n")
    (body,) = cluster.created
    assert body["kind"] == "EscRotation"
    assert body["metadata"]["labels"] == {"esc-operator.dev/made-by": "esc-rotate"}
    assert body["spec"] == {
        "selector": {
            "namespaces": ["apps", "else"],
            "matchLabels": {"team": "red"},
            "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}],
            "provider": "aws-login",
            "role": "arn:*",
        },
        "maxConcurrent": 3,
        "reason": "a laptop",
        "stopAfterFailures": 2,
        "rollout": False,
    }
    assert esc("rotate", "--all").status == 0
    assert cluster.created[1]["spec"] == {"selector": {}, "maxConcurrent": 10}


def test_waiting_for_many_tells_each_step_in_a_line_and_the_end(esc: Esc, cluster: FakeSession) -> None:
    cluster.progress = [{}, HALF, HALF, DONE]
    answer = esc("rotate", "--all", "--wait")
    assert (answer.status, answer.out) == (0, f"{RESULT}\n")
    assert answer.err.splitlines() == [
        "Created EscRotation esc-rotate-x",
        "waits for the operator",
        "1/2 have new values, 1 running, 0 waiting, 0 failed",
        "2/2 have new values, 0 running, 0 waiting, 0 failed",
    ]


def test_failures_are_reported_by_name_and_in_the_exit_status(esc: Esc, cluster: FakeSession) -> None:
    cluster.progress = [{**FAILED, "failed": 70}]
    answer = esc("rotate", "--all", "--wait")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.splitlines()[-3:] == [
        "apps/aws: RoleTrustRefused: no trust",
        "and 69 more",
        "Error: EscRotation esc-rotate-x: 1 of 2 have new values; 70 failed",
    ]
    cluster.progress = [{**FAILED, "phase": "Stopped"}]
    answer = esc("rotate", "--all", "--wait")
    assert answer.status == 1
    assert answer.err.endswith("Error: EscRotation esc-rotate-x: 1 of 2 have new values; 70 failed\n")


def test_on_a_terminal_there_is_a_bar(esc: Esc, cluster: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    cluster.progress = [{}, HALF, DONE]
    answer = esc("rotate", "--all", "--wait")
    assert (answer.status, answer.out) == (0, f"{RESULT}\n")
    assert "2/2" in answer.err


def test_a_dry_run_shows_the_order_and_creates_nothing(esc: Esc, cluster: FakeSession) -> None:
    answer = esc("rotate", "--all", "--dry-run")
    assert answer.out.splitlines() == [
        "apps/aws                    2026-05-01T13:00:00Z",
        "ClusterEscEnvironment/wide  2026-05-01T13:30:00Z",
        "else/other                  no expiry",
        "apps/late                   2026-05-01T14:00:00Z",
    ]
    assert answer.err == "4 environments would be rotated, in this order; 1 suspended left out\n"
    assert esc("rotate", "--role", "**:role/apps", "-l", "team=red", "--dry-run").out.splitlines() == [
        "apps/aws  2026-05-01T13:00:00Z"
    ]
    assert esc("rotate", "apps/aws", "--dry-run").out == "apps/aws\n"
    assert esc("rotate", "ClusterEscEnvironment/wide", "--dry-run").out == "ClusterEscEnvironment/wide\n"
    assert esc("rotate", "-n", "apps", "--dry-run").err.startswith("2 environments")
    assert (cluster.created, cluster.annotated) == ([], [])


def test_a_dry_run_tells_whose_role_is_not_told(esc: Esc, cluster: FakeSession) -> None:
    cluster.statuses["else", "other"] = {"logins": [{"provider": "aws-login", "roleHidden": True}]}
    assert esc("rotate", "--role", "**:role/apps", "--dry-run").out.splitlines() == [
        "apps/aws    2026-05-01T13:00:00Z",
        "else/other  no expiry  its login is hidden, and may match",
        "apps/late   2026-05-01T14:00:00Z",
    ]


def test_environments_of_an_organization_of_pulumi_cloud_are_rotated_together(esc: Esc, cluster: FakeSession) -> None:
    cluster.statuses["apps", "aws"] = {"logins": [{"provider": "pulumi", "organization": "acme"}]}
    cluster.statuses["else", "other"] = {"logins": [{"provider": "pulumi", "organization": "other"}]}
    assert esc("rotate", "--organization", "ACME", "--dry-run").out == "apps/aws  no expiry\n"
    assert esc("rotate", "--provider", "pulumi", "--organization", "acme").status == 0
    assert cluster.created[-1]["spec"]["selector"] == {"provider": "pulumi", "organization": "acme"}
    answer = esc("rotate", "--organization", "acne", "--dry-run")
    assert answer.status == 1
    assert 'none is of organization "acne"; did you mean "acme"?' in answer.err
    answer = esc("rotate", "--organization", "acme", "--provider", "aws-login")
    assert answer.status == 2
    assert "only pulumi has organizations: leave provider out, or set it to pulumi" in answer.err


def test_a_dry_run_tells_whose_role_fits_only_with_two_stars(esc: Esc, cluster: FakeSession) -> None:
    cluster.statuses["else", "other"] = {"logins": [{"provider": "aws-login", "role": "arn:aws:iam::1:role/team/apps"}]}
    assert esc("rotate", "--role", "arn:aws:iam::*:role/*", "--dry-run").out.splitlines() == [
        "apps/aws    2026-05-01T13:00:00Z",
        "else/other  no expiry  its role matches only with ** in place of each *",
        "apps/late   2026-05-01T14:00:00Z",
    ]


@pytest.mark.parametrize("arguments", [("--dry-run",), ("--wait",)])
def test_a_selector_that_means_nobody_is_an_error_unless_that_is_said_to_be_fine(
    esc: Esc, cluster: FakeSession, arguments: tuple[str, ...]
) -> None:
    told = "no environment matches the selector (role: leaked), so nothing was rotated: …"
    complete = {"type": "Complete", "status": "False", "reason": "NothingSelected", "message": told}
    nobody = {**DONE, "selected": 0, "succeeded": 0, "skipped": 0}
    cluster.progress = [{**nobody, "phase": "Failed", "conditions": [complete]}]
    answer = esc("rotate", "--role", "leaked", *arguments)
    assert (answer.status, answer.out) == (1, "")
    assert "Error: no environment matches the selector (role: leaked), so nothing was rotated" in answer.err
    cluster.progress = [nobody]
    fine = esc("rotate", "--role", "leaked", "--allow-none", *arguments)
    assert fine.status == 0
    asked = [one["spec"].get("allowNone") for one in cluster.created]
    assert asked == ([None, True] if arguments == ("--wait",) else [])


def test_all_that_fit_being_suspended_is_reported(esc: Esc, cluster: FakeSession) -> None:
    cluster.environments["apps", "aws"] = {"suspend": True}
    answer = esc("rotate", "-l", "team=red", "--dry-run")
    assert answer.status == 1
    assert answer.err.startswith(
        "Error: the only environment that matches is suspended, so nothing was rotated: set their spec."
    )


def test_a_rotation_that_has_to_wait_for_others_is_told_so_once(esc: Esc, cluster: FakeSession) -> None:
    cluster.statuses["apps", "aws"] = {"rotationDueAt": "2026-05-01T12:01:00Z"}
    answer = esc("rotate", "apps/aws", "--wait", "--timeout", "1")
    assert answer.status == 1
    assert answer.err.splitlines()[0] == (
        "apps/aws waits until 2026-05-01T12:01:00Z: it was rotated several times, and is now rotated at most once a "
        "minute"
    )
    assert answer.err.splitlines()[1].startswith("Error: apps/aws has not finished after 1 s: waits until 2026-")
    assert len(answer.err.splitlines()) == 2


def test_namespaces_are_chosen_by_their_labels(esc: Esc, cluster: FakeSession) -> None:
    cluster.namespaces = {"apps": {"stage": "live"}, "else": {}}
    answer = esc("rotate", "--namespace-selector", "stage=live", "--dry-run")
    assert [line.split()[0] for line in answer.out.splitlines()] == ["apps/aws", "apps/late"]
    answer = esc("rotate", "--namespace-selector", "!stage", "--dry-run")
    assert [line.split()[0] for line in answer.out.splitlines()] == ["else/other"]
    assert esc("rotate", "--namespace-selector", "stage=live", "-n", "else", "--dry-run").out == ""
    assert cluster.created == []
    assert esc("rotate", "--namespace-selector", "stage in (live,test)").status == 0
    expression = {"key": "stage", "operator": "In", "values": ["live", "test"]}
    assert cluster.created[0]["spec"]["selector"] == {"namespaceSelector": {"matchExpressions": [expression]}}
    assert esc("rotate", "--namespace-selector", "stage=live", "--all").status == 2
    cluster.refusal = ForbiddenError("could not list namespaces: no")
    answer = esc("rotate", "--namespace-selector", "stage=live", "--dry-run")
    assert (answer.status, "could not list namespaces" in answer.err) == (1, True)


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (
            ForbiddenError("could not create escrotations: no"),
            "need the right to create escrotations.esc-operator.dev",
        ),
        (NotFoundError("could not create escrotations: no"), "install their CustomResourceDefinition"),
    ],
)
def test_what_is_missing_in_the_cluster_is_reported(esc: Esc, cluster: FakeSession, refusal: Any, told: str) -> None:
    cluster.refusal = refusal
    answer = esc("rotate", "--all")
    assert answer.status == 1
    assert told in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("apps/aws", "--all"),
        ("aws", "-n", "apps", "-n", "other"),
        ("--all", "-n", "apps"),
        ("apps/aws", "--no-rollout"),
        ("--all", "--max-concurrent", "0"),
    ],
)
def test_it_is_called_wrongly(esc: Esc, cluster: FakeSession, arguments: tuple[str, ...]) -> None:
    assert esc("rotate", *arguments).status == 2
    assert (cluster.created, cluster.annotated) == ([], [])


def test_a_folder_cannot_be_rotated(esc: Esc) -> None:
    answer = esc("rotate", "--all")
    assert answer.status == 1
    assert "only a cluster rotates them" in answer.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", {"matchLabels": {"a": "b"}}),
        ("a==b, c=", {"matchLabels": {"a": "b", "c": ""}}),
        ("a=b,a=c", {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["c"]}]}),
        ("a!=b", {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}),
        ("x.io/a in (b, c)", {"matchExpressions": [{"key": "x.io/a", "operator": "In", "values": ["b", "c"]}]}),
        (
            "a notin (b),c",
            {
                "matchExpressions": [
                    {"key": "a", "operator": "NotIn", "values": ["b"]},
                    {"key": "c", "operator": "Exists"},
                ]
            },
        ),
    ],
)
def test_a_label_selector_is_that_of_kubectl(text: str, expected: dict[str, Any]) -> None:
    assert parse_label_selector(text) == expected


@pytest.mark.parametrize("text", ["=", "a=b=c", "a in b", "a in (b", ",", "a b", "a in (b c)"])
def test_what_is_no_label_selector_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a label selector"):
        parse_label_selector(text)
