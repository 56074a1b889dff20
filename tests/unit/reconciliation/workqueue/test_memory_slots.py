"""Large environments are worked on by turns among namespaces, as many bytes at a time as there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from esc_operator.reconciliation.workqueue.memory_slots import ROOM, SHARE, SMALL, Room
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    import random

RED, BLUE, GREEN = (Key(namespace, "first") for namespace in ("red", "blue", "green"))
HALF = ROOM // 2


def test_small_ones_never_wait() -> None:
    room = Room(lambda _: None)
    assert room.enter(RED, ROOM)
    assert all(room.enter(Key("red", str(number)), SMALL) for number in range(1000))


def test_a_namespace_has_no_more_than_its_share_while_others_have_theirs() -> None:
    called: list[Key] = []
    room = Room(called.append)
    assert room.enter(RED, SHARE)
    assert not room.enter(Key("red", "second"), SHARE)
    assert room.enter(BLUE, HALF)
    room.leave(BLUE)
    assert called == []
    room.leave(RED)
    assert called == [Key("red", "second")]
    assert room.enter(Key("red", "second"), SHARE)


def test_who_waits_goes_ahead_of_who_comes_later_and_namespaces_go_by_turns() -> None:
    called: list[Key] = []
    room = Room(called.append)
    assert room.enter(GREEN, ROOM)
    for name in ("a", "b", "c"):
        assert not room.enter(Key("red", name), HALF)
    assert not room.enter(BLUE, HALF)
    room.leave(GREEN)
    assert called == [Key("red", "a"), BLUE]
    assert room.enter(Key("red", "a"), HALF)
    assert room.enter(BLUE, HALF)
    assert not room.enter(GREEN, HALF)
    room.leave(Key("red", "a"))
    assert room.enter(Key("red", "b"), HALF)
    room.leave(BLUE)
    assert called[2:] == [Key("red", "b"), GREEN]


def test_one_that_is_larger_than_all_of_the_room_is_not_overtaken_for_ever() -> None:
    called: list[Key] = []
    room = Room(called.append)
    assert room.enter(BLUE, HALF)
    assert not room.enter(RED, 2 * ROOM)
    assert room.enter(GREEN, HALF)  # it could not enter in its stead
    room.leave(GREEN)
    assert called == []
    room.leave(BLUE)
    assert called == [RED]
    assert room.enter(RED, 2 * ROOM)


def test_one_that_was_made_small_meanwhile_waits_no_more() -> None:
    called: list[Key] = []
    room = Room(called.append)
    assert room.enter(BLUE, ROOM)
    assert not room.enter(RED, ROOM)
    assert not room.enter(GREEN, ROOM)
    assert room.enter(RED, SMALL)
    room.leave(RED)
    room.leave(BLUE)
    assert called == [GREEN]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(SMALL, 2 * ROOM)), max_size=30), st.randoms())
def test_all_get_in_and_never_more_than_there_is_room_for(wanted: list[tuple[str, int]], chance: random.Random) -> None:
    sizes = {Key(namespace, str(number)): size for number, (namespace, size) in enumerate(wanted)}
    waiting, inside, done = list(sizes), list[Key](), set[Key]()
    room = Room(waiting.append)
    while waiting or inside:
        if waiting and (not inside or chance.random() < 0.5):
            key = waiting.pop(chance.randrange(len(waiting)))
            if room.enter(key, sizes[key]):
                inside.append(key)
        else:
            key = inside.pop(chance.randrange(len(inside)))
            room.leave(key)
            done.add(key)
        large = [sizes[key] for key in inside if sizes[key] > SMALL]
        assert sum(large) <= ROOM or len(large) == 1
    assert done == set(sizes)
