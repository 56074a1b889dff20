"""The two front ends, on input that is well meant and on input that is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.lang import DEFAULT_LIMITS, Environment, Limits, parse_object, parse_text
from esc_operator.lang.budget import Budget, SliceOverError
from esc_operator.lang.declarations import Literal, Object
from esc_operator.lang.limits import DEEPEST

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def literals(environment: Environment | None) -> dict[str, object]:
    assert environment is not None
    return {entry.key: getattr(entry.value, "value", entry.value) for entry in environment.root.entries}


def only_summary(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> str:
    environment, diagnostics = parse_text("test", text, limits)
    (found,) = diagnostics
    assert found.is_error
    assert environment is None or environment.is_empty
    return found.summary


def test_no_text_at_all_is_an_empty_environment() -> None:
    environment, diagnostics = parse_text("test", "")
    assert environment is not None
    assert environment.is_empty
    assert diagnostics == ()


def test_the_fields_are_found_whatever_their_case() -> None:
    environment, _ = parse_text("test", "DESCRIPTION: what\nImports: [a]\nvaluES: {b: 1}")
    assert environment is not None
    assert environment.description == "what"
    assert [item.name for item in environment.imports] == ["a"]
    assert [entry.key for entry in environment.root.entries] == ["b"]


def test_import_items_say_whether_they_are_merged() -> None:
    environment, _ = parse_text("test", "imports: [a, b: {merge: false}, c: {merge: true}, d: {}]")
    assert environment is not None
    assert [(item.name, item.merge) for item in environment.imports] == [
        ("a", True),
        ("b", False),
        ("c", True),
        ("d", True),
    ]


def test_top_level_keys_are_names_as_they_stand_and_nested_keys_are_not() -> None:
    environment, _ = parse_text("test", 'values: {"$$a": 1, b: {"$$c": 2}}')
    assert environment is not None
    first, second = environment.root.entries
    assert first.key == "$$a"
    assert isinstance(second.value, Object)
    assert second.value.entries[0].key == "$c"


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (b"a: \xff", "yaml: invalid leading UTF-8 octet"),
        (b"a: \xc3", "yaml: incomplete UTF-8 octet sequence"),
        (b"a: \x07", "yaml: control characters are not allowed"),
        ("a: \ud800", "yaml: invalid Unicode character"),
        ("values:\n  a: [b", "yaml: line 1: did not find expected ',' or ']'"),
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("a: 'b", "yaml: found unexpected end of stream"),
        ("x: *y", "yaml: unknown anchor 'y' referenced"),
        ("x: &y z\na: *y", "alias nodes are not supported"),
        ("%YAML 9.9\n---\na: b", "yaml: found incompatible YAML document"),
    ],
)
def test_text_that_is_no_yaml_is_one_finding(text: str | bytes, summary: str) -> None:
    assert only_summary(text) == summary


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "? " * 5_000, "values: " + "[" * 101 + "]" * 101]
)
def test_deep_nesting_is_a_finding_and_no_recursion_error(text: str) -> None:
    assert only_summary(text) == "the definition is nested more than 100 levels deep"


def test_the_depth_can_be_set_up_to_what_python_can_bear() -> None:
    text = "values: {a: " + "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2) + "}"
    assert parse_text("test", text, Limits(depth=100_000))[1] == ()
    assert only_summary(text.replace("[[", "[[[").replace("]]", "]]]"), Limits(depth=100_000)).endswith(
        "200 levels deep"
    )


def test_a_text_that_is_too_large_is_not_even_looked_at() -> None:
    assert only_summary("a: " + "x" * 5_000_000) == (
        "the definition is larger than 4194304 bytes, by 805699: split it, and import the parts"
    )


def test_a_scalar_of_ten_megabytes_is_read_where_the_limit_allows() -> None:
    environment, diagnostics = parse_text(
        "test", "values: {a: '" + "x" * 10_000_000 + "'}", Limits(document_bytes=11_000_000)
    )
    assert diagnostics == ()
    assert len(str(literals(environment)["a"])) == 10_000_000


def test_too_many_values_are_a_finding() -> None:
    assert only_summary("[" + "[]," * 200 + "]", Limits(work=100)) == too_much(100)


def too_much(limit: int, units: int = 20) -> str:
    left = limit % units
    return (
        f"reading the definition takes {units} units of work, and of the {limit} for an environment with all that it "
        f"imports {left} are left ({units - left} too many): build less here, or split the environment"
    )


def test_text_and_data_cost_the_same() -> None:
    data = {"values": {"a": [1, "x" * 1000, None, {"b": "${c} é" * 30, "k" * 200: True}], "c": 1.5}}
    budgets = Budget(), Budget()
    assert parse_object("test", data, budget=budgets[0])[1] == ()
    assert parse_text("test", json.dumps(data, ensure_ascii=False), budget=budgets[1])[1] == ()
    assert budgets[0].spent == budgets[1].spent > 20 * 9


def test_keys_that_are_too_long_are_one_finding() -> None:
    summary = "the keys that lead to a value are longer than 4096 characters together: shorten them"
    inner = {"c" * 90: 1, "d" * 100: 1, "e" * 200: 1}
    data = {"values": {"a" * 1000: {"a" * 1000: {"a" * 1000: {"b" * 1000: inner}}}}}
    _, (found,) = parse_object("test", data)
    assert (found.summary, found.reason) == (summary, "LimitExceeded")
    _, (found,) = parse_text("test", json.dumps(data))
    assert (found.summary, found.reason) == (summary, "LimitExceeded")
    del inner["d" * 100], inner["e" * 200]
    assert parse_object("test", data)[1] == ()
    assert parse_text("test", json.dumps(data))[1] == ()


def test_a_definition_full_of_mistakes_is_told_so_once() -> None:
    mistakes = {f"m{number}": {"fn::join": number} for number in range(100)}
    _, found = parse_object("test", {"values": mistakes})
    assert len(found) == 100
    _, (only,) = parse_object("test", {"values": mistakes}, limits=Limits(work=4000))
    assert only.reason == "LimitExceeded"


def test_a_turn_that_is_over_leaves_nothing_paid() -> None:
    data = {"values": {"a": list(range(100))}}
    budget = Budget()
    budget.begin_slice(500)
    with pytest.raises(SliceOverError):
        parse_object("test", data, budget=budget)
    assert budget.spent == 0
    budget.begin_slice()
    assert parse_object("test", data, budget=budget)[1] == ()
    assert budget.spent == 103 * 20


def test_data_reads_like_the_text_it_could_have_been() -> None:
    data = {"values": {"a": 1, "b": 1.50, "c": True, "d": None, "e": "x", "f": 3.0, "g": 1e21, "h": 10**20 * 10**10}}
    text = "values: {a: 1, b: 1.50, c: true, d: null, e: x, f: 3.0, g: 1e21}"
    from_data = literals(parse_object("test", data)[0])
    assert from_data.pop("h") is not None
    assert from_data == literals(parse_text("test", text)[0])


def test_data_has_paths_that_begin_where_it_stands_and_no_ranges() -> None:
    data = {"values": {"a": {"fn::join": "x"}}, "wrong": 1}
    _, (first, second) = parse_object("test", data, "spec.environment")
    assert (first.path, first.range) == ('spec.environment.values.a["fn::join"]', None)
    assert (second.path, second.severity) == ("spec.environment.wrong", "warning")


@pytest.mark.parametrize(
    ("data", "path", "summary"),
    [
        ({"values": {"a": object()}}, "values.a", "cannot represent a value of type object"),
        ({"values": {"a": b"x"}}, "values.a", "cannot represent a value of type bytes"),
        ({"values": {"a": float("nan")}}, "values.a", "cannot represent a value of type float"),
        ({"values": {5: "x"}}, 'values["5"]', "mapping keys must be strings"),
        ([], "", "environment must be an object"),
        (None, "", "environment must be an object"),
        ("x", "", "environment must be an object"),
    ],
)
def test_data_that_is_no_definition_is_a_finding(data: object, path: str, summary: str) -> None:
    _, (found,) = parse_object("test", data)
    assert (found.path, found.summary) == (path, summary)


@pytest.mark.parametrize(
    ("text", "path"),
    [("values: {1: x}", 'values["1"]'), ("values: {a: {[b]: x}}", "values.a"), ("{a: b}: x", "")],
)
def test_a_key_that_is_no_string_is_reported_where_it_is(text: str, path: str) -> None:
    _, (found,) = parse_text("test", text)
    assert (found.path, found.summary) == (path, "mapping keys must be strings")


def test_data_that_is_too_deep_or_too_much_is_one_finding() -> None:
    deep: object = "x"
    for _ in range(150):
        deep = [deep]
    _, (found,) = parse_object("test", {"values": {"a": deep}})
    assert found.summary == "the definition is nested more than 100 levels deep"
    _, (found,) = parse_object("test", {"values": {"a": list(range(200)), "b": {}}}, limits=Limits(work=100))
    assert found.summary == too_much(100)
    _, (found,) = parse_object("test", {"values": dict.fromkeys(map(str, range(200)))}, limits=Limits(work=100))
    assert found.summary == too_much(100)


def test_unpaired_surrogates_in_data_are_replaced() -> None:
    environment, _ = parse_object("test", {"values": {"a\ud800": "b\udc80é"}})
    assert literals(environment) == {"a\ufffd": "b\ufffdé"}


@given(st.binary(max_size=60))
def test_parsing_bytes_never_raises(data: bytes) -> None:
    environment, diagnostics = parse_text("test", data)
    assert environment is not None or diagnostics


@given(st.text(alphabet="values:imports- \n{}[],'\"|>&*!#?%@$\\xa0é\t", max_size=80))
def test_parsing_text_never_raises(text: str) -> None:
    environment, diagnostics = parse_text("test", text)
    assert environment is not None or diagnostics


@given(JSON)
def test_parsing_data_never_raises(data: object) -> None:
    for definition in (data, {"values": data}, {"values": {"a": data}, "imports": data}):
        environment, diagnostics = parse_object("test", definition)
        assert environment is not None or diagnostics


def test_a_literal_keeps_its_value() -> None:
    environment, _ = parse_text("test", "values: {a: 5}")
    assert environment is not None
    assert isinstance(environment.root.entries[0].value, Literal)
