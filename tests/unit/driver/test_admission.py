"""Logins are admitted before anything is asked for; what providers say of their failures repeats no secret input."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator import api
from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.errors import IdentityError, ProviderError
from esc_operator.evaluation import Login, Opened
from esc_operator.providers.port import IdentityToken
from esc_operator.reconciliation.admission import NamespaceAdmission
from esc_operator.resources.allowances import Allowances
from esc_operator.stores.port import Failed, Loaded
from unit.driver.test_opener import NOW, Plugins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.api import Result
    from esc_operator.providers.port import OpenContext

NOTHING = Allowances(roles=(), audiences=())


class Caller:
    def __init__(self) -> None:
        self.subject = "system:serviceaccount:apps:default"
        self.tenant = "apps"
        self.asked: list[str] = []

    async def token(self, audience: str) -> IdentityToken:
        self.asked.append(audience)
        return IdentityToken("token", None)


class Telling:
    """A provider that tells as whom it logs in."""

    name = "telling"
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}
    fails = False

    def login(self, inputs: Any) -> Login | None:
        return Login(inputs["role"], inputs.get("audience", "aud")) if "role" in inputs else None

    async def open(self, inputs: Any, context: OpenContext) -> Opened:
        if self.login(inputs):
            await context.identity.token(inputs.get("audience", "aud"))
        if self.fails:
            raise ProviderError(f"the role {inputs.get('role')} is not trusted in {inputs.get('region')}")
        return Opened("value")


class Silent:
    """A provider that does not tell."""

    name = "silent"
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}

    async def open(self, inputs: Any, context: OpenContext) -> Opened:
        await context.identity.token("aud")
        return Opened("value")


class Nothing:
    async def load(self, name: str, importer: str) -> Failed:
        return Failed("there is nothing", "ImportNotFound")


def open_one(provider: Any, inputs: Any, allowances: Allowances, caller: Caller | None = None) -> Result:
    async def go() -> Result:
        registry: Any = Plugins(provider)
        opener = Opener(
            pool=BlockingPool(),
            logins=SharedLogins(lambda: NOW),
            settings={},
            now=lambda: NOW,
            catalogue=Catalogue(registry, registry),
        )
        root = Loaded("apps/one", definition={"values": {"a": {f"fn::open::{provider.name}": inputs}}})
        admission = NamespaceAdmission("apps", allowances)
        return await api.open_environment(root, Nothing(), opener, caller or Caller(), admission=admission)

    return asyncio.run(go())


def test_a_login_that_is_not_allowed_asks_nobody_for_anything() -> None:
    caller = Caller()
    (error,) = open_one(Telling(), {"role": "admin"}, NOTHING, caller).errors
    assert (error.reason, error.path) == ("RoleNotAllowed", "values.a")
    (error,) = open_one(Telling(), {"role": "admin"}, Allowances(audiences=()), caller).errors
    assert error.reason == "AudienceNotAllowed"
    assert caller.asked == []


def test_what_logs_in_nowhere_is_not_judged() -> None:
    assert open_one(Telling(), {"given": "value"}, NOTHING).ok


def test_a_provider_that_does_not_tell_its_role_gets_no_token_where_roles_are_restricted() -> None:
    caller = Caller()
    (error,) = open_one(Silent(), {}, Allowances(roles=("**",)), caller).errors
    assert error.reason == "RoleNotAllowed"
    assert 'the provider "silent" does not tell its role' in error.summary
    assert caller.asked == []
    assert open_one(Silent(), {}, Allowances(), caller).ok


def test_a_role_that_is_a_secret_is_not_told() -> None:
    (error,) = open_one(Telling(), {"role": {"fn::secret": "hidden-role"}}, NOTHING).errors
    assert error.reason == "RoleNotAllowed"
    assert "hidden-role" not in error.summary


@pytest.mark.parametrize("audience", ["api", "https://kubernetes.default.svc"])
def test_the_audience_of_the_api_server_is_allowed_to_nobody(audience: str) -> None:
    (error,) = open_one(Telling(), {"role": "admin", "audience": audience}, Allowances()).errors
    assert error.reason == "AudienceNotAllowed"
    assert f'"{audience}" is one of the API server\'s own' in error.summary


@given(st.text("abc-", min_size=3, max_size=8), st.text("xyz-", min_size=3, max_size=8))
def test_secret_inputs_are_taken_out_of_what_a_provider_says(role: str, region: str) -> None:
    provider = Telling()
    provider.fails = True
    (error,) = open_one(provider, {"role": {"fn::secret": role}, "region": region}, Allowances()).errors
    assert f"the role {role}" not in error.summary
    assert "the role [secret] is not trusted" in error.summary
    (error,) = open_one(provider, {"role": role, "region": region}, Allowances()).errors
    assert error.summary == f"the role {role} is not trusted in {region}"


def test_whatever_a_provider_told_before_the_audience_that_it_asks_for_is_judged_too() -> None:
    admission = NamespaceAdmission("apps", Allowances(audiences=("sts.amazonaws.com",)))
    assert admission.refuse_audience("sts.amazonaws.com") is None
    refused = admission.refuse_audience("vault")
    assert refused is not None
    assert "vault" not in refused.message, "it may be a secret"
    assert isinstance(NamespaceAdmission("apps", NOTHING).refuse_unknown("x"), IdentityError)
