"""Which key is worked on next: at most one at a time, changes first, and nothing left behind while a worker is idle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from esc_operator.reconciliation.workqueue.light_tenants import LATELY
from esc_operator.reconciliation.workqueue.work_queue import ALONE, REFRESH_SHARE, Lane, Shares, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Coroutine


def one_tenant(_: str) -> str:
    return "all"


def own_tenant(key: str) -> str:
    return key


def of_namespace(key: str) -> str:
    """`red/a` is red's."""
    return key.partition("/")[0]


async def drain(queue: WorkQueue[str], *, changes_only: bool = False) -> list[str]:
    """Take and finish keys until there are none for such a worker."""
    taken: list[str] = []
    while True:
        task = asyncio.create_task(queue.take(changes_only=changes_only))
        await asyncio.sleep(0)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return taken
        taken.append(task.result())
        queue.done(task.result())


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_a_key_that_is_added_often_is_worked_on_once() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        for _ in range(5):
            queue.add("a", Lane.CHANGE)
            queue.add("a", Lane.REFRESH, 3.0)
        assert len(queue) == 1
        assert await drain(queue) == ["a"]

    run(story())


def test_changes_go_first_and_in_order() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("refresh", Lane.REFRESH)
        queue.add("b", Lane.CHANGE)
        queue.add("a", Lane.CHANGE)
        assert await drain(queue) == ["b", "a", "refresh"]

    run(story())


def test_refreshes_go_by_their_deadline_and_an_earlier_one_counts() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("late", Lane.REFRESH, 30.0)
        queue.add("soon", Lane.REFRESH, 10.0)
        queue.add("moved", Lane.REFRESH, 40.0)
        queue.add("moved", Lane.REFRESH, 5.0)
        queue.add("moved", Lane.REFRESH, 50.0)
        assert queue.depth(Lane.REFRESH) == 3
        assert await drain(queue) == ["moved", "soon", "late"]

    run(story())


def test_a_refresh_that_becomes_a_change_goes_ahead_and_only_once() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("b", Lane.CHANGE)
        queue.add("a", Lane.REFRESH, 1.0)
        queue.add("a", Lane.CHANGE)
        assert (queue.depth(Lane.CHANGE), queue.depth(Lane.REFRESH)) == (2, 0)
        assert await drain(queue) == ["b", "a"]

    run(story())


def test_a_storm_of_changes_leaves_every_fourth_pick_to_refreshes() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("refresh", Lane.REFRESH, 1.0)
        for number in range(20):
            queue.add(f"change-{number}", Lane.CHANGE)
        assert (await drain(queue)).index("refresh") < REFRESH_SHARE

    run(story())


def test_a_key_under_work_is_not_given_to_another_worker_but_worked_on_once_more() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("a", Lane.CHANGE)
        assert await queue.take() == "a"
        queue.add("a", Lane.REFRESH, 9.0)
        queue.add("a", Lane.CHANGE)
        queue.add("a", Lane.REFRESH, 1.0)
        assert len(queue) == 0
        assert await drain(queue) == []
        queue.done("a")
        assert queue.depth(Lane.CHANGE) == 1
        assert await drain(queue) == ["a"]
        assert len(queue) == 0

    run(story())


def test_a_reserved_worker_never_takes_a_refresh() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("refresh", Lane.REFRESH)
        assert await drain(queue, changes_only=True) == []
        queue.add("change", Lane.CHANGE)
        assert await drain(queue, changes_only=True) == ["change"]
        assert await drain(queue) == ["refresh"]

    run(story())


def test_a_change_gets_through_while_every_ordinary_worker_hangs_in_a_refresh() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("slow", Lane.REFRESH)
        assert await queue.take() == "slow"
        reserved = asyncio.create_task(queue.take(changes_only=True))
        await asyncio.sleep(0)
        queue.add("other", Lane.REFRESH)
        queue.add("new", Lane.CHANGE)
        assert await asyncio.wait_for(reserved, 30) == "new"

    run(story())


