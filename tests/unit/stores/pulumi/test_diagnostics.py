"""The findings of the service: what can be read of each, and no secret."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.lang.diagnostics import Position, Severity
from esc_operator.stores.pulumi.diagnostics import read_diagnostics

PLACE = {"line": b"3", "column": b"5", "byte": b"20"}


def read(**fields: Any) -> Any:
    (found,) = read_diagnostics([fields])
    return found


def test_a_finding_has_its_words_its_place_and_how_bad_it_is() -> None:
    where = {"environment": "acme/shop/prod", "begin": PLACE, "end": {"line": b"3", "column": b"9"}}
    found = read(summary="no such property", detail="more", path="values.a", severity="warning", range=where)
    assert (found.severity, found.text, found.path) == (Severity.WARNING, "no such property; more", "values.a")
    assert found.range == ("acme/shop/prod", Position(3, 5, 20), Position(3, 9, 0))


@pytest.mark.parametrize("where", [None, 7, {}, {"begin": {}}, {"begin": {"line": "3"}}, {"begin": PLACE, "end": 7}])
def test_a_place_that_cannot_be_read_is_left_out(where: Any) -> None:
    found = read(summary="s", range=where)
    assert (found.range, found.summary, found.severity) == (None, "s", Severity.ERROR)


def test_a_place_without_an_end_or_a_name_is_one() -> None:
    assert read(range={"begin": PLACE}).range == ("", Position(3, 5, 20), Position(3, 5, 20))


def test_what_is_no_finding_says_so_and_not_all_of_many_are_read() -> None:
    for found in read_diagnostics([7, {}, {"summary": ""}, {"summary": 7}]):
        assert found.summary == "the service found an error, and does not say which"
    assert len(read_diagnostics([{}] * 1000)) == 100


def test_long_names_are_shown_and_what_could_be_a_secret_is_not() -> None:
    path = "values." + "level." * 20 + "end"
    found = read(summary=f"bad {'k' * 40}", path=path, range={"environment": f"acme/{'p' * 50}/prod", "begin": PLACE})
    assert (found.summary, found.path) == ("bad [secret]", path)
    assert found.range.environment == f"acme/{'p' * 50}/prod"
    assert read(summary="a\x1b[31mred\nline").summary == "a?[31mred line"
