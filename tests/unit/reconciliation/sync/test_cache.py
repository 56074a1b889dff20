"""What is remembered between two looks: who imports what, who claims which Secret, and what is already past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.sync.cache import Entry, Ledger
from esc_operator.reconciliation.sync.outcome import Sighting
from esc_operator.resources.environment import Key, parse_environment
from esc_operator.resources.imported import NOT_THERE, Imported
from esc_operator.resources.status import Status

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
BASE, APP, SECRET = Key("apps", "base"), Key("apps", "app"), Key("apps", "creds")


def enter(ledger: Ledger, name: str, version: int = 1, *, at: datetime = START, **changed: Any) -> Entry:
    target, rotate = changed.get("target", name), changed.get("rotate", "")
    metadata = {
        "namespace": "apps",
        "name": name,
        "uid": changed.get("uid", f"uid-{name}"),
        "generation": changed.get("generation", 1),
        "annotations": {"esc-operator.dev/rotate-requested-at": rotate} if rotate else {},
    }
    environment = parse_environment({"metadata": metadata, "spec": {"target": {"name": target}}})
    return ledger.enter(environment, changed.get("status", Status()), str(version), at)


def test_what_is_known_of_an_object_is_kept_while_its_spec_changes() -> None:
    ledger = Ledger()
    entry = enter(ledger, "app", status=Status(failures=3))
    again = enter(ledger, "app", 2, at=START + timedelta(hours=1), generation=2, status=Status())
    assert again is entry
    assert (entry.generation, entry.version, entry.status.failures, entry.read_at) == (2, "2", 3, START)


def test_another_object_of_the_same_name_starts_anew() -> None:
    ledger = Ledger()
    ledger.note_imports(APP, ["base"])
    enter(ledger, "app", status=Status(failures=3))
    ledger.note_imports(APP, ["base"])
    entry = enter(ledger, "app", 9, uid="another", status=Status())
    assert entry.status.failures == 0
    assert ledger.outdated_importers(BASE) == ()


def test_a_rotation_is_known_since_it_was_seen() -> None:
    ledger = Ledger()
    later = START + timedelta(hours=1)
    assert enter(ledger, "app", rotate="1").rotation_seen_at == START
    assert enter(ledger, "app", 2, at=later, rotate="1").rotation_seen_at == START
    assert enter(ledger, "app", 3, at=later, rotate="2").rotation_seen_at == later


def test_what_a_read_has_overtaken_is_told_apart() -> None:
    ledger = Ledger()
    assert not ledger.is_overtaken(APP, "1")
    enter(ledger, "app", 10)
    assert ledger.is_overtaken(APP, "9")
    assert not ledger.is_overtaken(APP, "10")
    assert not ledger.is_overtaken(APP, "11")


def test_a_claim_moves_with_the_target() -> None:
    ledger = Ledger()
    enter(ledger, "app", target="creds")
    enter(ledger, "base", target="creds")
    assert set(ledger.claimants(SECRET)) == {APP, BASE}
    enter(ledger, "app", 2, target="other")
    assert ledger.claimants(SECRET) == (BASE,)
    ledger.remove(BASE)
    assert ledger.claimants(SECRET) == ()


def test_a_generation_is_news_once_and_an_older_one_never() -> None:
    ledger = Ledger()
    assert ledger.note_sighting(Sighting(BASE, 3, "uid"))
    assert not ledger.note_sighting(Sighting(BASE, 3, "uid"))
    assert not ledger.note_sighting(Sighting(BASE, 2, "uid"))
    assert ledger.note_sighting(Sighting(BASE, 4))  # as an importer read it
    assert not ledger.note_sighting(Sighting(BASE, 4, "uid"))
    assert ledger.note_sighting(Sighting(BASE, 1, "another"))
    assert ledger.imported(APP, ["base", "unknown"]) == {"base": Imported(1, "another")}


def test_an_environment_that_is_gone_is_known_to_be_so_while_it_is_imported() -> None:
    ledger = Ledger()
    enter(ledger, "app", status=Status(imports={"base": Imported(3, "uid-base")}))
    ledger.note_imports(APP, ["base"])
    enter(ledger, "base")
    ledger.note_sighting(Sighting(BASE, 3, "uid-base"))
    assert ledger.outdated_importers(BASE) == ()
    ledger.remove(BASE)
    assert ledger.imported(APP, ["base"]) == {"base": NOT_THERE}
    assert ledger.outdated_importers(BASE) == (APP,)
    assert ledger.note_sighting(Sighting(BASE, 1, "uid-new"))
    ledger.remove(APP)
    assert ledger.is_empty


names = st.sampled_from("abc")
steps = st.one_of(
    st.tuples(st.just("enter"), names, names, st.sampled_from(["1", "2"])),
    st.tuples(st.just("imports"), names, st.lists(names, max_size=3)),
    st.tuples(st.just("generation"), names, st.integers(0, 3)),
    st.tuples(st.just("remove"), names),
)


@given(st.lists(steps, max_size=30))
def test_nothing_is_left_of_what_is_gone(script: list[tuple[Any, ...]]) -> None:
    ledger = Ledger()
    for verb, name, *rest in script:
        if verb == "enter":
            enter(ledger, name, target=rest[0], uid=rest[1])
        elif verb == "imports":
            ledger.note_imports(Key("apps", name), rest[0])
        elif verb == "generation":
            ledger.note_sighting(Sighting(Key("apps", name), rest[0]))
        else:
            ledger.remove(Key("apps", name))
    for name in "abc":
        ledger.remove(Key("apps", name))
    assert ledger.is_empty
    assert len(ledger) == 0
