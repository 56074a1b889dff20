"""A rotation replaces the key that is not in use, whatever happened to the rotations before."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.rotator_states import plain_state
from esc_operator.errors import ProviderError
from esc_operator.providers.snowflake import keys
from esc_operator.providers.snowflake.names import host_of_account, quoted, user_name
from esc_operator.providers.snowflake.user import SLOTS, SnowflakeUser, choose_slot
from esc_operator.testing import FakeContext, json_answer
from esc_operator.testing.fakes import NOON
from unit.providers.snowflake.answering import CURRENT, MANAGER, PREVIOUS, FakeSnowflake, state
from unit.providers.snowflake.trials import BY_KEY

STRANGER = keys.generate()


def rotate(service: FakeSnowflake, given_state: Any = None, inputs: Any = None) -> Any:
    async def send(request: Any) -> Any:
        return service(request)

    context = FakeContext(send)
    try:
        rotated = asyncio.run(SnowflakeUser().rotate(inputs or BY_KEY, given_state, context))
    finally:
        context.close()
    return plain_state(rotated.state)


def test_rotations_take_turns_between_the_two_keys_so_that_the_one_before_still_works() -> None:
    service = FakeSnowflake({})
    made: Any = None
    for slot, other in (SLOTS, SLOTS[::-1], SLOTS, SLOTS[::-1]):
        before = made
        made = rotate(service, before)
        service.held[slot] = keys.fingerprint_of(made["privateKey"]) or ""
        if before:
            assert service.held[other] == keys.fingerprint_of(before["privateKey"]), "the key in use was replaced"
        assert service.statements[-1].startswith(f'ALTER USER "WEB" SET {slot}=\'MII')


def test_a_key_whose_answer_was_lost_is_replaced_and_the_one_in_use_stays() -> None:
    service = FakeSnowflake({"RSA_PUBLIC_KEY": CURRENT.fingerprint, "RSA_PUBLIC_KEY_2": STRANGER.fingerprint})
    rotate(service, state())
    assert service.held["RSA_PUBLIC_KEY"] == CURRENT.fingerprint
    assert service.held["RSA_PUBLIC_KEY_2"] != STRANGER.fingerprint


@pytest.mark.parametrize("known", [None, state(PREVIOUS.private_pem)])
def test_keys_that_the_environment_did_not_make_are_never_replaced(known: Any) -> None:
    service = FakeSnowflake({"RSA_PUBLIC_KEY": CURRENT.fingerprint, "RSA_PUBLIC_KEY_2": STRANGER.fingerprint})
    with pytest.raises(ProviderError, match='run ALTER USER "WEB" UNSET RSA_PUBLIC_KEY_2 if nobody uses') as caught:
        rotate(service, known)
    assert caught.value.reason == "SnowflakeUnknownKeys"
    assert service.statements == ['DESCRIBE USER "WEB"']


@given(
    first=st.sampled_from([CURRENT.fingerprint, PREVIOUS.fingerprint, STRANGER.fingerprint, ""]),
    second=st.sampled_from([CURRENT.fingerprint, PREVIOUS.fingerprint, STRANGER.fingerprint, ""]),
    known=st.sampled_from([None, state()]),
)
def test_whatever_a_user_holds_the_key_in_use_is_not_the_one_that_is_replaced(
    first: str, second: str, known: Any
) -> None:
    held = dict(zip(SLOTS, (first, second), strict=True))
    slot = choose_slot(held, known)
    current = CURRENT.fingerprint if known else None
    if slot is None:
        assert all(held.values())
        assert current not in held.values()
    elif held[slot] == current:
        assert first == second, "only a key that is in both places may be replaced in one"
    elif current not in held.values():
        assert not held[slot]


def test_a_login_with_a_key_names_account_user_and_fingerprint_and_lasts_minutes() -> None:
    service = FakeSnowflake()
    rotate(service, state())
    for request in service.requests:
        assert request.url == "https://myorg-web-prod.snowflakecomputing.com/api/v2/statements"
        assert request.headers["X-Snowflake-Authorization-Token-Type"] == "KEYPAIR_JWT"
        token = request.headers["Authorization"].removeprefix("Bearer ")
        public = load_pem_private_key(MANAGER.private_pem.encode(), None).public_key()
        options: Any = {"verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, public, algorithms=["RS256"], options=options)  # type: ignore[arg-type]
        assert claims["iss"] == f"MYORG-WEB_PROD.MANAGER.{MANAGER.fingerprint}"
        assert claims["sub"] == "MYORG-WEB_PROD.MANAGER"
        assert claims["iat"] == int(NOON.timestamp()) + 1, "after the key was made, which takes a second of this clock"
        assert claims["exp"] == claims["iat"] + 300


@pytest.mark.parametrize(
    ("login", "bearer", "role"),
    [
        ({"token": "opaque-token"}, "opaque-token", None),
        ({"token": "e.y.J", "authenticator": "WORKLOAD_IDENTITY", "role": "R"}, "WIF.OIDC.e.y.J", "R"),
    ],
)
def test_an_identity_token_says_that_it_is_one(login: dict[str, str], bearer: str, role: str | None) -> None:
    service = FakeSnowflake()
    inputs = {"login": {"account": "myorg-web", "user": "M", **login}, "targetUser": "web"}
    rotate(service, state(), inputs)
    for request in service.requests:
        assert request.headers["Authorization"] == f"Bearer {bearer}"
        assert "X-Snowflake-Authorization-Token-Type" not in request.headers
        assert json.loads(request.body or b"").get("role") == role


@pytest.mark.parametrize(
    "key",
    ["a-password-and-no-key", "", "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n", "\ud800"],
)
def test_a_private_key_that_is_none_is_told_without_its_text(key: str) -> None:
    inputs = {**BY_KEY, "login": {"account": "myorg-web", "user": "M", "privateKey": key}}
    service = FakeSnowflake()
    with pytest.raises(ProviderError, match="is not an RSA private key in PEM format without a passphrase") as caught:
        rotate(service, state(), inputs)
    assert caught.value.reason == "SnowflakeInvalidKey"
    assert caught.value.__context__ is None
    assert not service.requests


def test_a_state_of_another_user_is_none() -> None:
    with pytest.raises(ProviderError, match="there is no key pair of the user OTHER yet"):
        asyncio.run(SnowflakeUser().open({"targetUser": "other"}, state(), FakeContext()))


def test_an_opened_state_has_what_a_client_needs() -> None:
    opened = asyncio.run(SnowflakeUser().open({"targetUser": "web"}, state(), FakeContext()))
    assert opened.secret
    assert opened.value == {
        "account": "myorg-web_prod",
        "user": "WEB",
        "privateKey": CURRENT.private_pem,
        "rotatedAt": "2026-04-01T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("written", "stored", "statement"),
    [
        ("web", "WEB", '"WEB"'),
        ("Web_2$", "WEB_2$", '"WEB_2$"'),
        ('"web"', "web", '"web"'),
        ("a b", "a b", '"a b"'),
        ("x\" SET PASSWORD='y", "x\" SET PASSWORD='y", '"x"" SET PASSWORD=\'y"'),
        ('"a""b"', 'a"b', '"a""b"'),
        ("web@example.com", "web@example.com", '"web@example.com"'),
    ],
)
def test_users_are_named_as_snowflake_stores_them_and_quoted(written: str, stored: str, statement: str) -> None:
    assert user_name(written) == stored
    assert quoted(stored) == statement


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_name_ends_its_quotes(name: str) -> None:
    inside = quoted(name)[1:-1]
    assert '"' not in inside.replace('""', "")


@pytest.mark.parametrize(
    ("account", "host"),
    [
        ("MyOrg-Web_Prod", "myorg-web-prod.snowflakecomputing.com"),
        ("xy12345.eu-central-1", "xy12345.eu-central-1.snowflakecomputing.com"),
        ("xy12345.eu-west-1.privatelink", "xy12345.eu-west-1.privatelink.snowflakecomputing.com"),
        ("xy12345.cn-northwest-1.aws", "xy12345.cn-northwest-1.aws.snowflakecomputing.cn"),
    ],
)
def test_an_account_has_its_host(account: str, host: str) -> None:
    assert host_of_account(account) == host


def test_a_description_without_the_keys_is_malformed() -> None:
    class Strange(FakeSnowflake):
        def __call__(self, request: Any) -> Any:
            super().__call__(request)
            return json_answer({"code": "090001", "data": [["RSA_PUBLIC_KEY_FP", 7], ["x"]]})

    with pytest.raises(ProviderError) as caught:
        rotate(Strange(), state())
    assert caught.value.reason == "MalformedAnswer"
