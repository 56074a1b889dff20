"""Values that wait to be written are taken again only as long as an opening would give the same, and never shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from esc_operator.driver.sharing import ANY_AGE, Demand
from esc_operator.reconciliation.sync import unwritten
from esc_operator.reconciliation.sync.outcome import Imports, OpenedValues
from esc_operator.reconciliation.sync.unwritten import KEPT_FOR, MOST_BYTES, Unwritten, Wish, wish_of
from esc_operator.renewal.schedule import Window
from esc_operator.resources.environment import EscEnvironment, Key, parse_environment

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KEY = Key("apps", "app")
HOUR = timedelta(hours=1)


def an_environment() -> EscEnvironment:
    metadata = {"name": "app", "namespace": "apps", "uid": "uid-1", "generation": 1}
    return parse_environment({"metadata": metadata, "spec": {"environment": {}}})


ENVIRONMENT = an_environment()
WISH = wish_of(ENVIRONMENT, 0)


def opened(size: int = 10, window: Window | None = None) -> OpenedValues:
    return OpenedValues({"A": "x" * size}, window, rereads=False, imports=Imports())


def find(kept: Unwritten, wish: Wish = WISH, demand: Demand = ANY_AGE, now: datetime = NOW) -> OpenedValues | None:
    found = kept.find(KEY, wish, demand, ENVIRONMENT, now)
    return found.opened if found else None


def test_they_are_found_for_the_same_wish() -> None:
    kept, values = Unwritten(), opened()
    kept.keep(KEY, WISH, values, NOW)
    assert find(kept) is values
    assert find(kept, now=NOW + KEPT_FOR - timedelta(seconds=1)) is values


@pytest.mark.parametrize(
    "wish",
    [
        WISH._replace(uid="uid-2"),
        WISH._replace(generation=2),
        WISH._replace(request=WISH.request._replace(annotation="now")),
        WISH._replace(recoveries=1),
    ],
)
def test_they_are_forgotten_for_another(wish: Wish) -> None:
    kept = Unwritten()
    kept.keep(KEY, WISH, opened(), NOW)
    assert find(kept, wish) is None
    assert find(kept) is None
    assert kept.size == 0


def test_they_are_forgotten_after_a_while_and_where_a_clock_was_set_back() -> None:
    for now in (NOW + KEPT_FOR, NOW - timedelta(seconds=1)):
        kept = Unwritten()
        kept.keep(KEY, WISH, opened(), NOW)
        assert find(kept, now=now) is None


def test_credentials_that_are_due_for_renewal_or_do_not_outlive_the_old_ones_are_not_taken() -> None:
    window = Window(NOW - HOUR, NOW + timedelta(minutes=1))
    for values, demand in (
        (opened(window=window), ANY_AGE),
        (opened(window=Window(NOW, NOW + HOUR)), Demand(valid_until=NOW + HOUR)),
    ):
        kept = Unwritten()
        kept.keep(KEY, WISH, values, NOW)
        assert find(kept, demand=demand) is None


def test_all_together_stay_within_their_bytes_and_the_last_of_each_counts() -> None:
    kept, half = Unwritten(), MOST_BYTES // 2
    kept.keep(KEY, WISH, opened(half), NOW)
    kept.keep(Key("apps", "b"), WISH, opened(half - 10), NOW)
    kept.keep(Key("apps", "c"), WISH, opened(100), NOW)
    assert kept.size <= MOST_BYTES
    assert kept.find(Key("apps", "c"), WISH, ANY_AGE, ENVIRONMENT, NOW) is None
    kept.keep(KEY, WISH, opened(5), NOW)
    kept.forget(KEY)
    kept.forget(Key("apps", "b"))
    assert kept.size == 0


def test_the_same_values_grow_no_younger_by_being_kept_again() -> None:
    kept, values = Unwritten(), opened()
    kept.keep(KEY, WISH, values, NOW)
    kept.keep(KEY, WISH, values, NOW + KEPT_FOR / 2)
    assert find(kept, now=NOW + KEPT_FOR) is None


def test_they_never_show() -> None:
    kept = unwritten.Kept(WISH, replace(opened(), data={"A": "aHVudGVyMg=="}), NOW, 1)
    assert "aHVudGVyMg" not in repr(kept)
