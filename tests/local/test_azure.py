"""The local Entra refuses what Entra refuses, in Entra's words."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from local.asking import ask
from local_azure import API, AUDIENCE, LocalAzure
from local_issuer import LocalIssuer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TENANT, CLIENT = "22222222-2222-2222-2222-222222222222", "11111111-1111-1111-1111-111111111111"
SUBJECT = "system:serviceaccount:apps:web"
SCOPE = "https://vault.azure.net/.default"


@pytest.fixture
def azure(issuer: LocalIssuer, tmp_path: Path) -> Iterator[LocalAzure]:
    with LocalAzure(tmp_path) as azure:
        azure.trust(issuer.url, issuer.ca_file)
        azure.create_application(TENANT, CLIENT, secret="correct")
        azure.federate(CLIENT, issuer.url, SUBJECT)
        yield azure


def exchange(azure: LocalAzure, assertion: str, tenant: str = TENANT, **form: str) -> tuple[int, dict[str, Any]]:
    usual = {
        "client_id": CLIENT,
        "grant_type": "client_credentials",
        "scope": SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    return ask(azure, f"/{tenant}/oauth2/v2.0/token", usual | form)


def refused(azure: LocalAzure, assertion: str, **form: Any) -> tuple[int, str, str]:
    """The status, OAuth's error, and Entra's words without what differs from one answer to the next."""
    status, answer = exchange(azure, assertion, **form)
    words, _, rest = answer["error_description"].partition(" Trace ID: ")
    assert rest
    (code,) = answer["error_codes"]
    assert words.startswith(f"AADSTS{code}: ")
    assert azure.refusals == {f"AADSTS{code}": 1}
    assert not azure.grants()
    return status, answer["error"], words


def test_an_assertion_is_exchanged_for_a_token_that_the_api_takes_until_it_ends(
    azure: LocalAzure, issuer: LocalIssuer
) -> None:
    azure.lifetime = 1.5
    status, answer = exchange(azure, issuer.token(SUBJECT, AUDIENCE))
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 1)
    (grant,) = azure.grants()
    assert (grant.client, grant.subject, grant.scope) == (CLIENT, SUBJECT, SCOPE)
    token = answer["access_token"]
    assert ask(azure, API, bearer=token) == (200, {"client": CLIENT})
    assert ask(azure, API, bearer=f"{token}x")[0] == 401
    time.sleep(1.5)
    assert ask(azure, API, bearer=token)[0] == 401
    assert azure.used() == [grant]
    assert azure.calls[""] == 2


def test_clients_get_the_endpoints_of_their_tenant(azure: LocalAzure) -> None:
    status, answer = ask(azure, f"/{TENANT}/v2.0/.well-known/openid-configuration")
    assert (status, answer["token_endpoint"]) == (200, f"{azure.url}/{TENANT}/oauth2/v2.0/token")


def no_match(claim: str, value: str) -> str:
    return (
        f"No matching federated identity record found for presented assertion {claim} '{value}'. Check your federated"
        " identity credential Subject, Audience and Issuer against the presented assertion."
        " https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
    )


@pytest.mark.parametrize(
    ("claims", "code", "named"),
    [
        ({"iss": "https://stranger.example"}, 700211, "issuer"),
        ({"subject": "system:serviceaccount:apps:other"}, 700213, "subject"),
        ({"subject": SUBJECT.upper()}, 700213, "subject"),
        ({"audience": "sts.amazonaws.com"}, 700212, "audience"),
    ],
)
def test_what_no_federated_credential_has_is_named(
    azure: LocalAzure, issuer: LocalIssuer, claims: dict[str, str], code: int, named: str
) -> None:
    token = issuer.token(**{"subject": SUBJECT, "audience": AUDIENCE, **claims})
    (value,) = claims.values()
    assert refused(azure, token) == (401, "invalid_client", f"AADSTS{code}: {no_match(named, value)}")


def test_a_slash_at_the_end_makes_another_issuer(azure: LocalAzure, issuer: LocalIssuer) -> None:
    azure.create_application(TENANT, "slash")
    azure.federate("slash", f"{issuer.url}/", SUBJECT)
    words = refused(azure, issuer.token(SUBJECT, AUDIENCE), client_id="slash")[2]
    assert words == f"AADSTS700211: {no_match('issuer', issuer.url)}"


def test_an_expired_assertion_is_reported_its_time(azure: LocalAzure, issuer: LocalIssuer) -> None:
    status, error, words = refused(azure, issuer.token(SUBJECT, AUDIENCE, exp=int(time.time()) - 5))
    assert (status, error) == (401, "invalid_client")
    assert re.fullmatch(
        r"AADSTS700024: Client assertion is not within its valid time range\. Current time: [-\dT:.]+Z, assertion valid"
        r" from [-\dT:.]+Z, expiry time of assertion [-\dT:.]+Z\. Review the documentation at \S+ \.",
        words,
    )


def test_a_signature_by_another_key_is_not_believed(azure: LocalAzure, issuer: LocalIssuer, tmp_path: Path) -> None:
    token = issuer.token(SUBJECT, AUDIENCE)
    [(_, key)] = LocalIssuer(tmp_path / "forger")._keys.items()
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, key, algorithm="RS256", headers={"kid": jwt.get_unverified_header(token)["kid"]})
    assert refused(azure, forged)[:2] == (401, "invalid_client")
    assert azure.refusals == {"AADSTS50013": 1}


def test_an_issuer_that_cannot_be_asked_is_reported(issuer: LocalIssuer, tmp_path: Path) -> None:
    with LocalAzure(tmp_path) as azure:
        azure.create_application(TENANT, CLIENT)
        azure.federate(CLIENT, issuer.url, SUBJECT)
        words = refused(azure, issuer.token(SUBJECT, AUDIENCE))[2]
    assert words == "AADSTS501661: Request to External OIDC endpoint failed."


@pytest.mark.parametrize(
    ("form", "answer", "code"),
    [
        ({"tenant": "other"}, (400, "invalid_request"), 90002),
        ({"client_id": "other"}, (400, "unauthorized_client"), 700016),
        ({"grant_type": "password"}, (400, "unsupported_grant_type"), 70003),
        ({"scope": "https://vault.azure.net"}, (400, "invalid_scope"), 1002012),
        ({"client_assertion_type": "jwt"}, (401, "invalid_client"), 7000218),
        ({"client_secret": "wrong"}, (401, "invalid_client"), 7000215),
        ({"client_assertion": "not-a-token"}, (400, "invalid_request"), 50027),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    azure: LocalAzure, issuer: LocalIssuer, form: dict[str, str], answer: tuple[int, str], code: int
) -> None:
    assert refused(azure, issuer.token(SUBJECT, AUDIENCE), **form)[:2] == answer
    assert azure.refusals == {f"AADSTS{code}": 1}


def test_an_application_without_federated_credential_is_reported(azure: LocalAzure, issuer: LocalIssuer) -> None:
    azure.create_application(TENANT, "bare")
    words = refused(azure, issuer.token(SUBJECT, AUDIENCE), client_id="bare")[2]
    assert words == "AADSTS70025: The client 'bare' has no configured federated identity credentials."


def test_a_client_secret_speaks_for_the_application_itself(azure: LocalAzure) -> None:
    assert exchange(azure, "", client_secret="correct")[0] == 200
    assert [grant.subject for grant in azure.grants()] == [""]
