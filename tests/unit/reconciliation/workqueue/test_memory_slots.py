"""Large environments are worked on by turns among namespaces, as many bytes at a time as there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.reconciliation.workqueue.memory_slots import CAPACITY, SHARE, SMALL, MemorySlots
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    import random

RED, BLUE, GREEN = (Key(namespace, "first") for namespace in ("red", "blue", "green"))
HALF = CAPACITY // 2


def test_small_ones_never_wait() -> None:
    slots = MemorySlots(lambda _: None)
    assert slots.enter(RED, CAPACITY)
    assert all(slots.enter(Key("red", str(number)), SMALL) for number in range(1000))


def test_a_namespace_has_no_more_than_its_share_while_others_have_theirs() -> None:
    called: list[Key] = []
    slots = MemorySlots(called.append)
    assert slots.enter(RED, SHARE)
    assert not slots.enter(Key("red", "second"), SHARE)
    assert slots.enter(BLUE, HALF)
    slots.leave(BLUE)
    assert called == []
    slots.leave(RED)
    assert called == [Key("red", "second")]
    assert slots.enter(Key("red", "second"), SHARE)


def test_who_waits_goes_ahead_of_who_comes_later_and_namespaces_go_by_turns() -> None:
    called: list[Key] = []
    slots = MemorySlots(called.append)
    assert slots.enter(GREEN, CAPACITY)
    for name in ("a", "b", "c"):
        assert not slots.enter(Key("red", name), HALF)
    assert not slots.enter(BLUE, HALF)
    slots.leave(GREEN)
    assert called == [Key("red", "a"), BLUE]
    assert slots.enter(Key("red", "a"), HALF)
    assert slots.enter(BLUE, HALF)
    assert not slots.enter(GREEN, HALF)
    slots.leave(Key("red", "a"))
    assert slots.enter(Key("red", "b"), HALF)
    slots.leave(BLUE)
    assert called[2:] == [Key("red", "b"), GREEN]


def test_one_that_is_larger_than_all_of_the_room_is_not_overtaken_for_ever() -> None:
    called: list[Key] = []
    slots = MemorySlots(called.append)
    assert slots.enter(BLUE, HALF)
    assert not slots.enter(RED, 2 * CAPACITY)
    assert slots.enter(GREEN, HALF)  # it could not enter in its stead
    slots.leave(GREEN)
    assert called == []
    slots.leave(BLUE)
    assert called == [RED]
    assert slots.enter(RED, 2 * CAPACITY)


def test_one_that_was_made_small_meanwhile_waits_no_more() -> None:
    called: list[Key] = []
    slots = MemorySlots(called.append)
    assert slots.enter(BLUE, CAPACITY)
    assert not slots.enter(RED, CAPACITY)
    assert not slots.enter(GREEN, CAPACITY)
    assert slots.enter(RED, SMALL)
    slots.leave(RED)
    slots.leave(BLUE)
    assert called == [GREEN]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(SMALL, 2 * CAPACITY)), max_size=30), st.randoms())
def test_all_get_in_and_never_more_than_there_is_room_for(wanted: list[tuple[str, int]], chance: random.Random) -> None:
    sizes = {Key(namespace, str(number)): size for number, (namespace, size) in enumerate(wanted)}
    waiting, inside, done = list(sizes), list[Key](), set[Key]()
    slots = MemorySlots(waiting.append)
    while waiting or inside:
        if waiting and (not inside or chance.random() < 0.5):
            key = waiting.pop(chance.randrange(len(waiting)))
            if slots.enter(key, sizes[key]):
                inside.append(key)
        else:
            key = inside.pop(chance.randrange(len(inside)))
            slots.leave(key)
            done.add(key)
        large = [sizes[key] for key in inside if sizes[key] > SMALL]
        assert sum(large) <= CAPACITY or len(large) == 1
    assert done == set(sizes)
