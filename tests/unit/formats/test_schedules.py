"""Schedules and their short names."""

from __future__ import annotations

import pytest

from esc_operator.formats.schedules import ADVICE, SHORT_SCHEDULES, fields_of


@pytest.mark.parametrize("name", SHORT_SCHEDULES)
def test_a_short_name_stands_for_five_fields_and_is_advised(name: str) -> None:
    assert len(fields_of(name).split()) == 5
    assert name in ADVICE


def test_anything_else_stands_for_itself() -> None:
    assert fields_of("0 3 * * *") == "0 3 * * *"
    assert fields_of("@dayly") == "@dayly"
