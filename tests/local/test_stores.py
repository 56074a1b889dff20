"""Secrets Manager and Parameter Store give what a good key may read, by region, and count each call by its action."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.test_signed_requests import SESSION
from local_aws import LocalAws
from local_aws.root_user import ROOT_ACCESS_KEY_ID, ROOT_SECRET


@pytest.fixture(scope="module")
def written(shared_aws: LocalAws) -> None:
    for region in ("us-east-1", "eu-west-1"):
        secrets = shared_aws.client("secretsmanager", region)
        for name in ("one", "two"):
            secrets.create_secret(Name=name, SecretString=f"{name} in {region}")
    shared_aws.client("ssm").put_parameter(Name="/one", Value="1", Type="SecureString")


@pytest.fixture
def reader(aws: LocalAws, written: None) -> Callable[..., Any]:
    def make(service: str, region: str = "us-east-1", secret: str = ROOT_SECRET) -> Any:
        return SESSION.client(
            service,
            region_name=region,
            endpoint_url=aws.endpoint_url,
            aws_access_key_id=ROOT_ACCESS_KEY_ID,
            aws_secret_access_key=secret,
        )

    return make


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def test_each_region_has_its_own_secrets(reader: Callable[..., Any]) -> None:
    for region in ("us-east-1", "eu-west-1"):
        assert reader("secretsmanager", region).get_secret_value(SecretId="one")["SecretString"] == f"one in {region}"
    assert code(lambda: reader("secretsmanager", "eu-north-1").get_secret_value(SecretId="one")) == (
        "ResourceNotFoundException"
    )


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_a_wrong_signature_and_a_region_that_is_none_are_refused(reader: Callable[..., Any], service: str) -> None:
    def ask(**how: str) -> Any:
        client = reader(service, **how)
        return client.get_parameters(Names=["/one"]) if service == "ssm" else client.get_secret_value(SecretId="one")

    assert ask()
    assert code(lambda: ask(secret="another")) == "InvalidSignatureException"
    assert code(lambda: ask(region="eu-nowhere-1")) == "InvalidSignatureException"


def test_calls_are_counted_by_action(aws: LocalAws, reader: Callable[..., Any]) -> None:
    reader("secretsmanager").batch_get_secret_value(SecretIdList=["one", "two"])
    reader("ssm").get_parameters(Names=["/one"])
    calls = aws.calls()[ROOT_ACCESS_KEY_ID]
    assert calls["secretsmanager"].actions == {"BatchGetSecretValue": 1}
    assert calls["ssm"].actions == {"GetParameters": 1}


def test_what_is_denied_is_an_entry_of_a_batch_of_secrets_and_the_end_of_one_of_parameters(
    aws: LocalAws, reader: Callable[..., Any]
) -> None:
    aws.deny("two", "AccessDeniedException", "Access to KMS is not allowed")
    answer = reader("secretsmanager").batch_get_secret_value(SecretIdList=["one", "two"])
    assert [one["Name"] for one in answer["SecretValues"]] == ["one"]
    assert answer["Errors"] == [
        {"SecretId": "two", "ErrorCode": "AccessDeniedException", "Message": "Access to KMS is not allowed"}
    ]
    assert code(lambda: reader("secretsmanager").get_secret_value(SecretId="two")) == "AccessDeniedException"
    aws.deny("/one", "AccessDeniedException")
    assert code(lambda: reader("ssm").get_parameters(Names=["/one:1"])) == "AccessDeniedException"


def test_one_region_fails_and_the_other_does_not(aws: LocalAws, reader: Callable[..., Any]) -> None:
    aws.inject(service="secretsmanager", region="us-east-1", code="InternalServiceError", status=400)
    assert code(lambda: reader("secretsmanager").get_secret_value(SecretId="one")) == "InternalServiceError"
    assert reader("secretsmanager", "eu-west-1").get_secret_value(SecretId="one")
