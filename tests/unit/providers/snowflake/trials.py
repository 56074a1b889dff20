"""The trials of Snowflake's plug-ins."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.providers.snowflake.login import SnowflakeLogin
from esc_operator.providers.snowflake.user import SnowflakeUser
from esc_operator.testing import Failure, Trial
from unit.providers.snowflake.answering import CURRENT, MANAGER, FakeSnowflake, refused, state

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

TOKEN = "ver:1-hint:101-ETMsDgAAAYtokenOfOAuthForSnowflakeWithAHundredCharactersOrSo0123456789"
STAND_IN = "stand-in; nothing of Snowflake can be had here"
ACCOUNT = {"account": "myorg-web_prod", "user": "MANAGER"}
BY_KEY = {"login": {**ACCOUNT, "privateKey": MANAGER.private_pem}, "targetUser": "web"}


def failing(name: str, answer: HttpAnswer, reason: str, says: str, *, outage: bool = False) -> Failure:
    return Failure(name=name, answer=answer, reason=reason, says=[says], outage=outage)


REFUSALS = [
    failing(
        "a key that is not the user's",
        refused(401, "390144", "JWT token is invalid."),
        "SnowflakeLoginRefused",
        "has to be RSA_PUBLIC_KEY or RSA_PUBLIC_KEY_2 of that user",
    ),
    failing(
        "a network policy",
        refused(403, "390420", "Incoming request with IP/Token is not allowed to access Snowflake."),
        "SnowflakeNetworkRefused",
        "does not admit the operator's address: add it for the user MANAGER",
    ),
    failing("no such account", refused(404, "390100", ""), "SnowflakeAccountMissing", "correct `login.account`"),
    failing(
        "no such user",
        refused(422, "002003", "SQL compilation error: User 'WEB' does not exist or not authorized."),
        "SnowflakeUserMissing",
        "has no user WEB, or MANAGER may not see it: correct `targetUser`",
    ),
    failing(
        "a role that may not",
        refused(422, "003001", "SQL access control error: Insufficient privileges to operate on user 'WEB'."),
        "SnowflakePermissionDenied",
        'GRANT OWNERSHIP ON USER "WEB" to the login\'s role',
    ),
    failing(
        "another refusal",
        refused(422, "002099", "New public key rejected by current policy."),
        "RequestRefused",
        "002099: New public key rejected by current policy.",
    ),
    failing(
        "a statement that takes too long", refused(408, "000630", ""), "ServiceUnavailable", "in time", outage=True
    ),
    failing("a statement under way", refused(202, "333334", ""), "ServiceUnavailable", "in time", outage=True),
]

TRIALS = [
    Trial(
        plugin=SnowflakeLogin,
        inputs={"oidc": {"account": "myorg-web_prod", "user": "WEB", "role": "READER"}},
        lease=timedelta(hours=1),
        failures=[
            Failure(
                name="an account with its whole host",
                inputs={"oidc": {"account": "https://myorg-web.snowflakecomputing.com", "user": "WEB"}},
                reason="InvalidInputs",
                says=["`oidc.account`", "is not an account identifier"],
            ),
            Failure(
                name="a user that is none",
                inputs={"oidc": {"account": "myorg-web", "user": " "}},
                reason="InvalidInputs",
                says=["`oidc.user` is not the name of a user"],
            ),
        ],
        counterpart="none is asked: clients give the token to Snowflake",
    ),
    Trial(
        plugin=SnowflakeUser,
        inputs=BY_KEY,
        state=state(),
        service=FakeSnowflake,
        secrets=[MANAGER.private_pem.splitlines()[5], CURRENT.private_pem.splitlines()[5]],
        quotes=lambda text: refused(422, "001003", f"SQL compilation error: {text}"),
        failures=[
            *REFUSALS,
            Failure(
                name="a key and a token at once",
                inputs={**BY_KEY, "login": {**BY_KEY["login"], "token": TOKEN}},  # type: ignore[dict-item]
                reason="InvalidInputs",
                says=["requires exactly one of `login.privateKey` and `login.token`"],
            ),
            Failure(
                name="an account that is none",
                inputs={**BY_KEY, "login": {**BY_KEY["login"], "account": "a/b"}},  # type: ignore[dict-item]
                reason="InvalidInputs",
                says=["like myorganization-account"],
            ),
        ],
        counterpart=STAND_IN,
    ),
    Trial(
        title="with a token",
        plugin=SnowflakeUser,
        inputs={"login": {**ACCOUNT, "token": TOKEN}, "targetUser": "web"},
        state=state(),
        service=FakeSnowflake,
        secrets=[TOKEN, CURRENT.private_pem.splitlines()[5]],
        quotes=lambda text: refused(422, "001003", f"SQL compilation error: {text}"),
        failures=[
            failing(
                "a token that has expired",
                refused(401, "390318", "OAuth access token expired."),
                "SnowflakeLoginRefused",
                "`login.token`: it has expired",
            )
        ],
    ),
]
