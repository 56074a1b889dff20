"""The long show's verdict: each count that is not what it has to be is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from e2e.findings import Findings, Member, Rotation, draw

WEB = Member("Deployment web", 3, allowed=3, least=3, templates=3, pods_made=9, restarts=0, bad_exits=frozenset())
GOOD = Findings(
    lifetime=90,
    wanted_rotations=2,
    mints=3,
    rotations=[Rotation(key_age=50, rollout=10, left=30)] * 2,
    members=[WEB],
    accepted={"A": 5, "B": 7, "C": 2},
    refused={},
    start_seconds=[3.0, 4.0],
)


def test_nothing_is_wrong_with_what_has_to_be() -> None:
    assert GOOD.wrong == []
    assert "14 with 3 keys: 14 accepted, 0 refused" in draw(GOOD)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"wanted_rotations": 3}, "2 rotations instead of 3"),
        ({"mints": 4, "accepted": dict.fromkeys("ABCD", 1)}, "4 mints instead of one and one for each of 2"),
        ({"refused": {"A": Counter(ExpiredToken=1)}}, "refused calls: {'A': Counter({'ExpiredToken': 1})}"),
        ({"accepted": {"A": 5, "B": 7}}, "2 keys were used, and 3 minted"),
        ({"rotations": [Rotation(20, 10, 60), GOOD.rotations[0]]}, "rotation 1 came 20 s after the one before"),
        ({"rotations": [GOOD.rotations[0], Rotation(50, 44, -4)]}, "rotation 2 left pods with an expired key for 4 s"),
        ({"members": [replace(WEB, least=2)]}, "Deployment web had 2 pods ready, and its strategy allows no fewer"),
        ({"members": [replace(WEB, templates=4)]}, "Deployment web was rolled 3 times in 2 rotations"),
        ({"members": [replace(WEB, pods_made=10)]}, "Deployment web made 10 pods instead of 9"),
        ({"members": [replace(WEB, restarts=1)]}, "Deployment web has restarted containers: 1"),
        ({"troubles": ["the watch ended"]}, "the watch ended"),
    ],
)
def test_each_wrong_count_is_reported(changes: dict[str, Any], told: str) -> None:
    (wrong,) = replace(GOOD, **changes).wrong
    assert wrong.startswith(told)
