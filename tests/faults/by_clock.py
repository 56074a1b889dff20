"""The operator's clock jumps by an hour. AWS and the cluster keep the true time."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from faults.scenario import fault

if TYPE_CHECKING:
    from faults.run import Run

HOUR = timedelta(hours=1)
NOTICED = 62.0
"""Seconds: the operator looks at its clock at least each minute."""
COUNT = 8


@fault("clock jumps an hour ahead, and back", runs=1, clock=True)
def ahead(run: Run) -> None:
    """Credentials of 80 minutes are due after an hour at the latest: they are renewed, once."""
    run.stage.aws.settings(lifetime=4800)
    subjects = [run.fill() for _ in range(COUNT)]
    run.stage.clock.move(HOUR)
    for subject in subjects:
        subject.until_settled(mints=2, patience=NOTICED + 10)
    run.stage.clock.set_back()
    time.sleep(NOTICED)  # nothing must happen, and there is nothing to wait for
    for subject in subjects:
        subject.judge(mints=2, writes=2)


@fault("clock jumps an hour back, and ahead", runs=1, clock=True)
def back(run: Run) -> None:
    """What comes due while the clock is wrong is renewed once it is right; what does not is left alone."""
    stage = run.stage
    stage.aws.settings(lifetime=4800)
    lasting = [run.fill() for _ in range(COUNT // 2)]
    stage.aws.settings(lifetime=90)
    short = [run.fill() for _ in range(COUNT // 2)]
    stage.aws.settings(lifetime=4800)
    stage.clock.move(-HOUR)
    time.sleep(NOTICED)
    new = run.fill()
    for subject in (*lasting, *short):
        subject.judge_count(1)
    stage.clock.set_back()
    for subject in short:
        subject.judge(mints=2, writes=2, patience=NOTICED + 10)
    for subject in (*lasting, new):
        subject.judge(mints=1, writes=1)
