"""Pulumi's own client, `pulumi-esc-sdk` as PyPI has it, works with the local Pulumi Cloud: all it can do."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from pulumi_esc_sdk import EnvironmentDefinition, EnvironmentDefinitionValues, EscClient
from pulumi_esc_sdk.esc_client import default_config
from pulumi_esc_sdk.exceptions import ApiException, NotFoundException, UnauthorizedException

from local.pulumi_world import ORGANIZATION, E, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOP = (ORGANIZATION, "shop", "prod")
TEXT = """\
imports: [shop/base]
values:
  password: {fn::secret: hunter2}
  url: postgres://${password}@${host}
  list: [1, null, 2.5, true]
"""


class Watched:
    """A client that remembers which of its methods were called, and tells the requests of the last call."""

    def __init__(self, client: EscClient, world: World) -> None:
        self._client = client
        self._world = world
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        self._world.cloud.forget_requests()
        return getattr(self._client, name)

    @property
    def requests(self) -> list[str]:
        """Those of the last call, without what all paths begin with."""
        begin = "/api/esc/environments/acme"
        return [f"{one.method} {one.path.removeprefix(begin)} {one.status}" for one in self._world.cloud.requests()]


@pytest.fixture
def sdk(pulumi: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    # Without it, Pulumi's programs fall back to a folder that is shared.
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    client = _client(pulumi, pulumi.token)
    yield Watched(client, pulumi)
    for manager in client.esc_api.api_client.rest_client._pool_managers.values():
        manager.clear()


def _client(world: World, token: str) -> EscClient:
    return EscClient(default_config(world.cloud.url, token, ssl_ca_cert=str(world.cloud.ca_file)))


def _definition(**values: str) -> EnvironmentDefinition:
    return EnvironmentDefinition(values=EnvironmentDefinitionValues(additional_properties=values))


def test_the_whole_surface_of_the_sdk_works_request_by_request(pulumi: World, sdk: Watched) -> None:  # noqa: PLR0915
    pulumi.cloud.change(page_size=2)
    # Definitions
    sdk.create_environment(ORGANIZATION, "shop", "base")
    assert sdk.requests == ["POST  200"]
    sdk.create_environment(*SHOP)
    sdk.update_environment(ORGANIZATION, "shop", "base", _definition(host="db"))
    assert sdk.requests == ["PATCH /shop/base 200"]
    assert not sdk.update_environment_yaml(*SHOP, TEXT).diagnostics
    assert sdk.requests == ["PATCH /shop/prod 200"]
    definition, raw = sdk.get_environment(*SHOP)
    assert sdk.requests == ["GET /shop/prod 200"]
    assert definition.imports == ["shop/base"]
    assert b"ciphertext" in raw
    assert b"hunter2" not in raw
    definition, text = sdk.decrypt_environment(*SHOP)
    assert sdk.requests == ["GET /shop/prod/decrypt 200"]
    assert text == TEXT
    assert definition.values.additional_properties["password"] == {"fn::secret": "hunter2"}
    definition, _ = sdk.get_environment_at_version(*SHOP, "1")
    assert sdk.requests == ["GET /shop/prod/versions/1 200"]
    assert definition is None
    # Checks
    checked = sdk.check_environment_yaml(ORGANIZATION, "values: {a: 1}")
    assert sdk.requests == ["POST /yaml/check 200"]
    assert checked.properties["a"].value == 1
    checked = sdk.check_environment(ORGANIZATION, _definition(a="${b}"))
    assert sdk.requests == ["POST /yaml/check 400"]
    (diagnostic,) = checked.diagnostics
    assert (diagnostic.summary, diagnostic.range.begin.line) == ('unknown property "b"', 2)
    # Opening
    values = {"host": "db", "list": [1, None, 2.5, True], "password": "hunter2", "url": "postgres://hunter2@db"}
    opened = sdk.open_environment(*SHOP)
    assert sdk.requests == ["POST /shop/prod/open 200"]
    environment, read, _ = sdk.read_open_environment(*SHOP, opened.id)
    assert sdk.requests == [f"GET /shop/prod/open/{opened.id} 200"]
    assert read == values
    assert environment.properties["password"].secret
    assert environment.properties["url"].trace.var_def.begin.line == 4
    value, plain = sdk.read_open_environment_property(*SHOP, opened.id, "list[2]")
    # It asks for `open//ID`.
    assert sdk.requests == [f"GET /shop/prod/open/{opened.id} 200"]
    assert (value.value, plain) == (2.5, 2.5)
    assert sdk.open_and_read_environment(*SHOP)[1] == values
    assert [one.partition("/open")[0] for one in sdk.requests] == ["POST /shop/prod", "GET /shop/prod"]
    assert sdk.open_environment_at_version(*SHOP, "2").id
    assert sdk.requests == ["POST /shop/prod/versions/2/open 200"]
    assert sdk.open_and_read_environment_at_version(*SHOP, "2")[1] == values
    assert len(sdk.requests) == 2
    # Revisions and their tags
    assert [one.number for one in sdk.list_environment_revisions(*SHOP)] == [2, 1]
    assert sdk.requests == ["GET /shop/prod/versions 200"]
    assert [one.number for one in sdk.list_environment_revisions(*SHOP, before=2, count=5)] == [1]
    sdk.create_environment_revision_tag(*SHOP, "stable", 1)
    assert sdk.requests == ["POST /shop/prod/versions/tags 204"]
    sdk.update_environment_revision_tag(*SHOP, "stable", 2)
    assert sdk.requests == ["PATCH /shop/prod/versions/tags/stable 204"]
    assert sdk.get_environment_revision_tag(*SHOP, "stable").revision == 2
    assert sdk.requests == ["GET /shop/prod/versions/tags/stable 200"]
    assert [tag.name for tag in sdk.list_environment_revision_tags(*SHOP).tags] == ["latest", "stable"]
    assert sdk.requests == ["GET /shop/prod/versions/tags 200"]
    sdk.delete_environment_revision_tag(*SHOP, "stable")
    assert sdk.requests == ["DELETE /shop/prod/versions/tags/stable 204"]
    # Tags
    assert sdk.create_environment_tag(*SHOP, "team", "web").value == "web"
    assert sdk.requests == ["POST /shop/prod/tags 200"]
    assert sdk.update_environment_tag(*SHOP, "team", "web", "owner", "back").name == "owner"
    assert sdk.requests == ["PATCH /shop/prod/tags/team 200"]
    assert sdk.get_environment_tag(*SHOP, "owner").value == "back"
    assert sdk.requests == ["GET /shop/prod/tags/owner 200"]
    listed = sdk.list_environment_tags(*SHOP)
    assert (list(listed.tags), listed.next_token) == (["owner"], "0")
    assert sdk.requests == ["GET /shop/prod/tags 200"]
    sdk.delete_environment_tag(*SHOP, "owner")
    assert sdk.requests == ["DELETE /shop/prod/tags/owner 204"]
    # Clones, pages, deletion
    sdk.clone_environment(*SHOP, "back", "prod", {"preserve_history": True})
    assert sdk.requests == ["POST /shop/prod/clone 204"]
    first = sdk.list_environments(ORGANIZATION)
    assert sdk.requests == ["GET  200"]
    second = sdk.list_environments(ORGANIZATION, first.next_token)
    assert [f"{one.project}/{one.name}" for one in (*first.environments, *second.environments)] == [
        "back/prod",
        "shop/base",
        "shop/prod",
    ]
    assert second.next_token == ""
    sdk.delete_environment(*SHOP)
    assert sdk.requests == ["DELETE /shop/prod 200"]
    with pytest.raises(NotFoundException, match="environment 'acme/shop/prod' not found"):
        sdk.get_environment(*SHOP)
    public = {name for name, _ in inspect.getmembers(EscClient, inspect.isfunction) if not name.startswith("_")}
    assert sdk.used == public


def test_the_sdk_reads_the_values_of_older_services_too(pulumi: World, sdk: Watched) -> None:
    pulumi.put("values: {a: null, b: [null, 1], c: {d: x}}")
    newer = sdk.open_and_read_environment(*SHOP)[1]
    pulumi.cloud.change(has_new_values=False)
    older = sdk.open_and_read_environment(*SHOP)
    assert newer == {"a": None, "b": [None, 1], "c": {"d": "x"}}
    assert older[0].properties["a"].value is None
    assert '"value": null' not in older[2]


def test_the_sdk_says_what_the_service_says(pulumi: World, sdk: Watched) -> None:
    pulumi.put("values: {a: 1}")
    pulumi.cloud.add_fault(path=f"{E}/open", status=503, message="out of order", count=1)
    with pytest.raises(ApiException, match="out of order") as failed:
        sdk.open_environment(*SHOP)
    assert failed.value.status == 503
    pulumi.cloud.revoke(pulumi.token)
    with pytest.raises(UnauthorizedException, match="No credentials provided or are invalid"):
        sdk.open_environment(*SHOP)
