"""What an opened environment's JSON says."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation import to_json
from esc_operator.evaluation.values import Value
from esc_operator.lang.budget import OverBudgetError
from esc_operator.stores.pulumi.answers import DamagedError, read_json
from esc_operator.stores.pulumi.values import MOST_VALUES, environment_value, property_value

TRACE = {"def": {"environment": "prod", "begin": {"line": 1, "column": 1, "byte": 0}}, "base": {"value": "under"}}
NAMES = st.text(min_size=1, max_size=5)
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=8)
PLAIN = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
ANYTHING = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "secret", "unknown", "trace", "properties", "a"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


def written(data: Any, *, newer: bool) -> dict[str, Any]:
    """The value as a service writes it: an older one leaves out what is null or false."""
    if isinstance(data, dict):
        data = {key: written(each, newer=newer) for key, each in data.items()}
    elif isinstance(data, list):
        data = [written(each, newer=newer) for each in data]
    if newer:
        return {"value": data, "secret": False, "unknown": False, "trace": TRACE}
    return {"trace": {}} if data is None else {"value": data, "trace": {}}


def read(data: Any) -> Value:
    return environment_value(read_json(json.dumps(data).encode()))


@given(st.dictionaries(NAMES, PLAIN, max_size=4), st.booleans())
def test_the_older_and_the_newer_form_say_the_same(data: dict[str, Any], newer: bool) -> None:
    properties = {key: written(each, newer=newer) for key, each in data.items()}
    assert read({"properties": properties, "exprs": {}, "schema": True}).reveal() == data


@given(ANYTHING)
def test_whatever_is_answered_is_a_value_or_damaged(data: Any) -> None:
    body = read_json(json.dumps(data).encode())
    for reading in (environment_value, property_value):
        with contextlib.suppress(DamagedError):
            assert isinstance(reading(body), Value)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_are_json_or_damaged(body: bytes) -> None:
    with contextlib.suppress(DamagedError):
        read_json(body)


def test_numbers_keep_their_text() -> None:
    texts = ["1.50", "12345678901234567890123", "-0", "1e400", "0.10"]
    body = '{"properties": {"n": {"value": [%s]}}}' % ", ".join(f'{{"value": {text}}}' for text in texts)  # noqa: UP031
    value = environment_value(read_json(body.encode()))
    assert to_json(value) == '{"n":[%s]}' % ",".join(texts)  # noqa: UP031
    with pytest.raises(DamagedError, match="not JSON"):
        read_json(b'{"properties": {"n": {"value": NaN}}}')


def test_what_is_in_a_secret_is_secret_and_an_unknown_has_no_content() -> None:
    inner = {"value": {"user": {"value": "u"}, "list": {"value": [{"value": "hunter2"}]}}, "secret": True}
    unknown = {"value": "[unknown]", "unknown": True, "secret": True}
    value = read({"properties": {"login": inner, "later": unknown, "open": {"value": "x"}}})
    assert to_json(value) == '{"later":"[secret]","login":"[secret]","open":"x"}'
    leaf = value.lookup(["login", "list", 0])
    assert leaf is not None
    assert leaf.is_secret
    later = value.properties["later"]
    assert (later.is_secret, later.is_unknown, later.reveal()) == (True, True, "[unknown]")
    assert not value.properties["open"].is_secret
    assert "hunter2" not in repr(value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "the answer is not an object"),
        ({"properties": []}, "properties is not an object"),
        ({"properties": {"a": "hunter2"}}, "a value in properties.a is not an object"),
        ({"properties": {"a": {"value": {"b": [1]}}}}, "a value in properties.a is not an object"),
        (
            {"properties": {"a": {"value": {"b": {"secret": 1}}}}},
            "a value in properties.a has something else than true or false as secret",
        ),
        (
            {"properties": {"a": {"unknown": "yes"}}},
            "a value in properties.a has something else than true or false as unknown",
        ),
        ({"properties": {"x" * 99: 1}}, "a value in the answer is not an object"),
    ],
)
def test_a_damaged_answer_is_told_by_its_field(data: Any, why: str) -> None:
    with pytest.raises(DamagedError, match=why):
        read(data)


def test_an_environment_without_values_is_empty() -> None:
    assert read({}).reveal() == read({"properties": None}).reveal() == read({"properties": {}}).reveal() == {}


def test_depth_and_count_are_limited() -> None:
    deep: dict[str, Any] = {"value": "x"}
    for _ in range(120):
        deep = {"value": [deep]}
    with pytest.raises(DamagedError, match=r"properties\.a is nested deeper than 100 levels"):
        read({"properties": {"a": deep}})
    with pytest.raises(DamagedError, match=f"more than {MOST_VALUES} values"):
        read({"properties": {"a": {"value": [{}] * MOST_VALUES}}})
    with pytest.raises(DamagedError, match="nested too deeply"):
        read_json(b"[" * 1_000_000)


def test_all_is_charged_before_it_is_made() -> None:
    paid: list[int] = []
    value = environment_value(read_json(b'{"properties": {"a": {"value": "%s"}}}' % (b"x" * 4800)), charge=paid.append)
    assert sum(paid) >= value.writing_units / 2 > 0

    def refuse(units: int) -> None:
        if units > 50:
            raise OverBudgetError("enough")

    with pytest.raises(OverBudgetError):
        environment_value(read_json(b'{"properties": {"a": {"value": "%s"}}}' % (b"x" * 4800)), charge=refuse)


def test_surrogates_that_no_text_can_carry_are_replaced() -> None:
    value = environment_value(read_json(rb'{"properties": {"\ud800": {"value": "a\udc80b"}}}'))
    assert value.reveal() == {"\ufffd": "a\ufffdb"}
