"""Fields of 1Password are read all or none, and each failure of its SDK is explained."""

from __future__ import annotations

import asyncio
import base64
import json
import typing
from typing import Any

import pytest
from onepassword import errors as sdk_errors
from onepassword import types

from esc_operator.errors import ProviderError
from esc_operator.providers.onepassword.secrets import OnePasswordSecrets
from esc_operator.providers.onepassword.tokens import read_token
from esc_operator.testing import FakeContext
from unit.providers.onepassword.answering import VALUE, FakeSdk, token

PASSWORD, KEY = "op://apps/database/password", "op://apps/deploy/key?ssh-format=openssh"
KINDS = [one.model_fields["type"].default.value for one in typing.get_args(types.ResolveReferenceError)]


def inputs(text: str = "", **references: str) -> dict[str, Any]:
    got = references or {"password": PASSWORD}
    return {
        "login": {"serviceAccountToken": text or token()},
        "get": {name: {"ref": one} for name, one in got.items()},
    }


def open_(plugin: OnePasswordSecrets, given: dict[str, Any]) -> Any:
    context = FakeContext()
    try:
        return asyncio.run(plugin.open(given, context))
    finally:
        context.close()


def refused(sdk: FakeSdk, given: dict[str, Any], time_limit: float = 5.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        open_(OnePasswordSecrets(sdk.connect, time_limit), given)
    shown = f"{caught.value!r} {caught.value} {caught.value.__context__!r}"
    assert given["login"]["serviceAccountToken"] not in shown
    assert VALUE not in shown
    return caught.value


def test_all_references_are_resolved_by_one_request_and_each_once() -> None:
    sdk = FakeSdk()
    opened = open_(OnePasswordSecrets(sdk.connect), inputs(one=PASSWORD, again=PASSWORD, key=KEY))
    assert sdk.asked == [[PASSWORD, KEY]]
    assert opened.value == {"one": f"{VALUE} {PASSWORD}", "again": f"{VALUE} {PASSWORD}", "key": f"{VALUE} {KEY}"}
    assert opened.secret
    assert opened.lease is None


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_that_the_sdk_has_for_a_reference_says_what_to_do(kind: str) -> None:
    error = refused(FakeSdk({PASSWORD: {"type": kind, "message": "why"}}), inputs())
    (part,) = error.parts
    assert part.path == ("get", "password", "ref")
    assert part.message.startswith(f'`get.password.ref` "{PASSWORD}": ')
    assert part.reason == "InvalidInputs" or part.reason.startswith("OnePassword")
    assert part.reason != "OnePasswordRefused" or kind == "other"


def test_the_kinds_of_errors_are_those_of_the_sdk() -> None:
    assert len(KINDS) == 16
    assert set(KINDS) == {one.value for one in types.ResolveReferenceErrorTypes}


def test_everything_that_is_missing_is_told_at_its_place_and_nothing_is_returned() -> None:
    missing = {PASSWORD: {"type": "vaultNotFound"}, KEY: {"type": "fieldNotFound"}}
    error = refused(FakeSdk(missing), inputs(password=PASSWORD, key=KEY, there="op://apps/there/x"))
    assert [(part.path[1], part.reason) for part in error.parts] == [
        ("password", "OnePasswordVaultMissing"),
        ("key", "OnePasswordFieldMissing"),
    ]
    assert "the service account sees no such vault: correct its name, or give it access" in error.parts[0].message


@pytest.mark.parametrize(
    ("fails", "reason", "says"),
    [
        (sdk_errors.RateLimitExceededException("slow down"), "Throttled", "read less often (refresh.interval)"),
        (Exception("authentication error: rate limit exceeded"), "Throttled", "this is tried again later"),
        (sdk_errors.DesktopSessionExpiredException("x"), "OnePasswordTokenRefused", "the token of a service account"),
        (Exception("authentication error: you are not authenticated"), "OnePasswordTokenRefused", "create another one"),
        (Exception("bad service account token, please rotate it"), "OnePasswordTokenRefused", "has expired, was"),
        (
            Exception("authentication error: reqwest library: error sending request for url (<redacted URL>)"),
            "OnePasswordUnavailable",
            "1password.com cannot be reached",
        ),
        (Exception("you don't have the right permissions to access this"), "OnePasswordAccessDenied", "does not let"),
        (ImportError("GLIBC_2.32 not found"), "ExtraNotLoaded", "needs Linux with glibc 2.32 or newer"),
        (OSError("cannot open shared object file"), "ExtraNotLoaded", "cannot be loaded (OSError)"),
        (TimeoutError(), "OnePasswordUnavailable", "did not answer in time"),
        (Exception("a new sentence"), "OnePasswordRefused", "1Password refused to read the secrets: a new sentence"),
        (ValueError("message size exceeds the limit"), "OnePasswordRefused", "message size exceeds"),
    ],
)
def test_each_failure_of_a_call_is_explained(fails: Exception, reason: str, says: str) -> None:
    error = refused(FakeSdk(fails=fails), inputs())
    assert error.reason == reason
    assert says in error.message
    assert error.throttled == (reason == "Throttled")
    assert error.outage == (reason in {"Throttled", "OnePasswordUnavailable"})


def test_a_sentence_of_the_sdk_that_quotes_the_token_shows_none_of_it() -> None:
    given = inputs()
    text = given["login"]["serviceAccountToken"]
    assert "A3-SECRET" not in refused(FakeSdk(fails=Exception(f"cannot use {text}")), given).message


def test_an_sdk_that_does_not_answer_ends_after_the_time_limit() -> None:
    class Silent(FakeSdk):
        async def connect(self, token: str) -> FakeSdk:
            await asyncio.sleep(60)
            raise AssertionError

    error = refused(Silent(), inputs(), time_limit=0.01)
    assert error.outage
    assert error.message == "1password.com did not answer in time"


def test_an_answer_without_one_of_the_references_is_malformed() -> None:
    class Forgetful(FakeSdk):
        async def resolve_all(self, secret_references: list[str]) -> types.ResolveAllResponse:
            return await super().resolve_all(secret_references[1:])

    assert refused(Forgetful(), inputs(one=PASSWORD, key=KEY)).reason == "MalformedAnswer"


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("my.1password.com", "1password.com"),
        ("https://acme.1password.eu", "1password.eu"),
        ("https://my.1password.ca/", "1password.ca"),
        ("acme.ent.1password.com", "ent.1password.com"),
    ],
)
def test_the_regions_of_1password_are_told_apart(address: str, region: str) -> None:
    assert OnePasswordSecrets().endpoint(inputs(token(address)), {}) == region


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8443",
        "vault.vault.svc",
        "169.254.169.254",
        "my.1password.com:8443",
        "my.1password.com@evil.example.com",
        "my.1password.com.evil.example.com",
        "evil-1password.com",
        "my.1password.com/../x",
        "my.1password.com?x",
        "http://my.1password.com",
        "my.1password.com\n",
        "MY.1PASSWORD.COM",
        "my.1\u0440\u0430ssword.com",
    ],
)
def test_a_token_that_leads_to_another_host_is_refused_before_the_sdk_has_it(address: str) -> None:
    sdk = FakeSdk()
    error = refused(sdk, inputs(token(address)))
    assert error.reason == "OnePasswordTokenRefused"
    assert "is for a host that is not 1Password's" in error.message
    assert not sdk.tokens