def test_no_refresh_is_left_behind_while_an_ordinary_worker_is_idle() -> None:
    # Once the worker that was woken for the refresh took the change instead, and the reserved one, woken for the
    # change, found only the refresh: which then waited for another event although a worker had nothing to do.
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        ordinary = [asyncio.create_task(queue.take()) for _ in range(2)]
        reserved = asyncio.create_task(queue.take(changes_only=True))
        await asyncio.sleep(0)
        queue.add("refresh", Lane.REFRESH)
        queue.add("change", Lane.CHANGE)
        for _ in range(5):
            await asyncio.sleep(0)
        assert {task.result() for task in (*ordinary, reserved) if task.done()} == {"refresh", "change"}
        for task in (*ordinary, reserved):
            task.cancel()
        await asyncio.gather(*ordinary, reserved, return_exceptions=True)

    run(story())


def test_a_worker_that_is_cancelled_while_it_waits_takes_nothing_away() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        gone, there = asyncio.create_task(queue.take()), asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        queue.add("a", Lane.CHANGE)
        assert await asyncio.wait_for(there, 30) == "a"

    run(story())


def test_closing_hands_out_nothing_more_and_waits_for_what_is_worked_on() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        for key in "abc":
            queue.add(key, Lane.CHANGE)
        assert {await queue.take(), await queue.take()} == {"a", "b"}
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0)
        assert await drain(queue) == []
        queue.done("a")
        await asyncio.sleep(0)
        assert not closing.done()
        queue.done("b")
        await asyncio.wait_for(closing, 30)
        assert await drain(queue) == []

    run(story())


def test_closing_an_idle_queue_waits_for_nothing() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        await asyncio.wait_for(queue.close(), 30)

    run(story())


def test_what_is_borrowed_keeps_its_place_and_is_taken_by_nobody_meanwhile() -> None:
    async def story() -> None:
        for lane in Lane:
            queue: WorkQueue[str] = WorkQueue(one_tenant)
            for number, key in enumerate("abc"):
                queue.add(key, lane, float(number))
            assert not queue.borrow("unknown")
            assert queue.borrow("a")
            assert not queue.borrow("a")
            assert await queue.take() == "b"
            assert not queue.borrow("b")
            assert queue.depth(lane) == 2
            queue.done("a")
            assert await drain(queue) == ["a", "c"]

    run(story())


def test_a_worker_that_was_woken_for_what_is_borrowed_gets_it_afterwards() -> None:
    async def story() -> None:
        for lane in Lane:
            queue: WorkQueue[str] = WorkQueue(one_tenant)
            idle = asyncio.create_task(queue.take())
            await asyncio.sleep(0)
            queue.add("a", lane, 1.0)
            assert queue.borrow("a")
            for _ in range(3):
                await asyncio.sleep(0)
            assert not idle.done()
            queue.add("a", lane, 1.0)
            queue.done("a")
            assert await asyncio.wait_for(idle, 30) == "a"
            queue.done("a")
            assert await drain(queue) == []

    run(story())


def test_nothing_is_borrowed_from_a_queue_that_is_closed() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        queue.add("a", Lane.CHANGE)
        assert queue.borrow("a")
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0)
        assert not closing.done()
        queue.done("a")
        await asyncio.wait_for(closing, 30)
        assert not queue.borrow("a")

    run(story())


def test_a_storm_of_one_tenant_keeps_nobody_else_waiting() -> None:
    async def story() -> None:
        for lane in Lane:
            queue: WorkQueue[str] = WorkQueue(of_namespace)
            for number in range(600):
                queue.add(f"red/{number:03}", lane, 1.0)
            for number in range(3):
                queue.add(f"blue/{number}", lane, 2.0)
            order = await drain(queue)
            # Every second pick of a refresh is the earliest deadline of all, and those are red's.
            assert max(order.index(f"blue/{number}") for number in range(3)) < (6 if lane is Lane.CHANGE else 12)
            assert [key for key in order if key.startswith("red")] == [f"red/{number:03}" for number in range(600)]

    run(story())


