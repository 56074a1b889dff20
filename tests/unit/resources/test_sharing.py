"""Who may import what, and how environments call each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.resources.environment import Key, key_of
from esc_operator.resources.sharing import Sharing, may_import, parse_sharing

labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
keys = st.builds(Key, st.one_of(st.just(""), labels), labels)
places = st.one_of(st.just(""), labels)
sharings = st.builds(Sharing, st.one_of(st.none(), st.frozensets(labels, max_size=3)))


def body(namespace: str, sharing: Any = None) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"metadata": {"name": "base", **place}, "spec": {"sharing": sharing} if sharing is not None else {}}


@pytest.mark.parametrize(
    ("namespace", "sharing", "parsed"),
    [
        ("apps", None, Sharing(frozenset())),
        ("apps", {}, Sharing(frozenset())),
        ("apps", {"namespaces": []}, Sharing(frozenset())),
        ("apps", {"namespaces": ["team-a"]}, Sharing(frozenset({"team-a"}))),
        ("apps", {"namespaces": ["team-a", "*"]}, Sharing(None)),
        ("", None, Sharing(None)),
        ("", {}, Sharing(None)),
        ("", {"namespaces": []}, Sharing(frozenset())),
        ("", {"namespaces": ["team-a"]}, Sharing(frozenset({"team-a"}))),
    ],
)
def test_by_default_a_namespace_shares_with_nobody_and_the_cluster_with_everybody(
    namespace: str, sharing: Any, parsed: Sharing
) -> None:
    assert parse_sharing(body(namespace, sharing)) == parsed


@given(keys, sharings)
def test_in_its_own_place_an_environment_may_be_imported_whatever_it_shares(key: Key, sharing: Sharing) -> None:
    assert may_import(key.namespace, key.namespace, sharing)


@given(keys, places)
def test_elsewhere_only_where_it_is_shared(key: Key, place: str) -> None:
    assert may_import(place, key.namespace, Sharing(frozenset())) is (place == key.namespace)
    if place:
        assert may_import(place, key.namespace, Sharing(frozenset({place})))
        assert may_import(place, key.namespace, Sharing(None))


@given(labels, labels, sharings)
def test_what_belongs_to_the_cluster_imports_nothing_of_a_namespace(
    namespace: str, name: str, sharing: Sharing
) -> None:
    assert not may_import("", namespace, sharing)


@given(keys, places)
def test_a_reference_leads_back_to_what_it_was_made_of(key: Key, place: str) -> None:
    assert key_of(key.seen_from(place), place) == key
    assert key_of(key.full_name, place) == key


@given(keys, keys, places)
def test_no_two_environments_are_called_the_same(one: Key, other: Key, place: str) -> None:
    assert (one.seen_from(place) == other.seen_from(place)) is (one == other)


def test_people_are_told_the_kind() -> None:
    assert Key("apps", "aws").describe() == 'EscEnvironment "apps/aws"'
    assert Key("", "aws").describe() == 'ClusterEscEnvironment "aws"'
    assert (str(Key("", "aws")), Key("", "aws").full_name) == ("aws", "ClusterEscEnvironment/aws")
    assert Key("", "aws").seen_from("apps") == "ClusterEscEnvironment/aws"
    assert Key("apps", "aws").seen_from("team-a") == "apps/aws"
    assert Key("apps", "aws").seen_from("apps") == Key("", "aws").seen_from("") == "aws"
