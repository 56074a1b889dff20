"""So many at a time, the earliest deadline first, and nobody is kept waiting by one that is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from esc_operator.reconciliation.workqueue.slots import FORGOTTEN_AFTER, SHORT_TURN, SWEEP, TURN, Slots

if TYPE_CHECKING:
    from random import Random

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LATER = START + timedelta(hours=1)


def test_no_more_than_allowed_have_a_turn() -> None:
    slots = Slots(2)
    assert [slots.ask(uid, "apps", LATER, START) for uid in "abc"] == [True, True, False]
    slots.release("a")
    assert slots.ask("c", "apps", LATER, START)


def test_whoever_has_a_turn_is_told_so_again() -> None:
    slots = Slots(1)
    assert slots.ask("a", "apps", LATER, START)
    assert slots.ask("a", "apps", LATER, START)


def test_the_earliest_deadline_goes_first_whoever_asks_first() -> None:
    slots = Slots(1)
    slots.hold("busy", "apps", START)
    assert not slots.ask("late", "apps", LATER + MINUTE, START)
    assert not slots.ask("early", "apps", LATER, START)
    slots.release("busy")
    assert slots.ahead_of("late") == 1
    assert not slots.ask("late", "apps", LATER + MINUTE, START)
    assert slots.ask("early", "apps", LATER, START)


def test_of_several_deadlines_of_one_the_earliest_counts() -> None:
    slots = Slots(1)
    slots.hold("busy", "apps", START)
    for uid, deadline in [("b", LATER + MINUTE), ("a", LATER + 2 * MINUTE), ("a", LATER), ("a", LATER + 3 * MINUTE)]:
        assert not slots.ask(uid, "apps", deadline, START)
    assert (slots.ahead_of("a"), slots.ahead_of("b")) == (0, 1)


def test_one_that_does_not_ask_again_is_forgotten_and_stands_in_nobodys_way() -> None:
    slots = Slots(1)
    slots.hold("busy", "apps", START)
    assert not slots.ask("gone", "apps", LATER, START)
    assert not slots.ask("waits", "apps", LATER + MINUTE, START + MINUTE / 2)
    slots.release("busy")
    assert not slots.ask("waits", "apps", LATER + MINUTE, START + MINUTE / 2)
    assert slots.ask("waits", "apps", LATER + MINUTE, START + FORGOTTEN_AFTER + SWEEP)


def test_a_turn_that_nobody_follows_any_more_comes_free() -> None:
    slots = Slots(1)
    assert slots.ask("dead", "apps", LATER, START)
    assert not slots.ask("waits", "apps", LATER, START + MINUTE / 2)
    assert slots.ask("waits", "apps", LATER, START + FORGOTTEN_AFTER + SWEEP)


def test_a_turn_that_is_followed_is_kept_however_long_it_takes() -> None:
    slots = Slots(1)
    for seconds in range(0, 3600, 2):
        slots.hold("slow", "apps", START + seconds * SECOND)
        assert not slots.ask("waits", "apps", LATER, START + seconds * SECOND)


def test_a_restart_in_the_middle_of_more_rollouts_than_allowed_lets_nobody_in_until_they_have_ended() -> None:
    slots = Slots(2)
    for uid in "abc":
        slots.hold(uid, "apps", START)
    assert not slots.ask("new", "apps", LATER, START)
    slots.release("a")
    assert not slots.ask("new", "apps", LATER, START)
    slots.release("b")
    assert slots.ask("new", "apps", LATER, START)


def test_a_clock_that_is_set_back_keeps_nobody_waiting_for_those_that_are_gone() -> None:
    slots = Slots(1)
    assert slots.ask("dead", "apps", LATER, START)
    assert slots.ask("waits", "apps", LATER, START - timedelta(hours=1))


def test_what_is_over_leaves_nothing_behind() -> None:
    slots = Slots(1)
    for uid in "abc":
        slots.ask(uid, "apps", LATER, START)
    for uid in "abcd":
        slots.release(uid)
    assert len(slots) == 0


def test_among_those_that_wait_the_namespace_with_the_fewest_under_way_goes_first() -> None:
    slots = Slots(3)
    for uid in ("r1", "r2", "busy"):
        slots.hold(uid, "red" if uid != "busy" else "green", START)
    for number in range(600):
        assert not slots.ask(f"red-{number}", "red", START, START)
    assert not slots.ask("blue-1", "blue", LATER, START)
    slots.release("busy")
    assert not slots.ask("red-0", "red", START, START)
    assert slots.ask("blue-1", "blue", LATER, START)


def test_turns_that_a_namespace_has_had_for_long_are_given_back_at_once_when_another_waits() -> None:
    slots = Slots(20)
    for number in range(20):
        assert slots.ask(f"dead-{number}", "red", START, START)
    for seconds in range(0, 31, 2):
        for number in range(20):
            slots.hold(f"dead-{number}", "red", START + seconds * SECOND)
    assert slots.ask("web", "blue", LATER, START + 30 * SECOND)
    assert slots.held == 20


def test_a_namespace_waits_for_no_more_than_one_turn_whatever_another_does() -> None:
    slots, now = Slots(4), START
    for number in range(4):
        assert slots.ask(f"red-{number}", "red", START, now)
    for seconds in range(0, 10, 2):
        now = START + seconds * SECOND
        for number in range(4):
            slots.hold(f"red-{number}", "red", now)
        assert not slots.ask("red-more", "red", START, now)
        assert not slots.ask("web", "blue", LATER, now)
    assert slots.ask("web", "blue", LATER, START + SHORT_TURN)


def test_what_was_given_back_counts_against_its_own_namespace_and_nobody_elses() -> None:
    slots, now = Slots(2), START
    for uid in ("dead-1", "dead-2"):
        assert slots.ask(uid, "red", START, now)
    now += TURN
    for uid in ("dead-1", "dead-2"):
        slots.hold(uid, "red", now)
    assert slots.ask("web-1", "blue", LATER, now)
    assert not slots.ask("dead-3", "red", START, now)
    slots.release("dead-1")  # it is told to be stuck
    slots.release("web-1")
    assert slots.ask("dead-3", "red", START, now)


def test_a_namespace_that_has_no_more_than_its_share_keeps_its_turns() -> None:
    slots = Slots(2)
    for uid, namespace in (("r", "red"), ("b", "blue")):
        assert slots.ask(uid, namespace, START, START)
    now = START + 50 * SECOND
    for uid, namespace in (("r", "red"), ("b", "blue")):
        slots.hold(uid, namespace, now)
    assert not slots.ask("b2", "blue", START, now)
    assert not slots.ask("r2", "red", START, now)
    assert not slots.ask("g", "green", LATER, now)
    # A third one is not kept waiting for longer than a turn by either.
    assert slots.ask("g", "green", LATER, START + TURN)


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 4), st.randoms())
def test_whatever_others_do_a_new_namespace_has_its_turn_in_time(at_once: int, others: int, random: Random) -> None:
    """Others have rollouts that never end, come and go as they like, and all have earlier deadlines."""
    slots, now = Slots(at_once), START
    theirs = [(f"{name}-{number}", f"ns-{name}") for name in range(others) for number in range(9)]
    under_way: set[tuple[str, str]] = set()

    def bother() -> None:
        random.shuffle(theirs)
        for uid, namespace in theirs:
            if (uid, namespace) in under_way:
                slots.hold(uid, namespace, now)
            elif slots.ask(uid, namespace, START, now):
                under_way.add((uid, namespace))

    for _ in range(random.randrange(30)):
        now += 2 * SECOND
        bother()
    waited = timedelta(0)
    while not slots.ask("web", "blue", LATER, now):
        now += 2 * SECOND
        waited += 2 * SECOND
        bother()
    # Those that wait beside it with as few turns as it has go first, each for no longer than its turn.
    assert waited <= TURN * (1 + others // at_once) + 4 * SECOND


@settings(max_examples=50)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=40, unique=True), st.integers(1, 5), st.randoms())
def test_everybody_gets_a_turn_in_the_order_of_deadlines(deadlines: list[int], at_once: int, random: Random) -> None:
    """All wait from the beginning; each turn takes one round, in which they ask in any order."""
    slots, now, served = Slots(at_once), START, list[int]()
    for number in range(at_once):
        slots.hold(f"busy-{number}", "apps", now)
    for minutes in deadlines:
        assert not slots.ask(str(minutes), "apps", START + minutes * MINUTE, now)
    for number in range(at_once):
        slots.release(f"busy-{number}")
    waiting = list(deadlines)
    while waiting:
        now += 2 * SECOND
        random.shuffle(waiting)
        # As often as there are turns: who asks before the one ahead of it comes too early.
        asked = [minutes for _ in range(at_once) for minutes in waiting]
        admitted = {minutes for minutes in asked if slots.ask(str(minutes), "apps", START + minutes * MINUTE, now)}
        assert len(admitted) == min(at_once, len(waiting))
        served += sorted(admitted)
        waiting = [minutes for minutes in waiting if minutes not in admitted]
        for minutes in admitted:
            slots.release(str(minutes))
    assert served == sorted(deadlines)


class AskingAndReleasing(RuleBasedStateMachine):
    """In whatever order is asked and released: never too many, and a free turn goes to somebody that asks."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(3)
        self.now = START
        self.held: set[str] = set()

    @rule(uid=st.sampled_from("abcdefgh"), minutes=st.integers(0, 5))
    def ask(self, uid: str, minutes: int) -> None:
        if self.slots.ask(uid, "apps", LATER + minutes * MINUTE, self.now):
            self.held.add(uid)
        else:
            assert uid not in self.held
            assert len(self.held) + self.slots.ahead_of(uid) >= 3

    @rule(uid=st.sampled_from("abcdefgh"))
    def release(self, uid: str) -> None:
        self.slots.release(uid)
        self.held.discard(uid)

    @rule(uid=st.sampled_from("abcdefgh"))
    def follow(self, uid: str) -> None:
        if uid in self.held:
            self.slots.hold(uid, "apps", self.now)

    @rule(seconds=st.integers(1, 50))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND
        for uid in self.held:
            self.slots.hold(uid, "apps", self.now)

    @invariant()
    def never_too_many(self) -> None:
        assert len(self.held) <= 3


TestAskingAndReleasing = AskingAndReleasing.TestCase
