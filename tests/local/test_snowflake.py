"""Rotations of a user's keys at the local Snowflake, over TLS: who is believed, and what is left after each fault."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from esc_operator.driver.outbound import Outbound
from esc_operator.driver.rotator_states import plain_state
from esc_operator.errors import ProviderError
from esc_operator.providers.snowflake import keys
from esc_operator.providers.snowflake.user import SnowflakeUser
from esc_operator.testing import FakeContext
from local_snowflake import SLOTS, LocalSnowflake, User

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from esc_operator.providers.port import HttpAnswer, HttpRequest
    from local_issuer import LocalIssuer

ACCOUNT, HOST = "myorg-prod", "https://myorg-prod.snowflakecomputing.com"
SUBJECT = "system:serviceaccount:apps:rotation"
MANAGER = keys.generate()
LOGIN = {"account": ACCOUNT, "user": "manager", "privateKey": MANAGER.private_pem}


@pytest.fixture
def snowflake(issuer: LocalIssuer, tmp_path: Path) -> Iterator[LocalSnowflake]:
    with LocalSnowflake(tmp_path, ACCOUNT) as snowflake:
        snowflake.trust(issuer.url, issuer.ca_file)
        snowflake.users["MANAGER"] = User({"RSA_PUBLIC_KEY": MANAGER.public}, identity=(issuer.url, SUBJECT))
        snowflake.users["WEB"] = User(owners=("MANAGER",))
        yield snowflake


def rotate(snowflake: LocalSnowflake, state: Any, login: Mapping[str, str], user: str = "web") -> Any:
    outbound = Outbound(None, {"SSL_CERT_FILE": str(snowflake.ca_file)})

    async def send(request: HttpRequest) -> HttpAnswer:
        assert request.url.startswith(f"{HOST}/")
        return await outbound.send(request._replace(url=request.url.replace(HOST, snowflake.url)))

    context = FakeContext(send, seconds=0)
    context.time = datetime.fromtimestamp(time.time(), UTC)
    try:
        rotated = asyncio.run(SnowflakeUser().rotate({"login": login, "targetUser": user}, state, context))
    finally:
        context.close()
    return plain_state(rotated.state)


def refused(snowflake: LocalSnowflake, login: Mapping[str, str], user: str = "web") -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        rotate(snowflake, None, login, user)
    return caught.value


def test_after_each_of_five_rotations_the_new_key_and_the_one_before_are_admitted(snowflake: LocalSnowflake) -> None:
    states: list[Any] = [None]
    for _ in range(5):
        states.append(rotate(snowflake, states[-1], LOGIN))
        admitted = [snowflake.admits("WEB", state["privateKey"]) for state in states[1:]]
        assert admitted[-2:] == [True] * min(2, len(admitted))
        assert not any(admitted[:-2])
    assert [one for one in snowflake.run if one.startswith("ALTER")] != []


def test_an_answer_that_is_lost_leaves_the_key_in_use_and_the_next_rotation_goes_on(snowflake: LocalSnowflake) -> None:
    state = rotate(snowflake, None, LOGIN)
    for _ in range(4):
        snowflake.lose_answers = True
        with pytest.raises(ProviderError) as caught:
            rotate(snowflake, state, LOGIN)
        assert caught.value.outage
        assert snowflake.admits("WEB", state["privateKey"]), "the key in use is gone"
    snowflake.lose_answers = False
    after = rotate(snowflake, state, LOGIN)
    assert snowflake.admits("WEB", state["privateKey"])
    assert snowflake.admits("WEB", after["privateKey"])


def test_an_identity_token_of_the_users_workload_identity_rotates(
    snowflake: LocalSnowflake, issuer: LocalIssuer
) -> None:
    token = issuer.token(SUBJECT, "snowflakecomputing.com")
    login = {"account": ACCOUNT, "user": "manager", "token": token, "authenticator": "WORKLOAD_IDENTITY"}
    state = rotate(snowflake, None, login)
    assert snowflake.admits("WEB", state["privateKey"])


@pytest.mark.parametrize(
    ("subject", "audience"), [(f"{SUBJECT}-other", "snowflakecomputing.com"), (SUBJECT, "sts.amazonaws.com")]
)
def test_another_identity_token_is_not_believed(
    snowflake: LocalSnowflake, issuer: LocalIssuer, subject: str, audience: str
) -> None:
    token = issuer.token(subject, audience)
    login = {"account": ACCOUNT, "user": "manager", "token": token, "authenticator": "WORKLOAD_IDENTITY"}
    error = refused(snowflake, login)
    assert error.reason == "SnowflakeLoginRefused"
    assert token not in error.message


@pytest.mark.parametrize(
    ("login", "user", "reason", "says"),
    [
        ({**LOGIN, "privateKey": keys.generate().private_pem}, "web", "SnowflakeLoginRefused", "390144"),
        ({**LOGIN, "user": "nobody"}, "web", "SnowflakeLoginRefused", "does not accept the user nobody"),
        (LOGIN, "nobody", "SnowflakeUserMissing", "has no user NOBODY"),
        (LOGIN, '"web"', "SnowflakeUserMissing", "has no user web"),
        (LOGIN, "manager", "SnowflakePermissionDenied", 'GRANT OWNERSHIP ON USER "MANAGER"'),
    ],
)
def test_each_refusal_of_the_local_snowflake_is_explained(
    snowflake: LocalSnowflake, login: Mapping[str, str], user: str, reason: str, says: str
) -> None:
    error = refused(snowflake, login, user)
    assert error.reason == reason
    assert says in error.message
    assert not [one for one in snowflake.run if one.startswith("ALTER")]


def test_a_name_with_quotes_is_a_name_and_no_statement(snowflake: LocalSnowflake) -> None:
    name = "x\" SET PASSWORD='y' --"
    snowflake.users[name] = User(owners=("MANAGER",))
    state = rotate(snowflake, None, LOGIN, name)
    assert snowflake.admits(name, state["privateKey"])
    assert set(snowflake.users[name].keys) == {SLOTS[0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "MYORG-PROD.MANAGER"},
        {"iss": f"OTHER.MANAGER.{MANAGER.fingerprint}"},
        {"sub": "MYORG-PROD.WEB"},
        {"exp": int(time.time()) + 8000},
        {"iat": int(time.time()) - 3000},
    ],
)
def test_the_local_snowflake_believes_no_token_with_another_claim(
    snowflake: LocalSnowflake, changes: dict[str, Any]
) -> None:
    token = keys.sign_login(ACCOUNT, "manager", MANAGER.private_pem, datetime.now(UTC))
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode({**claims, **changes}, MANAGER.private_pem, algorithm="RS256")
    assert ask(snowflake, token).status == 200
    assert ask(snowflake, forged).status == 401


def ask(snowflake: LocalSnowflake, token: str) -> HttpAnswer:
    from esc_operator.providers.json_api import request

    kind = {"X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT"}
    body = {"statement": 'DESCRIBE USER "WEB"'}
    wanted = request("POST", f"{snowflake.url}/api/v2/statements", bearer=token, body=body, headers=kind)
    return asyncio.run(Outbound(None, {"SSL_CERT_FILE": str(snowflake.ca_file)}).send(wanted))
