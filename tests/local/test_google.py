"""The local Google refuses what Google refuses, in Google's words."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from local.asking import ask
from local_google import API, LocalGoogle, principal
from local_issuer import LocalIssuer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOL = "iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters"
PROVIDER = f"//{POOL}/providers/apps"
ACCOUNT = "apps@my-project.iam.gserviceaccount.com"
SUBJECT = "system:serviceaccount:apps:web"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
NO_TARGET = (
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or'
    " provider is disabled or deleted or because it doesn't exist."
)


@pytest.fixture
def google(issuer: LocalIssuer, tmp_path: Path) -> Iterator[LocalGoogle]:
    with LocalGoogle(tmp_path) as google:
        google.trust(issuer.url, issuer.ca_file)
        google.create_provider(PROVIDER, issuer.url)
        google.let_impersonate(principal(PROVIDER, SUBJECT), ACCOUNT)
        yield google


def exchange(google: LocalGoogle, token: str, **form: str) -> tuple[int, dict[str, Any]]:
    usual = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "subject_token": token,
        "audience": PROVIDER,
        "scope": SCOPE,
    }
    return ask(google, "/v1/token", usual | form)


def impersonate(google: LocalGoogle, token: str, account: str = ACCOUNT, **content: Any) -> tuple[int, dict[str, Any]]:
    usual = {"scope": [SCOPE], "lifetime": "3600s"}
    path = f"/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
    return ask(google, path, content=usual | content, bearer=token)


def refused(google: LocalGoogle, token: str, **form: str) -> tuple[str, str]:
    status, answer = exchange(google, token, **form)
    assert status == 400
    assert google.refusals == {answer["error"]: 1}
    assert not google.grants()
    return answer["error"], answer["error_description"]


def test_a_token_is_exchanged_for_one_that_the_api_takes_until_it_ends(
    google: LocalGoogle, issuer: LocalIssuer
) -> None:
    google.lifetime = 1.5
    status, answer = exchange(google, issuer.token(SUBJECT, PROVIDER))
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 1)
    token = answer["access_token"]
    assert ask(google, API, bearer=token) == (200, {"principal": f"principal://{POOL}/subject/{SUBJECT}"})
    assert ask(google, API, bearer=f"{token}x")[0] == 401
    time.sleep(1.5)
    assert ask(google, API, bearer=token)[0] == 401
    assert [grant.federated for grant in google.used()] == [True]
    assert google.calls[""] == 2


def test_a_federated_token_is_exchanged_for_a_service_accounts(google: LocalGoogle, issuer: LocalIssuer) -> None:
    federated = exchange(google, issuer.token(SUBJECT, PROVIDER))[1]["access_token"]
    status, answer = impersonate(google, federated, lifetime="600s")
    assert status == 200
    left = datetime.fromisoformat(answer["expireTime"]) - datetime.now(UTC)
    assert 595 < left.total_seconds() <= 600
    assert ask(google, API, bearer=answer["accessToken"]) == (200, {"principal": ACCOUNT})


@pytest.mark.parametrize("audience", [f"https:{PROVIDER}", [PROVIDER, "other"]])
def test_the_providers_name_is_an_audience_with_https_too(
    google: LocalGoogle, issuer: LocalIssuer, audience: str | list[str]
) -> None:
    assert exchange(google, issuer.token(SUBJECT, audience))[0] == 200


def test_an_allowed_audience_takes_the_place_of_the_name(google: LocalGoogle, issuer: LocalIssuer) -> None:
    google.create_provider(PROVIDER, issuer.url, ("apps.example",))
    assert exchange(google, issuer.token(SUBJECT, "apps.example"))[0] == 200
    assert exchange(google, issuer.token(SUBJECT, PROVIDER))[0] == 400


def test_a_token_for_somebody_else_is_refused(google: LocalGoogle, issuer: LocalIssuer) -> None:
    assert refused(google, issuer.token(SUBJECT, "sts.amazonaws.com")) == (
        "invalid_grant",
        "The audience in ID Token [sts.amazonaws.com] does not match the expected audience.",
    )


def test_a_token_of_another_issuer_is_refused(google: LocalGoogle, issuer: LocalIssuer) -> None:
    error, words = refused(google, issuer.token(SUBJECT, PROVIDER, iss="https://stranger.example"))
    assert error == "invalid_grant"
    assert words.startswith("The issuer in ID Token https://stranger.example does not match the expected ones")


def test_an_expired_token_is_stale(google: LocalGoogle, issuer: LocalIssuer) -> None:
    now = int(time.time())
    token = issuer.token(SUBJECT, PROVIDER, iat=now - 3600, exp=now - 5)
    assert refused(google, token) == ("invalid_grant", f"ID Token issued at {now - 3600} is stale to sign-in.")


def test_a_signature_by_another_key_is_not_believed(google: LocalGoogle, issuer: LocalIssuer, tmp_path: Path) -> None:
    token = issuer.token(SUBJECT, PROVIDER)
    [(_, key)] = LocalIssuer(tmp_path / "forger")._keys.items()
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, key, algorithm="RS256", headers={"kid": jwt.get_unverified_header(token)["kid"]})
    assert refused(google, forged) == ("invalid_grant", "Invalid ID Token signature.")


def test_an_issuer_that_cannot_be_asked_is_reported(issuer: LocalIssuer, tmp_path: Path) -> None:
    with LocalGoogle(tmp_path) as google:
        google.create_provider(PROVIDER, issuer.url)
        answer = refused(google, issuer.token(SUBJECT, PROVIDER))
    assert answer == ("invalid_grant", "Error connecting to the given credential's issuer.")


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ({"audience": PROVIDER.replace("/apps", "/gone")}, ("invalid_target", NO_TARGET)),
        (
            {"audience": PROVIDER.replace("123456789012", "my-project")},
            ("invalid_request", 'Invalid value for "audience".'),
        ),
        ({"grant_type": "client_credentials"}, ("invalid_request", 'Invalid value for "grant_type".')),
        ({"subject_token_type": "jwt"}, ("invalid_request", 'Invalid value for "subject_token_type".')),
        ({"scope": ""}, ("invalid_request", 'Missing required parameter: "scope".')),
        ({"subject_token": "not-a-token"}, ("invalid_request", "Unable to parse the ID Token.")),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    google: LocalGoogle, issuer: LocalIssuer, form: dict[str, str], answer: tuple[str, str]
) -> None:
    assert refused(google, issuer.token(SUBJECT, PROVIDER), **form) == answer


@pytest.mark.parametrize(
    ("subject", "account"), [("system:serviceaccount:apps:other", ACCOUNT), (SUBJECT, f"gone-{ACCOUNT}")]
)
def test_who_may_not_be_a_service_account_is_not_told_whether_it_is_there(
    google: LocalGoogle, issuer: LocalIssuer, subject: str, account: str
) -> None:
    federated = exchange(google, issuer.token(subject, PROVIDER))[1]["access_token"]
    status, answer = impersonate(google, federated, account)
    assert (status, answer["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert answer["error"]["message"] == (
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    )
    assert google.refusals == {"PERMISSION_DENIED": 1}


def test_a_federated_token_that_has_expired_is_no_authentication(google: LocalGoogle, issuer: LocalIssuer) -> None:
    google.lifetime = 0
    federated = exchange(google, issuer.token(SUBJECT, PROVIDER))[1]["access_token"]
    assert impersonate(google, federated)[0] == 401
    assert google.refusals == {"UNAUTHENTICATED": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"lifetime": "3601s"}, "The access token lifetime cannot exceed 3600 seconds."),
        ({"lifetime": "1h"}, "Invalid value at 'lifetime'."),
        ({"scope": []}, "Scope required."),
    ],
)
def test_a_service_accounts_token_has_bounds(
    google: LocalGoogle, issuer: LocalIssuer, content: dict[str, Any], message: str
) -> None:
    federated = exchange(google, issuer.token(SUBJECT, PROVIDER))[1]["access_token"]
    status, answer = impersonate(google, federated, **content)
    assert (status, answer["error"]["status"], answer["error"]["message"]) == (400, "INVALID_ARGUMENT", message)