def test_turns_are_not_saved_up_and_not_evaded_by_coming_back() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace)
        for number in range(20):
            queue.add(f"red/{number}", Lane.CHANGE)
        for _ in range(10):
            queue.done(await queue.take())
        for number in range(20):
            queue.add(f"blue/{number}", Lane.CHANGE)
        order = await drain(queue)
        assert abs(sum(key.startswith("blue") for key in order[:20]) - 10) <= 1

        for number in range(5):
            queue.add(f"blue/{number}", Lane.CHANGE)
        served = []
        for _ in range(10):
            queue.add("red/again", Lane.CHANGE)  # each time as if it were new
            served.append(await queue.take())
            queue.done(served[-1])
        assert served.count("red/again") <= 6

    run(story())


def test_who_has_had_as_many_turns_goes_by_deadline() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(own_tenant)
        for deadline, key in enumerate("fbadce"):
            queue.add(key, Lane.REFRESH, float(deadline))
        assert await drain(queue) == list("fbadce")

    run(story())


@given(
    big=st.integers(1, 400),
    others=st.integers(1, 50),
    seconds_each=st.sampled_from([0.01, 0.1, 1.0]),
    data=st.data(),
)
@settings(max_examples=30, deadline=None)
def test_turns_of_others_do_not_let_the_earliest_deadline_pass(
    big: int, others: int, seconds_each: float, data: st.DataObject
) -> None:
    # Whoever's is the earliest deadline of all waits for one pick at most, however few turns others have had.
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace)
        for number in range(big):
            queue.add(f"red/{number}", Lane.REFRESH, 1000.0 + number * seconds_each)
        for number in range(others):
            queue.add(f"other-{number}/env", Lane.REFRESH, 2000.0)
        for _ in range(data.draw(st.integers(0, big))):
            queue.done(await queue.take())
        queue.add("red/urgent", Lane.REFRESH, 1.0)
        picks = []
        for _ in range(2):
            picks.append(await queue.take())
            queue.done(picks[-1])
        assert "red/urgent" in picks

    run(story())


def test_ten_thousand_due_in_one_namespace_and_one_in_each_of_fifty_are_all_in_time() -> None:
    async def story() -> None:
        seconds_each = 0.01
        queue: WorkQueue[str] = WorkQueue(of_namespace)
        deadlines = {f"red/{number}": (number + 200) * seconds_each for number in range(10_000)}
        deadlines |= {f"team-{number}/env": 2.0 + number * 0.02 for number in range(50)}
        for key, deadline in deadlines.items():
            queue.add(key, Lane.REFRESH, deadline)
        order = await drain(queue)
        late = [key for place, key in enumerate(order) if place * seconds_each > deadlines[key]]
        assert late == []
        assert len(order) == len(deadlines)

    run(story())


def test_a_tenant_has_a_share_of_what_is_under_way() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(each=2, all=3))
        for number in range(4):
            queue.add(f"red/{number}", Lane.CHANGE)
        assert [await queue.take(), await queue.take()] == ["red/0", "red/1"]
        assert await drain(queue) == []
        for number in range(2):
            queue.add(f"blue/{number}", Lane.CHANGE)
            queue.add(f"green/{number}", Lane.CHANGE)
        # Three are under way with the first of them: of the others each may begin one, and no more than that.
        first, second = await queue.take(), await queue.take()
        assert {first, second} == {"blue/0", "green/0"}
        assert await drain(queue) == []
        queue.done("red/0")
        assert await drain(queue) == []
        queue.done("red/1")
        assert len(await drain(queue)) == 4

    run(story())


def test_who_waits_for_somebody_gives_the_worker_back_and_goes_on_ahead_of_what_has_not_begun() -> None:
    async def story() -> None:
        for lane in Lane:
            queue: WorkQueue[str] = WorkQueue(of_namespace)
            for number in range(3):
                queue.add(f"red/{number}", lane, 1.0)
            assert await queue.take() == "red/0"
            assert await queue.take() == "red/1"
            queue.back("red/0")
            assert not queue.is_waiting("red/0")
            assert not queue.borrow("red/0")
            assert await queue.take() == "red/0"
            queue.done("red/0")
            queue.done("red/1")
            assert await drain(queue) == ["red/2"]

    run(story())


