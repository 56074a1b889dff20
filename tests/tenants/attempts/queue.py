"""So much work of one's own that nobody else is served: storms of annotations, loops of changes, attempts that wait."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from cluster.harness import variables, wait_until
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.resources import ROTATE_REQUESTED_AT
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.stage import MERGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tenants.stage import Stage

    Changes = dict[str, dict[str, Any]]

STORM = 40
"""As many environments as the operator has workers."""
VALUES = 3_000


@contextlib.contextmanager
def again_and_again(stage: Stage, changes: Callable[[int], Changes]) -> Iterator[None]:
    """Change environments of the attacker's in a loop; `changes` gives for each round what to change of each."""
    over = threading.Event()

    def loop() -> None:
        round_number = 0
        while not over.is_set():
            round_number += 1
            for name, change in changes(round_number).items():
                path = ENVIRONMENTS.path("red", name)
                stage.attacker.cluster.request("PATCH", path, change, content_type=MERGE)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def neighbour_meanwhile(stage: Stage) -> Verdict:
    """Whether the neighbour is served three times over while it goes on."""
    began = time.monotonic()
    for _ in range(3):
        stage.serve_the_neighbour()
    return Verdict("operator", "the neighbour is served meanwhile", good=time.monotonic() - began < 3 * 15)


@attempt("ask for new credentials of 40 environments in a loop")
def storm_of_annotations(stage: Stage) -> Verdict:
    names = [stage.fresh() for _ in range(STORM)]
    for name in names:
        stage.attacker.apply(name, variables(A="1"))

    def annotated(number: int) -> Changes:
        annotations = {ROTATE_REQUESTED_AT: f"storm-{number}"}
        return {name: {"metadata": {"annotations": annotations}} for name in names}

    with again_and_again(stage, annotated):
        return neighbour_meanwhile(stage)


@attempt("change 3,000 values of an environment in a loop")
def loop_of_changes(stage: Stage) -> Verdict:
    name, last = stage.fresh(), 0
    stage.attacker.apply(name, variables(ROUND="0"))

    def changed(number: int) -> Changes:
        nonlocal last
        last = number
        values = {f"value{index}": f"{number}-{index}" for index in range(VALUES)}
        values["environmentVariables"] = {"ROUND": str(number)}  # type: ignore[assignment]
        return {name: {"spec": {"environment": {"values": values}}}}

    with again_and_again(stage, changed):
        verdict = neighbour_meanwhile(stage)
    # Coalesced, but not lost.
    wait_until(lambda: stage.attacker.values(name) == {"ROUND": str(last)}, "the last of the changes is served")
    return verdict


@attempt("delete and create an environment in a loop")
def loop_of_new_ones(stage: Stage) -> Verdict:
    name = stage.fresh()
    over = threading.Event()

    def loop() -> None:
        path = ENVIRONMENTS.path("red", name)
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscEnvironment",
            "metadata": {"name": name},
            "spec": {"environment": variables(A="1")},
        }
        while not over.is_set():
            stage.attacker.cluster.request("POST", ENVIRONMENTS.path("red"), body)
            stage.attacker.cluster.request("DELETE", path)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        verdict = neighbour_meanwhile(stage)
    finally:
        over.set()
        thread.join()
    return verdict if stage.operator.is_running() else Verdict(NOBODY, "the operator has ended", good=False)
