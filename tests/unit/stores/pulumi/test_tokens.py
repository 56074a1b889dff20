"""Access tokens: exchanged for identity tokens, renewed ahead of their expiry and once after a 401."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from esc_operator.errors import ProviderError
from esc_operator.providers.port import IdentityToken
from esc_operator.stores.pulumi import (
    AccessToken,
    GivenToken,
    RenewedTokens,
    TokenKind,
    TokenRequest,
    audience_of,
    exchange,
)
from unit.stores.pulumi.service import NOW, PROD, TOKEN, FakeService, fails, replies, run

CLAIMS = {"iss": "https://issuer.example", "sub": "system:serviceaccount:apps:shop", "aud": ["urn:pulumi:org:acme"]}


def identity(**claims: Any) -> IdentityToken:
    payload = base64.urlsafe_b64encode(json.dumps(CLAIMS | claims).encode()).decode().rstrip("=")
    return IdentityToken(f"eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl", None)


GRANT = {"access_token": TOKEN, "token_type": "token", "expires_in": 3600, "scope": ""}
ORGANIZATION = TokenRequest("acme")


def test_the_exchange_is_one_form() -> None:
    service = FakeService(replies(200, GRANT))
    wanted = TokenRequest("acme", TokenKind.TEAM, "platform", timedelta(hours=1))
    token = run(exchange(service.api(), identity(), wanted))
    assert (token.reveal(), token.expires_at) == (TOKEN, NOW + timedelta(hours=1))
    (asked,) = service.asked
    assert (asked.method, asked.url) == ("POST", "https://api.pulumi.com/api/oauth/token")
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in asked.headers
    assert parse_qs((asked.body or b"").decode()) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "audience": ["urn:pulumi:org:acme"],
        "subject_token": [identity().reveal()],
        "subject_token_type": ["urn:ietf:params:oauth:token-type:id_token"],
        "requested_token_type": ["urn:pulumi:token-type:access_token:team"],
        "scope": ["team:platform"],
        "expiration": ["3600"],
    }


@pytest.mark.parametrize(
    ("wanted", "kind", "scope"),
    [
        (ORGANIZATION, "organization", None),
        (TokenRequest("acme", TokenKind.PERSONAL, "jane"), "personal", ["user:jane"]),
    ],
)
def test_organizations_and_users_have_tokens_as_well(wanted: TokenRequest, kind: str, scope: Any) -> None:
    service = FakeService(replies(200, GRANT))
    run(exchange(service.api(), identity(), wanted))
    form = parse_qs((service.asked[0].body or b"").decode())
    assert form["requested_token_type"] == [f"urn:pulumi:token-type:access_token:{kind}"]
    assert (form.get("scope"), form.get("expiration")) == (scope, None)
    assert form["audience"] == [audience_of("acme")]


@pytest.mark.parametrize(
    "wanted", [TokenRequest("a/b"), TokenRequest("acme", TokenKind.TEAM), TokenRequest("acme", TokenKind.TEAM, "a,b")]
)
def test_names_that_none_has_are_not_sent(wanted: TokenRequest) -> None:
    service = FakeService(replies(200, GRANT))
    assert (fails(exchange(service.api(), identity(), wanted)).reason, service.asked) == ("InvalidName", [])


def test_an_organization_that_does_not_trust_the_issuer_is_told_what_to_register() -> None:
    answer = replies(400, {"error": "invalid_grant", "error_description": f"issuer unknown {identity().reveal()}"})
    failure = fails(exchange(FakeService(answer).api(), identity(), TokenRequest("acme", TokenKind.TEAM, "platform")))
    assert failure.reason == "TokenExchangeRefused"
    assert failure.message == (
        "https://api.pulumi.com does not exchange the identity token of system:serviceaccount:apps:shop for one of team"
        " platform of organization acme (400): register the issuer https://issuer.example in the organization's OIDC "
        "issuers, with a policy that allows a token of type team with scope team:platform where aud is "
        'urn:pulumi:org:acme and sub is system:serviceaccount:apps:shop (Pulumi Cloud says: "issuer unknown [secret]")'
    )
    assert identity().reveal() not in failure.message


def test_the_default_account_of_a_namespace_is_told_first() -> None:
    token = identity(sub="system:serviceaccount:apps:default")
    failure = fails(exchange(FakeService(replies(403)).api(), token, ORGANIZATION))
    assert failure.message.startswith("this environment logs in as system:serviceaccount:apps:default, because its")
    assert "sub is system:serviceaccount:apps:NAME" in failure.message


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (replies(401, {"code": 401, "message": "token is expired"}), "TokenExpired"),
        (replies(404, {"code": 404, "message": "Not Found: organization"}), "OrganizationNotFound"),
        (replies(403, b"<html>", content_type="text/html"), "NotTheAPI"),
        (replies(503), "PulumiCloudUnavailable"),
        (replies(429), "Throttled"),
        (replies(200, b"<html>"), "NotTheAPI"),
        (replies(200, {}), "MalformedAnswer"),
        (replies(200, GRANT | {"access_token": "a b"}), "MalformedAnswer"),
        (replies(200, GRANT | {"access_token": None}), "MalformedAnswer"),
        (replies(200, GRANT | {"expires_in": "soon"}), "MalformedAnswer"),
        (replies(200, GRANT | {"expires_in": -1}), "MalformedAnswer"),
        (replies(200, GRANT | {"expires_in": 10**12}), "MalformedAnswer"),
    ],
)
def test_each_failure_of_an_exchange_has_its_reason(answer: Any, reason: str) -> None:
    assert fails(exchange(FakeService(answer).api(), identity(), ORGANIZATION)).reason == reason


def test_an_exchange_is_repeated_and_a_token_without_an_expiry_is_taken() -> None:
    service = FakeService(replies(503), replies(200, {"access_token": TOKEN}))
    token = run(exchange(service.api(), identity(), ORGANIZATION))
    assert (token.expires_at, len(service.asked), service.slept) == (None, 2, [1.0])
    assert not token.is_due(NOW + timedelta(days=999))


@pytest.mark.parametrize("text", ["", " \n", "a b", "a\nb", "pul-ä"])
def test_what_cannot_be_a_token_is_refused(text: str) -> None:
    with pytest.raises(ProviderError, match="create one in Pulumi Cloud") as refused:
        AccessToken(text)
    assert refused.value.reason == "PulumiTokenRefused"


def test_a_line_break_at_the_end_of_a_token_does_not_count_and_it_never_shows() -> None:
    token = AccessToken(f"{TOKEN}\n")
    assert token.reveal() == TOKEN
    assert TOKEN not in f"{token!r} {token}"


class Source:
    """Gives one token after the other, each for an hour."""

    def __init__(self, service: FakeService) -> None:
        self.service = service
        self.given = 0
        self.failing = False

    async def renew(self) -> AccessToken:
        self.given += 1
        given = self.given
        await asyncio.sleep(0)
        if self.failing:
            raise ProviderError(f"failure {given}")
        return AccessToken(f"pul-{given}", self.service.now, self.service.now + timedelta(hours=1))

    def tokens(self) -> RenewedTokens:
        return RenewedTokens(self.renew, lambda: self.service.now)


def test_many_who_ask_at_once_get_one_token_and_it_is_renewed_ahead_of_its_expiry() -> None:
    service = FakeService(replies())
    source = Source(service)

    async def story() -> None:
        tokens = source.tokens()
        first = await asyncio.gather(*(tokens.token() for _ in range(50)))
        assert {token.reveal() for token in first} == {"pul-1"}
        service.now += timedelta(minutes=54)
        assert (await tokens.token()).reveal() == "pul-1"
        service.now += timedelta(minutes=1, seconds=1)
        again = await asyncio.gather(*(tokens.token() for _ in range(50)))
        assert {token.reveal() for token in again} == {"pul-2"}

    run(story())
    assert source.given == 2


def test_those_who_waited_share_a_failure_and_the_next_tries_again() -> None:
    source = Source(FakeService(replies()))
    source.failing = True

    async def story() -> None:
        tokens = source.tokens()
        ended = await asyncio.gather(*(tokens.token() for _ in range(20)), return_exceptions=True)
        assert {str(each) for each in ended} == {"failure 1"}
        source.failing = False
        assert (await tokens.token()).reveal() == "pul-2"

    run(story())


def test_a_token_that_is_still_good_is_used_while_another_cannot_be_had() -> None:
    service = FakeService(replies())
    source = Source(service)

    async def story() -> None:
        tokens = source.tokens()
        await tokens.token()
        service.now += timedelta(minutes=56)
        source.failing = True
        assert {(await tokens.token()).reveal() for _ in range(10)} == {"pul-1"}
        assert source.given == 2
        service.now += timedelta(seconds=31)
        assert (await tokens.token()).reveal() == "pul-1"
        assert source.given == 3
        service.now += timedelta(minutes=4)
        with pytest.raises(ProviderError, match="failure 4"):
            await tokens.token()
        source.failing = False
        assert (await tokens.token()).reveal() == "pul-5"

    run(story())


def test_a_cancelled_renewal_leaves_the_others_their_own() -> None:
    source = Source(FakeService(replies()))

    async def story() -> None:
        tokens = source.tokens()
        first, second = asyncio.create_task(tokens.token()), asyncio.create_task(tokens.token())
        await asyncio.sleep(0)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        assert first.cancelled()
        assert (await second).reveal() == "pul-2"
        assert len(asyncio.all_tasks()) == 1

    run(story())


def test_after_a_401_there_is_one_more_token_and_one_more_try() -> None:
    service = FakeService(replies(401), replies(200, {"id": "s"}), replies(401))
    source = Source(service)
    cloud = service.cloud(source.tokens())

    async def story() -> None:
        await cloud.open(PROD)
        with pytest.raises(ProviderError, match="does not accept the access token") as refused:
            await cloud.open(PROD)
        assert refused.value.reason == "PulumiTokenRefused"

    run(story())
    used = [request.headers["Authorization"] for request in service.asked]
    assert used == ["token pul-1", "token pul-2", "token pul-2", "token pul-3"]


def test_many_whose_token_was_refused_get_one_other_token() -> None:
    source = Source(FakeService(replies()))

    async def story() -> None:
        tokens = source.tokens()
        refused = await tokens.token()
        others = await asyncio.gather(*(tokens.instead_of(refused) for _ in range(30)))
        assert {other.reveal() for other in others if other} == {"pul-2"}

    run(story())
    assert source.given == 2


def test_a_given_token_has_no_other() -> None:
    service = FakeService(replies(401, {"code": 401, "message": "Unauthorized: No credentials provided"}))
    failure = fails(service.cloud().open(PROD))
    assert (failure.reason, len(service.asked)) == ("PulumiTokenRefused", 1)
    assert run(GivenToken(AccessToken(TOKEN)).instead_of(AccessToken("x"))) is None
