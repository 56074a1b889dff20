"""Logins are admitted before anything is asked for; what providers say of their failures repeats no secret input."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator import api
from esc_operator.driver.admission import Wish
from esc_operator.errors import FailedPart, IdentityError, NotFoundError, ProviderError
from esc_operator.evaluation import Login, Opened
from esc_operator.providers.aws.login import AwsLogin
from esc_operator.providers.port import IdentityToken
from esc_operator.reconciliation.opening.admission import Admissions, NamespaceAdmission
from esc_operator.resources.allowances import Allowances
from esc_operator.stores.port import Failed, StoredDefinition
from unit.driver.test_opener import opener as opener_with

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


class Reporting:
    """A provider that tells as whom it logs in."""

    name = "reporting"
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}
    fails = False
    tells_parts = False

    def login(self, inputs: Any) -> Login | None:
        return (
            Login(inputs["role"], inputs.get("audience", "aud"), bool(inputs.get("raw"))) if "role" in inputs else None
        )

    async def open(self, inputs: Any, context: OpenContext) -> Opened:
        if self.login(inputs):
            await context.identity.token(inputs.get("audience", "aud"))
        if self.fails:
            message = f"the role {inputs.get('role')} is not trusted in {inputs.get('region')}"
            raise ProviderError(
                message, parts=[FailedPart(("role",), message, "Untrusted")] if self.tells_parts else ()
            )
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
        aws: Any = AwsLogin()
        opener = opener_with(provider, aws)
        root = StoredDefinition("apps/one", definition={"values": {"a": {f"fn::open::{provider.name}": inputs}}})
        admissions = Admissions(NamespaceAdmission("apps", allowances), of_nobody_else)
        return await api.open_environment(root, Nothing(), opener, caller or Caller(), admission=admissions)

    return asyncio.run(go())


async def of_nobody_else(namespace: str) -> Allowances:
    raise AssertionError(f"nobody asks what {namespace} allows")


def test_a_login_that_is_not_allowed_asks_nobody_for_anything() -> None:
    caller = Caller()
    (error,) = open_one(Reporting(), {"role": "admin"}, NOTHING, caller).errors
    assert (error.reason, error.path) == ("RoleNotAllowed", "values.a")
    (error,) = open_one(Reporting(), {"role": "admin"}, Allowances(audiences=()), caller).errors
    assert error.reason == "AudienceNotAllowed"
    assert caller.asked == []


def test_what_logs_in_nowhere_is_not_judged() -> None:
    assert open_one(Reporting(), {"given": "value"}, NOTHING).ok


def test_a_provider_that_does_not_tell_its_role_gets_no_token_where_roles_are_restricted() -> None:
    caller = Caller()
    (error,) = open_one(Silent(), {}, Allowances(roles=("**",)), caller).errors
    assert error.reason == "RoleNotAllowed"
    assert 'the provider "silent" does not report its role' in error.summary
    assert caller.asked == []
    assert open_one(Silent(), {}, Allowances(), caller).ok


def test_a_role_that_is_a_secret_is_not_told() -> None:
    (error,) = open_one(Reporting(), {"role": {"fn::secret": "hidden-role"}}, NOTHING).errors
    assert error.reason == "RoleNotAllowed"
    assert "hidden-role" not in error.summary


@pytest.mark.parametrize("audience", ["api", "https://kubernetes.default.svc"])
def test_the_audience_of_the_api_server_is_allowed_to_nobody(audience: str) -> None:
    (error,) = open_one(Reporting(), {"role": "admin", "audience": audience}, Allowances()).errors
    assert error.reason == "AudienceNotAllowed"
    assert f'"{audience}" is one of the API server\'s own' in error.summary


@given(st.text("abc-", min_size=3, max_size=8), st.text("xyz-", min_size=3, max_size=8))
def test_secret_inputs_are_taken_out_of_what_a_provider_says(role: str, region: str) -> None:
    provider = Reporting()
    provider.fails = True
    (error,) = open_one(provider, {"role": {"fn::secret": role}, "region": region}, Allowances()).errors
    assert f"the role {role}" not in error.summary
    assert "the role [secret] is not trusted" in error.summary
    (error,) = open_one(provider, {"role": role, "region": region}, Allowances()).errors
    assert error.summary == f"the role {role} is not trusted in {region}"
    provider.tells_parts = True
    (error,) = open_one(provider, {"role": {"fn::secret": role}, "region": region}, Allowances()).errors
    assert error.reason == "Untrusted"
    assert f"the role {role}" not in error.summary
    assert "the role [secret] is not trusted" in error.summary


def test_whatever_a_provider_told_before_the_audience_that_it_asks_for_is_judged_too() -> None:
    admission = NamespaceAdmission("apps", Allowances(audiences=("sts.amazonaws.com",)))
    assert admission.refuse_audience("sts.amazonaws.com") is None
    refused = admission.refuse_audience("vault")
    assert refused is not None
    assert "vault" not in refused.message, "it may be a secret"
    assert isinstance(NamespaceAdmission("apps", NOTHING).refuse_unknown("x"), IdentityError)


STS = "sts.amazonaws.com"
RAW = {"role": "admin", "audience": "aud", "raw": True}


@pytest.mark.parametrize(
    ("allowances", "audience", "allowed"),
    [
        (Allowances(), "aud", True),
        (Allowances(roles=("**",)), "aud", False),
        (Allowances(audiences=("**",)), "aud", False),
        (Allowances(roles=("**",), token_audiences=("au*",)), "aud", True),
        (Allowances(token_audiences=("other",)), "aud", False),
        (Allowances(token_audiences=()), "aud", False),
        (Allowances(), STS, False),
        (Allowances(roles=("**",), audiences=("**",), token_audiences=("**",)), STS, False),
        (Allowances(token_audiences=(STS,)), STS, True),
        (Allowances(roles=("**",), audiences=("**",), token_audiences=("aud", STS)), STS, True),
    ],
)
def test_the_token_itself_is_a_permission_of_its_own(allowances: Allowances, audience: str, allowed: bool) -> None:
    caller = Caller()
    result = open_one(Reporting(), {**RAW, "audience": audience}, allowances, caller)
    assert result.ok is allowed
    assert caller.asked == [audience] * allowed
    assert allowed or {error.reason for error in result.errors} == {"TokenNotAllowed"}
    assert open_one(Reporting(), {**RAW, "audience": audience, "raw": False}, allowances).ok


def test_the_refusal_of_a_token_says_what_to_write() -> None:
    (error,) = open_one(Reporting(), {**RAW, "audience": STS}, Allowances(roles=("admin",))).errors
    assert error.summary == (
        '"reporting" would output the identity token itself, for the audience "sts.amazonaws.com", and namespace apps '
        "does not allow that: let the provider exchange it (azure-login does with `scope`), or ask an administrator "
        "to add the audience, literally, because aws-login logs in with it, to the namespace's annotation "
        "esc-operator.dev/allowed-token-audiences"
    )
    (error,) = open_one(Reporting(), {**RAW, "role": {"fn::secret": "admin"}}, Allowances(audiences=("aud",))).errors
    assert "(which may be a secret)" in error.summary


def test_a_provider_that_does_not_tell_gets_no_token_where_there_is_any_list() -> None:
    for allowances in (Allowances(audiences=("**",)), Allowances(token_audiences=("**",))):
        assert [error.reason for error in open_one(Silent(), {}, allowances).errors] == ["RoleNotAllowed"]


def judged(home: Allowances, author: str, other: Allowances | None) -> Failed | None:
    async def read(namespace: str) -> Allowances:
        assert namespace == "red"
        if other is None:
            raise NotFoundError("no namespace red")
        return other

    wish = Wish("reporting", author, Login("role/blue", STS, gives_token=False), shown=True)
    return asyncio.run(Admissions(NamespaceAdmission("blue", home), read).refuse(wish))


def test_a_login_that_another_namespaces_definition_asks_for_has_to_be_allowed_in_both() -> None:
    blue, red = Allowances(roles=("role/blue",)), Allowances(roles=("role/red",))
    both = Allowances(roles=("role/*",))
    assert judged(blue, "blue/app", None) is None
    assert judged(blue, "ClusterEscEnvironment/base", None) is None
    assert judged(blue, "red/lib", both) is None
    assert judged(blue, "red/lib", Allowances()) is None
    refused = judged(blue, "red/lib", red)
    assert refused is not None
    assert (refused.reason, "in namespace red" in refused.message) == ("RoleNotAllowed", True)
    refused = judged(red, "red/lib", both)
    assert refused is not None
    assert "in namespace blue" in refused.message
    unknown = judged(blue, "red/lib", None)
    assert unknown is not None
    assert unknown.message == "the allow-lists of namespace red could not be read: no namespace red"
