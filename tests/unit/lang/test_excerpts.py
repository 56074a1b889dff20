"""The line that a diagnostic is about is shown, unless it holds a plaintext secret."""

from __future__ import annotations

import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.lang import parse_text
from esc_operator.lang.diagnostics import Position
from esc_operator.lang.excerpts import LONGEST, excerpt, hidden_lines, line_of

SECRETS = {
    "block": "values:\n  a:\n    fn::secret: |\n      hunter2\n      hunter2\n  b: ${x}\n",
    "flow": "values: {a: {fn::secret: hunter2}, b: ${x}}\n",
    "flow over lines": "values:\n  a: {fn::secret:\n hunter2}\n  b: ${x}\n",
    "quoted over lines": 'values:\n  a:\n    fn::secret: "one\n hunter2"\n  b: ${x}\n',
    "plain over lines": "values:\n  a:\n    fn::secret: one\n      hunter2\n  b: ${x}\n",
    "a list": "values:\n  a:\n    fn::secret:\n    - one\n    - hunter2\n  b: ${x}\n",
    "a mapping": "values:\n  a:\n    fn::secret:\n      user: one\n      password: hunter2\n  b: ${x}\n",
    "an escaped key": 'values:\n  a:\n    "fn::s\\x65cret":\n      hunter2\n  b: ${x}\n',
    "not YAML behind it": "values:\n  a:\n    fn::secret: |\n      hunter2\n\tb: c\n",
    "not YAML within it": 'values:\n  a:\n    fn::secret: "hunter2\n  b: c\n',
    "not YAML far behind it": "values:\n  a:\n    fn::secret: {one: [hunter2\n  b: c\n\n  d: @\n",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_no_line_with_a_part_of_a_secret_is_shown(text: str) -> None:
    for number in range(1, text.count("\n") + 2):
        found = excerpt(text, Position(number, 1, 0))
        assert found is not None
        assert "hunter2" not in found.text
        assert not ("hunter2" in line_of(text, number) and not hidden_lines(text).hides(number))


def test_a_line_behind_a_secret_is_shown() -> None:
    found = excerpt(SECRETS["block"], Position(6, 6, 0))
    assert found is not None
    assert found.text == "b: ${x}"


@pytest.mark.parametrize(
    ("text", "line", "column", "shown"),
    [
        ("values:\n\tA: 1\n", 2, 1, "A: 1"),
        ("values:\n  A: @b\n", 2, 6, "A: @b"),
        ("values: [1, 2\nB: 3\n", 2, 2, "B: 3"),
        ("values:\n  A: 'one\n", 3, 1, ""),
    ],
)
def test_what_is_no_yaml_is_shown_where_it_ceases_to_be(text: str, line: int, column: int, shown: str) -> None:
    found = excerpt(text, None)
    assert found is not None
    assert found[:3] == (line, column, shown)


def test_of_what_is_yaml_nothing_is_shown_without_a_place() -> None:
    assert excerpt("values: {}", None) is None


def test_a_long_line_is_cut_around_its_column() -> None:
    line = f"  A: {'x' * 500}${{here}}{'y' * 500}"
    found = excerpt(f"values:\n{line}\n", Position(2, 506, 0))
    assert found is not None
    assert "${here}" in found.text
    assert len(found.text) <= LONGEST + 2
    assert found.text[0] == found.text[-1] == "…"


@given(st.text(alphabet=string.printable + "é\x85\u2028", max_size=80), st.integers(1, 20))
def test_any_text_has_an_excerpt_or_none(text: str, line: int) -> None:
    parse_text("a", text)
    for place in (None, Position(line, 1, 0)):
        found = excerpt(text, place)
        assert found is None or "\n" not in found.text


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=30), st.sampled_from("|>\"'"))
def test_no_secret_however_written_is_shown(secret: str, style: str) -> None:
    marked = f"hunter2 {secret} hunter2"
    text = yaml.dump({"values": {"a": {"fn::secret": marked}, "b": "c"}}, default_style=style, width=20)
    for number in range(1, text.count("\n") + 2):
        found = excerpt(text, Position(number, 1, 0))
        assert found is not None
        assert "hunter2" not in found.text