def test_what_has_begun_goes_on_though_the_queue_is_closed_or_its_tenant_at_its_share() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(each=1, all=1))
        queue.add("red/0", Lane.CHANGE)
        queue.add("red/1", Lane.CHANGE)
        assert await queue.take() == "red/0"
        queue.back("red/0")
        assert await queue.take() == "red/0"
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0)
        queue.back("red/0")
        assert await queue.take() == "red/0"
        queue.done("red/0")
        await asyncio.wait_for(closing, 30)
        assert await drain(queue) == []

    run(story())


def test_a_worker_is_woken_when_a_share_becomes_free() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(each=1, all=9))
        queue.add("red/0", Lane.CHANGE)
        queue.add("red/1", Lane.CHANGE)
        assert await queue.take() == "red/0"
        waiting = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        queue.done("red/0")
        assert await asyncio.wait_for(waiting, 30) == "red/1"

    run(story())


@given(
    ordinary=st.integers(1, 4),
    reserved=st.integers(0, 3),
    script=st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(Lane), st.integers(0, 9)), max_size=40),
    patience=st.lists(st.integers(0, 3), min_size=1, max_size=10),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_added_is_worked_on_and_never_twice_at_a_time(
    ordinary: int, reserved: int, script: list[tuple[str, Lane, int]], patience: list[int]
) -> None:
    working: set[str] = set()
    seen: dict[str, int] = {}
    now = 0

    async def work(queue: WorkQueue[str], number: int, *, changes_only: bool) -> None:
        nonlocal now
        while True:
            key = await queue.take(changes_only=changes_only)
            assert key not in working
            working.add(key)
            now += 1
            seen[key] = now
            for _ in range(patience[(number + now) % len(patience)]):
                await asyncio.sleep(0)
            working.discard(key)
            queue.done(key)

    async def story() -> None:
        nonlocal now
        queue: WorkQueue[str] = WorkQueue(one_tenant)
        workers = [
            asyncio.create_task(work(queue, number, changes_only=number >= ordinary))
            for number in range(ordinary + reserved)
        ]
        asked: dict[str, int] = {}
        for key, lane, deadline in script:
            now += 1
            asked[key] = now
            queue.add(key, lane, float(deadline))
            if deadline % 2:
                await asyncio.sleep(0)
        for _ in range(40 * (len(script) + 1)):
            await asyncio.sleep(0)
        assert len(queue) == 0
        assert all(seen[key] > when for key, when in asked.items())
        for worker in workers:
            assert not worker.done()
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    run(story())