@pytest.mark.parametrize(
    "text", ["", "xyz", "ops_", "ops_garbage", "ops_!!!!", token()[4:], "ops_" + base64.b64encode(b"[]").decode()]
)
def test_what_is_no_token_is_told(text: str) -> None:
    sdk = FakeSdk()
    with pytest.raises(ProviderError, match="is not the token of a service account, which starts with ops_") as caught:
        read_token(text)
    assert caught.value.reason == "OnePasswordTokenRefused"
    assert not sdk.tokens


def test_the_sdk_gets_the_host_that_was_read_even_if_the_token_names_two() -> None:
    twice = '{"signInAddress": "10.0.0.1", "signInAddress": "my.1password.com"}'
    sdk = FakeSdk()
    open_(OnePasswordSecrets(sdk.connect), inputs("ops_" + base64.urlsafe_b64encode(twice.encode()).decode()))
    (given,) = sdk.tokens
    content = given.removeprefix("ops_")
    assert json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))) == {
        "signInAddress": "my.1password.com"
    }


def test_an_account_is_told_by_a_digest_and_shows_nothing_of_its_token() -> None:
    account = OnePasswordSecrets().account(inputs())
    assert account.startswith("service account ")
    assert account != OnePasswordSecrets().account(inputs(token(secretKey="A3-ANOTHER")))
    assert token() not in repr(read_token(token()))
