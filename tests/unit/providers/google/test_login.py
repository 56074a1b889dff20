"""gcp-login: what it gives out, what it asks for, and why it is refused."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.evaluation import Lease, Login, Opened, Secret
from esc_operator.providers.google.login import GcpLogin
from esc_operator.providers.port import Timed
from esc_operator.providers.token_endpoints import Reply, Unreachable
from unit.providers.conftest import ISSUER, SUBJECT, Caller, Context, make_token
from unit.providers.posting import FakePoster, reply

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
POOL = "iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters"
PROVIDER = f"//{POOL}/providers/apps"
ACCOUNT = "apps@my-project.iam.gserviceaccount.com"
OIDC: dict[str, Any] = {"workloadPoolId": "clusters", "providerId": "apps", "serviceAccount": ACCOUNT}
INPUTS = {"project": 123456789012, "oidc": OIDC}
FEDERATED = reply({"access_token": "federated-token", "token_type": "Bearer", "expires_in": 3600})
GRANTED = reply({"accessToken": "granted-access-token", "expireTime": "2026-05-01T13:00:00Z"})
SECRETS = ("granted-access-token", "federated-token", "given-token", "c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0", "eyJ")


@pytest.fixture
def caller() -> Context:
    return Context(Caller(make_token(aud=[PROVIDER])), {})


def open_gcp(caller: Context, inputs: dict[str, Any], *answers: Reply | Unreachable) -> tuple[Opened, FakePoster]:
    poster = FakePoster(list(answers))
    return asyncio.run(GcpLogin(poster).open(inputs, caller)), poster


def refusal(caller: Context, inputs: dict[str, Any], *answers: Reply | Unreachable) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        open_gcp(caller, inputs, *answers)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__context__)
    assert not [secret for secret in SECRETS if secret in text]
    return caught.value


def test_an_identity_becomes_a_service_accounts_access_token(caller: Context) -> None:
    opened, poster = open_gcp(caller, INPUTS, FEDERATED, GRANTED)
    assert opened.value == {
        "project": 123456789012,
        "accessToken": Secret("granted-access-token"),
        "tokenType": "Bearer",
        "expiry": "2026-05-01T13:00:00Z",
    }
    assert opened.lease == Lease(NOW, NOW + timedelta(hours=1))
    assert caller.identity.audiences == [PROVIDER]
    exchange, impersonation = poster.sent
    assert exchange.url == "https://sts.googleapis.com/v1/token"
    assert exchange.fields == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "subject_token": caller.identity.text,
        "audience": PROVIDER,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    }
    assert impersonation.url == (
        f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    )
    assert (impersonation.bearer, impersonation.is_json) == ("federated-token", True)
    assert impersonation.fields == {
        "scope": ["https://www.googleapis.com/auth/cloud-platform"],
        "lifetime": "3600s",
    }
    assert not [secret for secret in SECRETS if secret in repr(poster.sent) + repr(opened) + repr(GRANTED)]


def test_a_lease_begins_before_the_first_of_the_two_questions(caller: Context) -> None:
    class Slow(FakePoster):
        def send(self, post: Any, settings: Any) -> Any:
            caller.time += timedelta(seconds=20)
            return super().send(post, settings)

    opened = asyncio.run(GcpLogin(Slow([FEDERATED, GRANTED])).open(INPUTS, caller))
    assert opened.lease == Lease(NOW, NOW + timedelta(hours=1))


def test_how_far_the_clock_of_google_is_from_ours_is_reported(caller: Context) -> None:
    late = GRANTED._replace(headers={"date": "Fri, 01 May 2026 11:59:00 GMT"})
    provider = GcpLogin(FakePoster([FEDERATED, late]))
    assert isinstance(provider, Timed)
    assert provider.clock_skew is None
    asyncio.run(provider.open(INPUTS, caller))
    assert provider.clock_skew == timedelta(seconds=-59)


def test_a_location_a_lifetime_and_an_audience_are_taken(caller: Context) -> None:
    oidc = {**OIDC, "region": "eu", "tokenLifetime": "1h30m", "audience": "mine"}
    _, poster = open_gcp(caller, {**INPUTS, "oidc": oidc}, FEDERATED, GRANTED)
    assert poster.sent[0].fields["audience"] == PROVIDER.replace("/global/", "/eu/")
    assert poster.sent[1].fields["lifetime"] == "5400s"
    assert caller.identity.audiences == ["mine"]


def test_a_number_of_a_project_is_written_as_a_whole_one(caller: Context) -> None:
    _, poster = open_gcp(caller, {**INPUTS, "project": 123456789012.0}, FEDERATED, GRANTED)
    assert poster.sent[0].fields["audience"] == PROVIDER


def test_a_given_token_is_handed_through_without_a_lease(caller: Context) -> None:
    opened, poster = open_gcp(caller, {"project": 1, "accessToken": {"accessToken": "given-token"}})
    value = {"project": 1, "accessToken": Secret("given-token"), "tokenType": "Bearer"}
    assert opened == Opened(value, None, secret=False)
    assert not poster.sent


def test_a_given_token_may_impersonate(caller: Context) -> None:
    given = {"accessToken": "given-token", "serviceAccount": ACCOUNT, "tokenLifetime": "10m"}
    opened, poster = open_gcp(caller, {"project": 1, "accessToken": given}, GRANTED)
    assert opened.value["accessToken"] == Secret("granted-access-token")
    assert opened.lease == Lease(NOW, NOW + timedelta(hours=1))
    (post,) = poster.sent
    assert (post.bearer, post.fields["lifetime"]) == ("given-token", "600s")
    assert not caller.identity.audiences


@pytest.mark.parametrize(
    "inputs",
    [{"project": 1}, {"project": 1, "oidc": OIDC, "accessToken": {"accessToken": "given-token"}}],
)
def test_exactly_one_of_oidc_and_access_token_is_taken(caller: Context, inputs: dict[str, Any]) -> None:
    assert "exactly one" in refusal(caller, inputs).message


@pytest.mark.parametrize(
    ("oidc", "reason"),
    [
        ({"subjectAttributes": ["currentEnvironment.name"]}, "SubjectAttributesUnsupported"),
        ({"tokenLifetime": "13h"}, "DurationTooLong"),
        ({"tokenLifetime": "0s"}, "InvalidDuration"),
        ({"tokenLifetime": ""}, "InvalidDuration"),
    ],
)
def test_inputs_that_cannot_work_are_refused_before_any_call(
    caller: Context, oidc: dict[str, Any], reason: str
) -> None:
    assert refusal(caller, {**INPUTS, "oidc": {**OIDC, **oidc}}).reason == reason
    assert not caller.identity.audiences


@pytest.mark.parametrize("account", ["..", "a/b", "a?x=1", "a:b", "a b", "a%2F", "a" * 300, "ä", "a\n", "", "@b", "a@"])
def test_what_is_no_account_never_becomes_a_url(caller: Context, account: str) -> None:
    # A web server's answer to it would look like an outage, and keep everybody from logging in.
    error = refusal(caller, {**INPUTS, "oidc": {**OIDC, "serviceAccount": account}}, FEDERATED, GRANTED)
    assert (error.reason, error.outage) == ("InvalidInputs", False)
    assert not caller.identity.audiences


def test_an_account_is_an_address_or_a_number(caller: Context) -> None:
    for account in ("a.b-c@example.com.iam.gserviceaccount.com", "113057325249898657053"):
        _, poster = open_gcp(caller, {**INPUTS, "oidc": {**OIDC, "serviceAccount": account}}, FEDERATED, GRANTED)
        assert poster.sent[1].url.endswith(f"/serviceAccounts/{account}:generateAccessToken")


def test_endpoints_may_be_others_but_never_without_tls(caller: Context) -> None:
    overrides = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS": "https://sts.example/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": "https://iam.example:8443/",
    }
    _, poster = open_gcp(replace(caller, settings=overrides), INPUTS, FEDERATED, GRANTED)
    assert [post.host for post in poster.sent] == ["sts.example", "iam.example:8443"]
    for name in overrides:
        error = refusal(replace(caller, settings={name: "http://sts.example/"}), INPUTS, FEDERATED)
        assert (error.reason, name in error.message) == ("InvalidEndpoint", True)


def test_it_says_whom_it_asks_and_as_whom() -> None:
    provider = GcpLogin(FakePoster([]))
    given = {"project": 1, "accessToken": {"accessToken": "given-token"}}
    impersonating = {"project": 1, "accessToken": {"accessToken": "given-token", "serviceAccount": ACCOUNT}}
    assert provider.endpoint(INPUTS, {}) == "sts.googleapis.com"
    assert provider.endpoint(given, {}) is None
    assert provider.endpoint(impersonating, {}) == "iamcredentials.googleapis.com"
    assert provider.login(INPUTS) == Login(ACCOUNT, PROVIDER, gives_token=False)
    assert provider.login(impersonating) is None


NO_TARGET = 'The target service indicated by the "audience" parameters is invalid.'


@pytest.mark.parametrize(
    ("error", "description", "reason", "words"),
    [
        ("invalid_target", NO_TARGET, "IdentityPoolMissing", f"no workload identity provider {PROVIDER}"),
        ("invalid_request", 'Invalid value for "audience".', "InvalidIdentityPool", "the project's number"),
        (
            "invalid_grant",
            "The audience in ID Token [x] does not match the expected audience.",
            "AudienceRefused",
            f"does not accept the audience {PROVIDER}",
        ),
        (
            "invalid_grant",
            "Error connecting to the given credential's issuer.",
            "IssuerUnreachable",
            "or upload them to",
        ),
        (
            "invalid_grant",
            "The issuer in ID Token https://x does not match the expected ones.",
            "IssuerRefused",
            f"not for exactly the issuer {ISSUER}",
        ),
        ("invalid_grant", "ID Token issued at 1 is stale to sign-in.", "TokenExpired", "compare the clocks"),
        ("invalid_grant", "Invalid ID Token signature.", "IdentityTokenRefused", "Invalid ID Token signature."),
        (
            "unauthorized_client",
            "The given credential is rejected by the attribute condition.",
            "AttributeConditionRefused",
            f"does not admit {SUBJECT}",
        ),
        ("invalid_scope", "Words.", "GCPRefused", "invalid_scope: Words."),
    ],
)
def test_each_refusal_of_the_exchange_has_a_reason_and_says_what_to_do(
    caller: Context, error: str, description: str, reason: str, words: str
) -> None:
    told = refusal(caller, INPUTS, reply({"error": error, "error_description": description}, 400))
    assert told.reason == reason
    assert words in told.message


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (
            (403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource."),
            "ServiceAccountRefused",
            f"on it to principal://{POOL}/subject/{SUBJECT}",
        ),
        ((404, "NOT_FOUND", "Requested entity was not found."), "ServiceAccountRefused", "does not exist"),
        (
            (403, "PERMISSION_DENIED", "IAM Service Account Credentials API has not been used in project 1 before"),
            "APIDisabled",
            "enable it",
        ),
        (
            (400, "INVALID_ARGUMENT", "The access token lifetime cannot exceed 3600 seconds."),
            "DurationTooLong",
            "lower `tokenLifetime`",
        ),
        ((401, "UNAUTHENTICATED", "Request had invalid credentials."), "AccessTokenRefused", "does not accept"),
        ((503, "UNAVAILABLE", "The service is unavailable."), "GCPUnavailable", "tried again later"),
        ((429, "RESOURCE_EXHAUSTED", "Quota exceeded."), "Throttled", "tried again later"),
    ],
)
def test_each_refusal_of_the_impersonation_has_a_reason_and_says_what_to_do(
    caller: Context, error: tuple[int, str, str], reason: str, words: str
) -> None:
    code, status, message = error
    content = {"error": {"code": code, "status": status, "message": message}}
    told = refusal(caller, INPUTS, FEDERATED, reply(content, code, retry_after="17"))
    assert (told.reason, told.retry_after) == (reason, 17)
    assert words in told.message


def test_a_google_that_cannot_be_reached_is_unavailable(caller: Context) -> None:
    error = refusal(caller, INPUTS, Unreachable("ConnectTimeoutError"))
    assert (error.reason, "sts.googleapis.com" in error.message) == ("GCPUnavailable", True)
    assert error.outage


@pytest.mark.parametrize(
    "answers",
    [
        [reply(None)],
        [reply(None, 404)],
        [reply({"access_token": ""})],
        [FEDERATED, reply({"accessToken": "granted-access-token"})],
        [FEDERATED, reply({"accessToken": "granted-access-token", "expireTime": "soon"})],
        [FEDERATED, reply({"accessToken": "granted-access-token", "expireTime": "2026-05-01T12:00:00Z"})],
        [FEDERATED, reply({"expireTime": "2026-05-01T13:00:00Z"})],
    ],
)
def test_an_answer_that_is_no_token_with_an_end_is_malformed(caller: Context, answers: list[Reply]) -> None:
    assert refusal(caller, INPUTS, *answers).reason == "MalformedAnswer"
