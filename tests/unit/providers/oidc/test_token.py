"""The bare token: for which audience, until when, and to whom it is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from esc_operator.driver.admission import Wish
from esc_operator.driver.catalogue import Catalogue
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Lease, Login
from esc_operator.providers.oidc.token import PROVIDER
from esc_operator.reconciliation.opening.admission import NamespaceAdmission
from esc_operator.resources.allowances import ALLOWED_ROLES, ALLOWED_TOKEN_AUDIENCES, parse_allowances
from esc_operator.testing import NOON, FakeContext

INPUTS: dict[str, Any] = {"audience": "https://registry.example.com", "identityToken": {"version": "v2"}}


def test_it_is_the_identity_token_for_that_audience() -> None:
    context = FakeContext()
    opened = asyncio.run(PROVIDER.open(INPUTS, context))
    assert context.identity.audiences == ["https://registry.example.com"]
    assert opened.value.startswith("eyJ")
    assert (opened.lease, opened.secret) == (Lease(NOON, NOON + timedelta(hours=1)), True)
    assert "eyJ" not in repr(opened)


def test_a_token_that_lasts_longer_than_asked_for_is_refused_and_not_given_out() -> None:
    with pytest.raises(ProviderError, match="lasts 1h, longer than `duration` allows") as caught:
        asyncio.run(PROVIDER.open({**INPUTS, "duration": "15m"}, FakeContext()))
    assert caught.value.reason == "DurationTooLong"


def test_it_gives_the_token_away_so_administrators_decide() -> None:
    assert PROVIDER.login(INPUTS) == Login(
        "oidc:https://registry.example.com", "https://registry.example.com", gives_token=True
    )


def test_a_token_with_which_another_provider_logs_in_is_recognized() -> None:
    assert Catalogue().exchanging("sts.amazonaws.com", but="oidc") == "aws-login"
    assert Catalogue().exchanging("https://registry.example.com", but="oidc") == ""


@pytest.mark.parametrize(
    ("audience", "other", "annotations", "is_allowed"),
    [
        ("https://registry.example.com", "", {}, True),
        ("sts.amazonaws.com", "aws-login", {}, False),
        ("https://registry.example.com", "", {ALLOWED_ROLES: "oidc:**"}, False),
        ("https://registry.example.com", "", {ALLOWED_TOKEN_AUDIENCES: "https://registry.example.com"}, True),
        ("sts.amazonaws.com", "aws-login", {ALLOWED_TOKEN_AUDIENCES: "**"}, False),
        ("sts.amazonaws.com", "aws-login", {ALLOWED_TOKEN_AUDIENCES: "sts.amazonaws.com"}, True),
    ],
)
def test_it_needs_the_permission_for_raw_tokens(
    audience: str, other: str, annotations: dict[str, str], is_allowed: bool
) -> None:
    login = PROVIDER.login({**INPUTS, "audience": audience})
    assert login is not None
    wish = Wish("oidc", "web", login, True, other)
    refused = NamespaceAdmission("web", parse_allowances(annotations)).refuse(wish)
    assert (refused is None) is is_allowed
    if refused is not None:
        assert refused.reason == "TokenNotAllowed"
        assert f"the annotation {ALLOWED_TOKEN_AUDIENCES}" in refused.message.replace("namespace's", "the")
