"""Pods that use dynamic database credentials of a real Vault while they are renewed and taken anew; `make e2e` does it
for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.leases import Findings, draw, play

if TYPE_CHECKING:
    from cluster.harness import Tenant
    from e2e.stage import Stage

FINE = Findings(2, 2, ("a", "b"), ("1", "2", "3", "4"), 0, frozenset(), (), 3, 6)


@pytest.mark.cluster
def test_pods_keep_their_credentials_over_renewals_and_get_new_ones_in_time(stage: Stage, tenant: Tenant) -> None:
    with stage.vault() as (vault, postgres):
        found = play(stage, tenant, vault, postgres, ttl=30, renewals=2, users=2)
    assert found.wrong == [], draw(found)


def test_what_is_as_it_has_to_be_has_no_complaint() -> None:
    assert FINE.wrong == []
    assert "2 renewals of 2 credentials: 1 re-creations" in draw(FINE)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ends": ("1", "2", "3")}, "1 renewals instead of 2 or more"),
        ({"users": ("a",), "pods_made": 3}, "1 credentials instead of 2 or more"),
        ({"refusals": ("FATAL: x",)}, "PostgreSQL refused or ended 1 connections: FATAL: x"),
        ({"restarts": 1}, "pods have restarted: 1; exit statuses []"),
        ({"least_ready": 2}, "2 pods were ready at the worst moment instead of 3"),
        ({"pods_made": 9}, "9 pods were made for 2 credentials instead of 3 for each"),
        ({"left": ("v-a",)}, "1 roles were left behind in the database"),
        ({"troubles": ("not settled",)}, "not settled"),
    ],
)
def test_whatever_is_not_is_told(change: dict[str, object], complaint: str) -> None:
    import dataclasses

    assert dataclasses.replace(FINE, **change).wrong == [complaint]  # type: ignore[arg-type]
