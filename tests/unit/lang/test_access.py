"""Property paths and interpolations are read as Pulumi reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.lang import parse_access, parse_template


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a.b.c", ("a", "b", "c")),
        ('a["b.c"][0]', ("a", "b.c", 0)),
        ('["a b"].c', ("a b", "c")),
        ('a["\\"q\\""]', ("a", '"q"')),
        ("a[-1]", ("a", -1)),
        ("a[+01]", ("a", 1)),
        (".a", ("a",)),
        ("a[0]b", ("a", 0, "b")),
        ("a-b:c}", ("a-b:c}",)),
        ('values["fn::rotate"].state', ("values", "fn::rotate", "state")),
        ('a["x\\y"]', ("a", "x\\y")),
    ],
)
def test_paths_are_split_into_keys_and_indices(text: str, keys: tuple[str | int, ...]) -> None:
    assert parse_access(text) == (keys, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[0]", "the first accessor must be a property name or key subscript, not a numeric subscript"),
        ("a..b", "property name must not be empty"),
        ("a.", "property name must not be empty"),
        ("a[", "subscript is missing closing bracket ']'"),
        ("a[x]", "numeric subscript must be a positive base-10 integer"),
        ("a[99999999999999999999]", "numeric subscript must be a positive base-10 integer"),
        ('a["b', "key subscript is missing closing quote '\"'"),
        ("a b", "unexpected whitespace"),
    ],
)
def test_a_path_that_is_none_says_why(text: str, problem: str) -> None:
    assert parse_access(text) == (None, problem)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("word", [("word", None)]),
        ("$", [("$", None)]),
        ("$$", [("$", None)]),
        ("a$b", [("a$b", None)]),
        ("$${a}", [("${a}", None)]),
        ("$$${a}", [("$", ("a",))]),
        ("${a}", [("", ("a",))]),
        ("x ${a.b}y${c[0]}z", [("x ", ("a", "b")), ("y", ("c", 0)), ("z", None)]),
        ("${a${b}}", [("", ("a${b",)), ("}", None)]),
        ("${世界}", [("", ("世界",))]),
        ("${$n}", [("", ("$n",))]),
        ("${.a}", [("", ("a",))]),
        ("${}", [("", ("",))]),
    ],
)
def test_templates_are_split_into_texts_and_accesses(
    text: str, parts: list[tuple[str, tuple[str | int, ...] | None]]
) -> None:
    found = parse_template(text)
    assert not found.problems
    assert [
        (part.text, None if part.accessors is None else tuple(each.key for each in part.accessors))
        for part in found.parts
    ] == parts


@given(st.text(alphabet='$${}.[]"\\ ab0-\n', max_size=40))
def test_reading_a_template_never_raises_and_loses_no_text(text: str) -> None:
    found = parse_template(text)
    if "${" not in text.replace("$$", ""):
        assert "".join(part.text for part in found.parts) == text.replace("$$", "$")


@given(st.text(max_size=40))
def test_reading_a_path_never_raises(text: str) -> None:
    keys, problem = parse_access(text)
    assert (keys is None) == bool(problem)
