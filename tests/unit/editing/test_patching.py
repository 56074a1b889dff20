"""A new state is written back into a text that is otherwise left alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.editing.patching import patch_text
from esc_operator.editing.writing import Data, is_plain, write_data, write_flow, write_string
from esc_operator.lang.budget import Budget
from esc_operator.lang.composer import compose
from esc_operator.lang.nodes import MappingNode, Node, ScalarNode, SequenceNode
from esc_operator.lang.numbers import Number

TEXT = """\
values:
  block:
    fn::rotate::swap:
      inputs: {}  # none
      state:   # old
        a: 1
        b: |
          two
  flow: {fn::rotate::swap: {inputs: {}, state: {a: 1}}}
  without:
    fn::rotate::swap:
      inputs: {} # none

  list: [a, {b: c}]
# the end
"""
STATE: Data = {"current": {"fn::secret": "x y"}, "numbers": [Number("1.0"), True, None], "none": {}}


def patched(path: str) -> str:
    result = patch_text(TEXT, path, STATE)
    assert result is not None
    return result


def test_a_block_is_replaced_by_a_block() -> None:
    text = patched('values.block["fn::rotate::swap"].state')
    assert text == TEXT.replace(
        "        a: 1\n        b: |\n          two\n",
        "        current:\n          fn::secret: x y\n        numbers:\n          - 1.0\n          - true\n"
        "          - null\n        none: {}\n",
    )


def test_a_flow_value_is_replaced_on_its_line() -> None:
    text = patched('values.flow["fn::rotate::swap"].state')
    new = "{current: {fn::secret: x y}, numbers: [1.0, true, null], none: {}}"
    assert text == TEXT.replace("state: {a: 1}}}", f"state: {new}}}}}")


def test_a_state_that_is_not_there_yet_becomes_the_last_entry() -> None:
    text = patched('values.without["fn::rotate::swap"].state')
    assert "inputs: {} # none\n      state:\n        current:\n          fn::secret: x y\n" in text
    assert yaml.safe_load(text)["values"]["without"]["fn::rotate::swap"]["state"]["none"] == {}


def test_a_new_entry_goes_into_a_flow_mapping_too() -> None:
    assert patch_text("a: {b: c}", "a.d", "e") == "a: {b: c, d: e}"
    assert patch_text("a: {}", "a.d", [Number("1")]) == "a: {d: [1]}"


def test_elements_of_lists_are_found() -> None:
    assert patch_text(TEXT, "values.list[1].b", "d") == TEXT.replace("{b: c}", "{b: d}")
    assert patch_text("a:\n  - b: c\n  - d", "a[0].b", {"x": "z"}) == "a:\n  - b: {x: z}\n  - d"


def test_a_text_without_a_last_newline_can_be_patched() -> None:
    assert patch_text("a:\n  b: c", "a.d", "e") == "a:\n  b: c\n  d: e"


@pytest.mark.parametrize("path", ["values.gone.x", "values.list[9].b", "values.list.b", "", "a[", "values.list[x]"])
def test_a_path_that_leads_nowhere_changes_nothing(path: str) -> None:
    assert patch_text(TEXT, path, "x") is None


def test_a_text_that_is_no_yaml_is_not_patched() -> None:
    assert patch_text("[", "a", "x") is None
    assert patch_text("", "a", "x") is None


def read(text: str) -> Any:
    """The data of a YAML text, as this language reads it."""
    root, diagnostics = compose("test", text.encode(), Budget())
    assert not diagnostics, diagnostics
    return data_of(root)


def data_of(node: Node | None) -> Any:
    if isinstance(node, MappingNode):
        return {key.text: data_of(value) for key, value in node.entries}
    if isinstance(node, SequenceNode):
        return [data_of(item) for item in node.items]
    return node.value if isinstance(node, ScalarNode) else None


@given(st.text(max_size=20))
def test_any_string_can_be_written(text: str) -> None:
    for style in ("", "'", '"'):
        assert read(f"[{write_string(text, style)}]") == [text]
        assert read(f"a: {write_string(text, style)}") == {"a": text}


DATA = st.recursive(
    st.none() | st.booleans() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@given(DATA)
def test_any_data_can_be_written_as_a_block_and_on_one_line(data: Any) -> None:
    assert read(f"a:{write_data(data, 2)}") == {"a": data}
    assert read(f"a: {write_flow(data)}") == {"a": data}
    assert "\n" not in write_flow(data)


@pytest.mark.parametrize("text", ["a", "a b", "a/b_c-d.e", "arn:aws:iam::1:role/x", "=", "é", "0a"])
def test_ordinary_words_need_no_quotes(text: str) -> None:
    assert is_plain(text) == (text != "=")


@pytest.mark.parametrize(
    "text", ["", "1", "true", "null", "~", "- a", "a: b", "a #b", "a,b", "[", "No", " a", "a ", "a:", "0x1", "\n"]
)
def test_what_would_mean_something_else_needs_quotes(text: str) -> None:
    assert not is_plain(text)
