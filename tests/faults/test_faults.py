"""The harness and its quickest faults, once each: `make faults` has all of them, many times over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.playing import play
from faults.scenario import Findings, all_faults
from faults.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cluster

QUICKEST = {
    "killed in a first sync: apply-secret, after it took effect, before its answer": 1,
    "killed in a rotation: sts-exchange, after its answer": 1,
    "Secret edited or deleted at a write of a rotation": 6,
    "two rotations within a second": 3,
    "API server killed and restarted during a rotation": 1,
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize("name", QUICKEST)
def test_nothing_is_lost_or_doubled(stage: Stage, name: str) -> None:
    findings = Findings(all_faults()[name])
    play(stage, findings, QUICKEST[name])
    assert findings.told() == []
    assert findings.runs == QUICKEST[name]
