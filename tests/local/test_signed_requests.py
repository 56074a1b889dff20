"""A key opens what it opens at AWS, and no longer than it does there."""

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws import LocalAws
from local_issuer import LocalIssuer

SUBJECT = "system:serviceaccount:apps:reader"
# One for all: reading a service's model costs more than any of these tests.
SESSION = boto3.session.Session()


@dataclass(frozen=True)
class Credentials:
    key: str
    secret: str
    token: str | None


@pytest.fixture(scope="session")
def role(shared_aws: LocalAws, issuer: LocalIssuer) -> str:
    return shared_aws.create_role("reader", issuer.url, SUBJECT)


@pytest.fixture
def mint(aws: LocalAws, issuer: LocalIssuer, role: str) -> Callable[[], Credentials]:
    def exchange() -> Credentials:
        answer = client(aws, "sts", None).assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="reader", WebIdentityToken=issuer.token(SUBJECT)
        )["Credentials"]
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    return exchange


def client(aws: LocalAws, service: str, credentials: Credentials | None, **config: Any) -> Any:
    """None signs nothing."""
    if credentials is None:
        config["signature_version"] = botocore.UNSIGNED
    return SESSION.client(
        service,
        region_name="us-east-1",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=credentials.key if credentials else None,
        aws_secret_access_key=credentials.secret if credentials else None,
        aws_session_token=credentials.token if credentials else None,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def refusals(aws: LocalAws, credentials: Credentials | None) -> dict[str, tuple[str, str, int]]:
    """Code, message and status by the service that was asked."""
    calls: dict[str, Callable[[Any], Any]] = {
        "s3": lambda s3: s3.list_objects_v2(Bucket="reports"),
        "ssm": lambda ssm: ssm.get_parameter(Name="/x"),
        "sts": lambda sts: sts.get_caller_identity(),
    }
    found = {}
    for service, call in calls.items():
        with pytest.raises(ClientError) as raised:
            call(client(aws, service, credentials))
        answer = raised.value.response
        found[service] = (
            answer["Error"]["Code"],
            answer["Error"]["Message"],
            answer["ResponseMetadata"]["HTTPStatusCode"],
        )
    return found


def test_a_minted_key_opens_every_service(aws: LocalAws, mint: Callable[[], Credentials]) -> None:
    credentials = mint()
    s3 = client(aws, "s3", credentials)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="reports")["Contents"]] == ["a.txt", "sub folder/b+c ü.txt"]
    assert s3.get_object(Bucket="reports", Key="sub folder/b+c ü.txt")["Body"].read() == "sub folder/b+c ü.txt".encode()
    ssm = client(aws, "ssm", credentials)
    ssm.put_parameter(Name="/x/y", Value="1", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name="/x/y")["Parameter"]["Value"] == "1"
    secrets = client(aws, "secretsmanager", credentials)
    name = secrets.create_secret(Name=credentials.key, SecretString="s")["Name"]
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "s"
    identity = client(aws, "sts", credentials).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/reader/reader"

    used = aws.calls()[credentials.key]
    assert (used["s3"].accepted, used["s3"].refused) == (2, {})
    assert {service for service, calls in used.items() if calls.accepted} == {"s3", "ssm", "secretsmanager", "sts"}


def test_objects_of_any_size_and_metadata_pass(aws: LocalAws, mint: Callable[[], Credentials]) -> None:
    s3 = client(aws, "s3", mint())
    content = b"0123456789" * 100_000
    s3.put_object(Bucket="reports", Key="big", Body=content, Metadata={"foo_bar": "1", "plain": "two  words"})
    try:
        answer = s3.get_object(Bucket="reports", Key="big")
        assert answer["Body"].read() == content
        assert answer["Metadata"] == {"foo_bar": "1", "plain": "two  words"}
    finally:
        s3.delete_object(Bucket="reports", Key="big")


