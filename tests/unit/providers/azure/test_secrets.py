"""azure-secrets: what it asks for, where, and with which token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from esc_operator.errors import ProviderError
from esc_operator.providers import reasons
from esc_operator.providers.azure.secrets import PROVIDER
from esc_operator.testing import FakeContext, json_answer
from unit.providers.azure.trials import ACCESS_TOKEN, APPLICATION, GRANTED, READING, VERSION, refused, vault_refused

if TYPE_CHECKING:
    from esc_operator.evaluation import Opened
    from esc_operator.providers.port import HttpAnswer, HttpRequest

GIVEN = {**APPLICATION, "accessToken": ACCESS_TOKEN}


class Azure:
    """An Entra that grants, and a Key Vault with these answers by secret."""

    def __init__(self, **secrets: HttpAnswer) -> None:
        self.secrets = secrets
        self.token = GRANTED
        self.sent: list[HttpRequest] = []
        self.has_vault = True

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        if "/oauth2/" in request.url:
            return self.token
        if not self.has_vault:
            raise ProviderError("no address", reason=reasons.HOST_NOT_FOUND, outage=True)
        return self.secrets[request.url.partition("/secrets/")[2].partition("?")[0].partition("/")[0]]

    def open(self, inputs: dict[str, Any], **settings: str) -> Opened:
        return asyncio.run(PROVIDER.open(inputs, FakeContext(self.send, settings=settings)))

    def refuses(self, inputs: dict[str, Any], **settings: str) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.open(inputs, **settings)
        return caught.value


def holding(text: str) -> HttpAnswer:
    return json_answer({"value": text, "id": f"https://my-vault.vault.azure.net/secrets/x/{VERSION}"})


def getting(login: dict[str, Any] | None = None, **names: str) -> dict[str, Any]:
    items = {name: {"name": secret} for name, secret in names.items()}
    return {"login": login or READING["login"], "vault": "My-Vault", "get": items}


def test_one_token_serves_all_readings_and_the_latest_version_is_asked_for() -> None:
    azure = Azure(one=holding("1"), two=holding("2"))
    opened = azure.open(getting(a="one", b="two"))
    assert (opened.value, opened.secret, opened.lease) == ({"a": "1", "b": "2"}, True, None)
    assert [(one.path, one.name, one.version) for one in opened.versions] == [
        (("get", "a"), "one", VERSION),
        (("get", "b"), "two", VERSION),
    ]
    token, *readings = azure.sent
    assert token.url == "https://login.microsoftonline.com/contoso.example.com/oauth2/v2.0/token"
    assert parse_qs((token.body or b"").decode())["scope"] == ["https://vault.azure.net/.default"]
    assert [one.url for one in readings] == [
        f"https://my-vault.vault.azure.net/secrets/{name}?api-version=7.4" for name in ("one", "two")
    ]
    assert {one.headers["Authorization"] for one in readings} == {f"Bearer {ACCESS_TOKEN}"}


def test_a_pinned_version_is_asked_for() -> None:
    azure = Azure(**{"api-key": holding("1")})
    azure.open(dict(READING))
    assert azure.sent[-1].url.endswith(f"/secrets/api-key/{VERSION}?api-version=7.4")


@pytest.mark.parametrize(
    ("authority", "vault", "scope"),
    [
        ("login.microsoftonline.us", "my-vault.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net/.default"),
        ("login.chinacloudapi.cn", "my-vault.vault.azure.cn", "https://vault.azure.cn/.default"),
        ("login.partner.microsoftonline.cn", "my-vault.vault.azure.cn", "https://vault.azure.cn/.default"),
    ],
)
def test_the_authority_decides_which_cloud_it_is(authority: str, vault: str, scope: str) -> None:
    azure = Azure(one=holding("1"))
    settings = {"AZURE_AUTHORITY_HOST": f"https://{authority}/"}
    azure.open(getting(a="one"), **settings)
    token, reading = azure.sent
    assert token.url.startswith(f"https://{authority}/contoso")
    assert parse_qs((token.body or b"").decode())["scope"] == [scope]
    assert reading.url.startswith(f"https://{vault}/secrets/one?")
    assert PROVIDER.endpoint(getting(a="one"), settings) == vault


def test_a_setting_leads_to_a_gateway_and_has_to_name_the_vault() -> None:
    azure = Azure(one=holding("1"))
    azure.open(getting(GIVEN, a="one"), AZURE_KEYVAULT_URL="https://gateway.example.com/{vault}/")
    assert azure.sent[0].url.startswith("https://gateway.example.com/my-vault/secrets/one?")
    error = azure.refuses(getting(GIVEN, a="one"), AZURE_KEYVAULT_URL="https://gateway.example.com")
    assert error.message == "AZURE_KEYVAULT_URL must be a URL such as https://{vault}.vault.azure.net"


def test_a_token_that_the_login_has_taken_is_used_as_it_is_and_forgotten_if_the_vault_refuses_it() -> None:
    azure = Azure(one=holding("1"), two=vault_refused(401, "Unauthorized"))
    azure.open(getting(GIVEN, a="one"))
    assert len(azure.sent) == 1
    assert azure.refuses(getting(GIVEN, a="two")).login_refused
    assert not azure.refuses(getting(a="two")).login_refused


def test_an_expired_identity_token_is_forgotten_with_its_login() -> None:
    azure = Azure()
    azure.token = refused(700024)
    assert azure.refuses(getting(a="one")).login_refused
    azure.token = refused(700213)
    assert not azure.refuses(getting(a="one")).login_refused


def test_each_missing_secret_is_told_with_its_own_reason() -> None:
    azure = Azure(
        one=holding("1"),
        two=vault_refused(404, "SecretNotFound"),
        three=vault_refused(403, "Forbidden", inner="ForbiddenByRbac"),
    )
    error = azure.refuses(getting(a="one", b="two", c="three"))
    assert 'does not have the secret "two": correct `get.b`' in error.message
    assert 'may not read the secret "three"' in error.message
    assert error.reason == "AzureSecretMissing"


def test_a_vault_without_an_address_is_missing() -> None:
    azure = Azure()
    azure.has_vault = False
    error = azure.refuses(getting(GIVEN, a="one"))
    assert (error.reason, error.outage) == ("KeyVaultMissing", True)
    assert "there is no Key Vault My-Vault: my-vault.vault.azure.net has no address; correct `vault`" in error.message


@pytest.mark.parametrize(
    "vault",
    ["", "a", "1vault", "vault-", "a--b", "x.y", "vault/..", "vault#", "https://x", "vault:8080", "v" * 25, "é12"],
)
def test_no_other_host_can_be_named(vault: str) -> None:
    inputs = {**READING, "vault": vault}
    problems = [problem.path for problem in PROVIDER.problems(inputs)]
    assert problems == [("vault",)]
    azure = Azure()
    assert azure.refuses(inputs).reason == reasons.INVALID_INPUTS
    assert not azure.sent


def test_a_token_that_cannot_be_a_header_is_not_sent() -> None:
    azure = Azure()
    error = azure.refuses(getting({**APPLICATION, "accessToken": "a\r\nX-Header: 1"}, a="one"))
    assert "`login.accessToken` has a space, a line break" in error.message
    assert not azure.sent


def test_calls_are_counted_by_vault() -> None:
    assert PROVIDER.account(getting(a="one")) == "Key Vault my-vault"
    assert PROVIDER.login(getting(a="one")) is None
