"""What the API server's errors become, and that they never quote what was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubeError,
    NotFoundError,
    UnavailableError,
)
from esc_operator.kube.translate import error_from_answer, error_from_failure

WHAT = "write secrets apps/aws"


def status(message: str, **details: Any) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, KubeError),
        (401, ForbiddenError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, NotFoundError),
        (413, InvalidError),
        (418, KubeError),
        (422, InvalidError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_each_code_has_its_kind_of_error(code: int, kind: type[KubeError]) -> None:
    error = error_from_answer(code, b"", {}, WHAT)
    assert type(error) is kind
    assert error.message.startswith("could not write secrets apps/aws: ")


def test_the_words_of_a_refusal_are_passed_on() -> None:
    error = error_from_answer(403, status('User "x" cannot patch secrets'), {}, WHAT)
    assert error.message == 'could not write secrets apps/aws: User "x" cannot patch secrets'


def test_an_answer_without_words_tells_its_code() -> None:
    assert "answered 502" in error_from_answer(502, b"<html>", {}, WHAT).message
    assert "answered 502" in error_from_answer(502, b"[1]", {}, WHAT).message


@given(
    value=st.text(alphabet="0123456789", min_size=6),
    causes=st.lists(st.sampled_from(["FieldValueInvalid", "FieldValueForbidden"]), max_size=3),
    code=st.sampled_from([413, 422]),
)
def test_an_invalid_object_is_told_by_its_fields_and_never_by_its_values(
    value: str, causes: list[str], code: int
) -> None:
    told = [{"field": "data[TOKEN]", "reason": reason, "message": f'Invalid value: "{value}"'} for reason in causes]
    error = error_from_answer(code, status(f'Secret is invalid: Invalid value: "{value}"', causes=told), {}, WHAT)
    assert value not in error.message
    assert all(f"data[TOKEN]: {reason}" in error.message for reason in causes)


def test_a_cause_without_a_field_is_of_the_whole_object() -> None:
    error = error_from_answer(422, status("no", causes=[{"message": "secret"}]), {}, WHAT)
    assert "the object: invalid" in error.message
    assert "secret " not in error.message.removeprefix("could not write secrets")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("", None), ("soon", None), ("nan", None), ("inf", None), ("-1", None), ("9" * 400, None)],
)
def test_only_a_sensible_number_of_seconds_is_waited_for(header: str, seconds: float | None) -> None:
    assert error_from_answer(429, b"", {"Retry-After": header}, WHAT).retry_after == seconds


def test_a_failure_is_told_by_its_type_alone() -> None:
    error = error_from_failure(OSError("token=hunter2"), WHAT)
    assert error.message == "could not write secrets apps/aws: the API server did not answer (OSError)"
