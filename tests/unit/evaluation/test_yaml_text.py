"""`fn::toYAML`: the texts that Go's yaml.v3 gives, and always one that means the value."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation.yaml_text import to_yaml
from esc_operator.schema import NumberText
from unit.evaluation.drive import evaluate


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "null\n"),
        (True, "true\n"),
        (NumberText("1.50"), "1.50\n"),
        ("", '""\n'),
        ("word", "word\n"),
        ("true", '"true"\n'),
        ("yes", '"yes"\n'),
        ("010", '"010"\n'),
        ("1:30", '"1:30"\n'),
        ("2020-01-02", '"2020-01-02"\n'),
        ("~", '"~"\n'),
        ("<<", "<<\n"),
        ("a: b", "'a: b'\n"),
        ("it's #1", "'it''s #1'\n"),
        ("a#b", "a#b\n"),
        (" a", "' a'\n"),
        ("- a", "'- a'\n"),
        ("-a", "-a\n"),
        ("---", "'---'\n"),
        ("a\tb", '"a\\tb"\n'),
        ("\x01é\x85😀", '"\\x01é\\N\\U0001F600"\n'),
        ("a\nb", "|-\n    a\n    b\n"),
        ("a\nb\n", "|\n    a\n    b\n"),
        ("a\n\n", "|+\n    a\n\n"),
        ("\na", "|4-\n\n    a\n"),
        ({"a": {"b": " c\nd"}}, "a:\n    b: |4-\n         c\n        d\n"),
        ("a \nb", '"a \\nb"\n'),
        ({}, "{}\n"),
        ([], "[]\n"),
        ([[], {}, ["a", ["b"]]], "- []\n- {}\n- - a\n  - - b\n"),
        ({"a": ["b", {"c": "d", "e": ["f"]}]}, "a:\n    - b\n    - c: d\n      e:\n        - f\n"),
        ({"a": {"b": {"c": "d\ne"}}}, "a:\n    b:\n        c: |-\n            d\n            e\n"),
        ({"a\nb": ["c"]}, "? |-\n    a\n    b\n:   - c\n"),
        ({"k" * 129: "v"}, f"? {'k' * 129}\n: v\n"),
        (
            dict.fromkeys(["k10", "k2", "k02", "a-b", "ab", "a1", "_", "A"]),
            "_: null\nA: null\na-b: null\na1: null\nab: null\nk2: null\nk02: null\nk10: null\n",
        ),
    ],
)
def test_the_text_is_that_of_yaml_v3(data: Any, text: str) -> None:
    assert to_yaml(data) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (["\n0"], "- |2-\n\n  0\n"),
        ([[" 0\n1"]], "- - |2-\n     0\n    1\n"),
        ([{"a": "\n0"}], "- a: |2-\n\n    0\n"),
        ({"a": [" 0\n1"]}, "a:\n    - |2-\n       0\n      1\n"),
        ({"\na": " b\nc"}, "? |4-\n\n    a\n: |4-\n     b\n    c\n"),
    ],
)
def test_a_text_that_begins_with_white_space_can_be_read_within_a_list(data: Any, text: str) -> None:
    """yaml.v3 says `|4-` in each of these, which it cannot read itself."""
    assert to_yaml(data) == text
    assert yaml.safe_load(text) == data


TEXTS = st.text(max_size=12) | st.text(" \n\t\r\u2028-:#?|'\"0a", max_size=6)
SCALARS = st.none() | st.booleans() | TEXTS
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


class Loader(yaml.SafeLoader):
    """A reader of YAML 1.1, for which a plain `=` and `<<` are no texts."""


Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in found if tag not in {"tag:yaml.org,2002:value", "tag:yaml.org,2002:merge"}
    ]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@given(DATA)
def test_whatever_is_written_means_what_it_meant(data: Any) -> None:
    assert yaml.load(to_yaml(data), Loader) == data


def test_what_is_secret_or_unknown_stays_so() -> None:
    evaluation = evaluate("values: {s: {fn::secret: hunter2}, a: {fn::toYAML: {b: '${s}'}}}")
    assert evaluation.value is not None
    assert evaluation.value.properties["a"].is_secret
    assert evaluation.value.properties["a"].reveal() == "b: hunter2\n"
