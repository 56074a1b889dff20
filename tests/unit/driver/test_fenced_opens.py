"""A provider asks the hosts that inputs name within the fence of the namespace that is filled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from esc_operator import api
from esc_operator.driver.networks import Fence
from esc_operator.evaluation import Opened
from esc_operator.providers.port import HttpRequest, IdentityToken
from esc_operator.stores.port import Failed, StoredDefinition
from unit.driver.test_opener import opener as opener_with
from unit.driver.test_outbound import OK, answering

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.api import Result
    from esc_operator.providers.port import OpenContext


class Caller:
    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.subject = f"system:serviceaccount:{tenant}:default"

    async def token(self, audience: str) -> IdentityToken:
        raise AssertionError("nobody is logged in to")


class Vault:
    """Reads what stands behind a URL."""

    name = "vault"
    host_inputs: ClassVar[tuple[str, ...]] = ("address",)
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        return str(inputs["address"])

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        answer = await context.send(HttpRequest("GET", f"{inputs['address']}/v1/secret"))
        return Opened(answer.body.decode())


class Nothing:
    async def load(self, name: str, importer: str) -> Failed:
        return Failed("there is nothing", "ImportNotFound")


def open_from(tenant: str, fence: Callable[[str, int], Fence | None]) -> Result:
    async def go() -> Result:
        async with answering(OK) as (port, _):
            vault: Any = Vault()
            opener = opener_with(vault, fence=lambda namespace: fence(namespace, port))
            call = {"fn::open::vault": {"address": f"http://127.0.0.1:{port}"}}
            root = StoredDefinition(f"{tenant}/one", definition={"values": {"a": call}})
            return await api.open_environment(root, Nothing(), opener, Caller(tenant))

    return asyncio.run(go())


def allowed_to_apps(namespace: str, port: int) -> Fence:
    return Fence().allowing([f"http://127.0.0.1:{port}"] if namespace == "apps" else [])


def test_what_an_administrator_allows_a_namespace_is_asked_for_it() -> None:
    result = open_from("apps", allowed_to_apps)
    assert result.ok, result.errors
    assert result.value.properties["a"].reveal() == "ok"


def test_what_another_namespace_is_allowed_is_refused_and_reported_at_its_place() -> None:
    (error,) = open_from("red", allowed_to_apps).errors
    assert (error.reason, error.path) == ("URLNotAllowed", "values.a")
    assert "it is not https://; an administrator may allow it" in error.summary


@pytest.mark.parametrize("tenant", ["", "apps"])
def test_at_a_terminal_there_is_no_fence(tenant: str) -> None:
    assert open_from(tenant, lambda _, __: None).ok


def test_a_fence_is_around_whoever_has_no_namespace_too() -> None:
    assert not open_from("", allowed_to_apps).ok