class Model(RuleBasedStateMachine):
    """The queue against a set of what is asked for and a set of what is under work."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.queue: WorkQueue[str] = WorkQueue(own_tenant)
        self.asked: set[str] = set()
        self.again: set[str] = set()
        self.working: set[str] = set()
        self.borrowed: set[str] = set()

    def teardown(self) -> None:
        self.loop.close()

    @rule(key=st.sampled_from("abcd"), lane=st.sampled_from(Lane), deadline=st.floats(0, 9))
    def add(self, key: str, lane: Lane, deadline: float) -> None:
        self.queue.add(key, lane, deadline)
        (self.again if key in self.working else self.asked).add(key)

    @rule(key=st.sampled_from("abcd"))
    def borrow(self, key: str) -> None:
        can_be = key in self.asked - self.borrowed
        assert self.queue.is_waiting(key) == can_be
        assert self.queue.borrow(key) == can_be
        if can_be:
            self.borrowed.add(key)

    @precondition(lambda self: self.borrowed)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.borrowed)))
        self.queue.done(key)
        self.borrowed.discard(key)

    @precondition(lambda self: self.asked - self.borrowed)
    @rule()
    def take(self) -> None:
        key = self.loop.run_until_complete(asyncio.wait_for(self.queue.take(), 30))
        assert key in self.asked - self.borrowed
        self.asked.discard(key)
        self.working.add(key)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.queue.done(key)
        self.working.discard(key)
        if key in self.again:
            self.again.discard(key)
            self.asked.add(key)

    @invariant()
    def holds_what_is_asked(self) -> None:
        assert len(self.queue) == len(self.asked)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_few_of_a_tenant_with_much_to_do_have_a_worker_at_a_time_however_many_workers_there_are() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(at_work=2, little=0))
        queue.add("blue/before", Lane.CHANGE)
        queue.done(await queue.take())
        for number in range(5):
            queue.add(f"red/{number}", Lane.CHANGE)
        first, second = await queue.take(), await queue.take()
        third = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        assert not third.done()
        queue.add("blue/new", Lane.CHANGE)
        assert await third == "blue/new"
        # Whoever waits for somebody has no worker, and is counted again once it goes on.
        queue.away(first)
        assert await queue.take() == "red/2"
        queue.back(first)
        fourth = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        assert not fourth.done()
        queue.done(second)
        assert await fourth == first
        queue.done(first)
        assert await queue.take() == "red/3"

    run(story())


def test_a_tenant_with_little_to_do_has_all_the_workers_that_it_needs() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(at_work=2, little=5))
        queue.add("red/before", Lane.CHANGE)
        queue.done(await queue.take())
        for number in range(5):
            queue.add(f"blue/{number}", Lane.CHANGE)
        assert [await queue.take() for _ in range(5)] == [f"blue/{number}" for number in range(5)]

    run(story())


def test_one_with_much_to_do_has_a_single_worker_while_one_with_little_is_served_too_and_then_more_again() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(at_work=3, beside=1, little=2))
        queue.add("blue/new", Lane.CHANGE)
        for number in range(2 * LATELY):
            queue.add(f"red/{number}", Lane.CHANGE)
        assert {await queue.take(), await queue.take()} == {"blue/new", "red/0"}
        taken = "red/0"
        for _ in range(LATELY - 1):
            another = asyncio.create_task(queue.take())
            await asyncio.sleep(0)
            assert not another.done()
            queue.done(taken)
            taken = await another
        assert len([await queue.take() for _ in range(2)]) == 2

    run(story())


def test_one_that_has_much_to_do_now_does_not_count_as_one_with_little_for_itself_nor_for_others() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(at_work=3, beside=1, little=2))
        for number in range(5):
            queue.add(f"red/{number}", Lane.CHANGE)
        queue.add("blue/0", Lane.CHANGE)
        assert {await queue.take(), await queue.take()} == {"red/0", "blue/0"}
        waiting = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        assert not waiting.done()
        for number in range(1, 5):
            queue.add(f"blue/{number}", Lane.CHANGE)
        taken = [await waiting, *[await queue.take() for _ in range(3)]]
        assert sorted(taken) == ["blue/1", "blue/2", "red/1", "red/2"]

    run(story())


def test_a_tenant_that_has_been_alone_for_a_while_has_all_workers_until_another_comes() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue(of_namespace, Shares(at_work=2, little=0))
        for number in range(9):
            queue.add(f"red/{number}", Lane.CHANGE)
        taken = [await queue.take() for _ in range(4)]
        queue.add("blue/new", Lane.CHANGE)
        assert await queue.take() == "blue/new"
        queue.done("blue/new")
        waiting = asyncio.create_task(queue.take())
        for key in taken[:2]:
            await asyncio.sleep(0)
            assert not waiting.done()
            queue.done(key)
        queue.done(taken[2])
        assert (await waiting).startswith("red/")
        for number in range(ALONE):
            queue.add(f"red/more-{number}", Lane.CHANGE)
        queue.done(taken[3])
        for _ in range(ALONE):
            queue.done(await queue.take())
        assert len([await queue.take() for _ in range(3)]) == 3

    run(story())