def test_a_presigned_url_opens_what_it_was_made_for(aws: LocalAws, mint: Callable[[], Credentials]) -> None:
    s3 = client(aws, "s3", mint(), signature_version="s3v4")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "reports", "Key": "a.txt"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"a.txt"
    for spoilt in (url.replace("a.txt", "b.txt"), url.replace("X-Amz-Expires=3600", "X-Amz-Expires=9600")):
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(spoilt)
        raised.value.close()
        assert raised.value.code == 403


def test_an_expired_session_is_distinguished_from_an_unknown_key(
    aws: LocalAws, mint: Callable[[], Credentials]
) -> None:
    aws.settings(lifetime=0)
    credentials = mint()
    expired = "The security token included in the request is expired"
    assert refusals(aws, credentials) == {
        "s3": ("ExpiredToken", "The provided token has expired.", 400),
        "ssm": ("ExpiredTokenException", expired, 400),
        "sts": ("ExpiredToken", expired, 403),
    }
    assert aws.calls()[credentials.key]["s3"].refused == {"ExpiredToken": 1}


@pytest.mark.parametrize("without_token", [False, True])
def test_an_unknown_key_and_a_session_key_without_token_are_not_in_the_records(
    aws: LocalAws, mint: Callable[[], Credentials], without_token: bool
) -> None:
    credentials = replace(mint(), token=None) if without_token else Credentials("ASIAUNKNOWN000000000", "x", "y")
    invalid = "The security token included in the request is invalid."
    assert refusals(aws, credentials) == {
        "s3": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
        "ssm": ("UnrecognizedClientException", invalid, 400),
        "sts": ("InvalidClientTokenId", invalid, 403),
    }


def test_another_sessions_token_is_invalid(aws: LocalAws, mint: Callable[[], Credentials]) -> None:
    mixed = replace(mint(), token=mint().token)
    assert refusals(aws, mixed)["s3"] == ("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)


def test_a_wrong_secret_does_not_match(aws: LocalAws, mint: Callable[[], Credentials]) -> None:
    codes = {service: code for service, (code, _, _) in refusals(aws, replace(mint(), secret="wrong")).items()}
    assert codes == {"s3": "SignatureDoesNotMatch", "ssm": "InvalidSignatureException", "sts": "SignatureDoesNotMatch"}


def test_an_unsigned_request_is_denied(aws: LocalAws) -> None:
    assert {service: code for service, (code, _, _) in refusals(aws, None).items()} == {
        "s3": "AccessDenied",
        "ssm": "MissingAuthenticationTokenException",
        "sts": "MissingAuthenticationToken",
    }
    assert aws.calls()[""]["s3"].refused == {"AccessDenied": 1}


def test_a_users_key_opens_until_it_is_deleted(aws: LocalAws) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="robot")
    made = iam.create_access_key(UserName="robot")["AccessKey"]
    robot = Credentials(made["AccessKeyId"], made["SecretAccessKey"], None)
    s3 = client(aws, "s3", robot)
    assert s3.list_objects_v2(Bucket="reports")["KeyCount"] == 2
    iam.delete_access_key(UserName="robot", AccessKeyId=robot.key)
    assert refusals(aws, robot)["s3"][0] == "InvalidAccessKeyId"


def test_a_session_of_a_signed_assume_role_is_known(aws: LocalAws, mint: Callable[[], Credentials], role: str) -> None:
    made = client(aws, "sts", mint()).assume_role(RoleArn=role, RoleSessionName="chained")["Credentials"]
    chained = Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    assert client(aws, "s3", chained).list_objects_v2(Bucket="reports")["KeyCount"] == 2


def test_secrets_are_reported_only_where_that_was_allowed_at_the_start() -> None:
    with LocalAws() as reticent, pytest.raises(RuntimeError, match="--reveal-secrets"):
        reticent.minted_secrets()


def test_it_ends_when_its_starter_does() -> None:
    aws = LocalAws().start()
    process = aws._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=5) == 0
    aws.stop()
