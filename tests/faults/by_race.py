"""Somebody does something at the same moment: edits or deletes the Secret, or asks twice."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cluster.harness import wait_until
from esc_operator.resources import MANAGED_BY_LABEL
from faults.front import Phase, Reaction
from faults.requests import EXCHANGE, SECRET, STATUS
from faults.scenario import fault

if TYPE_CHECKING:
    from faults.run import Run, Subject


def edit(subject: Subject) -> None:
    subject.tenant.write_secret(subject.name, {"AWS_ACCESS_KEY_ID": "mine"})


def add_key(subject: Subject) -> None:
    subject.tenant.write_secret(subject.name, {"MINE": "mine"})


def take_label(subject: Subject) -> None:
    subject.tenant.write_secret(subject.name, {}, metadata={"labels": {MANAGED_BY_LABEL: None}})


def delete(subject: Subject) -> None:
    subject.tenant.delete_secret(subject.name)


DEEDS = (edit, delete, take_label)
PLACES = [(write, phase) for write in (EXCHANGE, SECRET, STATUS) for phase in Phase]


@fault("Secret edited or deleted at a write of a rotation", runs=54, at_once=6)
def secret_changed(run: Run) -> None:
    deed = DEEDS[run.number % len(DEEDS)]
    write, phase = PLACES[run.number // len(DEEDS) % len(PLACES)]
    subject = run.fill()

    def do() -> Reaction:
        deed(subject)
        return None

    with run.rule(write, phase, do, subject) as rule:
        subject.rotate("now")
        assert rule.hit.wait(20), f"no request came to {write}"
    subject.judge(mints=2)


@fault("Secret edited and deleted all the time", runs=12, at_once=4)
def secret_changed_often(run: Run) -> None:
    subject, rotations = run.fill(), 4
    for number in range(rotations):
        subject.rotate(f"{number}")
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            if subject.secret():
                DEEDS[number % 2](subject)
        subject.until_settled(mints=number + 2)
    subject.judge(mints=1 + rotations)


@fault("two rotations within a second", runs=18, at_once=6)
def two_rotations(run: Run) -> None:
    """The second one at once, while AWS is being asked, or while the Secret is being written."""
    subject, place = run.fill(), (None, EXCHANGE, SECRET)[run.number % 3]
    if place is None:
        subject.rotate("first")
        asked = datetime.now(UTC)
        subject.rotate("second")
        wait_until(lambda: subject.tenant.status(subject.name).get("observedRotateRequest") == "second", "it is seen")
        run.stage.until_quiet()
        made = subject.mints()
        subject.judge(mints=min(len(made), 3))  # the first may have been carried out by then, or both at once
        if datetime.fromisoformat(made[-1].time) < asked:
            run.lost(f"{subject.namespace}: the second request was honoured with credentials from before it")
        return

    async def ask_again() -> Reaction:
        subject.rotate("second")
        await asyncio.sleep(0.2)  # the watch brings it
        return None

    with run.rule(place, Phase.BEFORE, ask_again, subject) as rule:
        subject.rotate("first")
        assert rule.hit.wait(20), f"no request came to {place}"
    subject.judge(mints=3)


ELECTED = ("--leader-election",)
TAKEOVER = 60.0
"""Seconds: the Lease of one that died has to run out first."""


@fault("two operators at once", runs=4)
def two_operators(run: Run) -> None:
    """As deploy/ runs them: one works and one stands by. Every other time the one that works dies on the way."""
    stage = run.stage
    stage.operator.stop()
    try:
        with stage.make_operator(arguments=ELECTED) as first, stage.make_operator(arguments=ELECTED) as second:
            subjects = run.fill_some(6)
            for subject in subjects:
                subject.rotate("now")
            for subject in subjects:
                subject.until_valid(request="now")
            leading = [one for one in (first, second) if one.leads()]
            if len(leading) != 1:
                run.wrong(f"{len(leading)} of two operators work")
            if run.number % 2:
                leading[0].kill()
            edit(subjects[0])
            delete(subjects[1])
            for number, subject in enumerate(subjects):
                # What is put back by another process than the one that minted it has to be minted anew.
                again = run.number % 2 and number < 2
                subject.judge(mints=3 if again else 2, patience=TAKEOVER)
            if [one.leads() for one in (first, second)].count(True) != 1:
                run.wrong("not exactly one of two operators works in the end")
    finally:
        stage.operator.start()
