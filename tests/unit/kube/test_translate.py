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
from esc_operator.kube.translate import error_from_answer

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
def test_an_invalid_object_is_reported_by_its_fields_and_never_by_its_values(
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


VALUE = "hunter2"
SECRET = 'secrets "aws" is forbidden: '


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (403, f"a proxy says {VALUE}", "the API server answered 403"),
        (403, f'said: admission webhook "{VALUE}" denied the request', "the API server answered 403"),
        (403, f'admission webhook "{VALUE}\n!" denied the request', "the API server answered 403"),
        (400, VALUE, "the API server answered 400"),
        (401, VALUE, "the API server does not accept the operator's token"),
        (429, VALUE, "the API server answered 429, because it has too many requests"),
        (503, VALUE, "the API server answered 503"),
    ],
)
def test_words_that_are_not_the_api_servers_own_are_not_told(code: int, words: str, told: str) -> None:
    error = error_from_answer(code, status(words), {}, WHAT, is_confidential=True)
    assert error.message == f"could not write secrets apps/aws: {told}"


@pytest.mark.parametrize(
    ("code", "words", "kind", "reason"),
    [
        (429, 'admission webhook "vet.example.com" denied the request: no', ForbiddenError, "Forbidden"),
        (500, 'admission webhook "vet.example.com" denied the request: no', ForbiddenError, "Forbidden"),
        (
            422,
            f"{SECRET}ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            ForbiddenError,
            "Forbidden",
        ),
        (
            500,
            'Internal error occurred: failed calling webhook "vet.example.com": no',
            UnavailableError,
            "AdmissionWebhookUnavailable",
        ),
        (500, "etcdserver: request is too large", InvalidError, "SecretTooLarge"),
        (413, "Request entity too large: limit is 3145728", InvalidError, "SecretTooLarge"),
        (403, f"{SECRET}status unknown for quota: ten, resources: secrets", UnavailableError, "KubernetesUnavailable"),
        (500, "etcdserver: request timed out", UnavailableError, "KubernetesUnavailable"),
        (404, 'namespaces "apps" not found', NotFoundError, "NotFound"),
        (409, "Apply failed with 1 conflict: x", ConflictError, "Conflict"),
    ],
)
def test_who_refuses_decides_the_kind_of_error_before_the_code_does(
    code: int, words: str, kind: type[KubeError], reason: str
) -> None:
    error = error_from_answer(code, status(words), {}, WHAT, is_confidential=True)
    assert (type(error), error.reason) == (kind, reason)


def test_what_a_webhook_that_cannot_be_called_is_told_of_other_objects_as_well() -> None:
    words = (
        'Internal error occurred: failed calling webhook "w.io": failed to call webhook: connect: connection refused'
    )
    error = error_from_answer(500, status(words), {}, "change deployments apps/web")
    assert error.reason == "AdmissionWebhookUnavailable"
    assert (
        'deployments apps/web: the admission webhook "w.io" cannot be reached (connection refused): ' in error.message
    )


def test_a_webhook_that_puts_a_value_into_the_causes_is_named_alone() -> None:
    body = status(
        f'admission webhook "vet.example.com" denied the request: {VALUE}', causes=[{"field": VALUE, "reason": VALUE}]
    )
    error = error_from_answer(422, body, {}, WHAT, is_confidential=True)
    assert error.message.startswith(f'could not {WHAT}: the admission webhook "vet.example.com" denies it: ')
    assert VALUE not in error.message


def test_what_cannot_be_a_field_or_a_reason_is_not_told_as_one() -> None:
    causes = [{"field": "my value", "reason": "also: mine"}]
    assert error_from_answer(422, status("", causes=causes), {}, WHAT).message.endswith("(the object: invalid)")


@given(
    value=st.text(st.sampled_from("0123456789äöü€"), min_size=8),
    code=st.sampled_from([400, 403, 409, 413, 422, 429, 500]),
)
def test_whoever_refuses_a_confidential_write_cannot_have_a_value_told(value: str, code: int) -> None:
    for words in (value, f'admission webhook "w.example.com" denied the request: {value}', f"{SECRET}{value}"):
        told = error_from_answer(code, status(words), {}, WHAT, is_confidential=True).message
        assert value not in told.removeprefix("could not write secrets apps/aws: ")


@pytest.mark.parametrize("code", [403, 422])
def test_a_policy_that_denies_another_object_is_named_as_well(code: int) -> None:
    words = (
        "escenvironments.esc-operator.dev \"app\" is forbidden: ValidatingAdmissionPolicy 'frozen' with binding 'all' "
        "denied request: nobody changes anything"
    )
    error = error_from_answer(code, status(words), {}, "write the status of escenvironments apps/app")
    assert isinstance(error, ForbiddenError)
    assert "ValidatingAdmissionPolicy" in error.message
    assert "frozen" in error.message
