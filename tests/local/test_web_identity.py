"""The exchange of a web identity refuses what AWS refuses, in AWS's words, as boto3 reads them."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore
import jwt
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from local_aws import LocalAws
from local_issuer import LocalIssuer

SUBJECT = "system:serviceaccount:apps:web"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
NOT_VALID = (
    "The web identity token that was passed could not be validated by AWS. "
    "Get a new identity token from the identity provider and then retry the request."
)
NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
Exchange = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def role(shared_aws: LocalAws, issuer: LocalIssuer) -> str:
    return shared_aws.create_role("web", issuer.url, SUBJECT, max_session=7200)


@pytest.fixture
def exchange(aws: LocalAws, role: str) -> Exchange:
    client = boto3.client(
        "sts",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        config=Config(
            signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}, parameter_validation=False
        ),
    )

    def ask(token: str, **parameters: Any) -> dict[str, Any]:
        usual = {"RoleArn": role, "RoleSessionName": "apps-aws", "WebIdentityToken": token}
        answer: dict[str, Any] = client.assume_role_with_web_identity(**(usual | parameters))
        return answer

    return ask


def refused(exchange: Exchange, token: str, **parameters: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as raised:
        exchange(token, **parameters)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_good_token_is_exchanged_for_a_session(exchange: Exchange, issuer: LocalIssuer, role: str) -> None:
    answer = exchange(issuer.token(SUBJECT, ["sts.amazonaws.com"]), DurationSeconds=7200)

    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert timedelta(seconds=7195) < credentials["Expiration"] - datetime.now(UTC) <= timedelta(seconds=7200)
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/web/apps-aws"
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == "sts.amazonaws.com"


def test_an_issuer_without_provider_is_not_known(exchange: Exchange, issuer: LocalIssuer) -> None:
    assert refused(exchange, issuer.token(SUBJECT, iss="https://stranger.example")) == (
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account for https://stranger.example",
        400,
    )


def test_an_issuer_of_another_account_is_not_known(exchange: Exchange, issuer: LocalIssuer) -> None:
    code, message, _ = refused(exchange, issuer.token(SUBJECT), RoleArn="arn:aws:iam::210987654321:role/web")
    assert (code, message) == (
        "InvalidIdentityToken",
        f"No OpenIDConnect provider found in your account for {issuer.url}",
    )


def test_an_issuer_must_speak_https(exchange: Exchange, issuer: LocalIssuer) -> None:
    assert refused(exchange, issuer.token(SUBJECT, iss="http://127.0.0.1:1"))[:2] == (
        "InvalidIdentityToken",
        "Issuer must be a valid URL",
    )


def test_an_unreachable_issuer_gives_no_key(aws: LocalAws, exchange: Exchange, issuer: LocalIssuer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"https://127.0.0.1:{free.getsockname()[1]}"
    aws.trust(nobody)
    assert refused(exchange, issuer.token(SUBJECT, iss=nobody)) == ("InvalidIdentityToken", NO_KEY, 400)


def test_an_issuer_whose_certificate_is_not_trusted_gives_no_key(
    aws: LocalAws, exchange: Exchange, tmp_path: Path
) -> None:
    with LocalIssuer(tmp_path) as untrusted:
        aws.trust(untrusted.url)
        assert refused(exchange, untrusted.token(SUBJECT))[1] == NO_KEY


def test_a_signature_by_another_key_is_not_believed(exchange: Exchange, issuer: LocalIssuer, tmp_path: Path) -> None:
    exchange(issuer.token(SUBJECT))
    key_id = jwt.get_unverified_header(issuer.token(SUBJECT))["kid"]
    forger = LocalIssuer(tmp_path)
    [(_, key)] = forger._keys.items()
    claims = jwt.decode(issuer.token(SUBJECT), options={"verify_signature": False})
    forged = jwt.encode(claims, key, algorithm="RS256", headers={"kid": key_id})
    assert refused(exchange, forged) == ("InvalidIdentityToken", NOT_VALID, 400)


def test_a_rotated_key_is_read_again_and_the_old_one_forgotten(exchange: Exchange, issuer: LocalIssuer) -> None:
    old = issuer.token(SUBJECT)
    exchange(old)
    issuer.rotate_key()
    exchange(issuer.token(SUBJECT))
    assert refused(exchange, old)[1] == NO_KEY


@pytest.mark.parametrize("token", ["not-a-token", "a.b.c", jwt.encode({"iss": "x"}, "k" * 64, algorithm="HS256")])
def test_what_is_no_signed_jwt_is_no_identity(exchange: Exchange, token: str) -> None:
    assert refused(exchange, token) == ("InvalidIdentityToken", NO_JWT, 400)


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp"])
def test_a_missing_claim_is_named(exchange: Exchange, issuer: LocalIssuer, claim: str) -> None:
    without: dict[str, Any] = {"subject": SUBJECT, claim: None}
    assert refused(exchange, issuer.token(**without))[1] == f"Missing a required claim: {claim}"


def test_an_audience_that_the_provider_does_not_list_is_incorrect(exchange: Exchange, issuer: LocalIssuer) -> None:
    assert refused(exchange, issuer.token(SUBJECT, "sts.amazon.com")) == (
        "InvalidIdentityToken",
        "Incorrect token audience",
        400,
    )


def test_an_expired_token_is_reported_both_times(exchange: Exchange, issuer: LocalIssuer) -> None:
    expired = int(time.time()) - 5
    code, message, status = refused(exchange, issuer.token(SUBJECT, exp=expired))
    assert (code, status) == ("ExpiredTokenException", 400)
    assert message.startswith("Token expired: current date/time ")
    assert message.endswith(f" must be before the expiration date/time {expired}")


@pytest.mark.parametrize("missing", [False, True])
def test_a_trust_policy_and_a_missing_role_refuse_alike(
    aws: LocalAws, exchange: Exchange, issuer: LocalIssuer, role: str, missing: bool
) -> None:
    subject = SUBJECT if missing else "system:serviceaccount:apps:other"
    answer = refused(exchange, issuer.token(subject), RoleArn=f"{role}-not-there" if missing else role)
    assert answer == ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    # Whoever runs a test is told which.
    (told,) = aws.mints().refused
    assert told.why == "there is no such role" if missing else (subject in told.why and SUBJECT in told.why)


def constraint(name: str, value: str, words: str) -> str:
    return f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must {words}"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"RoleSessionName": "apps/aws"},
            constraint("roleSessionName", "apps/aws", r"satisfy regular expression pattern: [\w+=,.@-]*"),
        ),
        (
            {"RoleSessionName": "x" * 65},
            constraint("roleSessionName", "x" * 65, "have length less than or equal to 64"),
        ),
        (
            {"DurationSeconds": 899},
            constraint("durationSeconds", "899", "have value greater than or equal to 900"),
        ),
        (
            {"DurationSeconds": 43201},
            constraint("durationSeconds", "43201", "have value less than or equal to 43200"),
        ),
        (
            {"DurationSeconds": 7201},
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        ({"RoleArn": "arn:aws:iam::123456789012:user/web"}, "arn:aws:iam::123456789012:user/web is invalid"),
        ({"RoleArn": "web"}, constraint("roleArn", "web", "have length greater than or equal to 20")),
    ],
)
def test_a_parameter_out_of_bounds_is_named(
    exchange: Exchange, issuer: LocalIssuer, parameters: dict[str, Any], message: str
) -> None:
    assert refused(exchange, issuer.token(SUBJECT), **parameters) == ("ValidationError", message, 400)


def test_a_lifetime_can_be_shortened_for_tests(aws: LocalAws, exchange: Exchange, issuer: LocalIssuer) -> None:
    aws.settings(lifetime=20)
    expiry = exchange(issuer.token(SUBJECT), DurationSeconds=3600)["Credentials"]["Expiration"]
    assert timedelta(seconds=15) < expiry - datetime.now(UTC) <= timedelta(seconds=20)


def test_mints_and_refusals_are_counted_without_their_secrets(
    aws: LocalAws, exchange: Exchange, issuer: LocalIssuer, role: str
) -> None:
    policy = {"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    token = issuer.token(SUBJECT)
    credentials = exchange(token, PolicyArns=[policy])["Credentials"]
    exchange(token)
    refused(exchange, issuer.token("system:serviceaccount:apps:other"))
    refused(exchange, issuer.token(SUBJECT, "sts.amazon.com"))

    counted = aws.mints()
    assert (counted.total, counted.by_role) == (2, {role: 2})
    assert counted.by_role_and_subject == {role: {SUBJECT: 2}}
    assert counted.refusals == {"AccessDenied": 1, "InvalidIdentityToken": 1}
    assert counted.refused[0].subject == "system:serviceaccount:apps:other"
    first = counted.mints[0]
    assert (first.session_name, first.requested_seconds, first.policy_arns) == ("apps-aws", 3600, [policy["arn"]])
    assert first.access_key_id == credentials["AccessKeyId"]
    assert {credentials["SecretAccessKey"], credentials["SessionToken"]} <= set(aws.minted_secrets())
    assert credentials["SecretAccessKey"] not in repr(counted)
    assert token not in repr(counted)


def test_faults_are_injected_as_often_as_was_asked(aws: LocalAws, exchange: Exchange, issuer: LocalIssuer) -> None:
    token = issuer.token(SUBJECT)
    aws.inject(service="sts", code="IDPCommunicationError", message="again, please", count=1)
    aws.inject(service="sts", code="Throttling", message="Rate exceeded", status=429, retry_after="3", count=1)
    aws.inject(service="s3", status=503)
    assert refused(exchange, token) == ("IDPCommunicationError", "again, please", 400)
    assert refused(exchange, token) == ("Throttling", "Rate exceeded", 429)
    began = time.monotonic()
    aws.inject(action="AssumeRoleWithWebIdentity", delay=0.2, count=1)
    exchange(token)
    assert time.monotonic() - began > 0.2
    aws.inject(role="arn:aws:iam::123456789012:role/another", status=500)
    exchange(token)
    aws.inject(account="999999999999", status=500)
    exchange(token)
    aws.inject(account="123456789012", code="Throttling", message="Rate exceeded", retry_after="900", count=1)
    assert refused(exchange, token) == ("Throttling", "Rate exceeded", 400)
    aws.inject(body="<html>a proxy's login page</html>")
    with pytest.raises((ResponseParserError, KeyError)):
        exchange(token)["Credentials"]
    aws.clear_faults()
    exchange(token)
    assert aws.mints().refusals == {"IDPCommunicationError": 1, "Throttling": 2, "fault": 1}
