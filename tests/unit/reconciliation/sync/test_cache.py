"""What is remembered between two looks: who imports what, who claims which Secret, and what is already past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.sync.cache import Cache, CachedEnvironment
from esc_operator.reconciliation.sync.outcome import Sighting
from esc_operator.resources.environment import Key, parse_environment
from esc_operator.resources.imported import NOT_THERE, Imported
from esc_operator.resources.status import Status

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
BASE, APP, SECRET = Key("apps", "base"), Key("apps", "app"), Key("apps", "creds")


def enter(cache: Cache, name: str, version: int = 1, *, at: datetime = START, **changed: Any) -> CachedEnvironment:
    target, rotate = changed.get("target", name), changed.get("rotate", "")
    metadata = {
        "namespace": "apps",
        "name": name,
        "uid": changed.get("uid", f"uid-{name}"),
        "generation": changed.get("generation", 1),
        "annotations": {"esc-operator.dev/rotate-requested-at": rotate} if rotate else {},
    }
    environment = parse_environment({"metadata": metadata, "spec": {"target": {"name": target}}})
    return cache.enter(environment, changed.get("status", Status()), str(version), at)


def test_what_is_known_of_an_object_is_kept_while_its_spec_changes() -> None:
    cache = Cache()
    entry = enter(cache, "app", status=Status(failures=3))
    again = enter(cache, "app", 2, at=START + timedelta(hours=1), generation=2, status=Status())
    assert again is entry
    assert (entry.generation, entry.version, entry.status.failures, entry.read_at) == (2, "2", 3, START)


def test_another_object_of_the_same_name_starts_anew() -> None:
    cache = Cache()
    cache.note_imports(APP, ["base"])
    enter(cache, "app", status=Status(failures=3))
    cache.note_imports(APP, ["base"])
    entry = enter(cache, "app", 9, uid="another", status=Status())
    assert entry.status.failures == 0
    assert cache.outdated_importers(BASE) == ()


def test_a_rotation_is_known_since_it_was_seen() -> None:
    cache = Cache()
    later = START + timedelta(hours=1)
    assert enter(cache, "app", rotate="1").rotation_seen_at == START
    assert enter(cache, "app", 2, at=later, rotate="1").rotation_seen_at == START
    assert enter(cache, "app", 3, at=later, rotate="2").rotation_seen_at == later


def test_what_a_read_has_overtaken_is_distinguished() -> None:
    cache = Cache()
    assert not cache.is_overtaken(APP, "1")
    enter(cache, "app", 10)
    assert cache.is_overtaken(APP, "9")
    assert not cache.is_overtaken(APP, "10")
    assert not cache.is_overtaken(APP, "11")


def test_a_claim_moves_with_the_target() -> None:
    cache = Cache()
    enter(cache, "app", target="creds")
    enter(cache, "base", target="creds")
    assert set(cache.claimants(SECRET)) == {APP, BASE}
    enter(cache, "app", 2, target="other")
    assert cache.claimants(SECRET) == (BASE,)
    cache.remove(BASE)
    assert cache.claimants(SECRET) == ()


def test_a_generation_is_news_once_and_an_older_one_never() -> None:
    cache = Cache()
    assert cache.note_sighting(Sighting(BASE, 3, "uid"))
    assert not cache.note_sighting(Sighting(BASE, 3, "uid"))
    assert not cache.note_sighting(Sighting(BASE, 2, "uid"))
    assert cache.note_sighting(Sighting(BASE, 4))  # as an importer read it
    assert not cache.note_sighting(Sighting(BASE, 4, "uid"))
    assert cache.note_sighting(Sighting(BASE, 1, "another"))
    assert cache.imported(APP, ["base", "unknown"]) == {"base": Imported(1, "another")}


def test_an_environment_that_is_gone_is_known_to_be_so_while_it_is_imported() -> None:
    cache = Cache()
    enter(cache, "app", status=Status(imports={"base": Imported(3, "uid-base")}))
    cache.note_imports(APP, ["base"])
    enter(cache, "base")
    cache.note_sighting(Sighting(BASE, 3, "uid-base"))
    assert cache.outdated_importers(BASE) == ()
    cache.remove(BASE)
    assert cache.imported(APP, ["base"]) == {"base": NOT_THERE}
    assert cache.outdated_importers(BASE) == (APP,)
    assert cache.note_sighting(Sighting(BASE, 1, "uid-new"))
    cache.remove(APP)
    assert cache.is_empty


names = st.sampled_from("abc")
steps = st.one_of(
    st.tuples(st.just("enter"), names, names, st.sampled_from(["1", "2"])),
    st.tuples(st.just("imports"), names, st.lists(names, max_size=3)),
    st.tuples(st.just("generation"), names, st.integers(0, 3)),
    st.tuples(st.just("remove"), names),
)


@given(st.lists(steps, max_size=30))
def test_nothing_is_left_of_what_is_gone(script: list[tuple[Any, ...]]) -> None:
    cache = Cache()
    for verb, name, *rest in script:
        if verb == "enter":
            enter(cache, name, target=rest[0], uid=rest[1])
        elif verb == "imports":
            cache.note_imports(Key("apps", name), rest[0])
        elif verb == "generation":
            cache.note_sighting(Sighting(Key("apps", name), rest[0]))
        else:
            cache.remove(Key("apps", name))
    for name in "abc":
        cache.remove(Key("apps", name))
    assert cache.is_empty
    assert len(cache) == 0
