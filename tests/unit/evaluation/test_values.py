"""Values are records: they show their shape, and their content only when asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation import Value, to_text
from esc_operator.evaluation.json_reader import JsonError, read_json
from esc_operator.evaluation.plain import from_data
from esc_operator.evaluation.rendering import to_json, to_json_data
from esc_operator.evaluation.text import LONGEST_TEXT, convert
from esc_operator.evaluation.values import FINAL, PENDING_VALUE, SECRET, unknown
from esc_operator.lang.numbers import Number
from esc_operator.schema import ALWAYS, STRING

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


def plain(data: Any, *, secret: bool = False) -> Value:
    return from_data(data, None, secret=secret, deepest=60)


def test_a_repr_shows_flags_and_type_only() -> None:
    assert repr(plain("hunter2", secret=True)) == "<Value: secret string>"
    assert repr(plain({"a": [1]})) == "<Value: object>"
    assert repr(unknown(None, STRING, FINAL)) == "<Value: unknown final string>"
    assert repr(PENDING_VALUE) == "<Value: pending null>"
    assert str(plain("hunter2")) == "<Value: string>"


@pytest.mark.parametrize("name", ["definition", "bases", "flags", "properties", "is_secret", "anything"])
def test_a_value_cannot_be_changed(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(plain({"a": 1}), name, None)
    with pytest.raises(TypeError):
        plain({"a": 1}).properties["b"] = plain(1)  # type: ignore[index]


def test_parts_are_found_by_their_path() -> None:
    value = plain({"a": [{"b": "c"}]})
    found = value.lookup(("a", 0, "b"))
    assert found is not None
    assert found.reveal() == "c"
    for path in [("x",), ("a", 1), ("a", -1), ("a", "b"), ("a", 0, "b", "c"), ("x", "y"), (0,)]:
        assert value.lookup(path) is None
    assert value.lookup(()) is value


def test_types_are_jsons() -> None:
    data: list[Any] = [None, True, 1, "x", [], {}]
    assert [plain(each).json_type for each in data] == ["null", "boolean", "number", "string", "array", "object"]
    assert [unknown(None, STRING).json_type, unknown(None).json_type] == ["string", "null"]
    assert [plain(each).is_array for each in data].count(True) == 1
    assert plain("x").elements == ()
    assert dict(plain("x").properties) == {}


def test_flags_are_summed_up() -> None:
    value = plain({"a": [plain("x", secret=True)], "b": [[unknown(None)]]})
    assert (value.is_secret, value.contains_secrets, value.is_unknown, value.contains_unknowns) == (
        False,
        True,
        False,
        True,
    )
    assert (value.depth, value.size) == (4, 6 * 16 + len("xab"))
    assert value.marked(SECRET).is_secret
    assert value.marked(0) is value
    assert all(part.is_secret for part in value.all_secret().properties.values())


def test_the_schema_of_a_known_value_is_the_value() -> None:
    schema = plain({"a": ["x", 1]}).schema
    assert schema.required == ("a",)
    assert schema.properties["a"].prefix_items[0].const == "x"
    assert unknown(None).schema is ALWAYS


@given(JSON)
def test_data_comes_out_as_it_went_in(data: Any) -> None:
    import json

    value = plain(data)
    assert value.reveal() == data
    assert json.loads(to_json(value)) == data
    assert to_json_data(plain(data, secret=True)) == "[secret]"


@given(JSON)
def test_any_known_value_has_a_text(data: Any) -> None:
    text = to_text(plain(data))
    assert not text.is_unknown
    assert not text.is_secret
    assert text.text not in repr(text) or len(text.text) < 9


def test_an_unknown_inside_makes_the_text_unknown() -> None:
    text = to_text(plain(["x", unknown(None, flags=SECRET)]))
    assert (text.text, text.is_unknown, text.is_secret) == ("[unknown]", True, True)


def test_a_text_that_doubles_at_every_level_is_given_up() -> None:
    value = plain('"')
    for _ in range(40):
        value = Value((value,), None)
    assert convert(value) is None
    assert to_text(value).is_unknown
    assert convert(plain("x" * (LONGEST_TEXT + 1))) is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "EOF"),
        ("  ", "EOF"),
        ("[", "unexpected EOF"),
        ('"a', "unexpected EOF"),
        ("-", "unexpected EOF"),
        ("tru", "unexpected EOF"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("{,}", "invalid character ',' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("[1;2]", "invalid character ';' after array element"),
        ('"\x01"', "invalid character '\\x01' in string literal"),
        ('"\\x"', "invalid character 'x' in string escape code"),
        ('"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
        ("'", "invalid character '\\'' looking for beginning of value"),
        ("[" * 50, "exceeded max depth"),
        ("falsy", "invalid character 'y' in literal false (expecting 'e')"),
    ],
)
def test_broken_json_is_reported_in_gos_words(text: str, problem: str) -> None:
    with pytest.raises(JsonError) as error:
        read_json(text, deepest=20)
    assert str(error.value) == problem


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("[]", []),
        ("{}", {}),
        ("[[],{}]", [[], {}]),
        ('{"a":{"b":[1,"x"]}} trailing', {"a": {"b": [Number("1"), "x"]}}),
        ('"\\u0041\\ud83d\\ude00\\ud800\\udc00\\ud800x\\n\\/"', "A😀\U00010000\ufffdx\n/"),
        ("-0.5e+3", Number("-0.5e+3")),
        ("01", Number("0")),
        ('"\\ud800\\u0041"', "\ufffdA"),
        ("null", None),
        ("true false", True),
    ],
)
def test_json_is_read_up_to_the_end_of_its_first_value(text: str, data: Any) -> None:
    assert read_json(text, deepest=20) == data


@given(JSON)
def test_json_that_was_written_is_read_back(data: Any) -> None:
    import json

    assert plain(read_json(json.dumps(data), deepest=60)).reveal() == json.loads(json.dumps(data))


def test_a_million_brackets_are_no_recursion_error() -> None:
    with pytest.raises(JsonError, match="exceeded max depth"):
        read_json("[" * 1_000_000, deepest=100)
