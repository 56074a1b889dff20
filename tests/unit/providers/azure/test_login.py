"""azure-login: what it gives out, what it asks for, and why it is refused."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.evaluation import Lease, Login, Opened, Secret
from esc_operator.providers.azure.login import INPUTS, OUTPUTS, AzureLogin
from esc_operator.providers.port import Timed
from esc_operator.providers.token_endpoints import Reply, Unreachable
from unit.providers.conftest import ISSUER, SUBJECT, Caller, Context, make_token
from unit.providers.posting import FakePoster, reply

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
APPLICATION: dict[str, Any] = {"clientId": "application", "tenantId": "tenant"}
FEDERATED = {**APPLICATION, "oidc": True, "scope": "https://vault.azure.net/.default"}
GRANTED = reply({"token_type": "Bearer", "expires_in": 3599, "access_token": "granted-access-token"})
SECRETS = ("granted-access-token", "given-secret", "c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0", "eyJ", "secret-jti")


@pytest.fixture
def caller() -> Context:
    return Context(Caller(make_token(aud=["api://AzureADTokenExchange"])), {})


def open_azure(caller: Context, inputs: dict[str, Any], *answers: Reply | Unreachable) -> tuple[Opened, FakePoster]:
    poster = FakePoster(list(answers))
    return asyncio.run(AzureLogin(poster).open(inputs, caller)), poster


def refusal(caller: Context, inputs: dict[str, Any], *answers: Reply | Unreachable) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        open_azure(caller, inputs, *answers)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__context__)
    assert not [secret for secret in SECRETS if secret in text]
    return caught.value


def test_the_identity_token_is_given_out_for_clients_that_exchange_it(caller: Context) -> None:
    opened, poster = open_azure(caller, {**APPLICATION, "subscriptionId": "subscription", "oidc": True})
    assert opened.value == {
        "clientId": "application",
        "tenantId": "tenant",
        "subscriptionId": "subscription",
        "oidc": {"token": Secret(caller.identity.text)},
        "expiresAt": "2026-05-01T12:10:00Z",
    }
    assert opened.lease == Lease(NOW, NOW + timedelta(minutes=10))
    assert caller.identity.audiences == ["api://AzureADTokenExchange"]
    assert not poster.sent
    assert not [secret for secret in SECRETS if secret in repr(opened)]


def test_a_token_from_a_file_expires_when_it_says_so() -> None:
    class FileCaller(Caller):
        async def token(self, audience: str) -> Any:
            token = await super().token(audience)
            token.expires_at = None
            return token

    expires = int((NOW + timedelta(minutes=3)).timestamp())
    opened, _ = open_azure(Context(FileCaller(make_token(exp=expires)), {}), {**APPLICATION, "oidc": True})
    assert opened.lease == Lease(NOW, NOW + timedelta(minutes=3))
    for claims in ({}, {"exp": int(NOW.timestamp())}, {"exp": 1e40}, {"exp": "soon"}):
        assert refusal(Context(FileCaller(make_token(**claims)), {}), {**APPLICATION, "oidc": True}).reason == (
            "TokenExpired"
        )


def test_a_client_secret_is_handed_through_without_a_lease(caller: Context) -> None:
    opened, poster = open_azure(caller, {**APPLICATION, "clientSecret": "given-secret"})
    assert opened == Opened({**APPLICATION, "clientSecret": Secret("given-secret")}, None, secret=False)
    assert not poster.sent
    assert not caller.identity.audiences


def test_a_scope_exchanges_the_identity_token_and_gives_out_what_it_gets(caller: Context) -> None:
    opened, poster = open_azure(caller, FEDERATED, GRANTED)
    assert opened.value == {
        **APPLICATION,
        "accessToken": Secret("granted-access-token"),
        "expiresAt": "2026-05-01T12:59:59Z",
    }
    assert opened.lease == Lease(NOW, NOW + timedelta(seconds=3599))
    (post,) = poster.sent
    assert post.url == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert post.fields == {
        "client_id": "application",
        "grant_type": "client_credentials",
        "scope": "https://vault.azure.net/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": caller.identity.text,
    }
    assert not [secret for secret in SECRETS if secret in repr(post) + repr(opened) + repr(GRANTED)]


def test_how_far_the_clock_of_entra_is_from_ours_is_reported(caller: Context) -> None:
    late = GRANTED._replace(headers={"date": "Fri, 01 May 2026 11:59:00 GMT"})
    provider = AzureLogin(FakePoster([late]))
    assert isinstance(provider, Timed)
    assert provider.clock_skew is None
    asyncio.run(provider.open(FEDERATED, caller))
    assert provider.clock_skew == timedelta(seconds=-59)


def test_a_scope_exchanges_a_client_secret_too(caller: Context) -> None:
    inputs = {**APPLICATION, "clientSecret": "given-secret", "scope": "https://vault.azure.net/.default"}
    opened, poster = open_azure(caller, inputs, GRANTED)
    assert opened.value["accessToken"] == Secret("granted-access-token")
    assert poster.sent[0].fields["client_secret"] == "given-secret"
    assert not caller.identity.audiences


def test_a_scope_without_anything_to_exchange_is_refused(caller: Context) -> None:
    error = refusal(caller, {**APPLICATION, "scope": "https://vault.azure.net/.default"})
    assert (error.reason, "`oidc: true`" in error.message) == ("InvalidInputs", True)


@pytest.mark.parametrize("tenant", ["..", "a/b", "a?x=1", "a#", "a b", "a%2F", "a" * 300, "ä", "a\n", ""])
def test_what_is_no_tenant_never_becomes_a_url(caller: Context, tenant: str) -> None:
    # A web server's answer to it would look like an outage, and keep everybody from logging in.
    error = refusal(caller, {**FEDERATED, "tenantId": tenant}, GRANTED)
    assert (error.reason, error.outage) == ("InvalidInputs", False)
    assert not caller.identity.audiences


@pytest.mark.parametrize("tenant", ["72f988bf-86f1-41af-91ab-2d7cd011db47", "contoso.onmicrosoft.com", "common"])
def test_a_tenant_is_an_id_or_a_domain(caller: Context, tenant: str) -> None:
    _, poster = open_azure(caller, {**FEDERATED, "tenantId": tenant}, GRANTED)
    assert poster.sent[0].url == f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"


def test_attributes_of_the_subject_are_refused(caller: Context) -> None:
    error = refusal(caller, {**FEDERATED, "subjectAttributes": ["currentEnvironment.name"]})
    assert error.reason == "SubjectAttributesUnsupported"


def test_another_audience_and_another_authority_are_taken(caller: Context) -> None:
    china = replace(caller, settings={"AZURE_AUTHORITY_HOST": "https://login.chinacloudapi.cn/"})
    _, poster = open_azure(china, {**FEDERATED, "audience": "mine"}, GRANTED)
    assert poster.sent[0].url.startswith("https://login.chinacloudapi.cn/tenant/")
    assert caller.identity.audiences == ["mine"]


@pytest.mark.parametrize("host", ["http://login.example", "login.example", "https://", "https://a b:x"])
def test_an_authority_that_no_token_may_be_sent_to_is_reported(caller: Context, host: str) -> None:
    error = refusal(replace(caller, settings={"AZURE_AUTHORITY_HOST": host}), FEDERATED)
    assert (error.reason, "AZURE_AUTHORITY_HOST" in error.message) == ("InvalidEndpoint", True)


def test_it_says_whom_it_asks_and_as_whom() -> None:
    provider = AzureLogin(FakePoster([]))
    assert provider.endpoint(FEDERATED, {}) == "login.microsoftonline.com"
    assert provider.endpoint({**APPLICATION, "oidc": True}, {}) is None
    raw = Login("application", "api://AzureADTokenExchange", gives_token=True)
    assert provider.login({**APPLICATION, "oidc": True}) == raw
    assert provider.login({**APPLICATION, "oidc": True, "scope": "x/.default"}) == raw._replace(gives_token=False)
    assert provider.login({**APPLICATION, "clientSecret": "given-secret"}) is None


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (700211, "FederatedCredentialMissing", f"exactly the issuer {ISSUER}, the subject {SUBJECT}"),
        (700213, "FederatedCredentialMissing", "the audience api://AzureADTokenExchange (AADSTS700213;"),
        (7002138, "FederatedCredentialMissing", "upper case count"),
        (70021, "FederatedCredentialMissing", "application application of tenant tenant needs"),
        (700212, "AudienceRefused", "for another audience than api://AzureADTokenExchange"),
        (501661, "IssuerUnreachable", f"{ISSUER}/.well-known/openid-configuration"),
        (700024, "TokenExpired", "compare the clocks"),
        (50013, "IdentityTokenRefused", "AADSTS50013: Words."),
        (700016, "ApplicationMissing", "no application with the client ID application"),
        (90002, "TenantMissing", "has no tenant tenant"),
        (7000215, "ClientSecretRefused", "is wrong or has expired"),
        (1002012, "InvalidScope", 'has no scope "https://vault.azure.net/.default"'),
        (90033, "AzureUnavailable", "tried again later"),
        (53003, "AzureRefused", "AADSTS53003: Words."),
    ],
)
def test_each_refusal_has_a_reason_and_says_what_to_do(caller: Context, code: int, reason: str, words: str) -> None:
    description = f"AADSTS{code}: Words. Trace ID: 1 Correlation ID: 2 Timestamp: 3"
    error = refusal(caller, FEDERATED, reply({"error": "invalid_client", "error_description": description}, 401))
    assert error.reason == reason
    assert words in error.message
    assert "Trace ID" not in error.message


def test_a_refusal_that_quotes_the_token_is_not_repeated(caller: Context) -> None:
    description = f"AADSTS50013: The assertion {caller.identity.text} is not signed."
    error = refusal(caller, FEDERATED, reply({"error_description": description}, 401))
    assert "The assertion [secret] is not signed." in error.message


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(None, 429, retry_after="17"), "Throttled"),
        (reply({"error": "temporarily_unavailable"}, 503, retry_after="17"), "AzureUnavailable"),
    ],
)
def test_how_long_azure_asks_to_wait_is_passed_on(caller: Context, answer: Reply, reason: str) -> None:
    error = refusal(caller, FEDERATED, answer)
    assert (error.reason, error.retry_after) == (reason, 17)
    assert error.outage


def test_an_azure_that_cannot_be_reached_is_unavailable(caller: Context) -> None:
    error = refusal(caller, FEDERATED, Unreachable("ConnectTimeoutError"))
    assert (error.reason, "ConnectTimeoutError" in error.message) == ("AzureUnavailable", True)
    assert error.outage


@pytest.mark.parametrize(
    "answer",
    [
        reply(None),
        reply(None, 404),
        reply({}),
        reply({"access_token": "", "expires_in": 3599}),
        reply({"access_token": "granted-access-token"}),
        reply({"access_token": "granted-access-token", "expires_in": 0}),
        reply({"access_token": "granted-access-token", "expires_in": -5}),
        reply({"access_token": "granted-access-token", "expires_in": "soon"}),
        reply({"access_token": "granted-access-token", "expires_in": 10**12}),
    ],
)
def test_an_answer_that_is_no_token_with_a_lifetime_is_malformed(caller: Context, answer: Reply) -> None:
    assert refusal(caller, FEDERATED, answer).reason == "MalformedAnswer"


def test_the_names_are_those_of_pulumi_and_ours() -> None:
    ours = {"audience", "scope"}
    assert INPUTS["properties"].keys() - ours == {
        "clientId", "tenantId", "subscriptionId", "clientSecret", "oidc", "subjectAttributes",
    }  # fmt: skip
    assert OUTPUTS["properties"].keys() - {"accessToken", "expiresAt"} == {
        "clientId", "tenantId", "subscriptionId", "clientSecret", "oidc",
    }  # fmt: skip
