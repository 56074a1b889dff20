"""What is said of a selector that selects nothing: what was probably meant by its names."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.resources.rotation import Selector
from esc_operator.resources.rotation_selection import Places, describe_nothing, places_of

PLACES = Places({"apps", "red", "blue"}, {"aws-login", "gcp-login", "pulumi"}, {"acme", "umbrella"})


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (Selector(provider="aws-logn"), 'none opens "aws-logn"; did you mean "aws-login"?; compare the selector'),
        (Selector(provider="x-login"), 'none opens "x-login"; what they open is aws-login, gcp-login, pulumi; compare'),
        (Selector(organization="acne"), 'none is of organization "acne"; did you mean "acme"?; compare'),
        (Selector(organization="x"), 'none is of organization "x"; there are some of acme, umbrella; compare'),
        (Selector(namespaces=("app",)), 'there is none in namespace "app"; did you mean "apps"?; compare'),
        (
            Selector(namespaces=("green", "red")),
            'there is none in namespace "green"; there are some in apps, blue, red; compare',
        ),
    ],
)
def test_a_misspelled_name_is_told_first(selector: Selector, words: str) -> None:
    message = describe_nothing(selector, 0, PLACES)
    assert f"so nothing was rotated: {words}" in message
    assert message.endswith("to accept this, set spec.allowNone (`esc rotate --allow-none`)")


def test_names_that_are_there_are_not_told() -> None:
    message = describe_nothing(Selector(namespaces=("red",), provider="pulumi", organization="Acme"), 0, PLACES)
    assert "so nothing was rotated: compare the selector" in message


def test_without_a_list_nothing_is_suggested() -> None:
    message = describe_nothing(Selector(namespaces=("app",), provider="x"), 0)
    assert "so nothing was rotated: compare the selector" in message


def test_places_are_those_of_what_is_listed() -> None:
    bodies: list[dict[str, Any]] = [
        {"metadata": {"namespace": "apps"}, "status": {"logins": [{"provider": "aws-login"}]}},
        {"metadata": {"namespace": "apps"}},
        {"metadata": {"name": "wide"}, "status": {"logins": [{"provider": "pulumi", "organization": "acme"}]}},
    ]
    assert places_of(bodies) == Places({"apps"}, {"aws-login", "pulumi"}, {"acme"})
