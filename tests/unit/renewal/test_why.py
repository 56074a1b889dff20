"""Why an environment is synced, in which order of reasons, and that it is never synced in a loop."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.renewal.schedule import Window, retry_at
from esc_operator.renewal.why import (
    CHECKS,
    Attempt,
    Cause,
    Held,
    Observation,
    Sync,
    Wait,
    Wanted,
    is_same_attempt,
    next_refresh,
    why_sync,
)
from esc_operator.resources.imported import NOT_THERE, Imported

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

BASE = Imported(2, "one")
NONE, ANNOTATED, ASKED = ("", ""), ("1", ""), ("", "run")
WANTED = Wanted(uid="uid", generation=3, rotate_request=NONE, before=None, interval=HOUR, imports={"base": BASE})
HELD = Held(
    uid="uid",
    generation=3,
    rotate_request=NONE,
    imports={"base": BASE},
    synced_at=START,
    read_at=START,
    window=Window(START, START + HOUR),
    rereads=False,
)
FAILED = Attempt(failures=2, failed_at=START, generation=3, rotate_request=NONE, imports={"base": BASE})


def ask(
    at: timedelta = MINUTE,
    *,
    held: Held | None = HELD,
    failed: Attempt | None = None,
    **wanted: Any,
) -> Sync | Wait:
    return why_sync(Observation(replace(WANTED, **wanted), held, failed), START + at)


def test_what_is_in_order_waits_until_it_is_due_by_itself() -> None:
    verdict = ask()
    assert isinstance(verdict, Wait)
    assert verdict.until == next_refresh(WANTED, HELD, START)
    assert verdict.until is not None
    assert START + 42 * MINUTE <= verdict.until <= START + 45 * MINUTE


def test_what_neither_expires_nor_has_to_be_read_again_waits_for_a_change() -> None:
    assert ask(held=replace(HELD, window=None)) == Wait(None)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (ask(held=None), Sync(Cause.FIRST)),
        (ask(held=replace(HELD, uid="another")), Sync(Cause.FIRST)),
        (ask(rotate_request=ANNOTATED), Sync(Cause.ROTATION, fresh=True)),
        (ask(rotate_request=ASKED), Sync(Cause.ROTATION, fresh=True)),
        (ask(rotate_request=("1", "run"), held=replace(HELD, rotate_request=ANNOTATED)), Sync(Cause.ROTATION, True)),
        (ask(rotate_request=("2", "run"), held=replace(HELD, rotate_request=("1", "run"))), Sync(Cause.ROTATION, True)),
        (ask(generation=4), Sync(Cause.SPEC)),
        (ask(held=replace(HELD, intact=False)), Sync(Cause.SECRET_CHANGED)),
        (ask(imports={"base": Imported(3, "one")}), Sync(Cause.IMPORT)),
        (ask(imports={"base": Imported(2, "another")}), Sync(Cause.IMPORT)),
        (ask(imports={"base": NOT_THERE}), Sync(Cause.IMPORT)),
        (ask(46 * MINUTE), Sync(Cause.EXPIRY, outlive=START + HOUR)),
        (ask(2 * HOUR, held=replace(HELD, window=None, rereads=True)), Sync(Cause.INTERVAL)),
    ],
)
def test_each_cause_is_reported(verdict: Sync | Wait, expected: Sync) -> None:
    assert verdict == expected


@pytest.mark.parametrize("asked", [NONE, ANNOTATED, ASKED])
def test_taking_a_request_away_asks_for_nothing(asked: tuple[str, str]) -> None:
    assert isinstance(ask(held=replace(HELD, rotate_request=("1", "run")), rotate_request=asked), Wait)


def test_the_first_cause_that_applies_is_reported() -> None:
    everything = Observation(
        replace(WANTED, rotate_request=ANNOTATED, generation=4, imports={"base": Imported(9, "one")}),
        replace(HELD, uid="another", intact=False, rereads=True),
    )
    causes = [sync.cause for check in CHECKS if (sync := check(everything, START + 9 * HOUR))]
    assert causes == [
        Cause.FIRST,
        Cause.ROTATION,
        Cause.SPEC,
        Cause.SECRET_CHANGED,
        Cause.IMPORT,
        Cause.EXPIRY,
        Cause.INTERVAL,
    ]
    assert why_sync(everything, START + 9 * HOUR) == Sync(Cause.FIRST, fresh=True)


def test_an_import_of_which_nothing_is_known_has_not_changed() -> None:
    assert isinstance(ask(imports={}), Wait)
    assert isinstance(ask(imports={"base": BASE, "other": Imported(7)}), Wait)


@pytest.mark.parametrize("held", [None, HELD, replace(HELD, intact=False), replace(HELD, generation=2)])
def test_the_same_attempt_waits_for_its_retry(held: Held | None) -> None:
    due = retry_at(START, 2, START + HOUR if held else None, "uid")
    assert ask(timedelta(0), held=held, failed=FAILED) == Wait(due)
    verdict = ask(due - START, held=held, failed=FAILED)
    assert isinstance(verdict, Sync)
    assert verdict.cause is Cause.RETRY


@pytest.mark.parametrize(
    "changed",
    [
        {"generation": 4},
        {"rotate_request": ASKED},
        {"imports": {"base": Imported(3, "one")}},
        {"imports": {"base": NOT_THERE}},
    ],
)
def test_a_change_after_a_failure_is_attempted_at_once(changed: dict[str, Any]) -> None:
    assert not is_same_attempt(replace(WANTED, **changed), FAILED)
    assert isinstance(ask(timedelta(0), failed=FAILED, **changed), Sync)
    assert isinstance(ask(timedelta(0), failed=replace(FAILED, retryable=False), **changed), Sync)


def test_a_change_that_leads_back_to_what_is_held_is_attempted_too() -> None:
    # An import that was missing is back, in the generation that was used before: it need not be the same one.
    failed = replace(FAILED, imports={"base": NOT_THERE}, retryable=False)
    assert ask(timedelta(0), failed=failed) == Sync(Cause.RETRY)


def test_an_import_of_which_the_object_is_not_known_is_reported_by_its_generation() -> None:
    for used, now in ((Imported(2), BASE), (BASE, Imported(2))):
        held = replace(HELD, imports={"base": used})
        assert isinstance(ask(held=held, imports={"base": now}), Wait)
        assert ask(held=held, imports={"base": now._replace(generation=3)}) == Sync(Cause.IMPORT)


def test_a_retry_asks_of_credentials_what_was_asked_before() -> None:
    late = 50 * MINUTE
    assert ask(late, failed=FAILED) == Sync(Cause.RETRY, outlive=START + HOUR)
    assert ask(late, held=None, failed=FAILED) == Sync(Cause.RETRY)
    rotating = replace(FAILED, rotate_request=ASKED)
    assert ask(late, failed=rotating, rotate_request=ASKED) == Sync(Cause.RETRY, fresh=True)
    changed = replace(FAILED, generation=4)
    assert ask(MINUTE, failed=changed, generation=4) == Sync(Cause.RETRY)


def test_what_cannot_be_mended_by_trying_again_waits_for_a_change() -> None:
    assert ask(9 * HOUR, failed=replace(FAILED, retryable=False)) == Wait(None)


def test_what_the_other_side_asked_for_is_waited_for() -> None:
    later = START + 10 * MINUTE
    assert ask(9 * MINUTE, failed=replace(FAILED, retry_after=later)) == Wait(later)


def test_a_failure_in_the_future_is_of_a_wrong_clock_and_tried_again_at_once() -> None:
    verdict = ask(-2 * HOUR, failed=FAILED)
    assert isinstance(verdict, Sync)
    assert verdict.cause is Cause.RETRY


def test_a_sync_in_the_future_is_of_a_wrong_clock_and_does_not_put_off_the_next() -> None:
    held = replace(HELD, synced_at=START + 24 * HOUR, read_at=START + 24 * HOUR)
    assert ask(50 * MINUTE, held=held) == Sync(Cause.EXPIRY, outlive=START + HOUR)
    assert ask(MINUTE, held=replace(held, window=None, rereads=True)) == Sync(Cause.INTERVAL)


offsets = st.timedeltas(-HOUR, 2 * HOUR)


@given(
    issued=offsets,
    life=st.timedeltas(timedelta(0), 3 * HOUR),
    synced=offsets,
    read=offsets,
    before=st.none() | st.timedeltas(SECOND, 3 * HOUR),
    rereads=st.booleans(),
    at=offsets,
)
def test_after_a_sync_there_is_always_a_pause_whatever_the_clocks_say(
    *,
    issued: timedelta,
    life: timedelta,
    synced: timedelta,
    read: timedelta,
    before: timedelta | None,
    rereads: bool,
    at: timedelta,
) -> None:
    now = START + at
    window = Window(START + issued, START + issued + life)
    held = replace(HELD, window=window, rereads=rereads, synced_at=START + synced, read_at=START + read)
    wanted = replace(WANTED, before=before, interval=30 * SECOND)
    verdict = why_sync(Observation(wanted, held), now)
    if isinstance(verdict, Wait):
        assert verdict.until is not None
        assert verdict.until > now
    after = why_sync(Observation(wanted, replace(held, synced_at=now, read_at=now)), now)
    assert isinstance(after, Wait)
    assert after.until is not None
    assert after.until - now >= SECOND


@given(
    failed_at=offsets,
    failures=st.integers(1, 50),
    at=offsets,
    held=st.sampled_from([None, HELD]),
    retry_after=st.none() | offsets,
)
def test_after_a_failure_there_is_always_a_pause(
    failed_at: timedelta, failures: int, at: timedelta, held: Held | None, retry_after: timedelta | None
) -> None:
    failed = replace(
        FAILED,
        failures=failures,
        failed_at=START + failed_at,
        retry_after=None if retry_after is None else START + retry_after,
    )
    verdict = why_sync(Observation(WANTED, held, failed), START + at)
    if isinstance(verdict, Wait):
        assert verdict.until is not None
        assert verdict.until > START + at
    again = replace(failed, failed_at=(START + at).replace(microsecond=0))
    assert isinstance(why_sync(Observation(WANTED, held, again), START + at), Wait)
