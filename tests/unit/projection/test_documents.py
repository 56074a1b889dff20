from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation.values import SECRET, Value
from esc_operator.lang.numbers import Number
from esc_operator.projection.documents import detailed_document, json_document, text_document, yaml_document
from esc_operator.projection.process import check_for_process
from esc_operator.projection.variables import Variable, exported


def value_of(data: Any) -> Value:
    if isinstance(data, dict):
        return Value({key: value_of(item) for key, item in data.items()}, None)
    if isinstance(data, list):
        return Value(tuple(value_of(item) for item in data), None)
    if isinstance(data, int | float) and not isinstance(data, bool):
        return Value(Number(str(data)), None)
    return Value(data, None)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | TEXT | st.sampled_from(["no", "1e3", "2020-01-01", "1:30", "~"])
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)


@given(DATA)
def test_json_and_yaml_read_back_as_the_same_data(data: Any) -> None:
    assert json.loads(json_document(value_of(data))) == data
    assert yaml.safe_load(yaml_document(value_of(data))) == data


@given(st.lists(st.text("a \n:#-'\"|\t", max_size=8), max_size=3))
def test_yaml_keeps_awkward_lines(data: list[str]) -> None:
    assert yaml.safe_load(yaml_document(value_of({"k": data, "t": "".join(data)}))) == {"k": data, "t": "".join(data)}


def test_documents_are_for_people() -> None:
    value = value_of(
        {"key": "-----BEGIN-----\nabc\n-----END-----\n", "list": [1.5, {"url": "https://x/?a&b"}], "e": {}}
    )
    assert yaml_document(value) == (
        'e: {}\nkey: |\n  -----BEGIN-----\n  abc\n  -----END-----\nlist:\n  - 1.5\n  - url: "https://x/?a&b"\n'
    )
    assert json_document(value_of({"a": [1, "<&>"]})) == '{\n  "a": [\n    1,\n    "<&>"\n  ]\n}\n'
    assert text_document(value_of("line\n")) == "line\n"
    assert text_document(value_of(True)) == "true\n"


def test_numbers_keep_their_text() -> None:
    assert json_document(Value(Number("1.50"), None)) == "1.50\n"
    assert yaml_document(Value({"number": Number_value("1e+21")}, None)) == "number: 1e+21\n"


def Number_value(text: str) -> Value:  # noqa: N802 - reads as a constructor
    return Value(Number(text), None)


def test_the_detailed_document_marks_secrets() -> None:
    value = Value({"a": Value("x", None, SECRET), "b": value_of([1])}, None)
    assert json.loads(detailed_document(value)) == {
        "value": {
            "a": {"value": "x", "secret": True, "trace": {}},
            "b": {"value": [{"value": 1, "trace": {}}], "trace": {}},
        },
        "trace": {},
    }


def test_scalars_are_exported_as_text_and_everything_else_is_skipped() -> None:
    variables = {"Z": "s", "A": 1.5, "N": None, "T": True, "O": {}, "L": [1]}
    environment = value_of({"environmentVariables": variables, "files": {"F": "content"}})
    assert exported(environment) == (
        Variable("A", "1.5"),
        Variable("N", ""),
        Variable("T", "true"),
        Variable("Z", "s"),
        Variable("F", "content", is_file=True),
    )


@pytest.mark.parametrize("data", [{}, {"environmentVariables": "x"}, {"environmentVariables": None, "files": []}])
def test_an_environment_may_export_nothing(data: Any) -> None:
    assert exported(value_of(data)) == ()


def test_the_secret_flag_is_kept() -> None:
    environment = Value({"environmentVariables": Value({"A": Value("x", None, SECRET)}, None)}, None)
    assert exported(environment) == (Variable("A", "x", is_secret=True),)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [("", "", "InvalidVariableName"), ("A=B", "", "InvalidVariableName"), ("A", "\0", "InvalidVariableValue")],
)
def test_a_process_is_given_only_what_it_can_carry(name: str, text: str, reason: str) -> None:
    assert [problem.reason for problem in check_for_process([Variable(name, text), Variable("ok 1", "")])] == [reason]
