"""`esc rotate REFERENCE --wait`: it shows what it waits for, and waits for nothing in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.cli.waiting import ABSENT_SECONDS, OUTAGE_SECONDS, QUIET_SECONDS
from esc_operator.errors import NotFoundError, UnavailableError
from esc_operator.resources import ROTATE_REQUESTED_AT
from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unit.cli.machine import Answer, Esc

REFRESHED = {"type": "Refreshed", "status": "True", "reason": "Refreshed", "message": ""}
DENIED = {**REFRESHED, "status": "False", "reason": "SecretRefused", "message": 'the policy "strong" denies it'}
LATER = "2026-05-01T12:00:00Z"


def rolled_out(reason: str, message: str = "", status: str = "False") -> dict[str, str]:
    return {"type": "RolledOut", "status": status, "reason": reason, "message": message}


class Scripted(FakeSession):
    """Each read after the request has the next status, and the last one stays. `honoured` in it stands for the request;
    an exception is raised, and a spec that comes with it is the environment's from then on."""

    def __init__(self, *script: Any, spec: Mapping[str, Any] | None = None) -> None:
        super().__init__({("apps", "aws"): spec or {}}, statuses={("apps", "aws"): {"conditions": [REFRESHED]}})
        self.script = list(script)
        self.request = ""

    def annotate_environment(self, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        self.request = annotations[ROTATE_REQUESTED_AT]

    def read_environment(self, namespace: str, name: str) -> Mapping[str, Any]:
        if self.request:
            status = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            if isinstance(status, Exception):
                raise status
            if "spec" in status:
                self.environments[namespace, name] = status["spec"]
            observed = {"observedRotateRequest": self.request} if status.get("honoured") else {}
            self.statuses[namespace, name] = {**status, **observed}
        return super().read_environment(namespace, name)


ROLLS = {"rollout": {"policy": "OnChange"}}


def rotate(esc: Esc, *script: Any, spec: Mapping[str, Any] | None = None, options: tuple[str, ...] = ()) -> Answer:
    esc.clusters["kind"] = Scripted(*script, spec=spec)
    return esc("rotate", "kind/apps/aws", "--wait", *options)


def test_what_it_waits_for_is_shown_once_until_it_changes(esc: Esc) -> None:
    running = rolled_out("RollingOut", "Deployment/web: 1 of 3 pods")
    further = rolled_out("RollingOut", "Deployment/web: 2 of 3 pods")
    answer = rotate(
        esc,
        {"conditions": [REFRESHED]},
        {"conditions": [REFRESHED]},
        {"honoured": True, "conditions": [REFRESHED]},
        {"honoured": True, "conditions": [REFRESHED, running]},
        {"honoured": True, "conditions": [REFRESHED, running]},
        {"honoured": True, "conditions": [REFRESHED, further]},
        {"honoured": True, "conditions": [REFRESHED, rolled_out("RolledOut", status="True")]},
        spec=ROLLS,
    )
    assert (answer.status, answer.out) == (0, "apps/aws has new credentials, and its pods run with them\n")
    assert answer.err.splitlines() == [
        "apps/aws waits for the operator",
        "apps/aws has new credentials, and waits for its pods",
        "apps/aws has new credentials, and waits for its pods: RollingOut: Deployment/web: 1 of 3 pods",
        "apps/aws has new credentials, and waits for its pods: RollingOut: Deployment/web: 2 of 3 pods",
    ]


@pytest.mark.parametrize("reason", ["RolloutStuck", "RolloutBlocked", "RolloutRefused", "PodsLeft"])
def test_a_rollout_that_does_not_go_on_by_itself_ends_it(esc: Esc, reason: str) -> None:
    stuck = rolled_out(reason, "Deployment/web: its new pods do not become ready")
    answer = rotate(esc, {"honoured": True, "conditions": [REFRESHED, stuck]}, spec=ROLLS)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == (
        f"Error: apps/aws has new credentials, but not all pods run with them: {reason}: Deployment/web: its new pods "
        "do not become ready\n"
    )


def test_a_rollout_that_still_moves_elsewhere_is_waited_for(esc: Esc) -> None:
    stuck = rolled_out("RolloutStuck", "Deployment/web: no")
    moving = {"honoured": True, "conditions": [REFRESHED, stuck], "rolloutStartedAt": LATER}
    done = {"honoured": True, "conditions": [REFRESHED, rolled_out("RolledOut", status="True")]}
    assert rotate(esc, moving, moving, done, spec=ROLLS).status == 0


def test_without_an_operator_it_says_so_and_ends(esc: Esc) -> None:
    answer = rotate(esc, {"conditions": [REFRESHED]})
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.splitlines() == [
        "apps/aws waits for the operator",
        "apps/aws waits for the operator, which has not taken up the request: is one running for namespace apps?",
        (
            "Error: apps/aws has no new credentials: no operator has taken up the request within 60 s. Is one running, "
            "and does it work on namespace apps? The request stays, and is met when one does"
        ),
    ]
    assert ABSENT_SECONDS <= esc.seconds < ABSENT_SECONDS + 1


def test_an_operator_that_is_busy_with_the_environment_is_waited_for(esc: Esc) -> None:
    signs = [{"conditions": [REFRESHED], "failures": number // 100} for number in range(400)]
    done = {"honoured": True, "conditions": [REFRESHED]}
    assert rotate(esc, *signs, done).status == 0
    assert esc.seconds > 2 * ABSENT_SECONDS


@pytest.mark.parametrize("honoured", [True, False], ids=["honoured", "not yet honoured"])
def test_a_refresh_that_fails_for_good_ends_it(esc: Esc, honoured: bool) -> None:
    answer = rotate(esc, {"honoured": honoured, "conditions": [DENIED], "lastFailureAt": LATER, "failures": 1})
    assert (answer.status, answer.out) == (1, "")
    told = 'Error: apps/aws has no new credentials: SecretRefused: the policy "strong" denies it\n'
    assert answer.err == told


@pytest.mark.parametrize("honoured", [True, False], ids=["honoured", "not yet honoured"])
def test_a_refresh_that_fails_three_times_ends_it_and_shows_each(esc: Esc, honoured: bool) -> None:
    tries = [
        {
            "honoured": honoured,
            "conditions": [DENIED],
            "lastFailureAt": f"2026-05-01T12:00:0{number}Z",
            "nextRefreshAt": f"2026-05-01T12:01:0{number}Z",
            "failures": number,
        }
        for number in (1, 2, 3)
    ]
    answer = rotate(esc, *tries)
    assert answer.status == 1
    assert answer.err.splitlines() == [
        *(
            f"apps/aws has no new credentials yet, and the operator tries again at 2026-05-01T12:01:0{number}Z: "
            'SecretRefused: the policy "strong" denies it'
            for number in (1, 2)
        ),
        'Error: apps/aws has no new credentials: SecretRefused: the policy "strong" denies it',
    ]


DOWN = {**DENIED, "reason": "AdmissionWebhookUnavailable", "message": "the webhook cannot be reached"}


def test_a_write_that_may_succeed_by_itself_is_waited_for_a_while(esc: Esc) -> None:
    failing = {"honoured": True, "conditions": [DOWN], "lastFailureAt": LATER, "failures": 1}
    answer = rotate(esc, failing, failing, failing, {"honoured": True, "conditions": [REFRESHED]})
    assert answer.status == 0
    assert answer.err.splitlines() == [
        (
            "apps/aws has no new credentials yet, and the operator tries again every few seconds: "
            "AdmissionWebhookUnavailable: the webhook cannot be reached"
        )
    ]


def test_a_write_that_goes_on_failing_ends_it(esc: Esc) -> None:
    answer = rotate(esc, {"honoured": True, "conditions": [DOWN], "lastFailureAt": LATER, "failures": 1})
    assert answer.status == 1
    assert answer.err.splitlines()[-1] == (
        "Error: apps/aws has no new credentials: AdmissionWebhookUnavailable: the webhook cannot be reached"
    )
    assert QUIET_SECONDS <= esc.seconds < QUIET_SECONDS + 1


def test_a_failure_from_before_the_request_is_not_its_own(esc: Esc) -> None:
    failing = {"conditions": [DENIED], "lastFailureAt": LATER, "failures": 7}
    session = Scripted(failing, failing, {"honoured": True, "conditions": [REFRESHED]})
    session.statuses["apps", "aws"] = failing
    esc.clusters["kind"] = session
    assert esc("rotate", "kind/apps/aws", "--wait").status == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (NotFoundError("gone"), "apps/aws was deleted before it had new credentials"),
        (
            {"spec": {"suspend": True}},
            "apps/aws was suspended before it had new credentials: set spec.suspend to false",
        ),
    ],
)
def test_an_environment_that_is_deleted_or_suspended_meanwhile_ends_it(esc: Esc, change: Any, told: str) -> None:
    answer = rotate(esc, {"conditions": [REFRESHED]}, change)
    assert answer.status == 1
    assert answer.err.endswith(f"Error: {told}\n")


def test_a_short_outage_of_the_api_server_does_not_end_it_and_a_long_one_does(esc: Esc) -> None:
    lost = UnavailableError("could not read it: the API server at https://x refuses connections (ConnectionRefused)")
    done = {"honoured": True, "conditions": [REFRESHED]}
    answer = rotate(esc, *[lost] * 20, done)
    assert (answer.status, answer.err) == (0, f"apps/aws {lost.message}\n")
    esc.seconds = 0
    answer = rotate(esc, lost)
    assert answer.status == 1
    assert answer.err.endswith(f"Error: {lost.message}\n")
    assert esc.seconds >= OUTAGE_SECONDS


def test_the_timeout_says_what_it_was_waiting_for(esc: Esc) -> None:
    running = rolled_out("RollingOut", "Deployment/web: 1 of 3 pods")
    waiting = {"honoured": True, "conditions": [REFRESHED, running]}
    answer = rotate(esc, waiting, spec=ROLLS, options=("--timeout", "5"))
    assert answer.status == 1
    assert answer.err.splitlines()[-1] == (
        "Error: apps/aws has not finished after 5 s: has new credentials, and waits for its pods: RollingOut: "
        "Deployment/web: 1 of 3 pods; it continues without this command"
    )


def test_an_operator_that_does_not_start_a_rotation_of_several_ends_it_too(esc: Esc) -> None:
    session = FakeSession({("apps", "aws"): {}}, progress=[{}])
    esc.clusters["kind"] = session
    answer = esc("rotate", "--all", "--context", "kind", "--wait")
    assert answer.status == 1
    assert answer.err.splitlines() == [
        "Created EscRotation esc-rotate-x",
        "waits for the operator",
        "no operator has started it yet: is one running, and for the whole cluster?",
        (
            "Error: no operator has started EscRotation esc-rotate-x within 60 s: is one running, and for the whole "
            "cluster? It starts when one does; kubectl delete escrotation esc-rotate-x takes it back"
        ),
    ]


def test_what_opens_nothing_has_no_new_credentials(esc: Esc) -> None:
    answer = rotate(esc, {"honoured": True, "conditions": [REFRESHED], "logins": []})
    assert (answer.status, answer.out) == (
        0,
        "apps/aws opens no provider and has no rotator: it was evaluated again, and nothing was renewed\n",
    )


def test_what_fills_no_secret_has_no_pods_to_wait_for(esc: Esc) -> None:
    ready = {"type": "Ready", "status": "True", "reason": "NoVariables"}
    answer = rotate(esc, {"honoured": True, "conditions": [ready, REFRESHED], "logins": []}, spec=ROLLS)
    assert (answer.status, "nothing was renewed" in answer.out) == (0, True)
