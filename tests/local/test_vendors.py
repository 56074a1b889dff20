"""Providers over real sockets against the stand-ins of their vendors, which verify every token."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.providers.doppler.login import DopplerLogin
from esc_operator.providers.doppler.secrets import DopplerSecrets
from esc_operator.providers.external.provider import External
from esc_operator.providers.external.rotator import ExternalRotator
from esc_operator.providers.github.login import GitHubLogin
from esc_operator.providers.infisical.login import InfisicalLogin
from esc_operator.providers.infisical.secrets import InfisicalSecrets
from local.opening import SUBJECT, SignedIdentity, opened, rotated
from local_https import Answer
from local_vendors import LocalAdapter, LocalDoppler, LocalGitHub, LocalInfisical, Trusted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_https import HttpsServer
    from local_issuer import LocalIssuer

IDENTITY = "01234567-89ab-cdef-0123-456789abcdef"
DOPPLER = "https://api.doppler.com"


@pytest.fixture
def web(issuer: LocalIssuer) -> SignedIdentity:
    return SignedIdentity(issuer)


@pytest.fixture
def doppler(issuer: LocalIssuer, tmp_path: Path) -> Iterator[LocalDoppler]:
    with LocalDoppler(tmp_path / "doppler") as vendor:
        vendor.trust(issuer.url, issuer.ca_file)
        vendor.create_identity(IDENTITY, Trusted(issuer.url, SUBJECT, DOPPLER))
        vendor.put("web", "prd", API_KEY="key-1", URL="https://web", HIDDEN=None)
        yield vendor


@pytest.fixture
def infisical(issuer: LocalIssuer, tmp_path: Path) -> Iterator[LocalInfisical]:
    with LocalInfisical(tmp_path / "infisical") as vendor:
        vendor.trust(issuer.url, issuer.ca_file)
        vendor.create_identity(IDENTITY, Trusted(issuer.url, SUBJECT, vendor.url))
        vendor.create_client("client", "client-secret")
        vendor.put("project-1", "prod", "/web", **{"API_KEY": "key-1", "a/b ?": "odd"})
        vendor.put("project-1", "prod", "/hidden", API_KEY="key-2")
        vendor.hide("prod", "/hidden")
        yield vendor


def refused(
    plugin: Any, inputs: dict[str, Any], identity: SignedIdentity, server: HttpsServer, **settings: str
) -> tuple[str, str]:
    with pytest.raises(ProviderError) as caught:
        opened(plugin, inputs, identity, server, **settings)
    return caught.value.reason, caught.value.message


# Doppler


def doppler_token(doppler: LocalDoppler, web: SignedIdentity) -> str:
    inputs = {"oidc": {"identityId": IDENTITY}}
    login = opened(DopplerLogin(), inputs, web, doppler, DOPPLER_API_HOST=doppler.url)
    assert login.lease is not None
    left = login.lease.expires_at - login.lease.issued_at
    assert timedelta(minutes=59) < left < timedelta(minutes=61)
    token: str = login.value["accessToken"].value
    return token


def doppler_reading(token: str, project: str = "web", config: str = "prd", **names: str) -> dict[str, Any]:
    get = {key: {"name": name} for key, name in names.items()}
    return {"login": {"accessToken": token}, "project": project, "config": config, "get": get}


def test_secrets_of_doppler_are_read_with_one_request_after_a_login(doppler: LocalDoppler, web: SignedIdentity) -> None:
    token = doppler_token(doppler, web)
    inputs = doppler_reading(token, key="API_KEY", url="URL", again="API_KEY")
    found = opened(DopplerSecrets(), inputs, web, doppler, DOPPLER_API_HOST=doppler.url)
    assert found.value == {"key": "key-1", "url": "https://web", "again": "key-1"}
    assert found.secret
    assert doppler.requests == ["/v3/auth/oidc", "/v3/configs/config/secrets"]


def test_what_doppler_refuses_says_what_to_do(doppler: LocalDoppler, web: SignedIdentity, issuer: LocalIssuer) -> None:
    host = doppler.url.removeprefix("https://")

    def login(identity: SignedIdentity = web, **oidc: str) -> tuple[str, str]:
        inputs = {"oidc": {"identityId": IDENTITY, **oidc}}
        return refused(DopplerLogin(), inputs, identity, doppler, DOPPLER_API_HOST=doppler.url)

    other = IDENTITY.replace("0", "1")
    assert login(identityId=other) == (
        "IdentityMissing",
        (
            f"{host} knows no identity {other} that logs in with OIDC: correct `oidc.identityId`, or configure OIDC for"
            " the identity there"
        ),
    )
    assert login(audience="elsewhere") == (
        "AudienceRefused",
        (
            f"the identity {IDENTITY} at {host} does not accept the audience elsewhere: add it to the identity's"
            " audiences, or set `oidc.audience` to one that it has"
        ),
    )
    forgotten = SignedIdentity(issuer, "system:serviceaccount:apps:default")
    reason, message = login(forgotten)
    assert reason == "SubjectRefused"
    assert "set it to the one that is trusted" in message
    doppler.fail_with("/v3", Answer({"messages": ["slow down"]}, 429, {"Retry-After": "9"}))
    with pytest.raises(ProviderError) as caught:
        opened(DopplerLogin(), {"oidc": {"identityId": IDENTITY}}, web, doppler, DOPPLER_API_HOST=doppler.url)
    assert (caught.value.reason, caught.value.retry_after, caught.value.throttled) == ("Throttled", 9.0, True)


def test_all_that_is_missing_at_doppler_is_said_at_once(doppler: LocalDoppler, web: SignedIdentity) -> None:
    host, token = doppler.url.removeprefix("https://"), doppler_token(doppler, web)

    def read(inputs: dict[str, Any]) -> tuple[str, str]:
        return refused(DopplerSecrets(), inputs, web, doppler, DOPPLER_API_HOST=doppler.url)

    where = f"the config prd of the project web at {host}"
    inputs = doppler_reading(token, key="API_KEY", one="ONE", two="TWO", hidden="HIDDEN")
    with pytest.raises(ProviderError) as caught:
        opened(DopplerSecrets(), inputs, web, doppler, DOPPLER_API_HOST=doppler.url)
    assert [(part.path, part.message) for part in caught.value.parts] == [
        (("get", "one"), f"{where} has no secret ONE: correct `get.one.name`, or add it there"),
        (("get", "two"), f"{where} has no secret TWO: correct `get.two.name`, or add it there"),
        (
            ("get", "hidden"),
            f"the visibility of HIDDEN in {where} is restricted, which hides its value: make it masked",
        ),
    ]
    assert read(doppler_reading(token, config="dev", key="API_KEY"))[0] == "DopplerConfigMissing"
    assert read(doppler_reading(token, project="other", key="API_KEY"))[0] == "DopplerProjectMissing"
    assert read(doppler_reading("dp.said.unknown", key="API_KEY"))[0] == "DopplerTokenRefused"
    doppler.deny(IDENTITY)
    assert read(doppler_reading(token, key="API_KEY"))[0] == "DopplerAccessDenied"


# Infisical


def infisical_token(infisical: LocalInfisical, web: SignedIdentity) -> str:
    inputs = {"siteUrl": infisical.url, "oidc": {"identityId": IDENTITY}}
    login = opened(InfisicalLogin(), inputs, web, infisical)
    assert login.lease is not None
    assert login.lease.expires_at - login.lease.issued_at == timedelta(hours=2)
    assert login.value["siteUrl"] == infisical.url
    token: str = login.value["accessToken"].value
    return token


def infisical_reading(infisical: LocalInfisical, token: str, **get: tuple[str, str]) -> dict[str, Any]:
    """By name, the folder and the key."""
    return {
        "login": {"accessToken": token, "siteUrl": infisical.url},
        "get": {
            name: {"projectId": "project-1", "environment": "prod", "secretPath": path, "secretKey": key}
            for name, (path, key) in get.items()
        },
    }


def test_secrets_of_infisical_are_read_after_a_login(infisical: LocalInfisical, web: SignedIdentity) -> None:
    inputs = infisical_reading(
        infisical, infisical_token(infisical, web), key=("/web", "API_KEY"), odd=("web/", "a/b ?")
    )
    found = opened(InfisicalSecrets(), inputs, web, infisical)
    assert found.value == {"key": "key-1", "odd": "odd"}
    assert [(one.name, one.version) for one in found.versions] == [("API_KEY", "1"), ("a/b ?", "1")]
    assert web.audiences == [infisical.url]


def test_a_client_secret_logs_in_as_well(infisical: LocalInfisical, web: SignedIdentity) -> None:
    static = {"clientId": "client", "clientSecret": "client-secret"}
    login = opened(InfisicalLogin(), {"siteUrl": infisical.url, "static": static}, web, infisical)
    assert login.value["accessToken"].value in infisical.granted_secrets()
    wrong = {"siteUrl": infisical.url, "static": {**static, "clientSecret": "wrong-secret"}}
    reason, message = refused(InfisicalLogin(), wrong, web, infisical)
    assert reason == "InfisicalClientRefused"
    assert "wrong-secret" not in message


def test_what_infisical_refuses_says_what_to_do(
    infisical: LocalInfisical, web: SignedIdentity, issuer: LocalIssuer
) -> None:
    def login(identity: SignedIdentity = web, **oidc: str) -> str:
        inputs = {"siteUrl": infisical.url, "oidc": {"identityId": IDENTITY, **oidc}}
        return refused(InfisicalLogin(), inputs, identity, infisical)[0]

    assert login(identityId="other") == "IdentityMissing"
    assert login(audience="elsewhere") == "AudienceRefused"
    assert login(SignedIdentity(issuer, "system:serviceaccount:apps:other")) == "SubjectRefused"
    infisical.create_identity(IDENTITY, Trusted("https://other.example.com", SUBJECT, infisical.url))
    assert login() == "IssuerRefused"
    infisical.fail_with("/api", Answer("<html>", 200))
    assert login() == "MalformedAnswer"
    infisical.fail_with("/api", Answer("", 302, {"Location": "https://elsewhere.example.com"}))
    assert login() == "Redirected"


def test_all_that_is_missing_at_infisical_is_said_at_once(infisical: LocalInfisical, web: SignedIdentity) -> None:
    token, host = infisical_token(infisical, web), infisical.url.removeprefix("https://")
    inputs = infisical_reading(
        infisical, token, a=("/web", "API_KEY"), b=("/web", "B"), c=("/gone", "C"), d=("/hidden", "API_KEY")
    )
    with pytest.raises(ProviderError) as caught:
        opened(InfisicalSecrets(), inputs, web, infisical)
    in_project = "in the environment prod of the project project-1"
    assert [(part.path, part.reason, part.message) for part in caught.value.parts] == [
        (
            ("get", "b"),
            "InfisicalSecretMissing",
            f"{host} has no secret B at /web {in_project}: correct `get.b.secretKey`, or add it there",
        ),
        (
            ("get", "c"),
            "InfisicalPathMissing",
            (
                f"{host} has no folder /gone {in_project}: correct `get.c.environment`, which is the slug, or"
                " `get.c.secretPath`"
            ),
        ),
        (
            ("get", "d"),
            "InfisicalAccessDenied",
            (
                f"the identity may not read the value of API_KEY at /hidden {in_project} ({host}): give it a role there"
                " that allows Read Value on secrets"
            ),
        ),
    ]
    assert (
        refused(InfisicalSecrets(), infisical_reading(infisical, "gone", a=("/web", "A")), web, infisical)[0]
        == "InfisicalTokenRefused"
    )


# GitHub


@pytest.fixture
def github(tmp_path: Path) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path / "github") as vendor:
        vendor.create_app(7, "deploys")
        vendor.install(7, "acme", {"contents": "write", "metadata": "read"}, "web", "api")
        yield vendor


def github_login(github: LocalGitHub, **more: Any) -> dict[str, Any]:
    host = github.url.removeprefix("https://")
    return {"appId": 7, "owner": "acme", "privateKey": github.private_key(7), "ghe": {"host": host}, **more}


def test_an_app_gets_a_token_of_its_installation_for_an_hour(github: LocalGitHub, web: SignedIdentity) -> None:
    inputs = github_login(github, repositories=["web"], permissions={"contents": "read"})
    login = opened(GitHubLogin(), inputs, web, github)
    assert {name: login.value[name] for name in ("appId", "appSlug", "installationId", "type")} == {
        "appId": 7,
        "appSlug": "deploys",
        "installationId": 1,
        "type": "installation",
    }
    assert login.lease is not None
    assert timedelta(minutes=59) < login.lease.expires_at - login.lease.issued_at < timedelta(minutes=61)
    assert github.may_do(login.value["accessToken"].value) == (("web",), {"contents": "read"})
    everything = opened(GitHubLogin(), github_login(github), web, github)
    assert github.may_do(everything.value["accessToken"].value) == (
        ("api", "web"),
        {"contents": "write", "metadata": "read"},
    )
    github.create_app(8, "personal", is_user=True)
    github.install(8, "octocat", {"contents": "read"}, "dotfiles")
    of_user = github_login(github, appId=8, owner="octocat", privateKey=github.private_key(8))
    assert opened(GitHubLogin(), of_user, web, github).value["installationId"] == 2


def test_what_github_refuses_says_what_to_do(github: LocalGitHub, web: SignedIdentity) -> None:
    github.create_app(8, "other")

    def login(**more: Any) -> str:
        return refused(GitHubLogin(), github_login(github, **more), web, github)[0]

    assert login(privateKey=github.private_key(8)) == "GitHubKeyRefused"
    assert (
        login(privateKey="-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----") == "GitHubInvalidKey"
    )
    assert login(owner="nobody") == "GitHubAppNotInstalled"
    assert login(repositories=["web", "secret-plans"]) == "GitHubRepositoryMissing"
    assert login(permissions={"administration": "write"}) == "GitHubPermissionMissing"
    github.suspend("acme")
    reason, message = refused(GitHubLogin(), github_login(github), web, github)
    assert reason == "GitHubInstallationSuspended"
    assert "an owner of acme has to unsuspend it in its settings" in message
    github.fail_with("/api", Answer({"message": "API rate limit exceeded"}, 403, {"X-RateLimit-Reset": "99999999999"}))
    with pytest.raises(ProviderError) as caught:
        opened(GitHubLogin(), github_login(github), web, github)
    assert caught.value.throttled
    assert (caught.value.retry_after or 0) > 1e9


# An adapter


@pytest.fixture
def adapter(issuer: LocalIssuer, tmp_path: Path) -> Iterator[LocalAdapter]:
    def answer(content: dict[str, Any]) -> dict[str, Any]:
        return {"password": "generated-password", "asked": content}

    with LocalAdapter(tmp_path / "adapter", issuer.url, SUBJECT, answer) as vendor:
        vendor.trust(issuer.url, issuer.ca_file)
        yield vendor


def test_an_adapter_answers_whom_it_knows(adapter: LocalAdapter, web: SignedIdentity, issuer: LocalIssuer) -> None:
    inputs = {"url": f"{adapter.url}/secrets", "request": {"name": "db"}}
    found = opened(External(), inputs, web, adapter)
    assert found.value == {"response": {"password": "generated-password", "asked": {"name": "db"}}}
    assert (found.secret, found.lease) == (True, None)
    assert web.audiences == [f"{adapter.url}/secrets"]
    assert not opened(External(), {**inputs, "secret": False}, web, adapter).secret
    stranger = SignedIdentity(issuer, "system:serviceaccount:apps:other")
    assert refused(External(), inputs, stranger, adapter)[0] == "AdapterAccessDenied"
    assert refused(External(), {"url": f"{adapter.url}/other"}, web, adapter)[0] == "AdapterMissing"
    adapter.fail_with("/secrets", Answer('{"a": NaN}'))
    assert refused(External(), inputs, web, adapter)[0] == "MalformedAnswer"
    issuer.rotate_key()
    adapter.fail_with("/secrets", None)
    assert refused(External(), {"url": f"{adapter.url}/secrets?x=1"}, web, adapter)[0] == "AdapterTokenRefused"


def test_an_adapter_rotates_from_its_last_answer(adapter: LocalAdapter, web: SignedIdentity) -> None:
    inputs = {"url": f"{adapter.url}/secrets", "request": {"name": "db"}}
    first = rotated(ExternalRotator(), inputs, None, web, adapter)
    second = rotated(ExternalRotator(), inputs, first, web, adapter)
    assert adapter.asked == [
        {"request": {"name": "db"}, "state": None},
        {"request": {"name": "db"}, "state": first["current"]},
    ]
    assert second["current"]["password"] == "generated-password"
