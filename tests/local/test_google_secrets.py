"""The local Secret Manager checks all that it is sent."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from local.asking import ask
from local_google import LocalGoogle, principal
from local_google.secret_manager import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_issuer import LocalIssuer

PROVIDER = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters/providers/apps"
SUBJECT, ACCOUNT, PROJECT = "system:serviceaccount:apps:web", "apps@my-project.iam.gserviceaccount.com", "123456789012"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture
def google(issuer: LocalIssuer, tmp_path: Path) -> Iterator[LocalGoogle]:
    with LocalGoogle(tmp_path) as google:
        google.trust(issuer.url, issuer.ca_file)
        google.create_provider(PROVIDER, issuer.url)
        google.let_impersonate(principal(PROVIDER, SUBJECT), ACCOUNT)
        google.secrets.create_project(PROJECT)
        google.secrets.let_read(PROJECT, "key", ACCOUNT)
        yield google


def token(google: LocalGoogle, issuer: LocalIssuer, scope: str = CLOUD) -> str:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "subject_token": issuer.token(SUBJECT, PROVIDER),
        "audience": PROVIDER,
        "scope": CLOUD,
    }
    federated = ask(google, "/v1/token", form)[1]["access_token"]
    path = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    return str(ask(google, path, content={"scope": [scope]}, bearer=federated)[1]["accessToken"])


def access(google: LocalGoogle, bearer: str, version: str = "latest", secret: str = "key") -> tuple[int, Any]:
    return ask(google, f"/v1/projects/{PROJECT}/secrets/{secret}/versions/{version}:access", bearer=bearer)


def test_a_secret_has_versions_and_the_latest_is_given(google: LocalGoogle, issuer: LocalIssuer) -> None:
    google.secrets.write(PROJECT, "key", b"1")
    google.secrets.write(PROJECT, "key", b"123456789")
    bearer = token(google, issuer)
    status, answer = access(google, bearer)
    assert (status, answer["name"]) == (200, f"projects/{PROJECT}/secrets/key/versions/2")
    assert base64.b64decode(answer["payload"]["data"]) == b"123456789"
    assert answer["payload"]["dataCrc32c"] == str(0xE3069283)
    assert access(google, bearer, "1")[1]["payload"]["data"] == base64.b64encode(b"1").decode()


def test_it_takes_only_its_tokens_and_its_readers(google: LocalGoogle, issuer: LocalIssuer) -> None:
    bearer = token(google, issuer)
    assert access(google, bearer)[0] == 404
    google.secrets.write(PROJECT, "key", b"1")
    assert access(google, "ya29.none")[0] == 401
    narrow = token(google, issuer, "https://www.googleapis.com/auth/devstorage.read_only")
    assert access(google, narrow)[0] == 403
    assert access(google, bearer, secret="of-others")[0] == 403
    assert access(google, bearer, "7")[0] == 404
    google.secrets.set_state(PROJECT, "key", 1, State.DISABLED)
    assert access(google, bearer)[1]["error"]["status"] == "FAILED_PRECONDITION"
