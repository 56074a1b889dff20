"""The local Pulumi Cloud exchanges the tokens that the service would, and takes the access tokens that are good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
import pytest

from local.pulumi_world import E, Said, World
from local_issuer import LocalIssuer

if TYPE_CHECKING:
    from pathlib import Path

AUDIENCE = "urn:pulumi:org:acme"
SUBJECT = "system:serviceaccount:apps:web"
TYPE = "urn:pulumi:token-type:access_token:"
NOT_AUTHENTICATED = (401, "Unauthorized: No credentials provided or are invalid.")


@pytest.fixture
def trusting(pulumi: World, issuer: LocalIssuer) -> World:
    """Its organization gives the service accounts of one namespace organization tokens."""
    pulumi.cloud.trust_issuer("acme", issuer.url, str(issuer.ca_file))
    pulumi.cloud.add_policy("acme", issuer.url, subject="system:serviceaccount:apps:*")
    return pulumi


def exchange(world: World, identity_token: str, **form: str) -> Said:
    usual = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": AUDIENCE,
        "subject_token": identity_token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "requested_token_type": f"{TYPE}organization",
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return world.ask("POST", "/api/oauth/token", urlencode({**usual, **form}), token="", headers=headers)


def refused(world: World, identity_token: str, **form: str) -> tuple[int, str]:
    refusal = exchange(world, identity_token, **form).refusal
    assert world.cloud.refusals() == [refusal[1]]
    assert world.cloud.issued_tokens() == [world.token]
    return refusal


def test_an_identity_token_is_exchanged_for_an_access_token_that_ends_in_time(
    trusting: World, issuer: LocalIssuer
) -> None:
    trusting.put("values: {a: 1}")
    answer = exchange(trusting, issuer.token(SUBJECT, AUDIENCE), expiration="600").content
    assert (answer["issued_token_type"], answer["token_type"], answer["expires_in"]) == (
        f"{TYPE}organization",
        "token",
        600,
    )
    assert trusting.open(token=answer["access_token"]).status == 200
    trusting.clock.ahead = 600
    assert trusting.open(token=answer["access_token"]).refusal == NOT_AUTHENTICATED
    counted = [(one.token, one.status) for one in trusting.cloud.requests() if one.operation.endswith("/open")]
    assert counted == [("organization", 200), ("", 401)]


def test_a_team_and_a_user_get_tokens_of_their_own_by_policies_of_their_own(
    trusting: World, issuer: LocalIssuer
) -> None:
    token = issuer.token(SUBJECT, AUDIENCE)
    team = {"requested_token_type": f"{TYPE}team", "scope": "team:platform"}
    assert exchange(trusting, token, **team).status == 401
    trusting.cloud.add_policy("acme", issuer.url, kind="team", team="platform")
    trusting.cloud.add_policy("acme", issuer.url, kind="personal", user="bob")
    of_team = exchange(trusting, token, **team).content["access_token"]
    user = trusting.ask("GET", "/api/user", token=of_team).content
    assert (user["githubLogin"], user["tokenInfo"]["organization"], user["tokenInfo"]["team"]) == (
        "acme",
        "acme",
        "platform",
    )
    of_bob = exchange(trusting, token, requested_token_type=f"{TYPE}personal", scope="user:bob").content["access_token"]
    assert trusting.ask("GET", "/api/user", token=of_bob).content["githubLogin"] == "bob"
    assert exchange(trusting, token, requested_token_type=f"{TYPE}personal", scope="user:ada").status == 401


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (
            {"subject": "system:serviceaccount:other:web"},
            "no authorization policy of organization 'acme' allows the subject token",
        ),
        ({"audience": "urn:pulumi:org:other"}, "the audience of the subject token is not urn:pulumi:org:acme"),
        ({"exp": 1_700_000_000}, "the subject token has expired"),
        ({"nbf": 4_000_000_000, "exp": 4_000_000_100}, "the subject token is not valid yet"),
        ({"iat": None}, "the subject token lacks the claim 'iat'"),
    ],
)
def test_a_token_that_no_policy_is_for_is_refused(
    trusting: World, issuer: LocalIssuer, claims: dict[str, Any], words: str
) -> None:
    token = issuer.token(**{"subject": SUBJECT, "audience": AUDIENCE, **claims})
    assert refused(trusting, token) == (401, f"Unauthorized: {words}")


def test_a_policy_that_denies_wins(trusting: World, issuer: LocalIssuer) -> None:
    trusting.cloud.add_policy("acme", issuer.url, subject=SUBJECT, allows=False)
    assert refused(trusting, issuer.token(SUBJECT, AUDIENCE))[0] == 401


def test_an_issuer_that_the_organization_does_not_trust_is_named(pulumi: World, issuer: LocalIssuer) -> None:
    assert refused(pulumi, issuer.token(SUBJECT, AUDIENCE)) == (
        401,
        f"Unauthorized: the OIDC issuer {issuer.url} is not trusted by organization 'acme'",
    )


def test_a_signature_by_another_key_is_not_believed(trusting: World, issuer: LocalIssuer, tmp_path: Path) -> None:
    token = issuer.token(SUBJECT, AUDIENCE)
    [(_, key)] = LocalIssuer(tmp_path / "forger")._keys.items()
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, key, algorithm="RS256", headers={"kid": jwt.get_unverified_header(token)["kid"]})
    assert refused(trusting, forged) == (401, "Unauthorized: the signature of the subject token is invalid")


def test_a_key_that_the_issuer_does_not_publish_is_not_believed(trusting: World, issuer: LocalIssuer) -> None:
    token = issuer.token(SUBJECT, AUDIENCE)
    issuer.rotate_key()
    words = "Unauthorized: the signing key of the subject token could not be found at its issuer"
    assert refused(trusting, token) == (401, words)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"grant_type": "password"}, "unsupported grant_type"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "unsupported subject_token_type"),
        ({"requested_token_type": f"{TYPE}runner"}, f"unsupported requested_token_type '{TYPE}runner'"),
        ({"audience": "acme"}, "invalid audience 'acme'"),
        ({"audience": "urn:pulumi:org:nobody"}, "invalid audience 'urn:pulumi:org:nobody'"),
        ({"scope": "team:platform"}, "invalid scope 'team:platform' for a token of type organization"),
        ({"requested_token_type": f"{TYPE}team"}, "invalid scope '' for a token of type team"),
        ({"expiration": "-1"}, "invalid expiration '-1'"),
        ({"expiration": "86401"}, "invalid expiration '86401'"),
        ({"subject_token": "not-a-token"}, "the subject token is not a valid JWT"),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    trusting: World, issuer: LocalIssuer, form: dict[str, str], words: str
) -> None:
    assert refused(trusting, issuer.token(SUBJECT, AUDIENCE), **form) == (400, f"Bad Request: {words}")


def test_a_token_revoked_between_exchange_and_open_is_refused(trusting: World, issuer: LocalIssuer) -> None:
    trusting.put("values: {a: 1}")
    trusting.cloud.change(revokes_exchanged=True)
    answer = exchange(trusting, issuer.token(SUBJECT, AUDIENCE))
    assert answer.status == 200
    assert trusting.open(token=answer.content["access_token"]).refusal == NOT_AUTHENTICATED


def test_a_token_of_another_scheme_and_a_strange_one_and_none_are_refused(pulumi: World) -> None:
    bearer = pulumi.ask("GET", "/api/user", token="", headers={"Authorization": f"Bearer {pulumi.token}"})
    assert bearer.refusal == NOT_AUTHENTICATED
    for token in ("", "pul-strange"):
        assert pulumi.ask("GET", "/api/user", token=token).refusal == NOT_AUTHENTICATED


def test_a_token_may_only_what_it_is_for(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    pulumi.put("values: {a: 1}", "back/prod")
    opens = pulumi.cloud.create_token("acme", "organization", permissions=["open"], environments="shop/*")
    assert pulumi.open(token=opens).status == 200
    lacks = "Forbidden: the access token lacks the permission environment:{} on acme/{}"
    assert pulumi.ask("GET", E, token=opens).refusal == (403, lacks.format("read", "shop/prod"))
    assert pulumi.ask("PATCH", E, "values: {}", token=opens).refusal == (403, lacks.format("write", "shop/prod"))
    back = E.replace("shop", "back")
    assert pulumi.open(back, token=opens).refusal == (403, lacks.format("open", "back/prod"))
    listed = pulumi.ask("GET", "/api/esc/environments/acme", token=opens).content["environments"]
    assert [one["project"] for one in listed] == ["shop"]


def test_an_organization_that_a_token_is_not_of_is_not_found(pulumi: World) -> None:
    pulumi.cloud.create_organization("other")
    for name in ("other", "nobody"):
        answer = pulumi.ask("GET", f"/api/esc/environments/{name}/shop/prod")
        assert answer.refusal == (404, f"Not Found: organization '{name}' not found")


def test_every_route_but_the_exchange_and_the_issuers_needs_a_token(pulumi: World) -> None:
    from local_pulumi.routes import PUBLIC, ROUTES

    public = {route.path for route in ROUTES if route.permission == PUBLIC}
    assert public == {"/api/oauth/token", "/oidc/.well-known/openid-configuration", "/oidc/.well-known/jwks"}
    for route in ROUTES:
        if route.permission != PUBLIC:
            assert pulumi.ask(route.method, route.path, token="").status == 401, route.operation
