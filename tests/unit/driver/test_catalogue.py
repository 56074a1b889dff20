"""What is installed is checked against its schemas before anything is opened."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.immediate import Immediate
from esc_operator.driver.loops import run
from esc_operator.evaluation import Described, Evaluation, Evaluator, Failed, Mode
from esc_operator.lang import parse_text

ROLE = "roleArn: 'arn:aws:iam::123456789012:role/apps', sessionName: apps/aws"


def never() -> Any:
    raise AssertionError("a check must not open anything")


def check(inputs: str) -> Evaluation:
    return evaluate(f"values: {{login: {{fn::open::aws-login: {inputs}}}}}")


def evaluate(text: str) -> Evaluation:
    environment, problems = parse_text("apps/aws", text)
    assert not problems
    evaluator = Evaluator(environment, name="apps/aws", mode=Mode.CHECK)
    return run(evaluator, Immediate().perform, never)


def test_the_inputs_of_upstream_are_taken() -> None:
    upstream = f"{{oidc: {{{ROLE}, duration: 1h, policyArns: [], subjectAttributes: [rootEnvironment.name]}}}}"
    assert check(upstream).ok
    assert check("{static: {accessKeyId: a, secretAccessKey: b, sessionToken: c}}").ok


@pytest.mark.parametrize(
    ("inputs", "place", "words"),
    [
        ("{}", "", "at least 1 properties"),
        (f"{{oidc: {{{ROLE}}}, static: {{accessKeyId: a, secretAccessKey: b}}}}", "", "at most 1 properties"),
        (f"{{oidc: {{{ROLE}, duraton: 1h}}}}", ".oidc.duraton", 'property "duraton" is not allowed'),
        (f"{{oidc: {{{ROLE}, duration: 1d}}}}", ".oidc.duration", "must match the pattern"),
        ("{oidc: {roleArn: 7, sessionName: ab}}", ".oidc.roleArn", "expected string, got number"),
        ("{static: {accessKeyId: a}}", ".static", "missing required properties: secretAccessKey"),
    ],
)
def test_a_mistake_in_the_inputs_is_reported_at_its_place(inputs: str, place: str, words: str) -> None:
    (found,) = check(inputs).diagnostics
    assert found.path == f'values.login["fn::open::aws-login"]{place}'
    assert words in found.summary


def test_a_description_is_compiled_once() -> None:
    catalogue = Catalogue()
    described = catalogue.describe_provider("aws-login")
    assert isinstance(described, Described)
    assert catalogue.describe_provider("aws-login") is described


def test_providers_and_rotators_are_not_mistaken_for_each_other() -> None:
    failed = Catalogue().describe_rotator("aws-login")
    assert isinstance(failed, Failed)
    assert failed.message == 'unknown rotator "aws-login"; aws-login is a provider: write fn::open::aws-login'
    failed = Catalogue().describe_provider("aws-iam")
    assert isinstance(failed, Failed)
    assert failed.message == 'unknown provider "aws-iam"; aws-iam is a rotator: write fn::rotate::aws-iam'


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("fn::open::aws-logn", 'unknown provider "aws-logn"; did you mean "aws-login"?'),
        ("fn::open::AWS_Login", 'unknown provider "AWS_Login"; did you mean "aws-login"?'),
        (
            "fn::open::conjur",
            'unknown provider "conjur"; the providers are aws-login, azure-login, gcp-login',
        ),
        ("fn::rotate::aws-imm", 'unknown rotator "aws-imm"; did you mean "aws-iam"?'),
        ("fn::rotate::snowflake-user", 'unknown rotator "snowflake-user"; the rotators are aws-iam'),
    ],
)
def test_a_provider_that_is_not_installed_is_told_with_what_was_meant_or_with_those_that_are(
    call: str, words: str
) -> None:
    (found,) = evaluate(f"values: {{a: {{'{call}': {{inputs: {{}}}}}}}}").diagnostics
    assert found.text == words
