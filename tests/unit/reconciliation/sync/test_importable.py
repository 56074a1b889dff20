"""Which environments may be suggested for an import that was not found: only those that could be imported."""

from __future__ import annotations

import pytest

from esc_operator.formats.spelling import Speller
from esc_operator.reconciliation.sync.cache import MOST_NAMES, Cache
from esc_operator.reconciliation.sync.outcome import Sighting
from esc_operator.resources.environment import Key
from esc_operator.resources.sharing import Sharing

WITH_RED, WITH_ALL, WITH_NOBODY = Sharing(frozenset({"red"})), Sharing(None), Sharing()


def cache_of(seen: dict[tuple[str, str], Sharing]) -> Cache:
    cache = Cache()
    for (namespace, name), sharing in seen.items():
        cache.note_sighting(Sighting(Key(namespace, name), 1, f"{namespace}-{name}", sharing))
    return cache


@pytest.fixture
def cache() -> Cache:
    return cache_of(
        {
            ("red", "web"): WITH_NOBODY,
            ("blue", "closed"): WITH_NOBODY,
            ("blue", "shared"): WITH_RED,
            ("", "registry"): WITH_ALL,
            ("", "hidden"): WITH_NOBODY,
        }
    )


@pytest.mark.parametrize(
    ("name", "place", "names"),
    [
        ("wbe", "red", ["web", "registry"]),
        ("blue/clsoed", "red", ["blue/shared", "red/web", "ClusterEscEnvironment/registry"]),
        ("bleu/shared", "red", ["blue/shared", "red/web", "ClusterEscEnvironment/registry"]),
        ("blue/closed", "green", ["ClusterEscEnvironment/registry"]),
        ("ClusterEscEnvironment/regitsry", "red", ["ClusterEscEnvironment/registry", "red/web"]),
        # A cluster-scoped environment imports only others of its kind.
        ("registyr", "", ["hidden", "registry"]),
        ("web", "green", ["registry"]),
    ],
)
def test_only_what_could_be_imported_may_be_suggested(cache: Cache, name: str, place: str, names: list[str]) -> None:
    assert cache.importable(name, place, Speller()) == names


def test_what_is_gone_is_not_suggested(cache: Cache) -> None:
    cache.remove(Key("red", "web"))
    assert cache.importable("wbe", "red", Speller()) == ["registry"]


def test_of_many_names_some_are_compared_and_always_the_same() -> None:
    names = [f"name-{number:05}" for number in range(3 * MOST_NAMES)]
    one = cache_of({("red", name): WITH_NOBODY for name in names})
    other = cache_of({("red", name): WITH_NOBODY for name in reversed(names)})
    found = one.importable("x", "red", Speller())
    assert len(found) == MOST_NAMES
    assert found == other.importable("x", "red", Speller())
