"""aws-login against a loopback STS: what it asks, what it answers, and what it never says."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ProviderError
from esc_operator.evaluation import Lease, Login
from esc_operator.providers.aws.clients import UnsignedClients, choose_target
from esc_operator.providers.aws.login import PROVIDER, AwsLogin, sanitize_session_name

if TYPE_CHECKING:
    from esc_operator.evaluation import Opened

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECRETS = ("minted-secret-key", "minted-session-token", "c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0", "eyJ", "secret-jti")

# One for all tests: making a client takes a tenth of a second.
provider = AwsLogin(UnsignedClients(connect_timeout=2, read_timeout=2))


def open_aws(context: Any, **inputs: Any) -> Opened:
    return asyncio.run(provider.open(inputs, context))


def refusal(context: Any, **inputs: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        open_aws(context, **inputs)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__context__)
    assert not [secret for secret in SECRETS if secret in text]
    return caught.value


def test_a_role_becomes_short_lived_keys_with_a_lease(context: Any, oidc: Any) -> None:
    opened = open_aws(context, oidc=oidc)
    assert opened.value == {
        "accessKeyId": "ASIAEXAMPLE",
        "secretAccessKey": "minted-secret-key",
        "sessionToken": "minted-session-token",
        "expiresAt": "2026-05-01T13:00:00Z",
    }
    assert opened.lease == Lease(issued_at=NOW, expires_at=NOW + timedelta(hours=1))
    assert opened.secret
    assert "minted" not in repr(opened) + str(opened)


def test_the_request_is_unsigned_and_asks_for_what_the_inputs_say(context: Any, oidc: Any, sts: Any) -> None:
    policy = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    open_aws(context, oidc=oidc | {"duration": "1h30m", "policyArns": [policy], "audience": "my-audience"})
    (request,) = sts.requests
    assert context.identity.audiences == ["my-audience"]
    assert "Authorization" not in request.headers
    assert request.form["RoleArn"] == oidc["roleArn"]
    assert request.form["DurationSeconds"] == "5400"
    assert request.form["PolicyArns.member.1.arn"] == policy
    assert request.form["WebIdentityToken"] == context.identity.text


def test_an_hour_and_the_audience_of_sts_are_the_defaults(context: Any, oidc: Any, sts: Any) -> None:
    open_aws(context, oidc=oidc)
    assert sts.requests[0].form["DurationSeconds"] == "3600"
    assert context.identity.audiences == ["sts.amazonaws.com"]


def test_a_session_name_that_aws_refuses_is_made_to_fit(context: Any, oidc: Any, sts: Any) -> None:
    open_aws(context, oidc=oidc | {"sessionName": "apps/aws ü" + "x" * 80})
    assert sts.requests[0].form["RoleSessionName"] == ("apps-aws--" + "x" * 80)[:64]


@given(st.text(min_size=2))
def test_every_sanitized_session_name_is_one_that_aws_takes(name: str) -> None:
    sanitized = sanitize_session_name(name)
    assert 2 <= len(sanitized) <= 64
    assert all(each.isascii() and (each.isalnum() or each in "_+=,.@-") for each in sanitized)


def test_the_role_and_the_audience_are_reported_without_a_call(sts: Any) -> None:
    role = "arn:aws:iam::123456789012:role/apps"
    asked = {"roleArn": role, "sessionName": "s"}
    assert PROVIDER.login({"oidc": asked}) == Login(role, "sts.amazonaws.com", gives_token=False)
    assert PROVIDER.login({"oidc": {**asked, "audience": "mine"}}) == Login(role, "mine", gives_token=False)
    assert PROVIDER.login({"static": {"accessKeyId": "AKIA", "secretAccessKey": "s"}}) is None
    assert sts.requests == []


def test_static_keys_are_passed_through_without_a_lease(context: Any, sts: Any) -> None:
    keys = {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "given"}
    opened = open_aws(context, static=keys)
    assert (opened.value, opened.lease, opened.secret) == (keys, None, True)
    assert not sts.requests


@pytest.mark.parametrize("inputs", [{}, {"oidc": {}, "static": {}}])
def test_exactly_one_of_oidc_and_static_is_taken(context: Any, inputs: dict[str, Any]) -> None:
    assert "exactly one" in refusal(context, **inputs).message


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (
            {"subjectAttributes": ["rootEnvironment.name"]},
            ("SubjectAttributesUnsupported", "is not supported: a cluster's token"),
        ),
        ({"duration": "13h"}, ("DurationTooLong", "12h at most")),
        ({"duration": "5m"}, ("InvalidDuration", "no less than 15m")),
        ({"duration": ""}, ("InvalidDuration", "write it like 1h")),
        ({"roleArn": "short"}, ("InvalidRoleArn", '"short" is not the ARN of a role')),
        ({"region": "not a region!"}, ("InvalidRegion", '"not a region!" is not an AWS region')),
    ],
)
def test_inputs_that_cannot_work_are_refused_before_any_call(
    context: Any, oidc: Any, sts: Any, field: dict[str, Any], expected: tuple[str, str]
) -> None:
    reason, words = expected
    context = replace(context, settings={}) if "region" in field else context
    error = refusal(context, oidc=oidc | field)
    assert error.reason == reason
    assert words in error.message
    assert not sts.requests


def test_a_refusal_of_sts_arrives_as_its_reason_with_retry_after(context: Any, oidc: Any, sts: Any) -> None:
    sts.refuse("Throttling", "Rate exceeded", 400, **{"Retry-After": "17"})
    error = refusal(context, oidc=oidc)
    assert (error.reason, error.retry_after) == ("Throttled", 17)


def test_a_refusal_that_quotes_the_token_is_not_repeated(context: Any, oidc: Any, sts: Any) -> None:
    quoted = f"Value '{context.identity.text}' at 'webIdentityToken' failed to satisfy constraint"
    sts.refuse("ValidationError", quoted)
    error = refusal(context, oidc=oidc)
    assert error.reason == "InvalidInputs"
    assert "'[secret]' at 'webIdentityToken'" in error.message


@pytest.mark.parametrize("missing", ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"])
def test_an_answer_without_a_part_of_the_credentials_is_malformed(
    context: Any, oidc: Any, sts: Any, missing: str
) -> None:
    sts.grant(**{missing: ""})
    assert refusal(context, oidc=oidc).reason == "MalformedAnswer"


RESPONSE = "<AssumeRoleWithWebIdentityResponse>{}</AssumeRoleWithWebIdentityResponse>"
RESULT = "<AssumeRoleWithWebIdentityResult>{}</AssumeRoleWithWebIdentityResult>"
NOT_OF_STS = {
    "nothing": "",
    "a page": "<html><body>minted-secret-key</body></html>",
    "a page that is no XML": "<html><body>minted-secret-key<br></html>",
    "JSON": '{"Credentials": {"SecretAccessKey": "minted-secret-key"}}',
    "bytes": "\x00\x01\ufffd",
    "another root": "<GetCallerIdentityResponse>minted-secret-key</GetCallerIdentityResponse>",
    "no result": RESPONSE.format(""),
    "a result of nothing": RESPONSE.format(RESULT.format("")),
    "a text for credentials": RESPONSE.format(RESULT.format("<Credentials>minted-secret-key</Credentials>")),
    "two results": RESPONSE.format(RESULT.format("") * 2),
    "cut off": RESPONSE.format(RESULT.format("<Credentials/>"))[:60],
    "an error": "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
    "an error of nothing": "<ErrorResponse><Error/></ErrorResponse>",
    "an error of text": "<ErrorResponse><Error>minted-secret-key</Error></ErrorResponse>",
    "errors of text": "<Response><Errors>minted-secret-key</Errors></Response>",
    "metadata of text": "<Response><ResponseMetadata>minted-secret-key</ResponseMetadata></Response>",
}


@pytest.mark.parametrize("body", NOT_OF_STS.values(), ids=NOT_OF_STS)
@pytest.mark.parametrize("status", [200, 206])
def test_an_answer_that_is_not_of_sts_is_malformed(context: Any, oidc: Any, sts: Any, status: int, body: str) -> None:
    sts.status, sts.body = status, body
    assert refusal(context, oidc=oidc).reason == "MalformedAnswer"


@pytest.mark.parametrize("body", [text for name, text in NOT_OF_STS.items() if name != "an error"])
@pytest.mark.parametrize("status", [302, 403, 404, 407])
def test_a_refusal_that_is_not_of_sts_is_malformed(context: Any, oidc: Any, sts: Any, status: int, body: str) -> None:
    sts.status, sts.body, sts.headers = status, body, {"Location": "/elsewhere"} if status == 302 else {}
    assert refusal(context, oidc=oidc).reason == "MalformedAnswer"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("body", [text for name, text in NOT_OF_STS.items() if name != "an error"])
def test_whatever_stands_in_its_body_an_outage_is_one(
    context: Any, oidc: Any, sts: Any, status: int, body: str
) -> None:
    sts.status, sts.body = status, body
    assert refusal(context, oidc=oidc).outage


@pytest.mark.parametrize(
    "expiry",
    [
        *("soon", "NaN", "1e400", "-1", "<a/>", "2026-05-01T13:00:00", "2026-99-01T13:00:00Z"),
        *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-05-01T11:59:59Z"),
    ],
)
def test_an_expiry_that_is_no_time_to_come_is_malformed(context: Any, oidc: Any, sts: Any, expiry: str) -> None:
    sts.grant(Expiration=expiry)
    assert refusal(context, oidc=oidc).reason == "MalformedAnswer"


@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_refusal_costs_one_request_whatever_it_asks_for(context: Any, oidc: Any, sts: Any, status: int) -> None:
    sts.refuse("Throttling", "Rate exceeded", status, **{"Retry-After": "1"})
    assert refusal(context, oidc=oidc).retry_after == 1
    assert len(sts.requests) == 1


def test_credentials_that_are_already_expired_are_malformed(context: Any, oidc: Any, sts: Any) -> None:
    sts.grant(Expiration="2026-05-01T11:59:59Z")
    error = refusal(context, oidc=oidc)
    assert error.reason == "MalformedAnswer"
    assert "compare the clocks" in error.message


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failing_aws_is_unavailable(context: Any, oidc: Any, sts: Any, status: int) -> None:
    sts.status, sts.body = status, "<html>bad gateway</html>"
    assert refusal(context, oidc=oidc).reason == "AWSUnavailable"


def test_an_aws_that_cannot_be_reached_is_unavailable(context: Any, oidc: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = refusal(replace(context, settings={"AWS_ENDPOINT_URL": f"http://u:pw@127.0.0.1:{port}"}), oidc=oidc)
    assert error.reason == "AWSUnavailable"
    assert f"127.0.0.1:{port}" in error.message
    assert "pw" not in error.message


def test_an_aws_that_does_not_answer_is_unavailable(context: Any, oidc: Any) -> None:
    hasty = AwsLogin(UnsignedClients(connect_timeout=0.05, read_timeout=0.05))
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ProviderError) as caught:
            asyncio.run(hasty.open({"oidc": oidc}, replace(context, settings={"AWS_ENDPOINT_URL": url})))
    assert caught.value.reason == "AWSUnavailable"
    assert "ReadTimeoutError" in caught.value.message


def test_an_endpoint_that_is_no_url_is_distinguished_from_an_unreachable_one(context: Any, oidc: Any) -> None:
    error = refusal(replace(context, settings={"AWS_ENDPOINT_URL_STS": "http://a b/"}), oidc=oidc)
    assert error.reason == "InvalidEndpoint"


def test_nothing_secret_is_logged_at_debug_level(context: Any, oidc: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        asyncio.run(AwsLogin(UnsignedClients()).open({"oidc": oidc}, context))
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_clients_are_shared_and_bounded(context: Any) -> None:
    clients = UnsignedClients()
    first = clients.client(choose_target("sts", context.settings, region="eu-west-1"))
    assert clients.client(choose_target("sts", context.settings, region="eu-west-1")) is first
    for number in range(40):
        clients.client(choose_target("sts", context.settings, region=f"eu-west-{number}"))
    assert len(clients._clients) == 32


def test_ambient_credentials_and_profiles_are_never_used(
    context: Any, oidc: Any, sts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"AWS_ACCESS_KEY_ID": "AKIAAMBIENT", "AWS_SECRET_ACCESS_KEY": "x", "AWS_PROFILE": "none"}.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    asyncio.run(AwsLogin(UnsignedClients()).open({"oidc": oidc}, context))
    assert "Authorization" not in sts.requests[0].headers


@pytest.mark.parametrize(
    ("settings", "region", "partition", "expected"),
    [
        ({}, None, "aws", ("us-east-1", None)),
        ({}, None, "aws-cn", ("cn-north-1", None)),
        ({"AWS_DEFAULT_REGION": "eu-north-1"}, None, "aws", ("eu-north-1", None)),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-north-1"}, None, "aws", ("eu-west-1", None)),
        ({"AWS_REGION": "eu-west-1"}, "sa-east-1", "aws", ("sa-east-1", None)),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_STS": "http://b"}, None, "aws", ("us-east-1", "http://b")),
        ({"AWS_ENDPOINT_URL": "http://a"}, None, "aws", ("us-east-1", "http://a")),
    ],
)
def test_region_and_endpoint_come_from_the_inputs_then_the_settings(
    settings: dict[str, str], region: str | None, partition: str, expected: tuple[str, str | None]
) -> None:
    target = choose_target("sts", settings, region=region, partition=partition)
    assert (target.region, target.endpoint) == expected


def test_the_registered_provider_warms_without_a_network(context: Any) -> None:
    PROVIDER.warm(context.settings)
