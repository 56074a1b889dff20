"""The show's verdict: each count that is not what it has to be is told, and what nobody can help is told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failover.findings import End, Findings, Minted, Series, Written, draw

FIRST, RENEWED, ASKED = (Minted("aws", key, at, 60.0) for key, at in (("A", 0.0), ("B", 30.0), ("C", 31.0)))
WRITTEN = (Written("aws", "A", 1, ""), Written("aws", "B", 1, ""), Written("aws", "C", 1, "now"))
DEAD = Minted("aws", "D", 40.0, 60.0, "replica-1")
GOOD = Findings(
    series=[Series("killed", 20, [3.0, 4.0])],
    ends=[End(41.0, "replica-1")],
    minted=[FIRST, RENEWED, ASKED],
    written=WRITTEN,
)


def test_nothing_is_wrong_with_what_has_to_be() -> None:
    assert GOOD.wrong == []
    assert "killed" in draw(GOOD)
    assert "3.50 s" in draw(GOOD)


def test_a_mint_whose_answer_died_with_its_process_is_reported_and_forgiven() -> None:
    for dead in (DEAD, replace(DEAD, to="")):
        found = replace(GOOD, minted=[*GOOD.minted, dead])
        assert found.wrong == []
        assert found.lost == ["aws: D was issued, then never written"]
        assert found.lost[0] in draw(found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"minted": [*GOOD.minted, replace(DEAD, at=50.0)]}, "doubled: aws: D was issued, then never written"),
        ({"minted": [*GOOD.minted, replace(DEAD, at=30.0)]}, "doubled: aws: D was issued, then never written"),
        ({"minted": [*GOOD.minted, replace(DEAD, to="replica-2")]}, "doubled: aws: D was issued, then never written"),
        ({"minted": [*GOOD.minted, replace(DEAD, to="", at=45.0)]}, "doubled: aws: D was issued, then never written"),
        (
            {"minted": [*GOOD.minted, DEAD], "written": [*WRITTEN, Written("aws", "D", 1, "now")]},
            "doubled: aws: D was issued 9.0 s after the last",
        ),
        ({"written": [*WRITTEN, Written("aws", "B", 1, "")]}, "aws: B was written over a later key"),
        ({"written": [*WRITTEN, Written("aws", "C", 1, "now", whole=False)]}, "aws: values that do not belong"),
        ({"late_requests": 1}, "1 requests of operators that had lost the lease"),
        ({"second_writers": 2}, "2 writes by one operator while another led"),
        ({"series": [Series("killed", 20, [3.0, 20.1])]}, "killed: a gap of 20.1 s"),
        ({"troubles": ["the load ended"]}, "the load ended"),
    ],
)
def test_each_wrong_count_is_reported(changes: dict[str, Any], told: str) -> None:
    (wrong,) = replace(GOOD, **changes).wrong
    assert wrong.startswith(told)
