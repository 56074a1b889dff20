"""Resource versions: which of two is older."""

from __future__ import annotations

import pytest

from esc_operator.resources.versions import is_older


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [("9", "10", True), ("10", "9", False), ("7", "7", False), ("x", "9", False), ("9", "", False)],
)
def test_versions_are_compared_as_numbers_and_of_others_nothing_is_known(
    version: str, than: str, *, older: bool
) -> None:
    assert is_older(version, than) is older
