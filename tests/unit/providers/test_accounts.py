"""Whose calls a cloud counts, as its provider tells it; what is held against an account, and what against a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.providers.aws import advice as aws_advice
from esc_operator.providers.aws.iam import AwsIam
from esc_operator.providers.aws.login import AwsLogin
from esc_operator.providers.azure import errors as azure_errors
from esc_operator.providers.azure.login import AzureLogin
from esc_operator.providers.google import errors as gcp_errors
from esc_operator.providers.google.login import GcpLogin
from esc_operator.providers.port import Attributed
from esc_operator.providers.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

ARN = "arn:aws:iam::123456789012:role/ci"
OIDC = {"workloadPoolId": "p", "providerId": "k", "serviceAccount": "a@b.iam.gserviceaccount.com"}


@pytest.mark.parametrize(
    ("provider", "inputs", "account"),
    [
        (AwsLogin(), {"oidc": {"roleArn": ARN, "sessionName": "s"}}, "account 123456789012"),
        (
            AwsLogin(),
            {"oidc": {"roleArn": ARN.replace("aws", "aws-cn", 1), "sessionName": "s"}},
            "account 123456789012",
        ),
        (AwsLogin(), {"oidc": {"roleArn": "arn:aws:iam::12345678901:role/ci", "sessionName": "s"}}, ""),
        (AwsLogin(), {"oidc": {"roleArn": "x" * 2000, "sessionName": "s"}}, ""),
        (AwsLogin(), {"static": {"accessKeyId": "a", "secretAccessKey": "b"}}, ""),
        (AwsIam(), {"userArn": "arn:aws:iam::123456789012:user/robot", "login": {}}, "account 123456789012"),
        (
            AzureLogin(),
            {"clientId": "c", "tenantId": "Contoso.com", "scope": "s/.default", "oidc": True},
            "tenant contoso.com",
        ),
        (GcpLogin(), {"project": 1234567890123, "oidc": OIDC}, "project 1234567890123"),
        (GcpLogin(), {"project": 12, "accessToken": {"accessToken": "t"}}, "project 12"),
    ],
)
def test_each_cloud_counts_for_its_own_kind_of_account(
    provider: Attributed, inputs: Mapping[str, Any], account: str
) -> None:
    assert isinstance(provider, Attributed)
    assert provider.account(inputs) == account


@pytest.mark.parametrize("rules", [aws_advice.RULES, azure_errors._RULES, gcp_errors._RULES])
def test_what_a_cloud_throttles_is_the_accounts_and_what_fails_is_the_services(rules: Any) -> None:
    def declared(refusal: Refusal) -> tuple[bool, bool]:
        rule = next(rule for rule in rules if rule.fits(refusal))
        return rule.outage, rule.throttled

    assert declared(Refusal("", "", 429)) == (False, True)
    assert declared(Refusal("", "", 503)) == (True, False)


@pytest.mark.parametrize(
    ("rules", "outages"),
    [
        (aws_advice.RULES, {"AWSUnavailable", "IDPCommunicationError"}),
        (azure_errors._RULES, {"AzureUnavailable"}),
        (gcp_errors._RULES, {"GCPUnavailable"}),
    ],
)
def test_no_mistake_of_a_user_is_declared_an_outage(rules: Any, outages: set[str]) -> None:
    assert {rule.reason for rule in rules if rule.outage} == outages
    assert {rule.reason for rule in rules if rule.throttled} == {"Throttled"}
