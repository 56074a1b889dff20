"""What is installed is checked against its schemas before anything is opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.immediate import Immediate
from esc_operator.driver.loops import run
from esc_operator.evaluation import Described, Evaluation, Evaluator, Failed, Mode, Value
from esc_operator.lang import parse_text
from esc_operator.providers.port import Extra
from esc_operator.providers.registry import Registry, provider_registry

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
    upstream = f"{{oidc: {{{ROLE}, duration: 1h, policyArns: [], subjectAttributes: []}}}}"
    assert check(upstream).ok
    assert check("{static: {accessKeyId: a, secretAccessKey: b, sessionToken: c}}").ok


@pytest.mark.parametrize(
    ("inputs", "place", "words"),
    [
        ("{}", "", "aws-login requires exactly one of `oidc` (a role) and `static` (given keys)"),
        (
            f"{{oidc: {{{ROLE}}}, static: {{accessKeyId: a, secretAccessKey: b}}}}",
            "",
            "aws-login requires exactly one of",
        ),
        (f"{{oidc: {{{ROLE}, duraton: 1h}}}}", ".oidc.duraton", 'property "duraton" is not allowed'),
        (f"{{oidc: {{{ROLE}, duration: 1d}}}}", ".oidc.duration", "`duration` 1d: AWS allows 12h at most"),
        (f"{{oidc: {{{ROLE}, duration: 24h}}}}", ".oidc.duration", "`duration` 24h: AWS allows 12h at most"),
        (f"{{oidc: {{{ROLE}, duration: 5m}}}}", ".oidc.duration", "`duration` 5m: AWS allows no less than 15m"),
        (f"{{oidc: {{{ROLE}, duration: an hour}}}}", ".oidc.duration", '"an hour" is not a duration: write it like 1h'),
        (
            "{oidc: {roleArn: deploy, sessionName: ab}}",
            ".oidc.roleArn",
            '"deploy" is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/deploy, with the number',
        ),
        (
            "{oidc: {roleArn: 'arn:aws:sts::123456789012:assumed-role/deploy/me', sessionName: ab}}",
            ".oidc.roleArn",
            "but of a session of one: write that of the role, arn:aws:iam::123456789012:role/name",
        ),
        (
            "{oidc: {roleArn: 'arn:aws:iam::123456789012:user/deploy', sessionName: ab}}",
            ".oidc.roleArn",
            "is not the ARN of a role: that of a role looks like arn:aws:iam::123456789012:role/name",
        ),
        (
            f"{{oidc: {{{ROLE}, policyArns: [ReadOnlyAccess]}}}}",
            ".oidc.policyArns",
            '"ReadOnlyAccess" is not the ARN of a policy: it looks like',
        ),
        (
            f"{{oidc: {{{ROLE}, region: eu_west}}}}",
            ".oidc.region",
            '"eu_west" is not an AWS region: set `region` to one such as eu-west-1',
        ),
        (
            f"{{oidc: {{{ROLE}, region: {{fn::secret: eu-west-1}}}}}}",
            '.oidc.region["fn::secret"]',
            'the input oidc.region of "aws-login" is a secret, and becomes part of a host name',
        ),
        (
            f"{{oidc: {{{ROLE}, subjectAttributes: [rootEnvironment.name]}}}}",
            ".oidc.subjectAttributes",
            "`subjectAttributes` is not supported: a cluster's token always has the subject",
        ),
        ("{oidc: {roleArn: 7, sessionName: ab}}", ".oidc.roleArn", "expected string, got number"),
        ("{static: {accessKeyId: a}}", ".static", "missing required properties: secretAccessKey"),
    ],
)
def test_a_mistake_in_the_inputs_is_reported_at_its_place(inputs: str, place: str, words: str) -> None:
    (found,) = check(inputs).diagnostics
    assert found.path == f'values.login["fn::open::aws-login"]{place}'
    assert words in found.summary


@pytest.mark.parametrize(
    ("call", "place", "words"),
    [
        (
            "{fn::open::azure-login: {clientId: a, tenantId: b, subjectAttributes: [x]}}",
            "subjectAttributes",
            "is not su",
        ),
        ("{fn::open::azure-login: {clientId: a, tenantId: 'b/c'}}", "tenantId", "`tenantId` is not a tenant"),
        (
            "{fn::open::azure-login: {clientId: a, tenantId: b, scope: c/.default}}",
            "scope",
            "set `oidc: true` or a `clientSecret`",
        ),
        (
            "{fn::open::azure-login: {clientId: a, tenantId: b, oidc: true, scope: 'https://vault.azure.net'}}",
            "scope",
            '`scope` "https://vault.azure.net" does not end with /.default: write one like',
        ),
        (
            "{fn::open::gcp-login: {project: 1, accessToken: {accessToken: a, serviceAccount: b/c}}}",
            "accessToken.serviceAccount",
            "`serviceAccount` is not a service account: write one like",
        ),
        (
            "{fn::open::gcp-login: {project: 1, accessToken: {accessToken: a, tokenLifetime: 2d}}}",
            "accessToken.tokenLifetime",
            "`tokenLifetime` 2d: Google allows 12h at most",
        ),
        ("{fn::open::gcp-login: {project: 1}}", "", "gcp-login requires exactly one of `oidc`"),
        (
            "{fn::rotate::aws-iam: {inputs: {login: {accessKeyId: a, secretAccessKey: b}, userArn: deploy}}}",
            "userArn",
            '`userArn` "deploy" is not the ARN of a user: it looks like',
        ),
    ],
)
def test_what_an_open_refuses_by_reading_the_definition_is_refused_by_a_check(
    call: str, place: str, words: str
) -> None:
    (found,) = evaluate(f"values: {{login: {call}}}").diagnostics
    assert found.path.endswith(place)
    assert words in found.text
    assert found.reason


def test_a_check_refuses_nothing_that_is_not_known_yet_or_is_a_secret() -> None:
    secret = "{fn::secret: hunter2}"
    role = f"roleArn: {secret}, duration: {secret}, sessionName: ab"
    assert check(f"{{oidc: {{{role}}}}}").ok
    aws = "aws: {fn::open::aws-login: {static: {accessKeyId: a, secretAccessKey: b}}}"
    login = "login: {fn::open::aws-login: {oidc: {roleArn: '${aws.accessKeyId}', sessionName: ab}}}"
    assert evaluate(f"values: {{{aws}, {login}}}").ok


def test_what_a_provider_says_of_its_inputs_crashes_nothing() -> None:
    class Broken:
        name, inputs, outputs = "broken", True, True

        def problems(self, inputs: object) -> list[object]:
            raise KeyError("hunter2")

    providers: Any = type("Plugins", (), {"find": lambda self, name: Broken(), "names": lambda self: ()})()
    described = Catalogue(providers).describe_provider("broken")
    assert isinstance(described, Described)
    (problem,) = described.problems(Value({}, None))
    assert problem.reason == "ProviderCrashed"
    assert "hunter2" not in problem.message


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
            f'unknown provider "conjur"; the providers are {", ".join(provider_registry().names()[:3])}',
        ),
        ("fn::rotate::aws-imm", 'unknown rotator "aws-imm"; did you mean "aws-iam"?'),
        ("fn::rotate::acme-user", 'unknown rotator "acme-user"; the rotators are aws-iam'),
    ],
)
def test_a_provider_that_is_not_installed_is_told_with_what_was_meant_or_with_those_that_are(
    call: str, words: str
) -> None:
    (found,) = evaluate(f"values: {{a: {{'{call}': {{inputs: {{}}}}}}}}").diagnostics
    assert found.text.startswith(words)


class Large:
    name = "large"
    inputs: ClassVar[dict[str, Any]] = {"type": "object", "properties": {"name": {"type": "string"}}}
    outputs: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {"token": {"type": "string"}},
        "additionalProperties": False,
    }
    extra = Extra("large", ("no_such_module",))

    async def open(self, inputs: Any, context: Any) -> Any:
        raise AssertionError("it is not called without its extra")


@pytest.mark.parametrize("mode", [Mode.CHECK, Mode.OPEN])
def test_a_provider_without_its_extra_says_what_to_install_and_has_its_schema(mode: Mode) -> None:
    environment, _ = parse_text("apps/large", "values: {large: {fn::open::large: {name: x}}}")
    catalogue = Catalogue(Registry[Any]("group", "provider", "UnknownProvider", lambda _: [_entry(Large())]))
    evaluator = Evaluator(environment, name="apps/large", mode=mode)
    (found,) = run(evaluator, Immediate(catalogue=catalogue).perform, never).diagnostics
    assert found.reason == "ExtraMissing"
    assert "pip install 'esc-operator[large]'" in found.summary
    described = catalogue.describe_provider("large")
    assert isinstance(described, Described)
    assert described.outputs.properties.keys() == {"token"}


def _entry(plugin: Any) -> Any:
    return SimpleNamespace(name=plugin.name, value="large", dist=None, load=lambda: plugin)
