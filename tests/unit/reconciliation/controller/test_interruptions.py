"""What ended an operator is tried again only after a pause, which grows, and is told meanwhile."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.sharing import Demand
from esc_operator.reconciliation.controller.interruptions import (
    FIRST_PAUSE,
    FORGOTTEN_AFTER,
    LONGEST_HOLD,
    LONGEST_PAUSE,
    MANY,
    MOST,
    GuardedOpening,
    Interruptions,
    parse_interruptions,
)
from esc_operator.reconciliation.controller.under_way import Definition, UnderWay
from esc_operator.reconciliation.sync.outcome import OpenedValues, Refused
from esc_operator.resources.environment import EscEnvironment, Key, parse_environment

if TYPE_CHECKING:
    from esc_operator.driver.worker import Worker

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
BOMB = Definition(Key("apps", "bomb"), "uid-1", 3)


def environment(generation: int = 3, uid: str = "uid-1", name: str = "bomb", namespace: str = "apps") -> EscEnvironment:
    metadata = {"namespace": namespace, "name": name, "uid": uid, "generation": generation}
    return parse_environment({"metadata": metadata, "spec": {"environment": {}}})


class Scene:
    """`left` are the records that were carried away; `opened` how often anything was evaluated."""

    def __init__(self, note: str = "") -> None:
        self.now = NOW
        self.left: list[str] = []
        self.opened = 0
        self.interruptions = Interruptions(self._leave)
        self.interruptions.take_over(note, NOW)
        self._guarded = GuardedOpening(cast("Any", self._open), UnderWay(), self.interruptions, lambda: self.now)

    async def _leave(self, text: str) -> None:
        self.left.append(text)

    async def _open(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues | Refused:
        self.opened += 1
        return OpenedValues({}, None, rereads=False, imports=cast("Any", None))

    def open(self, **more: Any) -> OpenedValues | Refused:
        return asyncio.run(self._guarded(environment(**more), Demand(None, None), cast("Any", None)))


def note(times: int = 1) -> str:
    """What so many leaders have left that were interrupted one after the other."""
    known = Interruptions()
    for _ in range(times):
        known.add(BOMB, "it has blocked everything else for 4 s", NOW)
    return known.record()


def test_the_next_leader_does_not_begin_with_it_and_its_author_reads_why_and_what_to_do() -> None:
    scene = Scene(note())
    refused = scene.open()
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.retryable, refused.retry_after) == ("OperatorInterrupted", True, 60)
    assert refused.message == (
        "an operator that evaluated this definition was interrupted: it has blocked everything else for 4 s. It is "
        "tried again at 2026-05-01T12:01:00Z, or at once when its spec changes: make the definition or its "
        "imports smaller, or remove a provider that hangs"
    )
    assert scene.opened == 0


def test_it_is_tried_again_after_the_pause_and_forgotten_once_that_came_to_an_end() -> None:
    scene = Scene(note())
    scene.now += FIRST_PAUSE
    assert isinstance(scene.open(), OpenedValues)
    assert scene.left == [""]
    scene.now = NOW
    assert isinstance(scene.open(), OpenedValues)


@pytest.mark.parametrize("more", [{"generation": 4}, {"uid": "uid-2"}])
def test_another_definition_is_evaluated_at_once(more: dict[str, Any]) -> None:
    scene = Scene(note())
    assert isinstance(scene.open(**more), OpenedValues)
    assert scene.left == [""]


def test_the_pause_grows_with_each_time_up_to_a_bound_and_is_reported() -> None:
    pauses = [parse_interruptions(note(times), NOW)[0].until - NOW for times in (1, 2, 3, 20)]
    assert pauses == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4, LONGEST_PAUSE]
    refused = Scene(note(20)).open()
    assert isinstance(refused, Refused)
    assert "was interrupted 20 times in a row: it has blocked" in refused.message
    assert "It is tried again at 2026-05-01T13:00:00Z: make the definition" in refused.message


def test_a_definition_that_is_changed_again_and_again_is_not_tried_at_once_for_ever() -> None:
    known, generation, now, tries = Interruptions(), 0, NOW, 0
    while now < NOW + timedelta(hours=2):
        generation += 1
        changed = Definition(BOMB.key, "uid-1" if generation % 2 else "uid-2", generation)
        if not known.hold(changed, now):
            tries += 1
            known.add(changed, "it was long", now)
        now += timedelta(seconds=15)
    assert tries <= MANY + timedelta(hours=2) / LONGEST_HOLD + 2


def test_the_author_of_a_change_that_has_to_wait_reads_why() -> None:
    scene = Scene(note(MANY))
    refused = scene.open(generation=4)
    assert isinstance(refused, Refused)
    assert refused.message == (
        "earlier definitions of this environment have interrupted the operator 3 times in a row: it has blocked "
        "everything else for 4 s. This one is evaluated at 2026-05-01T12:04:00Z: make it smaller "
        "if it could interrupt it again"
    )
    assert refused.retry_after == 240
    scene.now += timedelta(minutes=4)
    assert isinstance(scene.open(generation=4), OpenedValues)
    assert scene.left == [""]


def note_of(*names: str) -> str:
    known = Interruptions()
    for name in names:
        known.add(Definition(Key("apps", name), "uid", 1), "it was long", NOW)
    return known.record()


def test_a_namespace_does_not_end_one_leader_for_each_of_its_environments() -> None:
    scene = Scene(note_of("one", "two", "three"))
    refused = scene.open(name="four")
    assert isinstance(refused, Refused)
    assert refused.message == (
        '3 environments of this namespace have interrupted the operator, last EscEnvironment "apps/three": it '
        "was long. This one is evaluated at 2026-05-01T12:10:00Z, unless another one interrupts it before: correct "
        "those"
    )
    assert isinstance(scene.open(name="four", namespace="shop"), OpenedValues)
    assert isinstance(scene.open(name="three", generation=2), OpenedValues)
    assert isinstance(scene.open(name="four"), OpenedValues)


def test_two_environments_that_interrupted_it_hold_up_no_other() -> None:
    assert isinstance(Scene(note_of("one", "two")).open(name="three"), OpenedValues)


def test_a_hundred_environments_that_interrupt_it_end_few_leaders() -> None:
    known, now, tries = Interruptions(), NOW, 0
    while now < NOW + timedelta(hours=12):
        for number in range(100):
            definition = Definition(Key("apps", f"bomb-{number}"), "uid", 1)
            if not known.hold(definition, now):
                known.add(definition, "it was long", now)
                tries += 1
                break  # that leader has ended
        now += timedelta(seconds=15)
    assert tries <= MANY + timedelta(hours=12) / LONGEST_HOLD


def test_nothing_is_written_for_what_interrupted_nobody() -> None:
    scene = Scene()
    scene.open()
    assert scene.left == []


def test_the_record_has_a_bound_and_forgets_the_oldest() -> None:
    known = Interruptions()
    for number in range(MOST + 5):
        known.add(Definition(Key("apps", f"bomb-{number}"), "uid", 1), "it was long", NOW + timedelta(seconds=number))
    found = parse_interruptions(known.record(), NOW + timedelta(hours=1))
    assert [one.definition.key.name for one in found] == [f"bomb-{number}" for number in range(5, MOST + 5)]


def test_what_is_long_ago_or_has_yet_to_come_is_not_believed() -> None:
    assert parse_interruptions(note(), NOW + FORGOTTEN_AFTER) == ()
    assert parse_interruptions(note(), NOW - timedelta(seconds=1)) == ()


def test_a_cluster_environment_is_one_too() -> None:
    known = Interruptions()
    wide = Definition(Key("", "wide"), "uid", 1)
    assert parse_interruptions(known.add(wide, "it was long", NOW), NOW)[0].definition == wide


ANYTHING = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("environment", "uid", "generation", "times", "at", "what")
ENTRIES = st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, ANYTHING)), max_size=3)


@given(ANYTHING | ENTRIES)
def test_a_record_that_somebody_else_wrote_never_raises(found: Any) -> None:
    parse_interruptions(json.dumps(found), NOW)
    parse_interruptions(str(found), NOW)
