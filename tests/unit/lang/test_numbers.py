"""Numbers keep their text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.lang.numbers import Number, TextFloat, go_float_text, number_of


def test_numbers_are_equal_by_their_text() -> None:
    assert Number("1") == Number("1")
    assert Number("1") != Number("1.0")
    assert Number("1") != "1"
    assert len({Number("1"), Number("1"), Number("1.0")}) == 2
    assert repr(Number("1.0")) == "Number('1.0')"


@pytest.mark.parametrize("text", ["0", "-5", "123456789012345678901234567890"])
def test_whole_numbers_become_ints(text: str) -> None:
    found = Number(text).to_python()
    assert (type(found), str(found)) == (int, text)


@pytest.mark.parametrize("text", ["1.0", "1E5", "-0.50", "1" * 5000, "1e999"])
def test_other_numbers_become_floats_that_come_back_as_they_were(text: str) -> None:
    found = Number(text).to_python()
    assert isinstance(found, TextFloat)
    assert number_of(found) == Number(text)


def test_what_json_has_no_text_for_is_no_number() -> None:
    assert number_of(math.inf) is None
    assert number_of(math.nan) is None
    assert number_of(1 << 100_000) is None


def test_python_numbers_become_what_yaml_makes_of_them() -> None:
    assert number_of(3.0) == Number("3")
    assert number_of(1500000.5) == Number("1.5000005e+06")
    assert number_of(10**30) == Number(str(10**30))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_reads_back_as_the_float(value: float) -> None:
    assert float(go_float_text(value)) == value
