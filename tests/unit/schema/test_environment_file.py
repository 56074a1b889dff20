"""The schema for editors: it takes what the language takes, and tells common mistakes."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # moto brings it
import pytest
import yaml

from esc_operator.providers.aws.iam import ROTATOR
from esc_operator.providers.aws.login import PROVIDER
from esc_operator.schema.environment_file import Rotation, environment_file_schema

SCHEMA = environment_file_schema(
    {"aws-login": PROVIDER.inputs},
    {"password": Rotation({"type": "object"}, {"type": "object"}), "aws-iam": Rotation(ROTATOR.inputs, ROTATOR.state)},
)
ROLE = "arn:aws:iam::123456789012:role/apps"
IAM = "login: '${aws.login}', userArn: 'arn:aws:iam::123456789012:user/legacy'"
KEY = "accessKeyId: {'fn::secret': AKIA}, secretAccessKey: '${key}'"


def complaints(text: str) -> list[Any]:
    return list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(text)))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "imports: [base, other/one, {base: {merge: false}}]\nvalues: {a: [1, null, {b: '${c}'}]}",
        f"values: {{l: {{'fn::open::aws-login': {{oidc: {{roleArn: '{ROLE}', sessionName: apps}}}}}}}}",
        "values: {l: {'fn::open::aws-login': {oidc: {roleArn: '${r}', sessionName: '${s}', policyArns: '${p}'}}}}",
        "values: {l: {'fn::open': {provider: mine, inputs: {a: 1}}}}",
        "values: {s: {'fn::secret': hunter2}, t: {'fn::secret': {ciphertext: ZXNjeA==}}}",
        "values: {j: {'fn::join': ['-', [a, '${b}']]}, k: {'fn::toJSON': {a: 1}}}",
        "values: {p: {'fn::rotate::password': {inputs: {}}}}",
        "values: {p: {'fn::rotate': {provider: password, inputs: {}, state: {a: 1}}}}",
        f"values: {{k: {{'fn::rotate::aws-iam': {{inputs: {{{IAM}}}, state: {{current: {{{KEY}}}}}}}}}}}",
        "values: {environmentVariables: {A: '${x}'}, files: {B: {'fn::toJSON': [1]}}}",
    ],
)
def test_what_the_language_takes_is_taken(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "value: {a: 1}",
        "imports: base",
        "values: [1]",
        "values: {a: {'fn::jion': ['-', []]}}",
        "values: {a: {'fn::join': ['-']}}",
        "values: {a: {'fn::secret': 7}}",
        "values: {a: {'fn::secret': x, other: 1}}",
        "values: {'fn::secret': x}",
        "values: {context: 1}",
        "values: {l: {'fn::open::aws-login': {oidc: {roleArn: 7, sessionName: apps}}}}",
        f"values: {{l: {{'fn::open::aws-login': {{oidc: {{roleArn: '{ROLE}', sessionName: apps, duraton: 1h}}}}}}}}",
        f"values: {{k: {{'fn::rotate::aws-iam': {{{IAM}}}}}}}",
        f"values: {{k: {{'fn::rotate::aws-iam': {{inputs: {{{IAM}, regoin: eu-west-1}}}}}}}}",
        f"values: {{k: {{'fn::rotate::aws-iam': {{inputs: {{{IAM}}}, state: {{previous: {{{KEY}}}}}}}}}}}",
        "values: {p: {'fn::rotate::password': {inputs: {}, state: '${a}'}}}",
        "values: {p: {'fn::rotate::password': {inputs: {}, state: {'fn::fromJSON': x}}}}",
        "values: {p: {'fn::rotate': {provider: password, inputs: {}, state: null}}}",
    ],
)
def test_a_mistake_is_complained_of(text: str) -> None:
    assert complaints(text)
