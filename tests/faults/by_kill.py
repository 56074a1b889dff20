"""The operator dies between two writes of a reconcile: each gap, by name, in each kind of reconcile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from faults.front import Phase
from faults.requests import EXCHANGE, SECRET, STATUS, TOKEN, WRITES
from faults.scenario import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.run import Run, Subject

MINUTE = 60.0


def wasted(write: str, phase: Phase) -> int:
    """The mints that nobody can save: those whose answer died with the process, before any Secret held it."""
    if write == EXCHANGE:
        return 0 if phase is Phase.BEFORE else 1
    return 1 if (write, phase) == (SECRET, Phase.BEFORE) else 0


def killed(run: Run, write: str, phase: Phase, prepare: Callable[[Run], tuple[Subject, int]]) -> None:
    """`prepare` leaves a subject that one step is missing for, and how many mints it has had."""
    subject, mints = prepare(run)
    with run.rule(write, phase, run.stage.kill_operator, subject) as rule:
        begin = STEPS[prepare]
        begin(subject)
        if not rule.hit.wait(30):
            run.wrong(f"no request came to {write}")
    run.stage.restart_operator()
    subject.judge(mints + 1 + wasted(write, phase), writes=mints + 1)


def nothing_yet(run: Run) -> tuple[Subject, int]:
    return run.subject(), 0


def filled(run: Run) -> tuple[Subject, int]:
    return run.fill(), 1


def soon_due(run: Run) -> tuple[Subject, int]:
    subject = run.fill()
    run.stage.aws.settings(lifetime=3600)  # the next one is not to come due while it is judged
    return subject, 1


def refused(run: Run) -> tuple[Subject, int]:
    subject = run.subject(service_account="robot")
    subject.apply()
    subject.until_told("ServiceAccountMissing", ready="False")
    run.stage.until_quiet(0.2)
    return subject, 0


STEPS: dict[Callable[[Run], tuple[Subject, int]], Callable[[Subject], None]] = {
    nothing_yet: lambda subject: subject.apply(),
    filled: lambda subject: subject.rotate("now"),
    soon_due: lambda subject: None,  # it comes due by itself
    refused: lambda subject: subject.tenant.create_service_account("robot"),
}


def every_gap() -> None:
    without_event = (TOKEN, EXCHANGE, SECRET, STATUS)
    kinds = (
        ("first sync", nothing_yet, without_event, 3, None),
        ("rotation", filled, without_event, 3, None),
        ("renewal", soon_due, without_event, 2, 12.0),
        ("recovery", refused, WRITES, 2, None),
    )
    for kind, prepare, writes, runs, lifetime in kinds:
        for write in writes:
            for phase in Phase:
                name = f"killed in a {kind}: {write}, {phase}"
                fault(name, runs=runs, lifetime=lifetime)(partial(killed, write=write, phase=phase, prepare=prepare))


every_gap()
