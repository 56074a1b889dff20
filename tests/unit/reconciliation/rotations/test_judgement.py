"""When a request to an environment counts for a rotation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from esc_operator.reconciliation.rotations.judgement import Run, is_asked
from esc_operator.resources.rotate_request import AskedRotation

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("run_rotators", "asked_rotators", "later", "counts"),
    [
        (False, False, 0, True),
        (False, True, 0, True),
        (True, True, 0, True),
        (True, False, 0, False),
        (True, False, 5, False),
        (False, False, -1, False),
        (True, True, -1, False),
    ],
)
def test_a_request_of_another_rotation_counts_if_it_is_not_earlier_and_asks_for_as_much(
    *, run_rotators: bool, asked_rotators: bool, later: int, counts: bool
) -> None:
    run = Run("this", NOW - SECOND, rolls=True, pulumi_rotators=run_rotators)
    asked = AskedRotation("other", "other", NOW + later * SECOND, True, asked_rotators)
    assert is_asked(run, asked) is counts


def test_the_own_request_always_counts() -> None:
    run = Run("this", NOW, rolls=True, pulumi_rotators=True)
    assert is_asked(run, AskedRotation("this", "this", NOW - SECOND, True, False))
    assert not is_asked(run, None)
