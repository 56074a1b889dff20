"""What is told of a process that works, and of one that stands by, which is none that stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from esc_operator.handlers.kinds import Kinds
from esc_operator.handlers.snapshot import Snapshot, SnapshotParts, take_snapshot
from esc_operator.kube.pulses import Pulses
from esc_operator.reconciliation.workqueue.scheduler import Scheduler
from esc_operator.reconciliation.workqueue.work_queue import WorkQueue

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = 3600.0


def after_an_hour(*, leads: bool) -> Snapshot:
    """Of a process that was put together an hour ago, and has done nothing since."""
    elapsed = 0.0
    pulses = Pulses(lambda: elapsed)
    pulses.of("secrets")
    scheduler: Scheduler[str] = Scheduler(lambda: START, lambda: elapsed)
    parts = (
        SimpleNamespace(queue=WorkQueue(str), scheduler=scheduler),
        SimpleNamespace(out_of_order=dict),
        SimpleNamespace(under_way=0),
        SimpleNamespace(under_way=2),
    )
    elapsed = HOUR
    outdated = cast("Any", SimpleNamespace(kinds=["EscRotation"]))
    seen = SnapshotParts(*cast("tuple[Any, Any, Any, Any]", parts), pulses, Kinds(), outdated)
    return take_snapshot(seen, leads=leads)


def test_one_that_works_tells_how_long_nothing_has_happened() -> None:
    snapshot = after_an_hour(leads=True)
    assert snapshot.scheduler_age == HOUR
    assert snapshot.watch_ages == {"secrets": HOUR}
    assert snapshot.missing_kinds == {"EscEnvironment": 0, "ClusterEscEnvironment": 0, "EscRotation": 0}
    assert snapshot.outdated_kinds == {"EscEnvironment": 0, "ClusterEscEnvironment": 0, "EscRotation": 1}
    assert (snapshot.rolling, snapshot.rotating) == (0, 2)


def test_of_one_that_stands_by_no_age_is_reported() -> None:
    snapshot = after_an_hour(leads=False)
    assert snapshot.scheduler_age == 0
    assert snapshot.watch_ages == {}
    assert not snapshot.leads


@pytest.mark.parametrize("leads", [True, False])
def test_both_tell_which_of_them_they_are(*, leads: bool) -> None:
    assert after_an_hour(leads=leads).leads is leads
