"""What an import may mean in a cluster, and that a refusal does not say whether there is anything to refuse."""

from __future__ import annotations

import pytest

from esc_operator.formats.spelling import hint
from esc_operator.resources.environment import Key
from esc_operator.stores.imports import candidates, nothing_found, place_of
from esc_operator.stores.port import Failed


@pytest.mark.parametrize(
    ("name", "place", "keys"),
    [
        ("base", "apps", (Key("apps", "base"), Key("", "base"))),
        ("apps/base", "apps", (Key("apps", "base"),)),
        ("other/base", "apps", (Key("other", "base"),)),
        ("ClusterEscEnvironment/base", "apps", (Key("", "base"),)),
        ("base", "", (Key("", "base"),)),
        ("ClusterEscEnvironment/base", "", (Key("", "base"),)),
    ],
)
def test_a_bare_name_is_one_of_the_same_place_first_and_one_of_the_cluster_then(
    name: str, place: str, keys: tuple[Key, ...]
) -> None:
    assert candidates(name, place) == keys


@pytest.mark.parametrize(
    ("name", "place", "message", "reason"),
    [
        ("apps/base", "", "imports only others of its kind", "ImportNotAllowed"),
        ("c/apps/base", "apps", "imports stay within their cluster", "ImportNotAllowed"),
        ("base@3", "apps", "a cluster stores no versions", "VersionNotSupported"),
        ("a//b", "apps", "is not a reference", "InvalidReference"),
    ],
)
def test_what_no_cluster_can_have_is_refused_without_a_look(name: str, place: str, message: str, reason: str) -> None:
    refused = candidates(name, place)
    assert isinstance(refused, Failed)
    assert message in refused.message
    assert refused.reason == reason


@pytest.mark.parametrize(
    ("name", "place", "message", "reason"),
    [
        (
            "base",
            "apps",
            (
                'EscEnvironment "apps/base" does not exist, and no ClusterEscEnvironment "base" is shared with'
                ' namespace "apps"'
            ),
            "ImportNotFound",
        ),
        ("apps/base", "apps", 'EscEnvironment "apps/base" does not exist', "ImportNotFound"),
        ("base", "", 'ClusterEscEnvironment "base" does not exist', "ImportNotFound"),
        (
            "other/base",
            "apps",
            (
                'EscEnvironment "other/base" cannot be imported from namespace "apps": either it does not exist, or its'
                ' spec.sharing.namespaces does not name "apps"'
            ),
            "ImportNotAllowed",
        ),
        (
            "ClusterEscEnvironment/base",
            "apps",
            (
                'ClusterEscEnvironment "base" cannot be imported from namespace "apps": either it does not exist, or '
                'its spec.sharing.namespaces does not name "apps"'
            ),
            "ImportNotAllowed",
        ),
    ],
)
def test_what_is_not_found_is_reported_with_what_to_do(name: str, place: str, message: str, reason: str) -> None:
    keys = candidates(name, place)
    assert not isinstance(keys, Failed)
    failed = nothing_found(name, keys, place)
    assert (failed.message, failed.reason) == (f'environment "{name}" not found: {message}', reason)


def test_an_environment_that_can_be_imported_is_suggested() -> None:
    failed = nothing_found("bsae", (Key("apps", "bsae"), Key("", "bsae")), "apps", ["base", "web"])
    assert hint(failed.wanted, failed.known) == '; did you mean "base"?'


def test_what_was_asked_for_is_not_suggested_though_it_is_there() -> None:
    failed = nothing_found("other/base", (Key("other", "base"),), "apps", ["other/base", "apps/web"])
    assert hint(failed.wanted, failed.known) == ""


def test_where_nothing_is_near_a_bare_name_those_that_can_be_imported_are_listed() -> None:
    failed = nothing_found("nothing", (Key("apps", "nothing"), Key("", "nothing")), "apps", ["web", "base"])
    assert hint(failed.wanted, failed.known) == "; the environments that it can import are base, web"


def test_the_place_of_an_environment_is_its_namespace_or_the_cluster() -> None:
    assert place_of("apps/aws") == "apps"
    assert place_of("ClusterEscEnvironment/aws") == ""
