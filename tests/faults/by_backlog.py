"""After an outage many are due at once: those that expire first go first, and none expires that could be saved.

Each subject has a namespace of its own, so none has had more turns than another, and the order is that of the expiries.
Where one namespace has many that are due, others get their turns between them.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cluster.harness import wait_until
from esc_operator.driver.breaker import FIRST_PAUSE
from esc_operator.renewal.schedule import SHORTEST_GAP
from faults.front import Phase, Reaction, Rule, drop
from faults.requests import EXCHANGE
from faults.scenario import fault

if TYPE_CHECKING:
    from faults.run import Run, Subject

COUNT = 32
AT_ONCE = 8
"""How many environments the operator renews at a time: within these any order is right."""
BEFORE = 52
SHORTEST, LONGER = 60, 28
"""Seconds. So short a life asks to be renewed at once, and is after the shortest gap: all are filled by then."""
SECONDS_EACH = 0.3
ENOUGH = FIRST_PAUSE.total_seconds() + 3 * COUNT * SECONDS_EACH / AT_ONCE
"""Who has so many seconds left has to be saved: until the return is noticed, and all are served on a busy machine."""


async def slowly() -> Reaction:
    await asyncio.sleep(SECONDS_EACH)
    return None


def fill_all(run: Run) -> dict[str, str]:
    """Subjects that expire in another order than they were made in; when each does."""
    subjects = [run.subject() for _ in range(COUNT)]
    lifetimes = [SHORTEST + number * LONGER / COUNT for number in range(COUNT)]
    random.Random(run.number).shuffle(lifetimes)
    for subject, lifetime in zip(subjects, lifetimes, strict=True):
        run.stage.aws.settings(lifetime=lifetime)
        subject.apply(refresh={"before": f"{BEFORE}s"})
        wait_until(subject.mints, f"{subject.namespace} has credentials")
    run.stage.aws.settings(lifetime=3600)
    for subject in subjects:
        subject.until_settled(mints=1)
    return {subject.namespace: subject.mints()[0].expires_at for subject in run.subjects}


def until_all_are_due(run: Run) -> None:
    last = max(datetime.fromisoformat(subject.mints()[0].issued_at) for subject in run.subjects)
    due = last + SHORTEST_GAP + timedelta(seconds=1)
    wait_until(lambda: datetime.now(UTC) > due, "all are due", patience=60)


def judge(run: Run, expiries: dict[str, str], since: datetime, *, ordered: bool) -> None:
    """`since` is when they could be renewed again."""
    for subject in run.subjects:
        subject.judge(mints=2, writes=2)
        _judge_in_time(run, subject, since)
    order = [one.seen.namespace for one in run.stage.fronts.passed if one.seen.name == EXCHANGE]
    second = [name for place, name in enumerate(order) if name in expiries and name in order[:place]]
    late = [
        (name, other)
        for place, name in enumerate(second)
        for other in second[place + AT_ONCE :]
        if expiries[other] < expiries[name]
    ]
    if ordered and late:
        run.wrong(f"{len(late)} of {COUNT * (COUNT - 1) // 2} pairs were renewed in the order opposite to their expiry")


def _judge_in_time(run: Run, subject: Subject, since: datetime) -> None:
    first, second = subject.mints()[:2]
    left = (datetime.fromisoformat(first.expires_at) - since).total_seconds()
    if second.issued_at > first.expires_at and left > ENOUGH:
        run.lost(f"{subject.namespace}: the Secret expired {left:.1f} s after the outage")


@fault("backlog after the operator was away", runs=2)
def operator_away(run: Run) -> None:
    expiries = fill_all(run)
    run.stage.operator.kill()
    until_all_are_due(run)
    rules = [run.stage.fronts.add(Rule(EXCHANGE, Phase.BEFORE, slowly, name, count=None)) for name in expiries]
    try:
        with run.stage.make_operator(arguments=(f"--workers={AT_ONCE}",)):
            judge(run, expiries, datetime.now(UTC), ordered=True)
    finally:
        run.stage.fronts.remove(rules)
        run.stage.operator.start()


@fault("backlog after AWS was away", runs=2)
def aws_away(run: Run) -> None:
    expiries = fill_all(run)
    gone = [run.stage.fronts.add(Rule(EXCHANGE, Phase.BEFORE, drop, name, count=None)) for name in expiries]
    until_all_are_due(run)
    rules = [run.stage.fronts.add(Rule(EXCHANGE, Phase.BEFORE, slowly, name, count=None)) for name in expiries]
    run.stage.fronts.remove(gone)
    judge(run, expiries, datetime.now(UTC), ordered=False)
    run.stage.fronts.remove(rules)
