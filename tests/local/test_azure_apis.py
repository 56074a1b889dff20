"""The local Key Vault and Microsoft Graph check all that they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.asking import ask
from local_azure import LocalAzure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TENANT, CLIENT, SECRET = "tenant", "client", "secret-of-the-client"
VAULT_SCOPE, GRAPH_SCOPE = "https://vault.azure.net/.default", "https://graph.microsoft.com/.default"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[LocalAzure]:
    with LocalAzure(tmp_path) as azure:
        azure.create_application(TENANT, CLIENT, secret=SECRET)
        azure.vaults.create("my-vault", TENANT)
        azure.vaults.let_read("my-vault", CLIENT)
        azure.graph.create("web")
        azure.graph.let_manage("web", CLIENT)
        yield azure


def token(azure: LocalAzure, scope: str) -> str:
    form = {"client_id": CLIENT, "grant_type": "client_credentials", "scope": scope, "client_secret": SECRET}
    return str(ask(azure, f"/{TENANT}/oauth2/v2.0/token", form)[1]["access_token"])


def read(azure: LocalAzure, path: str, bearer: str = "", version: str = "7.4") -> tuple[int, Any]:
    bearer = bearer or token(azure, VAULT_SCOPE)
    return ask(azure, f"/vaults/{path}?api-version={version}", bearer=bearer)


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    error = answer[1]["error"]
    return answer[0], (error.get("innererror") or error)["code"]


def test_a_secret_has_versions_and_the_latest_is_given(azure: LocalAzure) -> None:
    first = azure.vaults.write("my-vault", "key", "1")
    second = azure.vaults.write("my-vault", "key", "2")
    status, answer = read(azure, "my-vault/secrets/key")
    assert (status, answer["value"]) == (200, "2")
    assert answer["id"].endswith(f"/secrets/key/{second}")
    assert read(azure, f"my-vault/secrets/key/{first}")[1]["value"] == "1"


def test_a_vault_takes_only_its_tokens_its_readers_and_its_versions_of_the_api(azure: LocalAzure) -> None:
    version = azure.vaults.write("my-vault", "key", "1")
    assert code(read(azure, "my-vault/secrets/key", bearer="entra-none")) == (401, "Unauthorized")
    assert code(read(azure, "my-vault/secrets/key", bearer=token(azure, GRAPH_SCOPE))) == (401, "Unauthorized")
    assert code(read(azure, "my-vault/secrets/key", version="1.0")) == (400, "BadParameter")
    assert code(read(azure, "my-vault/secrets/other")) == (404, "SecretNotFound")
    azure.vaults.switch("my-vault", "key", version, enabled=False)
    assert code(read(azure, "my-vault/secrets/key")) == (403, "SecretDisabled")
    azure.vaults.create("of-others", TENANT)
    assert code(read(azure, "of-others/secrets/key")) == (403, "ForbiddenByRbac")
    azure.vaults.create("elsewhere", "another-tenant")
    assert code(read(azure, "elsewhere/secrets/key")) == (401, "Unauthorized")


def test_a_secret_that_graph_has_added_logs_in_until_it_is_removed(azure: LocalAzure) -> None:
    azure.create_application(TENANT, "web")
    bearer, path = token(azure, GRAPH_SCOPE), "/graph/v1.0/applications(appId='web')"
    wanted = {"passwordCredential": {"displayName": "x"}}
    status, added = ask(azure, f"{path}/addPassword", content=wanted, bearer=bearer)
    assert status == 200
    form = {
        "client_id": "web",
        "grant_type": "client_credentials",
        "scope": VAULT_SCOPE,
        "client_secret": added["secretText"],
    }
    assert ask(azure, f"/{TENANT}/oauth2/v2.0/token", form)[0] == 200
    (listed,) = ask(azure, path, bearer=bearer)[1]["passwordCredentials"]
    assert (listed["keyId"], listed["displayName"], listed["secretText"]) == (added["keyId"], "x", None)
    assert ask(azure, path, bearer=token(azure, VAULT_SCOPE))[0] == 401
    assert [one.name for one in azure.graph.create("web").passwords] == []
    assert ask(azure, f"/{TENANT}/oauth2/v2.0/token", form)[0] == 401
