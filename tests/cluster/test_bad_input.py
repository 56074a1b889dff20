"""What a person sees who has made a mistake: a typed reason, a message that names the place, and nothing lost."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Tenant, stays, variables, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws import LocalAws

LOGIN = {"fn::open::aws-login": {"oidc": {"roleArn": 1, "sessionName": "app"}}}

ROLE = {"roleArn": "arn:aws:iam::123456789012:role/app", "sessionName": "app"}

DEFINITIONS: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "unknown-provider": (
        variables(A={"fn::open::azz-login": {}}),
        "UnknownProvider",
        [
            "spec.environment.values.environmentVariables.A",
            'unknown provider "azz-login"; did you mean "aws-login"?',
        ],
    ),
    "provider-of-another": (
        variables(A={"fn::open::conjur": {}}),
        "UnknownProvider",
        ['unknown provider "conjur"; the providers are ', "azure-login", "gcp-login"],
    ),
    "unknown-function": (
        variables(A={"fn::tojson": {}}),
        "InvalidExpression",
        ["'fn::' is a reserved prefix; did you mean \"fn::toJSON\"?"],
    ),
    "secret-of-a-reference": (
        {"values": {"a": {"fn::secret": "x"}, **variables(A={"fn::secret": "${a}"})["values"]}},
        "InvalidExpression",
        ["a reference to a secret is secret already: write the reference itself"],
    ),
    "misspelled-import": (
        {"imports": ["neighbuor"], **variables(A="1")},
        "ImportNotFound",
        [
            "spec.environment.imports[0]",
            'environment "neighbuor" not found',
            'did you mean "neighbour"?',
        ],
    ),
    "several": (
        variables(A="${x}", B="${y}"),
        "UnknownProperty",
        ['unknown property "x"', "(and 1 more: spec.environment.values.environmentVariables.B: unknown property"],
    ),
    "subject-attributes": (
        {"values": {"login": {"fn::open::aws-login": {"oidc": {**ROLE, "subjectAttributes": ["x"]}}}}},
        "SubjectAttributesUnsupported",
        ["oidc.subjectAttributes: `subjectAttributes` is not supported", "distinguish environments by ServiceAccount"],
    ),
    "no-arn": (
        {"values": {"login": {"fn::open::aws-login": {"oidc": {**ROLE, "roleArn": "deploy"}}}}},
        "InvalidRoleArn",
        ['oidc.roleArn: "deploy" is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/deploy'],
    ),
    "a-day": (
        {"values": {"login": {"fn::open::aws-login": {"oidc": {**ROLE, "duration": "1d"}}}}},
        "DurationTooLong",
        ["oidc.duration: `duration` 1d: AWS allows 12h at most"],
    ),
    "unknown-property": (
        {"values": {"aws": {"region": "eu"}, **variables(A="${aws.regoin}")["values"]}},
        "UnknownProperty",
        ["spec.environment.values.environmentVariables.A", 'unknown property "regoin"; did you mean "region"?'],
    ),
    "cycle": (
        {"values": {"a": "${b}", "b": "${a}"}},
        "CyclicReference",
        ["spec.environment.values.", "cyclic reference to"],
    ),
    "missing-import": (
        {"imports": ["nowhere"], **variables(A="1")},
        "ImportNotFound",
        ["spec.environment.imports[0]", "nowhere"],
    ),
    "wrong-type": (
        {"values": {"login": LOGIN}},
        "InvalidInputs",
        ['spec.environment.values.login["fn::open::aws-login"].oidc.roleArn', "expected string, got number"],
    ),
    "bad-name": (
        variables(**{"NOT=GOOD": "1"}),
        "InvalidVariableName",
        ['spec.environment.values.environmentVariables["NOT=GOOD"]'],
    ),
    "nul": (
        variables(A={"fn::fromBase64": base64.b64encode(b"a\0b").decode()}),
        "InvalidVariableValue",
        ["spec.environment.values.environmentVariables.A", "NUL"],
    ),
    "too-large": (
        {"values": {"text": "x" * 200_000, "environmentVariables": {f"V{number}": "${text}" for number in range(6)}}},
        "SecretTooLarge",
        ["environmentVariables", "1 MiB"],
    ),
    "definition-too-large": (
        variables(**{f"V{number}": "x" * 200_000 for number in range(6)}),
        "LimitExceeded",
        ["at most 1,048,576 are allowed", "split it into several environments and import them"],
    ),
}


@pytest.fixture
def neighbour(tenant: Tenant) -> Iterator[str]:
    """Another environment of the same namespace, which must not notice anything."""
    tenant.apply("neighbour", variables(A="1"))
    tenant.until_ready("neighbour")
    before = tenant.environment("neighbour"), tenant.secret("neighbour")
    yield "neighbour"
    assert (tenant.environment("neighbour"), tenant.secret("neighbour")) == before


@pytest.mark.parametrize("case", DEFINITIONS)
@pytest.mark.usefixtures("neighbour")
def test_a_mistake_in_a_definition_is_reported_with_its_place_and_the_last_values_stay(
    tenant: Tenant, case: str
) -> None:
    definition, reason, told = DEFINITIONS[case]
    tenant.apply("app", variables(GOOD="1"))
    tenant.until_ready("app")
    before = tenant.secret("app")
    tenant.apply("app", definition)
    message = tenant.until_refused("app", reason)
    assert [part for part in told if part not in message] == [], message
    assert tenant.secret("app") == before
    # The event is posted behind the status.
    wait_until(lambda: [one for one in tenant.events("app") if one["reason"] == reason], "the event is posted")
    assert [event["message"] for event in tenant.events("app") if event["reason"] == reason] == [message]
    tenant.apply("app", variables(GOOD="2"))
    tenant.until_ready("app")
    assert tenant.values("app") == {"GOOD": "2"}


@pytest.mark.usefixtures("neighbour")
def test_a_role_that_does_not_trust_the_service_account(tenant: Tenant) -> None:
    tenant.create_service_account("stranger")
    tenant.apply("app", tenant.login(), serviceAccountName="stranger")
    message = tenant.until_refused("app", "RoleTrustRefused")
    assert tenant.role in message
    assert f"system:serviceaccount:{tenant.namespace}:stranger" in message
    assert "sts.amazonaws.com" in message
    assert "spec.environment.values.aws.login" in message
    assert tenant.secret("app") is None
    tenant.apply("app", tenant.login(), serviceAccountName="default")
    tenant.until_ready("app")


@pytest.mark.usefixtures("neighbour")
def test_a_service_account_that_does_not_exist_and_appears(tenant: Tenant) -> None:
    tenant.apply("app", tenant.login(), serviceAccountName="nobody")
    message = tenant.until_refused("app", "ServiceAccountMissing")
    assert f"ServiceAccount {tenant.namespace}/nobody does not exist" in message
    assert "spec.serviceAccountName" in message


@pytest.mark.usefixtures("neighbour")
def test_an_issuer_that_aws_cannot_reach(tenant: Tenant, aws: LocalAws) -> None:
    aws.inject(
        service="sts",
        code="InvalidIdentityToken",
        message="Couldn't retrieve verification key from your identity provider, please reference "
        "AssumeRoleWithWebIdentity documentation for requirements",
        status=400,
    )
    tenant.apply("app", tenant.login())
    message = tenant.until_refused("app", "IssuerUnreachable")
    assert tenant.cluster.issuer() in message
    aws.clear_faults()
    tenant.until_ready("app")


@pytest.mark.usefixtures("neighbour")
def test_an_outage_within_the_refresh_window_leaves_the_environment_ready(tenant: Tenant, aws: LocalAws) -> None:
    aws.settings(lifetime=12)
    tenant.apply("app", tenant.login())
    tenant.until_ready("app")
    before = tenant.secret("app")
    aws.inject(service="sts", status=503, code="ServiceUnavailable", message="down")
    wait_until(lambda: tenant.condition("app", "Refreshed").get("status") == "False", "the failure is told")
    assert tenant.condition("app")["status"] == "True"
    assert "expired" in tenant.until_refused("app", "Expired")
    assert tenant.secret("app") == before
    aws.clear_faults()
    tenant.until_ready("app")
    assert tenant.status("app").get("failures") is None
    assert tenant.secret("app") != before


@pytest.mark.usefixtures("neighbour")
def test_a_secret_of_somebody_else_is_refused_and_left_alone(tenant: Tenant) -> None:
    tenant.write_secret("app", {"PASSWORD": "theirs"})
    before = tenant.secret("app")
    tenant.apply("app", tenant.login())
    message = tenant.until_refused("app", "SecretNotOwned")
    assert f"Secret {tenant.namespace}/app exists and is not managed by esc-operator" in message
    assert "spec.target.name" in message
    assert tenant.secret("app") == before
    assert tenant.mints() == 0
    tenant.delete_secret("app")
    tenant.until_ready("app")


@pytest.mark.usefixtures("neighbour")
def test_two_environments_with_one_target(tenant: Tenant) -> None:
    tenant.apply("first", variables(A="first"), target={"name": "shared"})
    tenant.until_ready("first")
    tenant.apply("second", variables(A="second"), target={"name": "shared"})
    message = tenant.until_refused("second", "TargetConflict")
    assert 'already filled by EscEnvironment "first"' in message
    stays(lambda: tenant.values("shared") == {"A": "first"}, 1.0)
    tenant.delete("first")
    tenant.until_ready("second")
    assert tenant.values("shared") == {"A": "second"}


def test_a_mistake_in_an_import_names_the_import(tenant: Tenant) -> None:
    tenant.apply("base", {"values": {"a": "${b}"}})
    tenant.apply("app", {"imports": ["base"], **variables(A="1")})
    message = tenant.until_refused("app", "UnknownProperty")
    base = f'EscEnvironment "{tenant.namespace}/base"'
    assert message.startswith(f'{base}: spec.environment.values.a: unknown property "b"')
    assert tenant.until_refused("base", "UnknownProperty").startswith("spec.environment.values.a: ")


def test_a_missing_import_that_appears(tenant: Tenant) -> None:
    tenant.apply("app", {"imports": ["late"], **variables(A="${x}")})
    tenant.until_refused("app", "ImportNotFound")
    tenant.apply("late", {"values": {"x": "there"}})
    tenant.until_ready("app")
    assert tenant.values("app") == {"A": "there"}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"refresh": {"interval": "often"}},
            "spec.refresh.interval: Invalid value: this is not a duration: write it like 45m, 1h30m, 90s or 1d",
        ),
        ({"refresh": {"interval": "1w"}}, "this is not a duration"),
        ({"refresh": {"interval": "0d"}}, "this is not a duration"),
        ({"refresh": {"interval": "PT5S"}}, "must be at least 30s"),
        ({"refresh": {"interval": "5s"}}, "must be at least 30s"),
        ({"target": {"type": "kubernetes.io/service-account-token"}}, "grant rights"),
        ({"target": {"type": "bootstrap.kubernetes.io/token"}}, "grant rights"),
        ({"target": {"annotations": {"esc-operator.dev/sync": "{}"}}}, "only the operator sets"),
        (
            {"target": {"name": "Not A Name"}},
            "spec.target.name: Invalid value: a name has only lower-case letters, digits, - and ., and a",
        ),
        ({"serviceAccountName": "Me"}, "spec.serviceAccountName: Invalid value: a name has only lower-case letters"),
        ({"trustedNamespaces": ["a.b"]}, "the name of a namespace has only lower-case letters, digits and -"),
        ({"sharing": {"namespaces": ["A*"]}}, "a letter or digit at both ends; * means all"),
        ({"target": {"deletionPolicy": "Maybe"}}, "spec.target.deletionPolicy"),
    ],
)
def test_the_api_server_itself_refuses_a_bad_field(tenant: Tenant, spec: dict[str, Any], told: str) -> None:
    with pytest.raises(AssertionError, match=r": 422 ") as refused:
        tenant.apply("app", variables(A="1"), **spec)
    assert told in str(refused.value).replace('Invalid value: "', "Invalid value: ").replace('string": ', "")
    assert "should match" not in str(refused.value)


@pytest.mark.parametrize("interval", ["1d", "24h", "90m", "PT1H", "P1DT12H", "1d12h", "1.5h"])
def test_a_duration_is_taken_in_every_clear_form(tenant: Tenant, interval: str) -> None:
    tenant.apply("app", variables(A="1"), refresh={"interval": interval})
    tenant.until_ready("app")
