"""The login outputs the identity token for a workload identity of Snowflake."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from esc_operator.evaluation import Login
from esc_operator.providers.snowflake.login import PROVIDER
from esc_operator.testing import FakeContext, FakeIdentity
from esc_operator.testing.fakes import NOON, identity_token

OIDC = {"account": "myorg-web", "user": "WEB"}


@pytest.mark.parametrize("audience", [None, "https://snowflake.acme.example.com"])
def test_the_token_is_for_snowflake_or_for_the_audience_that_is_named(audience: str | None) -> None:
    identity = FakeIdentity()
    inputs = {"oidc": {**OIDC, **({"audience": audience} if audience else {})}}
    opened = asyncio.run(PROVIDER.open(inputs, FakeContext(identity=identity)))
    wanted = audience or "snowflakecomputing.com"
    assert identity.audiences == [wanted]
    assert opened.value["token"].value == identity_token(wanted)
    assert opened.value["authenticator"] == "WORKLOAD_IDENTITY"
    assert opened.value["expiresAt"] == "2026-05-01T13:00:00Z"
    assert opened.lease is not None
    assert opened.lease.expires_at == NOON + timedelta(hours=1)
    assert PROVIDER.login(inputs) == Login("myorg-web/WEB", wanted, gives_token=True)


def test_a_role_is_passed_through_and_left_out_if_there_is_none() -> None:
    with_role = asyncio.run(PROVIDER.open({"oidc": {**OIDC, "role": "READER"}}, FakeContext()))
    assert with_role.value["role"] == "READER"
    assert "role" not in asyncio.run(PROVIDER.open({"oidc": OIDC}, FakeContext())).value
