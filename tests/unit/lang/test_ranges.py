"""Every value knows where it stands, to the column and the byte."""

from __future__ import annotations

import pytest

from esc_operator.lang import Range, parse_text
from esc_operator.lang.declarations import Expression, Interpolation, Object, Reference
from esc_operator.lang.nodes import ScalarNode


def value_of(text: str, *keys: str) -> Expression:
    environment, diagnostics = parse_text("test", text)
    assert environment is not None, diagnostics
    found: Expression = environment.root
    for key in keys:
        assert isinstance(found, Object)
        found = next(entry.value for entry in found.entries if entry.key == key)
    return found


def place(found: Range | None) -> tuple[int, int, int, int]:
    assert found is not None
    return (found.begin.line, found.begin.column, found.end.line, found.end.column)


def bytes_of(found: Range | None) -> tuple[int, int]:
    assert found is not None
    return (found.begin.byte, found.end.byte)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("values: {a: word}", (1, 13, 1, 17)),
        ("values:\n  a: 'word'\n", (2, 6, 2, 10)),  # quotes are not counted
        ('values:\n  a: "w\\tr"\n', (2, 6, 2, 9)),  # the decoded text counts
        ("values:\n  a: |\n    one\n    two\n  b: c", (2, 6, 4, 6)),
        ("values:\n  a: |-\n    one\n    two\n", (2, 6, 3, 9)),
        ("values:\n  a: >\n    one\n    two\n", (2, 6, 2, 14)),
        ("values:\n  a: one\n    two\n", (2, 6, 2, 13)),
        ("values:\n  a: !!str 5\n", (2, 6, 2, 13)),
        ("values:\n  a: !x 5\n", (2, 6, 2, 10)),
        ("values:\n  a: ! 5\n", (2, 6, 2, 7)),
        ("values:\n  a:\n  b: c", (2, 5, 2, 5)),
        ("values:\n  a: {}\n", (2, 6, 2, 6)),
        ("values:\n  a: []\n", (2, 6, 2, 6)),
        ("values:\n  a: [b, {c: d}]\n", (2, 6, 2, 15)),
        ("values:\n  a:\n    - b\n    - c\n", (3, 5, 4, 8)),
        ("values:\n  a:\n  - b\n", (3, 3, 3, 6)),
        ("values:\n  a:\n    b: c\n    d: e\n", (3, 5, 4, 9)),
        ("values:\n  a: &x word\n", (2, 6, 2, 10)),
        ("values:\n  a: 世界\n", (2, 6, 2, 12)),  # the end counts bytes
        ("values:\r\n  a: word\r\n", (2, 6, 2, 10)),
        ("\ufeffvalues:\n  a: word\n", (2, 6, 2, 10)),
    ],
)
def test_a_value_ends_where_upstream_says_it_ends(text: str, expected: tuple[int, int, int, int]) -> None:
    assert place(value_of(text, "a").range) == expected


def test_bytes_are_counted_from_the_start_of_the_text() -> None:
    assert bytes_of(value_of("values:\n  a: word\n", "a").range) == (13, 17)
    assert bytes_of(value_of("values:\n  é: word\n", "é").range) == (14, 18)
    assert bytes_of(value_of("values:\n  世: x\n  a: word\n", "a").range) == (22, 26)


def test_the_last_line_has_bytes_even_without_a_newline() -> None:
    assert bytes_of(value_of("values: {a: word}", "a").range) == (12, 16)


def test_a_wide_line_is_walked_by_what_it_takes_on_a_screen() -> None:
    # libyaml counts characters, and the byte is looked for by cells: two wide characters are four cells.
    found = value_of("values: {世界: {a: x}}\n", "世界")
    assert place(found.range)[1] == 14
    assert bytes_of(found.range)[0] < len("values: {世界: {".encode())


def test_parts_of_a_plain_scalar_have_places_of_their_own() -> None:
    found = value_of("values:\n  a: x ${b.c[0]} y\n", "a")
    assert isinstance(found, Interpolation)
    assert found.parts[0].accessors is not None
    node = found.node
    assert isinstance(node, ScalarNode)
    places = [place(node.part(accessor.begin, accessor.end)) for accessor in found.parts[0].accessors]
    assert places == [(2, 10, 2, 11), (2, 11, 2, 13), (2, 13, 2, 16)]
    assert bytes_of(node.part(4, 5)) == (17, 18)


@pytest.mark.parametrize(
    "scalar", ['"${b.c}"', "'${b.c}'", "|\n    ${b.c}\n", "${b\n    .c}", "&x ${b.c}", "!!str ${b.c}"]
)
def test_parts_of_any_other_scalar_are_the_whole(scalar: str) -> None:
    found = value_of(f"values:\n  a: {scalar}\n", "a")
    assert isinstance(found.node, ScalarNode)
    assert found.node.part(2, 3) == found.range


def test_wide_characters_before_a_part_count_twice() -> None:
    found = value_of("values:\n  a: 世界 ${b}\n", "a")
    assert isinstance(found, Interpolation)
    assert isinstance(found.node, ScalarNode)
    assert found.parts[0].accessors is not None
    assert place(found.node.part(*found.parts[0].accessors[0][1:])) == (2, 13, 2, 14)


def test_an_expression_shows_its_place_and_not_its_content() -> None:
    found = value_of("values: {a: {b: hunter2}}", "a", "b")
    assert repr(found) == "<Literal at values.a.b>"
    assert repr(value_of("values: {a: '${b}'}", "a")) == "<Reference at values.a>"
    assert isinstance(value_of("values: {a: '${b}'}", "a"), Reference)


@pytest.mark.parametrize(
    ("text", "keys", "path"),
    [
        ("values: {a: {b-c: x}}", ("a", "b-c"), 'values.a["b-c"]'),
        ('values: {a: {"\\"q\\"": x}}', ("a", '"q"'), 'values.a["\\"q\\""]'),
        ("values: {é: x}", ("é",), 'values["é"]'),
        ("Values: {_1: x}", ("_1",), "Values._1"),
    ],
)
def test_paths_dot_plain_names_and_quote_all_others(text: str, keys: tuple[str, ...], path: str) -> None:
    assert value_of(text, *keys).path == path
