"""Scalars mean what yaml.v3 makes of them."""

import pytest

from esc_operator.lang.numbers import Number
from esc_operator.lang.scalars import resolve_plain, resolve_tagged


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_has_five_spellings(text: str) -> None:
    assert resolve_plain(text) is None


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False)],
)
def test_booleans_are_those_of_yaml_1_2(text: str, meaning: bool) -> None:
    assert resolve_plain(text) is meaning


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "nULL",
        "tRUE",
        "1:30",
        "2020-01-01",
        "2020-01-01T00:00:00Z",
        "<<",
        "1e400",
        "-1e400",
        "0x",
        "0b2",
        "0o9",
        "1e",
        "1.2.3",
        "+-1",
        "_",
        "+",
        "-",
        ".",
        "..5",
        ".5_",
        "._5",
        "1_e3x",
        "0x1p3",
        "abc",
        "- ",
        "٣",
        "1٣",
    ],
)
def test_everything_else_is_the_text_itself(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("+5", "5"),
        ("-7", "-7"),
        ("1_000", "1000"),
        ("014", "12"),
        ("-014", "-12"),
        ("08", "8"),
        ("0x1F", "31"),
        ("0X1f", "31"),
        ("-0x10", "-16"),
        ("0o17", "15"),
        ("0b101", "5"),
        ("-0b101", "-5"),
        ("9223372036854775807", "9223372036854775807"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("+9223372036854775808", "9.223372036854776e+18"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ("1.50", "1.5"),
        ("1.", "1"),
        (".5", "0.5"),
        (".7_8", "0.78"),
        ("-.5", "-0.5"),
        ("1e3", "1000"),
        ("12e03", "12000"),
        ("1e6", "1e+06"),
        ("1e21", "1e+21"),
        ("1.5e-7", "1.5e-07"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("123456.75", "123456.75"),
        ("123456789.125", "1.23456789125e+08"),
        ("1E+2", "100"),
        ("-0.0", "-0"),
        ("1e-400", "0"),
        ("09.5", "9.5"),
    ],
)
def test_numbers_are_normalised_as_go_prints_them(text: str, number: str) -> None:
    assert resolve_plain(text) == Number(number)


def test_a_million_digits_are_a_text_and_cost_nothing() -> None:
    digits = "1" * 1_000_000
    assert resolve_plain(digits) == digits
    assert resolve_plain("0x" + digits) == "0x" + digits


@pytest.mark.parametrize(
    ("tag", "text", "meaning"),
    [
        ("!!str", "5", "5"),
        ("!!int", "7", Number("7")),
        ("!!float", "3", Number("3")),
        ("!!float", "1e3", Number("1000")),
        ("!!bool", "true", True),
        ("!!null", "", None),
        ("!!null", "~", None),
        ("!foo", "5", "5"),
        ("!!map", "x", "x"),
        ("!!timestamp", "2020-01-01", "2020-01-01"),
        ("!!timestamp", "2020-1-1 10:00:00", "2020-1-1 10:00:00"),
        ("!!binary", "aGk=", "aGk="),
    ],
)
def test_a_tag_decides_where_the_text_allows_it(tag: str, text: str, meaning: object) -> None:
    assert resolve_tagged(tag, text) == (meaning, None)


@pytest.mark.parametrize(
    ("tag", "text", "problem"),
    [
        ("!!int", "abc", "yaml: cannot decode !!str `abc` as a !!int"),
        ("!!int", "3.5", "yaml: cannot decode !!float `3.5` as a !!int"),
        ("!!bool", "1", "yaml: cannot decode !!int `1` as a !!bool"),
        ("!!null", "true", "yaml: cannot decode !!bool `true` as a !!null"),
        ("!!float", "", "yaml: cannot decode !!null `` as a !!float"),
        ("!!timestamp", "5", "yaml: cannot decode !!int `5` as a !!timestamp"),
        ("!!binary", "%", "yaml: !!binary value contains invalid base64 data"),
    ],
)
def test_a_tag_that_does_not_fit_is_a_problem(tag: str, text: str, problem: str) -> None:
    assert resolve_tagged(tag, text) == (None if tag != "!!binary" else text, problem)
