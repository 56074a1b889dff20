"""Parts of sentences."""

from __future__ import annotations

import pytest

from esc_operator.formats.phrases import counted, first_of, printable


@pytest.mark.parametrize(
    ("names", "text"),
    [("", ""), ("a", "a"), ("ab", "a, b"), ("abc", "a, b and 1 more"), ("abcd", "a, b and 2 more")],
)
def test_the_first_are_named_and_the_others_counted(names: str, text: str) -> None:
    assert first_of(names, 2) == text


def test_things_are_named_as_is_wished() -> None:
    assert first_of([1, 2, 3], 2, "<{}>".format) == "<1>, <2> and 1 more"


@pytest.mark.parametrize(("count", "text"), [(0, "0 namespaces"), (1, "1 namespace"), (2, "2 namespaces")])
def test_a_noun_has_the_number_of_its_count(count: int, text: str) -> None:
    assert counted(count, "namespace") == text


def test_a_name_stays_on_one_line() -> None:
    assert printable("a\nb\x00\u202ec ü") == "a?b??c ü"
