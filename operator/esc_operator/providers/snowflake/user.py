"""`fn::rotate::snowflake-user`: the key pair of a user of Snowflake; one is in use, and the one before still works.

Inputs, state and outputs are those of Pulumi ESC. Snowflake allows a user two public keys. A rotation looks which of
them belongs to the private key in the state, and replaces the other one. So the key in use works until the rotation
after the next, and a key whose answer was lost costs nothing but itself: the next rotation replaces it. The rotator
never replaces a key that it does not know and that could be in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import InputProblem, Opened, Rotated
from esc_operator.formats.times import format_time
from esc_operator.providers import reasons
from esc_operator.providers.json_api import malformed
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.port import Extra
from esc_operator.providers.rotating import not_rotated
from esc_operator.providers.snowflake import errors, keys
from esc_operator.providers.snowflake.api import Snowflake, by_key_pair, by_token
from esc_operator.providers.snowflake.login import AUTHENTICATOR
from esc_operator.providers.snowflake.names import (
    account_problems,
    host_of_account,
    quoted,
    user_name,
    user_problems,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from esc_operator.evaluation import Login
    from esc_operator.providers.port import OpenContext
    from esc_operator.providers.snowflake.keys import KeyPair

SLOTS = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
"""The properties of a user that hold its public keys."""

_NAME = {"type": "string", "minLength": 1}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["login", "targetUser"],
    "additionalProperties": False,
    "rotateOnly": ["login"],
    "properties": {
        "login": {
            "type": "object",
            "title": "SnowflakeUserLogin",
            "description": "Who replaces keys: with a private key, or with the outputs of snowflake-login.",
            "required": ["account", "user"],
            "additionalProperties": False,
            "properties": {
                "account": {**_NAME, "description": "The account identifier, such as myorganization-account."},
                "user": {**_NAME, "description": "The managing user; its role has to own the target user."},
                "privateKey": {**SECRET, "description": "Its private key in PEM format, without a passphrase."},
                "token": {**SECRET, "description": "A token in its place, such as that of snowflake-login."},
                "authenticator": {
                    "type": "string",
                    "added": True,
                    "description": f"{AUTHENTICATOR} for an identity token, as snowflake-login outputs it.",
                },
                "role": {"type": "string", "added": True, "description": "The role; the user's default if left out."},
                "expiresAt": {"type": "string", "added": True},
            },
        },
        "targetUser": {
            **_NAME,
            "description": 'The user whose keys are replaced; in upper case for Snowflake, unless in quotes ("web").',
        },
    },
}

STATE: Mapping[str, Any] = {
    "type": "object",
    "required": ["account", "createdAt", "privateKey"],
    "properties": {
        "account": {"type": "string"},
        "createdAt": {"type": "string"},
        "privateKey": SECRET,
        "user": {"type": "string", "added": True},
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["account", "privateKey", "rotatedAt", "user"],
    "properties": {
        "account": {"type": "string", "description": "The account identifier."},
        "user": {"type": "string", "description": "The user."},
        "privateKey": {**SECRET, "description": "Its private key, in PEM format."},
        "rotatedAt": {"type": "string", "description": "When the key pair was made, RFC 3339."},
    },
}


class SnowflakeUser:
    """The rotator. One instance serves the whole process."""

    name: ClassVar[str] = "snowflake-user"
    extra: ClassVar[Extra] = Extra("snowflake", ("cryptography", "jwt"))
    host_inputs: ClassVar[tuple[str, ...]] = ("login.account",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    state: ClassVar[Mapping[str, Any]] = STATE
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """None where `login` is not known, because nothing is rotated: then no request is made."""
        del settings
        login = inputs.get("login")
        if not isinstance(login, dict):
            return None
        refuse(account_problems(login, "login"))
        return host_of_account(login["account"])

    def account(self, inputs: Mapping[str, Any]) -> str:
        login = inputs.get("login")
        return f"account {login['account'].lower()}" if isinstance(login, dict) else ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it uses the key or the token of another login."""
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        yield from user_problems(inputs, "targetUser")
        login = inputs.get("login")
        if not isinstance(login, dict):
            return
        yield from account_problems(login, "login")
        yield from user_problems(login, "user", "login")
        if ("privateKey" in login) == ("token" in login):
            yield InputProblem(
                ("login",),
                "snowflake-user requires exactly one of `login.privateKey` and `login.token` (the outputs of"
                " snowflake-login)",
                reasons.INVALID_INPUTS,
            )

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        target = user_name(inputs["targetUser"])
        if state is None or state.get("user", target) != target:
            raise not_rotated(f"key pair of the user {target}")
        value = {
            "account": state["account"],
            "user": target,
            "privateKey": state["privateKey"],
            "rotatedAt": state["createdAt"],
        }
        return Opened(value, lease=None, secret=True)

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        refuse(self.problems(inputs))
        login, target = inputs["login"], user_name(inputs["targetUser"])
        made = await context.run_blocking(keys.generate)
        snowflake = _log_in(login, context)
        asked = errors.asked_of(host_of_account(login["account"]), target, login["user"], by_key="privateKey" in login)
        held = _keys_of(await snowflake.run(f"DESCRIBE USER {quoted(target)}", asked))
        if held is None:
            raise malformed(asked, f"it has no {SLOTS[0]}_FP of that user")
        slot = choose_slot(held, state)
        if slot is None:
            raise errors.unknown_keys(asked)
        await snowflake.run(f"ALTER USER {quoted(target)} SET {slot}='{made.public}'", asked)
        return Rotated(_state(login["account"], target, made, format_time(context.now())), secret=True)


ROTATOR = SnowflakeUser()


def choose_slot(held: Mapping[str, str], state: Mapping[str, Any] | None) -> str | None:
    """Where the new key goes; None if it would replace one that might be in use. `held` are fingerprints by slot, ""
    for a slot without a key."""
    current = keys.fingerprint_of(state["privateKey"]) if state else None
    for slot, other in (SLOTS, SLOTS[::-1]):
        if current is not None and held[slot] == current:
            return other
    return next((slot for slot in SLOTS if not held[slot]), None)


def _log_in(login: Mapping[str, Any], context: OpenContext) -> Snowflake:
    account, role = login["account"], login.get("role") or ""
    if "privateKey" in login:
        token = keys.sign_login(account, login["user"], login["privateKey"], context.now())
        return by_key_pair(account, context, token, role)
    is_identity = login.get("authenticator") == AUTHENTICATOR
    return by_token(account, context, login["token"], role, is_identity=is_identity)


def _keys_of(rows: Sequence[Sequence[Any]]) -> dict[str, str] | None:
    """The fingerprints by slot, as DESCRIBE USER tells them: a property and its value in each row."""
    told = {row[0]: row[1] for row in rows if len(row) > 1 and isinstance(row[0], str)}
    held: dict[str, str] = {}
    for slot in SLOTS:
        found = told.get(f"{slot}_FP", False)
        if found not in (None, "", "null") and not (isinstance(found, str) and found.startswith("SHA256:")):
            return None
        held[slot] = found if isinstance(found, str) and found != "null" else ""
    return held


def _state(account: str, user: str, made: KeyPair, created_at: str) -> dict[str, str]:
    return {"account": account, "user": user, "createdAt": created_at, "privateKey": made.private_pem}
